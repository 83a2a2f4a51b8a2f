"""Frames -> pairs with the chances of their verbs, with trained weights or without."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hoigen import hico
from hoigen.errors import SetupError
from hoigen.hoi.adacm import detr, finder, published, sentences, visual
from hoigen.hoi.adacm.shots import Memory, chances, read
from hoigen.hoi.adacm.trained import Trained
from hoigen.hoi.detections import Box
from hoigen.hoi.detectors._pairing import around, chosen
from hoigen.hoi.readers.boxes import Found
from hoigen.models import cards, tensors
from hoigen.models import pretrained as shelf
from hoigen.models.load import device_of

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

KIND = {"clip": "CLIPModel"}
CLIPS: Mapping[int, str] = {512: "openai/clip-vit-base-patch16", 768: "openai/clip-vit-large-patch14-336"}
"""The published CLIP of each width of features."""
Read = tuple[Found, Found, Mapping[str, float]]
"""A person, a thing, and the chance of each verb that HICO-DET has for the thing. Boxes in 0..1."""


@dataclass(slots=True)
class Reader:
    """verbs: the half that differs, trained or not."""

    boxes: Any
    verbs: TrainedVerbs | ShotVerbs
    device: str
    ledger: list[dict[str, str]]

    def read(self, images: Sequence[np.ndarray], least: float, fewest: int, most: int) -> list[list[Read]]:
        """The pairs of each frame. images: of one size."""
        pictures = [finder.enlarged(image) for image in images]
        found = finder.found(self.boxes, finder.tensors(pictures).to(self.device))
        rows = []
        for image, picture, boxes in zip(images, pictures, found, strict=True):
            persons, things = chosen(boxes, least, fewest, most)
            rows.append(self._pairs(image, picture, persons, things))
        return rows

    def _pairs(
        self, image: np.ndarray, picture: Image, persons: Sequence[Found], things: Sequence[Found]
    ) -> list[Read]:
        every = [*persons, *things]
        pairs = [(one, other) for one in range(len(persons)) for other in range(len(every)) if one != other]
        if not pairs:
            return []
        rows = self.verbs(image, picture, every, pairs)
        return [(every[one], every[other], row) for (one, other), row in zip(pairs, rows, strict=True)]


@dataclass(slots=True)
class TrainedVerbs:
    model: Trained
    device: str

    def __call__(
        self, image: np.ndarray, picture: Image, found: Sequence[Found], pairs: Sequence[tuple[int, int]]
    ) -> list[dict[str, float]]:
        import torch

        small = finder.tensors([finder.square(picture, self.model.visual.side)])[0].to(self.device)
        with torch.inference_mode():
            rows = self.model(small, found, pairs).sigmoid().float().cpu().numpy()
        return [by_verb(row, found[other].label) for row, (_, other) in zip(rows, pairs, strict=True)]


@dataclass(slots=True)
class ShotVerbs:
    """clip: of transformers; texts: (600, channels) of length 1."""

    clip: shelf.Loaded
    images: Any
    texts: np.ndarray
    memory: Memory
    temperature: float

    def __call__(
        self, image: np.ndarray, picture: Image, found: Sequence[Found], pairs: Sequence[tuple[int, int]]
    ) -> list[dict[str, float]]:
        single = self._seen([crop(image, each.box) for each in found])
        both = self._seen([crop(image, around(found[one].box, found[other].box)) for one, other in pairs])
        persons, things = (list(each) for each in zip(*pairs, strict=True))
        logits = self.memory.logits(single[persons], single[things], both, self.texts)
        labels = [found[other].label for other in things]
        rows = chances(logits, labels, self.temperature)
        return [by_verb(row, label) for row, label in zip(rows, labels, strict=True)]

    def _seen(self, crops: Sequence[Any]) -> np.ndarray:
        """(crops, channels), of length 1."""
        import numpy as np

        rows = []
        for start in range(0, len(crops), 64):
            inputs = self.images(images=list(crops[start : start + 64]), return_tensors="pt")
            rows.append(features(self.clip, self.clip.model.get_image_features, pixel_values=inputs["pixel_values"]))
        return np.concatenate(rows)


def by_verb(row: np.ndarray, thing: str) -> dict[str, float]:
    """Numbers of 117 verbs or 600 pairs -> those of the verbs that HICO-DET has for a thing."""
    numbers = {verb: at for at, verb in enumerate(hico.verbs())}
    own = [(at, pair.verb) for at, pair in enumerate(hico.pairs()) if pair.object == thing]
    whole = len(row) == len(hico.pairs())
    return {verb: float(row[at if whole else numbers[verb]]) for at, verb in own}


def crop(image: np.ndarray, box: Box) -> np.ndarray:
    """What is in a box, in 0..1 of the picture, within a black square."""
    import numpy as np

    height, width = image.shape[:2]
    x0, x1 = (round(min(max(side, 0.0), 1.0) * width) for side in (box[0], box[2]))
    y0, y1 = (round(min(max(side, 0.0), 1.0) * height) for side in (box[1], box[3]))
    piece = image[min(y0, height - 1) : max(y1, y0 + 1), min(x0, width - 1) : max(x1, x0 + 1)]
    tall, wide = piece.shape[:2]
    side = max(tall, wide)
    square = np.zeros((side, side, 3), np.uint8)
    top, left = (side - tall) // 2, (side - wide) // 2
    square[top : top + tall, left : left + wide] = piece
    return square


def features(clip: shelf.Loaded, ask: Any, **given: Any) -> np.ndarray:
    """(rows, channels) of length 1. Newer versions of transformers hand them over within a larger answer."""
    found = clip.run(ask, **given)
    rows = getattr(found, "pooler_output", found).float()
    whole: np.ndarray = (rows / rows.norm(dim=-1, keepdim=True)).cpu().numpy()
    return whole


def trained(checkpoint: Path, clip: str, device: str) -> Reader:
    """Raises SetupError when the checkpoint, or CLIP's texts, cannot be read."""
    file = tensors.own(str(checkpoint))
    parts = published.parts_of(file)
    device = device_of(device)
    eyes = visual.built(parts.visual, file)
    loaded = _clip(clip, int(eyes.proj.shape[1]), device)
    tokens = _tokens(loaded, sentences.of_objects())
    told = loaded.run(loaded.model.get_text_features, **tokens)
    objects = getattr(told, "pooler_output", told).float().cpu()
    model = Trained(eyes, parts.head, objects, file).eval().requires_grad_(False).to(device)
    if model.head.classes not in (len(hico.verbs()), len(hico.pairs())):
        raise SetupError(f"{file.path}: {model.head.classes} classes; HICO-DET has 117 verbs and 600 pairs")
    boxes = _detr(parts.detr, file).to(device)
    return Reader(boxes, TrainedVerbs(model, device), device, [_entry(file), shelf.ledger(loaded)])


def untrained(detector: Path, memory: Path, clip: str, device: str, shots: int, temperature: float) -> Reader:
    """Raises SetupError when one of the files cannot be read."""
    files = [tensors.own(str(path)) for path in (detector, memory)]
    device = device_of(device)
    boxes = _detr(published.detector_of(files[0]), files[0]).to(device)
    kept = read(files[1].path, shots)
    width = kept.both.shape[1]
    loaded = _clip(clip, width, device)
    texts = features(loaded, loaded.model.get_text_features, **_tokens(loaded, sentences.of_pairs()))
    if texts.shape[1] != width:
        raise SetupError(f"memory: {memory}: features of {width} numbers; {loaded.found.name} makes {texts.shape[1]}")
    verbs = ShotVerbs(loaded, shelf.processor("images", loaded.found), texts, kept, temperature)
    return Reader(boxes, verbs, device, [*map(_entry, files), shelf.ledger(loaded)])


def _detr(state: Mapping[str, Any], file: tensors.Found) -> Any:
    made = detr.built(state, file)
    classes, wanted = made.class_embed.out_features - 1, len(sentences.coco())
    if classes != wanted:
        raise SetupError(
            f"{file.path}: a DETR of {classes} classes; it needs the {wanted} that HICO-DET has, in COCO's order"
        )
    return made


def clip_for(checkpoint: Path | None, memory: Path | None, shots: int) -> str:
    """The published CLIP that goes with these files, by its name on the hub. Reads one of them, once a process as long
    as it stays the same."""
    file = tensors.own(str(checkpoint or memory))
    return _clip_of("", _width(file, None if checkpoint is not None else shots))


@functools.lru_cache(maxsize=4)
def _width(file: tensors.Found, shots: int | None) -> int:
    """Numbers of a feature. shots: of a memory; None for a trained checkpoint."""
    if shots is not None:
        return int(read(file.path, shots).both.shape[1])
    proj = published.parts_of(file).visual.get("proj")
    return int(proj.shape[1]) if proj is not None else 0


def _clip_of(name: str, width: int) -> str:
    """The CLIP whose features have that width."""
    wanted = name or CLIPS.get(width)
    if wanted is None:
        raise SetupError(f"clip: features of {width} numbers are of no published CLIP that is known; name one")
    return wanted


def _clip(name: str, width: int, device: str) -> shelf.Loaded:
    return shelf.load(_clip_of(name, width), device, "float32", KIND, "clip")


def _tokens(loaded: shelf.Loaded, texts: Sequence[str]) -> dict[str, Any]:
    tokens = shelf.processor("tokenizer", loaded.found)(list(texts), return_tensors="pt", padding=True)
    return {name: tokens[name] for name in ("input_ids", "attention_mask")}


def _entry(file: tensors.Found) -> dict[str, str]:
    return {"name": file.name, "sha256": file.sha256, "licence": cards.of_file("ada_cm").licence}
