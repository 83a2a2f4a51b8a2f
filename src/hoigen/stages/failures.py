"""Failed rows, taken out so that they are tried again."""

from __future__ import annotations

from collections.abc import Sequence

from hoigen.cascade import Step
from hoigen.data.run import Run


def forget_failures(run: Run, steps: Sequence[Step]) -> int:
    """Takes failed rows out of all parts, so that the next run tries them again; how many there were."""
    taken = 0
    for shard in run.clips.shards():
        rows = run.clips.read(shard)
        bad = {row["video"] for row in rows if row["state"] == "failed"}
        if bad:
            left = [row for row in rows if row["video"] not in bad]
            run.clips.write(shard, left, run.clips.facts_of(shard))
            taken += len(bad)
    for step in steps:
        scores = run.scores(step.name, step.fingerprint, step.emits)
        for shard in scores.shards():
            rows = scores.read(shard)
            left = [row for row in rows if row["state"] != "failed"]
            if len(left) < len(rows):
                scores.write(shard, left)
            taken += len(rows) - len(left)
    return taken
