"""Decoding, on files whose truth is known and on files that are broken."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from hoigen import video
from hoigen.core.clip import Clip, Frames, Sampling
from hoigen.core.errors import VideoError
from render import counting, index_of, render, texture

FAST = {"movflags": "+faststart"}
LEFT_RED = np.zeros((48, 64, 3), np.uint8)
LEFT_RED[:, :32] = (200, 0, 0)


def clip_of(path: Path, start: float = 0.0, end: float | None = None) -> Clip:
    header = video.probe(str(path))
    stop = header.duration if end is None else end
    return Clip(id="x", uri=str(path), start=start, end=stop, width=header.width, height=header.height, fps=header.fps)


def seen(path: Path, sampling: Sampling, start: float = 0.0, end: float | None = None) -> Frames:
    return video.decode(clip_of(path, start, end), [sampling])[sampling]


def test_uniform_frames_are_those_shown_at_the_middles(tmp_path: Path) -> None:
    path = render(tmp_path / "a.mp4", counting(100), fps=25, options={"crf": "1", "g": "100"})
    frames = seen(path, Sampling(frames=4))
    assert [index_of(image) for image in frames.images] == [12, 37, 62, 87]
    assert frames.times.tolist() == pytest.approx([0.48, 1.48, 2.48, 3.48])
    assert frames.images.shape == (4, 48, 64, 3)
    assert frames.decode_errors == 0


def test_a_stretch_in_the_middle_starts_at_its_first_frame(tmp_path: Path) -> None:
    path = render(tmp_path / "a.mp4", counting(100), fps=25, options={"crf": "1", "g": "30", "bf": "3"})
    frames = seen(path, Sampling(fps=5), 1.32, 2.52)
    assert [index_of(image) for image in frames.images] == [33, 38, 43, 48, 53, 58]
    assert frames.times[0] == pytest.approx(0.0, abs=1e-3)


def test_pairs_are_neighbours(tmp_path: Path) -> None:
    path = render(tmp_path / "a.mp4", counting(50), fps=25, options={"crf": "1"})
    got: list[tuple[int, float]] = []
    sampling = Sampling(fps=5, pairs=True, gray=True)
    video.decode(clip_of(path), [], [(sampling, lambda image, at: got.append((index_of(image), at)))])
    found = [index for index, _ in got]
    assert len(found) == 20
    assert all(b == a + 1 for a, b in zip(found[::2], found[1::2], strict=True))
    every = seen(path, Sampling(fps=25, pairs=True))
    assert len(every) == 2 * 49, "every frame but the last leads a pair, and every one but the first follows"


def test_uneven_times_go_by_the_clock_and_not_by_the_index(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.08, 0.12, 1.0, 2.0, 3.0, 3.04]
    path = render(tmp_path / "a.mp4", counting(8), fps=25, times=times, options={"crf": "1", "bf": "0"})
    header = video.probe(str(path))
    assert header.variable_rate
    frames = seen(path, Sampling(frames=3), 0.0, 3.0)
    assert [index_of(image) for image in frames.images] == [3, 4, 5]
    assert frames.times.tolist() == pytest.approx([0.12, 1.0, 2.0])
    steady = render(tmp_path / "b.mp4", counting(30), fps=29.97)
    assert not video.probe(str(steady)).variable_rate


def test_rotation_is_applied_to_header_and_frames(tmp_path: Path) -> None:
    for degrees in (0, 90, 180, 270):
        path = render(tmp_path / f"{degrees}.mp4", [LEFT_RED] * 10, rotation=degrees)
        header = video.probe(str(path))
        assert header.rotation in (degrees, (360 - degrees) % 360)
        shown = (64, 48) if degrees in (0, 180) else (48, 64)
        assert (header.width, header.height) == shown
        image = seen(path, Sampling(frames=1)).images[0]
        assert image.shape == (shown[1], shown[0], 3)
        red = image[..., 0].astype(int)
        halves = {
            "left": red[:, : shown[0] // 2].mean(),
            "right": red[:, shown[0] // 2 :].mean(),
            "top": red[: shown[1] // 2].mean(),
            "bottom": red[shown[1] // 2 :].mean(),
        }
        brightest = max(halves, key=lambda side: halves[side])
        # rotation is counter-clockwise, as PyAV tells it: 90 turns the left half to the bottom
        expected = {0: "left", 90: "bottom", 180: "right", 270: "top"}[header.rotation]
        assert brightest == expected


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "size"),
    [
        ("h264.mp4", "libx264", "yuv420p", (48, 64)),
        ("odd.mp4", "libx264", "yuv444p", (47, 63)),
        ("hevc.mp4", "libx265", "yuv420p", (64, 96)),
        ("ten_bit.mp4", "libx265", "yuv420p10le", (64, 96)),
        ("vp9.webm", "libvpx-vp9", "yuv420p", (48, 64)),
        ("av1.mp4", "libsvtav1", "yuv420p", (64, 96)),
        ("mjpeg.avi", "mjpeg", "yuvj420p", (48, 64)),
        ("mpeg4.mkv", "mpeg4", "yuv420p", (48, 64)),
        ("Fahrrad mit Übergröße 自行车 🚲.mp4", "libx264", "yuv420p", (48, 64)),
    ],
)
def test_what_people_have(tmp_path: Path, name: str, codec: str, pix_fmt: str, size: tuple[int, int]) -> None:
    path = render(tmp_path / name, counting(50, size), fps=25, codec=codec, pix_fmt=pix_fmt)
    header = video.probe(str(path))
    assert (header.height, header.width) == size
    assert header.duration == pytest.approx(2.0, abs=0.05)
    assert header.fps == pytest.approx(25, rel=0.02)
    frames = seen(path, Sampling(frames=4))
    assert [abs(index_of(i) - want) <= 1 for i, want in zip(frames.images, (6, 18, 31, 43), strict=True)] == [True] * 4
    assert len(list(video.walk(str(path)))) == 50


def test_a_wrong_suffix_does_not_matter(tmp_path: Path) -> None:
    path = render(tmp_path / "a.mp4", counting(10))
    other = path.rename(tmp_path / "a.avi")
    assert video.probe(str(other)).container.startswith("mov")


def test_one_frame_is_a_video(tmp_path: Path) -> None:
    path = render(tmp_path / "a.mp4", counting(1))
    assert len(seen(path, Sampling(frames=8))) == 1


def test_fewer_frames_than_asked_for_are_given_once_each(tmp_path: Path) -> None:
    path = render(tmp_path / "a.mp4", counting(3))
    assert len(seen(path, Sampling(frames=16))) == 3


def test_nothing_is_enlarged_and_aspect_is_kept(tmp_path: Path) -> None:
    path = render(tmp_path / "a.mp4", [texture(1, (90, 160))] * 5)
    clip = clip_of(path)
    small, large, gray = Sampling(2, short_side=45), Sampling(2, short_side=720), Sampling(2, short_side=45, gray=True)
    frames = video.decode(clip, [small, large, gray])
    assert frames[small].images.shape == (2, 45, 80, 3)
    assert frames[large].images.shape == (2, 90, 160, 3)
    assert frames[gray].images.shape == (2, 45, 80)


def test_memory_is_bounded_by_max_frames(tmp_path: Path) -> None:
    path = render(tmp_path / "a.mp4", counting(100))
    frames = seen(path, Sampling(fps=25, max_frames=10))
    assert len(frames) == 10
    assert [index_of(image) for image in frames.images] == list(range(0, 100, 10))


def broken(folder: Path) -> dict[str, Path]:
    """Files of every bad kind."""
    good = render(folder / "good.mp4", [texture(s, (90, 160)) for s in range(50)], container_options=FAST)
    late = render(folder / "late.mp4", [texture(s, (90, 160)) for s in range(50)])
    data = good.read_bytes()
    files = {name: folder / f"{name}.mp4" for name in ("truncated", "garbage", "empty", "no_header", "text")}
    files["truncated"].write_bytes(data[: len(data) // 2])
    files["garbage"].write_bytes(random.Random(1).randbytes(20_000))
    files["empty"].write_bytes(b"")
    files["no_header"].write_bytes(late.read_bytes()[: late.stat().st_size // 2])
    files["text"].write_text("not a video\n" * 100)
    files["audio"] = folder / "audio.m4a"
    sound(files["audio"])
    files["directory"] = folder / "folder.mp4"
    files["directory"].mkdir()
    files["missing"] = folder / "missing.mp4"
    files["dangling"] = folder / "dangling.mp4"
    files["dangling"].symlink_to(folder / "nowhere")
    return files


def sound(path: Path) -> None:
    import av

    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=16000)
        for at in range(0, 16000, 1024):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.rate, frame.pts = 16000, at
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_every_bad_file_is_a_video_error_that_says_why(tmp_path: Path) -> None:
    said = {}
    for name, path in broken(tmp_path).items():
        with pytest.raises(VideoError) as error:
            seen(path, Sampling(frames=4))
        said[name] = str(error.value)
    assert said["empty"] == "is empty (0 bytes)"
    assert said["directory"] == "is a directory, not a video"
    assert said["missing"] == "no such file"
    assert said["dangling"] == "is a link that leads nowhere"
    assert "no video stream (streams: audio)" in said["audio"]
    assert "cut short" in said["truncated"] or "packets" in said["truncated"]
    assert all(said.values())


def test_flipped_bits_end_in_frames_or_in_a_video_error(tmp_path: Path) -> None:
    """In a process of its own: a segfault must be seen as one."""
    frames = [texture(s, (90, 160)) for s in range(30)]
    names = {"a.mp4": "libx264", "b.mkv": "libx264", "c.ts": "libx264", "d.avi": "mpeg4", "e.webm": "libvpx-vp9"}
    sources = [str(render(tmp_path / name, frames, codec=codec)) for name, codec in names.items()]
    script = f"""
import random
from pathlib import Path
from hoigen import video
from hoigen.core.clip import Clip, Sampling
from hoigen.core.errors import VideoError
from hoigen.video.shots import find_shots
sources = [Path(name) for name in {sources!r}]
ends = {{"ok": 0, "error": 0}}
for seed in range(200):
    chance = random.Random(seed)
    source = sources[seed % len(sources)]
    data = source.read_bytes()
    bad = bytearray(data[: chance.randrange(100, len(data))] if seed % 3 == 0 else data)
    for _ in range(chance.choice([1, 5, 50])):
        bad[chance.randrange(min(len(bad), 2000) if seed % 2 else len(bad))] ^= 1 << chance.randrange(8)
    path = Path({str(tmp_path)!r}) / ("flipped" + source.suffix)
    path.write_bytes(bad)
    try:
        h = video.probe(str(path))
        end = min(h.duration, 10.0)
        start = 0.3 if seed % 4 == 0 and end > 0.6 else 0.0
        clip = Clip(id="x", uri=str(path), start=start, end=end, width=h.width, height=h.height, fps=h.fps)
        video.decode(clip, [Sampling(frames=4)])
        sum(1 for _ in video.walk(str(path)))
        find_shots(str(path), "adaptive", 0.1, None)
        ends["ok"] += 1
    except VideoError:
        ends["error"] += 1
print(ends["ok"], ends["error"])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    ok, error = map(int, done.stdout.split())
    assert ok + error == 200
    assert ok
    assert error


def test_decode_errors_are_counted_and_few_of_them_cost_nothing(tmp_path: Path) -> None:
    frames = [texture(s, (90, 160)) for s in range(100)]
    path = render(tmp_path / "a.ts", frames, options={"g": "5", "bf": "0"}, codec="mpeg2video")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 400] = bytes(400)
    path.write_bytes(data)
    torn = seen(path, Sampling(frames=4))
    assert len(torn) == 4
    assert torn.torn > 0

    path = render(tmp_path / "a.mp4", frames, options={"g": "5", "bf": "0"})
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    for where, size in packets[33:52:9]:
        data[where : where + size] = b"\x7f" * size  # the first unit would be longer than the packet
    path.write_bytes(data)
    lost = seen(path, Sampling(frames=4))
    assert len(lost) == 4
    assert lost.decode_errors > 0


def test_content_is_recognised_under_another_name(tmp_path: Path) -> None:
    path = render(tmp_path / "a.mp4", counting(10))
    copy = shutil.copy(path, tmp_path / "b.mkv")
    flipped = tmp_path / "c.mp4"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    flipped.write_bytes(data)
    assert video.content_digest(str(path)) == video.content_digest(str(copy))
    assert video.content_digest(str(path)) != video.content_digest(str(flipped))


def test_an_object_store_is_read_like_a_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec

    monkeypatch.setenv("HOIGEN_SCHEMES", "memory")
    path = render(tmp_path / "a.mp4", counting(50), options={"crf": "1"})
    with fsspec.open("memory://clips/a.mp4", "wb") as file:
        file.write(path.read_bytes())
    header = video.probe("memory://clips/a.mp4")
    assert header.duration == pytest.approx(2.0)
    clip = Clip(id="x", uri="memory://clips/a.mp4", end=2.0, width=64, height=48, fps=25)
    sampling = Sampling(frames=2)
    assert [index_of(i) for i in video.decode(clip, [sampling])[sampling].images] == [12, 37]
    with pytest.raises(VideoError, match="cannot be opened"):
        video.probe("memory://clips/none.mp4")


def test_what_a_watcher_raises_is_not_the_files_fault(tmp_path: Path) -> None:
    path = render(tmp_path / "a.mp4", counting(10))

    def refuse(image: np.ndarray, at: float) -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        video.decode(clip_of(path), [], [(Sampling(frames=2), refuse)])
