"""Pictures as players show them: turned and mirrored, of high dynamic range, of two fields."""

from __future__ import annotations

import itertools
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from hoigen import video
from hoigen.core.clip import Clip, Sampling
from hoigen.measures.technical_quality import colourfulness
from hoigen.video.cutting import cut_clip
from hoigen.video.header import Header
from render import pan, render, texture

QUARTERS = np.zeros((48, 64, 3), np.uint8)
QUARTERS[:24, :32], QUARTERS[:24, 32:], QUARTERS[24:, :32], QUARTERS[24:] = (200, 0, 0), (0, 200, 0), (0, 0, 200), 90
QUARTERS[24:, :32] = (0, 0, 200)
WHOLE = Sampling(frames=3, short_side=None)
MATRICES = [
    m for m in itertools.product((-1, 0, 1), repeat=4) if abs(m[0] * m[3] - m[1] * m[2]) == 1 and sum(map(abs, m)) == 2
]


def seen(path: Path, sampling: Sampling = WHOLE) -> tuple[Header, np.ndarray]:
    header = video.probe(str(path))
    clip = Clip(id="x", uri=str(path), end=header.duration, width=header.width, height=header.height, fps=25)
    return header, video.decode(clip, [sampling])[sampling].images


def placed(matrix: tuple[int, int, int, int], image: np.ndarray) -> np.ndarray:
    """Every pixel where the matrix moves it: (x, y) to (a x + c y, b x + d y)."""
    a, b, c, d = matrix
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    to_x, to_y = a * x + c * y, b * x + d * y
    to_x, to_y = to_x - to_x.min(), to_y - to_y.min()
    out = np.zeros((to_y.max() + 1, to_x.max() + 1, 3), np.uint8)
    out[to_y, to_x] = image
    return out


@pytest.mark.parametrize("matrix", MATRICES, ids=str)
def test_every_display_matrix(tmp_path: Path, matrix: tuple[int, int, int, int]) -> None:
    a, b, c, d = (each << 16 for each in matrix)
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv444p"
        stream.set_display_matrix([a, b, 0, c, d, 0, 0, 0, 1 << 30])
        for _ in range(25):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(QUARTERS, format="rgb24")))
        container.mux(stream.encode(None))
    truth = placed(matrix, QUARTERS)
    header, images = seen(path)
    assert (header.height, header.width) == truth.shape[:2]
    assert np.abs(images[0].astype(int) - truth).mean() < 3
    for copy in (False, True):
        clip = Clip(id="x", uri=str(path), end=0.8, width=header.width, height=header.height, fps=25)
        cut = cut_clip(clip, tmp_path / f"{copy}.mp4", copy)
        assert np.abs(seen(cut)[1][0].astype(int) - truth).mean() < 6
    if shutil.which("ffmpeg"):
        raw = subprocess.run(
            ["ffmpeg", "-v", "error", "-i", path, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"],
            capture_output=True,
            check=True,
        ).stdout
        assert np.abs(np.frombuffer(raw, np.uint8).reshape(truth.shape).astype(int) - truth).mean() < 3


def hdr(path: Path, picture: np.ndarray, transfer: int, *, primaries: int = 9) -> Path:
    """A picture of standard range as a camera or a grader of high dynamic range would code it."""
    linear = np.where(picture / 255 < 0.081, picture / 255 / 4.5, ((picture / 255 + 0.099) / 1.099) ** (1 / 0.45))
    if transfer == 16:
        linear = (picture / 255) ** 2.4
    if primaries == 9:  # ITU-R BT.2087
        linear = linear @ np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]).T
    if transfer == 18:
        light = linear * 0.2650
        coded = np.where(
            light <= 1 / 12,
            np.sqrt(3 * light),
            0.17883277 * np.log(np.maximum(12 * light - 0.28466892, 1e-9)) + 0.55991073,
        )
    else:
        power = (linear * 203 / 10000) ** (1305 / 8192)
        coded = ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx265", rate=25, options={"x265-params": "log-level=none:crf=4"})
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt = "yuv420p10le"
        context = stream.codec_context
        context.colorspace, context.color_trc, context.color_primaries, context.color_range = 9, transfer, primaries, 1
        frame = av.VideoFrame.from_ndarray(np.round(coded * 65535).astype(np.uint16), format="rgb48le")
        frame = frame.reformat(format="yuv420p10le", dst_colorspace=9, dst_color_range=1)
        frame.color_trc, frame.color_primaries = transfer, primaries
        for at in range(10):
            frame.pts, frame.time_base = at, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(("transfer", "name"), [(16, "pq"), (18, "hlg")])
@pytest.mark.parametrize("primaries", [1, 9])
def test_high_dynamic_range_looks_as_it_did(tmp_path: Path, transfer: int, name: str, primaries: int) -> None:
    picture = texture(3, (96, 160), low=20, high=215)
    header, images = seen(hdr(tmp_path / "a.mp4", picture, transfer, primaries=primaries))
    assert header.hdr == name
    assert np.abs(images[0].astype(int) - picture).mean() < 6
    assert colourfulness(images[0]) == pytest.approx(colourfulness(picture), rel=0.1)
    _, gray = seen(tmp_path / "a.mp4", Sampling(frames=1, short_side=48, gray=True))
    assert gray.shape == (1, 48, 80)
    assert gray.mean() == pytest.approx((picture @ np.array([0.2126, 0.7152, 0.0722])).mean(), rel=0.05)


def test_what_is_brighter_than_white_stays_ordered(tmp_path: Path) -> None:
    steps = np.repeat(np.linspace(0, 1, 16), 10)[None, :, None] * np.ones((96, 1, 3))
    for transfer in ("pq", "hlg"):
        shown = video.plan.tone.mapped(np.round(steps * 65535).astype(np.uint16), transfer, 9)[0, ::10, 0].astype(int)
        assert (np.diff(shown) >= 0).all()
        assert shown[-1] == 255
        assert shown[0] == 0


def test_the_phone_s_clip_has_its_colours(shared_clips: Path) -> None:
    header, images = seen(shared_clips.parent / "cases" / "video" / "phone_hlg.mp4")
    assert header.hdr == "hlg"
    assert np.mean([colourfulness(image) for image in images]) == pytest.approx(31.0, abs=1.5)


def interlaced(path: Path, frames: list[np.ndarray], codec: str, flags: str) -> Path:
    """Two frames each make one: the even rows of the first, the odd ones of the second."""
    woven = []
    for first, second in zip(frames[::2], frames[1::2], strict=True):
        woven.append(first.copy())
        woven[-1][1::2] = second[1::2]
    options: dict[str, Any] = {"x264-params": "tff=1:crf=8"} if codec == "libx264" else {"qmin": "2", "qmax": "3"}
    return render(path, woven, codec=codec, options=options | {"flags": flags, "top": "1"} if flags else options)


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.ts", "libx264"), ("a.mpg", "mpeg2video")])
def test_fields_are_told_and_undone(tmp_path: Path, name: str, codec: str) -> None:
    grey = np.repeat(texture(5, (200, 1400), octaves=6)[..., :1], 3, 2)
    whole = pan(grey, 60, (16.0, 0.0), (96, 160))
    path = interlaced(tmp_path / name, whole, codec, "+ildct+ilme" if codec == "mpeg2video" else "")
    header, images = seen(path)
    assert header.interlaced
    assert len(list(video.walk(str(path)))) == 30

    def off(pictures: np.ndarray, numbers: tuple[int, ...]) -> float:
        """From the first or second of the two frames that were woven, whichever field the stream says comes first."""
        both = [(p.astype(float), whole[2 * n], whole[2 * n + 1]) for p, n in zip(pictures, numbers, strict=True)]
        return float(np.mean([min(np.abs(p - a).mean(), np.abs(p - b).mean()) for p, a, b in both]))

    woven = np.mean(
        [np.abs(a.astype(float) - b)[1::2].mean() / 2 for a, b in zip(whole[::2], whole[1::2], strict=True)]
    )
    assert off(images, (5, 15, 25)) < 0.7 * woven
    clip = Clip(id="x", uri=str(path), start=0.2, end=1.0, width=160, height=96, fps=25)
    cut = cut_clip(clip, tmp_path / "cut.mp4")
    after, pictures = seen(cut)
    assert not after.interlaced
    assert off(pictures, (8, 15, 21)) < 0.7 * woven
    assert len(list(video.walk(str(cut)))) == 20
