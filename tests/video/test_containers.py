"""Decoding: every container on the right clock, wherever one starts; colours; what stores and headers get wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import fsspec
import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFile

from hoigen import video
from hoigen.core.clip import Clip, Frames, Sampling
from hoigen.core.errors import SetupError, VideoError
from render import counting, index_of, render, repack, texture

SIZE = (96, 128)
EVERY = Sampling(fps=25, short_side=None)
X264 = {"crf": "1", "g": "30", "bf": "3"}


def clip_of(path: Path, start: float = 0.0, end: float | None = None) -> Clip:
    header = video.probe(str(path))
    stop = header.duration if end is None else end
    return Clip(id="x", uri=str(path), start=start, end=stop, width=header.width, height=header.height, fps=header.fps)


def seen(path: Path, sampling: Sampling, start: float = 0.0, end: float | None = None) -> Frames:
    return video.decode(clip_of(path, start, end), [sampling])[sampling]


def numbers(frames: Frames) -> list[int]:
    return [index_of(image) for image in frames.images]


CONTAINERS: dict[str, dict[str, Any]] = {
    "h264.mp4": {"options": X264},
    "open_gop.mp4": {"options": X264 | {"x264-params": "open-gop=1"}},
    "h264.mkv": {"options": X264},
    "h264.avi": {"options": X264},
    "mpeg4.avi": {"codec": "mpeg4", "options": {"bf": "2", "g": "12", "qmin": "1", "qmax": "2"}},
    "h264.ts": {"options": X264},
    "h264.m2ts": {"options": X264 | {"x264-params": "open-gop=1"}},
    "h264.flv": {"options": X264},
    "h264.h264": {"options": X264},
    "mpeg2.mpg": {"codec": "mpeg2video", "options": {"bf": "2", "g": "12", "qmin": "1", "qmax": "2"}},
    "vp9.webm": {"codec": "libvpx-vp9", "options": {"crf": "4", "b": "0", "g": "30", "cpu-used": "8"}},
    "h264.3g2": {"options": X264},
    "mpeg4.divx": {"codec": "mpeg4", "options": {"bf": "2", "g": "12", "qmin": "1", "qmax": "2"}},
    "mpeg4.asf": {"codec": "mpeg4", "options": {"g": "12", "qmin": "1", "qmax": "2"}},
    "hevc.mp4": {"codec": "libx265", "options": {"x265-params": "log-level=none:crf=1:keyint=30:bframes=3"}},
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_frame_has_one_time_wherever_decoding_starts(tmp_path: Path, name: str) -> None:
    written = tmp_path / name.replace(".divx", ".avi")
    path = render(written, counting(100, SIZE), fps=25, **CONTAINERS[name]).rename(tmp_path / name)
    header = video.probe(str(path))
    assert header.duration == pytest.approx(4.0, abs=0.002)
    assert header.fps == pytest.approx(25)
    assert header.frames in (100, None)
    assert not header.variable_rate
    whole = list(video.walk(str(path), short_side=None))
    assert [index_of(image) for image, _ in whole] == list(range(100))
    assert [at for _, at in whole] == pytest.approx([n / 25 for n in range(100)], abs=0.002)
    for first in (1, 29, 30, 31, 62, 98):
        frames = seen(path, EVERY, first / 25, min(4.0, (first + 12) / 25))
        assert numbers(frames) == list(range(first, min(100, first + 12))), f"from frame {first}"
        assert frames.times[0] == pytest.approx(0.0, abs=0.002)
        assert frames.decode_errors == 0


def test_a_moment_between_frames_shows_the_earlier_one(tmp_path: Path) -> None:
    path = render(tmp_path / "a.mp4", counting(100, SIZE), options=X264)
    assert numbers(seen(path, EVERY, 1.21, 1.30)) == [30, 31, 32]


def test_an_edit_list_hides_what_came_before(tmp_path: Path) -> None:
    source = render(tmp_path / "a.mp4", counting(100, SIZE), options=X264 | {"g": "50"})
    path = repack(source, tmp_path / "b.mp4", shift=0.6, options={"avoid_negative_ts": "disabled"})
    header = video.probe(str(path))
    assert (header.duration, header.fps, header.frames) == (pytest.approx(3.4), pytest.approx(25.0), 85)
    assert numbers(seen(path, EVERY, 0.0, 0.2)) == [15, 16, 17, 18, 19]
    assert numbers(seen(path, EVERY, 1.0, 1.2)) == [40, 41, 42, 43, 44]


def test_a_recording_that_begins_in_the_middle(tmp_path: Path) -> None:
    data = render(tmp_path / "a.ts", counting(100, SIZE), options=X264).read_bytes()
    path = tmp_path / "b.ts"
    path.write_bytes(data[len(data) // 3 // 188 * 188 :])
    walked = list(video.walk(str(path), short_side=None))
    first = index_of(walked[0][0])
    assert first > 0
    assert walked[0][1] == 0.0
    assert video.probe(str(path)).duration == pytest.approx((100 - first) / 25)
    assert numbers(seen(path, EVERY, 1.0, 1.2)) == [first + 25 + n for n in range(5)]


@pytest.mark.parametrize("flags", ["frag_keyframe+empty_moov+default_base_moof", "dash+cmaf+frag_keyframe+empty_moov"])
def test_fragments(tmp_path: Path, flags: str) -> None:
    source = render(tmp_path / "a.mp4", counting(100, SIZE), options=X264)
    path = repack(source, tmp_path / "b.mp4", options={"movflags": flags})
    assert video.probe(str(path)).duration == pytest.approx(4.0)
    assert numbers(seen(path, EVERY, 2.0, 2.2)) == [50, 51, 52, 53, 54]


@pytest.mark.parametrize(
    ("name", "codec", "options"), [("a.webm", "libvpx-vp9", {}), ("a.mp4", "libx264", {"bf": "2"})]
)
def test_uneven_times(tmp_path: Path, name: str, codec: str, options: dict[str, str]) -> None:
    times = [0.0, 0.04, 0.08, 0.12, 1.0, 2.0, 3.0, 3.04]
    path = render(tmp_path / name, counting(8, SIZE), codec=codec, times=times, options=options)
    header = video.probe(str(path))
    assert header.variable_rate
    assert header.duration == pytest.approx(3.08, abs=0.002)
    assert header.fps == pytest.approx(8 / 3.08, rel=0.01)
    assert [at for _, at in video.walk(str(path))] == pytest.approx(times, abs=0.002)


def test_a_long_hold_covers_the_clip(tmp_path: Path) -> None:
    path = render(tmp_path / "a.webm", counting(4, SIZE), codec="libvpx-vp9", times=[0.0, 1.0, 9.0, 9.04])
    assert numbers(seen(path, Sampling(frames=2), 0.0, 8.0)) == [1]


def test_one_odd_gap_is_no_variable_rate(tmp_path: Path) -> None:
    times = [n / 25 for n in range(30)] + [2.0]
    path = render(tmp_path / "a.mkv", counting(31, SIZE), times=times)
    assert not video.probe(str(path)).variable_rate
    ntsc = render(tmp_path / "b.mkv", counting(90, SIZE), fps=60000 / 1001)
    assert not video.probe(str(ntsc)).variable_rate


def test_video_that_starts_after_the_sound(tmp_path: Path) -> None:
    for name in ("a.mp4", "a.mkv"):
        times = [5 + n / 25 for n in range(30)]
        path = render(tmp_path / name, counting(30, SIZE), times=times, audio=True)
        header = video.probe(str(path))
        assert header.start_time == pytest.approx(5.0)
        assert header.duration == pytest.approx(1.2, abs=0.002)
        assert header.has_audio
        assert numbers(seen(path, EVERY, 0.4, 0.5)) == [10, 11, 12]


def test_matroska_that_is_cut_short(tmp_path: Path) -> None:
    path = render(tmp_path / "a.mkv", counting(100, SIZE), options=X264)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(VideoError, match=r"its frames end at \d\.\d+ s of 4\.00 s"):
        seen(path, Sampling(frames=4))


def test_cover_art_is_no_video(tmp_path: Path) -> None:
    sound = tmp_path / "a.mp4"
    with av.open(str(sound), "w") as container:
        picture = container.add_stream("mjpeg", rate=1)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuvj420p"
        picture.disposition = av.stream.Disposition.attached_pic
        stream = container.add_stream("aac", rate=16000)
        image = np.zeros((48, 64, 3), np.uint8)
        container.mux(picture.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(picture.encode(None))
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.rate, frame.pts = 16000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(VideoError, match=r"no video stream \(streams: audio, cover picture\)"):
        video.probe(str(sound))


@pytest.mark.parametrize("name", ["12:30.mp4", "50%d of it.mp4", "a b\nc.mp4", "x?y#z.mp4", "-start.mp4"])
def test_any_file_name(tmp_path: Path, name: str) -> None:
    path = render(tmp_path / "a.mp4", counting(10)).rename(tmp_path / name)
    assert video.probe(str(path)).frames == 10
    assert len(seen(path, Sampling(frames=2))) == 2


def test_a_name_in_other_code_points_is_told(tmp_path: Path) -> None:
    render(tmp_path / "caf\u00e9.mp4", counting(2, SIZE))
    with pytest.raises(VideoError, match="one of that name is there whose accents are written as NFC"):
        video.probe(str(tmp_path / "cafe\u0301.mp4"))


def test_file_uris_with_and_without_escapes(tmp_path: Path) -> None:
    path = render(tmp_path / "a.mp4", counting(10)).rename(tmp_path / "mit Übergröße.mp4")
    assert video.probe(path.as_uri()).frames == 10
    assert video.probe(f"file://{path}").frames == 10
    assert video.content_digest(path.as_uri()) == video.content_digest(str(path))


COLOURS = {"red": (220, 30, 30), "green": (20, 200, 90), "blue": (30, 60, 210), "white": (235, 235, 235)}


@pytest.mark.parametrize(("matrix", "full"), [(1, False), (5, False), (9, False), (1, True), (5, True)])
def test_colours_follow_the_tags(tmp_path: Path, matrix: int, full: bool) -> None:
    for name, colour in COLOURS.items():
        path = tmp_path / f"{name}.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=25, options={"crf": "1"})
            stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
            stream.codec_context.colorspace, stream.codec_context.color_range = matrix, 2 if full else 1
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), colour, np.uint8), format="rgb24")
            yuv = frame.reformat(format="yuv420p", dst_colorspace=matrix, dst_color_range=2 if full else 1)
            container.mux(stream.encode(yuv))
            container.mux(stream.encode(None))
        for short_side in (None, 32):
            image = seen(path, Sampling(frames=1, short_side=short_side)).images[0]
            assert np.abs(image.mean((0, 1)) - colour).max() < 5, name


def test_luma_runs_from_black_to_white(tmp_path: Path) -> None:
    image = np.zeros(((*SIZE, 3)), np.uint8)
    image[:, 64:] = 255
    gray = Sampling(frames=1, gray=True, short_side=48)
    for pix_fmt in ("yuv420p", "yuvj420p"):
        path = render(tmp_path / f"{pix_fmt}.mp4", [image] * 5, pix_fmt=pix_fmt, options={"crf": "1"})
        luma = seen(path, gray).images[0]
        assert luma[:, :24].mean() < 4
        assert luma[:, -24:].mean() > 251


def test_a_stream_that_changes_its_size_keeps_the_first(tmp_path: Path) -> None:
    parts = [
        render(tmp_path / f"{height}.ts", [texture(height, (height, 160))] * 25, options={"bf": "0"}).read_bytes()
        for height in (96, 128)
    ]
    path = tmp_path / "both.ts"
    path.write_bytes(b"".join(parts))
    shapes = {image.shape for image, _ in video.walk(str(path), short_side=48)}
    assert shapes == {(48, 80, 3)}


def test_a_scaled_picture_has_no_aliases(tmp_path: Path) -> None:
    image = np.zeros((360, 640, 3), np.uint8)
    image[:, ::2] = 255  # the finest stripes: only their mean survives
    path = render(tmp_path / "a.mp4", [image] * 3, pix_fmt="yuv444p", options={"crf": "4"})
    small = seen(path, Sampling(frames=1, short_side=90)).images[0].astype(int)
    assert np.abs(small[:, 1:-1] - 127).max() < 8


def test_a_clip_without_length_is_refused(tmp_path: Path) -> None:
    path = render(tmp_path / "a.mp4", counting(10))
    with pytest.raises(VideoError, match="no length"):
        seen(path, Sampling(frames=1), 0.2, 0.2)


def test_a_clip_behind_the_end_is_refused(tmp_path: Path) -> None:
    path = render(tmp_path / "a.mp4", counting(100, SIZE), options=X264)
    with pytest.raises(VideoError):
        seen(path, Sampling(frames=1), 10.0, 12.0)
    with pytest.raises(VideoError, match=r"end at 4\.00 s of 9\.00 s"):
        seen(path, Sampling(frames=1), 1.0, 9.0)


def test_a_store_that_breaks_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = render(
        tmp_path / "a.mp4", [texture(n, SIZE) for n in range(60)], container_options={"movflags": "faststart"}
    )
    monkeypatch.setenv("HOIGEN_SCHEMES", "memory")
    with fsspec.open("memory://breaks/a.mp4", "wb") as file:
        file.write(path.read_bytes())
    clip = clip_of(path)
    remote = Clip(id="x", uri="memory://breaks/a.mp4", end=clip.end, width=128, height=96, fps=25)
    assert len(video.decode(remote, [Sampling(frames=4)])[Sampling(frames=4)]) == 4
    half, read = path.stat().st_size // 2, MemoryFile.read

    def failing(self: MemoryFile, size: int = -1) -> bytes:
        if self.tell() > half:
            raise ConnectionResetError("the store went away")
        return read(self, size)

    monkeypatch.setattr(MemoryFile, "read", failing)
    with pytest.raises(VideoError, match="the store went away"):
        video.decode(remote, [Sampling(frames=4)])


def test_a_webp_is_named_as_one(tmp_path: Path) -> None:
    path = render(tmp_path / "a.webp", counting(5), codec="libwebp_anim")
    with pytest.raises(VideoError, match="is a WebP: a still, or an animation, which FFmpeg does not read"):
        video.probe(str(path))


def test_one_jpeg_after_the_other_is_a_video_by_its_suffix(tmp_path: Path) -> None:
    made = render(tmp_path / "a.mjpeg", counting(30, SIZE), codec="mjpeg", pix_fmt="yuvj420p")
    jfif = b"\xff\xe0\0\x10JFIF\0\1\2\0\0\1\0\1\0\0"  # as cameras and most programs begin each picture
    made.write_bytes(made.read_bytes().replace(b"\xff\xd8\xff\xfe", b"\xff\xd8" + jfif + b"\xff\xfe"))
    assert len(list(video.walk(str(made)))) == 30
    assert video.probe(str(made)).duration == pytest.approx(1.2)


def test_schemes_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(VideoError, match="nonsense:// is not opened"):
        video.probe("nonsense://a.mp4")

    def missing(*_: object, **__: object) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec, "get_filesystem_class", missing)
    with pytest.raises(SetupError, match=r"s3:// needs a further package: Install s3fs"):
        video.probe("s3://bucket/a.mp4")


def test_sampled_digests_of_large_and_remote_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(video.file, "WHOLE_DIGEST", 1000)
    data = np.random.default_rng(1).integers(0, 256, 40 << 20, np.uint8)
    a, b, c = tmp_path / "a", tmp_path / "b", tmp_path / "c"
    a.write_bytes(data.tobytes())
    b.write_bytes(data.tobytes())
    data[100] ^= 1
    c.write_bytes(data.tobytes())
    assert video.content_digest(str(a)) == video.content_digest(str(b)) != video.content_digest(str(c))


def test_one_pass_and_only_wanted_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hoigen.video import plan

    converted: list[tuple[int, int]] = []
    real = plan._Target.convert

    def counted(self: Any, frame: Any) -> np.ndarray:
        converted.append(self.size)
        return real(self, frame)

    monkeypatch.setattr(plan._Target, "convert", counted)
    path = render(tmp_path / "a.mp4", counting(100, SIZE), options=X264)
    same = Sampling(frames=4, short_side=48)
    got: list[float] = []
    video.decode(clip_of(path), [same, Sampling(frames=4, short_side=48)], [(same, lambda image, at: got.append(at))])
    assert converted == [(64, 48)] * 4
    assert got == pytest.approx([0.48, 1.48, 2.48, 3.48])
