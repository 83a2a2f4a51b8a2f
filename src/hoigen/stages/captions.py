"""kept clips -> captions. Workers decode, a thread talks to experts, this process books.

Every answer is kept at once (`calls.sqlite`), so a run that was killed walks through its finished clips without
decoding or asking; only where an answer is missing are frames fetched.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import threading
import time
import traceback
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from hoigen import devices
from hoigen.clip import Frames, Sampling, Seconds
from hoigen.data import tables
from hoigen.data.run import Run
from hoigen.data.tables import Row
from hoigen.errors import SetupError, UsageError
from hoigen.experts.desk import Conversation, Desk, NotKept
from hoigen.models import uses
from hoigen.score import Caption
from hoigen.showing import setup_frames
from hoigen.stages.book import Book, Share, evidence, is_program_fault, told
from hoigen.stages.captioned import failed, row_of
from hoigen.stages.kept import KeptClip, kept_clips
from hoigen.work import local
from hoigen.work.breaker import Breaker, signature
from hoigen.work.progress import Progress
from hoigen.work.task import Failure, Limits, Task

if TYPE_CHECKING:
    from hoigen.cascade import Step
    from hoigen.contracts import Captioner, Expert

UNREACHABLE = 5
"""Clips in a row for which an endpoint itself was at fault, before the run stops."""
IN_FLIGHT_BYTES = 1 << 30
"""Frames of clips under way; beyond it decoding waits."""
LEAVE: Seconds = 1.0


@dataclass(frozen=True, slots=True)
class Job:
    """Which captioner, and where its captions go. retry: clips whose caption failed are tried again."""

    name: str
    fingerprint: str
    captioner: Captioner
    retry: bool = False


def caption_clips(
    run: Run, steps: Sequence[Step], job: Job, desk: Desk, share: Share, limits: Limits, quiet: bool
) -> None:
    """Captions all kept clips of this process's shards that have no caption yet. A desk that raises NotKept for what
    it may not ask (one that collects a batch) leaves those clips for later.

    Raises SetupError when experts cannot be reached or loaded, or when most clips fail alike.
    """
    shards = {s: clips for s, clips in kept_clips(run, steps, share.size).items() if share.mine(s)}
    with Progress("captions", sum(map(len, shards.values())), " clips", quiet=quiet) as progress:
        stage = CaptionStage(run, steps, job, desk, shards, progress, quiet=quiet)
        try:
            local.run(stage.tasks(), partial(setup_frames, stage.samplings), stage, limits)
            stage.wait()
        finally:
            stage.close()


@dataclass(slots=True)
class Said:
    """What came of one clip, on its way from the thread to the book."""

    shard: int
    clip: str
    row: Row | None  # None: it waits for answers of a batch
    size: int
    unreachable: str = ""
    error: BaseException | None = None


@dataclass(slots=True)
class Talking:
    """The clips under way with experts: how many, and how many bytes their frames take."""

    most: int
    clips: int = 0
    bytes: int = 0
    done: queue.SimpleQueue[Said] = field(default_factory=queue.SimpleQueue)

    @property
    def full(self) -> bool:
        return self.clips >= self.most or (self.clips > 0 and self.bytes >= IN_FLIGHT_BYTES)


class CaptionStage(Book):
    """kept clips -> captions."""

    def __init__(
        self,
        run: Run,
        steps: Sequence[Step],
        job: Job,
        desk: Desk,
        shards: Mapping[int, Sequence[str]],
        progress: Progress,
        *,
        quiet: bool = False,
    ) -> None:
        super().__init__(run, "captions")
        self.quiet = quiet
        self.steps, self.job, self.desk, self.kept_ids, self.progress = steps, job, desk, shards, progress
        self.experts = distinct(job.captioner.experts)
        self.samplings = sorted({e.sampling for e in self.experts if e.sampling.needs_frames}, key=repr)
        self.rows: dict[int, dict[str, Row]] = {}
        self.clips: dict[str, tuple[int, KeptClip]] = {}
        self.begun: set[str] = set()
        self.talking = Talking(most=max(4, 2 * sum(map(slots_of, self.experts))))
        self.breaker = Breaker()
        self.unreachable = 0
        self.opened = False
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="experts", daemon=True)
        self.thread.start()

    def _open_experts(self) -> None:
        """Once there is something to ask: what is kept needs no server and no model."""
        if self.opened or not self.desk.may_ask:
            return
        self.opened = True
        uses.prepare(self.experts, quiet=self.quiet)
        for expert in self.experts:
            self._run(expert.open())

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    # handing out

    def tasks(self) -> Iterator[Task]:
        for shard, ids in self.kept_ids.items():
            state = self.open(shard)
            self.rows[shard] = self._finished(shard, ids)
            self.progress.count("captioned", already=True, by=len(self.rows[shard]))
            wanted = [name for name in ids if name not in self.rows[shard]]
            for kept in KeptClip.read(self.run, self.steps, shard, wanted):
                state.out += 1
                task = self._plan(shard, kept)
                if task is not None:
                    yield task
            self.handed_out(shard)

    def _finished(self, shard: int, ids: Sequence[str]) -> dict[str, Row]:
        """Captions of the part, without those that are worth another try."""
        part = self.run.caption_part(self.job.name, self.job.fingerprint, shard)
        kept = set(ids)
        return {row["id"]: row for row in tables.read_part(part) if row["id"] in kept and not self._again(row)}

    def _again(self, row: Row) -> bool:
        """Whether a failed caption may come out otherwise: it is to be retried, or an endpoint was silent or failed."""
        if row["state"] != "failed":
            return False
        return self.job.retry or any(call["outcome"] in ("timed_out", "failed") for call in json.loads(row["trace"]))

    def _plan(self, shard: int, kept: KeptClip) -> Task | None:
        """Captions from kept answers when all are there; else a task that fetches frames, or the talk at once."""
        began = time.monotonic()
        talk = self._talk(kept, Desk(self.desk.calls, may_ask=False), {})
        try:
            caption = self._run(self.job.captioner(talk))
        except NotKept:
            pass
        except Exception as error:
            row = failed(kept.clip, error, talk)
            self._handle(Said(shard, kept.clip.id, row, 0, error=error), counted=False)
            return None
        else:
            self._handle(Said(shard, kept.clip.id, row_of(kept.clip, caption, talk, began), 0), counted=False)
            return None
        self._open_experts()
        key = f"{shard}/{kept.clip.id}"
        self.clips[key] = (shard, kept)
        if self.samplings:
            return Task(key, kept.clip)
        self._begin(key, {}, 0)
        return None

    def _talk(self, kept: KeptClip, desk: Desk, frames: Mapping[Sampling, Frames]) -> Conversation:
        return Conversation(kept.clip, desk, content=kept.content, frames=frames, facts=kept.facts)

    # talking

    def _begin(self, key: str, frames: Mapping[Sampling, Frames], size: int) -> None:
        while self.talking.full:
            self._drain(wait=0.2)
        self.begun.add(key)
        self.talking.clips += 1
        self.talking.bytes += size
        shard, kept = self.clips[key]
        future = asyncio.run_coroutine_threadsafe(self._caption(shard, kept, frames, size), self.loop)
        future.add_done_callback(_retrieved)

    async def _caption(self, shard: int, kept: KeptClip, frames: Mapping[Sampling, Frames], size: int) -> None:
        began = time.monotonic()
        talk = self._talk(kept, self.desk, frames)
        try:
            caption = await self.job.captioner(talk)
            row = row_of(kept.clip, caption, talk, began)
            said = Said(shard, kept.clip.id, row, size, talk.unreachable)
        except NotKept:
            said = Said(shard, kept.clip.id, None, size)
        except (Exception, SystemExit) as error:  # the latter would end the thread, and all would wait for ever
            said = Said(shard, kept.clip.id, failed(kept.clip, error, talk), size, error=error)
        self.talking.done.put(said)

    def _drain(self, wait: Seconds = 0.0) -> None:
        """Books what the thread has finished."""
        try:
            self._handle(self.talking.done.get(timeout=wait) if wait else self.talking.done.get_nowait())
            while True:
                self._handle(self.talking.done.get_nowait())
        except queue.Empty:
            return

    def _handle(self, said: Said, *, counted: bool = True) -> None:
        if counted:
            self.talking.clips -= 1
            self.talking.bytes -= said.size
            key = f"{said.shard}/{said.clip}"
            self.clips.pop(key)
            self.begun.discard(key)
        self._check(said)
        if said.row is not None:
            self.rows[said.shard][said.clip] = said.row
        self.progress.count(said.row["state"] if said.row else "waiting", already=not counted)
        self.returned(said.shard)

    def _check(self, said: Said) -> None:
        """Stops the run when it is the set-up that is wrong."""
        if isinstance(said.error, UsageError):
            raise said.error
        if said.error is not None and devices.lost(said.error):
            raise SetupError(
                f"stopped: this process can use its graphics card no more, at clip {said.clip} or one that was asked "
                f"with it: {said.error}. All answers are kept; the same command goes on. Where it stops at the same "
                "clips again, serve the model (docs/experts.md)."
            )
        self.unreachable = self.unreachable + 1 if said.unreachable else 0
        if self.unreachable >= UNREACHABLE:
            raise SetupError(
                f"stopped: {self.unreachable} clips in a row met an endpoint that is at fault: {said.unreachable}. "
                "All answers are kept; the same command goes on."
            )
        if said.error is None:
            self.breaker.saw_ok(self.job.name)
        else:
            trace = "".join(traceback.format_exception(said.error))
            self.breaker.saw_failure(self.job.name, signature(said.error), trace, data_fault=False)

    def wait(self) -> None:
        """Until the last clip is captioned."""
        while self.talking.clips:
            self._drain(wait=0.2)

    # the workers' side

    def part(self, task: Task, part: Mapping[Sampling, Frames]) -> None:
        if task.key in self.clips and task.key not in self.begun:  # a second try may bring them again
            self.breaker.saw_ok("decoding")
            self._begin(task.key, part, sum(frames.images.nbytes for frames in part.values()))
        self._drain()

    def done(self, task: Task) -> None:
        self._drain()

    def retry(self, task: Task, failure: Failure) -> Task:
        return task

    def failed(self, task: Task, failure: Failure) -> Task | None:
        if task.key in self.begun or task.key not in self.clips:  # its frames had come; it failed on the way out
            return None
        shard, kept = self.clips.pop(task.key)
        own = failure.kind != "error" or is_program_fault(failure)
        caption = Caption(text=None, reason=told(failure) if own else failure.reason)
        talk = self._talk(kept, self.desk, {})
        row = row_of(kept.clip, caption, talk, time.monotonic())
        self._handle(Said(shard, kept.clip.id, row, 0), counted=False)
        if is_program_fault(failure):
            self.breaker.saw_failure("decoding", failure.reason, evidence(failure), data_fault=False)
        return None

    def finish(self, shard: int) -> None:
        rows = self.rows.pop(shard)
        part = self.run.caption_part(self.job.name, self.job.fingerprint, shard)
        ordered = [rows[name] for name in self.kept_ids[shard] if name in rows]
        if not ordered or (part.exists() and ordered == tables.read_part(part)):
            return
        metadata = {"captioner": self.job.name, "fingerprint": self.job.fingerprint}
        tables.write_part(part, ordered, tables.schema_of(tables.CAPTION_COLUMNS), metadata)

    def close(self) -> None:
        """Leaves within a second, whatever experts are at."""
        super().close()

        async def leave() -> None:
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await asyncio.gather(*(expert.close() for expert in self.experts), return_exceptions=True)

        with contextlib.suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(leave(), self.loop).result(timeout=LEAVE)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(LEAVE)


def slots_of(expert: Expert) -> int:
    """How many requests it works on at once, all its endpoints together."""
    served = getattr(expert, "expert", expert)
    return expert.slots * max(1, len(getattr(served, "endpoints", ())))


def distinct(experts: Mapping[str, Expert]) -> list[Expert]:
    """Each expert once, though it may have several roles."""
    return list({id(expert): expert for expert in experts.values()}.values())


def _retrieved(future: Future[None]) -> None:
    """Looks at the outcome, so that a cancelled talk is no warning."""
    if not future.cancelled():
        future.exception()
