"""run.yaml: the exact arguments of a run, and all that its scores depend on."""

from __future__ import annotations

import datetime
import platform
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from hoigen.cascade import Step, build_steps
from hoigen.data import tables
from hoigen.data.run import Run
from hoigen.errors import UsageError
from hoigen.models import uses
from hoigen.recipe.recipe import KEYS, Recipe
from hoigen.settings import plain

LIBRARIES = ("av", "numpy", "opencv-python-headless", "pyarrow", "duckdb", "ai-edge-litert")


def write_run_file(run: Run, recipe: Recipe, steps: Sequence[Step]) -> None:
    """Writes run.yaml: running it again (`hoigen curate RUN/run.yaml`) repeats the run."""
    import yaml

    facts = {
        "hoigen": metadata.version("hoigen"),
        "written": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": " ".join(sys.argv),
        "python": platform.python_version(),
        "machine": platform.platform(),
        "libraries": {name: _version(name) for name in LIBRARIES},
        "fingerprints": {step.name: step.fingerprint for step in steps},
        "models": [entry.record for entry in _models(run, steps)],
        "recipe": _recorded(run, recipe),
    }
    tables.write_text(run.recipe_file, yaml.safe_dump(facts, sort_keys=False, allow_unicode=True, width=100))


def _models(run: Run, steps: Sequence[Step]) -> tuple[uses.LedgerEntry, ...]:
    """The licence ledger; a run from another machine keeps what was noted there of files that are not fetched here."""
    import yaml

    now = uses.ledger((step.name, step.measure) for step in steps)
    if not run.recipe_file.exists():
        return now
    before = yaml.safe_load(run.recipe_file.read_text(encoding="utf-8")) or {}
    return uses.with_pins(now, uses.recorded(before.get("models")))


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _recorded(run: Run, recipe: Recipe) -> dict[str, Any]:
    found = {name: plain(getattr(recipe, name)) for name in KEYS if name not in ("run", "rank", "ranks")}
    videos = recipe.videos
    if isinstance(videos, str | Path):
        # A list on stdin is gone once read; the run's own list stands for it.
        found["videos"] = str(run.videos_file.resolve()) if str(videos) == "-" else absolute(videos)
    return found | {"run": str(run.path.resolve())}


def absolute(videos: str | Path) -> str:
    """Where the videos are, from wherever hoigen is called."""
    text = str(videos)
    return text if "://" in text else str(Path(text).absolute())


def same_run(run: Run, recipe: Recipe) -> None:
    """Refuses to mix two runs in one folder."""
    before, now = run.recipe(), _recorded(run, recipe)
    own_list = str(run.videos_file.resolve())
    if before["videos"] != now["videos"] and own_list not in (before["videos"], now["videos"]):
        raise UsageError(
            f"{run.path} is a run over {before['videos']!r}; it was now called with videos {now['videos']!r}. "
            "Choose another --run for another list."
        )
    if before["shard_size"] != now["shard_size"]:
        raise UsageError(
            f"{run.path} was made with shard_size {before['shard_size']}; it cannot change to {now['shard_size']} now"
        )


def steps_of(run: Run, sets: Sequence[str] = ()) -> tuple[dict[str, Any], tuple[Step, ...]]:
    """The recipe of a run, with `--set` changes, and its steps."""
    from hoigen import trusted
    from hoigen.recipe.build import check_keys
    from hoigen.recipe.yaml import apply_sets

    recipe = apply_sets(run.recipe(), sets)
    check_keys(recipe, KEYS, "--set")
    trusted.check(recipe.get("measures"), run.recipe_file)
    try:
        return recipe, build_steps(recipe.get("measures"), recipe.get("keep"))
    except UsageError as error:
        if sets:
            raise
        raise UsageError(
            f"{run.path}: which scores are its own cannot be told: {error}. They go by the files that they were made "
            "from; put those back, or name them with --set"
        ) from None
