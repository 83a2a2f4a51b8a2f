"""CoarseHOIScore: in how many frames is an interaction detected?"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hoigen.clip import Clip, Frames, Sampling
from hoigen.contracts import AsksExperts
from hoigen.errors import nearest
from hoigen.frameplan import moments
from hoigen.hoi.detections import Knows, Look, Pair, asked
from hoigen.models import uses
from hoigen.recipe.build import make
from hoigen.registry import measure
from hoigen.score import Score
from hoigen.stats.thresholds import SWEEP, area, share_above, sweep

if TYPE_CHECKING:
    from hoigen.contracts import Expert
    from hoigen.hoi.detections import Box, HOIDetector
    from hoigen.models.uses import AnyUse, Network

SHORT_SIDE = 480
"""Pixels of the frames that a detector is shown, where it does not ask for others."""
SHOWN = 5
"""Pairs of a frame that detail lists, the surest first."""
LEAST = 0.05
"""Pairs below this are not listed."""


@measure("coarse_hoi", emits=("coarse_hoi", "coarse_any", "coarse_pair"))
class CoarseHoi:
    """Share of frames in which the asked interaction is detected, 0..1; more is better.

    Eight frames, at the middles of eight equal stretches. A frame counts when its best score is above theta. The value
    is about what was asked of the generated clip, `meta["verb"]` and `meta["object"]`: a verb asked for needs a
    detector that knows verbs, and is undefined otherwise; an object alone counts with any act on it; nothing asked is
    undefined. Verbs and objects that the detector has no word for are undefined, never 0.

    coarse_any: a detected person does anything with any object, 0..1; the formula as it is printed.
    coarse_pair: a person and the asked object (any, when none was asked) together, whatever the verb, 0..1.
    detail: scores of every frame, the same shares for theta of 0.05 to 0.95 (`sweep`), and their mean over all theta
    (`area`), so that theta can be changed afterwards.

    detector: who looks (docs/coarse_hoi.md). `lite`, small models on this CPU, knows no verbs; `two_stage` and `ada_cm`
    need extra [models], `mllm` takes any expert. detections: instead, a file of a detector run elsewhere; slack: how
    far its row may be from the wanted moment, seconds. theta: left out, the one that the detector brings; thetas of two
    detectors do not compare. short_side: of the frames in pixels; left out, what the detector wants (480; ada_cm 800).

    Source: HOIGen-1M, section 4.1, equation 1. The number of frames and theta are not printed there; eight is inferred
    from the published values (docs/coarse_hoi.md).
    """

    detector: Any = "lite"
    detections: Path | None = None
    frames: int = 8
    short_side: int | None = None
    theta: float | None = None
    slack: float | None = None

    def __post_init__(self) -> None:
        if self.detections is not None and self.detector != "lite":
            raise ValueError(f"detections: it stands for a detector; detector: {self.detector!r} came as well")
        if self.frames < 1:
            raise ValueError(f"frames: 1 or more; it came as {self.frames}")
        if self.theta is not None and not 0 <= self.theta < 1:
            raise ValueError(f"theta: 0 or more and below 1, or null; it came as {self.theta}")
        if self.slack is not None and not self.slack >= 0:
            raise ValueError(f"slack: seconds, 0 or more, or null; it came as {self.slack}")

    @property
    def sampling(self) -> Sampling:
        return Sampling(frames=self.frames if self.finder.sees else 0, short_side=self.frame_side)

    @property
    def identity(self) -> dict[str, Any]:
        """The detector and all that it depends on, not where its file lies."""
        theta = self._theta
        return {**self.finder.identity, "frames": self.frames, "short_side": self.frame_side, "theta": theta}

    @property
    def models(self) -> tuple[AnyUse, ...]:
        """Those of the detector."""
        return uses.of(self.finder)

    def attach(self, run: Path) -> None:
        """Where a detector that asks an expert keeps its answers."""
        if hasattr(self.finder, "attach"):
            self.finder.attach(run)

    @property
    def experts(self) -> Sequence[Expert]:
        """Those that the detector asks."""
        return getattr(self.finder, "experts", ())

    def reach(self, address: str) -> None:
        """Where the detector's experts are asked."""
        if isinstance(self.finder, AsksExperts):
            self.finder.reach(address)

    @property
    def networks(self) -> Sequence[Network]:
        """Those that the detector asks."""
        return getattr(self.finder, "networks", ())

    def load(self) -> None:
        """Reads the models or the file, once per worker."""
        self.finder.load()

    def __call__(self, clip: Clip, frames: Frames) -> Score:
        find = self.finder
        times = (
            [float(at) for at in frames.times] if find.sees else moments(Sampling(frames=self.frames), clip.duration)
        )
        if not times:
            return Score(None, {"reason": "no frame to look at"})
        looks = find.detect(clip, list(frames.images), times)
        if isinstance(looks, str):
            return Score(None, {"reason": looks})
        return self._scored(looks, *asked(clip))

    def _scored(self, looks: Sequence[Look], verb: str | None, thing: str | None) -> Score:
        find = self.finder
        series = self.answers(looks, verb, thing)
        scores = {name: found for name, found in series.items() if not isinstance(found, str)}
        reasons = {name: found for name, found in series.items() if isinstance(found, str)}
        parts = {name: share_above(found, self._theta) for name, found in scores.items()}
        detail: dict[str, Any] = {
            "detector": find.name,
            "theta": self._theta,
            "asked": {"verb": verb, "object": thing},
            "frames": [_frame(look, at, scores) for at, look in enumerate(looks)],
            "sweep": {"theta": SWEEP, **{name: sweep(found) for name, found in scores.items()}},
            "area": {name: round(area(found), 6) for name, found in scores.items()},
            "undefined": reasons,
        }
        if ledger := getattr(find, "ledger", None):
            detail["weights"] = ledger
        if "coarse_hoi" in reasons:
            detail["reason"] = reasons["coarse_hoi"]
        return Score(parts.pop("coarse_hoi", None), detail, {name: parts.get(name) for name in PARTS})

    def answers(self, looks: Sequence[Look], verb: str | None, thing: str | None) -> dict[str, list[float] | str]:
        """By number, the best score of each frame, 0..1, or why there is none."""
        rules = questions(self.finder.knows, verb, thing)
        return {name: rule if isinstance(rule, str) else _best(looks, rule) for name, rule in rules.items()}

    @property
    def frame_side(self) -> int:
        """Short side of the frames that the detector is shown, pixels."""
        wanted: int = getattr(self.finder, "short_side", SHORT_SIDE)
        return wanted if self.short_side is None else self.short_side

    @property
    def _theta(self) -> float:
        return self.finder.theta if self.theta is None else self.theta

    @functools.cached_property
    def finder(self) -> HOIDetector:
        """Who finds the pairs: the detector's settings, as those of this measure say them."""
        from hoigen.hoi.recorded import RecordedDetector

        if self.detections is not None:
            return RecordedDetector(self.detections, self.slack)
        found: HOIDetector = make("hoi_detector", self.detector, "measures.coarse_hoi.detector")
        return found


PARTS = ("coarse_any", "coarse_pair")
Question = Callable[[Pair], float]
"""How much a pair speaks for an answer of yes, 0..1."""


def questions(knows: Knows, verb: str | None, thing: str | None) -> dict[str, Question | str]:
    """What is asked of every pair, or why it cannot be asked, by the name of the number."""
    return {
        "coarse_hoi": _triplet(knows, verb, thing),
        "coarse_any": _act if knows.verbs is not None else _together,
        "coarse_pair": _lacking(knows, thing) or (_on(thing, lambda pair: pair.score) if thing else _together),
    }


def _triplet(knows: Knows, verb: str | None, thing: str | None) -> Question | str:
    if verb is None and thing is None:
        return "nothing was asked of this clip: its meta has neither verb nor object; coarse_any needs none"
    if reason := _lacking(knows, thing):
        return reason
    if verb is None:
        return _on(thing, _act if knows.verbs is not None else lambda pair: pair.score)
    if verb == "no_interaction":
        return "no_interaction was asked for, which is no interaction to detect"
    if knows.verbs is None:
        return f"the detector knows no verbs, so that {verb!r} cannot be looked for; coarse_pair leaves the verb out"
    if verb not in knows.verbs and not knows.any_verb:
        return f"the detector has no verb {verb!r}{nearest(verb, _close(verb, knows.verbs))}"
    return _on(thing, lambda pair: pair.acts.get(verb, 0.0))


def _lacking(knows: Knows, thing: str | None) -> str:
    if thing is None or knows.objects is None or thing in knows.objects:
        return ""
    return f"the detector has no object {thing!r}{nearest(thing, _close(thing, knows.objects))}"


def _close(word: str, known: frozenset[str]) -> list[str]:
    """The few words that may have been meant: a reason in a table is not the place for all."""
    import difflib

    return difflib.get_close_matches(word, sorted(known), n=3, cutoff=0.6)


def _on(thing: str | None, rule: Question) -> Question:
    """A question about the asked object alone."""
    return lambda pair: rule(pair) if thing is None or pair.object == thing else 0.0


def _act(pair: Pair) -> float:
    return max(pair.acts.values(), default=0.0)


def _together(pair: Pair) -> float:
    return pair.score if pair.telling else 0.0


def _best(looks: Sequence[Look], rule: Question) -> list[float]:
    """The best answer of each frame."""
    return [max((rule(pair) for pair in look.pairs), default=0.0) for look in looks]


def _frame(look: Look, at: int, scores: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    best = sorted(look.pairs, key=lambda pair: -max(pair.score, _act(pair)))
    return {
        "time": round(look.time, 3),
        **{name: round(found[at], 4) for name, found in scores.items()},
        "pairs": [_row(pair) for pair in best[:SHOWN] if max(pair.score, _act(pair)) >= LEAST],
    }


def _row(pair: Pair) -> dict[str, Any]:
    """A pair as the report shows it; of its verbs the three surest."""
    verbs = sorted(pair.acts.items(), key=lambda item: -item[1])[:3]
    return {
        "person": _sides(pair.person),
        "box": _sides(pair.box),
        "object": pair.object,
        "score": round(pair.score, 4),
        "verbs": None if pair.verbs is None else {verb: round(score, 4) for verb, score in verbs},
    }


def _sides(box: Box | None) -> list[float] | None:
    return None if box is None else [round(side, 4) for side in box]
