"""hoigen caption: words for the kept clips."""

from __future__ import annotations

import contextlib
import datetime
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from hoigen.commands.options import WHOLE, Decoding, Part, Quiet, RunFolder, decoding_of, part_of
from hoigen.core.clip import Seconds
from hoigen.core.errors import SetupError, UsageError
from hoigen.core.settings import Setting
from hoigen.core.words import plural
from hoigen.work.task import DEADLINE, LOAD_DEADLINE, MEMORY_MB

if TYPE_CHECKING:
    from hoigen.commands.caption_dry import DryRun
    from hoigen.data.run import Run
    from hoigen.models.experts.calls import Calls
    from hoigen.models.experts.desk import Desk
    from hoigen.rules.cascade import Step
    from hoigen.stages.captioners._job import Job
    from hoigen.stages.captioners.lengths import Lengths

REASONS = 12
ALIKE_FROM, ALIKE = 30, 0.95
"""A judge that says the same of this share of so many clips is told."""


@dataclass(frozen=True, slots=True)
class CaptionResult:
    """What became of the kept clips. paths: which way captions took; failed: reason -> clips; doubtful: why
    captions should be looked at -> clips; calls: what was asked in all, by expert and outcome, with tokens in and out.
    pending: clips that are not decided yet.
    cost: of all calls, at the prices of the experts in force, in their currency. nothing: why no clip is kept, when
    every one failed before there could be a caption."""

    run: Path
    captioner: str
    kept: int
    paths: Mapping[str, int]
    failed: Mapping[str, int]
    lengths: Lengths | None
    calls: Sequence[tuple[str, str, int, int, int]] = field(default_factory=list)
    pending: int = 0
    cost: float = 0.0
    nothing: str = ""
    doubtful: Mapping[str, int] = field(default_factory=dict)
    removed: int = 0

    @property
    def incomplete(self) -> bool:
        """Whether every caption failed, or every clip before it; the command then exits with 1."""
        return bool(self.nothing) or (bool(self.failed) and sum(self.failed.values()) == self.kept)

    def __str__(self) -> str:
        from hoigen.rules.removals import told

        made, lost = sum(self.paths.values()), sum(self.failed.values())
        waiting = self.kept - made - lost
        lines = [
            f"{plural(self.kept, 'kept clip')}: {made} captioned, {lost} failed"
            + (f", {waiting} to go" if waiting else "")
        ]
        lines += [f"  {count:6} {path}" for path, count in self.paths.items()]
        lines += [f"  {count:6} failed: {reason}" for reason, count in list(self.failed.items())[:REASONS]]
        if len(self.failed) > REASONS:
            lines.append(
                f"  {sum(list(self.failed.values())[REASONS:]):6} failed for {len(self.failed) - REASONS} other reasons"
            )
        lines += [f"  {count:6} doubtful: {doubt}" for doubt, count in self.doubtful.items()]
        differ = self.paths.get("rewritten", 0)
        agreed = sum(count for path, count in self.paths.items() if path.startswith("agreed"))
        if differ + agreed >= ALIKE_FROM and max(differ, agreed) >= ALIKE * (differ + agreed):
            said = "differ" if differ > agreed else "agree"
            lines.append(
                f"the decision expert says of {max(differ, agreed)} of {plural(differ + agreed, 'clip')} that the "
                f"drafts {said}: "
                "it may not tell them apart"
            )
        if self.removed:
            lines.append(told(self.removed))
        if self.lengths:
            lines.append(str(self.lengths))
        if self.calls:
            lines.append("calls:")
        lines += [f"  {n:6} {model}: {end}, {a:,} tokens in, {b:,} out" for model, end, n, a, b in self.calls]
        if self.cost:
            lines.append(f"cost: {self.cost:,.2f} at the experts' prices, over all that this run has asked")
        if self.pending:
            lines.append(
                f"{plural(self.pending, 'clip is', 'clips are')} not decided yet: hoigen funnel {self.run} says "
                f"what they wait for"
            )
        if self.nothing:
            lines.append(self.nothing)
        elif self.incomplete:
            reason = next(iter(self.failed))
            lines.append(f"every caption failed: {reason}. hoigen caption {self.run} --retry asks again")
        return "\n".join(lines)


def caption(
    run: RunFolder,
    *,
    recipe: Annotated[
        Path | None, Setting("a recipe whose `caption` is used instead of the run's (modern, or a YAML file)")
    ] = None,
    set: Annotated[
        list[str] | None,
        Setting(
            "a change, as key=value (captioner.mixture.decision.chat_server.url=http://localhost:8000/v1); may be "
            "given more than once"
        ),
    ] = None,
    dry_run: Annotated[
        bool, Setting("only say how many calls and tokens it would take, and what they would cost")
    ] = False,
    retry: Annotated[
        bool, Setting("ask once more what was truncated, refused, malformed, timed out or failed")
    ] = False,
    decoding: Decoding = None,
    breaker: Annotated[bool, Setting("stop when clip after clip gets no caption")] = True,
    tokenizer: Annotated[
        str | None,
        Setting(
            "a tokenizer of transformers (a folder or hub id) that counts tokens for T5's limit; without one the "
            "count is an estimate"
        ),
    ] = None,
    report: Annotated[bool, Setting("write the run's report.html anew, with the captions")] = True,
    batch_out: Annotated[
        Path | None, Setting("write the calls that are missing as an OpenAI batch (JSON lines) instead of asking")
    ] = None,
    batch_in: Annotated[list[Path] | None, Setting("answers of such a batch; may be given more than once")] = None,
    workers: Annotated[int | None, Setting("worker processes that decode; one for each core when not given")] = None,
    deadline: Annotated[
        Seconds, Setting("seconds that decoding a clip may go without progress before the clip is given up")
    ] = DEADLINE,
    load_deadline: Annotated[
        Seconds,
        Setting(
            "seconds that loading local models may take, and seconds for which they may answer nothing before they "
            "are started anew"
        ),
    ] = LOAD_DEADLINE,
    memory_mb: Annotated[int, Setting("resident memory in MB that one worker may take")] = MEMORY_MB,
    part: Part = WHOLE,
    quiet: Quiet = False,
) -> CaptionResult | DryRun:
    """Describes the kept clips of a run; run again, it asks nothing that was answered before.

    Which captioner, and which experts, is the recipe's key `caption`: that of the run, or of another recipe.

    Returns what became of the clips. Raises UsageError for bad input, SetupError when an expert cannot be reached, and
    RanksOpen when this part is done and others are not.
    """
    from hoigen.core import hosts, trusted
    from hoigen.data.run import Run
    from hoigen.models.experts import batch
    from hoigen.models.experts.calls import Calls
    from hoigen.models.experts.desk import Desk
    from hoigen.pages.write import write_page
    from hoigen.recipe.places import caption_of
    from hoigen.recipe.recipe import check_numbers
    from hoigen.recipe.yaml import recipe_path
    from hoigen.rules import decide
    from hoigen.rules.runfile import steps_of
    from hoigen.stages.captioned import mark_shared
    from hoigen.stages.captioners._job import job_of
    from hoigen.stages.captions import caption_clips
    from hoigen.work.ranks import held
    from hoigen.work.task import Limits, cores

    check_numbers({"deadline": deadline, "memory_mb": memory_mb, "workers": workers, "load_deadline": load_deadline})
    mine = part_of(part)
    otherwise = decoding_of(decoding or [])
    if otherwise and (not retry or batch_out is not None):
        raise UsageError("--decoding is for what failed: it needs --retry, and cannot go into a --batch-out")
    folder = Run(Path(run))
    settings = folder.recipe()
    spec = caption_spec(settings, recipe, set or [])
    names = folder.recipe_file if recipe is None else f"{folder.recipe_file} or {recipe}"
    trusted.check([settings.get("measures"), spec], names)
    if recipe is None:
        hosts.check_asked(spec, folder.recipe_file)
    else:
        hosts.ask_for(spec)
    spec = caption_of(spec, recipe_path(recipe).parent if recipe is not None else None)
    _, steps = steps_of(folder)
    job = replace(job_of(spec), retry=retry)
    with held(folder, mine):
        calls = Calls(folder.calls)
        try:
            if batch_in:
                print(batch.take(calls, batch_in), file=sys.stderr)
            if dry_run:
                from hoigen.commands.caption_dry import dry_run_of

                looked_at = calls.copied()  # nothing of the run changes
                if retry:
                    looked_at.forget_unanswered()
                return dry_run_of(folder, steps, job, looked_at, mine)
            if retry:
                calls.forget_unanswered(decoding=otherwise)
            if batch_out is None:
                job = _settled(job, spec, folder, steps, quiet)
            limits = Limits(
                deadline=deadline,
                load_deadline=load_deadline,
                memory_mb=memory_mb,
                breaker=breaker,
                workers=workers or cores(),
            )
            with _in_force(folder, spec, job):
                if batch_out is not None:
                    with _collecting(calls, batch_out) as desk:
                        barrier = caption_clips(folder, steps, job, desk, mine, limits, quiet, meet=False)
                else:
                    barrier = caption_clips(folder, steps, job, Desk(calls), mine, limits, quiet)
            if not barrier.missing() and not barrier.passed:
                with barrier.last_step():
                    captions = folder.captions(job.name, job.fingerprint)
                    mark_shared(decide.connect(folder, steps), captions)
                    captions.compact()
                    if report:
                        write_page(folder.path)
            return result_of(folder, steps, job, calls, tokenizer)
        finally:
            calls.close()


def caption_spec(recipe: Mapping[str, Any], other: Path | None, sets: Sequence[str]) -> dict[str, Any]:
    """The `caption` of a recipe with its changes. Raises UsageError when there is none."""
    from hoigen.recipe.yaml import apply_sets, load_recipe, recipe_path

    where = str(other) if other is not None else "the run's recipe"
    found = load_recipe(recipe_path(other)) if other is not None else recipe
    if not found.get("caption") and not sets:
        raise UsageError(
            f"{where} has no `caption`: give --recipe (lite, paper, modern, or a file), or "
            "--set captioner=grounded, or --set captioner.single.expert.chat_server.url=..."
        )
    return apply_sets(found.get("caption") or {}, sets)


def _settled(job: Job, spec: Mapping[str, Any], run: Run, steps: Sequence[Step], quiet: bool) -> Job:
    """The job once its models have commits: captions are filed under what they depend on, and a revision of the hub is
    known by its commit only once it is on this machine. Where no clip is kept, nothing is fetched."""
    from hoigen.models import uses
    from hoigen.stages.captioners._job import job_of
    from hoigen.stages.kept import kept_counts

    experts = tuple(job.captioner.experts.values())
    if not uses.unsettled(experts) or not kept_counts(run, steps):
        return job
    uses.prepare(experts, quiet=quiet)
    return replace(job_of(spec), retry=job.retry)


def record(run: Run, spec: Mapping[str, Any], job: Job) -> None:
    """Writes which captions are in force."""
    from importlib import metadata

    from hoigen.core import plain_yaml
    from hoigen.data.files import write_text
    from hoigen.stages.captioners._job import models_of

    facts = {
        "name": job.name,
        "fingerprint": job.fingerprint,
        "hoigen": metadata.version("hoigen"),
        "written": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "experts": {role: dict(expert.identity) for role, expert in job.captioner.experts.items()},
        "models": [entry.record for entry in models_of(job)],
        "caption": dict(spec),
    }
    write_text(run.caption_file, plain_yaml.dumped(facts))


@contextlib.contextmanager
def _in_force(run: Run, spec: Mapping[str, Any], job: Job) -> Iterator[None]:
    """These captions are in force from the beginning, unless their experts cannot even be set up: then those before."""
    before = run.caption_file.read_text(encoding="utf-8") if run.caption_file.exists() else None
    record(run, spec, job)
    try:
        yield
    except SetupError:
        if before is not None and not run.captions(job.name, job.fingerprint).shards():
            from hoigen.data.files import write_text

            write_text(run.caption_file, before)
        raise


def result_of(run: Run, steps: Sequence[Step], job: Job, calls: Calls, tokenizer: str | None) -> CaptionResult:
    """Counts what lies in the run."""
    from hoigen.rules import decide
    from hoigen.stages.captioners import lengths

    with decide.connect(run, steps) as con:
        counts = decide.counts(con)
        nothing = decide.all_failed(con, counts, run.path)
        removed = decide.removed_count(con)
    found = _Told()
    count_tokens = lengths.tokenizer(tokenizer) if tokenizer else None
    spread = lengths.lengths_of(found.of(run, steps, job.name), count_tokens)
    totals = calls.totals()
    prices = {
        str(expert.identity.get("model", "")): (getattr(expert, "price_in", 0.0), getattr(expert, "price_out", 0.0))
        for expert in job.captioner.experts.values()
    }  # per million tokens; an expert without prices costs nothing
    free = (0.0, 0.0)
    return CaptionResult(
        run=run.path,
        captioner=job.name,
        kept=counts.get("kept", 0),
        paths=dict(found.paths.most_common()),
        failed=dict(found.failed.most_common()),
        doubtful=dict(found.doubts.most_common()),
        lengths=spread,
        calls=totals,
        pending=counts.get("pending", 0),
        cost=sum((a * prices.get(m, free)[0] + b * prices.get(m, free)[1]) / 1e6 for m, _, _, a, b in totals),
        nothing=nothing,
        removed=removed,
    )


@dataclass(slots=True)
class _Told:
    """Captions of kept clips, counted while their texts go by."""

    paths: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    doubts: Counter[str] = field(default_factory=Counter)

    def of(self, run: Run, steps: Sequence[Step], captioner: str) -> Iterator[str]:
        """The texts, shard by shard: no more than one shard's captions are held."""
        from hoigen.stages.captioned import captions_in_force
        from hoigen.stages.kept import kept_clips

        captions = captions_in_force(run)
        if captions is None:
            return
        there = set(captions.shards())
        for shard, ids in kept_clips(run, steps, there.__contains__):
            kept = set(ids)
            for row in captions.read(shard, ["id", "path", "reason", "text"]):
                if row["id"] not in kept:
                    continue
                if row["text"] is None:
                    self.failed[row["reason"]] += 1
                else:
                    self.paths[row["path"] or captioner] += 1
                    self.doubts.update(filter(None, (row["reason"] or "").split("; ")))
                    yield row["text"]


@contextlib.contextmanager
def _collecting(calls: Calls, out: Path) -> Iterator[Desk]:
    """A desk that writes a batch: its files get their names when all is well, and else nothing stays behind."""
    from hoigen.models.experts.batch import BatchFiles, CollectingDesk

    files = BatchFiles(out)
    desk = CollectingDesk(calls, files)
    try:
        yield desk
    except BaseException:
        files.discard()
        raise
    paths = files.close()
    told = (
        f"{plural(len(desk.keys), 'call')} written to {', '.join(map(str, paths))}" if paths else "no call is missing"
    )
    print(told, file=sys.stderr)
