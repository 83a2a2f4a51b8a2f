"""Movement of known pace, drawn; encoded where the decoder matters."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from hoigen import Clip, Score
from hoigen.measures.motion import Motion
from hoigen.models.nets.dis_flow import split_flow
from hoigen.video import decode
from hoigen.video.plan import moments
from render import render, texture


def wall(seed: int, size: tuple[int, int]) -> np.ndarray:
    """Detail at all scales, as natural pictures have it: amplitude falls with frequency."""
    chance, (height, width) = np.random.default_rng(seed), size
    total = np.zeros((height, width, 3), np.float32)
    for cell in (4, 8, 16, 32, 64):
        noise = chance.standard_normal((height // cell + 2, width // cell + 2, 3)).astype(np.float32)
        total += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC) * cell**0.5
    return np.clip(total / total.std() * 45 + 128, 0, 255).astype(np.uint8)


WORLD = wall(1, (1200, 2000))
THING = wall(2, (400, 400))
SIZE = (360, 640)
DIAGONAL = math.hypot(*SIZE)

Scene = Callable[[float], np.ndarray]


def scene(
    *,
    size: tuple[int, int] = SIZE,
    pan: tuple[float, float] = (0, 0),
    zoom: float = 0,
    turn: float = 0,
    thing: float = 0,
    noise: float = 0,
    seed: int = 0,
) -> Scene:
    """A picture of a wall at each second. pan: diagonals per second; zoom: doublings per second; turn: degrees.

    thing: a square of a third of the height that runs to and fro in the middle, in diagonals per second.
    """
    height, width = size
    diagonal, unit = math.hypot(height, width), height / 720
    chance = np.random.default_rng(seed)

    def at(second: float) -> np.ndarray:
        scale, angle = unit * 2 ** (zoom * second), math.radians(turn * second)
        a, b = scale * math.cos(angle), scale * math.sin(angle)
        middle = WORLD.shape[1] / 2, WORLD.shape[0] / 2
        x = width / 2 - a * middle[0] + b * middle[1] + pan[0] * diagonal * second
        y = height / 2 - b * middle[0] - a * middle[1] + pan[1] * diagonal * second
        image = cv2.warpAffine(
            WORLD, np.float32([[a, -b, x], [b, a, y]]), (width, height), borderMode=cv2.BORDER_REFLECT
        )
        if thing:
            reach = 0.12
            along = abs((thing * second + reach) % (4 * reach) - 2 * reach) - reach
            side = height / 3 / THING.shape[0]
            place = np.float32([[side, 0, width / 2 + along * diagonal - height / 6], [0, side, height / 3]])
            cover = cv2.warpAffine(np.full_like(THING, 255), place, (width, height))
            image = np.where(cover > 127, cv2.warpAffine(THING, place, (width, height)), image)
        if noise:
            image = np.clip(image + chance.normal(0, noise, image.shape), 0, 255).astype(np.uint8)
        return image

    return at


def steady(fps: float, seconds: float = 3) -> list[float]:
    return [at / fps for at in range(round(seconds * fps))]


def score_of(look: Scene, times: Sequence[float] | None = None) -> Score:
    """What the measure says when it is handed the frames that its sampling asks for."""
    measure, times = Motion(), list(times or steady(30))
    stream = measure.begin(Clip(id="0", uri="", end=times[-1] + 0.04, width=SIZE[1], height=SIZE[0], fps=30))
    wanted: set[int] = set()
    for moment in moments(measure.sampling, times[-1] + 0.01):
        shown = max((at for at, second in enumerate(times) if second <= moment + 1e-6), default=0)
        wanted |= {shown, min(shown + 1, len(times) - 1)}
    for at in sorted(wanted):
        gray = cv2.cvtColor(look(times[at]), cv2.COLOR_RGB2GRAY)
        scale = min(1, (measure.sampling.short_side or 0) / min(gray.shape))
        small = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        stream.see(small, times[at])
    return stream.score()


def numbers(score: Score) -> tuple[float, float, float]:
    assert score.value is not None
    return score.value, score.parts["camera_motion"] or 0.0, score.parts["subject_motion"] or 0.0


@pytest.mark.parametrize("pace", [0.01, 0.05, 0.2, 0.6, 1.0])
def test_a_pan_has_its_true_pace_and_is_the_camera(pace: float) -> None:
    score = score_of(scene(pan=(pace * 0.8, pace * 0.6)), steady(30, 1 if pace > 0.5 else 3))
    motion, camera, subject = numbers(score)
    assert motion == pytest.approx(pace, rel=0.1)
    assert camera == pytest.approx(motion, rel=0.05)
    assert subject < 0.1 * motion
    assert score.detail["kind"] == "camera"
    pans = np.asarray(score.detail["pairs"]["pan"])
    assert np.allclose(np.median(pans, axis=0), (pace * 0.8, pace * 0.6), rtol=0.1)


def test_a_thing_that_moves_before_a_still_camera_is_the_subject() -> None:
    score = score_of(scene(thing=0.3))
    motion, camera, subject = numbers(score)
    covered = (SIZE[0] / 3) ** 2 / (SIZE[0] * SIZE[1])
    assert subject == pytest.approx(0.3 * covered, rel=0.35)  # flow cannot see behind the thing's edge
    assert subject == pytest.approx(motion, rel=0.05)
    assert camera < 0.05 * motion
    assert score.detail["kind"] == "subject"
    assert 0.03 < np.median(score.detail["pairs"]["moving"]) < 0.15


def test_both_at_once_are_told_apart() -> None:
    camera, subject = numbers(score_of(scene(thing=0.3, pan=(0, 0.05))))[1:]
    alone = numbers(score_of(scene(thing=0.3)))[2]
    assert camera == pytest.approx(0.05, rel=0.1)
    assert subject == pytest.approx(alone, rel=0.25)


def test_zoom_and_turn_are_the_camera() -> None:
    for look, name, pace in ((scene(zoom=0.4), "zoom", 0.4), (scene(turn=20), "turn", 20)):
        score = score_of(look)
        motion, camera, subject = numbers(score)
        assert score.detail["kind"] == "camera"
        assert camera == pytest.approx(motion, rel=0.05)
        assert subject < 0.15 * motion
        assert np.median(score.detail["pairs"][name]) == pytest.approx(pace, rel=0.1)


def test_still_is_nothing() -> None:
    assert numbers(score_of(scene())) == pytest.approx((0, 0, 0), abs=1e-9)


@pytest.mark.parametrize("noise", [4, 10])
@pytest.mark.parametrize("world", [WORLD, texture(1, (1200, 2000))], ids=["rich", "poor"])
def test_sensor_noise_is_still(monkeypatch: pytest.MonkeyPatch, noise: float, world: np.ndarray) -> None:
    monkeypatch.setattr(sys.modules[__name__], "WORLD", world)
    score = score_of(scene(noise=noise))
    assert numbers(score)[0] < 0.001
    assert score.detail["kind"] == "still"


def test_size_does_not_matter() -> None:
    values = [numbers(score_of(scene(size=size, pan=(0.2, 0)))) for size in ((360, 640), (720, 1280), (1080, 1920))]
    assert np.ptp(values, axis=0)[0] < 0.01


def test_shape_does_not_matter() -> None:
    """The same pace in diagonals, wide, square and upright."""
    for size in ((360, 840), (480, 480), (640, 360)):
        assert numbers(score_of(scene(size=size, pan=(0.1, 0.1))))[0] == pytest.approx(0.1414, rel=0.05)


@pytest.mark.parametrize("fps", [8, 24, 25, 30, 50, 60])
@pytest.mark.parametrize("pace", [0.03, 0.2])
def test_frame_rate_does_not_matter(fps: float, pace: float) -> None:
    assert numbers(score_of(scene(pan=(pace, 0)), steady(fps)))[0] == pytest.approx(pace, rel=0.1)


def test_a_variable_frame_rate_does_not_matter() -> None:
    times = np.cumsum(np.random.default_rng(5).uniform(0.01, 0.08, 70)).tolist()
    assert numbers(score_of(scene(pan=(0.2, 0)), times))[0] == pytest.approx(0.2, rel=0.05)


@pytest.mark.parametrize(("shot", "shown"), [(15, 30), (12, 24), (10, 30), (8, 24), (24, 30)])
@pytest.mark.parametrize("pace", [0.03, 0.15])
def test_repeated_frames_do_not_matter(shot: int, shown: int, pace: float) -> None:
    look = scene(pan=(pace, 0))
    repeating = score_of(lambda second: look(math.floor(second * shot + 1e-6) / shot), steady(shown))
    assert numbers(repeating)[0] == pytest.approx(pace, rel=0.1)


def test_one_frame_has_no_motion() -> None:
    stream = Motion().begin(Clip(id="0", uri="", end=1, width=640, height=360, fps=30))
    stream.see(np.zeros((320, 569), np.uint8), 0.0)
    score = stream.score()
    assert score.value is None
    assert score.detail["reason"] == "one frame only"
    assert score.parts == {"camera_motion": None, "subject_motion": None}


def test_frames_are_not_held() -> None:
    stream = Motion().begin(Clip(id="0", uri="", end=60, width=640, height=360, fps=30))
    look = scene(size=(90, 160), thing=0.3)
    for at in range(200):
        stream.see(cv2.cvtColor(look(at / 30), cv2.COLOR_RGB2GRAY), at / 30)
    held = [thing for thing in vars(stream).values() if isinstance(thing, tuple)]
    assert len(held) <= 2
    assert len(stream.pairs) == 199


def test_it_says_the_same_twice() -> None:
    assert score_of(scene(thing=0.3, pan=(0.1, 0))) == score_of(scene(thing=0.3, pan=(0.1, 0)))


def test_a_flat_picture_has_no_motion_of_its_own() -> None:
    """Sky that shows no structure moves with the camera as far as anyone can tell."""
    image = np.full((320, 568), 128, np.uint8)
    image[:100, :200] = cv2.cvtColor(WORLD, cv2.COLOR_RGB2GRAY)[:100, :200]
    later = np.roll(image, 3, axis=1)
    flow = np.zeros((320, 568, 2), np.float32)
    flow[:110, :210] = (3, 0)
    split = split_flow(flow, image, later)
    assert split.camera == pytest.approx(3, rel=0.05)
    assert split.motion == pytest.approx(3, rel=0.05)
    assert split.subject < 0.15


def test_a_flow_that_explains_nothing_is_not_believed() -> None:
    image = cv2.cvtColor(WORLD, cv2.COLOR_RGB2GRAY)[:320, :568]
    chance = np.random.default_rng(0)
    noisy = np.clip(image + chance.normal(0, 8, image.shape), 0, 255).astype(np.uint8)
    flow = chance.normal(0, 0.4, (320, 568, 2)).astype(np.float32)
    split = split_flow(flow, image, noisy)
    assert split.motion < 0.01


def test_a_person_who_fills_the_middle_is_not_the_camera() -> None:
    image = cv2.cvtColor(WORLD, cv2.COLOR_RGB2GRAY)[:320, :568]
    flow = np.zeros((320, 568, 2), np.float32)
    flow[50:, 100:470] = (4, 2)  # more than half of the picture, cut off by its lower edge
    later = image.copy()
    later[52:, 104:470] = image[50:-2, 100:466]
    split = split_flow(flow, image, later)
    assert split.camera < 0.05
    assert split.subject == pytest.approx(split.motion, rel=0.05)


@pytest.mark.parametrize("options", [{"crf": "18"}, {"crf": "32"}])
def test_through_a_real_file(tmp_path: Path, options: dict[str, str]) -> None:
    look, times = scene(pan=(0.15, 0)), steady(30, 2)
    path = render(tmp_path / "pan.mp4", map(look, times), fps=30, options=options)
    measure = Motion()
    clip = Clip(id="0", uri=str(path), end=2, width=SIZE[1], height=SIZE[0], fps=30)
    stream = measure.begin(clip)
    decode(clip, (), [(measure.sampling, stream.see)])
    motion, camera, subject = numbers(stream.score())
    assert motion == pytest.approx(0.15, rel=0.1)
    assert camera == pytest.approx(0.15, rel=0.1)
    assert subject < 0.02
    assert len(stream.score().detail["pairs"]["time"]) == 10


def test_real_clips(shared_clips: Path) -> None:
    """Seen by eye: what moves in them."""
    truth = {
        "0WjR6cSMi2A.3.mp4": "subject",  # hands at work under a camera on a stand
        "voZx_XeQMgg.0.mp4": "camera",  # a drone over a field
        "MIytG6bc4bk.44.mp4": "camera",  # along a painted ceiling
        "uguibLEdeCU.12.mp4": "subject",  # a blender that runs
    }
    for name, kind in truth.items():
        measure = Motion()
        clip = Clip(id="0", uri=str(shared_clips / name), end=2.5, width=640, height=360, fps=30)
        stream = measure.begin(clip)
        decode(clip, (), [(measure.sampling, stream.see)])
        assert stream.score().detail["kind"] == kind, name


def test_a_picture_that_stands_for_long_counts_for_as_long() -> None:
    clip = Clip(id="0", uri="", end=60.0, width=640, height=360, fps=25)
    stream = Motion().begin(clip)
    moving = [np.roll(texture(1, (180, 320))[..., 0], 6 * at, axis=1) for at in range(4)]
    for image, time in zip(moving[:2], (0.0, 0.04), strict=True):
        stream.see(image, time)
    for image, time in zip((moving[1], moving[1]), (0.25, 30.0), strict=True):
        stream.see(image, time)
    for image, time in zip(moving[2:], (30.2, 30.24), strict=True):
        stream.see(image, time)
    score = stream.score()
    pairs = score.detail["pairs"]["motion"]
    assert score.value is not None
    assert score.value < 0.05 * max(pairs)
