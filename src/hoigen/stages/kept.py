"""The kept clips of a run, with what is known of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from hoigen.core.clip import Clip
from hoigen.data.run import Run
from hoigen.rules.cascade import Step, measured
from hoigen.rules.joined import GROUP
from hoigen.stages.scores import clip_of


def kept_counts(run: Run, steps: Sequence[Step]) -> dict[int, int]:
    """Shard -> how many of its clips are kept; shards of which none is are left out.

    Args:
        run: the run.
        steps: its measures and rules.
    """
    from hoigen.rules import decide

    query = (
        "select shard, count(*) from walked where state = 'kept' and shard is not null group by shard order by shard"
    )
    with decide.connect(run, steps) as con:
        return dict(con.execute(query).fetchall())


def kept_clips(
    run: Run, steps: Sequence[Step], mine: Callable[[int], bool] = lambda shard: True
) -> Iterator[tuple[int, list[str]]]:
    """(shard, ids of its kept clips in the order of the input), shard by shard: only a few shards are held at a time.

    Args:
        run: the run.
        steps: its measures and rules.
        mine: which shards are wanted.
    """
    from hoigen.rules import decide

    query = "select shard, id from walked where state = 'kept' and shard between ? and ? order by video, n"
    for group in sorted({shard // GROUP for shard in kept_counts(run, steps) if mine(shard)}):
        # Opened anew for each: days may lie between two, and what the run is read from may be written anew meanwhile.
        with decide.connect(run, steps) as con:
            rows = con.execute(query, [group * GROUP, (group + 1) * GROUP - 1]).fetchall()
        for shard, some in groupby(rows, lambda row: row[0]):
            if mine(shard):
                yield shard, [name for _, name in some]


@dataclass(frozen=True, slots=True)
class KeptClip:
    """A kept clip.

    Args:
        clip: the clip.
        content: digest of its video, "" where there is none.
        facts: measure -> {value, values, detail}.
    """

    clip: Clip
    content: str
    facts: dict[str, Any]

    @staticmethod
    def read(run: Run, steps: Sequence[Step], shard: int, ids: Sequence[str]) -> Iterator[KeptClip]:
        """The clips of one shard, in the order of `ids`.

        Args:
            run: the run.
            steps: its measures and rules.
            shard: the shard.
            ids: of the clips that are wanted.
        """
        if not ids:
            return
        wanted = set(ids)
        rows = {row["id"]: row for row in run.clips.read(shard) if row["state"] == "ok" and row["id"] in wanted}
        facts = facts_of(run, steps, shard, wanted)
        for name in ids:
            yield KeptClip(clip_of(rows[name]), rows[name]["digest"] or "", facts.get(name, {}))


def facts_of(run: Run, steps: Sequence[Step], shard: int, wanted: set[str]) -> dict[str, dict[str, Any]]:
    """What measures said of some clips: id -> measure -> {value, values, detail}.

    Args:
        run: the run.
        steps: its measures and rules.
        shard: the shard that they are in.
        wanted: ids of the clips.
    """
    found: dict[str, dict[str, Any]] = {}
    for step in measured(steps):
        scores = run.scores(step.name, step.fingerprint, step.emits)
        for row in scores.read(shard, ["id", "detail", *step.emits]):
            if row["id"] in wanted:
                values = {name: row[name] for name in step.emits}
                about = {"value": values.get(step.name), "values": values, "detail": json.loads(row["detail"] or "{}")}
                found.setdefault(row["id"], {})[step.name] = about
    return found
