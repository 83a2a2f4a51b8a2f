"""Real frames, spoilt in known ways: each part says so, the others stay calm."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from hoigen import Clip, Frames, Score
from hoigen.measures.technical_quality import PARTS, TechnicalQuality, blockiness, colourfulness, exposure, sharpness
from hoigen.models import files
from hoigen.video import decode
from render import render, texture

CLIP = Clip(id="0", uri="", end=1, width=1280, height=720, fps=25)
Spoil = Callable[[np.ndarray, float], np.ndarray]


def real_frames(name: str, size: tuple[int, int], count: int = 2) -> np.ndarray:
    path = files.locate(name).path
    clip = Clip(id="0", uri=str(path), end=5, width=size[1], height=size[0], fps=25)
    sampling = TechnicalQuality().sampling
    return decode(clip, [sampling])[sampling].images[:count]


@pytest.fixture(scope="module", params=["bunny", "bikes"])
def frames(request: pytest.FixtureRequest) -> np.ndarray:
    if request.param == "bunny":
        return real_frames("sample_bigbuckbunny", (720, 1280))
    return real_frames("sample_bikes", (272, 640))


def score_of(images: np.ndarray) -> Score:
    return TechnicalQuality()(CLIP, Frames(np.asarray(images), np.arange(len(images)) / 2))


def blur(image: np.ndarray, amount: float) -> np.ndarray:
    return cv2.GaussianBlur(image, (0, 0), amount * min(image.shape[:2]) / 480)


def darken(image: np.ndarray, amount: float) -> np.ndarray:
    return (image / 2.0**amount).astype(np.uint8)


def brighten(image: np.ndarray, amount: float) -> np.ndarray:
    return np.clip(image * 2.0**amount, 0, 255).astype(np.uint8)


def flatten(image: np.ndarray, amount: float) -> np.ndarray:
    return (image.mean() + (image - image.mean()) / amount).astype(np.uint8)


def fade(image: np.ndarray, amount: float) -> np.ndarray:
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None]
    return (gray + (image - gray.astype(float)) / amount).clip(0, 255).astype(np.uint8)


def compress(image: np.ndarray, amount: float) -> np.ndarray:
    _, packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, round(100 / amount)])
    return cv2.imdecode(packed, cv2.IMREAD_COLOR)


CASES: dict[str, tuple[Spoil, tuple[float, ...], str, int]] = {
    "blur": (blur, (1, 2, 4), "sharpness", -1),
    "underexposure": (darken, (1, 2, 3), "exposure", -1),
    "overexposure": (brighten, (1, 2, 3), "exposure", -1),
    "flat light": (flatten, (1.5, 2.5, 5), "contrast", -1),
    "faded colours": (fade, (1.5, 3, 10), "colourfulness", -1),
    "compression": (compress, (3, 6, 15), "blockiness", 1),
}


@pytest.mark.parametrize("case", CASES)
def test_a_worse_picture_has_a_worse_part_and_a_worse_whole(frames: np.ndarray, case: str) -> None:
    spoil, amounts, part, sign = CASES[case]
    scores = [score_of(frames)] + [score_of(np.stack([spoil(f, amount) for f in frames])) for amount in amounts]
    parts = [score.parts[part] for score in scores]
    assert all(sign * (after - before) > 0 for before, after in pairwise(parts)), parts
    wholes = [score.value for score in scores]
    assert wholes[-1] < 0.97 * wholes[0]
    assert wholes[-1] < wholes[1]


CALM = {
    # part: how much its goodness may move under a middling spoil that is not its own
    "blur": ("exposure", "colourfulness", "blockiness"),
    "flat light": ("sharpness", "blockiness"),
    "faded colours": ("sharpness", "exposure", "contrast", "blockiness"),
    "compression": ("exposure", "contrast", "colourfulness", "sharpness"),
    "underexposure": ("sharpness",),
}


@pytest.mark.parametrize("case", CALM)
def test_other_parts_stay_calm(frames: np.ndarray, case: str) -> None:
    spoil, amounts, _, _ = CASES[case]
    before, after = (
        score_of(np.stack(made)).detail["goodness"] for made in (list(frames), [spoil(f, amounts[1]) for f in frames])
    )
    for part in CALM[case]:
        assert abs(after[part] - before[part]) < 0.15, part


def test_x264_at_a_starved_rate_is_blocky(tmp_path: Path) -> None:
    images = real_frames("sample_bigbuckbunny", (720, 1280), count=1)
    values = []
    for quality in ("18", "51"):
        options = {"crf": quality, "x264-params": "no-deblock=1:8x8dct=1"}
        path = render(tmp_path / f"{quality}.mp4", [images[0]] * 3, options=options)
        clip = Clip(id="0", uri=str(path), end=0.12, width=1280, height=720, fps=25)
        sampling = TechnicalQuality().sampling
        values.append(score_of(decode(clip, [sampling])[sampling].images).parts["blockiness"])
    assert values[1] > values[0] + 0.15


def test_a_grid_is_found_wherever_the_picture_was_cut(frames: np.ndarray) -> None:
    packed = compress(frames[0], 10)
    whole = score_of(packed[None]).parts["blockiness"]
    assert score_of(packed[None, 3:, 5:]).parts["blockiness"] == pytest.approx(whole, rel=0.15)


def test_size_hardly_matters() -> None:
    large = real_frames("sample_bigbuckbunny", (720, 1280))
    small = np.stack([cv2.resize(f, (854, 480), interpolation=cv2.INTER_AREA) for f in large])
    first, second = score_of(large), score_of(small)
    for part in ("sharpness", "exposure", "contrast", "colourfulness"):
        assert second.parts[part] == pytest.approx(first.parts[part], rel=0.05), part
    assert second.value == pytest.approx(first.value, rel=0.05)


def test_enlarging_does_not_sharpen() -> None:
    large = real_frames("sample_bigbuckbunny", (720, 1280))
    tiny = [cv2.resize(f, (320, 180), interpolation=cv2.INTER_AREA) for f in large]
    grown = np.stack([cv2.resize(f, (1280, 720), interpolation=cv2.INTER_CUBIC) for f in tiny])
    assert score_of(grown).parts["sharpness"] < score_of(large).parts["sharpness"] - 0.1


def test_a_blurred_background_costs_no_sharpness() -> None:
    image = real_frames("sample_bigbuckbunny", (720, 1280), count=1)[0]
    bokeh = blur(image, 6)
    bokeh[:, 400:880] = image[:, 400:880]
    sharp, half, soft = (score_of(made[None]).parts["sharpness"] for made in (image, bokeh, blur(image, 6)))
    assert half > sharp - 0.1
    assert soft < sharp - 0.3


def test_bars_of_a_letterbox_are_cut_off(frames: np.ndarray) -> None:
    bars = np.stack([cv2.copyMakeBorder(f, 40, 40, 0, 0, cv2.BORDER_CONSTANT) for f in frames])
    plain, boxed = score_of(frames), score_of(bars)
    for part in PARTS:
        assert boxed.parts[part] == pytest.approx(plain.parts[part], rel=0.1, abs=0.02), part


def test_black_and_white_extremes_are_finite() -> None:
    for value in (0, 128, 255):
        score = score_of(np.full((2, 90, 160, 3), value, np.uint8))
        assert score.value is not None
        assert 0 <= score.value < 0.3


def test_tiny_pictures() -> None:
    for size in ((2, 2), (8, 8), (16, 9), (1, 40)):
        assert score_of(texture(0, size, octaves=2)[None]).value is not None


def test_known_values() -> None:
    """Colourfulness worked out by hand from Hasler and Süsstrunk's formula; the others by their definition."""
    half = np.zeros((10, 10, 3), np.uint8)
    half[:5, :, 0], half[5:, :, 2] = 200, 200  # red above, blue below
    spread = np.hypot(100, 150)  # red-green is 200 or 0, yellow-blue 100 or -200
    assert colourfulness(half) == pytest.approx(spread + 0.3 * np.hypot(100, 50))
    assert colourfulness(np.full((4, 4, 3), 77, np.uint8)) == 0
    assert exposure(np.full((4, 4), 127.5, np.float32)) == 1
    assert exposure(np.zeros((4, 4), np.float32)) == 0
    checks = (np.indices((64, 64)).sum(axis=0) % 2 * 200).astype(np.float32)
    assert sharpness(checks) > 0.85
    blocks = np.kron(np.random.default_rng(0).integers(100, 110, (20, 20)), np.ones((8, 8))).astype(np.uint8)
    assert blockiness(blocks) > 5


def test_no_frame_no_value() -> None:
    score = TechnicalQuality()(CLIP, Frames(np.empty((0, 8, 8, 3), np.uint8), np.empty(0)))
    assert score.value is None
    assert score.detail["reason"]
    assert set(score.parts) == set(PARTS)
