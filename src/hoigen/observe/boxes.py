"""Boxes of named things by a detector of the hub, one that takes words or one of fixed classes; and pairs of them, as
two-stage detectors make them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hoigen.models import hub, uses
from hoigen.models import load as loading
from hoigen.observe.detections import as_name
from hoigen.observe.frame import Detection
from hoigen.observe.geometry import over
from hoigen.observe.hub_model import HubModel

GROUNDED: Mapping[str, str] = {
    "grounding-dino": "GroundingDinoForObjectDetection",
    "mm-grounding-dino": "MMGroundingDinoForObjectDetection",
}
"""Take one text; a class is as sure as the surest of its words."""
SOFTMAX = ("detr",)
"""Their last class is nothing; the others give each class a chance of its own."""
ALIKE = 0.7
"""Intersection over union from which two boxes of a class are one."""
SAME = 0.5
"""The same, where pairs are made of them."""
SPOKEN: Mapping[str, str] = {"hair_drier": "hair dryer", "tv": "television"}
"""Words that a detector of language knows better than HICO-DET's."""
SPELLED: Mapping[str, str] = {
    "sofa": "couch",
    "motorbike": "motorcycle",
    "aeroplane": "airplane",
    "tvmonitor": "tv",
    "diningtable": "dining_table",
    "pottedplant": "potted_plant",
    "hair_dryer": "hair_drier",
}
"""COCO's classes as some checkpoints spell them -> HICO-DET's names."""


@dataclass(frozen=True, slots=True)
class BoxFinder:
    """Finds things by name in pictures of one size.

    Args:
        model: of boxes; its batch counts pictures.
        threshold: a less sure box is not there.
    """

    model: HubModel
    threshold: float

    def load(self) -> None:
        _ = self.model.processor("images")
        if self.classes is None:
            _ = self.model.processor("tokenizer")

    @property
    def classes(self) -> Sequence[str] | None:
        """The names of fixed classes by their number; None where any word may be asked."""
        classes = self.model.loaded.facts["classes"]
        if classes is None:
            return None
        names = [as_name(name) or "" for name in classes]
        return tuple(SPELLED.get(name, name) for name in names)

    @property
    def asks_words(self) -> bool:
        """Whether it finds what it is asked for by words. Told by the model's settings, without loading it; of one that
        is not on this machine yet, that it does."""
        use = uses.of_hub(self.model.name)
        found = hub.at_hand(use.id, use.revision)
        return found is None or loading.model_type(found) in GROUNDED

    def __call__(self, images: Sequence[Any], wanted: Sequence[str]) -> list[list[Detection]]:
        """The wanted things of each picture, the surest first; boxes in pixels. images: (H, W, 3) uint8 RGB, all of one
        size."""
        model, classes = self.model.loaded, self.classes
        inputs = self.model.processor("images")(images=list(images), return_tensors="pt")
        given = {name: inputs[name] for name in ("pixel_values", "pixel_mask") if name in inputs}
        asked: list[tuple[dict[str, Any], Any]] = []
        if classes is not None:
            logits, boxes = model(**given)
            scores = logits.softmax(-1)[..., :-1] if model.facts["kind"] in SOFTMAX else logits.sigmoid()
            asked.append(({name: scores[..., at] for at, name in enumerate(classes) if name in wanted}, boxes))
        else:
            words = self.model.processor("tokenizer")
            for text, spans in texts(words, wanted, model.facts["longest"]):
                tokens = words([text] * len(images), return_tensors="pt", return_token_type_ids=True)
                logits, boxes = model(**given, **tokens)
                scores = logits.sigmoid()
                asked.append(({name: scores[..., list(at)].amax(-1) for name, at in spans.items()}, boxes))
        rows: list[list[Detection]] = [[] for _ in images]
        for chances, boxes in asked:
            for row, found in zip(rows, self._sure(chances, boxes, images[0].shape[:2]), strict=True):
                row += found
        return [apart(row, ALIKE) for row in rows]

    def _sure(self, chances: Mapping[str, Any], boxes: Any, size: tuple[int, int]) -> list[list[Detection]]:
        """Sure boxes of each picture. chances: name -> (pictures, queries); boxes: middles and sizes, 0..1."""
        import torch

        rows: list[list[Detection]] = [[] for _ in range(len(boxes))]
        if not chances:
            return rows
        names, (height, width) = list(chances), size
        scores, best = torch.stack([chances[name] for name in names]).max(0)  # a box is one thing, the likeliest
        values, which, places = scores.numpy(), best.numpy(), boxes.numpy()
        for picture, query in zip(*(values > self.threshold).nonzero(), strict=True):
            x, y, wide, tall = (float(side) for side in places[picture, query])
            x0, x1 = max(0.0, x - wide / 2) * width, min(1.0, x + wide / 2) * width
            y0, y1 = max(0.0, y - tall / 2) * height, min(1.0, y + tall / 2) * height
            if x1 - x0 >= 1 and y1 - y0 >= 1:
                label, score = names[which[picture, query]], float(values[picture, query])
                rows[picture].append(Detection(label=label, score=score, box=(x0, y0, x1, y1)))
        return rows


def texts(tokenizer: Any, wanted: Sequence[str], longest: int) -> list[tuple[str, dict[str, list[int]]]]:
    """What a detector of words is asked: `a word. another.`, with the numbers of each one's tokens.

    Args:
        tokenizer: the model's.
        wanted: classes; in the text, full stops part them, so that none may be within.
        longest: tokens of a text; as many texts as it asks for.
    """
    told, left = [], list(wanted)
    said = [SPOKEN.get(word, word.replace("_", " ")).replace(".", " ").lower() for word in left]
    while left:
        count = len(left)
        while True:
            text = " ".join(f"{word}." for word in said[:count])
            if count == 1 or len(tokenizer(text)["input_ids"]) <= longest:
                break
            count -= 1
        offsets = tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
        spans, start = {}, 0
        for word, spoken in zip(left[:count], said, strict=False):
            end = start + len(spoken)
            spans[word] = [at for at, (a, b) in enumerate(offsets) if start <= a < b <= end]
            start = end + 2
        told.append((text, {word: at for word, at in spans.items() if at}))
        left, said = left[count:], said[count:]
    return told


def apart(found: Sequence[Detection], alike: float) -> list[Detection]:
    """The surest boxes, without those that are one with a surer one of their class.

    Args:
        found: all boxes.
        alike: intersection over union from which two boxes of a class are one.
    """
    kept: list[Detection] = []
    for each in sorted(found, key=lambda found: -found.score):
        if all(other.label != each.label or over(other.box, each.box) < alike for other in kept):
            kept.append(each)
    return kept


def chosen(found: Sequence[Detection], least: float, fewest: int, most: int) -> tuple[list[Detection], list[Detection]]:
    """The persons and the other things that pairs of a frame are made of, the surest first.

    Args:
        found: the boxes of the frame.
        least: a less sure box is left out.
        fewest: so many persons, and so many things, stay however unsure, where there are that many.
        most: of either kind.
    """
    boxes = apart(found, SAME)
    kinds = [box for box in boxes if box.label == "person"], [box for box in boxes if box.label != "person"]
    persons, things = (mine[: min(most, max(sum(box.score >= least for box in mine), fewest))] for mine in kinds)
    return persons, things


def candidates(found: Sequence[Detection], least: float, fewest: int, most: int) -> list[tuple[Detection, Detection]]:
    """All ordered pairs of a person and another box, persons too. The numbers are those of `chosen`."""
    persons, things = chosen(found, least, fewest, most)
    return [(person, thing) for person in persons for thing in [*things, *persons] if thing is not person]
