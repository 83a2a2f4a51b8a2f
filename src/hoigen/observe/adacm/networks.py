"""ADA-CM's networks, as they are loaded once: DETR's boxes, the trained verbs, and CLIP with a memory of crops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from hoigen.core.errors import SetupError
from hoigen.interactions import hico
from hoigen.models import cards, hub
from hoigen.models import load as loading
from hoigen.models.tensors import Found as File
from hoigen.observe.adacm import detr, published, sentences
from hoigen.observe.adacm.reading import clip_of
from hoigen.observe.adacm.shots import Memory, memory_of
from hoigen.observe.adacm.trained import Trained, adapted_vit
from hoigen.observe.networks import features

CLIP = {"clip": "CLIPModel"}


def boxes(file: File) -> Any:
    """The DETR of a file of its own, or of trained weights that hold one.

    Raises SetupError when it is of other classes than HICO-DET's.
    """
    made = detr.built(published.detector_of(file), file)
    classes, wanted = made.class_embed.out_features - 1, len(sentences.coco())
    if classes != wanted:
        raise SetupError(
            f"{file.path}: a DETR of {classes} classes; it needs the {wanted} that HICO-DET has, in COCO's order"
        )
    made.ledger = [_entry(file)]
    return made


def trained(file: File, clip: str) -> Trained:
    """Raises SetupError when the checkpoint, or CLIP's texts, cannot be read.

    Args:
        file: the trained weights.
        clip: the CLIP that they were trained with, or empty for the published one of that width.
    """
    visual, head = published.parts_of(file)
    eyes = adapted_vit(visual, file)
    found, _, objects = _clip(clip, int(eyes.proj.shape[1]), sentences.of_objects())
    made = Trained(eyes, head, objects, file)
    if made.head.classes not in (len(hico.verbs()), len(hico.pairs())):
        raise SetupError(f"{file.path}: {made.head.classes} classes; HICO-DET has 117 verbs and 600 pairs")
    made.ledger = [_entry(file), loading.ledger(found)]
    return made


class _Shots(nn.Module):  # type: ignore[misc]
    """CLIP, what is remembered of crops, and the sentences of the pairs, (600, channels) of length 1."""

    def __init__(self, model: Any, memory: Memory, texts: Any, found: hub.Found) -> None:
        super().__init__()
        self.model, self.memory, self.texts = model, memory, texts
        self.facts = {"found": found}

    def seen(self, pixels: Any) -> Any:
        """(crops, channels), of length 1."""
        return _unit(features(self.model.get_image_features(pixel_values=pixels)))

    def alike(self, person: Any, thing: Any, both: Any) -> Any:
        """(pairs, 600): how like what is remembered of each pair, and its sentence. Features of length 1."""
        seen = [each.float().cpu().numpy() for each in (person, thing, both)]
        return self.memory.logits(seen[0], seen[1], seen[2], self.texts)


def untrained(file: File, clip: str, shots: int) -> _Shots:
    """Raises SetupError when the memory cannot be read, or goes with another CLIP.

    Args:
        file: the memory.
        clip: its CLIP, or empty for the published one of that width.
        shots: what is remembered of each pair.
    """
    memory = memory_of(file.path, shots)
    width = memory.both.shape[1]
    found, model, told = _clip(clip, width, sentences.of_pairs())
    texts = _unit(told).numpy()
    if texts.shape[1] != width:
        raise SetupError(f"memory: {file.path}: features of {width} numbers; {found.name} makes {texts.shape[1]}")
    made = _Shots(model, memory, texts, found)
    made.ledger = [_entry(file), loading.ledger(found)]
    return made


def _clip(name: str, width: int, texts: Sequence[str]) -> tuple[hub.Found, Any, Any]:
    """Where a CLIP is, the model, and its features of texts, (texts, channels), not of length 1."""
    found = loading.resolve(clip_of(name, width))
    model = loading.of_kind(found, CLIP, "clip").eval()
    tokens = loading.processor("tokenizer", found)(list(texts), return_tensors="pt", padding=True)
    with torch.no_grad():
        given = {name: tokens[name] for name in ("input_ids", "attention_mask")}
        return found, model, features(model.get_text_features(**given)).float()


def _unit(rows: Any) -> Any:
    rows = rows.float()
    return rows / rows.norm(dim=-1, keepdim=True)


def _entry(file: File) -> Mapping[str, str]:
    return {"name": file.name, "sha256": file.sha256, "licence": cards.of_file("ada_cm").licence}
