"""Failed rows, taken out so that they are tried again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hoigen import store
from hoigen.cascade import Step
from hoigen.store import Run


def forget_failures(run: Run, steps: Sequence[Step]) -> int:
    """Takes failed rows out of all parts, so that the next run tries them again; how many there were."""
    taken = 0
    for part in run.clip_parts():
        rows = store.read_part(part)
        bad = {row["video"] for row in rows if row["state"] == "failed"}
        if bad:
            left = [row for row in rows if row["video"] not in bad]
            metadata = {"fingerprint": store.part_fingerprint(part) or ""}
            store.write_part(part, left, store.schema_of(store.CLIP_COLUMNS), metadata)
            taken += len(bad)
    for step in steps:
        for part in run.score_parts(step.name, step.fingerprint):
            taken += _forget_scores(part, step)
    return taken


def _forget_scores(part: Path, step: Step) -> int:
    rows = store.read_part(part)
    left = [row for row in rows if row["state"] != "failed"]
    if len(left) < len(rows):
        schema = store.schema_of(store.SCORE_COLUMNS, step.emits)
        store.write_part(part, left, schema, {"measure": step.name, "fingerprint": step.fingerprint})
    return len(rows) - len(left)
