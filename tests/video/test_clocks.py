"""Clocks that restart, jump, stand still or have bad stamps: every frame is there, at the moment that follows."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from hoigen import video
from hoigen.core.clip import Clip, EveryFrame
from hoigen.core.errors import VideoError
from hoigen.video.cutting import cut_clip
from hoigen.video.shots import find_shots
from render import counting, index_of, render

SIZE = (96, 128)
X264 = {"crf": "1", "g": "10", "bf": "2"}
MPEG2 = {"codec": "mpeg2video", "options": {"bf": "2", "g": "12", "qmin": "1", "qmax": "2"}}
HOUR, WRAP = 3600 * 90000, 1 << 33


def pieces(folder: Path, suffix: str, count: int = 3, each: int = 30, **how: Any) -> list[Path]:
    """So many files of one recording, each with a clock that begins anew."""
    how = how or (MPEG2 if suffix == ".mpg" else {"options": X264})
    frames = counting(count * each, SIZE)
    for n, frame in enumerate(frames):  # a program stream with many frames in one packet tells no time of most
        frame[:, 48:80] = np.random.default_rng(n).integers(0, 255, (SIZE[0], 32, 3))
    return [
        render(folder / f"piece{n}{suffix}", frames[n * each : (n + 1) * each], fps=25, **how) for n in range(count)
    ]


def restamped(path: Path, change: Callable[[int], int]) -> Path:
    """A transport stream whose video stamps (90 kHz) are changed; `change` has each packet's time of decoding."""
    data = bytearray(path.read_bytes())
    for start in range(0, len(data), 188):
        begins = data[start + 1] & 0x40
        at = start + 4 + (data[start + 4] + 1 if data[start + 3] & 0x20 else 0)
        if not begins or data[at : at + 3] != b"\0\0\1" or data[at + 3] & 0xF0 != 0xE0:
            continue
        told = {2: 1, 3: 2}.get(data[at + 7] >> 6, 0)
        fields = [slice(place, place + 5) for place in range(at + 9, at + 9 + 5 * told, 5)]
        stamps = [
            (f[0] >> 1 & 7) << 30 | f[1] << 22 | f[2] >> 1 << 15 | f[3] << 7 | f[4] >> 1
            for f in (data[field] for field in fields)
        ]
        for field, old in zip(fields, stamps, strict=True):
            new = (old + change(stamps[-1]) - stamps[-1]) % WRAP
            top = data[field][0] & 0xF1 | new >> 29 & 0xE
            data[field] = bytes([top, new >> 22 & 255, new >> 14 & 0xFE | 1, new >> 7 & 255, new << 1 & 0xFE | 1])
    path.write_bytes(data)
    return path


def joined(folder: Path, suffix: str) -> Path:
    path = folder / f"joined{suffix}"
    path.write_bytes(b"".join(piece.read_bytes() for piece in pieces(folder, suffix)))
    return path


def transport(folder: Path, change: Callable[[int], int]) -> Path:
    return restamped(render(folder / "a.ts", counting(90, SIZE), fps=25, options=X264), change)


def stamped(path: Path, times: list[float], **how: Any) -> Path:
    """Packets in the order of decoding with these presentation times, as a muxer takes them that does not look."""
    source = render(path.with_suffix(".h264.mkv"), counting(len(times), SIZE), fps=25, options={"crf": "1", **how})
    with av.open(str(source)) as old, av.open(str(path), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        stream.time_base = old.streams.video[0].time_base
        for packet, at in zip((p for p in old.demux(video=0) if p.size), times, strict=True):
            packet.pts = packet.dts = round(at / packet.time_base)
            packet.stream = stream
            new.mux(packet)
    return path


def evenly(count: int, fps: float = 25.0, start: float = 0.0) -> list[float]:
    return [start + n / fps for n in range(count)]


MADE: dict[str, Callable[[Path], Path]] = {
    "joined.ts": lambda folder: joined(folder, ".ts"),
    "joined.mpg": lambda folder: joined(folder, ".mpg"),
    "an hour's hole": lambda folder: transport(folder, lambda at: at + HOUR * (at > 300000)),
    "a hole of three seconds": lambda folder: transport(folder, lambda at: at + 270000 * (at > 300000)),
    "back an hour": lambda folder: transport(folder, lambda at: at + 2 * HOUR - HOUR * (at > 300000)),
    "one wild stamp": lambda folder: transport(folder, lambda at: at + 1000 * 90000 * (300000 <= at < 303600)),
    "one stamp half a second off": lambda folder: transport(folder, lambda at: at + 45000 * (300000 <= at < 303600)),
    "some wild stamps": lambda folder: transport(folder, lambda at: at + HOUR * (300000 <= at < 330000)),
    "over the wrap": lambda folder: transport(folder, lambda at: at - 300000),
    "an hour in Matroska": lambda folder: stamped(
        folder / "a.mkv", [*evenly(40), *evenly(50, start=3601.6)], bf="0", g="10"
    ),
    "an hour in MP4": lambda folder: stamped(
        folder / "a.mp4", [*evenly(40), *evenly(50, start=3601.6)], bf="0", g="10"
    ),
    "all of a piece on one stamp": lambda folder: stamped(
        folder / "a.mkv", [*evenly(40), *[1.56] * 50], bf="0", g="10"
    ),
    "crammed in MP4": lambda folder: stamped(
        folder / "a.mp4", [*evenly(40), *[1.56 + n / 1000 for n in range(1, 51)]], bf="0", g="10"
    ),
}


def reordered(path: Path, times: list[float]) -> Path:
    """Frames with these times, as an encoder with B-frames writes them: stamps of decoding lag behind those shown."""
    with av.open(str(path), "w") as new:
        stream = new.add_stream("libx264", rate=25, options=X264 | {"x264-params": "b-adapt=0:scenecut=0"})
        stream.height, stream.width, stream.pix_fmt = *SIZE, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 12800)
        for image, at in zip(counting(len(times), SIZE), times, strict=True):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = round(at * 12800), Fraction(1, 12800)
            new.mux(stream.encode(frame))
        new.mux(stream.encode(None))
    return path


CRAMMED = "crammed in MP4", "all of a piece on one stamp"


@pytest.mark.parametrize("name", MADE)
def test_every_frame_is_there_and_follows_the_one_before(tmp_path: Path, name: str) -> None:
    path = MADE[name](tmp_path)
    header = video.probe(str(path))
    assert header.duration == pytest.approx(3.6, abs=0.08)
    assert header.fps == pytest.approx(25, rel=0.03)
    assert bool(header.jumps) == (name != "over the wrap")
    assert not header.variable_rate or name in CRAMMED
    seen = list(video.walk(str(path), short_side=None))
    assert [index_of(image) for image, _ in seen] == list(range(90))
    assert [at for _, at in seen] == pytest.approx(evenly(90), abs=0.08)
    found, shots = find_shots(str(path), "adaptive", 0.2, 2.0)
    assert max(shot.end - shot.start for shot in shots) <= 2.0
    assert shots[-1].end == found.duration == pytest.approx(3.6, abs=0.08)


@pytest.mark.parametrize("name", [name for name in MADE if name not in CRAMMED])
def test_a_stretch_is_the_same_wherever_it_is_read_from(tmp_path: Path, name: str) -> None:
    path = MADE[name](tmp_path)
    header = video.probe(str(path))
    for first in (1, 10, 38, 41, 62, 78):
        clip = Clip(id="x", uri=str(path), start=first / 25, end=(first + 8) / 25, width=128, height=96, fps=header.fps)
        shown: list[int] = []
        video.decode(clip, [], [(EveryFrame(), lambda image, at, to=shown: to.append(index_of(image)))])
        assert shown == list(range(first, first + 8))
        cut = cut_clip(clip, tmp_path / "cut.mp4")
        assert [index_of(image) for image, _ in video.walk(str(cut), short_side=None)] == list(range(first, first + 8))


def test_stamps_of_decoding_alone_lose_no_frame(tmp_path: Path) -> None:
    path = stamped(tmp_path / "a.mp4", evenly(60), bf="2", g="12")
    seen = list(video.walk(str(path), short_side=None))
    assert [index_of(image) for image, _ in seen] == list(range(60))
    assert [at for _, at in seen] == pytest.approx(evenly(60), abs=0.1)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
@pytest.mark.parametrize(
    "times", [[*evenly(89), 10800.0], [*evenly(40), *evenly(50, start=3601.6)]], ids=["last", "hole"]
)
def test_with_frames_out_of_order_a_cut_has_all_and_a_copy_says_what_it_cannot(
    tmp_path: Path, suffix: str, times: list[float]
) -> None:
    path = reordered(tmp_path / f"a{suffix}", times)
    header = video.probe(str(path))
    assert (header.frames, header.duration) == (90, pytest.approx(3.6, abs=0.01))
    clip = Clip(id="a", uri=str(path), end=header.duration, width=SIZE[1], height=SIZE[0], fps=header.fps)
    cut = cut_clip(clip, tmp_path / "cut.mp4")
    assert [index_of(image) for image, _ in video.walk(str(cut), short_side=None)] == list(range(90))
    assert video.probe(str(cut)).duration == pytest.approx(3.6, abs=0.01)
    with pytest.raises(VideoError, match="nothing of when its frame is shown: cut it without --copy"):
        cut_clip(clip, tmp_path / "copied.mp4", copy=True)


def test_two_frames_with_one_stamp_are_two(tmp_path: Path) -> None:
    times = evenly(60)
    times[20] = times[19]
    path = stamped(tmp_path / "a.mkv", times, bf="0", g="10")
    seen = list(video.walk(str(path), short_side=None))
    assert [index_of(image) for image, _ in seen] == list(range(60))
    assert all(a < b for (_, a), (_, b) in itertools.pairwise(seen))
    assert video.probe(str(path)).duration == pytest.approx(2.4, abs=0.01)


def test_a_phone_s_pause_stays_a_pause(tmp_path: Path) -> None:
    steps = [0.033, 0.05, 0.04, 0.033, 0.067]
    times = [0.0]
    for n in range(79):
        times.append(times[-1] + (2.0 if n == 40 else steps[n % 5]))
    for name in ("a.mp4", "a.mkv", "a.ts"):
        path = render(tmp_path / name, counting(80, SIZE), times=times, options=X264)
        header = video.probe(str(path))
        assert header.variable_rate
        assert header.jumps == 0
        assert header.duration == pytest.approx(times[-1] + 0.04, abs=0.05)
        assert [at for _, at in video.walk(str(path))] == pytest.approx(times, abs=0.002)


def test_what_is_held_too_long_is_dropped_by_itself(tmp_path: Path) -> None:
    times = [0.0, 0.5, 0.8, 1.5, 1.7, 2.0, 202.0, 202.4, 202.5, 203.1, 203.4]
    path = render(tmp_path / "a.mp4", counting(11, SIZE), times=times, options={"bf": "0"})
    _, shots = find_shots(str(path), "adaptive", 0.5, 60)
    assert [(round(s.start, 2), round(s.end, 2), s.state) for s in shots[:3]] == [
        (0.0, 2.0, "ok"),
        (2.0, 202.0, "held"),
        (202.0, pytest.approx(203.5, abs=0.2), "ok"),
    ]
    assert shots[1].reason == "one frame is shown for 200.00 s, longer than max_length 60 s"


@pytest.mark.parametrize(("name", "every"), [("a.mp4", 12.0), ("a.mkv", 15.0), ("a.ts", 3.0)])
def test_slides_and_time_lapse_have_no_holes(tmp_path: Path, name: str, every: float) -> None:
    times = [n * every for n in range(20)]
    path = render(tmp_path / name, counting(20, SIZE), times=times, options={"crf": "1", "g": "5", "bf": "0"})
    found, _ = find_shots(str(path), "adaptive", 0.2, None)
    assert video.probe(str(path)).jumps == found.jumps == 0
    assert [at for _, at in video.walk(str(path))] == pytest.approx(times, abs=0.002)


def test_a_hole_between_slides_is_one(tmp_path: Path) -> None:
    times = [n * 12.0 for n in range(10)] + [3600 + n * 12.0 for n in range(10)]
    path = render(tmp_path / "a.mp4", counting(20, SIZE), times=times, options={"crf": "1", "g": "5", "bf": "0"})
    assert video.probe(str(path)).jumps == 1
    assert [at for _, at in video.walk(str(path))] == pytest.approx([n * 12.0 for n in range(20)], abs=0.002)
