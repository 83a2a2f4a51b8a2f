"""SIMULATION: does a mixture of experts tell fewer falsehoods than one expert, and when does it not?

python benchmarks/mixture.py                     tables, about two minutes
python benchmarks/mixture.py --figures FOLDER    also the curves, as mixture_*.svg

The captioners, prompts, schemas and the desk are hoigen's own; the experts are `fake_world`, which make up clips with
eight facts each and err at set rates. A false claim is one that is not the clip's fact. Nothing here was measured on
videos or with language models.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from lines import Chart, Look, draw
from machine import headline

from hoigen.core.clip import Clip
from hoigen.core.score import Caption
from hoigen.models.experts._fake_facts import count, facts_of
from hoigen.models.experts.call import media_digest
from hoigen.models.experts.calls import Calls
from hoigen.models.experts.desk import Conversation, Desk
from hoigen.models.experts.fake_world import FakeWorld
from hoigen.models.experts.prompts import render
from hoigen.stages.captioners._parts import Panel, order_of
from hoigen.stages.captioners.mixture import Mixture
from hoigen.stages.captioners.single import Single

Captioner = Callable[[Conversation], Any]
NAMES = (
    "single",
    "random of two",
    "best of two",
    "third alone",
    "mixture",
    "mixture, swapped",
    "mixture, claims",
    "mixture, majority",
)
LOOKS = {
    "single": Look("#565d66"),
    "random of two": Look("#9aa1a9", "2 3"),
    "best of two": Look("#c2571c"),
    "third alone": Look("#6a4fb3"),
    "mixture": Look("#0b7a68"),
    "mixture, swapped": Look("#0b7a68", "7 3"),
    "mixture, claims": Look("#1769aa", "2 3"),
    "mixture, majority": Look("#6a4fb3"),
    "mixture, third alike": Look("#c2571c"),
    "majority, third alike": Look("#6a4fb3", "7 3"),
    "both wrong alike": Look("#a33", "2 3"),
}


@dataclass(frozen=True, kw_only=True)
class World:
    """Rates of the experts. rho: correlation of the errors of first and second; third_rho: of the third with each."""

    error: float = 0.2
    third_error: float = 0.2
    rho: float = 0.0
    third_rho: float = 0.0
    says: float = 0.9
    notices: float = 0.9
    alarms: float = 0.02
    steady: float = 0.5
    first_bias: float = 0.0
    slips: float = 0.0

    def experts(self) -> dict[str, FakeWorld]:
        common = math.sqrt(self.rho)
        third = min(1.0, self.third_rho / common) if common else 0.0
        draft = {"error": self.error, "says": self.says, "shares": common}
        decides: dict[str, Any] = {name: getattr(self, name) for name in ("notices", "alarms", "steady", "slips")}
        return {
            "first": FakeWorld(model="first", **draft),
            "second": FakeWorld(model="second", **draft),
            "third": FakeWorld(model="third", error=self.third_error, says=self.says, shares=third),
            "decision": FakeWorld(model="decision", first_bias=self.first_bias, **decides),
        }


@dataclass(frozen=True)
class TwoDrafts:
    """Controls without a third expert: one of two drafts, by the decision expert's choice or at random."""

    experts: Mapping[str, FakeWorld]
    choice: bool

    async def __call__(self, talk: Conversation) -> Caption:
        roles = ("first", "second") if self.choice else (order_of(talk.clip.id)[0],)
        drafts = {
            role: (await talk.ask(role, self.experts[role], render("describe"), sees=True)).text for role in roles
        }
        picked = roles[0]
        if self.choice:
            order = order_of(talk.clip.id)
            panel = Panel(talk=talk, decision=self.experts["decision"], drafts=drafts, order=order)
            picked, _ = await panel.richer()
        return Caption(text=drafts[picked], path=picked)


@dataclass
class Tally:
    """Per clip: false claims, all claims, calls; and the paths taken."""

    false: list[int] = field(default_factory=list)
    all: list[int] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """False claims / all claims."""
        return sum(self.false) / sum(self.all)


def captioners(world: World) -> dict[str, Captioner]:
    experts = world.experts()
    return {
        "single": Single(expert=experts["first"]),
        "random of two": TwoDrafts(experts, choice=False),
        "best of two": TwoDrafts(experts, choice=True),
        "third alone": Single(expert=experts["third"]),
        "mixture": Mixture(**experts),
        "mixture, swapped": Mixture(**experts, swapped=True),
        "mixture, claims": Mixture(**experts, agreement="claims"),
        "mixture, majority": Mixture(**experts, believe="majority"),
    }


def simulate(world: World, clips: int, names: Sequence[str] = NAMES) -> dict[str, Tally]:
    """Every captioner on the same clips."""
    chosen = {name: made for name, made in captioners(world).items() if name in names}
    calls = Calls()
    try:
        return asyncio.run(_all(chosen, clips, Desk(calls)))
    finally:
        calls.close()


async def _all(chosen: Mapping[str, Captioner], clips: int, desk: Desk) -> dict[str, Tally]:
    tallies = {name: Tally() for name in chosen}
    sampling = FakeWorld().sampling
    for at in range(clips):
        clip = Clip(id=f"clip{at}", uri=f"fake://{at}", end=4, width=1280, height=720, fps=25)
        facts = facts_of(0, media_digest(clip.uri, clip, sampling))
        for name, captioner in chosen.items():
            talk = Conversation(clip, desk)
            caption = await captioner(talk)
            assert caption.text is not None, caption.reason
            wrong, said = count(caption.text, facts)
            tally = tallies[name]
            tally.false.append(wrong)
            tally.all.append(said)
            tally.calls.append(len(talk.trace))
            tally.paths.append(caption.path)
    return tallies


def blind(world: World, clips: int) -> float:
    """Share of the claims that both drafts make, wrong in the same way: no comparison can see them."""
    experts, sampling = world.experts(), FakeWorld().sampling
    alike = total = 0
    for at in range(clips):
        clip = Clip(id=f"clip{at}", uri=f"fake://{at}", end=4, width=1280, height=720, fps=25)
        media = media_digest(clip.uri, clip, sampling)
        first, second = (experts[role]._described(media) for role in ("first", "second"))
        facts = facts_of(0, media)
        both = [slot for slot in facts if slot in first and slot in second]
        alike += sum(first[slot] == second[slot] != facts[slot] for slot in both)
        total += len(both)
    return alike / total


def interval(one: Tally, other: Tally, *, times: int = 2000) -> tuple[float, float]:
    """95 % of the difference of two rates, in points of percent: bootstrap over clips, the same clips for both."""
    draw_from = np.random.default_rng(0)
    picks = draw_from.integers(0, len(one.all), (times, len(one.all)))
    rates = [np.array(t.false)[picks].sum(1) / np.array(t.all)[picks].sum(1) for t in (one, other)]
    low, high = np.percentile(100 * (rates[0] - rates[1]), (2.5, 97.5))
    return float(low), float(high)


def base_table(clips: int) -> None:
    tallies = simulate(World(), clips)
    print("| captioner | false claims | against single, 95 % | claims a clip | true claims | calls | rewritten |")
    print("|---|---|---|---|---|---|---|")
    for name, tally in tallies.items():
        low, high = interval(tally, tallies["single"])
        against = "" if name == "single" else f"{low:+.1f} to {high:+.1f} points"
        rewritten = np.mean([path == "rewritten" for path in tally.paths])
        share = f"{rewritten:.0%}" if name.startswith("mixture") else ""
        claims, calls = np.mean(tally.all), np.mean(tally.calls)
        true = claims - np.mean(tally.false)
        print(f"| {name} | {tally.rate:.1%} | {against} | {claims:.1f} | {true:.1f} | {calls:.2f} | {share} |")
    print()


@dataclass(frozen=True)
class Sweep:
    """One rate varied. more: further worlds, as lines of their own: (captioner, world)."""

    name: str
    title: str
    about: str
    x_name: str
    x: tuple[float, ...]
    world: Callable[[float], World]
    shown: tuple[str, ...]
    more: Mapping[str, tuple[str, Callable[[float], World]]] = field(default_factory=dict)
    blind: bool = False


MIXTURES = ("mixture", "mixture, swapped", "mixture, claims", "mixture, majority")
SWEEPS = (
    Sweep(
        "error",
        "A mixture corrects errors that experts do not share",
        "Simulation: all three experts err equally often, each on its own",
        "share of the facts that each expert tells wrongly",
        (0.0, 0.1, 0.2, 0.3, 0.4, 0.5),
        lambda x: World(error=x, third_error=x),
        ("single", "best of two", *MIXTURES),
    ),
    Sweep(
        "correlation",
        "Errors that both experts share pass unseen",
        "Simulation: experts err on 20 % of the facts",
        "correlation of the first two experts' errors",
        (0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
        lambda x: World(rho=x),
        ("single", "mixture", "mixture, majority"),
        {
            "mixture, third alike": ("mixture", lambda x: World(rho=x, third_rho=x)),
            "majority, third alike": ("mixture, majority", lambda x: World(rho=x, third_rho=x)),
        },
        blind=True,
    ),
    Sweep(
        "third",
        "The third expert must not be much worse than the first two",
        "Simulation: the first two err on 20 % of the facts",
        "share of the points that the third expert answers wrongly",
        (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8),
        lambda x: World(third_error=x),
        ("single", "mixture", "mixture, swapped", "mixture, majority"),
    ),
    Sweep(
        "notices",
        "What the judge does not notice stays",
        "Simulation: experts err on 20 % of the facts",
        "share of the contradictions that the decision expert notices",
        (0.0, 0.25, 0.5, 0.75, 1.0),
        lambda x: World(notices=x),
        ("single", *MIXTURES),
    ),
    Sweep(
        "alarms",
        "False alarms let a third expert overrule two that agree",
        "Simulation: experts err on 20 % of the facts",
        "share of the agreeing points that the decision expert takes for contradictions",
        (0.0, 0.1, 0.2, 0.3, 0.4, 0.5),
        lambda x: World(alarms=x),
        ("single", *MIXTURES),
    ),
)
TABLES = (
    ("experts mention", "says", (1.0, 0.8, 0.6, 0.4)),
    ("rewriting slips on", "slips", (0.0, 0.05, 0.1, 0.2)),
    ("judges alike in both orders", "steady", (0.0, 0.5, 1.0)),
)


def run_sweep(sweep: Sweep, clips: int, folder: Path | None) -> None:
    names = NAMES if sweep.name == "error" else sweep.shown
    rates: dict[str, list[float]] = {name: [] for name in (*names, *sweep.more)}
    calls: dict[str, list[float]] = {name: [] for name in names}
    unseen = []
    for x in sweep.x:
        for name, tally in simulate(sweep.world(x), clips, names).items():
            rates[name].append(tally.rate)
            calls[name].append(float(np.mean(tally.calls)))
        for name, (captioner, world) in sweep.more.items():
            rates[name].append(simulate(world(x), clips, (captioner,))[captioner].rate)
        unseen.append(blind(sweep.world(x), clips))
    print(f"| {sweep.x_name} | " + " | ".join(f"{x:.0%}" if x <= 1 else f"{x:g}" for x in sweep.x) + " |")
    print("|---" * (len(sweep.x) + 1) + "|")
    for name, values in rates.items():
        print(f"| {name} | " + " | ".join(f"{value:.1%}" for value in values) + " |")
    print("| both drafts wrong alike | " + " | ".join(f"{value:.1%}" for value in unseen) + " |")
    for name in (name for name in MIXTURES if name in names):
        print(f"| calls a clip: {name} | " + " | ".join(f"{value:.2f}" for value in calls[name]) + " |")
    print(flush=True)
    if folder is not None:
        lines = {name: rates[name] for name in (*sweep.shown, *sweep.more)}
        lines |= {"both wrong alike": unseen} if sweep.blind else {}
        chart = Chart(sweep.title, sweep.about, sweep.x_name, "False claims of all claims", sweep.x, lines, LOOKS)
        (folder / f"mixture_{sweep.name}.svg").write_text(draw(chart), encoding="utf-8")
        if sweep.name == "error":
            lines = {name: calls[name] for name in MIXTURES[:3]}
            chart = Chart(
                "What checking costs",
                "Simulation, same worlds; one expert alone takes 1 call",
                sweep.x_name,
                "Calls per clip",
                sweep.x,
                lines,
                LOOKS,
                percent_y=False,
            )
            (folder / "mixture_calls.svg").write_text(draw(chart), encoding="utf-8")


def run_table(label: str, key: str, values: Sequence[float], clips: int) -> None:
    print(f"| {label} | single | mixture | swapped | claims | majority | claims a clip: single, mixture, majority |")
    print("|---|---|---|---|---|---|---|")
    for value in values:
        tallies = simulate(World(**{key: value}), clips, ("single", *MIXTURES))
        rates = " | ".join(f"{tallies[name].rate:.1%}" for name in ("single", *MIXTURES))
        claims = ", ".join(f"{np.mean(tallies[name].all):.1f}" for name in ("single", "mixture", "mixture, majority"))
        print(f"| {value:.0%} | {rates} | {claims} |")
    print()


def bias_table(clips: int) -> None:
    """How often the fuller of two unequal drafts is picked, where both agree on all that both say."""
    print("| takes the draft shown first, whatever it says | fuller draft picked | swapped |")
    print("|---|---|---|")
    for bias in (0.0, 0.5, 1.0):
        world = World(error=0.0, says=0.8, alarms=0.0, first_bias=bias)
        tallies = simulate(world, clips, ("mixture", "mixture, swapped"))
        experts, sampling = world.experts(), FakeWorld().sampling
        shares = []
        for name in ("mixture", "mixture, swapped"):
            right = unequal = 0
            for at, path in enumerate(tallies[name].paths):
                clip = Clip(id=f"clip{at}", uri=f"fake://{at}", end=4, width=1280, height=720, fps=25)
                media = media_digest(clip.uri, clip, sampling)
                first, second = (len(experts[role]._described(media)) for role in ("first", "second"))
                unequal += first != second
                right += first != second and path == ("agreed: first" if first > second else "agreed: second")
            shares.append(f"{right / unequal:.0%}")
        print(f"| {bias:.0%} | {' | '.join(shares)} |")
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=300, help="clips per setting, eight facts each")
    parser.add_argument("--figures", type=Path, help="folder for the curves")
    given = parser.parse_args()
    print(headline())
    print(f"SIMULATION, {given.clips} made-up clips per setting; {World()}\n")
    began = time.monotonic()
    if given.figures is not None:
        given.figures.mkdir(parents=True, exist_ok=True)
    base_table(given.clips)
    for sweep in SWEEPS:
        run_sweep(sweep, given.clips, given.figures)
    for label, key, values in TABLES:
        run_table(label, key, values, given.clips)
    bias_table(given.clips)
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
