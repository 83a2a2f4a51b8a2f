"""Does somebody do something with a thing, as it was asked? From hands where they are found, else from the picture."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Annotated, Any

from hoigen.core.clip import Clip, Sampling, check_sees
from hoigen.core.registry import measure
from hoigen.core.score import NOT_ASKED, NOT_MEASURABLE, Number, Score
from hoigen.core.settings import Setting
from hoigen.interactions.contact import Contact, told
from hoigen.measures.fine.unnamed import OTHER, Looks
from hoigen.measures.handling import nobody, surest
from hoigen.measures.hoi_lite import WEIGHTS, better_half, features_of, probability
from hoigen.observe.detections import asked
from hoigen.observe.observation import Looking, Observation, observer_of

LEAST = 0.2
"""Share of looks from which somebody is taken to be there by touch alone, where no two detectors agree on a person, and
from which the asked thing is. As `least_presence` of fine_hoi."""
UNTOUCHED = 0.5
"""What handling is worth that is seen in the picture, while no hand is seen to do what was asked."""
ALONE = probability({**dict.fromkeys(WEIGHTS, 0.0), "hoi_person": 1.0})
"""What a person alone is given by hoi_lite: nothing is handled."""


@measure(
    "hoi_act",
    numbers=(
        Number(
            name="hoi_act",
            label="HOI, act",
            better="more",
            share=True,
            place=19,
            rank=3,
            about="Somebody handles a thing as it was asked, 0..1: how surely hoi_lite sees handling, 0 for a person "
            "alone; of that one half, and the other half as far as touch goes with the verb; half where the asked "
            "thing has a word and is not seen, 0 for a still picture and where nobody is; this project's own.",
        ),
    ),
)
class HoiAct:
    """Somebody handles a thing as it was asked, 0..1; more is better.

    handled x (half + half x done) x moved, and half of that where the asked thing has a word and is not seen. handled:
    the probability of hoi_lite over these looks, above that of a person alone, 0..1; it goes by what persons, hands
    and their surroundings look like, and so not by hands alone. done: how well touch goes with the verb's profile,
    times steadiness, as in fine_act; 0 where no touch is seen. moved: 0 for a still picture.

    Two looks a second. Undefined, and so 0 in every mean: nobody is believed to be there (as in fine_hoi), a single
    look. Not asked for verbs without contact.

    Source: this project's own; docs/fine_hoi.md has how well it does, and what else was tried.
    """

    observer: Annotated[
        Any, Setting("who looks: a name of hoigen list, or one name with its settings", plugin="observer")
    ] = "lite"
    sampling: Annotated[Sampling, Setting("the frames that are looked at")] = Sampling(
        fps=2, short_side=480, max_frames=256
    )

    revision = 1
    prompted = True
    """What the prompt asks for counts: another verb or object makes other scores of the same observation."""

    def __post_init__(self) -> None:
        check_sees(self.sampling)
        _ = self.looking

    @functools.cached_property
    def looking(self) -> Looking:
        return Looking(observer_of(self.observer, "hoi_act", NEEDS, GIVEN_BY), self.sampling)

    @property
    def identity(self) -> Mapping[str, Any]:
        return {}

    def read(self, clip: Clip, seen: Observation) -> Score:
        verb, thing = asked(clip)
        contact: Contact = told(clip.meta.get("contact") or (), verb, thing)
        if contact.kind == "none":
            return Score(None, {"reason": f"{NOT_ASKED}{verb or 'what was asked'!r} is no contact"})
        looks, features, trusted = Looks(), [], []
        for frame in () if seen.reason else seen.frames:
            looks.offer(frame)
            trusted.append(surest(frame))
            features.append(features_of(frame))
        if not features:
            return Score(None, {"reason": seen.reason or "no frame to look at"})
        knows = seen.about.knows
        worded = thing if knows is not None and not knows.lacks(thing) else None
        alone = nobody(trusted)
        found = looks.score(LEAST, alone, contact.profile, worded)
        if found is None:
            return Score(None, {"reason": f"{NOT_MEASURABLE}the observer does not say what is at hands"})
        parts = better_half(features)
        handled = max(0.0, (probability(parts) - ALONE) / (1.0 - ALONE))
        detail: dict[str, Any] = {
            "observer": seen.about.observer,
            "asked": {"verb": verb, "object": thing, "profile": contact.profile},
            "handled": round(handled, 4),
            "done": found.done if found.done is None else round(found.done, 4),
            "moved": round(found.moved, 4),
            "other": found.other,
            "features": {name: round(value, 4) for name, value in parts.items()},
            "times": [round(time, 3) for time in found.times],
            "touch": [round(touch, 3) for touch in found.touch],
        }
        if alone and found.whole is None:
            return Score(None, {**detail, "reason": found.reason})
        if found.done is None:
            return Score(None, {**detail, "reason": f"{len(found.times)} look: a change needs two"})
        value = handled * (UNTOUCHED + (1.0 - UNTOUCHED) * found.done) * found.moved
        return Score(value * (OTHER if found.other else 1.0), detail)


NEEDS = (("boxes", "hands", "regions"),)
GIVEN_BY = "lite, and recorded with a file of what it has seen"
