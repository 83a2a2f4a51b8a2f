"""The decision on every clip of a run, in SQL over the Parquet parts: nothing is decoded.

The same walk as `hoigen.rules.cascade.decide`, clip by clip; a test holds the two together.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hoigen.core.errors import is_program_fault
from hoigen.core.score import Rule
from hoigen.core.words import plural
from hoigen.data.parquet import quoted, text
from hoigen.data.run import Run
from hoigen.rules import removals, sets
from hoigen.rules.cascade import HUMAN, Step
from hoigen.rules.joined import attach, connection
from hoigen.rules.people import said

if TYPE_CHECKING:
    import duckdb

ALIKE_FROM, ALIKE = 40, 0.975
"""A measure of yes and no that says the same of this share of so many clips is told."""
STATES = ("kept", "dropped", "failed", "pending")
REMOVED = "removed"
"""The rule that drops what somebody asked to be taken out. It stands behind the one that groups what shows the same, by
which it goes, and before quotas, whose places are for clips that stay."""
LAST = (sets.RULES[0], REMOVED, *sets.RULES[1:])
"""Rules about a clip among others, in the order in which they are walked."""
BEFORE = ("shot_length", "duplicate")
"""What drops a clip before any measure looks at it, in this order."""


@dataclass(frozen=True, slots=True)
class _Stage:
    """One line of the funnel: clips that came to it, and what it took out."""

    name: str
    came: int
    dropped: int
    failed: int

    @property
    def left(self) -> int:
        return self.came - self.dropped - self.failed


@dataclass(frozen=True, slots=True)
class Funnel:
    """How many clips each rule dropped and each measure failed on, in the order of the walk.

    Clips that lack a score are pending and in no stage; `missing` counts them by the measure they wait for. A video of
    the list that was not looked at yet is one pending clip; `unseen` counts those.
    all_failed: the first reason and what to do, when every clip failed; else empty.
    told: measures of yes and no that say the same of nearly every clip; how much people have said, and how long ago.
    """

    stages: tuple[_Stage, ...]
    counts: dict[str, int]
    missing: dict[str, int] = field(default_factory=dict)
    all_failed: str = field(default="", compare=False)
    unseen: int = 0
    told: tuple[str, ...] = field(default=(), compare=False)

    @property
    def clips(self) -> int:
        return sum(self.counts.values())

    @property
    def incomplete(self) -> bool:
        """Whether every clip failed; the command then exits with 1."""
        return bool(self.all_failed)

    def __str__(self) -> str:
        width = max((len(stage.name) for stage in self.stages), default=4) + 2
        lines = [f"{'':{width}}{'came':>9}{'dropped':>9}{'failed':>9}{'left':>9}{'left of all':>13}"]
        for stage in self.stages:
            share = stage.left / self.clips if self.clips else 0.0
            row = f"{stage.came:>9}{stage.dropped:>9}{stage.failed:>9}{stage.left:>9}{share:>12.1%}"
            lines.append(f"{stage.name:{width}}{row} {'█' * round(24 * share)}".rstrip())
        ends = ", ".join(f"{self.counts[state]} {state}" for state in STATES if self.counts.get(state))
        lines.append(f"{plural(self.clips, 'clip')}: {ends or 'none'}")
        if self.counts.get("pending"):
            measures = {name: count for name, count in self.missing.items() if name != HUMAN}
            waits = ", ".join(f"{count} for {measure}" for measure, count in measures.items())
            scores = [f"clips wait for scores ({waits})"] if waits else []
            videos = plural(self.unseen, "video has", "videos have")
            unseen = [f"{videos} not been looked at yet"] if self.unseen else []
            if scores or unseen:
                lines.append(f"pending: {'; '.join([*scores, *unseen])}. Run hoigen curate again")
            if asked := self.missing.get(HUMAN):
                clips = plural(asked, "clip waits", "clips wait")
                lines.append(f"pending: {clips} for what people say (docs/annotations.md)")
        if self.all_failed:
            lines.append(self.all_failed)
        lines += self.told
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from html import escape

        def bar(stage: _Stage) -> str:
            share = 100 * stage.left / self.clips if self.clips else 0.0
            return f'<div style="width:12em"><div style="width:{share:.1f}%;height:1em;background:#0b7a68"></div></div>'

        rows = [
            f"<tr><th>{escape(stage.name)}</th><td>{stage.came:,}</td><td>{stage.dropped:,}</td>"
            f"<td>{stage.failed:,}</td><td>{stage.left:,}</td><td>{bar(stage)}</td></tr>"
            for stage in self.stages
        ]
        head = "".join(f"<th>{name}</th>" for name in ("rule", "came", "dropped", "failed", "left", ""))
        told = "<br>".join(escape(line) for line in str(self).splitlines()[1 + len(self.stages) :])
        return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table><p>{told}</p>"


@dataclass(frozen=True, slots=True)
class _Case:
    """One link of the walk: if `condition` holds and none before it did, this is how the clip ends."""

    condition: str
    state: str
    rule: str | None
    reason: str
    step: str


def connect(
    run: Run, steps: Sequence[Step], *, taken: Sequence[removals.Removal] | None = None
) -> duckdb.DuckDBPyConnection:
    """A connection with the view `decided`: id, uri, start, end, state, rule, reason, a column per score, and more.

    Rows come in the order of the input. A clip without all its scores yet is `pending`. The view `walked` is the
    same in no order, which is quicker to count; `clips` are the rows of the clips parts; `removed` has the ids of what
    somebody asked to be taken out, kept or not.

    Args:
        run: the run.
        steps: its measures and rules.
        taken: removals; those of the run when not given.
    """
    con = connection()
    beside(con, run, steps, "main", taken=taken)
    return con


def beside(
    con: duckdb.DuckDBPyConnection,
    run: Run,
    steps: Sequence[Step],
    schema: str,
    *,
    without: Collection[str] = (),
    taken: Sequence[removals.Removal] | None = None,
) -> None:
    """The views of `connect` once more, in a schema of their own: the run as other steps decide it.

    Args:
        con: a connection of `hoigen.rules.joined`.
        run: the run.
        steps: its measures and rules.
        schema: that the views are made in.
        without: names of LAST that are left out.
        taken: removals; those of the run when not given.
    """
    state = attach(con, run, steps, schema)
    taken = removals.in_force(run) if taken is None else taken
    removals.mark_run(con, run, taken, schema, state)
    every = [*sets.rules_of(run), *([sets.SetRule(REMOVED, run.path / removals.FILE, {})] if taken else [])]
    groups = sorted((rule for rule in every if rule.name not in without), key=lambda rule: LAST.index(rule.name))
    names = ", ".join(f"({at}, {text(rule.name)}, {text(json.dumps(rule.facts))})" for at, rule in enumerate(groups))
    rows = f"values {names}" if names else "select 0, '', '' where false"
    con.execute(f"create view {schema}.set_rules as select * from ({rows}) as r(place, name, facts)")
    cases = _links(steps, [rule.name for rule in groups])
    single = f"select *, {code_sql(steps, len(cases) + 1)} as _code from {schema}.scored"
    con.execute(f"create view {schema}.{'single' if groups else 'judged'} as {single}")
    dropped = {REMOVED: f"select id, {text(removals.WHY)} as why from {schema}.removed"}
    sets.attach_sets(con, groups, schema, len(cases) + 1, len(cases) + 1 - len(groups), dropped)
    reasons = " ".join(f"when {at} then {case.reason}" for at, case in enumerate(cases, 1))
    own = 'id, uri, start, "end", source, prompt, digest, video, n, shard'
    scores = "".join(f", {quoted(score)}" for step in steps for score in step.emits)
    con.execute(
        f"""create view {schema}.walked as
        select {own}, {_told("state", [case.state for case in cases] + ["kept"])} as state,
            {_told("rule", [case.rule for case in cases] + [None])} as rule,
            case _code when 0 then reason {reasons} end as reason{scores}
        from {schema}.judged"""
    )
    con.execute(
        f"""create view {schema}.decided as
        select id, uri, start, "end", state, rule, reason{scores}, source, prompt, digest, video, n
        from {schema}.walked order by video, n"""
    )


def _links(steps: Sequence[Step], groups: Sequence[str]) -> list[_Case]:
    """All links of the walk: those of single clips, then the rules about groups, whose condition is another view's."""
    named = [_Case("", "dropped", name, f"{text(name + ': ')} || _why_{at}", name) for at, name in enumerate(groups)]
    return [*walk(steps), *named]


def walk(steps: Sequence[Step]) -> list[_Case]:
    """The walk over the steps, as conditions on the row of a clip."""
    cases: list[_Case] = []
    for at, step in enumerate(steps):
        state, reason = f"_state_{at}", f"coalesce(_reason_{at}, '')"
        cases.append(_Case(f"{state} is null", "pending", None, text(step.waiting), step.name))
        cases.append(_Case(f"{state} = 'failed'", "failed", step.name, reason, step.name))
        for score, rule in step.rules.items():
            # the words of `cascade.broken`
            column = quoted(score)
            unseen = f"{text(score + ' has no value: ')} || coalesce(nullif({reason}, ''), 'not measured')"
            told = [f"when {column} is null then {unseen}"]
            for bound, sign in {"min": "<", "above": "<=", "max": ">", "below": ">="}.items():
                limit = getattr(rule, bound)
                if limit is not None:
                    words = f"{text(score + ' ')} || printf('%.6g', {column}) || {text(f' {sign} {bound} {limit:g}')}"
                    told.append(f"when {column} {sign} {_number(limit)} then {words}")
            words = f"case {' '.join(told)} end"
            cases.append(_Case(f"not {passes_sql(quoted(score), rule)}", "dropped", score, words, step.name))
    return cases


def code_sql(steps: Sequence[Step], kept: int) -> str:
    """Which link of the walk decides: 0 the clip's own state, then 1, 2, ..; `kept` is kept.

    One number for each clip, so that a million are counted without a text being made.
    """
    links = " ".join(f"when {case.condition} then {at}" for at, case in enumerate(walk(steps), 1))
    return f"case when state <> 'ok' then 0 {links} else {kept} end::smallint"


def _told(column: str, words: Sequence[str | None]) -> str:
    texts = ", ".join("null" if word is None else text(word) for word in words)
    return f"case when _code = 0 then {column} else ([{texts}]::varchar[])[_code] end"


def passes_sql(column: str, rule: Rule) -> str:
    """A rule as an SQL condition that is never null."""
    signs = {"min": ">=", "above": ">", "max": "<=", "below": "<"}
    bounds = ((sign, getattr(rule, bound)) for bound, sign in signs.items())
    return f"coalesce({' and '.join(f'{column} {sign} {_number(b)}' for sign, b in bounds if b is not None)}, false)"


def _number(value: float) -> str:
    # From text: exact whatever the number, and `inf` is no literal.
    return f"{text(repr(float(value)))}::double"


def counts(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """How many clips ended how."""
    return dict(con.execute("select state, count(*) from walked group by all").fetchall())


def why_none(con: duckdb.DuckDBPyConnection, run: Path) -> str:
    """Why no clip is kept, or where that is told: what was not measured yet is dropped by no rule.

    Args:
        con: as of `connect`.
        run: its folder, for what to do.
    """
    ends, shown = counts(con), shlex.quote(str(run))
    if removed_count(con):
        return "removals take out every one"
    pending, others = ends.get("pending", 0), sum(ends.values()) - ends.get("pending", 0)
    if not pending:
        return f"hoigen funnel {shown} says which rule drops them"
    rest = ", and rules drop the others" if others else ""
    waits = plural(pending, "clip is", "clips are")
    return f"{waits} not decided yet{rest} (hoigen funnel {shown} says what they wait for)"


def removed_count(con: duckdb.DuckDBPyConnection) -> int:
    """How many clips would be kept, had nobody asked for them to be taken out; one that is listed twice is one."""
    query = "select count(distinct id) from walked where rule = $rule"
    [(count,)] = con.execute(query, {"rule": REMOVED}).fetchall()
    return int(count)


def all_failed(
    con: duckdb.DuckDBPyConnection, ends: Mapping[str, int], run: Path | None = None, schema: str = "main"
) -> str:
    """Why the first clip failed and what to do, when every clip did; else empty.

    A clip that a rule dropped was measured, and one that is pending is not done. A duplicate only repeats a clip that
    failed. A shot that is too short was read but not measured: it counts unless a measure has failed.
    """
    if not ends.get("failed") or ends.get("kept") or ends.get("pending"):
        return ""
    found = con.execute(
        f"""select count(*) filter (state = 'dropped' and not coalesce(rule in ('duplicate', 'shot_length'), false)),
            count(*) filter (state = 'dropped' and rule = 'shot_length'),
            count(*) filter (state = 'failed' and rule is not null),
            arg_min(uri, (video, n)) filter (state = 'failed'), arg_min(reason, (video, n)) filter (state = 'failed')
        from {schema}.walked"""
    ).fetchone()
    measured, short, at_measures, uri, reason = found or (0, 0, 0, "", "")
    if measured or (short and not at_measures):
        return ""
    again = f"hoigen retry {shlex.quote(str(run)) if run else 'RUN'} tries them again"
    if reason and is_program_fault(reason):
        again = f"That is an error of the measure's code, not of the videos; once it is mended, {again}"
    return f"every clip failed, the first with: {uri}: {reason}. {again}"


def funnel(
    con: duckdb.DuckDBPyConnection, steps: Sequence[Step], schema: str = "main", run: Path | None = None
) -> Funnel:
    """The funnel of a connection, in one pass: what came before any measure first, then every rule in order.

    run: named in what to do.
    """
    found = con.execute(
        f"""select _code, case _code when 0 then state end as own, case _code when 0 then rule end as ruled, count(*)
        from {schema}.judged group by all"""
    ).fetchall()
    before = {(state, rule): count for code, state, rule, count in found if code == 0}
    codes = {code: count for code, _, _, count in found if code}
    groups = con.execute(f"select name, facts from {schema}.set_rules order by place").fetchall()
    cases = _links(steps, [name for name, _ in groups])
    ends = dict.fromkeys(STATES, 0)
    for (state, _), count in before.items():
        ends[state] += count
    for code, count in codes.items():
        ends[cases[code - 1].state if code <= len(cases) else "kept"] += count
    missing: dict[str, int] = {}
    for at, case in enumerate(cases, 1):
        if case.state == "pending" and codes.get(at):
            missing[case.step] = codes[at]
    unread = sum(count for (state, _), count in before.items() if state == "failed")
    rules = {rule or "": count for (state, rule), count in before.items() if state == "dropped"}
    order = [*(rule for rule in BEFORE if rule in rules), *sorted(set(rules) - set(BEFORE))]
    lines = [("readable", 0, unread)] if unread else []  # name, dropped, failed
    lines += [(rule, rules[rule], 0) for rule in order]
    ended = {(case.step, case.state, case.rule): codes.get(at, 0) for at, case in enumerate(cases, 1)}
    for step in steps:  # its rules with what they dropped; what failed stands at the first, or at a line of its own
        failed = ended[step.name, "failed", step.name]
        own = [(score, ended[step.name, "dropped", score], 0) for score in step.rules]
        if own and own[0][0] == step.name:
            own[0] = (step.name, own[0][1], failed)
        elif failed:
            own.insert(0, (step.name, 0, failed))
        lines += own
    lines += [(name, ended[name, "dropped", name], 0) for name, _ in groups]
    stages: list[_Stage] = []
    came = sum(ends.values()) - ends["pending"]
    for name, dropped, failed in lines:
        stages.append(_Stage(name, came, dropped, failed))
        came = stages[-1].left
    unseen = before.get(("pending", None), 0)
    made_for = {name: json.loads(facts).get("came") for name, facts in groups}
    told = _alike(con, steps, schema)
    if any(step.by_people for step in steps):
        told = (*told, str(said(con, schema)))
    told += tuple(
        f"{stage.name} was made when {plural(made_for[stage.name], 'clip')} came to it, now {stage.came} do: "
        f"hoigen {sets.COMMANDS[stage.name]} {shlex.quote(str(run)) if run else 'RUN'} looks at those too"
        for stage in stages
        if made_for.get(stage.name) is not None and stage.came != made_for[stage.name]
    )
    if run is not None and (words := removals.unnamed(Run(Path(run)))):
        told = (*told, words)
    return Funnel(tuple(stages), ends, missing, all_failed(con, ends, run, schema), unseen, told)


def _alike(con: duckdb.DuckDBPyConnection, steps: Sequence[Step], schema: str) -> tuple[str, ...]:
    """Of measures that say yes (1) or no (0): those that say the same of nearly every clip."""
    own = [step.name for step in steps if step.name in step.emits and not step.by_people]
    if not own:
        return ()
    counts = ", ".join(
        f"count({name}), count(*) filter ({name} = 1), count(*) filter ({name} not in (0, 1))"
        for name in map(quoted, own)
    )
    found = con.execute(f"select {counts} from {schema}.scored").fetchone() or ()
    told = []
    for name, seen, yes, others in zip(own, found[::3], found[1::3], found[2::3], strict=True):
        most = max(yes, seen - yes)
        if seen >= ALIKE_FROM and not others and most >= ALIKE * seen:
            said = "yes" if 2 * yes > seen else "no"
            told.append(f"{name} says {said} of {most} of {plural(seen, 'clip')}: it may tell nothing apart")
    return tuple(told)
