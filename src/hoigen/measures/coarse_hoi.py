"""CoarseHOIScore: in how many frames is an interaction detected?"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

from hoigen.core.clip import Clip, Sampling
from hoigen.core.errors import UsageError, nearest
from hoigen.core.registry import measure
from hoigen.core.score import NOT_ASKED, NOT_MEASURABLE, Number, Score
from hoigen.core.settings import Setting
from hoigen.core.stats.thresholds import SWEEP, area, share_above, sweep
from hoigen.measures.handling import pairs_of
from hoigen.observe.detections import Knows, Pair, asked, close
from hoigen.observe.observation import Looking, Observation, as_setting, observer_of

if TYPE_CHECKING:
    from hoigen.observe.frame import ObservedFrame

SHORT_SIDE = 480
"""Pixels of the frames that an observer is shown, where it does not ask for others."""
SHOWN = 5
"""Pairs of a frame that detail lists, the surest first."""
LEAST = 0.05
"""Pairs below this are not listed."""
ANY = Knows(objects=None, verbs=None)
"""Of an observer that does not say what it knows."""


@measure(
    "coarse_hoi",
    numbers=(
        Number(
            name="coarse_hoi",
            label="CoarseHOIScore",
            better="more",
            share=True,
            place=11,
            rank=1,
            about="Share of frames in which the asked interaction is detected, 0..1; more is better.",
        ),
        Number(
            name="coarse_any",
            label="Coarse, any interaction",
            better="more",
            share=True,
            headline=True,
            place=12,
            rank=6,
            about="A detected person does anything with any object, 0..1; the formula as it is printed.",
        ),
        Number(
            name="coarse_pair",
            label="Coarse, person and object",
            better="more",
            share=True,
            headline=True,
            place=13,
            rank=5,
            about="A person and the asked object together, whatever the verb, 0..1.",
        ),
    ),
)
class CoarseHoi:
    """Share of frames in which the asked interaction is detected, 0..1; more is better.

    Eight frames, at the middles of eight equal stretches. A frame counts when its best score is above theta. The value
    is about what was asked of the generated clip, `meta["verb"]` and `meta["object"]`: a verb asked for needs an
    observer that knows verbs. A prompt without a verb asks for no act: nothing was asked. What the observer has no word
    for is not measurable. Both are of the prompt, and never 0; tables set such prompts aside for all models.

    detail: scores of every frame, the same shares for theta of 0.05 to 0.95 (`sweep`), and their mean over all theta
    (`area`), so that theta can be changed afterwards.

    Who looks is an observer (docs/coarse_hoi.md): `lite`, small models on this CPU, knows no verbs; `two_stage` and
    `ada_cm` need extra [models], `mllm` takes any expert, `recorded` reads a file of a detector run elsewhere.

    Source: HOIGen-1M, section 4.1, equation 1. The number of frames and theta are not printed there; eight is inferred
    from the published values (docs/coarse_hoi.md).
    """

    observer: Annotated[
        Any, Setting("who looks: a name of hoigen list, or one name with its settings", plugin="observer")
    ] = "lite"
    frames: Annotated[int, Setting("frames that are looked at", least=1)] = 8
    short_side: Annotated[
        int | None,
        Setting("of the frames; null for what the observer wants (480; ada_cm 800)", least=1, unit="pixels"),
    ] = None
    theta: Annotated[
        float | None,
        Setting(
            "the score that counts, 0 or more and below 1; null for the one that the observer brings; thetas of two "
            "observers do not compare"
        ),
    ] = None

    revision = 3
    prompted = True
    """What the prompt asks for counts: another verb or object makes other scores of the same observation."""

    def __post_init__(self) -> None:
        if self.frames < 1:
            raise ValueError(f"frames: 1 or more; it came as {self.frames}")
        if self.theta is not None and not 0 <= self.theta < 1:
            raise ValueError(f"theta: 0 or more and below 1, or null; it came as {self.theta}")
        _ = self.looking

    @functools.cached_property
    def looking(self) -> Looking:
        found = observer_of(self.observer, "coarse_hoi", NEEDS, GIVEN_BY)
        wanted: int = getattr(found, "short_side", SHORT_SIDE)
        side = wanted if self.short_side is None else self.short_side
        return Looking(found, Sampling(frames=self.frames, short_side=side))

    @property
    def identity(self) -> dict[str, Any]:
        return {"theta": self.theta}

    @classmethod
    def check_moved(cls, settings: Mapping[str, Any], where: str) -> None:
        """Raises UsageError that says how settings of before are written now."""
        if "detections" in settings:
            file = {"file": settings["detections"]} | {key: settings[key] for key in ("slack",) if key in settings}
            raise UsageError(f"{where}: detections is now a setting of an observer: {as_setting({'recorded': file})}")
        if "detector" in settings:
            raise UsageError(f"{where}: detector is now called observer: {as_setting(settings['detector'])}")
        if "slack" in settings:
            file = {"file": "FILE", "slack": settings["slack"]}
            raise UsageError(f"{where}: slack is now a setting of an observer: {as_setting({'recorded': file})}")

    def read(self, clip: Clip, seen: Observation) -> Score:
        if seen.reason:
            return Score(None, {"reason": seen.reason})
        if not seen.frames:
            return Score(None, {"reason": "no frame to look at"})
        theta = self.theta if self.theta is not None else seen.about.theta
        if theta is None:
            return Score(None, {"reason": f"theta: {seen.about.observer} brings none, so the recipe must have one"})
        verb, thing = asked(clip)
        frames = paired(seen.frames, thing)
        series = answers(frames, seen.about.knows or ANY, verb, thing)
        scores = {name: found for name, found in series.items() if not isinstance(found, str)}
        reasons = {name: found for name, found in series.items() if isinstance(found, str)}
        parts = {name: share_above(found, theta) for name, found in scores.items()}
        detail: dict[str, Any] = {
            "observer": seen.about.observer,
            "theta": theta,
            "asked": {"verb": verb, "object": thing},
            "frames": [
                {
                    "time": round(frame.time, 3),
                    **{name: round(found[at], 4) for name, found in scores.items()},
                    "pairs": _shown(frame.pairs or ()),
                }
                for at, frame in enumerate(frames)
            ],
            "sweep": {"theta": SWEEP, **{name: sweep(found) for name, found in scores.items()}},
            "area": {name: round(area(found), 6) for name, found in scores.items()},
            "undefined": reasons,
        }
        if seen.about.models:
            detail["weights"] = [dict(each) for each in seen.about.models]
        if "coarse_hoi" in reasons:
            detail["reason"] = reasons["coarse_hoi"]
        return Score(parts.pop("coarse_hoi", None), detail, {name: parts.get(name) for name in PARTS})


NEEDS = (("pairs",), ("boxes", "hands"))
GIVEN_BY = "lite, two_stage, ada_cm, mllm, and recorded with a file that has pairs"
PARTS = ("coarse_any", "coarse_pair")
Question = Callable[[Pair], float]
"""How much a pair speaks for an answer of yes, 0..1."""


def paired(frames: Sequence[ObservedFrame], wanted: str | None) -> list[ObservedFrame]:
    """The frames with pairs: the observer's, or those that its boxes and hands make. wanted: the object asked for."""
    return [frame if frame.pairs is not None else replace(frame, pairs=pairs_of(frame, wanted)) for frame in frames]


def answers(
    frames: Sequence[ObservedFrame], knows: Knows, verb: str | None, thing: str | None
) -> dict[str, list[float] | str]:
    """By number, the best score of each frame, 0..1, or why there is none. frames: with pairs; knows: the observer's
    words."""
    rules = questions(knows, verb, thing)
    return {
        name: rule
        if isinstance(rule, str)
        else [max((rule(pair) for pair in frame.pairs or ()), default=0.0) for frame in frames]
        for name, rule in rules.items()
    }


def questions(knows: Knows, verb: str | None, thing: str | None) -> dict[str, Question | str]:
    """What is asked of every pair, or why it cannot be asked, by the name of the number."""
    return {
        "coarse_hoi": _triplet(knows, verb, thing),
        "coarse_any": _act if knows.verbs is not None else _together,
        "coarse_pair": _lacks(knows, thing) or _on(thing, lambda pair: pair.score),
    }


def _lacks(knows: Knows, thing: str | None) -> str:
    """Why an object cannot be looked for; "" when it can."""
    if thing is None:
        return f"{NOT_ASKED}the prompt names no object"
    lacks = knows.lacks(thing)
    return f"{NOT_MEASURABLE}{lacks}" if lacks else ""


def _triplet(knows: Knows, verb: str | None, thing: str | None) -> Question | str:
    if verb is None:
        return f"{NOT_ASKED}the prompt names no verb: it asks for no act"
    if verb == "no_interaction":
        return f"{NOT_ASKED}no_interaction is no interaction to detect"
    if thing is not None and (reason := _lacks(knows, thing)):
        return reason
    if knows.verbs is None:
        return (
            f"{NOT_MEASURABLE}the detector knows no verbs, so that {verb!r} cannot be looked for; coarse_pair leaves "
            "the verb out"
        )
    if verb not in knows.verbs and not knows.any_verb:
        return f"{NOT_MEASURABLE}the detector has no verb {verb!r}{nearest(verb, close(verb, knows.verbs))}"
    return _on(thing, lambda pair: pair.acts.get(verb, 0.0))


def _on(thing: str | None, rule: Question) -> Question:
    """A question about the asked object alone."""
    return lambda pair: rule(pair) if thing is None or pair.object == thing else 0.0


def _act(pair: Pair) -> float:
    return max(pair.acts.values(), default=0.0)


def _together(pair: Pair) -> float:
    return pair.score if pair.telling else 0.0


def _shown(pairs: Sequence[Pair]) -> list[dict[str, Any]]:
    """The surest pairs of a frame as the report shows them; of their verbs the three surest."""
    rows = []
    for pair in sorted(pairs, key=lambda pair: -max(pair.score, _act(pair)))[:SHOWN]:
        if max(pair.score, _act(pair)) < LEAST:
            continue
        verbs = sorted(pair.acts.items(), key=lambda item: -item[1])[:3]
        person, box = (sides and [round(side, 4) for side in sides] for sides in (pair.person, pair.box))
        rows.append(
            {
                "person": person,
                "box": box,
                "object": pair.object,
                "score": round(pair.score, 4),
                "verbs": None if pair.verbs is None else {verb: round(score, 4) for verb, score in verbs},
            }
        )
    return rows
