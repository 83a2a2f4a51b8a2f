"""Boxes of named things by a detector of the hub, one that takes words or one of fixed classes; and pairs of them, as
two-stage detectors make them."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hoigen.models import hub, room, uses
from hoigen.models import load as loading
from hoigen.observe.detections import Box, as_name
from hoigen.observe.geometry import around, over

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A thing. label: by HICO-DET's names where it has it; score: 0..1; box: pixels."""

    label: str
    score: float
    box: Box


@dataclass(frozen=True, slots=True)
class BoxFinder:
    """Finds things by name in pictures of one size.

    Args:
        name: of the model: an id of the hub, or a folder.
        device: auto, cpu or cuda.
        dtype: float32, bfloat16 or float16.
        threshold: a less sure box is not there.
        batch: pictures that may be looked at together.
    """

    name: str
    device: str
    dtype: str
    threshold: float
    batch: int = 8

    @property
    def network(self) -> uses.Network:
        return room.network_of(self, "hoigen.observe.networks:boxes", self.batch)

    @property
    def loaded(self) -> room.Handle:
        return room.handle(self.network)

    @property
    def images(self) -> Any:
        return room.once(loading.processor, "images", self.loaded.facts["found"])

    @property
    def words(self) -> Any:
        return room.once(loading.processor, "tokenizer", self.loaded.facts["found"])

    def load(self) -> None:
        _ = self.images
        if self.classes is None:
            _ = self.words

    @property
    def classes(self) -> Sequence[str] | None:
        """The names of fixed classes by their number; None where any word may be asked."""
        names = self.loaded.facts["classes"]
        return None if names is None else _hicos(names)

    @property
    def asks_words(self) -> bool:
        """Whether it finds what it is asked for by words. Told by the model's settings, without loading it; of one that
        is not on this machine yet, that it does."""
        use = uses.of_hub(self.name)
        found = hub.at_hand(use.id, use.revision)
        return found is None or loading.model_type(found) in GROUNDED

    def __call__(self, images: Sequence[Any], wanted: Sequence[str]) -> list[list[Found]]:
        """The wanted things of each picture, the surest first. images: (H, W, 3) uint8 RGB, all of one size."""
        inputs = self.images(images=list(images), return_tensors="pt")
        given = {name: inputs[name] for name in ("pixel_values", "pixel_mask") if name in inputs}
        size, classes = images[0].shape[:2], self.classes
        if classes is None:
            rows = [self._grounded(given, text, spans, size) for text, spans in self._texts(wanted)]
            return [apart([found for part in parts for found in part]) for parts in zip(*rows, strict=True)]
        logits, boxes = self.loaded(**given)
        scores = logits.softmax(-1)[..., :-1] if self.loaded.facts["kind"] in SOFTMAX else logits.sigmoid()
        numbers = {name: at for at, name in enumerate(classes) if name in wanted}
        chances = {name: scores[..., at] for name, at in numbers.items()}
        return [apart(row) for row in self._rows(chances, boxes, size)]

    def _grounded(
        self, given: Mapping[str, Any], text: str, spans: Mapping[str, Sequence[int]], size: tuple[int, int]
    ) -> list[list[Found]]:
        count = len(given["pixel_values"])
        tokens = self.words([text] * count, return_tensors="pt", return_token_type_ids=True)
        logits, boxes = self.loaded(**given, **tokens)
        scores = logits.sigmoid()
        chances = {name: scores[..., list(at)].amax(-1) for name, at in spans.items()}
        return self._rows(chances, boxes, size)

    def _rows(self, chances: Mapping[str, Any], boxes: Any, size: tuple[int, int]) -> list[list[Found]]:
        """Sure boxes of each picture. chances: name -> (pictures, queries); boxes: middles and sizes, 0..1."""
        import torch

        rows: list[list[Found]] = [[] for _ in range(len(boxes))]
        if not chances:
            return rows
        names = list(chances)
        scores, best = torch.stack([chances[name] for name in names]).max(0)  # a box is one thing, the likeliest
        values, which, corners = scores.numpy(), best.numpy(), boxes.numpy()
        for picture, query in zip(*(values > self.threshold).nonzero(), strict=True):
            box = _corners(corners[picture, query], size)
            if box[2] - box[0] >= 1 and box[3] - box[1] >= 1:
                label, score = names[which[picture, query]], float(values[picture, query])
                rows[picture].append(Found(label=label, score=score, box=box))
        return rows

    def _texts(self, wanted: Sequence[str]) -> list[tuple[str, dict[str, list[int]]]]:
        """`a word. another.` with the numbers of each one's tokens; as many texts as the model's length asks for."""
        most = self.loaded.facts["longest"]
        texts, left = [], list(wanted)
        while left:
            count = len(left)
            while count > 1 and len(self.words(_text(left[:count]))["input_ids"]) > most:
                count -= 1
            texts.append((_text(left[:count]), self._spans(left[:count])))
            left = left[count:]
        return texts

    def _spans(self, words: Sequence[str]) -> dict[str, list[int]]:
        offsets = self.words(_text(words), return_offsets_mapping=True)["offset_mapping"]
        spans, start = {}, 0
        for word in words:
            end = start + len(_say(word))
            spans[word] = [at for at, (a, b) in enumerate(offsets) if start <= a < b <= end]
            start = end + 2
        return {word: at for word, at in spans.items() if at}


def _text(words: Sequence[str]) -> str:
    return " ".join(f"{_say(word)}." for word in words)


def _say(word: str) -> str:
    """A class as a text has it; full stops part classes, so that none may be within."""
    return SPOKEN.get(word, word.replace("_", " ")).replace(".", " ").lower()


@functools.cache
def _hicos(names: tuple[str, ...]) -> tuple[str, ...]:
    own = [as_name(name) or "" for name in names]
    return tuple(SPELLED.get(name, name) for name in own)


def _corners(box: Sequence[float], size: tuple[int, int]) -> Box:
    """Middle and size in 0..1 -> corners in pixels, within the picture. size: (height, width)."""
    x, y, wide, tall = (float(side) for side in box)
    height, width = size
    x0, x1 = max(0.0, x - wide / 2) * width, min(1.0, x + wide / 2) * width
    y0, y1 = max(0.0, y - tall / 2) * height, min(1.0, y + tall / 2) * height
    return x0, y0, x1, y1


def apart(found: Sequence[Found], alike: float = ALIKE) -> list[Found]:
    """The surest boxes, without those that are one with a surer one of their class."""
    kept: list[Found] = []
    for each in sorted(found, key=lambda found: -found.score):
        if all(other.label != each.label or over(other.box, each.box) < alike for other in kept):
            kept.append(each)
    return kept


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person and a thing of one frame. frame: its number. Boxes in pixels."""

    frame: int
    person: Found
    thing: Found

    @property
    def sure(self) -> float:
        """How surely both are there, 0..1."""
        return self.person.score * self.thing.score

    @property
    def around(self) -> Box:
        """The smallest box that holds both."""
        return around(self.person.box, self.thing.box)


def candidates(frame: int, found: Sequence[Found], least: float, fewest: int, most: int) -> list[Candidate]:
    """All ordered pairs of a person and another box.

    Args:
        frame: its number.
        found: the boxes of the frame.
        least: a less sure box is left out.
        fewest: so many persons, and so many things, stay however unsure, where there are that many.
        most: of either kind, the surest.
    """
    persons, things = chosen(found, least, fewest, most)
    others = [*things, *persons]
    return [Candidate(frame, person, thing) for person in persons for thing in others if thing is not person]


def chosen(found: Sequence[Found], least: float, fewest: int, most: int) -> tuple[list[Found], list[Found]]:
    """The persons and the other things that pairs are made of; the numbers are those of `candidates`."""
    boxes = apart(found, SAME)
    persons = _chosen([box for box in boxes if box.label == "person"], least, fewest, most)
    return persons, _chosen([box for box in boxes if box.label != "person"], least, fewest, most)


def _chosen(found: Sequence[Found], least: float, fewest: int, most: int) -> list[Found]:
    """found: the surest first."""
    sure = sum(each.score >= least for each in found)
    return list(found[: min(most, max(sure, fewest))])
