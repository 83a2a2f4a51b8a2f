"""What a person does with a thing: as a sentence, and by a model of pictures and sentences (CLIP, SigLIP)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hoigen.interactions import hico
from hoigen.interactions.prompts import wording
from hoigen.models import room
from hoigen.observe.detections import Box
from hoigen.observe.hub_model import HubModel

PADDED = ("siglip", "siglip2")
"""Trained with texts of one length."""
MARGIN = 1.1
"""The square that is looked at, over the longer side of the pair's box: what is around them tells too."""


def sentence(verb: str, thing: str) -> str:
    """`A person is riding a bicycle.`; of no interaction, `A person is near a bicycle, without touching it.`"""
    words = wording.objects()[thing][0] if thing in wording.objects() else with_article(thing)
    if verb == hico.NO_INTERACTION:
        return f"A person is near {words}, without touching it."
    if told := {(each.verb, each.object): each.short for each in wording.extended()}.get((verb, thing)):
        return told
    phrase = wording.own().get((verb, thing)) or wording.verbs().get(verb)
    return wording.sentence(phrase, words) if phrase else f"A person can be seen to {hico.words(verb)} {words}."


def with_article(thing: str) -> str:
    words = hico.words(thing)
    return f"{'an' if words[:1] in 'aeiou' else 'a'} {words}"


def allowed(thing: str, asked: str | None = None) -> tuple[str, ...]:
    """HICO-DET's verbs for an object, the verb that was asked for, and `no_interaction` at the end."""
    own = tuple(pair.verb for pair in hico.pairs() if pair.object == thing and pair.verb != hico.NO_INTERACTION)
    wanted = (asked,) if asked and asked not in own and asked != hico.NO_INTERACTION else ()
    return (*own, *wanted, hico.NO_INTERACTION)


def texts(model: HubModel, thing: str, verbs: tuple[str, ...]) -> Any:
    """(verbs, channels), of length 1: what a model of words makes of the verbs' sentences."""
    padding = {"padding": "max_length"} if model.loaded.facts["kind"] in PADDED else {"padding": True}
    sentences = [sentence(verb, thing) for verb in verbs]
    tokens = model.processor("tokenizer")(sentences, return_tensors="pt", truncation=True, **padding)
    given = {name: tokens[name] for name in ("input_ids", "attention_mask") if name in tokens}
    found = model.loaded(method="texts", **given)
    return found / found.norm(dim=-1, keepdim=True)


def seen(model: HubModel, crops: Sequence[Any]) -> Any:
    """(crops, channels), of length 1. crops: (H, W, 3) uint8 RGB, square."""
    import torch

    rows = []
    for start in range(0, len(crops), model.batch):
        inputs = model.processor("images")(images=list(crops[start : start + model.batch]), return_tensors="pt")
        given = {name: value for name, value in inputs.items() if name != "input_ids"}
        rows.append(model.loaded(method="pictures", **given))
    found = torch.cat(rows)
    return found / found.norm(dim=-1, keepdim=True)


def chances(model: HubModel, picture: Any, thing: str, verbs: tuple[str, ...]) -> dict[str, float]:
    """Verb -> 0..1 for one crop.

    A model trained with a softmax over texts (CLIP) shares 1 among a thing's verbs; one trained with a sigmoid (SigLIP)
    gives each verb a chance of its own.

    Args:
        model: of words.
        picture: the crop's row of `seen`.
        thing: what the crop shows beside a person.
        verbs: that are asked about.
    """
    facts = model.loaded.facts
    alike = (room.once(texts, model, thing, verbs) @ picture) * facts["scale"]
    found = (alike + facts["bias"]).sigmoid() if facts["kind"] in PADDED else alike.softmax(0)
    return {verb: float(chance) for verb, chance in zip(verbs, found, strict=True)}


def crop(image: Any, box: Box) -> Any:
    """The square around a box, in pixels; beyond the picture, its mean colour."""
    import numpy as np

    side = max(2, round(MARGIN * max(box[2] - box[0], box[3] - box[1])))
    left, top = round((box[0] + box[2] - side) / 2), round((box[1] + box[3] - side) / 2)
    height, width = image.shape[:2]
    square = np.empty((side, side, 3), np.uint8)
    square[:] = image.mean((0, 1))
    x0, y0, x1, y1 = max(0, left), max(0, top), min(width, left + side), min(height, top + side)
    square[y0 - top : y1 - top, x0 - left : x1 - left] = image[y0:y1, x0:x1]
    return square
