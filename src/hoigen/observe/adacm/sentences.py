"""The sentences that ADA-CM's text features are of, built as its authors wrote them, oddities included."""

from __future__ import annotations

from hoigen.interactions import hico
from hoigen.interactions.hico import words
from hoigen.interactions.prompts import wording


def of_objects() -> list[str]:
    """One for each class of the detector, in COCO's order."""
    return [f"a photo of {_with_article(name)}" for name in coco()]


def of_pairs() -> list[str]:
    """One for each of HICO-DET's 600 pairs, in its order: `sit_on` is `sitting on`; no interaction is `and`."""
    doing = {
        verb: " ".join([phrase.doing.split()[0], *verb.split("_")[1:]]) for verb, phrase in wording.verbs().items()
    }
    doing[hico.NO_INTERACTION] = "and"
    return [f"a photo of a person {doing[pair.verb]} {_with_article(pair.object)}" for pair in hico.pairs()]


def coco() -> list[str]:
    """COCO's 80 classes in its order, by HICO-DET's names; a person is the first."""
    from hoigen.models.nets.ssd_coco import LABELS

    return [name.replace(" ", "_") for name in LABELS if name]


def _with_article(name: str) -> str:
    return f"{'an' if name[0] in 'aeiou' and name != 'umbrella' else 'a'} {words(name)}"
