"""The keys of a recipe. Command line, schema, template, checks and docs are made from these fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from hoigen.core.clip import Seconds
from hoigen.core.errors import UsageError, nearest
from hoigen.core.settings import Setting, check_bounds, keys_of
from hoigen.core.uris import address_in
from hoigen.data.side import place_of
from hoigen.work.task import DEADLINE, LOAD_DEADLINE, MEMORY_MB


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a run is made of. A YAML recipe has these keys, `hoigen.curate` takes them as arguments, and run.yaml has
    them with all that they stood for.

    Raises UsageError for a number out of its bounds.
    """

    videos: Annotated[
        str | Path | Sequence[str],
        Setting("a folder, a glob, a video, `-` for a list on stdin, or a list (CSV, TSV, JSON, JSONL, Parquet)"),
    ]
    run: Annotated[
        str | Path,
        Setting("the folder of the run, or its address in an object store (s3://bucket/run); made when absent"),
    ]
    bad_rows: Annotated[
        Literal["stop", "fail"],
        Setting(
            "rows of a list that cannot be read: `stop` names all of them and runs nothing, `fail` makes each a failed "
            "row beside the others"
        ),
    ] = "stop"
    shots: Annotated[
        str | Mapping[str, Any] | None,
        Setting("how videos are cut into clips: a detector's name, or `none` for files that are clips already"),
    ] = "adaptive"
    min_length: Annotated[Seconds, Setting("shots shorter than this many seconds are dropped", least=0)] = 1.0
    max_length: Annotated[
        Seconds | None,
        Setting("shots longer than this many seconds are split into equal parts; null leaves them whole"),
    ] = 60.0
    duplicates: Annotated[
        Literal["drop", "keep"],
        Setting("`drop` or `keep` clips whose content came earlier in the list under another name"),
    ] = "drop"
    measures: Annotated[
        Sequence[str | Mapping[str, Any]],
        Setting("what to look at, in this order (those that need no frames come first)"),
    ] = ()
    keep: Annotated[
        Mapping[str, Any] | None,
        Setting("rules by the name of a score, each with min, max (inclusive), above, below (exclusive)"),
    ] = None
    score_all: Annotated[
        bool, Setting("measure every clip with everything, also when a rule has dropped it already")
    ] = False
    caption: Annotated[
        Mapping[str, Any] | None,
        Setting("how `hoigen caption` is to describe the kept clips afterwards; kept with the run"),
    ] = None
    report: Annotated[bool, Setting("write the run's report.html at the end")] = True
    workers: Annotated[
        int | None,
        Setting(
            "worker processes; null is one for each core, and half as many more while clips are measured by networks "
            "on a graphics card. They share out the cores: each has cores / workers CPU threads (one at least), unless "
            "OMP_NUM_THREADS is set",
            least=1,
        ),
    ] = None
    deadline: Annotated[
        Seconds,
        Setting(
            "seconds that a clip, or a video whose shots are found, may go without progress before it is given up",
            least=0.001,
        ),
    ] = DEADLINE
    load_deadline: Annotated[
        Seconds, Setting("seconds that a worker may take to load its models before the run stops", least=0.001)
    ] = LOAD_DEADLINE
    memory_mb: Annotated[
        int, Setting("resident memory in MB that one worker may take before its clip is given up", least=64)
    ] = MEMORY_MB
    breaker: Annotated[
        bool,
        Setting(
            "a run in which nearly everything fails alike is stopped (a wrong mount, a model that does not load); "
            "false goes on to the end"
        ),
    ] = True
    executor: Annotated[
        str | Mapping[str, Any],
        Setting(
            "what does the work: `local`, worker processes of this machine, or `ray`, the machines of a Ray cluster, "
            "with its settings (`ray: {address: auto, gpus: 0.5}`, docs/cluster.md)"
        ),
    ] = "local"
    shard_size: Annotated[
        int,
        Setting(
            "videos in one block while clips are found, and the fewest clips in a shard of the tables, unless a run is "
            "larger: shards grow with it, up to 4096 clips",
            least=1,
        ),
    ] = 256

    def __post_init__(self) -> None:
        if not str(self.run).strip():
            raise UsageError("run: a folder; it came as an empty text")
        if (address := address_in(self.run)) is not None:
            place_of(address)
        if self.duplicates not in ("drop", "keep"):
            raise UsageError(f"duplicates: drop or keep; it came as {self.duplicates!r}")
        check_numbers(vars(self))


KEYS = {key.name: key for key in keys_of(Recipe)}
"""Each key with its type, default, help and bounds, in the order of a recipe."""
HOW = ("workers", "deadline", "load_deadline", "memory_mb", "breaker", "report", "executor")
"""Keys on which no score depends: each process of a run may have its own."""


def check_numbers(values: Mapping[str, Any]) -> None:
    """Raises UsageError for a number that is out of the bounds that the recipe's key of its name has."""
    try:
        check_bounds(Recipe, values)
    except ValueError as error:
        raise UsageError(str(error)) from None


SHARED = "no key of a recipe any more: `hoigen work RUN --part 3/16` does the fourth of 16 parts (docs/cluster.md)"
MOVED = {"rank": SHARED, "ranks": SHARED}
"""Keys of before, and what is written instead."""


def unknown_key(key: str) -> str:
    """What is said of a `key` that no recipe has."""
    return f"{key}: {MOVED[key]}" if key in MOVED else f"unknown key {key!r}{nearest(key, KEYS)}"


def check_known(given: Iterable[Any], where: str) -> None:
    """Raises UsageError for a key that no recipe has.

    Args:
        given: keys as a file has them.
        where: what the error calls it.
    """
    for key in given:
        if key not in KEYS:
            raise UsageError(f"{where}: {unknown_key(str(key))}")
