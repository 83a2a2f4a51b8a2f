"""Failed rows, taken out so that they are tried again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hoigen.cascade import Step
from hoigen.data import tables
from hoigen.data.run import Run


def forget_failures(run: Run, steps: Sequence[Step]) -> int:
    """Takes failed rows out of all parts, so that the next run tries them again; how many there were."""
    taken = 0
    for part in run.clip_parts():
        rows = tables.read_part(part)
        bad = {row["video"] for row in rows if row["state"] == "failed"}
        if bad:
            left = [row for row in rows if row["video"] not in bad]
            metadata = {"fingerprint": tables.part_fingerprint(part) or ""}
            tables.write_part(part, left, tables.schema_of(tables.CLIP_COLUMNS), metadata)
            taken += len(bad)
    for step in steps:
        for part in run.score_parts(step.name, step.fingerprint):
            taken += _forget_scores(part, step)
    return taken


def _forget_scores(part: Path, step: Step) -> int:
    rows = tables.read_part(part)
    left = [row for row in rows if row["state"] != "failed"]
    if len(left) < len(rows):
        schema = tables.schema_of(tables.SCORE_COLUMNS, step.emits)
        tables.write_part(part, left, schema, {"measure": step.name, "fingerprint": step.fingerprint})
    return len(rows) - len(left)
