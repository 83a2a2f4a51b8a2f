"""clips -> scores."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from hoigen import cascade
from hoigen.cascade import Known, Step
from hoigen.clip import Clip
from hoigen.contracts import Fetches
from hoigen.data import tables
from hoigen.data.files import Folder
from hoigen.data.run import Run
from hoigen.data.tables import Row
from hoigen.engine import Job, Outcome, experts_of, patience, setup_experts, setup_scorer
from hoigen.models.host import Host
from hoigen.models.wheels import locate
from hoigen.stages.clips import sealed_as
from hoigen.work.ranks import Barrier, Rank
from hoigen.work.stage import Item, Stage
from hoigen.work.task import Failure, Handler, Limits, Task


def score_clips(
    run: Run,
    steps: Sequence[Step],
    measures: Sequence[Any],
    keep: Mapping[str, Any],
    score_all: bool,
    rank: Rank,
    limits: Limits,
    quiet: bool,
    *,
    models_present: bool = False,
    retry: bool = False,
) -> Barrier:
    """Runs the cascade over all clips of this rank's shards; returns the barrier at the stage's end.

    Args:
        run: the run; its clips are sealed.
        steps: the measures with their rules.
        measures, keep, score_all: as of `hoigen curate`; workers build their own measures from them.
        rank: this process among those that share the run.
        limits: of the workers.
        quiet: no bar.
        models_present: all model files are on this machine; else they are fetched before the first clip.
        retry: scores that failed count as missing; they stay in force until there are others.

    Raises FingerprintsChanged when what has come is another revision than the steps go by, RanksOpen when other ranks
    have clips to score.
    """
    for notice in dict.fromkeys(said for step in steps for said in getattr(step.measure, "notices", ())):
        print(f"hoigen: {notice}", file=sys.stderr)
    facts = [sealed_as(run), measures, [_same_for_all(step) for step in steps], score_all]
    barrier = Barrier(Folder(str(run.path)), rank, "scores", tables.digest_of(facts))
    stage = ScoreStage(run, steps, measures, keep, score_all, rank, barrier, limits, models_present, retry)
    total = sum(each.clips for each in run.shards() if rank.mine(each.shard))
    stage.go(limits, total=total, quiet=quiet)
    return barrier


def _same_for_all(step: Step) -> list[Any]:
    """What ranks must agree in of a step. A fingerprint that changes when models come is not: a rank without clips
    fetches none."""
    of = cascade.own_source(type(step.measure)) if isinstance(step.measure, Fetches) else step.fingerprint
    return [step.name, of, {name: repr(rule) for name, rule in step.rules.items()}]


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


class ScoreStage(Stage):
    """clips -> scores. An item's data: what is known of the clip, by measure."""

    name = "scores"

    def __init__(
        self,
        run: Run,
        steps: Sequence[Step],
        measures: Sequence[Any],
        keep: Mapping[str, Any],
        score_all: bool,
        rank: Rank,
        barrier: Barrier,
        limits: Limits,
        models_present: bool,
        retry: bool,
    ) -> None:
        super().__init__(run, rank, barrier)
        self.steps, self.measures, self.keep, self.score_all = steps, measures, keep, score_all
        self.by_name = {step.name: step for step in steps}
        self.tables = {step.name: run.scores(step.name, step.fingerprint, step.emits) for step in steps}
        self.limits, self.models_present, self.once_more = limits, models_present, retry
        self.clips, self.path = run.clips, run.path
        self.numbers = [each.shard for each in run.shards()]

    @contextlib.contextmanager
    def around(self, tasks: Iterator[Task]) -> Iterator[tuple[Iterator[Task], Callable[[], Handler]]]:
        """Models are fetched before the first clip, and the experts of measures are opened in a process of theirs."""
        address = ""
        with contextlib.ExitStack() as stack:
            if not self.models_present:
                tasks = _fetch_before_first(tasks, self.steps, self.measures, self.keep)
            if self.limits.workers and experts_of(self.steps):
                deadline = max(self.limits.deadline, patience(self.steps))
                how = {"load_deadline": self.limits.load_deadline, "deadline": deadline}
                host = stack.enter_context(Host(partial(setup_experts, self.measures), **how))
                tasks, address = host.before(tasks), host.address
            yield tasks, partial(setup_scorer, self.measures, self.keep, self.score_all, self.path, address)

    def shards(self) -> Sequence[int]:
        return self.numbers

    def plan(self, shard: int) -> Iterator[Item | str]:
        known = self._known(shard)
        for row in self.clips.read(shard):
            of_clip = known.get(row["id"], {})
            if row["state"] != "ok":
                yield row["state"]
            elif todo := cascade.needed(self.steps, of_clip, score_all=self.score_all):
                yield Item(row["id"], Job(clip_of(row), tuple(todo)), of_clip)
            else:
                yield cascade.decide(self.steps, of_clip).state

    def _known(self, shard: int) -> dict[str, dict[str, Known]]:
        """What is known of a shard's clips, by id and measure: parts, then the journal."""
        known: dict[str, dict[str, Known]] = {}
        for step in self.steps:
            for row in self.tables[step.name].read(shard, ["id", "state", "reason", *step.emits]):
                values = {name: row[name] for name in step.emits}
                known.setdefault(row["id"], {})[step.name] = Known(row["state"], values, row["reason"] or "")
        for entry in self.journal(shard).rows():
            journalled = self.by_name.get(entry["measure"])
            if journalled is not None and entry["fingerprint"] == journalled.fingerprint:
                found = Known(entry["state"], entry["values"], entry["reason"] or "")
                known.setdefault(entry["id"], {})[journalled.name] = found
        if self.once_more:
            for of_clip in known.values():
                for name in [name for name, found in of_clip.items() if found.state == "failed"]:
                    del of_clip[name]
        return known

    def answer(self, item: Item, part: Outcome) -> Iterator[Row]:
        yield self._entry(item, part)
        if part.state == "ok":
            self.breaker.saw_ok(part.measure)
        else:
            self.breaker.saw_failure(
                part.measure, part.where or "", part.traceback or part.reason or "", data_fault=part.data_fault
            )

    def _entry(self, item: Item, outcome: Outcome) -> Row:
        step = self.by_name[outcome.measure]
        state: Any = outcome.state
        item.data[step.name] = Known(state, outcome.values, outcome.reason or "")
        row = {name: getattr(outcome, name) for name in tables.SCORE_COLUMNS}
        names = {"measure": step.name, "fingerprint": step.fingerprint, "emits": list(step.emits)}
        return row | names | {"values": outcome.values}

    def again(self, item: Item, failure: Failure) -> Job:
        """What is left of a clip whose worker was lost; from now on with care, so that the culprit is named."""
        job: Job = item.payload
        return Job(job.clip, tuple(name for name in job.todo if name not in item.data), careful=True)

    def lost(self, item: Item, failure: Failure) -> Iterator[Row]:
        rest = self.again(item, failure)
        for name in [failure.doing] if failure.doing in rest.todo else list(rest.todo):
            yield self._entry(item, Outcome(item.key, name, "failed", failure.words, failure.tries, 0.0, "{}", {}))
            self.breaker.saw_failure(name, failure.kind, failure.evidence, data_fault=False)

    def left(self, item: Item) -> Job | None:
        job: Job = item.payload
        todo = tuple(name for name in job.todo if name not in item.data)
        return Job(job.clip, todo, careful=True) if self.score_all and todo else None

    def ended(self, item: Item) -> str:
        return cascade.decide(self.steps, item.data).state

    def write(self, shard: int, rows: Iterator[Row]) -> None:
        assert self.run is not None
        fresh: dict[tuple[str, str], dict[str, Row]] = {}
        emits: dict[tuple[str, str], list[str]] = {}
        for entry in rows:
            where = entry["measure"], entry["fingerprint"]
            row = {name: entry[name] for name in tables.SCORE_COLUMNS} | entry["values"]
            fresh.setdefault(where, {})[entry["id"]] = row
            emits[where] = entry["emits"]
        for where, of_measure in fresh.items():
            table = self.run.scores(*where, emits[where])
            merged = {row["id"]: row for row in table.read(shard)} | of_measure
            table.write(shard, merged.values())


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
