"""Prompts that ask for something else than before: what was seen stays, scores that go by the prompt are forgotten."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hoigen.data import videolist
from hoigen.data.columns import Row
from hoigen.data.run import Run

ASKED = ("verb", "object", "contact", "people")
"""Of a video's facts, what its prompt asks for."""


def reword(run: Run, asked: Mapping[str, Mapping[str, Any]]) -> int:
    """Writes what prompts ask for now into the clips and the list of videos; how many clips it concerns.

    Scores go first and the list comes last, so that what was killed half-way is done again by whoever compares the list
    with the prompts. Observations stay: they are kept by the words that they depend on.

    Args:
        run: held by this process alone.
        asked: uri of a video -> its facts under the names of ASKED; a fact that is left out is asked for no more.
    """
    ids: dict[int, set[str]] = {}
    for shard in run.clips.shards():
        mine = {row["id"] for row in run.clips.read(shard, ["id", "uri"]) if row["uri"] in asked}
        if mine:
            ids[shard] = mine
    scores = run.folder.child("scores")  # of all settings of all measures
    for name in filter(goes_by_prompt, scores.names("directory")):
        for fingerprint in scores.child(name).names("directory"):
            for shard, mine in ids.items():
                run.scores(name, fingerprint).drop(shard, "id", mine)
    for shard, mine in ids.items():
        journal = run.journal("scores", shard)
        journalled = list(journal.rows())
        stay = [row for row in journalled if row["id"] not in mine or "observation" in row]
        if len(stay) < len(journalled):
            journal.remove()
            for row in stay:
                journal.append(row)
        journal.close()
        rows = [with_asked(row, asked) for row in run.clips.read(shard)]
        run.clips.write(shard, rows, run.clips.facts_of(shard))
    videolist.rewrite(run.videos_file, lambda row: with_asked(row, asked))
    return sum(map(len, ids.values()))


def with_asked(row: Row, asked: Mapping[str, Mapping[str, Any]]) -> Row:
    """A row of the clips or of the list with what its prompt asks for now; others as they are."""
    if row["uri"] not in asked:
        return row
    meta = {key: value for key, value in json.loads(row["meta"] or "{}").items() if key not in ASKED}
    return row | {"meta": json.dumps(meta | dict(asked[row["uri"]]), ensure_ascii=False)}


def goes_by_prompt(name: str) -> bool:
    """Whether a measure's score depends on what the prompt asks for: its class says so in `prompted`. Of a measure of
    one's own, which may be gone by now, it is taken that it does, unless it says otherwise."""
    from hoigen.core.registry import find_measure, measure_names

    if name not in measure_names():
        return True
    cls = find_measure(name)
    return bool(getattr(cls, "prompted", not cls.__module__.startswith("hoigen.")))
