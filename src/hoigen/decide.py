"""The decision on every clip of a run, in SQL over the Parquet parts: nothing is decoded, nothing is stored.

The same walk as `hoigen.cascade.decide`, clip by clip; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hoigen.cascade import Step
from hoigen.score import Rule
from hoigen.store import Run

if TYPE_CHECKING:
    import duckdb

STATES = ("kept", "dropped", "failed", "pending")


@dataclass(frozen=True, slots=True)
class Stage:
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
    """How many clips each rule dropped and each measure failed on, in the order of the walk."""

    stages: tuple[Stage, ...]
    counts: dict[str, int]

    @property
    def clips(self) -> int:
        return sum(self.counts.values())

    def __str__(self) -> str:
        width = max((len(stage.name) for stage in self.stages), default=4) + 2
        lines = [f"{'':{width}}{'came':>9}{'dropped':>9}{'failed':>9}{'left':>9}{'left of all':>13}"]
        for stage in self.stages:
            share = stage.left / self.clips if self.clips else 0.0
            row = f"{stage.came:>9}{stage.dropped:>9}{stage.failed:>9}{stage.left:>9}{share:>12.1%}"
            lines.append(f"{stage.name:{width}}{row} {'█' * round(24 * share)}".rstrip())
        ends = ", ".join(f"{self.counts[state]} {state}" for state in STATES if self.counts.get(state))
        lines.append(f"{self.clips} clips: {ends or 'none'}")
        if self.counts.get("pending"):
            lines.append("pending clips lack scores that these rules ask for: run hoigen curate again")
        return "\n".join(lines)


def connect(run: Run, steps: Sequence[Step]) -> duckdb.DuckDBPyConnection:
    """A connection with the view `decided`: id, uri, start, end, state, rule, reason, a column per score, and more.

    Rows come in the order of the input. A clip without all its scores yet is `pending`.
    """
    con = _open(run, steps, details=True)
    scores = "".join(f", {_quoted(score)}" for step in steps for score in step.emits)
    con.execute(
        f"""create view decided as
        select id, uri, start, "end", state, rule, reason{scores}, source, prompt, digest, video, n
        from walked order by video, n"""
    )
    return con


def _open(run: Run, steps: Sequence[Step], *, details: bool) -> duckdb.DuckDBPyConnection:
    """With the view `walked`: every clip with its scores and its decision, in no order."""
    import duckdb

    con = duckdb.connect(config={"preserve_insertion_order": False})
    con.execute("set autoinstall_known_extensions = false")
    _view(con, "clips", [str(part) for part in run.clip_parts()], _no_clips())
    names = []
    for at, step in enumerate(steps):
        parts = [str(part) for part in run.score_parts(step.name, step.fingerprint)]
        _view(con, f"s{at}", parts, _no_scores(step))
        names.append(f"left join s{at} on s{at}.id = clips.id")
    scores = "".join(f", s{at}.{_quoted(score)}" for at, step in enumerate(steps) for score in step.emits)
    reason = f", {_reason_sql(steps)} as reason" if details else ""
    # Without the header's facts: `fps` in the clips' rows is not the score `fps`, which a clip may not have yet.
    bare = "clips.* exclude (state, rule, reason, width, height, fps, meta, header)"
    columns = bare if details else "clips.id"
    con.execute(
        f"""create view walked as
        select {columns}, {_state_sql(steps)} as state, {_rule_sql(steps)} as rule{reason}{scores}
        from clips {" ".join(names)}"""
    )
    return con


def _view(con: duckdb.DuckDBPyConnection, name: str, parts: list[str], empty: str) -> None:
    if parts:
        files = ", ".join(_text(part) for part in parts)
        con.execute(f"create view {name} as select * from read_parquet([{files}])")
    else:
        con.execute(f"create view {name} as {empty}")


def _no_clips() -> str:
    from hoigen.store import CLIP_COLUMNS

    return _nothing(dict(CLIP_COLUMNS))


def _no_scores(step: Step) -> str:
    from hoigen.store import SCORE_COLUMNS

    return _nothing({**SCORE_COLUMNS, **dict.fromkeys(step.emits, "float64")})


def _nothing(columns: dict[str, str]) -> str:
    kinds = {"string": "varchar", "int64": "bigint", "int32": "integer", "float64": "double"}
    return "select " + ", ".join(f"null::{kinds[k]} as {_quoted(n)}" for n, k in columns.items()) + " where false"


def _cases(steps: Sequence[Step], failed: str, missing: str) -> list[tuple[str, str, int, Step, str | None]]:
    """The walk as (condition, kind, step number, step, score): the first condition that holds decides."""
    walk: list[tuple[str, str, int, Step, str | None]] = []
    for at, step in enumerate(steps):
        walk.append((missing.format(at), "pending", at, step, None))
        walk.append((failed.format(at), "failed", at, step, None))
        for score, rule in step.rules.items():
            walk.append((f"not {passes_sql(f's{at}.{_quoted(score)}', rule)}", "dropped", at, step, score))
    return walk


def _walk(steps: Sequence[Step]) -> list[tuple[str, str, int, Step, str | None]]:
    return _cases(steps, "s{}.state = 'failed'", "s{}.id is null")


def passes_sql(column: str, rule: Rule) -> str:
    """A rule as an SQL condition that is never null."""
    bounds = {"min": ">=", "above": ">", "max": "<=", "below": "<"}
    terms = [
        f"{column} {sign} {getattr(rule, b)!r}::double" for b, sign in bounds.items() if getattr(rule, b) is not None
    ]
    return f"coalesce({' and '.join(terms)}, false)"


def _state_sql(steps: Sequence[Step]) -> str:
    cases = " ".join(f"when {condition} then '{kind}'" for condition, kind, *_ in _walk(steps))
    return f"case when clips.state <> 'ok' then clips.state {cases} else 'kept' end"


def _rule_sql(steps: Sequence[Step]) -> str:
    cases = " ".join(
        f"when {condition} then {_text(score or step.name) if kind != 'pending' else 'null'}"
        for condition, kind, _, step, score in _walk(steps)
    )
    return f"case when clips.state <> 'ok' then clips.rule {cases} end"


def _reason_sql(steps: Sequence[Step]) -> str:
    cases = []
    for condition, kind, at, step, score in _walk(steps):
        if kind == "pending":
            text = _text(f"no {step.name} yet")
        elif kind == "failed":
            text = f"s{at}.reason"
        else:
            assert score is not None
            text = _broken_sql(f"s{at}", score, step.rules[score])
        cases.append(f"when {condition} then {text}")
    return f"case when clips.state <> 'ok' then clips.reason {' '.join(cases)} end"


def _broken_sql(table: str, score: str, rule: Rule) -> str:
    """The words of `cascade.broken`."""
    column = f"{table}.{_quoted(score)}"
    signs = {"min": ("<", "<"), "above": ("<=", "<="), "max": (">", ">"), "below": (">=", ">=")}
    cases = [
        f"when {column} is null then {_text(score + ' has no value: ')} || coalesce({table}.reason, 'not measured')"
    ]
    for bound, (broken, shown) in signs.items():
        limit = getattr(rule, bound)
        if limit is not None:
            words = f"{_text(score + ' ')} || printf('%.6g', {column}) || {_text(f' {shown} {bound} {limit:g}')}"
            cases.append(f"when {column} {broken} {limit!r}::double then {words}")
    return f"case {' '.join(cases)} end"


def counts(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """How many clips ended how."""
    return dict(con.execute("select state, count(*) from walked group by all").fetchall())


def funnel(con: duckdb.DuckDBPyConnection, steps: Sequence[Step]) -> Funnel:
    """The funnel of a connection: ingest first, then every rule of every measure, in order."""
    found = con.execute("select state, rule, count(*) from walked group by all").fetchall()
    taken = {(state, rule): count for state, rule, count in found}
    by_state: dict[str, int] = {}
    for (state, _), count in taken.items():
        by_state[state] = by_state.get(state, 0) + count
    left = sum(by_state.values()) - by_state.get("pending", 0)
    named = {("dropped", score) for step in steps for score in step.rules} | {("failed", s.name) for s in steps}
    stages: list[Stage] = []
    for rule in ("shot_length", "duplicate"):
        if taken.get(("dropped", rule)):
            stages.append(Stage(rule, left, taken["dropped", rule], 0))
            left = stages[-1].left
            named.add(("dropped", rule))
    unread = sum(n for (state, rule), n in taken.items() if state == "failed" and (state, rule) not in named)
    if unread:
        stages.insert(0, Stage("readable", sum(by_state.values()) - by_state.get("pending", 0), 0, unread))
        stages[1:] = [Stage(s.name, s.came - unread, s.dropped, s.failed) for s in stages[1:]]
        left -= unread
    for step in steps:
        for name, dropped, failed in _parts_of(step, taken):
            stages.append(Stage(name, left, dropped, failed))
            left = stages[-1].left
    return Funnel(tuple(stages), {state: by_state.get(state, 0) for state in STATES})


def _parts_of(step: Step, taken: dict[tuple[str, str | None], int]) -> list[tuple[str, int, int]]:
    """The rules of a step with what they dropped; what failed stands at the first, or at the measure's own line."""
    failed = taken.get(("failed", step.name), 0)
    lines = [(score, taken.get(("dropped", score), 0), 0) for score in step.rules]
    if failed or not lines:
        if lines and lines[0][0] == step.name:
            lines[0] = (step.name, lines[0][1], failed)
        elif failed:
            lines.insert(0, (step.name, 0, failed))
    return lines


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
