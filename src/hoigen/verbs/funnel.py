"""hoigen funnel: how many clips each rule dropped, and what other rules would do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hoigen.decide import STATES, Funnel


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The funnel with other rules, and which clips would change."""

    before: Funnel
    after: Funnel
    moves: dict[tuple[str, str], int]
    examples: dict[tuple[str, str], list[str]]

    def __str__(self) -> str:
        lines = [str(self.after), "", f"kept now {self.before.counts['kept']}, then {self.after.counts['kept']}"]
        for (old, new), count in sorted(self.moves.items(), key=lambda item: (STATES.index(item[0][1]), -item[1])):
            lines.append(f"  {count} clips {old} -> {new}, such as {', '.join(self.examples[old, new])}")
        if not self.moves:
            lines.append("  no clip would change")
        return "\n".join(lines)


def funnel(run: Path, *, set: list[str] | None = None) -> Funnel | WhatIf:
    """Shows how many clips each rule dropped; with --set, what a change would add or drop. Nothing is decoded.

    Args:
        run: the folder of the run.
        set: a change to try, as key=value (keep.motion.max=2); may be given more than once.
    """
    from hoigen import decide
    from hoigen.runfile import steps_of
    from hoigen.store import Run

    folder = Run(Path(run))
    _, steps = steps_of(folder)
    con = decide.connect(folder, steps)
    before = decide.funnel(con, steps)
    if not set:
        return before
    _, changed = steps_of(folder, set)
    other = decide.connect(folder, changed)
    return WhatIf(before, decide.funnel(other, changed), *_moves(con, other))


def _moves(con: object, other: object) -> tuple[dict[tuple[str, str], int], dict[tuple[str, str], list[str]]]:
    """How many clips change from one state to another, and a few of them."""
    import duckdb

    assert isinstance(con, duckdb.DuckDBPyConnection)
    assert isinstance(other, duckdb.DuckDBPyConnection)
    query = "select video, n, state, id from walked"
    con.execute("create temp table after_change (video bigint, n integer, state varchar)")
    after = other.execute("select video, n, state from walked").to_arrow_table()
    con.register("after_rows", after)
    rows = con.execute(
        f"""select before.state, after_rows.state, count(*), list(before.id order by before.id)[1:3]
        from ({query}) before join after_rows using (video, n)
        where before.state <> after_rows.state group by all"""
    ).fetchall()
    return {(a, b): n for a, b, n, _ in rows}, {(a, b): ids for a, b, _, ids in rows}
