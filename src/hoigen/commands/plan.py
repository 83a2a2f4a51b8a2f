"""hoigen plan: what a recipe will take, before anything is done."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from hoigen.core.clip import Seconds
from hoigen.core.errors import UsageError
from hoigen.core.settings import Setting

if TYPE_CHECKING:
    from hoigen.rules.cascade import Step
    from hoigen.stages.rates import Footage, On, Rate, Unit

HOUR: Seconds = 3600.0
GIB = 1 << 30
SHOTS = "shots: "
"""Before the name of a detector: the step that finds the clips."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one step takes of one clip.

    Args:
        step: a measure, `decode`, or `shots: DETECTOR`.
        on: `card` or `core`.
        unit: what its rate counts; empty where there is no rate.
        units: of them in one clip.
        rate: of them a second, on one card or one core; None where it was not measured.
        machine: where the rate is from: card or processor, and date.
        source: the script or page that has it.
        note: why there is no rate, or what to know of it.
        against: `smaller` or `larger` where the videos that it was measured on were, as far as the step sees them.
    """

    step: str
    on: On
    unit: Unit | str = ""
    units: float = 0.0
    rate: float | None = None
    machine: str = ""
    source: str = ""
    note: str = ""
    against: Literal["", "smaller", "larger"] = ""

    @property
    def seconds(self) -> Seconds | None:
        """Of one clip; None where it was not measured."""
        return None if self.rate is None else self.units / self.rate

    @property
    def stage(self) -> str:
        """`clips`, `scores` or `captions`: the next one begins when all clips are through."""
        return "clips" if self.step.startswith(SHOTS) else "captions" if self.step == "captions" else "scores"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Model:
    """A model file or repository.

    Args:
        name: as cards and the hub have it.
        used_by: measures, and roles of the captioner as `caption: ROLE`.
        bytes: None where its size is not known.
        here: it is on this machine.
        on_card: it is asked on a graphics card; False where the plan has none.
    """

    name: str
    used_by: tuple[str, ...]
    bytes: int | None
    here: bool
    on_card: bool

    def of_stage(self, stage: str) -> bool:
        """Whether `scores` or `captions` asks it on a card: the two are never there at the same time."""
        return self.on_card and any(name.startswith("caption: ") == (stage == "captions") for name in self.used_by)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a recipe takes of clips of one kind, by measured rates.

    Args:
        recipe: its name.
        clips, seconds, size, fps: what is planned for.
        cards, cores: what does it.
        passes: what is decoded, and for what.
        costs: of each step.
        models: what it uses.
        memory_mb: resident memory that one worker may take.
        notes: what the figures leave out.
    """

    recipe: str
    clips: int
    seconds: Seconds
    size: str
    fps: float
    cards: int
    cores: int
    passes: tuple[str, ...]
    costs: tuple[Cost, ...]
    models: tuple[_Model, ...]
    memory_mb: int
    notes: tuple[str, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """Steps without a measured rate: without them, every time is a lower bound."""
        return tuple(dict.fromkeys(cost.step for cost in self.costs if cost.rate is None))

    def seconds_on(self, on: On, stage: str = "") -> Seconds:
        """Seconds that one clip takes of one card or core, as far as it was measured; of one stage, or of all."""
        return sum(cost.seconds or 0.0 for cost in self.costs if cost.on == on and stage in ("", cost.stage))

    @property
    def rate(self) -> float | None:
        """Clips a second, of the whole: within a stage cores and cards work side by side, so the slower of them
        decides, and stages come one after the other. None where no rate is."""
        took = sum(
            max(self.seconds_on("core", stage) / self.cores, self.seconds_on("card", stage) / max(1, self.cards))
            for stage in dict.fromkeys(cost.stage for cost in self.costs)
        )
        return 1 / took if took else None

    @property
    def hours(self) -> float | None:
        """Of all clips."""
        return self.clips / self.rate / HOUR if self.rate else None

    def hours_of(self, on: On) -> float:
        """Hours of one card or one core, over all clips."""
        return self.clips * self.seconds_on(on) / HOUR

    @property
    def download(self) -> int:
        """Bytes that are not on this machine, as far as sizes are known."""
        return sum(model.bytes or 0 for model in self.models if not model.here)

    @property
    def lower_bound(self) -> bool:
        """Whether times are at least what is said: something was not measured, or on smaller videos alone."""
        return bool(self.missing) or any(cost.against == "smaller" for cost in self.costs)

    @property
    def memory(self) -> dict[str, int]:
        """Stage -> bytes of the files of all networks that it has on a card, as far as sizes are known."""
        found = {name: [model for model in self.models if model.of_stage(name)] for name in ("scores", "captions")}
        return {name: sum(model.bytes or 0 for model in models) for name, models in found.items() if models}

    @property
    def unknown(self) -> tuple[str, ...]:
        """Models of which the size is not known."""
        return tuple(model.name for model in self.models if model.bytes is None)

    def record(self) -> dict[str, Any]:
        """As JSON has it: the fields, and what comes of them."""
        costs = [dataclasses.asdict(cost) | {"seconds": cost.seconds, "stage": cost.stage} for cost in self.costs]
        return dataclasses.asdict(self) | {
            "costs": costs,
            "not_measured": list(self.missing),
            "lower_bound": self.lower_bound,
            "clips_per_second": self.rate,
            "hours": self.hours,
            "card_hours": self.hours_of("card"),
            "core_hours": self.hours_of("core"),
            "download_bytes": self.download,
            "card_memory_bytes": self.memory,
            "unknown_sizes": list(self.unknown),
        }

    def __str__(self) -> str:
        lines = [
            f"{self.recipe}: {self.clips:,} clips of {self.seconds:g} s, {self.size}, {self.fps:g} frames a second, on "
            f"{_many(self.cards, 'card')} and {_many(self.cores, 'core')}",
            "",
            "Passes",
            *(f"  {at} {each}" for at, each in enumerate(self.passes, 1)),
            "",
            "Models",
        ]
        for model in self.models:
            large = _size(model.bytes) if model.bytes is not None else "size not known"
            here = "here" if model.here else "to download"
            lines.append(f"  {model.name}: {large}, {here}, for {', '.join(model.used_by)}")
        absent = [model for model in self.models if not model.here]
        unknown = [model.name for model in absent if model.bytes is None]
        least = f", and {', '.join(unknown)} of a size that is not known" if unknown else ""
        lines.append(f"  to download: {_size(self.download)}{least}" if absent else "  nothing to download")
        lines += ["", f"{'Of one clip':26}{'on':6}{'':>16}{'a second':>12}{'seconds':>11}   measured on"]
        for cost in self.costs:
            if cost.seconds is None:
                lines.append(f"  {cost.step:24}{cost.on:6}{'':>16}{'not measured':>12}{'':>11}   {cost.note}".rstrip())
                continue
            if not cost.units:
                lines.append(f"  {cost.step:24}{cost.on:6}{'':>16}{'':>12}{0:>11}   {cost.note}")
                continue
            counted, rate = f"{_figure(cost.units)} {cost.unit}", _figure(cost.rate or 0.0)
            note = f"; {cost.note}" if cost.note else ""
            lines.append(
                f"  {cost.step:24}{cost.on:6}{counted:>16}{rate:>12}{cost.seconds:>11.4f}   {cost.machine} "
                f"({cost.source}{note})"
            )
        lines.append("")
        for stage, size in self.memory.items():
            unknown = [model.name for model in self.models if model.of_stage(stage) and model.bytes is None]
            less = f", without {', '.join(unknown)} (size not known)" if unknown else ""
            lines.append(f"memory of each card, {stage}: {_size(size)} of weights{less}; of batches: not measured")
        lines.append(f"memory of workers: up to {self.memory_mb} MB each, one or more for each core")
        at_least, at_most = ("at least ", "at most ") if self.lower_bound else ("", "")
        if self.rate is None or self.hours is None:
            lines.append("hours: not measured")
        else:
            busy = f"{_figure(self.hours_of('card'))} card-hours and " if self.cards else ""
            lines.append(
                f"{at_most}{_figure(self.rate)} clips a second, {at_least}{_figure(self.hours)} hours: "
                f"{busy}{_figure(self.hours_of('core'))} core-hours of work"
            )
        if self.missing:
            lines.append(f"not measured, so that times are lower bounds: {', '.join(self.missing)}")
        for against, means in (("smaller", "times are lower bounds"), ("larger", "they take less here")):
            if names := [cost.step for cost in self.costs if cost.against == against]:
                lines.append(f"measured on {against} videos, so that {means}: {', '.join(names)}")
        return "\n".join([*lines, *self.notes])


def plan(
    recipe: Annotated[str, Setting("a recipe's YAML file, or the name of one that comes with hoigen (lite, vbench)")],
    *,
    clips: Annotated[int, Setting("clips that come", least=1)] = 1_000_000,
    seconds: Annotated[Seconds, Setting("of each clip", above=0)] = 5.0,
    size: Annotated[str, Setting("of the picture, as WIDTHxHEIGHT")] = "1280x720",
    fps: Annotated[float, Setting("frames per second of the videos", above=0)] = 25.0,
    cards: Annotated[
        int | None, Setting("graphics cards, all together; those of this machine when not given", least=0)
    ] = None,
    cores: Annotated[int | None, Setting("cores, all together; those of this machine when not given", least=1)] = None,
    set: Annotated[list[str] | None, Setting("set any key of the recipe, as key=value")] = None,
) -> Plan:
    """Says what a recipe takes: passes, models, bytes to download, memory of cards, clips a second and hours.

    By measured rates (stages/rates.csv), and no others: a step without one is told, and times are lower bounds then.

    Returns the plan; nothing is fetched, decoded or written. Raises UsageError for a recipe or option that cannot be.
    """
    from hoigen.core import devices, trusted
    from hoigen.core.settings import arguments_of
    from hoigen.recipe.build import recipe_of
    from hoigen.recipe.places import caption_of, measures_of
    from hoigen.recipe.recipe import KEYS
    from hoigen.recipe.yaml import apply_sets, load_recipe, recipe_path
    from hoigen.rules.cascade import build_steps, measured
    from hoigen.stages.ingest import check_shots
    from hoigen.stages.rates import Footage
    from hoigen.work.task import cores as cores_here

    typed = {"clips": clips, "seconds": seconds, "fps": fps, "cards": cards, "cores": cores}
    for key in arguments_of(plan):
        if (value := typed.get(key.name)) is not None and not (key.setting.allows(value) and math.isfinite(value)):
            raise UsageError(f"--{key.name}: {key.setting.allowed}; it came as {value!r}")
    found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", size)
    if found is None:
        raise UsageError(f"--size: WIDTHxHEIGHT in pixels, as 1280x720; it came as {size!r}")
    footage = Footage(seconds=seconds, width=int(found[1]), height=int(found[2]), fps=fps)
    path = recipe_path(recipe)
    values = apply_sets(load_recipe(path), set or [])
    asked = recipe_of({"videos": "-", "run": "-"} | values, str(path))  # a plan needs neither
    trusted.check(values, path, path.parent)
    check_shots(asked.shots, asked.min_length, asked.max_length)
    given = {name: key.default for name, key in KEYS.items() if not key.required} | values
    steps = measured(build_steps(measures_of(given["measures"], path.parent), given["keep"]))
    number = len(devices.cards_here()) if cards is None else cards
    caption = caption_of(given["caption"], path.parent)
    costs = _costs(given["shots"], steps, footage, number > 0)
    models = _models(steps, caption, number > 0)
    if caption:
        on: On = "card" if any(model.of_stage("captions") for model in models) else "core"
        costs.append(Cost(step="captions", on=on, note="no rate of a captioner"))
    notes = ["A clip is taken to go through every measure: one that a rule drops before costs less."]
    if given["score_all"] or not given["keep"]:
        notes = []
    if number > 1:
        notes.append("A process asks one card: several cards are several processes on one run.")
    return Plan(
        recipe=path.stem,
        clips=clips,
        seconds=seconds,
        size=size,
        fps=fps,
        cards=number,
        cores=cores or cores_here(),
        passes=_passes(given["shots"], steps, bool(caption)),
        costs=tuple(costs),
        models=models,
        memory_mb=given["memory_mb"],
        notes=tuple(notes),
    )


def command(
    recipe: Annotated[str, Setting("a recipe's YAML file, or the name of one that comes with hoigen (lite, vbench)")],
    *,
    clips: Annotated[int, Setting("clips that come")] = 1_000_000,
    seconds: Annotated[Seconds, Setting("of each clip")] = 5.0,
    size: Annotated[str, Setting("of the picture, as WIDTHxHEIGHT")] = "1280x720",
    fps: Annotated[float, Setting("frames per second of the videos")] = 25.0,
    cards: Annotated[int | None, Setting("graphics cards, all together; those of this machine when not given")] = None,
    cores: Annotated[int | None, Setting("cores, all together; those of this machine when not given")] = None,
    set: Annotated[list[str] | None, Setting("set any key of the recipe, as key=value")] = None,
    json: Annotated[bool, Setting("print JSON")] = False,
) -> Plan | str:
    """`plan` as it is typed."""
    found = plan(recipe, clips=clips, seconds=seconds, size=size, fps=fps, cards=cards, cores=cores, set=set)
    if not json:
        return found
    import json as to_json

    return to_json.dumps(found.record(), indent=2)


def _passes(shots: Any, steps: Sequence[Step], caption: bool) -> tuple[str, ...]:
    """What opens videos, in order, and for what."""
    found = ["every header is read, and a digest made: nothing is decoded"]
    if shots not in (None, False, "none"):
        found.append(f"shots ({_named(shots)}): every video is decoded once, to find its clips")
    if names := [step.name for step in steps if step.needs_frames]:
        found.append(f"scores: every clip is decoded once, for {', '.join(names)}")
    if caption:
        found.append("captions (hoigen caption): every kept clip is decoded once")
    return tuple(found)


def _costs(shots: Any, steps: Sequence[Step], footage: Footage, with_card: bool) -> list[Cost]:
    """What each step of these passes takes of one clip."""
    from hoigen.core.clip import EveryFrame
    from hoigen.models.experts.call import AsksExperts
    from hoigen.models.uses import HasNetworks
    from hoigen.stages.rates import rate_of, units_of

    def cost(step: str, on: On, rate: Rate | None, sampling: Any, lacks: str = "no rate of it") -> Cost:
        if rate is None:
            return Cost(step=step, on=on, note=lacks)
        # sizes as the step sees them: most measures look at pictures that are made smaller
        most = sampling.short_side or math.inf
        there, here = min(rate.size, most), min(footage.short_side, most)
        against: Any = "" if not rate.size or there == here else "smaller" if there < here else "larger"
        return Cost(
            step=step,
            on=on,
            unit=rate.unit,
            units=units_of(rate.unit, sampling, footage),
            rate=rate.rate,
            machine=f"{rate.card or rate.machine}, {rate.date}",
            source=rate.source,
            note="; ".join(filter(None, (f"at {rate.size}p" if against else "", rate.note))),
            against=against,
        )

    everything = EveryFrame()
    found = [cost("run", "core", rate_of("run", "core", footage), everything)]
    if shots not in (None, False, "none"):
        name = f"{SHOTS}{_named(shots)}"
        found.append(cost(name, "core", rate_of(name, "core", footage), everything))
    looks: dict[tuple[str, str], str] = {}
    if any(step.needs_frames for step in steps):
        found.append(cost("decode", "core", rate_of("decode", "core", footage), everything))
    for step in steps:
        if not step.needs_frames:
            continue  # by the row of a clip: in `run`
        if step.looking is not None:
            observer = step.looking.observer
            key = (observer.name, step.observation)
            if key in looks:
                found.append(Cost(step=step.name, on="core", rate=1.0, note=f"made of what {looks[key]} looks at"))
                continue
            looks[key] = step.name
            on: On = "card" if with_card and isinstance(observer, HasNetworks) else "core"
            # one look serves all that are made of it, so a rate of any of them is that of the look
            alike = [each.name for each in steps if each.observation == step.observation]
            rates = [rate for name in alike if (rate := rate_of(name, on, footage, observer.name))]
            found.append(cost(step.name, on, rates[0] if rates else None, step.sampling))
            continue
        networks = step.measure.networks if isinstance(step.measure, HasNetworks) else ()
        if len(networks) > 1 or isinstance(step.measure, AsksExperts):
            found.append(Cost(step=step.name, on="card" if with_card else "core", note="no rate of these models"))
            continue
        on = "card" if with_card and networks and networks[0].device != "cpu" else "core"
        network = networks[0].build if networks else ""
        found.append(cost(step.name, on, rate_of(step.name, on, footage, network), step.sampling))
    return found


def _models(steps: Sequence[Step], caption: Any, with_card: bool) -> tuple[_Model, ...]:
    """All model files and repositories, each once."""
    from hoigen.models import files, hub, uses
    from hoigen.stages.captioners._job import job_of

    users: list[tuple[str, Any, bool]] = [
        (step.name, unit, bool(getattr(unit, "networks", ()) or getattr(unit, "experts", ())))
        for step in steps
        for unit in step.units
    ]
    if caption:
        users += [(f"caption: {role}", expert, True) for role, expert in job_of(caption).captioner.experts.items()]
    who: dict[Any, list[str]] = {}
    asked: dict[Any, bool] = {}
    for name, unit, network in users:
        for use in uses.of(unit):
            who.setdefault(use, []).append(name)
            asked[use] = asked.get(use, False) or network
    found = []
    for use, names in who.items():
        if isinstance(use, uses.Undecided):
            found.append(_Model(name=use.words, used_by=tuple(names), bytes=None, here=False, on_card=with_card))
            continue
        card = use.facts
        size: int | None
        if use.kind == "served":
            here, size = True, 0
        elif use.own:
            here, size = True, Path(use.own).stat().st_size if Path(use.own).is_file() else None
        elif use.kind == "file":
            here, size = card is not None and files.present(card) is not None, card.bytes if card else None
        else:
            here = hub.at_hand(use.id, use.revision, use.gguf_file) is not None
            size = card.bytes if card else None
        on_card = with_card and asked[use] and use.kind != "served"
        found.append(_Model(name=use.id, used_by=tuple(dict.fromkeys(names)), bytes=size, here=here, on_card=on_card))
    return tuple(found)


def _named(shots: Any) -> str:
    """The name of a detector, which may have settings."""
    return str(next(iter(shots))) if isinstance(shots, dict) else str(shots)


def _size(count: int) -> str:
    return f"{count / GIB:.2f} GiB" if count >= GIB / 100 else f"{count / (1 << 20):.1f} MiB"


def _figure(number: float) -> str:
    """Three digits, or a whole number."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def _many(count: int, what: str) -> str:
    return f"1 {what}" if count == 1 else f"{count or 'no'} {what}s"
