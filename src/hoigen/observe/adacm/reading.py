"""Frames -> pairs with the chances of their verbs, with trained weights or without."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hoigen.core.errors import SetupError
from hoigen.interactions import hico
from hoigen.models import load as loading
from hoigen.models import room, tensors, uses
from hoigen.models.uses import ModelUse, Network
from hoigen.observe.adacm import finder, published, sentences
from hoigen.observe.adacm.shots import chances, memory_of
from hoigen.observe.boxes import chosen
from hoigen.observe.detections import Box
from hoigen.observe.frame import Detection
from hoigen.observe.geometry import around

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

NETWORKS = "hoigen.observe.adacm.networks"
CROPS = 64
"""Of things and pairs that CLIP sees at once."""
CLIPS: Mapping[int, str] = {512: "openai/clip-vit-base-patch16", 768: "openai/clip-vit-large-patch14-336"}
"""The published CLIP of each width of features."""
Read = tuple[Detection, Detection, Mapping[str, float]]
"""A person, a thing, and the chance of each verb that HICO-DET has for the thing. Boxes in 0..1."""


VerbsOf = Callable[["np.ndarray", "Image", Sequence[Detection], Sequence[tuple[int, int]]], list[dict[str, float]]]
"""Of a frame, it enlarged, its boxes, and pairs of their numbers: the verbs of each pair."""


def read(
    boxes: room.Handle, verbs: VerbsOf, images: Sequence[np.ndarray], least: float, fewest: int, most: int
) -> list[list[Read]]:
    """The pairs of each frame.

    Args:
        boxes: asks a DETR.
        verbs: the half that differs, trained or not.
        images: of one size.
        least, fewest, most: which boxes are looked at, as `chosen` has it.
    """
    pictures = [finder.enlarged(image) for image in images]
    found = finder.found(boxes, finder.tensors(pictures))
    rows: list[list[Read]] = []
    for image, picture, mine in zip(images, pictures, found, strict=True):
        persons, things = chosen(mine, least, fewest, most)
        every = [*persons, *things]
        pairs = [(one, other) for one in range(len(persons)) for other in range(len(every)) if one != other]
        told = verbs(image, picture, every, pairs) if pairs else []
        rows.append([(every[one], every[other], row) for (one, other), row in zip(pairs, told, strict=True)])
    return rows


def trained_verbs(
    model: room.Handle,
    image: np.ndarray,
    picture: Image,
    found: Sequence[Detection],
    pairs: Sequence[tuple[int, int]],
) -> list[dict[str, float]]:
    """`VerbsOf` by trained weights. model: asks them."""
    import numpy as np
    from PIL import Image

    side = model.facts["side"]
    small = finder.tensors([picture.resize((side, side), Image.Resampling.BICUBIC)])[0]
    numbers = {name: at for at, name in enumerate(sentences.coco())}
    things = np.array([[numbers[each.label], each.score, *each.box] for each in found])
    [logits] = model([(small, things, np.array(pairs))], method="of_pictures")
    rows = logits.sigmoid().numpy()
    return [by_verb(row, found[other].label) for row, (_, other) in zip(rows, pairs, strict=True)]


def shot_verbs(
    model: room.Handle,
    temperature: float,
    image: np.ndarray,
    picture: Image,
    found: Sequence[Detection],
    pairs: Sequence[tuple[int, int]],
) -> list[dict[str, float]]:
    """`VerbsOf` without training. model: asks CLIP and what is remembered of crops."""
    single = _seen(model, [crop(image, each.box) for each in found])
    both = _seen(model, [crop(image, around(found[one].box, found[other].box)) for one, other in pairs])
    persons, things = (list(each) for each in zip(*pairs, strict=True))
    logits = model(single[persons], single[things], both, method="alike").numpy()
    labels = [found[other].label for other in things]
    rows = chances(logits, labels, temperature)
    return [by_verb(row, label) for row, label in zip(rows, labels, strict=True)]


def _seen(model: room.Handle, crops: Sequence[Any]) -> Any:
    """(crops, channels), of length 1."""
    import torch

    prepare = room.once(loading.processor, "images", model.facts["found"])
    rows = []
    for start in range(0, len(crops), CROPS):
        inputs = prepare(images=list(crops[start : start + CROPS]), return_tensors="pt")
        rows.append(model(inputs["pixel_values"], method="seen"))
    return torch.cat(rows)


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


def networks(
    checkpoint: Path | None,
    detector: Path | None,
    memory: Path | None,
    *,
    clip: str,
    device: str,
    shots: int,
    batch: int,
) -> tuple[Network, Network]:
    """What finds boxes, and what tells verbs: by trained weights (checkpoint), or by a DETR and a memory.

    Args:
        checkpoint, detector, memory: files of one's own.
        clip: by its name on the hub or a folder; empty for the published one that goes with the files.
        device: auto, cpu or cuda.
        shots: what is remembered of each pair.
        batch: frames at once.
    """
    boxes = Network(
        build=f"{NETWORKS}:boxes", files=(("detr", str(checkpoint or detector)),), device=device, batch=batch
    )
    if checkpoint is not None:
        files, options = (("checkpoint", str(checkpoint)),), (("clip", clip),)
        return boxes, Network(build=f"{NETWORKS}:trained", files=files, options=options, device=device, batch=batch)
    files, more = (("memory", str(memory)),), (("clip", clip), ("shots", shots))
    return boxes, Network(build=f"{NETWORKS}:untrained", files=files, options=more, device=device, batch=CROPS)


def clip_for(checkpoint: Path | None, memory: Path | None, shots: int) -> ModelUse:
    """The published CLIP that goes with these files. Reads one of them, once a process as long
    as it stays the same."""
    file = tensors.own(str(checkpoint or memory))
    return uses.of_hub(clip_of("", _width(file, None if checkpoint is not None else shots)))


@functools.lru_cache(maxsize=4)
def _width(file: tensors.Found, shots: int | None) -> int:
    """Numbers of a feature. shots: of a memory; None for a trained checkpoint."""
    if shots is not None:
        return int(memory_of(file.path, shots).both.shape[1])
    proj = published.parts_of(file)[0].get("proj")
    return int(proj.shape[1]) if proj is not None else 0


def clip_of(name: str, width: int) -> str:
    """The CLIP whose features have that width."""
    wanted = name or CLIPS.get(width)
    if wanted is None:
        raise SetupError(f"clip: features of {width} numbers are of no published CLIP that is known; name one")
    return wanted
