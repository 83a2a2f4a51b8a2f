"""hoigen suggest: thresholds for one's own videos, with what they rest on."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from hoigen.commands.options import RunFolder
from hoigen.core.errors import UsageError, nearest
from hoigen.core.settings import Setting
from hoigen.core.words import plural

if TYPE_CHECKING:
    import duckdb

    from hoigen.core.score import Better, Rule
    from hoigen.core.stats.thresholds import Bound, Choice
    from hoigen.pages.figures import Drawn
    from hoigen.rules.cascade import Step
    from hoigen.rules.labels import Labelled

PERCENTS = (1, 5, 25, 50, 75, 95, 99)
SIDES = {"min": "min", "above": "min", "max": "max", "below": "max"}
FEW = 30
"""Below so many clips a share of them is hardly known; people are told."""


@dataclass(frozen=True, slots=True)
class _Suggestion:
    """What is proposed for one score; `bounds` is empty when nothing can be, and `why` says so. wrong: why they are not
    to be copied: they are of the wrong side."""

    score: str
    bounds: Mapping[str, float]
    why: str
    values: int
    percentiles: Mapping[int, float]
    notes: tuple[str, ...] = ()
    choice: Choice | None = None
    auc: float | None = None
    rule: Rule | None = None
    wrong: str = ""
    drawn: Drawn | None = None
    picture: Path | None = None

    def __str__(self) -> str:
        lines = [f"{self.score}, {plural(self.values, 'value')}"]
        if self.percentiles:
            spread = "  ".join(f"{percent} % {value:.3g}" for percent, value in self.percentiles.items())
            lines.append(f"  percentiles  {spread}")
        bounds = ", ".join(f"{bound} {value:g}" for bound, value in self.bounds.items())
        lines.append(f"  suggested    {bounds or 'nothing'}: {self.why}")
        lines += [f"  not to copy  {self.wrong}"] if self.wrong and self.bounds else []
        lines += [f"  note         {note}" for note in self.notes]
        lines += [f"  picture      {self.picture}"] if self.picture else []
        return "\n".join(lines)

    def checked(self, rule: Rule | None, asked: str | None, better: Better | None) -> _Suggestion:
        """With the recipe's rule, and with what speaks against the suggested side.

        Args:
            rule: what the recipe has for the score.
            asked: the side that was asked for.
            better: which end of the number is better, as its measure declares.
        """
        made, now, wrong = replace(self, rule=rule), _sides(rule, None), ""
        good = "" if better is None else "min" if better == "more" else "max"
        said = "" if self.auc in (None, 0.5) else "min" if (self.auc or 0) > 0.5 else "max"
        for side in self.bounds:
            if now and side not in now and asked is None:
                wrong = f"the recipe bounds the other side ({now[0]})"
            elif good and side != good and side not in now:
                wrong = f"{better} of {self.score} is better, and a {side} drops that end"
            elif said and side != said:
                wrong = f"the labels say the other side ({said})"
        if not wrong and self.bounds:
            try:
                type(rule)(**made._both()) if rule is not None else None
            except ValueError as error:
                wrong = f"with what the recipe has, {error}"
        return replace(made, wrong=wrong)

    def _both(self) -> dict[str, float]:
        """What is suggested, with the bounds of the other side that the recipe has."""
        other = {bound: value for bound, value in self._now().items() if SIDES[bound] not in self.bounds}
        return {**self.bounds, **other}

    @property
    def yaml(self) -> str:
        both = self._both()
        inside = ", ".join(f"{bound}: {both[bound]!r}" for bound in SIDES if bound in both)
        return f"  {self.score}: {{{inside}}}  # {self.why}"

    @property
    def sets(self) -> list[str]:
        """The same as changes for --set."""
        gone = [bound for bound in self._now() if SIDES[bound] in self.bounds and bound not in self.bounds]
        changes = {**self.bounds, **dict.fromkeys(gone, "null")}
        return [f"keep.{self.score}.{bound}={value}" for bound, value in changes.items()]

    def _now(self) -> dict[str, float]:
        """The bounds that the recipe has."""
        found = {bound: getattr(self.rule, bound, None) for bound in SIDES}
        return {bound: value for bound, value in found.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Suggestions:
    """Thresholds for the scores of a run."""

    run: Path
    items: tuple[_Suggestion, ...]
    notes: tuple[str, ...] = ()

    @property
    def yaml(self) -> str:
        """To paste into a recipe; empty when nothing is suggested."""
        lines = [item.yaml for item in self.items if item.bounds and not item.wrong]
        return "\n".join(["keep:", *lines]) if lines else ""

    def __str__(self) -> str:
        parts = ["\n".join(f"note: {note}" for note in self.notes)] if self.notes else []
        parts += [str(item) for item in self.items]
        if self.yaml:
            import shlex

            sets = [
                f"--set {shlex.quote(change)}"
                for item in self.items
                if item.bounds and not item.wrong
                for change in item.sets
            ]
            parts.append(f"# for your recipe\n{self.yaml}")
            parts.append(f"# what they would change\nhoigen funnel {shlex.quote(str(self.run))} {' '.join(sets)}")
        return "\n\n".join(parts)


def suggest(
    run: RunFolder,
    *,
    labels: Annotated[
        Path | None,
        Setting(
            "a table (CSV, TSV, JSONL, JSON, Parquet) with a column id (or uri or file) and a column label: yes, no,"
            " true, false, 1, 0; or the folder of a run with annotations (docs/annotations.md)"
        ),
    ] = None,
    labels_question: Annotated[
        str | None,
        Setting("of annotations, which question's answers are the labels; not needed where there is only one"),
    ] = None,
    precision: Annotated[
        float | None, Setting("with labels, the loosest threshold that reaches it (0.9); when not given, the best F1")
    ] = None,
    measure: Annotated[
        list[str] | None,
        Setting("only this measure or score; may be given more than once. Else those of the recipe that see frames"),
    ] = None,
    bound: Annotated[
        Literal["min", "max", "both"] | None,
        Setting("which side to bound; when not given, as the rule does, as the measure declares, or as the labels say"),
    ] = None,
    keep_share: Annotated[float, Setting("without labels, the share of clips that each rule is to keep")] = 0.9,
    pictures: Annotated[
        Path | None, Setting("the folder for the pictures; the run's own, suggest, when not given")
    ] = None,
) -> Suggestions:
    """Proposes thresholds: from how the scores are spread, or from what people said of clips.

    Returns what it proposes. Raises UsageError when labels or options are not as they should be.
    """
    from hoigen.data.run import Run
    from hoigen.rules import decide
    from hoigen.rules.labels import labelled
    from hoigen.rules.runfile import steps_of

    _check(labels, labels_question, precision, bound, keep_share)
    folder = Run(Path(run))
    _, steps = steps_of(folder)
    chosen = _chosen(steps, measure)
    con = decide.connect(folder, steps)
    notes: list[str] = []
    better = {number.name: number.better for step in steps for number in step.numbers}
    if labels is None:
        items = [
            _from_spread(con, score, _sides(rule, bound, better[score]), keep_share).checked(rule, bound, better[score])
            for score, rule in chosen.items()
        ]
    else:
        found = labelled(con, Path(labels), labels_question, chosen)
        yes = sum(found.said)
        notes = [*found.notes, f"{plural(len(found.said), 'labelled clip')}, {yes} yes and {len(found.said) - yes} no"]
        if found.unknown:
            lost = f"{len(found.unknown)} of {found.names} labelled names"
            notes.append(f"{lost} are no clip that this run measures, such as {', '.join(found.unknown[:3])}")
        if min(yes, len(found.said) - yes) < FEW:
            notes.append(f"fewer than {FEW} of one kind: label more before relying on this")
        items = [
            _from_labels(found, score, rule, bound, precision).checked(rule, bound, better[score])
            for score, rule in chosen.items()
        ]
    where = pictures or folder.suggest_folder
    return Suggestions(Path(run), tuple(_pictured(item, where) for item in items), tuple(notes))


def _check(
    labels: Path | None, question: str | None, precision: float | None, bound: str | None, keep_share: float
) -> None:
    if question is not None and labels is None:
        raise UsageError("--labels-question needs --labels RUN: the run that has the annotations")
    if precision is not None and labels is None:
        raise UsageError("--precision needs --labels: nobody has said yet which clips are good")
    if precision is not None and not 0 < precision <= 1:
        raise UsageError(f"--precision is above 0 and at most 1; it came as {precision:g}")
    if not 0 < keep_share < 1:
        raise UsageError(f"--keep-share is between 0 and 1; it came as {keep_share:g}")
    if labels is not None and bound == "both":
        raise UsageError("--bound both goes without --labels; with labels, one side at a time: min or max")


def _chosen(steps: Sequence[Step], names: Sequence[str] | None) -> dict[str, Rule | None]:
    """The scores to look at, with their rules."""
    every = {score: step for step in steps for score in step.emits}
    rules = {score: step.rules.get(score) for score, step in every.items()}
    if not names:
        ruled: dict[str, Rule | None] = {score: rule for score, rule in rules.items() if rule is not None}
        seeing = {score: rule for score, rule in ruled.items() if every[score].needs_frames}
        return seeing or ruled or rules
    chosen: dict[str, Rule | None] = {}
    measures = {step.name: step for step in steps}
    for name in names:
        if name in measures:
            own = measures[name]
            chosen |= {score: rules[score] for score in own.rules or own.emits}
        elif name in rules:
            chosen[name] = rules[name]
        else:
            raise UsageError(f"--measure {name!r} is not in this run{nearest(name, {*measures, *rules})}")
    return chosen


def _from_spread(con: duckdb.DuckDBPyConnection, score: str, sides: Sequence[Bound], share: float) -> _Suggestion:
    from hoigen.core.stats.thresholds import tails
    from hoigen.data.parquet import quoted
    from hoigen.pages.figures import Drawn

    column = quoted(score)
    query = f"select {column}::double as value from scored where state = 'ok' and {column} is not null order by 1"
    values = array("d", con.execute(query).fetchnumpy()["value"].astype("float64").tobytes())
    clips = (con.execute("select count(*) from clips").fetchone() or (0,))[0]
    if not values:
        return _Suggestion(score, {}, "no clip has a value", 0, {})
    percentiles = _percentiles(values)
    if not sides:
        why = "neither a rule of the recipe nor the measure says which side is good; give --bound min, max or both"
        return _Suggestion(score, {}, why, len(values), percentiles)
    bounds = {str(side): value for side, value in tails(values, share, sides).items()}
    stays = sum(bounds.get("min", value) <= value <= bounds.get("max", value) for value in values)
    lost = ", ".join(
        f"{sum(v < t for v in values)} below" if bound == "min" else f"{sum(v > t for v in values)} above"
        for bound, t in bounds.items()
    )
    if stays == len(values):
        least = sum(value == values[0] for value in values) if "min" in bounds else sum(v == values[-1] for v in values)
        if (1 - share) * len(values) / len(sides) < 1 - 1e-9:  # as `tails` counts
            where = " on each side" if len(sides) > 1 else ""
            why = f"to keep {share:.0%} drops less than one of {plural(len(values), 'clip')}{where}"
        else:
            why = f"a bound that keeps {share:.0%} drops nothing: {least} of {plural(len(values), 'clip')} share the "
            why += "outermost value"
        return _Suggestion(score, {}, f"{why}; use --labels, or another --keep-share", len(values), percentiles)
    why = f"keeps {stays} of {plural(len(values), 'clip')} ({stays / len(values):.1%}; {lost})"
    notes = [
        (
            f"{clips - len(values)} of {plural(clips, 'clip')} have no value and are not in this; score_all: true "
            f"measures all"
        )
    ]
    notes = notes if len(values) < clips else []
    notes += [f"only {plural(len(values), 'value')}: take it as a first guess"] if len(values) < FEW else []
    drawn = Drawn(score, why, values, None, bounds)
    return _Suggestion(score, bounds, f"percentiles, {why}", len(values), percentiles, tuple(notes), drawn=drawn)


def _sides(rule: Rule | None, bound: str | None, better: Better | None = None) -> list[Bound]:
    """The sides to bound: as asked for, else as the recipe's rule does, else the worse end of the number."""
    if bound is not None:
        return ["min", "max"] if bound == "both" else ["min" if bound == "min" else "max"]
    if rule is None:
        return [] if better is None else ["min" if better == "more" else "max"]
    lower = rule.min is not None or rule.above is not None
    upper = rule.max is not None or rule.below is not None
    sides: list[Bound] = ["min"] if lower else []
    return [*sides, "max"] if upper else sides


def _percentiles(ordered: Sequence[float]) -> dict[int, float]:
    """With interpolation, as the report has them."""
    found = {}
    for percent in PERCENTS:
        place = (len(ordered) - 1) * percent / 100
        low = int(place)
        high = min(low + 1, len(ordered) - 1)
        found[percent] = ordered[low] + (ordered[high] - ordered[low]) * (place - low)
    return found


def _from_labels(
    found: Labelled, score: str, rule: Rule | None, bound: str | None, precision: float | None
) -> _Suggestion:
    from hoigen.core.stats.thresholds import auc, choose, curve, judge
    from hoigen.pages.figures import Drawn

    pairs = [(v, yes) for v, yes in zip(found.values[score], found.said, strict=True) if v is not None]
    values, said = [v for v, _ in pairs], [yes for _, yes in pairs]
    blind = len(found.said) - len(pairs)
    notes = (
        [f"{plural(blind, 'labelled clip has', 'labelled clips have')} no value; clips without a value are never kept"]
        if blind
        else []
    )
    percentiles = _percentiles(sorted(values)) if values else {}
    if len(set(said)) < 2:
        kind = "no labelled clip has a value" if not said else f"all with a value are {'yes' if said[0] else 'no'}"
        return _Suggestion(score, {}, f"{kind}; both kinds are needed", len(values), percentiles, tuple(notes))
    separates = auc(values, said)
    side: Bound = ("min" if separates >= 0.5 else "max") if bound is None else "min" if bound == "min" else "max"
    told = f"{'larger' if separates >= 0.5 else 'smaller'} values go with yes (AUC {max(separates, 1 - separates):.2f})"
    notes.append(told)
    if (separates >= 0.5) != (side == "min") and separates != 0.5:
        notes.append(f"--bound {side} is against what the labels say")
    missed = sum(found.said) - sum(said)
    points = curve(values, said, side, missed)
    at = choose(points, precision=precision)
    if at is None:
        best = float(points.precision.max())
        why = f"no threshold reaches precision {precision:g}; the best is {best:.2f}"
        drawn = Drawn(score, why, values, said, {}, points)
        return _Suggestion(score, {}, why, len(values), percentiles, tuple(notes), auc=separates, drawn=drawn)
    chosen = judge(values, said, points, at, precision, missed)
    # why this threshold, and what there is to doubt in it
    goal = "best F1" if precision is None else f"loosest with precision {precision:g}"
    low, high = chosen.interval
    why = (
        f"{goal} on {chosen.kept} kept: precision {chosen.precision:.2f} ({low:.2f} to {high:.2f}), "
        f"recall {chosen.recall:.2f}, F1 {chosen.f1:.2f}"
    )
    if chosen.unseen is not None:
        notes.append(f"chosen anew on resamples, precision on the clips left out is {chosen.unseen:.2f}")
    if precision is not None and low < precision:
        notes.append(f"precision {precision:g} is reached here, but 95 % of chance allows {low:.2f}")
    if chosen.kept < FEW:
        notes.append(f"only {plural(chosen.kept, 'labelled clip is', 'labelled clips are')} kept at this threshold")
    if (now := _sides(rule, None)) and side not in now:
        notes.append(f"the recipe bounds the other side ({now[0]}): are these labels about what {score} is there for?")
    bounds = {str(side): chosen.threshold}
    drawn = Drawn(score, f"{told}; {why}", values, said, bounds, points, at)
    return _Suggestion(
        score, bounds, why, len(values), percentiles, tuple(notes), choice=chosen, auc=separates, drawn=drawn
    )


def _pictured(item: _Suggestion, folder: Path) -> _Suggestion:
    """The suggestion with its picture written."""
    from hoigen.data.files import write_text
    from hoigen.pages.figures import threshold_figure

    if item.drawn is None:
        return item
    path = folder / f"{item.score}.svg"
    try:
        write_text(path, threshold_figure(item.drawn))
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}; give another folder with --pictures") from None
    return replace(item, picture=path)
