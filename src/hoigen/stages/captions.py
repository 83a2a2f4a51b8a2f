"""kept clips -> captions. Workers decode, a thread talks to experts, this process notes what comes of it.

Every answer is kept at once (`calls/`), so a run that was killed walks through its finished clips without
decoding or asking; only where an answer is missing are frames fetched.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import itertools
import json
import queue
import re
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from hoigen.core import devices
from hoigen.core.clip import Frames, Sampling, Seconds
from hoigen.core.errors import ModelsGoneError, SetupError, UsageError
from hoigen.core.score import Caption
from hoigen.core.stats import alike
from hoigen.data import tables
from hoigen.data.columns import Row
from hoigen.data.run import Run
from hoigen.models import uses
from hoigen.models.client import asking, name_of
from hoigen.models.experts.call import slots_of
from hoigen.models.experts.desk import Conversation, Desk, NotKept
from hoigen.models.host import Host
from hoigen.stages.captioned import failed, row_of
from hoigen.stages.captioners._job import Job
from hoigen.stages.captioners._parts import loaded_here, setup_models
from hoigen.stages.clips import sealed_as
from hoigen.stages.kept import KeptClip, kept_clips, kept_counts
from hoigen.stages.showing import setup_frames
from hoigen.work.breaker import signature
from hoigen.work.ranks import Barrier, Rank
from hoigen.work.stage import Item, Stage
from hoigen.work.task import Failure, Handler, Limits, Task

if TYPE_CHECKING:
    from hoigen.models.experts.call import Expert
    from hoigen.rules.cascade import Step

UNREACHABLE = 5
"""Clips in a row for which an endpoint itself was at fault, before the run stops."""
ALIKE, ALIKE_LATER = 20, 100
"""Clips in a row without a caption, for the same reason, before the run stops: 20 where the server or the time failed,
or where there was no caption yet; 100 where experts declined after they had described others."""
MIXED = 2.5
"""As many times as many in a row stop the run, where each has a reason of its own."""
TOLD = 3
"""Reasons that are told then, the commonest."""
IN_FLIGHT_BYTES = 1 << 30
"""Frames of clips under way; beyond it decoding waits."""
DECLINED = frozenset(("refused", "malformed", "truncated"))
"""How an expert ends that was there and gave no caption."""
ID = re.compile(r"(?:request|trace|correlation|session|span)[ _-]?id\W{0,4}[\w-]+|\breq_[\w-]+", re.I)
WORD = re.compile(r"[\w-]+")
LONGEST_WORD = 24
"""Letters; what is longer is an id, or no word of a server."""
ALIKE_LETTERS = 160
"""Of a reason that are compared: a longer id lets less of what follows be shown."""
LEAVE: Seconds = 1.0
NO_FRAMES: Mapping[Sampling, Frames] = MappingProxyType({})


def caption_clips(
    run: Run,
    steps: Sequence[Step],
    job: Job,
    desk: Desk,
    rank: Rank,
    limits: Limits,
    quiet: bool,
    *,
    meet: bool = True,
) -> Barrier:
    """Captions all kept clips of this rank's shards that have no caption yet; returns the barrier at the end. A desk
    that raises NotKept for what it may not ask (one that collects a batch) leaves those clips for later.

    Args:
        run: the run.
        steps: its measures and rules, which say what is kept.
        job: the captioner.
        desk: where experts are asked.
        rank: this process among those that share the run.
        limits: of the workers.
        quiet: no bar.
        meet: ranks meet at the end; not where clips are only left for later.

    Raises SetupError when experts cannot be reached or loaded, or when most clips fail alike; RanksOpen when other
    ranks have clips to caption.
    """
    counts = kept_counts(run, steps)
    rules = [(step.name, step.fingerprint, {name: repr(rule) for name, rule in step.rules.items()}) for step in steps]
    facts = [job.name, job.fingerprint, sealed_as(run), rules, sorted(counts.items())]
    barrier = Barrier(run.folder, rank, "captions", tables.digest_of(facts))
    stage = CaptionStage(run, steps, job, desk, rank, barrier if meet else None, limits, quiet=quiet)
    stage.go(limits, total=sum(count for shard, count in counts.items() if rank.mine(shard)), quiet=quiet)
    return barrier


@dataclass(slots=True)
class _Outcome:
    """What came of one clip, on its way from the thread to the stage.

    Args:
        item: the clip.
        row: of the part; None where it waits for answers of a batch.
        size: bytes of its frames.
        unreachable: what an endpoint that is itself at fault said.
        error: what the captioner raised.
        alike: of a clip that was asked about and got no caption: what such clips share when it is not they that are at
            fault; of one that got a caption "".
    """

    item: Item
    row: Row | None
    size: int = 0
    unreachable: str = ""
    error: BaseException | None = None
    alike: str | None = None


class CaptionStage(Stage):
    """kept clips -> captions. An item's data: the clip with what is known of it. Its frames come from a worker; it ends
    when a thread, in which experts are asked, has its caption.

    Args:
        run: the run.
        steps: its measures and rules, which say what is kept.
        job: the captioner.
        desk: where experts are asked.
        rank: this process among those that share the run.
        barrier: where ranks meet at the end; None when they do not.
        limits: of the workers.
        quiet: no bar.
    """

    name = "captions"

    def __init__(
        self,
        run: Run,
        steps: Sequence[Step],
        job: Job,
        desk: Desk,
        rank: Rank,
        barrier: Barrier | None,
        limits: Limits,
        *,
        quiet: bool = False,
    ) -> None:
        super().__init__(run, rank, barrier)
        self.quiet, self.limits = quiet, limits
        self.host: Host | None = None
        self.served: Mapping[str, Expert] = {}
        self.steps, self.job, self.desk = steps, job, desk
        self.table = run.captions(job.name, job.fingerprint)
        self.experts = distinct(job.captioner.experts)
        self.samplings = sorted({e.sampling for e in self.experts if e.sampling.needs_frames}, key=repr)
        self.ids: dict[int, list[str]] = {}
        self.rows: dict[int, dict[str, Row]] = {}
        # clips that experts are asked about; held here: a loop holds only what a timer or a socket wakes
        self.begun: dict[Item, concurrent.futures.Future[None]] = {}
        self.most = max(4, 2 * slots_of(self.experts))
        self.under_way = self.under_way_bytes = 0  # clips that experts are asked about, and bytes of their frames
        self.outcomes: queue.SimpleQueue[_Outcome] = queue.SimpleQueue()
        self.unreachable = 0
        self.row_alike = ("", 0)  # what clips in a row shared, and how many
        self.row_mixed: Counter[str] = Counter()  # what clips in a row without a caption came to
        self.row_told: dict[str, str] = {}  # the words of one of each
        self.captioned = False  # whether a clip is known to have a caption
        self.opened = False
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="experts", daemon=True)
        self.thread.start()

    def setup(self) -> Callable[[], Handler]:
        return partial(setup_frames, self.samplings)

    @contextlib.contextmanager
    def around(self, tasks: Iterator[Task]) -> Iterator[tuple[Iterator[Task], Callable[[], Handler]]]:
        """Models that experts load are in a process of their own, so that its end is not the run's."""
        with contextlib.ExitStack() as stack:
            if self.limits.workers and self.job.spec is not None and self.desk.may_ask:
                self.served = loaded_here(self.job.captioner.experts)
            if self.served:
                how = {"load_deadline": self.limits.load_deadline, "deadline": self.limits.load_deadline}
                self.host = stack.enter_context(Host(partial(setup_models, self.job.spec), **how))
            yield tasks, self.setup()

    def _open_experts(self) -> None:
        """Once there is something to ask: what is kept needs no server and no model."""
        if self.opened or not self.desk.may_ask:
            return
        self.opened = True
        uses.prepare(self.experts, quiet=self.quiet)
        if self.host is not None:
            self.host.start()
            self.desk.asking = asking(self.host.address, self.served)
        for expert in self.experts:
            if name_of(expert) not in self.served:
                self._run(expert.open())

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    # handing out

    def shards(self) -> Iterator[int]:
        assert self.run is not None
        for shard, ids in kept_clips(self.run, self.steps, self.rank.mine):
            self.ids[shard] = ids
            yield shard

    def plan(self, shard: int) -> Iterator[Item | str]:
        assert self.run is not None
        kept_ids = set(self.ids[shard])
        # Captions of the part, which are in force until there are others; and those that are not tried again.
        self.rows[shard] = {row["id"]: row for row in self.table.read(shard) if row["id"] in kept_ids}
        # A failed one may come out otherwise where it is to be retried, or an endpoint was silent or failed.
        again = {
            name
            for name, row in self.rows[shard].items()
            if row["state"] == "failed"
            and (self.job.retry or any(c["outcome"] in ("timed_out", "failed") for c in json.loads(row["trace"])))
        }
        finished = self.rows[shard].keys() - again
        yield from ["captioned"] * len(finished)
        wanted = [name for name in self.ids[shard] if name not in finished]
        for kept in KeptClip.read(self.run, self.steps, shard, wanted):
            began = time.monotonic()
            item = Item(kept.clip.id, kept.clip if self.samplings else None, kept, shard)
            talk = self._talk(kept, Desk(self.desk.calls, may_ask=False), {})
            try:  # from kept answers, when all are there
                caption = self._run(self.job.captioner(talk))
            except NotKept:
                self._open_experts()
                yield item
            except Exception as error:
                yield self._taken(_Outcome(item, failed(kept.clip, error, talk), error=error))
            else:
                self.reopen()  # its answers may have come with a batch
                yield self._taken(_Outcome(item, row_of(kept.clip, caption, talk, began)))

    def _talk(self, kept: KeptClip, desk: Desk, frames: Mapping[Sampling, Frames]) -> Conversation:
        return Conversation(kept.clip, desk, content=kept.content, frames=frames, facts=kept.facts)

    # asking experts

    def begin(self, item: Item, frames: Mapping[Sampling, Frames] = NO_FRAMES) -> None:
        """Asks about a clip, in the thread; waits while too many are under way, or their frames take too much."""
        size = sum(each.images.nbytes for each in frames.values())
        while self.under_way >= self.most or (self.under_way and self.under_way_bytes >= IN_FLIGHT_BYTES):
            self.book(wait=0.2)
        self.under_way += 1
        self.under_way_bytes += size
        future = self.begun[item] = asyncio.run_coroutine_threadsafe(self._caption(item, frames, size), self.loop)
        # Its outcome is looked at, so that one that was cancelled is no warning.
        future.add_done_callback(lambda ended: None if ended.cancelled() else ended.exception())

    async def _caption(self, item: Item, frames: Mapping[Sampling, Frames], size: int) -> None:
        began = time.monotonic()
        kept: KeptClip = item.data
        talk = self._talk(kept, self.desk, frames)
        try:
            caption = await self.job.captioner(talk)
            shared = "" if caption.text is not None else _shared(talk) or caption.reason
            row = row_of(kept.clip, caption, talk, began)
            outcome = _Outcome(item, row, size, talk.unreachable, alike=shared)
        except NotKept:
            outcome = _Outcome(item, None, size)
        except (Exception, SystemExit) as error:  # the latter would end the thread, and all would wait for ever
            outcome = _Outcome(item, failed(kept.clip, error, talk), size, error=error)
        self.outcomes.put(outcome)

    def elsewhere(self, wait: Seconds) -> Iterator[tuple[Item, str]]:
        with contextlib.suppress(queue.Empty):
            outcome = self.outcomes.get(timeout=wait) if wait else self.outcomes.get_nowait()
            while True:
                self.under_way -= 1
                self.under_way_bytes -= outcome.size
                self.begun.pop(outcome.item, None)
                yield outcome.item, self._taken(outcome)
                outcome = self.outcomes.get_nowait()

    def _taken(self, outcome: _Outcome) -> str:
        """Notes what came of a clip; how it ended. Raises what stops the run, when it is the set-up that is wrong."""
        if isinstance(outcome.error, UsageError | ModelsGoneError):
            raise outcome.error
        if outcome.error is not None and devices.lost(outcome.error):
            raise SetupError(
                f"stopped: this process can use its graphics card no more, at clip {outcome.item.key} or one that was "
                f"asked with it: {outcome.error}. All answers are kept; the same command goes on. Where it stops at "
                "the same clips again, serve the model (docs/experts.md)."
            )
        self.unreachable = self.unreachable + 1 if outcome.unreachable else 0
        if self.unreachable >= UNREACHABLE:
            raise SetupError(
                f"stopped: {self.unreachable} clips in a row met an endpoint that is at fault: {outcome.unreachable}. "
                "All answers are kept; the same command goes on."
            )
        self._stop_if_alike(outcome)
        if outcome.error is None:
            self.breaker.saw_ok(self.job.name)
        else:
            trace = "".join(traceback.format_exception(outcome.error))
            self.breaker.saw_failure(self.job.name, signature(outcome.error), trace, data_fault=False)
        if outcome.row is None:
            return "waiting"
        self.rows[outcome.item.shard][outcome.item.key] = outcome.row
        state: str = outcome.row["state"]
        return state

    def _stop_if_alike(self, outcome: _Outcome) -> None:
        """Raises SetupError when so many clips in a row got no caption for one reason that it cannot be theirs."""
        if outcome.alike is None or outcome.row is None or not self.breaker.on:
            return
        if not outcome.alike:
            self.row_alike, self.captioned = ("", 0), True
            self.row_mixed.clear()
            self.row_told.clear()
            return
        before, count = self.row_alike
        count = count + 1 if before == outcome.alike else 1
        self.row_alike = outcome.alike, count
        self.row_mixed[outcome.alike] += 1
        self.row_told.setdefault(outcome.alike, outcome.row["reason"])
        ended = _ended(outcome.alike)
        later = count >= ALIKE and ended in DECLINED and self._has_captions()
        most = ALIKE_LATER if later else ALIKE
        most = min(most, UNREACHABLE) if ended == "timed_out" else most  # each has waited through all its tries
        then = (
            "All answers are kept; once it is mended, hoigen caption RUN --retry asks again (--decoding "
            "temperature=0.7 asks otherwise, --no-breaker goes on as it is)."
        )
        if count >= most:
            raise SetupError(
                f"stopped: {count} clips in a row got no caption for the same reason, so it is the set-up that is "
                f"wrong: {outcome.row['reason']}. {then}"
            )
        row = self.row_mixed.total()
        if row < MIXED * ALIKE:
            return
        broken = sum(times for reason, times in self.row_mixed.items() if _ended(reason) in ("failed", "timed_out"))
        later = 2 * broken < row and self._has_captions()
        if row >= MIXED * (ALIKE_LATER if later else ALIKE):
            reasons = "; ".join(f"{n} times: {self.row_told[reason]}" for reason, n in self.row_mixed.most_common(TOLD))
            raise SetupError(
                f"stopped: {row} clips in a row got no caption, for {len(self.row_mixed)} reasons in turn, so it is "
                f"the set-up that is wrong. The commonest, {reasons}. {then}"
            )

    def _has_captions(self) -> bool:
        """Whether a clip has a caption by these experts: of this process, or kept from an earlier one."""
        if not self.captioned:
            known = (row for rows in self.rows.values() for row in rows.values())
            parts = (row for shard in self.table.shards() for row in self.table.read(shard, ["state"]))
            self.captioned = any(row["state"] == "captioned" for row in itertools.chain(known, parts))
        return self.captioned

    # the workers' side

    def answer(self, item: Item, part: Mapping[Sampling, Frames]) -> Iterable[Row]:
        if item not in self.begun:  # a second try may bring them again
            self.breaker.saw_ok("decoding")
            self.begin(item, part)
        return ()

    def lost(self, item: Item, failure: Failure) -> Iterable[Row]:
        if item in self.begun:  # its frames had come; it failed on the way out
            return ()
        own = failure.kind != "error" or failure.is_program_fault
        caption = Caption(text=None, reason=failure.words if own else failure.reason)
        kept: KeptClip = item.data
        row = row_of(kept.clip, caption, self._talk(kept, self.desk, {}), time.monotonic())
        self._taken(_Outcome(item, row))
        if failure.is_program_fault:
            self.breaker.saw_failure("decoding", failure.reason, failure.evidence, data_fault=False)
        return ()

    def ended(self, item: Item) -> str | None:
        return None if item in self.begun else "failed"

    def write(self, shard: int, rows: Iterator[Row]) -> None:
        there, ids = self.rows.pop(shard), self.ids.pop(shard)
        ordered = [there[name] for name in ids if name in there]
        if ordered and ordered != self.table.read(shard):
            self.table.write(shard, ordered)

    def close(self) -> None:
        """Leaves within a second, whatever experts are at."""

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


def _shared(talk: Conversation) -> str:
    """Who gave no answer and how; of a server's words, without what is of one request alone."""
    wrong = [call for call in talk.trace if call["outcome"] != "answered"]
    if not wrong:
        return ""
    last = wrong[-1]
    said = f": {_of_all(last['reason'])}" if last["outcome"] == "failed" else ""
    return f"{last['role'].replace(' ', '_')} {last['outcome']}{said}"


def _of_all(reason: str) -> str:
    """A server's words without numbers, ids and what it quotes, which differ from request to request."""
    words = ID.sub("#", alike.kind(reason))
    return WORD.sub(lambda word: "#" if _is_id(word[0]) else word[0], words)[:ALIKE_LETTERS]


def _is_id(word: str) -> bool:
    in_hex = len(word) >= 8 and set(word.lower()) <= set("abcdef-")
    return in_hex or len(word) > LONGEST_WORD or any(letter.isdigit() for letter in word)


def _ended(shared: str) -> str:
    """The outcome in what `_shared` says."""
    return shared.partition(" ")[2].split(":")[0]


def distinct(experts: Mapping[str, Expert]) -> list[Expert]:
    """Each expert once, though it may have several roles."""
    return list({id(expert): expert for expert in experts.values()}.values())
