"""The kept clips of a run, with what is known of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hoigen.cascade import Step
from hoigen.clip import Clip
from hoigen.data import tables
from hoigen.data.run import Run
from hoigen.stages.scores import clip_of


def kept_clips(run: Run, steps: Sequence[Step], shard_size: int) -> dict[int, list[str]]:
    """Shard -> ids of its kept clips, in the order of the input."""
    from hoigen import decide

    found: dict[int, list[str]] = {}
    query = "select video, id from decided where state = 'kept'"
    for video, name in decide.connect(run, steps).execute(query).fetchall():
        found.setdefault(video // shard_size, []).append(name)
    return dict(sorted(found.items()))


@dataclass(frozen=True, slots=True)
class KeptClip:
    """A kept clip. content: digest of its video. facts: measure -> {value, values, detail}."""

    clip: Clip
    content: str
    facts: dict[str, Any]

    @staticmethod
    def read(run: Run, steps: Sequence[Step], shard: int, ids: Sequence[str]) -> Iterator[KeptClip]:
        """The clips of one shard with these ids, in that order."""
        if not ids:
            return
        rows = {row["id"]: row for row in tables.read_part(run.clip_part(shard)) if row["state"] == "ok"}
        facts = facts_of(run, steps, shard, set(ids))
        for name in ids:
            yield KeptClip(clip_of(rows[name]), rows[name]["digest"] or "", facts.get(name, {}))


def facts_of(run: Run, steps: Sequence[Step], shard: int, wanted: set[str]) -> dict[str, dict[str, Any]]:
    """What measures said of the wanted clips of one shard: id -> measure -> {value, values, detail}."""
    found: dict[str, dict[str, Any]] = {}
    for step in steps:
        part = run.score_part(step.name, step.fingerprint, shard)
        for row in tables.read_part(part, ["id", "detail", *step.emits]):
            if row["id"] in wanted:
                values = {name: row[name] for name in step.emits}
                about = {"value": values.get(step.name), "values": values, "detail": json.loads(row["detail"] or "{}")}
                found.setdefault(row["id"], {})[step.name] = about
    return found
