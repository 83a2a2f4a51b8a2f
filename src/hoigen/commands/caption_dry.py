"""What `hoigen caption` would take: nothing is asked."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hoigen.core.words import plural
from hoigen.models.experts.desk import Conversation
from hoigen.models.experts.dry import DryDesk, Load

if TYPE_CHECKING:
    from hoigen.data.run import Run
    from hoigen.models.experts.calls import Calls
    from hoigen.rules.cascade import Step
    from hoigen.stages.captioners._job import Job
    from hoigen.stages.kept import KeptClip
    from hoigen.work.ranks import Rank

SAMPLE = 1000
"""Of more clips than this, so many spread evenly are walked, and the counts are scaled."""


@dataclass(frozen=True, slots=True)
class DryRun:
    """Calls, tokens and cost by expert: when experts agree wherever they can, and when they never do.

    fails: reason -> clips, of those walked, that would get no caption whatever is answered. removed: clips of the whole
    run that somebody asked to be taken out.
    """

    clips: int
    walked: int
    least: dict[str, Load]
    most: dict[str, Load]
    fails: Mapping[str, int] = field(default_factory=dict)
    removed: int = 0

    def __str__(self) -> str:
        from hoigen.rules.removals import told

        lines = [f"{plural(self.clips, 'kept clip')}; nothing was asked"]
        if self.walked < self.clips:
            lines[0] += f"; estimated from {self.walked} of them"
        for model in sorted({*self.least, *self.most}):
            low, high = self.least.get(model, Load()), self.most.get(model, Load())
            tokens = f"{_span(low.tokens_in, high.tokens_in)} tokens in, {_span(low.tokens_out, high.tokens_out)} out"
            lines.append(f"  {model}: {_span(low.calls, high.calls)} calls, about {tokens}{_cost(low, high)}")
        low, high = _sum(self.least), _sum(self.most)
        lines.append(f"in all: {_span(low.calls, high.calls)} calls{_cost(low, high) or '; no prices were given'}")
        lines += [
            f"{count} of {plural(self.walked, 'clip')} would get no caption: {why}" for why, count in self.fails.items()
        ]
        if self.removed:
            lines.append(told(self.removed))
        return "\n".join(lines)


def _sum(loads: Mapping[str, Load]) -> Load:
    """All experts together, with a price that makes the cost theirs."""
    cost = sum(load.cost for load in loads.values())
    return Load(calls=sum((load.calls for load in loads.values()), 0.0), tokens_in=1e6, prices=(cost, 0.0))


def _span(low: float, high: float, digits: int = 0) -> str:
    first, last = f"{low:,.{digits}f}", f"{high:,.{digits}f}"
    return first if first == last else f"{first} to {last}"


def _cost(low: Load, high: Load) -> str:
    return f", cost {_span(low.cost, high.cost, digits=2)}" if high.cost else ""


def dry_run_of(run: Run, steps: Sequence[Step], job: Job, calls: Calls, rank: Rank) -> DryRun:
    """Walks the captioner with supposed answers; kept ones count nothing."""
    from hoigen.rules import decide
    from hoigen.stages.kept import KeptClip, kept_clips, kept_counts

    with decide.connect(run, steps) as con:
        removed = decide.removed_count(con)
    total = sum(clips for shard, clips in kept_counts(run, steps).items() if rank.mine(shard))
    every = max(1, -(-total // SAMPLE))
    clips: list[KeptClip] = []
    passed = 0
    for shard, ids in kept_clips(run, steps, rank.mine):
        clips += KeptClip.read(run, steps, shard, ids[-passed % every :: every])
        passed += len(ids)
    loads = []
    fails: Counter[str] = Counter()
    for worst in (False, True):
        found: dict[str, Load] = {}
        for kept in clips:
            desk = DryDesk(calls, worst=worst, width=kept.clip.width, height=kept.clip.height)
            talk = Conversation(kept.clip, desk, content=kept.content, facts=kept.facts)
            caption = asyncio.run(job.captioner(talk))
            if caption.text is None and not worst:
                fails[caption.reason] += 1
            for model, load in desk.loads.items():
                into = found.setdefault(model, Load(prices=load.prices))
                into.calls += load.calls
                into.tokens_in += load.tokens_in
                into.tokens_out += load.tokens_out
        factor = total / len(clips) if clips else 0.0
        loads.append({model: load.scaled(factor) for model, load in found.items()})
    return DryRun(total, len(clips), loads[0], loads[1], fails, removed)
