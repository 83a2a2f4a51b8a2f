"""What a detector of human-object interactions says of a frame, and what such a detector is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from hoigen import hico

if TYPE_CHECKING:
    import numpy as np

    from hoigen.clip import Clip

Box = tuple[float, float, float, float]
MOST = 1e15
"""No number of a recorded file is larger; whole numbers of any length would not even fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A person and an object in one frame. Boxes are (x0, y0, x1, y1) in 0..1 of the picture; None where a detector
    says that the two are there, and not where.

    object: its class, by HICO-DET's names where HICO-DET has it (`sports_ball`).
    score: how surely the two are there and belong together, 0..1, whatever the person does.
    verbs: verb -> 0..1, HICO-DET's names; None from a detector that knows no verbs. These numbers are final: where a
        detector multiplies them by the boxes' scores, that is done.
    telling: False where the boxes say little by themselves (a person before a parked car): such a pair counts for what
        was asked, and not as just any interaction.
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
class Look:
    """One frame. time: seconds from the clip's start."""

    time: float
    pairs: Sequence[Pair]


@dataclass(frozen=True, slots=True, kw_only=True)
class Knows:
    """The words of a detector. None as objects: any word may come. None as verbs: it knows none.

    any_verb: it can be asked for verbs beyond those.
    """

    objects: frozenset[str] | None
    verbs: frozenset[str] | None
    any_verb: bool = False


class HOIDetector(Protocol):
    """Finds interactions in the frames of a clip.

    Scores of two detectors do not compare, so that each brings its own theta (`docs/coarse_hoi.md`).
    """

    @property
    def name(self) -> str: ...

    @property
    def theta(self) -> float:
        """The threshold that it is used with, when none is given."""
        ...

    @property
    def knows(self) -> Knows: ...

    @property
    def sees(self) -> bool:
        """Whether it looks at pictures; one that reads a file does not, and gets none."""
        ...

    @property
    def identity(self) -> Mapping[str, Any]:
        """All that its answer depends on."""
        ...

    def load(self) -> None: ...

    def detect(self, clip: Clip, images: Sequence[np.ndarray], times: Sequence[float]) -> Sequence[Look] | str:
        """A Look for every time, or the reason why there is none. images: (H, W, 3) uint8 RGB, one for every time."""
        ...


def as_name(word: object) -> str | None:
    """A verb or object as HICO-DET writes it: `Sports ball` -> `sports_ball`; None for nothing."""
    text = "_".join(str(word).replace("_", " ").lower().split()) if word is not None else ""
    return text or None


def asked(clip: Clip) -> tuple[str | None, str | None]:
    """The verb and the object that the prompt of a generated clip asks for: `meta["verb"]`, `meta["object"]`."""
    return as_name(clip.meta.get("verb")), as_name(clip.meta.get("object"))
