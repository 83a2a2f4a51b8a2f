"""How much text is in the picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

from hoigen.core.clip import Clip, Frames, Sampling, check_sees
from hoigen.core.registry import measure
from hoigen.core.score import Number, Score
from hoigen.core.settings import Setting
from hoigen.models import room, uses
from hoigen.models.nets.text_detector import Binarization, TextBox

if TYPE_CHECKING:
    from hoigen.models.nets.text_detector import TextDetector


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRule:
    """When two boxes are one line of text: alike in height and slant, side by side, little between them."""

    gap: Annotated[float, Setting("at most this many text heights lie between them")] = 1.0
    offset: Annotated[float, Setting("they are shifted across the line by at most this many heights")] = 0.5
    height_ratio: Annotated[float, Setting("the taller is at most this many times as tall")] = 1.6
    slant: Annotated[float, Setting("degrees between them")] = 12.0


@measure(
    "text_boxes",
    numbers=(
        Number(
            name="text_boxes",
            label="Text Boxes",
            better="less",
            place=61,
            about="Text regions in the picture, a count; fewer is cleaner, and the paper drops clips with more than "
            "one.",
        ),
        Number(
            name="text_area",
            label="Text Area",
            better="less",
            share=True,
            place=62,
            about="Share of the picture that text covers, 0..1, taken over frames in the same way.",
        ),
    ),
)
class TextBoxes:
    """Text regions in the picture, a count; fewer is cleaner, and the paper drops clips with more than one.

    A region is one line of text: what the detector draws as one box, and boxes that follow one another on a line
    (words set apart) joined. Two lines of a caption are two regions, as are a logo and a clock. Frames spread over
    the clip are searched whole, corners and edges included.

    Over time a caption that stays counts once: regions are counted per frame, never added up over frames. The value
    is the largest count that at least `support` of the frames reach (two frames by default): a caption that shows
    for a part of the clip only is found, and a texture that looks like letters in a single frame is not. With one
    frame, that frame counts.

    detail: per frame its time, count, area, and regions (corners as shares of width and height, score 0..1).

    Source: HOIGen-1M, section 3.1, "Optical Character Recognition" (DBNet++, over one text is dropped). Detector:
    PP-OCRv6 small, of the same family, which boxes lines where the ICDAR 2015 model of the paper boxes words.
    """

    sampling: Sampling = Sampling(frames=5, short_side=480)
    binarization: Annotated[Binarization, Setting("how a map of text probability becomes boxes")] = field(
        default_factory=Binarization
    )
    line: Annotated[LineRule, Setting("when two boxes are one line of text")] = field(default_factory=LineRule)
    support: Annotated[int, Setting("frames that must reach a count (or area) for it to be the clip's")] = 2
    models = uses.named("text_detector")

    def __post_init__(self) -> None:
        check_sees(self.sampling)
        if not 1 <= self.support <= max(2, self.sampling.frames):
            raise ValueError(f"support: 1 to {max(2, self.sampling.frames)} frames; it came as {self.support}")

    def load(self) -> None:
        detector(self.binarization)

    def __call__(self, clip: Clip, frames: Frames) -> Score:
        if not len(frames):
            return Score(None, {"reason": "no frame to look at"})
        import cv2
        import numpy as np

        find, (height, width) = detector(self.binarization), frames.images.shape[1:3]
        seen: list[dict[str, Any]] = []
        for image, time in zip(frames.images, frames.times, strict=True):
            lines = lines_of(find(image), self.line)
            covered = np.zeros((height, width), np.uint8)
            for line in lines:
                cv2.fillConvexPoly(covered, np.round(np.asarray(line.corners)).astype(np.int32), 1)
            regions = [
                {
                    "corners": [[round(x / width, 4), round(y / height, 4)] for x, y in line.corners],
                    "score": round(line.score, 3),
                }
                for line in lines
            ]
            area = round(float(covered.mean()), 5)
            seen.append({"time": round(float(time), 3), "count": len(lines), "area": area, "regions": regions})
        least = min(self.support, len(seen)) - 1  # the largest number that so many of the frames reach
        count, area = (sorted((frame[name] for frame in seen), reverse=True)[least] for name in ("count", "area"))
        return Score(float(count), {"frames": seen}, {"text_area": area})


def detector(binarization: Binarization) -> TextDetector:
    """The detector of this process, loaded on first use."""
    from hoigen.models.nets.text_detector import TextDetector

    return room.once(TextDetector, binarization)


def lines_of(boxes: Sequence[TextBox], rule: LineRule) -> list[TextBox]:
    """Boxes with those of one line joined into one; the score of a line is that of its best box."""
    import cv2
    import numpy as np

    runs = [_Run.of(box) for box in boxes]
    label = list(range(len(boxes)))  # of the line that each is on: chains of neighbours
    for i, one in enumerate(runs):
        for j in range(i):
            if label[i] != label[j] and _on_one_line(one, runs[j], rule):
                old, new = label[i], label[j]
                label = [new if at == old else at for at in label]
    lines = []
    for number in dict.fromkeys(label):
        group = [box for at, box in zip(label, boxes, strict=True) if at == number]
        corners = group[0].corners
        if len(group) > 1:
            points = np.concatenate([np.asarray(box.corners, np.float32) for box in group])
            corners = tuple((float(x), float(y)) for x, y in cv2.boxPoints(cv2.minAreaRect(points)))
        lines.append(TextBox(corners, max(box.score for box in group)))
    return sorted(lines, key=lambda line: -line.score)


@dataclass(frozen=True, slots=True)
class _Run:
    """A box as a stretch of writing: its middle, its length and height in pixels, its slant in degrees, 0..180."""

    x: float
    y: float
    length: float
    height: float
    slant: float

    @classmethod
    def of(cls, box: TextBox) -> _Run:
        (ax, ay), (bx, by), (cx, cy), _ = box.corners
        first, second = math.hypot(bx - ax, by - ay), math.hypot(cx - bx, cy - by)
        along = (bx - ax, by - ay) if first >= second else (cx - bx, cy - by)
        slant = math.degrees(math.atan2(along[1], along[0])) % 180
        return cls((ax + cx) / 2, (ay + cy) / 2, max(first, second), min(first, second), slant)

    @property
    def squarish(self) -> bool:
        """One or two letters: which side is the height, and so the slant, is not known."""
        return self.length < 1.5 * self.height


def _on_one_line(one: _Run, other: _Run, rule: LineRule) -> bool:
    if one.squarish and other.squarish:  # single letters: read them as a line of upright or level writing
        level = abs(one.x - other.x) >= abs(one.y - other.y)
        lead = _Run(one.x, one.y, one.length, one.height, 0.0 if level else 90.0)
    else:
        lead = one if one.length >= other.length else other
    tail = other if lead.x == one.x and lead.y == one.y else one
    small, large = sorted((one.height, other.height))
    if large > rule.height_ratio * small:
        return False
    turned = abs((lead.slant - tail.slant + 90) % 180 - 90)
    if turned > rule.slant and not tail.squarish:
        return False
    angle = math.radians(lead.slant)
    dx, dy = tail.x - lead.x, tail.y - lead.y
    along = abs(dx * math.cos(angle) + dy * math.sin(angle))
    across = abs(dy * math.cos(angle) - dx * math.sin(angle))
    return across <= rule.offset * large and along - (one.length + other.length) / 2 <= rule.gap * large
