"""HICO-DET's 600 pairs -> the pairs that a video can be asked for.

HOIGen-1M takes 306 of them and says of the others that they are rare or unreasonable, without a list (section 4). The
rule here arrives at the same number:

1. `no_interaction` is no interaction: 520 are left.
2. Rare in HICO-DET's own sense, fewer than 10 training instances: 388 are left.
3. Unreasonable: the verb cannot be seen to be done (no contact, needs a story, the same pictures as another verb); the
   reason for each verb stands in verbs.csv, column `dropped`. So is an interaction of two persons. 326 are left.
4. The 20 least attested pairs (test instances) of objects that have at least 4 left, so that no object loses all it
   has. Of equals, that of the object with the most pairs goes first, then the lower number of HICO-DET. 306 are left.

The second edition (`second`) does not aim at a number. Of the pairs it asks what a video would show: those that look
the same are one, odd ones go, with the reason for each pair in second.csv; how often HICO-DET has a pair in photographs
does not count, so that plain ones come back; and musical instruments are in, as the paper says of its own.

Source: HOIGen-1M, section 4, "prompt suite"; Chao et al., WACV 2018 (the pairs and what is rare).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Literal

from hoigen.interactions import hico
from hoigen.interactions.prompts import wording
from hoigen.interactions.prompts.suite import Suite

Pack = Literal["hico", "second", "hico388", "hico520", "extended", "all"]
SIZE = 306
MUSIC = "music"
BACK = ("exit", "point", "shear", "sign", "smell")
"""Verbs that the first edition leaves out, and a video can show: exiting and boarding differ in it."""
LEAST = 4
"""Objects with fewer pairs than this keep all they have."""


def suite(pack: Pack) -> Suite:
    """The prompts of a pack.

    Args:
        pack: `hico`, the 306; `second`, the second edition; `hico388`, all that are not rare; `hico520`, all
            interactions; `extended`, what HICO-DET lacks; `all`, the 306 and the extended ones.
    """
    ways: dict[str, Callable[[], list[hico.Pair]]] = {
        "hico": reasonable,
        "all": reasonable,
        "second": told_apart,
        "hico388": not_rare,
        "hico520": interactions,
    }
    chosen = ways[pack]() if pack in ways else []
    prompts = tuple(wording.prompt_of(pair) for pair in chosen)
    if pack == "second":
        prompts += tuple(prompt for prompt in wording.extended() if prompt.category == MUSIC)
    if pack in ("extended", "all"):
        prompts += wording.extended()
    return Suite(name=pack, prompts=prompts, rule=rule(pack))


def interactions() -> list[hico.Pair]:
    """The 520 that are not `no_interaction`."""
    return [pair for pair in hico.pairs() if pair.verb != hico.NO_INTERACTION]


def not_rare() -> list[hico.Pair]:
    """The 388 with at least 10 training instances."""
    return [pair for pair in interactions() if not pair.rare]


def reasonable() -> list[hico.Pair]:
    """The 306, in order of HICO-DET's number."""
    left = [pair for pair in not_rare() if not unreasonable(pair)]
    of_object = Counter(pair.object for pair in left)
    may_go = [pair for pair in left if of_object[pair.object] >= LEAST]
    may_go.sort(key=lambda pair: (pair.test_instances, -of_object[pair.object], pair.hoi))
    gone = {pair.hoi for pair in may_go[: len(left) - SIZE]}
    return [pair for pair in left if pair.hoi not in gone]


def told_apart() -> list[hico.Pair]:
    """The pairs of the second edition, in order of HICO-DET's number."""
    gone = wording.second()
    shown = [pair for pair in interactions() if pair.verb in BACK or not wording.verbs()[pair.verb].dropped]
    return [pair for pair in shown if pair.object != "person" and (pair.verb, pair.object) not in gone]


def unreasonable(pair: hico.Pair) -> str:
    """Why no video is asked for; "" when one can be."""
    if pair.object == "person":
        return "an interaction of two persons"
    return wording.verbs()[pair.verb].dropped


def rule(pack: Pack) -> dict[str, Any]:
    """The rule as data, kept with the suite."""
    if pack == "extended":
        return {"chosen_by": "hand: musical instruments, tools, appliances and other things that HICO-DET lacks"}
    if pack == "second":
        verbs = {
            verb: phrase.dropped for verb, phrase in wording.verbs().items() if phrase.dropped and verb not in BACK
        }
        gone = wording.second().items()
        return {
            "from": "HICO-DET's 600 pairs, rare ones too",
            "dropped": [
                "no_interaction",
                "object person: an interaction of two persons",
                "verbs that a video cannot show",
                "pairs that look the same in a video as another one of the object, which is kept",
                "odd pairs: nobody does it, the thing itself is not touched, or it is out of sight",
            ],
            "unreasonable_verbs": verbs,
            "same": {f"{verb} {thing}": [as_, why] for (verb, thing), (as_, why) in gone if as_},
            "odd": {f"{verb} {thing}": why for (verb, thing), (as_, why) in gone if not as_},
            "and": "the musical instruments of the pack extended",
        }
    steps: dict[str, Any] = {"from": "HICO-DET's 600 pairs", "dropped": ["no_interaction"]}
    if pack != "hico520":
        steps["dropped"].append("rare: fewer than 10 training instances")
    if pack in ("hico", "all"):
        verbs = {verb: phrase.dropped for verb, phrase in wording.verbs().items() if phrase.dropped}
        steps["dropped"] += [
            "object person: an interaction of two persons",
            "unreasonable verbs",
            f"the least attested pairs of objects with {LEAST} or more, by test instances, until {SIZE} are left; of "
            "equals that of the object with the most pairs, then the lower number",
        ]
        steps["unreasonable_verbs"] = verbs
    if pack == "all":
        steps["and"] = rule("extended")["chosen_by"]
    return steps
