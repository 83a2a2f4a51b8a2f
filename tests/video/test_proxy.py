"""What people look at: every frame at its own time, right in colour and upright, whatever the source is."""

from __future__ import annotations

import os
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from hoigen import video
from hoigen.core.clip import Clip, Sampling
from hoigen.core.errors import VideoError
from hoigen.stages import previews
from hoigen.stages.previews import files_of, preview
from hoigen.video.proxy import plays, write_proxy
from hoigen.work.task import Limits
from render import counting, index_of, pan, render, texture
from run_folders import in_this_process


def clip_of(path: Path, start: float = 0.0, end: float | None = None, **meta: object) -> Clip:
    header = video.probe(str(path))
    return Clip(
        id="c1", uri=str(path), start=start, end=header.duration if end is None else end, width=header.width,
        height=header.height, fps=header.fps, meta=meta,
    )  # fmt: skip


def made(clip: Clip, folder: Path) -> Path:
    write_proxy(clip, folder / "out.mp4", folder / "out.jpg")
    assert sorted(path.name for path in folder.glob("*out*")) == ["out.jpg", "out.mp4"], "nothing half-written is left"
    return folder / "out.mp4"


def frames(path: Path) -> list[tuple[np.ndarray, float, bool]]:
    with av.open(str(path)) as container:
        return [(f.to_ndarray(format="rgb24"), f.time, bool(f.key_frame)) for f in container.decode(video=0)]


def test_its_frames_are_the_clips_own_at_their_own_times(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.choice([0.02, 0.04, 0.1], 80)).tolist()
    source = render(tmp_path / "in.mp4", counting(80), times=times, options={"qp": "0"}, pix_fmt="yuv444p", audio=True)
    start, end = times[20] - times[0], times[60] - times[0]
    out = made(clip_of(source, start, end), tmp_path)
    shown = frames(out)
    assert [index_of(image) for image, _, _ in shown] == list(range(20, 60)), "none of the shots on either side"
    assert [at for _, at, _ in shown] == pytest.approx([t - times[20] for t in times[20:60]], abs=1e-4)
    with av.open(str(out)) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert float(stream.duration * stream.time_base) == pytest.approx(end - start, abs=1e-3)
    data = out.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat"), "the index is in front"
    assert plays(str(out))


def test_a_jump_anywhere_decodes_half_a_second_at_most(tmp_path: Path) -> None:
    source = render(tmp_path / "in.mp4", pan(texture(1, (400, 300)), 90, (1, 1), (160, 90)), fps=30)
    keys = [at for _, at, key in frames(made(clip_of(source), tmp_path)) if key]
    assert keys == pytest.approx([0, 0.5, 1, 1.5, 2, 2.5], abs=0.04)


def test_the_strip_is_eight_frames_at_the_middles(tmp_path: Path) -> None:
    source = render(tmp_path / "in.mp4", counting(64), fps=16, options={"qp": "0"}, pix_fmt="yuv444p")
    made(clip_of(source), tmp_path)
    strip = cv2.imread(str(tmp_path / "out.jpg"))[:, :, ::-1]
    assert strip.shape == (120, 8 * 160, 3)
    tiles = [cv2.resize(strip[:, 160 * at : 160 * (at + 1)], (64, 48)) for at in range(8)]
    whole = video.decode(clip_of(source), [Sampling(frames=8, short_side=None)])
    wanted = next(iter(whole.values())).images
    for tile, frame in zip(tiles, wanted, strict=True):
        assert np.abs(tile.astype(int) - frame.astype(int)).mean() < 12


@pytest.mark.parametrize("size", [(1281, 721), (333, 1000), (96, 54)])
def test_it_is_small_even_and_never_enlarged(tmp_path: Path, size: tuple[int, int]) -> None:
    source = tmp_path / "in.mkv"
    wide, high = size
    render(source, [np.full((high, wide, 3), 90, np.uint8)] * 4, fps=4, pix_fmt="yuv444p")
    out = video.probe(str(made(clip_of(source), tmp_path)))
    scale = min(1, 480 / min(size))
    assert (out.width, out.height) == (
        pytest.approx(wide * scale, abs=2),
        pytest.approx(high * scale, abs=2),
    )
    assert out.width % 2 == out.height % 2 == 0


def quadrants() -> np.ndarray:
    """Red, green / blue, grey."""
    image = np.zeros((120, 200, 3), np.uint8)
    image[:60, :100], image[:60, 100:], image[60:, :100] = (200, 30, 30), (30, 180, 30), (30, 30, 200)
    image[60:, 100:] = 128
    return image


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("hevc.mp4", {"codec": "libx265", "options": {"x265-params": "log-level=error"}}),
        ("turned.mp4", {"rotation": 90}),
        ("upside.mp4", {"rotation": 180}),
        ("old.avi", {"codec": "mpeg4"}),
        ("ten.mkv", {"codec": "libx265", "pix_fmt": "yuv420p10le", "options": {"x265-params": "log-level=error"}}),
    ],
)
def test_a_source_that_browsers_do_not_play_shows_as_measures_see_it(tmp_path: Path, name: str, how: dict) -> None:
    source = render(tmp_path / name, [quadrants()] * 12, fps=12, **how)
    assert not plays(str(source))
    out = made(clip_of(source), tmp_path)
    assert plays(str(out))
    seen = next(iter(video.decode(clip_of(source), [Sampling(frames=2, short_side=None)]).values())).images[0]
    shown = frames(out)[3][0]
    assert shown.shape == seen.shape
    assert np.abs(shown.astype(int) - seen.astype(int)).mean() < 3


def test_interlaced_frames_are_made_whole(tmp_path: Path) -> None:
    whole = pan(texture(5, (300, 900), octaves=3), 40, (14.0, 0.0), (160, 96))
    woven = [first.copy() for first in whole[::2]]
    for image, second in zip(woven, whole[1::2], strict=True):
        image[1::2] = second[1::2]
    source = render(tmp_path / "in.mp4", woven, codec="libx264", options={"x264-params": "tff=1:crf=8"})
    assert not plays(str(source))
    out = made(clip_of(source), tmp_path)
    assert plays(str(out))

    def combs(image: np.ndarray) -> float:
        rows = image.astype(float)
        return float(np.abs(rows[1:-1] - (rows[:-2] + rows[2:]) / 2).mean())

    assert combs(frames(out)[9][0]) < 0.4 * combs(woven[9])


def test_real_footage(shared_clips: Path, tmp_path: Path) -> None:
    source = sorted(shared_clips.glob("*.mp4"))[0]
    clip = clip_of(source, 0.5, 2.5)
    out = made(clip, tmp_path)
    assert plays(str(out))
    assert video.probe(str(out)).duration == pytest.approx(2.0, abs=0.05)
    assert out.stat().st_size < 500_000


def test_pixels_that_are_not_square_become_so(tmp_path: Path) -> None:
    from fractions import Fraction

    path = tmp_path / "wide.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = 180, 144, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(16, 9) / Fraction(180, 144)
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((144, 180, 3), 99, np.uint8))))
        container.mux(stream.encode(None))
    assert not plays(str(path))
    out = video.probe(str(made(clip_of(path), tmp_path)))
    assert (out.width, out.height) == (256, 144)


def test_high_dynamic_range_is_brought_to_a_plain_screen(tmp_path: Path) -> None:
    source = Path(__file__).parents[3] / "shared" / "cases" / "video" / "phone_hlg.mp4"
    if not source.exists():
        pytest.skip("no ../shared/cases")
    assert not plays(str(source))
    clip = clip_of(source)
    shown = frames(made(clip, tmp_path))[2][0]
    seen = next(iter(video.decode(clip, [Sampling(frames=60, short_side=480)]).values())).images[2]
    assert abs(shown.astype(float).mean((0, 1)) - seen.astype(float).mean((0, 1))).max() < 4


def test_what_cannot_be_read_leaves_nothing(tmp_path: Path) -> None:
    source = render(tmp_path / "in.mp4", pan(texture(1, (400, 300)), 50, (1, 1), (160, 90)))
    with pytest.raises(VideoError):
        write_proxy(clip_of(source, 0, 60.0), tmp_path / "out.mp4", tmp_path / "out.jpg")
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(source.read_bytes()[:3000])
    assert not plays(str(broken))
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == []


# the stage


def test_files_are_made_once_and_anew_when_the_content_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = render(tmp_path / "in.mp4", pan(texture(1, (400, 300)), 25, (1, 1), (160, 90)))
    folder = tmp_path / "media"
    digest = video.content_digest(str(source))
    clip = clip_of(source, digest=digest, stamp=[1, 2])
    bad = Clip(id="bad", uri=str(tmp_path / "gone.mp4"), end=1.0, width=2, height=2, fps=25.0)
    with in_this_process():
        first = preview([clip, clip, bad], folder, Limits())
        again = preview([clip], folder, Limits())
        assert (first.made, first.already, list(first.failed)) == (1, 0, ["bad"])
        assert "gone.mp4" in str(first)
        assert (again.made, again.already) == (0, 1)
        assert files_of(folder, clip).ready
        source.write_bytes(source.read_bytes() + b"\0" * 100)
        replaced = preview([clip_of(source, digest="other", stamp=[1, 2])], folder, Limits())
        assert "changed since it was measured" in replaced.failed["c1"]
        monkeypatch.setattr("hoigen.video.proxy.VERSION", 99)
        source.write_bytes(source.read_bytes()[:-100])
        assert preview([clip], folder, Limits()).made == 1, "files made in another way are not those"
    assert len(list(folder.glob("*.mp4"))) == 2


@pytest.mark.slow
def test_supervised_workers_make_them(tmp_path: Path) -> None:
    source = render(tmp_path / "in.mp4", pan(texture(1, (400, 300)), 25, (1, 1), (160, 90)))
    clips = [previews.clip_of_row(row(source, at)) for at in range(3)]
    made = preview(clips, tmp_path / "media", Limits(workers=2))
    assert (made.made, made.failed) == (3, {})
    assert not [path for path in os.listdir(tmp_path / "media") if path.startswith(".")]


def row(source: Path, at: int) -> dict[str, object]:
    facts = {"id": f"c{at}", "uri": str(source), "start": 0.2 * at, "end": 0.2 * at + 0.4, "width": 160, "height": 90}
    return {**facts, "fps": 25.0, "digest": "", "stamp": ""}
