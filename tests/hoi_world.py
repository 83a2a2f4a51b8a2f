"""Small scenes whose truth is known: an articulated figure, an object, when they touch, and what a detector would say.

The figure is one unit tall and stands on the ground; its right hand holds the object, or is away from it. The rest
moves too, so that a score that looked at the whole body would not be still. Faults are added to what a detector says,
never to the truth: jitter of points and masks, dropped detections, and breaks, in which the hand lets go.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from hoigen.measures.fine.distances import BEYOND, HAND
from hoigen.observe.frame import ObservedFrame, Person, Somebody, Thing
from hoigen.observe.geometry import in_shares
from hoigen.observe.masks import Mask
from hoigen.observe.observation import About, FrameRows, Observation

AWAY = 0.45
"""Of the figure's height: how far the hand is from the object when it lets go."""
SWING = 0.12
"""Seconds that the hand takes to let go or to grasp."""


@dataclass(frozen=True, kw_only=True)
class World:
    """A scene. seconds, fps, size: of the video, size as (width, height). tall: the figure's height over the picture's.

    touching: intervals of seconds in which the hand holds the object. jitter: standard deviation of points and of the
    mask's place, over the figure's height. dropped: share of frames without the object; drops: seconds without it.
    bystanders: further persons, who touch nothing. hands: whether landmarks of the hand are seen, not the body alone.
    blinks: the object is there in every other frame alone. grows: times its length at the end. witnesses: who agrees on
    the figure; None for a detector that does not say.
    """

    seconds: float = 4.0
    fps: float = 24.0
    size: tuple[int, int] = (640, 360)
    tall: float = 0.7
    touching: tuple[tuple[float, float], ...] = ((0.0, math.inf),)
    jitter: float = 0.0
    dropped: float = 0.0
    drops: tuple[tuple[float, float], ...] = ()
    bystanders: int = 0
    hands: bool = False
    label: str = "sports_ball"
    seed: int = 0
    blinks: bool = False
    grows: float = 1.0
    witnesses: tuple[str, ...] | None = None

    @property
    def height(self) -> float:
        """Of the figure, pixels."""
        return self.tall * self.size[1]

    @property
    def times(self) -> np.ndarray:
        return np.arange(round(self.seconds * self.fps)) / self.fps

    @property
    def contact(self) -> np.ndarray:
        """The truth: whether the hand holds the object, per frame."""
        return np.array([any(a <= t < b for a, b in self.touching) for t in self.times])

    def openness(self, time: float) -> float:
        """How far the hand has let go, 0..1; it takes SWING seconds, which begin when contact ends."""
        outside = min((max(a - time, time - b, 0.0) for a, b in self.touching), default=math.inf)
        return min(1.0, outside / SWING)

    def points(self, time: float, shift: float = 0.0) -> dict[str, tuple[float, float]]:
        """The figure's joints at a moment, pixels. shift: to the side, in heights."""
        sway = 0.02 * math.sin(2 * math.pi * 0.5 * time)
        at = {"nose": (0.0, 0.93), "left_shoulder": (0.129, 0.82), "right_shoulder": (-0.129, 0.82)}
        at |= {"left_hip": (0.095, 0.53), "right_hip": (-0.095, 0.53)}
        bend = 0.03 * math.sin(2 * math.pi * 0.7 * time)
        for side, sign in (("left", 1), ("right", -1)):
            hip = at[f"{side}_hip"]
            at[f"{side}_knee"] = knee = _along(hip, -90 + sign * 100 * bend, 0.245)
            at[f"{side}_ankle"] = _along(knee, -90, 0.246)
        angle = -20 - 30 * math.sin(2 * math.pi * 0.3 * time)
        for side, lean in (("left", -60 + 200 * bend), ("right", 180 - angle)):
            elbow = _along(at[f"{side}_shoulder"], lean, 0.186)
            at[f"{side}_elbow"], at[f"{side}_wrist"] = elbow, _along(elbow, lean, 0.146)
        foot = self.size[1] * 0.95
        centre = self.size[0] * 0.55
        return {
            name: (centre + (x + sway + shift) * self.height, foot - y * self.height) for name, (x, y) in at.items()
        }

    def hand(self, points: Mapping[str, tuple[float, float]]) -> tuple[float, float]:
        """The middle of the right hand."""
        wrist, elbow = points["right_wrist"], points["right_elbow"]
        return wrist[0] + BEYOND * (wrist[0] - elbow[0]), wrist[1] + BEYOND * (wrist[1] - elbow[1])

    def ball(self, time: float) -> tuple[float, float, float]:
        """The object at a moment, pixels: x, y and radius. The hand is at its middle when it holds it."""
        x, y = self.hand(self.points(time))
        away = AWAY * self.openness(time) * self.height
        return x - away, y + 0.2 * away, 0.06 * self.height

    def mask(self, x: float, y: float, radius: float, source: str = "truth") -> Mask:
        left, top = math.floor(x - radius) - 1, math.floor(y - radius) - 1
        span = np.arange(math.ceil(2 * radius) + 3) + 0.5
        far = (span[None] + left - x) ** 2 + (span[:, None] + top - y) ** 2
        return Mask(pixels=far <= radius**2, left=left, top=top, source=source)

    def scenes(self) -> Iterator[ObservedFrame]:
        """What a detector with the world's faults says of every frame."""
        chance = np.random.default_rng(self.seed)
        for at, time in enumerate(self.times):
            shake = self.jitter * self.height * chance.standard_normal(2)
            x, y, radius = self.ball(float(time))
            ball = x, y, radius * self.grows ** (float(time) / self.seconds)
            gone = chance.random() < self.dropped or any(a <= time < b for a, b in self.drops)
            gone = gone or (self.blinks and bool(at % 2))
            persons = [self._person(self.points(float(time), shift), chance) for shift in self._places()]
            things = [] if gone else [self._thing(ball, shake)]
            somebody = None
            if self.witnesses is not None:
                box = in_shares(persons[0].box, self.size)
                somebody = [Somebody(box=box, score=0.9, by=self.witnesses)]
            yield ObservedFrame(time=float(time), size=self.size, persons=persons, things=things, somebody=somebody)

    def _places(self) -> list[float]:
        return [0.0, *(0.7 * (at + 1) for at in range(self.bystanders))]

    def _person(self, points: dict[str, tuple[float, float]], chance: np.random.Generator) -> Person:
        moved = {
            name: (x + dx, y + dy)
            for (name, (x, y)), (dx, dy) in zip(
                points.items(), self.jitter * self.height * chance.standard_normal((len(points), 2)), strict=True
            )
        }
        at = np.array(list(moved.values()))
        (x0, y0), (x1, y1) = at.min(axis=0), at.max(axis=0)
        hands = [self._fingers(moved)] if self.hands else []
        return Person(box=(float(x0), float(y0), float(x1), float(y1)), points=moved, hands=hands)

    def _fingers(self, points: Mapping[str, tuple[float, float]]) -> np.ndarray:
        """21 landmarks on a line from the wrist to the end of the hand."""
        wrist, middle = np.array(points["right_wrist"]), np.array(self.hand(points))
        ahead = (middle - wrist) / max(1e-9, float(np.hypot(*(middle - wrist))))
        return wrist + ahead * HAND * self.height * np.linspace(0, 1, 21)[:, None]

    def _thing(self, ball: tuple[float, float, float], shake: Sequence[float]) -> Thing:
        x, y, radius = ball[0] + shake[0], ball[1] + shake[1], ball[2]
        box = (x - radius, y - radius, x + radius, y + radius)
        return Thing(label=self.label, score=0.9, box=box, mask=self.mask(x, y, radius))

    def image(self, time: float) -> np.ndarray:
        """The scene as a picture, (H, W, 3) uint8, for masks made of boxes."""
        picture = np.full((self.size[1], self.size[0], 3), (120, 140, 120), np.uint8)
        noise = np.random.default_rng(self.seed).integers(0, 18, picture.shape, np.uint8)
        picture += noise
        points = self.points(time)
        thick = max(1, round(0.05 * self.height))
        for a, b in _BONES:
            cv2.line(picture, _pixel(points[a]), _pixel(points[b]), (60, 50, 160), thick, cv2.LINE_AA)
        cv2.circle(picture, _pixel(points["nose"]), round(0.065 * self.height), (190, 150, 120), -1, cv2.LINE_AA)
        x, y, radius = self.ball(time)
        cv2.circle(picture, _pixel((x, y)), round(radius), (230, 120, 20), -1, cv2.LINE_AA)
        return picture


_BONES = (
    ("left_shoulder", "right_shoulder"),
    ("left_hip", "right_hip"),
    *(
        (f"{side}_{a}", f"{side}_{b}")
        for side in ("left", "right")
        for a, b in (
            ("shoulder", "elbow"),
            ("elbow", "wrist"),
            ("shoulder", "hip"),
            ("hip", "knee"),
            ("knee", "ankle"),
        )
    ),
)


def _along(start: tuple[float, float], degrees: float, length: float) -> tuple[float, float]:
    return start[0] + length * math.cos(math.radians(degrees)), start[1] + length * math.sin(math.radians(degrees))


def _pixel(point: tuple[float, float]) -> tuple[int, int]:
    return round(point[0]), round(point[1])


def seen_in(world: World) -> Observation:
    """What the world's detector says, written and read back."""
    return Observation(about=About(observer="fake_world"), frames=FrameRows.of(world.scenes()))


def breaks(count: int, seconds: float, length: float = 0.3) -> tuple[tuple[float, float], ...]:
    """Intervals of touch with `count` breaks of `length` seconds between them, evenly spread."""
    edges = [0.0]
    for at in range(count):
        middle = seconds * (at + 0.5) / count
        edges += [middle - length / 2, middle + length / 2]
    edges.append(math.inf)
    return tuple((edges[at], edges[at + 1]) for at in range(0, len(edges), 2))
