"""clips -> scores."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from hoigen import cascade
from hoigen.cascade import Known, Step
from hoigen.clip import Clip
from hoigen.contracts import Fetches
from hoigen.data import tables
from hoigen.data.run import Run
from hoigen.data.tables import Row
from hoigen.engine import Job, Outcome, models_of, patience, setup_models, setup_scorer
from hoigen.models.host import Host
from hoigen.models.wheels import locate
from hoigen.stages.book import Book, Share, evidence, told
from hoigen.work import local
from hoigen.work.breaker import Breaker
from hoigen.work.progress import Progress
from hoigen.work.task import Failure, Limits, Task


def score_clips(
    run: Run,
    steps: Sequence[Step],
    measures: Sequence[Any],
    keep: Mapping[str, Any],
    score_all: bool,
    share: Share,
    limits: Limits,
    quiet: bool,
    *,
    models_present: bool = False,
) -> None:
    """Runs the cascade over all clips of this process's shards.

    models_present: all model files are on this machine; else they are fetched before the first clip. Raises
    FingerprintsChanged when what has come is another revision than the steps go by.
    """
    for notice in dict.fromkeys(said for step in steps for said in getattr(step.measure, "notices", ())):
        print(f"hoigen: {notice}", file=sys.stderr)
    total = sum(tables.part_rows(part) or 0 for part in run.clip_parts() if share.mine(int(part.stem)))
    with Progress("scores", total, " clips", quiet=quiet) as progress:
        stage = ScoreStage(run, steps, score_all, share, Breaker(), progress)
        with contextlib.ExitStack() as stack:
            stack.callback(stage.close)
            tasks, address = stage.tasks(), ""
            if not models_present:
                tasks = _fetch_before_first(tasks, steps, measures, keep)
            if limits.workers and models_of(steps):
                how = {"load_deadline": limits.load_deadline, "deadline": max(limits.deadline, patience(steps))}
                host = stack.enter_context(Host(partial(setup_models, measures), **how))
                tasks, address = host.before(tasks), host.address
            setup = partial(setup_scorer, measures, keep, score_all, run.path, address)
            local.run(tasks, setup, stage, limits)


class FingerprintsChanged(Exception):
    """Model files have come onto this machine that scores depend on: there are other fingerprints now."""

    def __init__(self, steps: tuple[Step, ...]) -> None:
        super().__init__("model files have come")
        self.steps = steps


def fetched(steps: Sequence[Step], measures: Sequence[Any], keep: Mapping[str, Any]) -> tuple[Step, ...]:
    """Brings all model files onto this machine: here, in the parent, before any worker starts.

    Returns the steps as they are with these files: a revision of the hub is known by its commit only once it is here.
    Raises WeightsError, SetupError or UsageError for what cannot be had.
    """
    for name in dict.fromkeys(weight for step in steps for weight in getattr(step.measure, "weights", ())):
        locate(name)
    for step in steps:
        if isinstance(step.measure, Fetches):
            step.measure.fetch()
    return cascade.build_steps(measures, keep)


def _fetch_before_first(
    tasks: Iterator[Task], steps: Sequence[Step], measures: Sequence[Any], keep: Mapping[str, Any]
) -> Iterator[Task]:
    """The tasks, once all models are there: where nothing is to do, nothing is fetched. Raises FingerprintsChanged."""
    first = next(tasks, None)
    if first is None:
        return
    now = fetched(steps, measures, keep)
    if [step.fingerprint for step in now] != [step.fingerprint for step in steps]:
        raise FingerprintsChanged(now)
    yield first
    yield from tasks


@dataclass(slots=True)
class Pending:
    """A clip under way."""

    shard: int
    clip: Clip
    known: dict[str, Known] = field(default_factory=dict)


class ScoreStage(Book):
    """clips -> scores."""

    def __init__(
        self, run: Run, steps: Sequence[Step], score_all: bool, share: Share, breaker: Breaker, progress: Progress
    ) -> None:
        super().__init__(run, "scores")
        self.steps, self.score_all, self.share = steps, score_all, share
        self.by_name = {step.name: step for step in steps}
        self.breaker, self.progress = breaker, progress
        self.clips: dict[str, Pending] = {}

    def tasks(self) -> Iterator[Task]:
        for part in self.run.clip_parts():
            shard = int(part.stem)
            if not self.share.mine(shard):
                continue
            state = self.open(shard)
            known = self._known(shard)
            for row in tables.read_part(part):
                task = self._plan(shard, row, known.get(row["id"], {}))
                if task is not None:
                    state.out += 1
                    yield task
            self.handed_out(shard)

    def _plan(self, shard: int, row: Row, known: dict[str, Known]) -> Task | None:
        if row["state"] != "ok":
            self.progress.count(row["state"], already=True)
            return None
        todo = cascade.needed(self.steps, known, score_all=self.score_all)
        if not todo:
            self.progress.count(cascade.decide(self.steps, known).state, already=True)
            return None
        key = f"{shard}/{row['id']}"
        self.clips[key] = Pending(shard, clip_of(row), known)
        return Task(key, Job(self.clips[key].clip, tuple(todo)))

    def _known(self, shard: int) -> dict[str, dict[str, Known]]:
        """What is known of a shard's clips, by id and measure: parts, then the journal."""
        known: dict[str, dict[str, Known]] = {}
        for step in self.steps:
            part = self.run.score_part(step.name, step.fingerprint, shard)
            for row in tables.read_part(part, ["id", "state", "reason", *step.emits]):
                values = {name: row[name] for name in step.emits}
                known.setdefault(row["id"], {})[step.name] = Known(row["state"], values, row["reason"] or "")
        for entry in self.shards[shard].journal.rows():
            journalled = self.by_name.get(entry["measure"])
            if journalled is not None and entry["fingerprint"] == journalled.fingerprint:
                found = Known(entry["state"], entry["values"], entry["reason"] or "")
                known.setdefault(entry["id"], {})[journalled.name] = found
        return known

    def finish(self, shard: int) -> None:
        fresh: dict[tuple[str, str], dict[str, Row]] = {}
        emits: dict[tuple[str, str], list[str]] = {}
        for entry in self.shards[shard].journal.rows():
            where = entry["measure"], entry["fingerprint"]
            row = {name: entry[name] for name in tables.SCORE_COLUMNS} | entry["values"]
            fresh.setdefault(where, {})[entry["id"]] = row
            emits[where] = entry["emits"]
        for where, rows in fresh.items():
            part = self.run.score_part(*where, shard)
            merged = {row["id"]: row for row in tables.read_part(part)} | rows
            schema = tables.schema_of(tables.SCORE_COLUMNS, emits[where])
            tables.write_part(part, merged.values(), schema, {"measure": where[0], "fingerprint": where[1]})

    def part(self, task: Task, part: Outcome) -> None:
        self._record(task, part)
        if part.state == "ok":
            self.breaker.saw_ok(part.measure)
        else:
            self.breaker.saw_failure(
                part.measure, part.where or "", part.traceback or part.reason or "", data_fault=part.data_fault
            )

    def _record(self, task: Task, outcome: Outcome) -> None:
        pending, step = self.clips[task.key], self.by_name[outcome.measure]
        row = {name: getattr(outcome, name) for name in tables.SCORE_COLUMNS}
        names = {"measure": step.name, "fingerprint": step.fingerprint, "emits": list(step.emits)}
        self.shards[pending.shard].journal.append(row | names | {"values": outcome.values})
        state: Any = outcome.state
        pending.known[step.name] = Known(state, outcome.values, outcome.reason or "")

    def done(self, task: Task) -> None:
        pending = self.clips.pop(task.key)
        self.progress.count(cascade.decide(self.steps, pending.known).state)
        self.returned(pending.shard)

    def retry(self, task: Task, failure: Failure) -> Task:
        return Task(task.key, self._rest(task))

    def _rest(self, task: Task) -> Job:
        """What is left of a clip whose worker was lost; from now on with care, so that the culprit is named."""
        job: Job = task.payload
        known = self.clips[task.key].known
        return Job(job.clip, tuple(name for name in job.todo if name not in known), careful=True)

    def failed(self, task: Task, failure: Failure) -> Task | None:
        rest = self._rest(task)
        at_fault = [failure.doing] if failure.doing in rest.todo else list(rest.todo)
        for name in at_fault:
            self._record(task, _lost(rest.clip, name, failure))
            self.breaker.saw_failure(name, failure.kind, evidence(failure), data_fault=False)
        left = self._rest(task)
        if self.score_all and left.todo:
            return Task(task.key, left)
        self.done(task)
        return None


def _lost(clip: Clip, measure: str, failure: Failure) -> Outcome:
    return Outcome(clip.id, measure, "failed", told(failure), failure.tries, 0.0, "{}", {})


def clip_of(row: Row) -> Clip:
    """The Clip of a row of a clips part; its header facts lie in `meta["header"]`, its content's digest in
    `meta["digest"]`."""
    meta = json.loads(row["meta"] or "{}")
    if row["header"]:
        meta["header"] = json.loads(row["header"])
    if row["digest"]:
        meta["digest"] = row["digest"]
    names = ("id", "uri", "start", "end", "width", "height", "fps", "source", "prompt")
    return Clip(**{name: row[name] for name in names}, meta=meta)
