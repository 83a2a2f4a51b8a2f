"""A run of which everything is known: five clips that stay, with captions, categories, sources and licences."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from hoigen.core.score import Rule
from hoigen.data.columns import schema_of
from hoigen.data.files import write_text
from hoigen.data.run import Run
from hoigen.interactions.categories.table import COLUMNS
from hoigen.rules.cascade import Known, Step
from run_folders import Given, step, write_run

PRINT = "0" * 12
NASTY = "<b>$x$ & \x1b[31m"
STEPS: list[Step] = [
    step("metadata", "short_side", fingerprint=PRINT),
    step("motion", fingerprint=PRINT, motion=Rule(max=1.0)),
]
CLIPS = (  # id, video, seconds, height, motion, source, licence, caption
    ("a", 0, 2.0, 720, 0.1, "pexels", "Pexels License", "A man holds a red cup. He holds it."),
    ("b", 0, 4.0, 720, 0.2, "pexels", "Pexels License", "A woman cuts bread with a knife."),
    ("c", 1, 6.0, 1080, 0.3, "", "", "Hands hold a cup."),
    ("d", 2, 8.0, 1080, 0.4, "own", "CC-BY-4.0", None),
    ("e", 3, 10.0, 2160, 0.5, "own", "CC-BY-4.0", "Two men carry a cup."),
    ("f", 4, 9.0, 2160, 5.0, "own", "CC-BY-4.0", "Dropped: it moves too much."),
)
INTERACTIONS = (  # id, action, object, kind
    ("a", "hold", "cup", "one person"),
    ("b", "cut", "bread", "one person"),
    ("b", "hold", "knife", "one person"),
    ("c", "hold", "cup", "close-up"),
    ("e", "carry", "cup", "several people"),
    ("f", "hold", "sword", "one person"),
)


def counted(folder: Path, *, captions: bool = True, categories: bool = True) -> Run:
    given = [
        Given(
            name,
            {"metadata": Known("ok", {"short_side": float(high)}), "motion": Known("ok", {"motion": motion})},
            end=seconds,
        )
        for name, _, seconds, high, motion, *_ in CLIPS
    ]
    run = write_run(folder, STEPS, [given[:3], given[3:]])
    known = {row[0]: row for row in CLIPS}
    for shard in (0, 1):
        rows = run.clips.read(shard)
        for row in rows:
            _, video, _, high, _, source, licence, _ = known[row["id"]]
            row |= {"height": high, "width": high * 16 // 9, "source": source, "video": video, "digest": row["id"] * 8}
            row["n"] = sum(other[1] == video for other in CLIPS[: [each[0] for each in CLIPS].index(row["id"])])
            row["meta"] = json.dumps({"licence": licence} if licence else {})
        run.clips.write(shard, rows)
    numbers = {"metadata": "short_side", "motion": "motion"}
    facts: dict[str, Any] = {
        "hoigen": "0.1.0",
        "written": "2026-11-27T04:00:00+00:00",
        "fingerprints": dict.fromkeys(numbers, PRINT),
        "measured": {name: {"sampling": {}, "numbers": [{"name": number}]} for name, number in numbers.items()},
        "recipe": {"videos": "x", "shard_size": 3, "measures": [*numbers], "keep": {"motion": {"max": 1.0}}},
    }
    write_text(run.recipe_file, yaml.safe_dump(facts))
    if captions:
        table = run.captions("single", PRINT)
        for shard, part in enumerate((CLIPS[:3], CLIPS[3:])):
            table.write(shard, [caption(row[0], row[-1]) for row in part])
        write_text(run.caption_file, yaml.safe_dump({"name": "single", "fingerprint": PRINT}))
    if categories:
        rows = [
            {"id": name, "subject": "person", "action": act, "object": thing, "hico_verb": None, "hico_object": None,
             "hoi": None, "interaction": kind, "source": "rules"}
            for name, act, thing, kind in INTERACTIONS
        ]  # fmt: skip
        path = folder / "categories" / "categories.parquet"
        path.parent.mkdir()
        pq.write_table(pa.Table.from_pylist(rows, schema=schema_of(COLUMNS)), path)
    return run


def listed(run: Run, words: Mapping[str, str]) -> None:
    """Gives clips of a run captions of the list: id -> text."""
    for shard in (0, 1):
        rows = run.clips.read(shard)
        for row in rows:
            row["prompt"] = words.get(row["id"])
        run.clips.write(shard, rows)


def caption(name: str, words: str | None) -> dict[str, Any]:
    state, reason = ("captioned", None) if words else ("failed", "no answer")
    return {
        "id": name, "state": state, "reason": reason, "text": words, "path": "single", "calls": 1, "tokens_in": 1,
        "tokens_out": 1, "seconds": 0.1, "detail": "{}", "trace": json.dumps([{"prompt": "describe", "text": words}]),
    }  # fmt: skip
