"""How much text is in the picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

from hoigen.core.clip import Clip, Frames, Sampling, check_sees
from hoigen.core.registry import measure
from hoigen.core.score import Number, Score
from hoigen.core.settings import Setting
from hoigen.models import room, uses
from hoigen.models.nets.text_detector import STRIDE, Binarization, TextBox, Words, words_of
from hoigen.models.uses import AnyUse, Network

if TYPE_CHECKING:
    import numpy as np

    from hoigen.models.nets.text_detector import TextDetector

DETECTORS = ("pp_ocr", "dbnetpp")
ON_CARD = 8
"""Pictures that a graphics card looks at together with DBNet++."""
LONGEST = 4068
"""Pixels of the longer side of what DBNet++ sees, at most, as mmocr tests it."""
STEPS = 32767
"""Of a probability that is sent: maps are as large as pictures."""


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
    (words set apart) joined; with `line: null` every box is one. Two lines of a caption are two regions, as are a logo
    and a clock. Frames spread over the clip are searched whole, corners and edges included.

    Two detectors of one family: `pp_ocr` (PP-OCRv6 small, which boxes lines) on any CPU, and the paper's own,
    `dbnetpp` (DBNet++ of ICDAR 2015, which boxes words; needs extra [models], and wants a graphics card). Their counts
    do not compare.

    Over time a caption that stays counts once: regions are counted per frame, never added up over frames. The value
    is the largest count that at least `support` of the frames reach (two frames by default): a caption that shows
    for a part of the clip only is found, and a texture that looks like letters in a single frame is not. With one
    frame, that frame counts.

    detail: per frame its time, count, area, and regions (corners as shares of width and height, score 0..1); of
    `dbnetpp` also `weights`: what was used.

    Source: HOIGen-1M, section 3.1, "Optical Character Recognition" (DBNet++, over one text is dropped). Which of
    DBNet++'s models, the paper does not say: that of Open-Sora's filter, mmocr's dbnetpp_resnet50-oclip_fpnc.
    """

    sampling: Sampling = Sampling(frames=5, short_side=480)
    detector: Annotated[
        str,
        Setting("pp_ocr, small and on the CPU, boxes lines; dbnetpp, the paper's, boxes words: show it whole frames"),
    ] = "pp_ocr"
    binarization: Annotated[Binarization, Setting("of pp_ocr: how a map of text probability becomes boxes")] = field(
        default_factory=Binarization
    )
    words: Annotated[Words, Setting("of dbnetpp: what it is shown, and how its map becomes boxes")] = field(
        default_factory=Words
    )
    line: Annotated[LineRule | None, Setting("when two boxes are one line of text; null: every box is a region")] = (
        field(default_factory=LineRule)
    )
    support: Annotated[int, Setting("frames that must reach a count (or area) for it to be the clip's")] = 2
    checkpoint: Annotated[
        str,
        Setting(
            "of dbnetpp: a file of one's own, of mmocr's DBNet++ with ResNet-50 (oCLIP or dcnv2); empty for the "
            "published one",
            file=True,
        ),
    ] = ""
    batch: room.Batch = None
    device: room.Device = "auto"
    dtype: room.Dtype = "auto"

    def __post_init__(self) -> None:
        check_sees(self.sampling)
        room.check_settings(self.dtype, self.batch)
        if self.detector not in DETECTORS:
            raise ValueError(f"detector: {' or '.join(DETECTORS)}; it came as {self.detector!r}")
        if self.checkpoint and self.detector != "dbnetpp":
            raise ValueError(f"checkpoint: of detector dbnetpp alone; it came with {self.detector}")
        if not 1 <= self.support <= max(2, self.sampling.frames):
            raise ValueError(f"support: 1 to {max(2, self.sampling.frames)} frames; it came as {self.support}")

    @property
    def files(self) -> dict[str, str]:
        return {"dbnetpp": self.checkpoint} if self.detector == "dbnetpp" else {}

    @property
    def models(self) -> tuple[AnyUse, ...]:
        return uses.of_files(self.files) if self.detector == "dbnetpp" else uses.named("text_detector")

    @property
    def networks(self) -> tuple[Network, ...]:
        """What is asked, and loaded once for all who ask it."""
        if self.detector != "dbnetpp":
            return ()
        return (room.network_of(self, "hoigen.models.nets.dbnet:built", on_card=ON_CARD),)

    @property
    def identity(self) -> Mapping[str, Any]:
        common = {"line": self.line and asdict(self.line), "support": self.support}
        if self.detector == "dbnetpp":
            return room.identity_of(self, self.files) | common | {"words": asdict(self.words)}
        return common | {"sampling": asdict(self.sampling), "binarization": asdict(self.binarization)}

    def load(self) -> None:
        if self.detector == "pp_ocr":
            detector(self.binarization)

    def __call__(self, clip: Clip, frames: Frames) -> Score:
        if not len(frames):
            return Score(None, {"reason": "no frame to look at"})
        import cv2
        import numpy as np

        detail: dict[str, Any] = {}
        if self.detector == "dbnetpp":
            model = room.handle(*self.networks)
            boxes, detail["weights"] = words_in(model, frames.images, self.words), list(model.ledger)
        else:
            boxes = list(map(detector(self.binarization), frames.images))
        height, width = frames.images.shape[1:3]
        seen: list[dict[str, Any]] = []
        for found, time in zip(boxes, frames.times, strict=True):
            lines = found if self.line is None else lines_of(found, self.line)
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
        return Score(float(count), {"frames": seen, **detail}, {"text_area": area})


def detector(binarization: Binarization) -> TextDetector:
    """The detector pp_ocr of this process, loaded on first use."""
    from hoigen.models.nets.text_detector import TextDetector

    return room.once(TextDetector, binarization)


def words_in(model: room.Handle, images: np.ndarray, words: Words) -> list[list[TextBox]]:
    """Boxes of text that DBNet++ finds in each picture, best first, in the picture's pixels.

    Args:
        model: the network, `hoigen.models.nets.dbnet`.
        images: (n, H, W, 3) uint8, RGB.
        words: what the network is shown, and how its map becomes boxes.
    """
    step = model.together(images[0].nbytes)
    look = LookForText(words.short_side)
    asked = [model.submit(images[start : start + step], method=look) for start in range(0, len(images), step)]
    height, width = images.shape[1:3]
    tall, wide = shown_size(height, width, words.short_side)
    found = []
    for later in asked:
        for each in later.result():
            boxes = words_of(each.numpy().astype("float32") / STEPS, words)
            scaled = (
                TextBox(tuple((x * width / wide, y * height / tall) for x, y in box.corners), box.score)
                for box in boxes
            )
            found.append(list(scaled))
    return found


@dataclass(frozen=True, slots=True)
class LookForText:
    """Asks DBNet++ where text is in pictures (`room.Look`).

    Args:
        short_side: pixels of what the network sees.
    """

    short_side: int

    def kind(self, images: tuple[int, ...]) -> Any:
        """The size that the network sees."""
        return tuple(-(-side // STRIDE) * STRIDE for side in shown_size(images[1], images[2], self.short_side))

    def prepare(self, images: Any) -> tuple[Any]:
        """What the network takes of (N, H, W, 3) uint8 pictures: made larger or smaller to whole grey levels as mmocr
        does with OpenCV, normalised, and filled up with the mean at the right and below, to multiples of 32."""
        import torch
        import torch.nn.functional as F

        from hoigen.models.nets.parts import constant
        from hoigen.models.nets.pixels import IMAGENET_MEAN, IMAGENET_STD

        size = shown_size(images.shape[1], images.shape[2], self.short_side)
        values = torch.as_tensor(images).permute(0, 3, 1, 2).float()
        values = F.interpolate(values, size, mode="bilinear").round() / 255
        mean, deviation = (constant(each, values.device).reshape(1, 3, 1, 1) for each in (IMAGENET_MEAN, IMAGENET_STD))
        return (F.pad((values - mean) / deviation, (0, -size[1] % STRIDE, 0, -size[0] % STRIDE)),)

    def __call__(self, model: Any, pictures: Any) -> Any:
        """Probabilities of text, (N, H', W') int16, 0 to `STEPS`: half of what numbers of 32 bits would be to send."""
        import torch

        return (model(pictures) * STEPS).round().to(torch.int16)


def shown_size(height: int, width: int, short_side: int) -> tuple[int, int]:
    """Height and width to which mmocr resizes a picture, before it is filled up.

    Args:
        height: of the picture, in pixels.
        width: likewise.
        short_side: pixels of the shorter side; fewer where the longer one would have more than `LONGEST`.
    """
    scale = min(LONGEST / max(height, width), short_side / min(height, width))
    return int(height * scale + 0.5), int(width * scale + 0.5)


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
