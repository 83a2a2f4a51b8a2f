"""Text of known place and number, drawn on pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from hoigen import Clip, Frames, Score
from hoigen.core.clip import Sampling
from hoigen.measures.text_boxes import LineRule, TextBoxes, lines_of
from hoigen.models import files
from hoigen.models.nets.text_detector import Binarization, TextBox, boxes_of
from hoigen.video import decode
from render import texture

HEIGHT, WIDTH = 480, 854
CLIP = Clip(id="0", uri="", end=1, width=WIDTH, height=HEIGHT, fps=25)


def background(seed: int = 3) -> np.ndarray:
    return texture(seed, (HEIGHT, WIDTH), low=40, high=150)


def write(
    image: np.ndarray,
    text: str,
    at: tuple[int, int],
    *,
    height: float = 24,
    colour: tuple[int, int, int] = (255, 255, 255),
) -> np.ndarray:
    """`at` is the left end of the base line, `height` that of a capital, in pixels."""
    done = image.copy()
    cv2.putText(done, text, at, cv2.FONT_HERSHEY_SIMPLEX, height / 22, colour, max(1, round(height / 10)), cv2.LINE_AA)
    return done


def score_of(*images: np.ndarray) -> Score:
    return TextBoxes()(CLIP, Frames(np.stack(images), np.arange(len(images)) / 2))


def middles(score: Score, frame: int = 0) -> list[tuple[float, float]]:
    regions = score.detail["frames"][frame]["regions"]
    return [tuple(np.mean(region["corners"], axis=0)) for region in regions]


@pytest.mark.parametrize("seed", range(4))
def test_no_text(seed: int) -> None:
    score = score_of(background(seed), background(seed + 10))
    assert score.value == 0
    assert score.parts["text_area"] == 0


@pytest.mark.parametrize("at", [(8, 32), (WIDTH - 140, 32), (8, HEIGHT - 10), (WIDTH - 140, HEIGHT - 10), (360, 250)])
def test_one_text_wherever_it_is(at: tuple[int, int]) -> None:
    score = score_of(write(background(), "Channel", at))
    assert score.value == 1
    ((x, y),) = middles(score)
    assert abs(x * WIDTH - (at[0] + 60)) < 25
    assert abs(y * HEIGHT - (at[1] - 10)) < 15


@pytest.mark.parametrize("count", [2, 3, 5])
def test_lines_are_counted(count: int) -> None:
    image = background()
    for line in range(count):
        image = write(image, "Some words of a line", (60, 70 + 85 * line))
    assert score_of(image).value == count


def test_words_of_one_line_are_one_region() -> None:
    assert score_of(write(background(), "He   opens   the   door", (150, 440))).value == 1


def test_text_far_apart_on_one_level_is_two_regions() -> None:
    image = write(write(background(), "LIVE", (20, 40)), "12:45", (740, 40))
    assert score_of(image).value == 2


@pytest.mark.parametrize("height", [9, 12, 40, 100])
def test_small_and_large_text(height: int) -> None:
    assert score_of(write(background(), "Sale 24", (100, 260), height=height)).value == 1


@pytest.mark.parametrize("colour", [(255, 220, 0), (255, 30, 30), (0, 0, 0), (0, 255, 120)])
def test_coloured_text(colour: tuple[int, int, int]) -> None:
    assert score_of(write(background(), "Breaking", (300, 250), colour=colour, height=30)).value == 1


@pytest.mark.parametrize("degrees", [-30, 15, 45, 90])
def test_turned_text(degrees: float) -> None:
    ink = write(np.zeros((HEIGHT, WIDTH, 3), np.uint8), "Rotated text", (320, 250))
    turn = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), degrees, 1)
    assert score_of(np.maximum(background(), cv2.warpAffine(ink, turn, (WIDTH, HEIGHT)))).value == 1


def test_area_is_a_share_of_the_picture() -> None:
    small = score_of(write(background(), "Title", (300, 260), height=30)).parts["text_area"]
    large = score_of(write(background(), "Title", (300, 260), height=60)).parts["text_area"]
    assert 0.004 < small < 0.02
    assert 3 < large / small < 5


def test_a_caption_that_stays_counts_once() -> None:
    image = write(background(), "All the time", (300, 450))
    assert score_of(*[image] * 5).value == 1


def test_a_caption_of_a_part_of_the_clip_counts() -> None:
    plain, image = background(), write(write(background(), "Two", (300, 400)), "lines", (300, 450))
    assert score_of(plain, plain, image, image, plain).value == 2
    assert score_of(plain, plain, image, plain, plain).value == 0  # seen once: not borne out


def test_per_frame_detail_can_be_checked() -> None:
    score = score_of(background(), write(background(), "Word", (40, 80)))
    first, second = score.detail["frames"]
    assert (first["count"], second["count"]) == (0, 1)
    assert (first["time"], second["time"]) == (0, 0.5)
    (region,) = second["regions"]
    assert 0.6 <= region["score"] <= 1
    assert len(region["corners"]) == 4


def test_it_says_the_same_twice() -> None:
    image = write(background(), "Again", (300, 250))
    assert score_of(image) == score_of(image)


def test_no_frame_no_value() -> None:
    score = TextBoxes()(CLIP, Frames(np.empty((0, 8, 8, 3), np.uint8), np.empty(0)))
    assert score.value is None
    assert score.detail["reason"]


def test_real_footage_without_text() -> None:
    path = files.locate("sample_bigbuckbunny").path
    clip = Clip(id="0", uri=str(path), end=5, width=1280, height=720, fps=25)
    sampling = TextBoxes().sampling
    assert TextBoxes()(clip, decode(clip, [sampling])[sampling]).value == 0


def test_real_clips(shared_clips: Path) -> None:
    """Seen by eye: subtitles in two lines, a map full of names, one logo, and clips without a letter."""
    truth = {
        "czAykeFF83k.158.mp4": (2, 3),
        "COLGm4vIVuQ.9.mp4": (20, 200),
        "H2y15JUfSIQ.0.mp4": (1, 1),
        "vE7ciKU5KM4.4.mp4": (0, 0),
        "C_7tn_oGHI0.432.mp4": (0, 0),
        "oKQnD2aawvI.13.mp4": (0, 0),
    }
    for name, (least, most) in truth.items():
        clip = Clip(id="0", uri=str(shared_clips / name), end=2.5, width=640, height=360, fps=30)
        sampling = Sampling(frames=3, short_side=480)
        score = TextBoxes(sampling=sampling)(clip, decode(clip, [sampling])[sampling])
        assert score.value is not None
        assert least <= score.value <= most, name


def blob(*rectangles: tuple[int, int, int, int], value: float = 0.9) -> np.ndarray:
    """A map of probabilities with (left, top, right, bottom) set to `value`."""
    made = np.zeros((240, 320), np.float32)
    for left, top, right, bottom in rectangles:
        made[top:bottom, left:right] = value
    return made


def test_a_box_grows_by_area_times_ratio_over_perimeter() -> None:
    (box,) = boxes_of(blob((50, 100, 151, 121)), Binarization())
    corners = np.asarray(box.corners)
    grown = 100 * 20 * 1.5 / (2 * (100 + 20))
    assert np.allclose(corners.min(axis=0), (50 - grown, 100 - grown), atol=0.6)
    assert np.allclose(corners.max(axis=0), (150 + grown, 120 + grown), atol=0.6)
    assert box.score == pytest.approx(0.9, abs=1e-3)


@pytest.mark.parametrize("name", ["unclip", "min_side"])
@pytest.mark.parametrize("value", [-0.001, float("inf"), float("nan")])
def test_lengths_are_0_or_more(name: str, value: float) -> None:
    assert getattr(Binarization(**{name: 0.0}), name) == 0.0
    with pytest.raises(ValueError, match=f"{name}: 0 or more; it came as {value}"):
        Binarization(**{name: value})


def test_unsure_thin_and_giant_boxes_are_dropped() -> None:
    assert not boxes_of(blob((50, 100, 151, 121), value=0.5), Binarization())
    assert not boxes_of(blob((50, 100, 151, 102)), Binarization())
    assert not boxes_of(blob((5, 5, 315, 235)), Binarization())


def test_text_inside_a_frame_of_pixels_is_found() -> None:
    ring = blob((10, 10, 310, 230)) - blob((20, 20, 300, 220)) + blob((100, 100, 200, 120))
    (box,) = boxes_of(ring, Binarization())
    assert np.allclose(np.mean(box.corners, axis=0), (150, 110), atol=1)


def line_box(left: float, top: float, right: float, bottom: float) -> TextBox:
    return TextBox(((left, top), (right, top), (right, bottom), (left, bottom)), 0.9)


def test_what_is_one_line() -> None:
    first = line_box(0, 0, 60, 20)
    assert len(lines_of([first, line_box(75, 2, 130, 22)], LineRule())) == 1
    assert len(lines_of([first, line_box(95, 0, 160, 20)], LineRule())) == 2  # a wide gap
    assert len(lines_of([first, line_box(0, 24, 60, 44)], LineRule())) == 2  # the line below
    assert len(lines_of([first, line_box(70, 0, 190, 45)], LineRule())) == 2  # another size
    assert len(lines_of([first, line_box(70, -40, 88, 60)], LineRule())) == 2  # another direction
    chain = [line_box(70 * at, 0, 70 * at + 60, 20) for at in (2, 0, 1, 3)]
    assert len(lines_of(chain, LineRule())) == 1
