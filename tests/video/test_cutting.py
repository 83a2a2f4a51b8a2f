from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from hoigen import video
from hoigen.core.clip import Clip, Sampling, clip_id
from hoigen.core.errors import SetupError, VideoError
from hoigen.video import cutting
from hoigen.video.cutting import cut_clip
from render import counting, index_of, pan, render, texture

SIZE = (96, 160)


def picture(count: int = 75, seed: int = 3) -> list[np.ndarray]:
    return pan(texture(seed, (200, 400)), count, (2.5, 0.5), SIZE)


def clip_of(path: Path, start: float, end: float) -> Clip:
    header = video.probe(str(path))
    name = clip_id(str(path), start, end)
    return Clip(id=name, uri=str(path), start=start, end=end, width=header.width, height=header.height, fps=header.fps)


def frames_of(path: Path) -> tuple[np.ndarray, list[float]]:
    seen = list(video.walk(str(path), short_side=None))
    return np.stack([image for image, _ in seen]).astype(int), [at for _, at in seen]


def test_exactly_the_clips_frames(tmp_path: Path) -> None:
    source = render(tmp_path / "in.mp4", picture(), options={"g": "250", "bf": "2"})
    out = cut_clip(clip_of(source, 0.52, 1.76), tmp_path / "out.mp4")
    (old, times), (new, new_times) = frames_of(source), frames_of(out)
    assert len(new) == 31
    np.testing.assert_allclose(new_times, np.array(times[13:44]) - times[13], atol=1e-4)
    assert np.abs(new - old[13:44]).mean() < 2
    assert video.probe(str(out)).duration == pytest.approx(1.24, abs=1e-3)


CONTAINERS: dict[str, dict[str, Any]] = {
    "h264.avi": {"options": {"g": "24", "bf": "2"}},
    "mpeg4.avi": {"codec": "mpeg4", "options": {"bf": "2", "g": "12", "qmin": "1", "qmax": "2"}},
    "h264.ts": {"options": {"g": "24", "bf": "2"}},
    "h264.mkv": {"options": {"g": "24", "bf": "2"}},
    "h264.flv": {"options": {"g": "24", "bf": "2"}},
}


@pytest.mark.parametrize(("name", "middle"), [*((name, False) for name in CONTAINERS), ("h264.ts", True)])
def test_the_frames_that_were_measured_are_those_that_are_cut(tmp_path: Path, name: str, middle: bool) -> None:
    source = render(tmp_path / name, counting(100, (96, 160)), fps=25, **CONTAINERS[name])
    if middle:  # a transport stream can begin anywhere
        data = source.read_bytes()
        source.write_bytes(data[len(data) // 3 // 188 * 188 :])
    clip = clip_of(source, 1.0, 1.8)
    every = Sampling(fps=25, short_side=None)
    measured = [index_of(image) for image in video.decode(clip, [every])[every].images]
    cut = [index_of(image) for image, _ in video.walk(str(cut_clip(clip, tmp_path / "out.mp4")), short_side=None)]
    assert cut == measured
    assert len(cut) == 20


def test_uneven_times_stay(tmp_path: Path) -> None:
    gaps = np.random.default_rng(2).choice([0.02, 0.04, 0.1, 0.25], 60)
    times = [0.0, *np.cumsum(gaps)[:-1].round(3).tolist()]
    source = render(tmp_path / "in.mp4", picture(60), times=times)
    start, end = times[11], times[40]
    out = cut_clip(clip_of(source, start, end), tmp_path / "out.mp4")
    _, new_times = frames_of(out)
    np.testing.assert_allclose(new_times, np.array(times[11:40]) - start, atol=1e-3)
    assert video.probe(str(out)).duration == pytest.approx(end - start, abs=1e-3), "the last frame keeps its length"


@pytest.mark.parametrize("copy", [False, True])
@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_rotation_stays(tmp_path: Path, rotation: int, copy: bool) -> None:
    source = render(tmp_path / "in.mp4", picture(40), rotation=rotation)
    out = cut_clip(clip_of(source, 0.0, 1.0), tmp_path / "out.mp4", copy)
    old, new = video.probe(str(source)), video.probe(str(out))
    assert (new.rotation, new.width, new.height) == (old.rotation, old.width, old.height)
    assert np.abs(frames_of(out)[0][:25] - frames_of(source)[0][:25]).mean() < 2


def test_copy_covers_the_clip_from_keyframe_to_keyframe(tmp_path: Path) -> None:
    source = render(tmp_path / "in.mp4", picture(), options={"g": "10", "sc_threshold": "0", "bf": "2"})
    out = cut_clip(clip_of(source, 0.52, 1.76), tmp_path / "out.mp4", copy=True)
    (old, _), (new, times) = frames_of(source), frames_of(out)
    assert len(new) == 40
    np.testing.assert_array_equal(new, old[10:50])
    np.testing.assert_allclose(times, np.arange(40) / 25, atol=1e-4)


@pytest.mark.parametrize("name", ["a.ts", "a.m2ts", "a.mpg", "a.flv", "a.mkv", "a.avi", "a.mov"])
def test_packets_are_copied_out_of_every_container(tmp_path: Path, name: str) -> None:
    how = {"codec": "mpeg2video", "pix_fmt": "yuv420p"} if name == "a.mpg" else {}
    bends = "0" if name == "a.avi" else "2"  # AVI knows no times of presentation
    source = render(tmp_path / name, picture(), options={"g": "10", "sc_threshold": "0", "bf": bends}, **how)
    for start, end in ((0.0, 0.6), (0.52, 1.76)):
        out = cut_clip(clip_of(source, start, end), tmp_path / "out.mp4", copy=True)
        (old, _), (new, times) = frames_of(source), frames_of(out)
        first = min(range(len(old)), key=lambda n: np.abs(new[0] - old[n]).mean())
        assert first / 25 <= start + 0.001
        assert (first + len(new)) / 25 >= end - 0.001
        assert len(new) <= (end - start) * 25 + 32
        np.testing.assert_array_equal(new[: len(new) - 2], old[first : first + len(new) - 2])
        np.testing.assert_allclose(times, np.arange(len(new)) / 25, atol=2e-3)


def test_what_tells_no_times_is_copied_by_nobody(tmp_path: Path) -> None:
    source = render(tmp_path / "a.avi", picture(), options={"g": "10", "bf": "2"})
    with pytest.raises(VideoError, match="tells no times of presentation"):
        cut_clip(clip_of(source, 0.4, 1.2), tmp_path / "out.mp4", copy=True)
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize("name", ["camera.h264", "camera.hevc", "camera.m4v", "camera.mjpeg"])
def test_streams_without_times_are_cut(tmp_path: Path, name: str) -> None:
    codec = {"hevc": "libx265", "m4v": "mpeg4", "mjpeg": "mjpeg"}.get(name.split(".")[1], "libx264")
    how = {"codec": codec, "pix_fmt": "yuvj420p" if codec == "mjpeg" else "yuv420p"}
    source = render(tmp_path / name, counting(75, (96, 160)), **how)  # type: ignore[arg-type]
    header = video.probe(str(source))
    assert header.duration == pytest.approx(3.0)
    out = cut_clip(clip_of(source, 0.0, header.duration), tmp_path / "whole.mp4")
    assert [index_of(image) for image, _ in video.walk(str(out), short_side=None)] == list(range(75))
    assert video.probe(str(out)).duration == pytest.approx(3.0, abs=0.01)
    out = cut_clip(clip_of(source, 1.0, 2.0), tmp_path / "part.mp4")
    assert [index_of(image) for image, _ in video.walk(str(out), short_side=None)] == list(range(25, 50))
    clip = clip_of(source, 0.0, 2.0)
    if codec in ("libx264", "libx265"):
        with pytest.raises(VideoError, match=r"tells no times of presentation .*: cut it without --copy"):
            cut_clip(clip, tmp_path / "copy.mp4", copy=True)
    else:  # no picture of it is shown in another order than it comes in
        out = cut_clip(clip, tmp_path / "copy.mp4", copy=True)
        assert [index_of(image) for image, _ in video.walk(str(out), short_side=None)][:50] == list(range(50))


@pytest.mark.parametrize(("name", "codec", "pix_fmt"), [("a.flv", "flv", "yuv420p"), ("a.gif", "gif", "rgb8")])
def test_what_neither_container_holds_is_not_copied(tmp_path: Path, name: str, codec: str, pix_fmt: str) -> None:
    source = render(tmp_path / name, picture(10), codec=codec, pix_fmt=pix_fmt, options={})
    with pytest.raises(
        VideoError, match=f"^{codec} can be copied into neither MP4 nor Matroska: cut it without --copy"
    ):
        cut_clip(clip_of(source, 0.0, 0.3), tmp_path / "out.mp4", copy=True)
    assert list(tmp_path.iterdir()) == [source]


def test_sound_is_copied_in_time(tmp_path: Path) -> None:
    source = render(tmp_path / "in.mp4", picture(), audio=False)
    loud = tmp_path / "loud.mkv"
    _with_beep(source, loud, at=1.5)
    for copy in (False, True):
        out = cut_clip(clip_of(loud, 1.0, 2.0), tmp_path / f"{copy}.mp4", copy)
        began = 0.0 if copy else 1.0
        assert video.probe(str(out)).has_audio
        assert _beep(out) == pytest.approx(1.5 - began, abs=0.03)


def test_sound_goes_along_where_a_clock_starts_anew(tmp_path: Path) -> None:
    pieces = []
    for n, beep in enumerate((0.5, 1.0, 1.5)):
        plain = render(tmp_path / f"{n}.mp4", picture(75))
        _with_beep(plain, tmp_path / f"{n}.ts", at=beep)
        pieces.append((tmp_path / f"{n}.ts").read_bytes())
    path = tmp_path / "joined.ts"
    path.write_bytes(b"".join(pieces))
    header = video.probe(str(path))
    assert (header.jumps, round(header.duration, 1)) == (2, 9.0)
    for start, beep in ((0.2, 0.3), (3.2, 0.8), (6.2, 1.3)):
        out = cut_clip(clip_of(path, start, start + 2.0), tmp_path / "out.mp4")
        assert _beep(out) == pytest.approx(beep, abs=0.06)
    over = cut_clip(clip_of(path, 2.5, 3.5), tmp_path / "over.mp4")
    assert len(frames_of(over)[0]) == 25


def _with_beep(source: Path, out: Path, at: float) -> None:
    with av.open(str(source)) as old, av.open(str(out), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        sound = new.add_stream("aac", rate=16000)
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
        for first in range(0, 48000, 1024):
            seconds = (first + np.arange(1024)) / 16000
            wave = np.where(seconds >= at, np.sin(seconds * 2000 * np.pi) * 0.8, 0).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
            frame.rate, frame.pts = 16000, first
            new.mux(sound.encode(frame))
        new.mux(sound.encode(None))


def _beep(path: Path) -> float:
    with av.open(str(path)) as container:
        zero = container.streams.video[0].start_time * container.streams.video[0].time_base
        for frame in container.decode(audio=0):
            loud = np.flatnonzero(np.abs(frame.to_ndarray()[0]) > 0.3)
            if len(loud):
                return float(frame.pts * frame.time_base - zero) + loud[0] / frame.rate
    raise AssertionError("no beep")


@pytest.mark.parametrize("shape", [(97, 160), (96, 161), (97, 161)])
def test_odd_sizes_lose_a_line(tmp_path: Path, shape: tuple[int, int]) -> None:
    frames = pan(texture(4, (200, 400)), 30, (2.0, 0.0), shape)
    source = render(tmp_path / "in.mp4", frames, pix_fmt="yuv444p")
    out = cut_clip(clip_of(source, 0.2, 1.0), tmp_path / "out.mp4")
    new, _ = frames_of(out)
    assert new.shape[1:3] == (96, 160)
    assert np.abs(new - frames_of(source)[0][5:25, :96, :160]).mean() < 3


def test_what_mp4_cannot_hold_is_copied_into_matroska(tmp_path: Path) -> None:
    source = render(tmp_path / "in.webm", picture(30), codec="libvpx", options={"deadline": "realtime"})
    out = cut_clip(clip_of(source, 0.0, 1.0), tmp_path / "out.mp4", copy=True)
    assert out.suffix == ".mkv"
    assert len(frames_of(out)[0]) >= 25
    assert cut_clip(clip_of(source, 0.0, 1.0), tmp_path / "exact.mp4").suffix == ".mp4"


@pytest.mark.parametrize("copy", [False, True])
def test_a_bad_file_leaves_nothing(tmp_path: Path, copy: bool) -> None:
    whole = render(tmp_path / "in.mp4", picture(), options={"movflags": "faststart", "g": "10"})
    clip = clip_of(whole, 1.0, 2.8)
    out = tmp_path / "out"
    out.mkdir()
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(VideoError):
        cut_clip(clip, out / "a.mp4", copy)
    whole.write_bytes(b"nothing")
    with pytest.raises(VideoError):
        cut_clip(clip, out / "a.mp4", copy)
    assert list(out.iterdir()) == []


def test_a_folder_that_is_not_there_is_no_fault_of_the_video(tmp_path: Path) -> None:
    source = render(tmp_path / "in.mp4", picture(30))
    with pytest.raises(SetupError, match="cannot write"):
        cut_clip(clip_of(source, 0.0, 1.0), tmp_path / "none" / "a.mp4")


def test_a_half_written_file_that_moves_on_is_never_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = render(tmp_path / "in.mp4", picture(30))
    monkeypatch.setattr(cutting, "TOUCH_EVERY", -1.0)
    ages = []

    def progress() -> None:
        for part in tmp_path.glob(".*.part.*"):
            ages.append(part.stat().st_mtime)
            os.utime(part, (1, 1))

    cut_clip(clip_of(source, 0.0, 1.0), tmp_path / "out.mp4", progress=progress)
    assert len(ages) > 20
    assert min(ages) > 1
