"""run.yaml: the exact arguments of a run, all that its scores depend on, and what its numbers are."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import platform
import re
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from hoigen.core import plain_yaml
from hoigen.core.clip import Sampling
from hoigen.core.devices import cards_here
from hoigen.core.errors import UsageError
from hoigen.core.registry import find_measure
from hoigen.core.score import Number
from hoigen.core.settings import plain
from hoigen.data.files import write_text
from hoigen.data.run import Run
from hoigen.data.sources.source import absolute
from hoigen.models import uses
from hoigen.recipe.build import build
from hoigen.recipe.recipe import HOW, KEYS, Recipe, check_known
from hoigen.rules.cascade import Recorded, Step, build_steps, measure_name, recorded_steps, with_rules
from hoigen.video.shots import check_detector

LIBRARIES = (
    "av", "numpy", "opencv-python-headless", "pyarrow", "duckdb", "ai-edge-litert", "torch", "transformers",
)  # fmt: skip


def write_run_file(run: Run, recipe: Recipe, steps: Sequence[Step], *, part: bool = False) -> None:
    """Writes run.yaml: running it again (`hoigen curate RUN/run.yaml`) repeats the run.

    Args:
        run: the run.
        recipe: its keys.
        steps: its measures, with their fingerprints.
        part: this process does a part of it: how it does so is its own, and what run.yaml says of that stays.
    """
    keys, before = _recorded(run, recipe), facts_of(run)
    if part:
        there = before.get("recipe") or {}
        keys |= {name: there[name] for name in HOW if name in there}
    users = [(step.name, unit) for step in steps for unit in step.units]
    if recipe.shots not in (None, "none", False):
        users.append(("shots", check_detector(recipe.shots)))
    ledger = uses.ledger(users)
    # a run from another machine keeps what was noted there of files that are not fetched here
    ledger = uses.with_pins(ledger, uses.recorded(before.get("models")))
    # A measure whose models have no commit on this machine yet (a rank without clips fetches none) keeps what another
    # machine has noted: what reads the run goes by these.
    alike = (before.get("recipe") or {}).get("measures") == keys.get("measures")
    noted = before.get("fingerprints") or {} if alike else {}
    libraries: dict[str, str | None] = dict.fromkeys(LIBRARIES)
    for name in LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            libraries[name] = metadata.version(name)
    prints, measured = {}, {}
    for step in steps:
        known = step.name in noted and uses.unsettled(step.units)
        prints[step.name] = str(noted[step.name]) if known else step.fingerprint
        # What readers of the run need to know of a measure, whose file may be gone by then: what it was shown, and what
        # its numbers are, without what nothing was said of.
        shown = {each.name: getattr(step.sampling, each.name) for each in dataclasses.fields(Sampling)}
        of_number = dataclasses.fields(Number)
        said = [
            {each.name: value for each in of_number if (value := getattr(one, each.name)) != each.default}
            for one in step.numbers
        ]
        measured[step.name] = {"sampling": shown, "numbers": said}
    facts = {
        "hoigen": metadata.version("hoigen"),
        "written": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": " ".join(sys.argv),
        "python": platform.python_version(),
        "machine": platform.platform(),
        "cards": cards_here(),
        "libraries": libraries,
        "fingerprints": prints,
        "observations": {
            step.name: f"{step.looking.observer.name}/{step.observation}" for step in steps if step.looking is not None
        },
        "measured": measured,
        "models": [entry.record for entry in ledger],
        "recipe": keys,
    }
    write_text(run.recipe_file, plain_yaml.dumped(facts))


def facts_of(run: Run) -> Mapping[str, Any]:
    """What run.yaml says now; nothing when there is none."""
    return run.facts() if run.recipe_file.exists() else {}


def _recorded(run: Run, recipe: Recipe) -> dict[str, Any]:
    found = {name: plain(getattr(recipe, name)) for name in KEYS if name != "run"}
    videos = recipe.videos
    if isinstance(videos, str | Path):
        # A list on stdin is gone once read; the run's own list stands for it.
        found["videos"] = run.list_address if str(videos) == "-" else absolute(str(videos))
    else:
        found["videos"] = [item if item == "-" else absolute(str(item)) for item in videos]
    return found | {"run": run.address}


def same_run(run: Run, recipe: Recipe) -> None:
    """Refuses to mix two runs in one folder."""
    before, now = run.recipe(), _recorded(run, recipe)
    if lacking := [name for name in ("videos", "shard_size", "run") if name not in before]:
        raise run.damaged(f"its `recipe` has no {' and no '.join(f'`{name}`' for name in lacking)}")
    if isinstance(before["videos"], list):  # paths of before were written as they came
        before["videos"] = [item if item == "-" else absolute(item) for item in before["videos"]]
    if before["videos"] != now["videos"] and run.list_address not in (before["videos"], now["videos"]):
        raise UsageError(
            f"{run.path} is a run over {before['videos']!r}; it was now called with videos {now['videos']!r}. "
            "Choose another --run for another list."
        )
    if before["shard_size"] != now["shard_size"]:
        raise UsageError(
            f"{run.path} was made with shard_size {before['shard_size']}; it cannot change to {now['shard_size']} now"
        )


def steps_of(run: Run, sets: Sequence[str] = ()) -> tuple[dict[str, Any], tuple[Step, ...]]:
    """The recipe of a run, with `--set` changes, and its steps, for what reads it.

    They are those that the run was measured with, as run.yaml has them: no measure is looked for, and no file of one's
    own is run. Of a run of before they stood there, fingerprints are still its own, and numbers those that the measures
    declare today. Only where `sets` change the measures, or run.yaml was changed by hand, are the measures made anew.
    """
    from hoigen.core import trusted
    from hoigen.recipe.yaml import apply_sets

    before = run.recipe()
    recipe = apply_sets(before, sets)
    check_known(recipe, "--set")
    measures = recipe.get("measures")
    if measures == before.get("measures") and (recorded := _recorded_measures(run, measures)):
        return recipe, recorded_steps(recorded, recipe.get("keep"))
    trusted.check(measures, run.recipe_file)
    try:
        if measures == before.get("measures") and (older := _older_steps(run, measures)):
            return recipe, with_rules(older, recipe.get("keep"))
        return recipe, build_steps(measures, recipe.get("keep"))
    except UsageError as error:
        if sets:
            raise
        raise UsageError(
            f"{run.path}: which scores are its own cannot be told: {error}. They go by the files that they were made "
            "from; put those back, or name them with --set"
        ) from None


def _recorded_measures(run: Run, measures: Any) -> list[Recorded]:
    """What run.yaml says of the measures; nothing when it does not, or not of just these.

    Raises UsageError that names the key at fault.
    """
    facts = facts_of(run)
    measured, prints = facts.get("measured"), facts.get("fingerprints")
    if not isinstance(measured, Mapping) or not isinstance(prints, Mapping) or not isinstance(measures, Sequence):
        return []
    named = [measure_name(spec)[0] for spec in measures]
    if len(named) != len(measured) or any(not name.endswith(".py") and name not in measured for name in named):
        return []
    looks = facts.get("observations")
    seen = looks if isinstance(looks, Mapping) else {}
    return [
        _one_recorded(name, prints.get(name), said, seen.get(name), run.recipe_file) for name, said in measured.items()
    ]


def _older_steps(run: Run, measures: Any) -> list[Step]:
    """Steps of a run.yaml that has fingerprints and no `measured`; nothing where it is not of just these measures.

    Raises UsageError for a measure that there is no more.
    """
    prints = facts_of(run).get("fingerprints")
    if not isinstance(prints, Mapping) or isinstance(measures, str | Mapping) or not isinstance(measures, Sequence):
        return []
    found = []
    for spec in measures:
        cls = find_measure(measure_name(spec)[0])
        if cls.name not in prints:
            return []
        said = {"sampling": {}, "numbers": [{"name": cls.name}]}
        noted = _one_recorded(cls.name, prints.get(cls.name), said, None, run.recipe_file)
        try:
            [step] = build_steps([spec], {})
        except UsageError:  # settings of an earlier version: what was shown is not known, what was measured is
            step = Step(cls.name, dataclasses.replace(noted, numbers=cls.numbers), cls.numbers, {}, "")
        found.append(dataclasses.replace(step, fingerprint=noted.fingerprint))
    return found if len(found) == len(prints) else []


def _one_recorded(name: Any, fingerprint: Any, said: Any, seen: Any, file: Path) -> Recorded:
    """One entry of `measured`. Names and fingerprints are folders of the run: nothing else may stand there."""
    where = f"{file}: measured.{name}"
    if not isinstance(name, str) or not re.fullmatch(r"(?!\.+\Z)[^/\\\0]{1,200}", name):
        raise UsageError(f"{where}: the name of a measure; it came as {name!r}")
    if not isinstance(fingerprint, str) or not re.fullmatch("[0-9a-f]{12}", fingerprint):
        raise UsageError(f"{file}: fingerprints.{name}: 12 hex digits; it came as {fingerprint!r}")
    if seen is not None and not (isinstance(seen, str) and re.fullmatch(r"[\w.-]+/[0-9a-f]{12}", seen)):
        raise UsageError(f"{file}: observations.{name}: an observer and 12 hex digits; it came as {seen!r}")
    if not isinstance(said, Mapping) or not isinstance(said.get("numbers"), list) or not said["numbers"]:
        raise UsageError(f"{where}: sampling and a list of numbers; it came as {said!r}")
    return Recorded(
        name=name,
        fingerprint=fingerprint,
        sampling=build(Sampling, said.get("sampling"), f"{where}.sampling"),
        numbers=tuple(build(Number, each, f"{where}.numbers[{at}]") for at, each in enumerate(said["numbers"])),
        observation=seen.rpartition("/")[2] if seen else "",
    )
