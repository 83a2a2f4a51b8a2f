"""What is said of a person and an object in a frame, and the words that it is said in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hoigen.core.errors import nearest
from hoigen.interactions import hico

if TYPE_CHECKING:
    from hoigen.core.clip import Clip

Box = tuple[float, float, float, float]
MOST = 1e15
"""No number of a recorded file is larger; whole numbers of any length would not even fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A person and an object in one frame.

    Args:
        person: the person's box (x0, y0, x1, y1) in 0..1 of the picture; None where a detector says that the two are
            there, and not where.
        box: likewise the object's.
        object: its class, by HICO-DET's names where HICO-DET has it (`sports_ball`).
        score: how surely the two are there and belong together, 0..1, whatever the person does.
        verbs: verb -> 0..1, HICO-DET's names; None from a detector that knows no verbs. These numbers are final: where
            a detector multiplies them by the boxes' scores, that is done.
        telling: False where the boxes say little by themselves (a person before a parked car): such a pair counts for
            what was asked, and not as just any interaction.
    """

    person: Box | None = None
    box: Box | None = None
    object: str
    score: float
    verbs: Mapping[str, float] | None = None
    telling: bool = True

    @property
    def acts(self) -> Mapping[str, float]:
        """The verbs that are an act: `no_interaction` is left out."""
        return {verb: score for verb, score in (self.verbs or {}).items() if verb != hico.NO_INTERACTION}


@dataclass(frozen=True, slots=True, kw_only=True)
class Knows:
    """The words of an observer.

    Args:
        objects: that it can find; None where any word may come.
        verbs: of its pairs; None where it knows none.
        any_verb: it can be asked for verbs beyond those.
    """

    objects: frozenset[str] | None
    verbs: frozenset[str] | None
    any_verb: bool = False

    def lacks(self, thing: str | None) -> str:
        """Why that object can never be found; empty when it can, and when none is asked for."""
        if thing is None or self.objects is None or thing in self.objects:
            return ""
        return f"the detector has no object {thing!r}{nearest(thing, close(thing, self.objects))}"


def close(word: str, known: frozenset[str]) -> list[str]:
    """The few words that may have been meant: a reason in a table is not the place for all."""
    import difflib

    return difflib.get_close_matches(word, sorted(known), n=3, cutoff=0.6)


def as_name(word: object) -> str | None:
    """A verb or object as HICO-DET writes it: `Sports ball` -> `sports_ball`; None for nothing."""
    text = "_".join(str(word).replace("_", " ").lower().split()) if word is not None else ""
    return text or None


def asked(clip: Clip) -> tuple[str | None, str | None]:
    """The verb and the object that the prompt of a generated clip asks for: `meta["verb"]`, `meta["object"]`."""
    return as_name(clip.meta.get("verb")), as_name(clip.meta.get("object"))


def question_of(verb: str | None, thing: str | None) -> str:
    """The words of a prompt that an observation depends on, as it is kept by them: `verb: ride, object: horse`; empty
    for none."""
    named = {"verb": verb, "object": thing}
    return ", ".join(f"{what}: {word}" for what, word in named.items() if word)
