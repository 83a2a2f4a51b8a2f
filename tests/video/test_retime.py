"""Clips at another rate: exactly which frames, in which size, in which colours."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from hoigen import video
from hoigen.core.clip import Clip
from hoigen.core.errors import SetupError, VideoError
from hoigen.video.retime import Codec, Fit, retimed
from render import counting, index_of, render, texture


def clip_of(path: Path, start: float = 0.0, end: float | None = None) -> Clip:
    header = video.probe(str(path))
    size = {"width": header.width, "height": header.height, "fps": header.fps}
    return Clip(id="x", uri=str(path), start=start, end=header.duration if end is None else end, **size)


def shown(path: Path) -> list[int]:
    return [index_of(image) for image, _ in video.walk(str(path), short_side=None)]


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100 frames at 25 fps that show their number."""
    return render(tmp_path_factory.mktemp("count") / "count.mp4", counting(100), options={"g": "30", "crf": "10"})


@pytest.mark.parametrize(
    ("fps", "start", "wanted"),
    [
        (25, 0.0, list(range(17))),
        (25, 1.0, list(range(25, 42))),
        (12.5, 0.4, list(range(10, 44, 2))),
        (10, 0.0, [0, 3, 5, 8, 10, 13, 15, 18, 20, 23, 25, 28, 30, 33, 35, 38, 40]),
    ],
)
def test_the_nearest_frame_of_each_moment(
    counted: Path, tmp_path: Path, fps: float, start: float, wanted: list[int]
) -> None:
    out = tmp_path / "out.mp4"
    rate = Fraction(fps).limit_denominator(1001)
    assert retimed(clip_of(counted, start, start + 17 / fps), out, fps=rate, frames=17, size=(64, 48)) == 0
    header = video.probe(str(out))
    assert (header.frames, header.fps, header.variable_rate) == (17, fps, False)
    assert header.duration == pytest.approx(17 / fps, abs=1e-3)
    assert shown(out) == wanted


def test_a_shaky_clock_repeats_and_skips_nothing(tmp_path: Path) -> None:
    chance = np.random.default_rng(1)
    times = [at / 25 + chance.uniform(-0.3, 0.3) / 25 for at in range(60)]
    source = render(tmp_path / "shaky.mp4", counting(60), times=[max(0.0, at - times[0]) for at in times])
    out = tmp_path / "out.mp4"
    assert retimed(clip_of(source), out, fps=Fraction(25), frames=49, size=(64, 48)) == 0
    found = shown(out)
    assert found == list(range(found[0], found[0] + 49))


def test_no_frame_of_what_follows_the_clip_comes_in(counted: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    retimed(clip_of(counted, 1.0, 2.0), out, fps=Fraction(8), frames=8, size=(64, 48))
    assert max(shown(out)) < 50


def test_too_few_frames_a_second(counted: Path, tmp_path: Path) -> None:
    clip = clip_of(counted, 0.0, 1.0)
    with pytest.raises(VideoError, match="would stand twice"):
        retimed(clip, tmp_path / "out.mp4", fps=Fraction(50), frames=33, size=(64, 48))
    assert retimed(clip, tmp_path / "out.mp4", fps=Fraction(50), frames=33, size=(64, 48), repeat=True) == 16
    assert len(shown(tmp_path / "out.mp4")) == 33


def test_a_file_that_ends_before_its_clip(counted: Path, tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="cut short"):
        retimed(clip_of(counted, 3.0, 5.0), tmp_path / "out.mp4", fps=Fraction(8), frames=13, size=(64, 48))


def test_a_folder_that_is_not_there(counted: Path, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="cannot write"):
        retimed(clip_of(counted), tmp_path / "no" / "out.mp4", fps=Fraction(8), frames=9, size=(64, 48))


def ramp(width: int, height: int) -> np.ndarray:
    """Red grows to the right, green downwards: where a pixel was can be read off it."""
    image = np.full((height, width, 3), 128, np.uint8)
    image[..., 0] = np.linspace(40, 210, width)[None, :]
    image[..., 1] = np.linspace(40, 210, height)[:, None]
    return image


@pytest.mark.parametrize(
    ("source", "fit", "rotation", "box"),
    [
        ((160, 90), "crop", 0, (0.125, 0.0, 0.875, 1.0)),  # 4:3 out of 16:9: an eighth goes on both sides
        ((96, 96), "crop", 0, (0.0, 0.125, 1.0, 0.875)),
        ((128, 96), "crop", 0, (0.0, 0.0, 1.0, 1.0)),
    ],
)
def test_cropping_keeps_the_middle_and_the_aspect(
    tmp_path: Path, source: tuple[int, int], fit: Fit, rotation: int, box: tuple[float, float, float, float]
) -> None:
    path = render(tmp_path / "ramp.mp4", [ramp(*source)] * 10, options={"crf": "8"}, rotation=rotation)
    out = tmp_path / "out.mp4"
    retimed(clip_of(path), out, fps=Fraction(25), frames=9, size=(64, 48), fit=fit)
    image, _ = next(iter(video.walk(str(out), short_side=None)))
    assert image.shape == (48, 64, 3)
    x0, y0, x1, y1 = box
    red = (image[:, :3, 0].mean() - 40) / 170, (image[:, -3:, 0].mean() - 40) / 170
    green = (image[:3, :, 1].mean() - 40) / 170, (image[-3:, :, 1].mean() - 40) / 170
    assert red == pytest.approx((x0, x1), abs=0.06)
    assert green == pytest.approx((y0, y1), abs=0.06)


def test_padding_leaves_the_whole_picture_with_black_beside_it(tmp_path: Path) -> None:
    path = render(tmp_path / "ramp.mp4", [ramp(160, 80)] * 10, options={"crf": "8"})
    out = tmp_path / "out.mp4"
    retimed(clip_of(path), out, fps=Fraction(25), frames=9, size=(64, 64), fit="pad")
    image, _ = next(iter(video.walk(str(out), short_side=None)))
    assert image[:14].max() < 12
    assert image[-14:].max() < 12
    assert image[20:44, :3, 0].mean() == pytest.approx(42, abs=8)
    assert image[20:44, -3:, 0].mean() == pytest.approx(208, abs=8)


def test_pixels_that_are_not_square_become_so(tmp_path: Path) -> None:
    import av

    path = tmp_path / "wide.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "8"})
        stream.width, stream.height, stream.pix_fmt = 72, 96, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(16, 9)  # shown as 128x96
        for _ in range(10):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(ramp(72, 96), format="rgb24")))
        container.mux(stream.encode(None))
    out = tmp_path / "out.mp4"
    retimed(clip_of(path), out, fps=Fraction(25), frames=9, size=(64, 48))
    image, _ = next(iter(video.walk(str(out), short_side=None)))
    assert image[:, :3, 0].mean() == pytest.approx(42, abs=8), "nothing is cropped: 128x96 is 64x48"
    assert image[:, -3:, 0].mean() == pytest.approx(208, abs=8)


@pytest.mark.parametrize("codec", ["h264", "hevc", "vp9", "av1"])
def test_what_is_read_is_what_was_there(tmp_path: Path, codec: Codec) -> None:
    """Pictures and colours, for decoders that read tags (this one) and for those that do not (BT.601)."""
    import av

    picture = texture(3, (96, 128))
    path = render(tmp_path / "picture.mp4", [picture] * 12, options={"crf": "1"})
    out = tmp_path / "out.mp4"
    retimed(clip_of(path), out, fps=Fraction(25), frames=9, size=(128, 96), codec=codec)
    before = next(iter(video.walk(str(path), short_side=None)))[0].astype(int)
    for image, _ in video.walk(str(out), short_side=None):
        assert np.abs(image - before).mean() < 4
    with av.open(str(out)) as container:
        frame = next(container.decode(video=0))
        assert (container.streams.video[0].codec_context.name, frame.format.name) == (
            {"av1": "libdav1d"}.get(codec, codec), "yuv420p",
        )  # fmt: skip
        plain = frame.reformat(format="rgb24", src_colorspace=5, src_color_range=1).to_ndarray()
    assert np.abs(plain - before).mean() < 4


def test_an_encoder_leaves_the_process_scheduled_as_it_was(tmp_path: Path) -> None:
    """SVT-AV1 makes a process of root's real-time, in which a loop would keep a core to itself."""
    before = os.sched_getscheduler(0)
    path = render(tmp_path / "a.mp4", counting(12))
    retimed(clip_of(path), tmp_path / "b.mp4", fps=Fraction(25), frames=9, size=(64, 48), codec="av1")
    assert {os.sched_getscheduler(int(name)) for name in os.listdir("/proc/self/task")} == {before}
