"""What a measure, an expert and a captioner are to the rest. A contract is one call; there are no base classes.

Others stand beside those who ask for them: `hoigen.models.uses` (UsesModels, HasNetworks), `hoigen.work.executor`,
`hoigen.hoi.observation` (Observer,
ReadsObservations).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from hoigen.experts.call import Expert as Expert

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np

    from hoigen.clip import Clip, Frames, Sampling
    from hoigen.experts.desk import Conversation
    from hoigen.score import Caption, Score


class Measure(Protocol):
    """Looks at a clip and returns a Score. Settings are fields of a frozen dataclass.

    A measure class carries three more names, all set by `@measure(...)`: `name` (its YAML name), `numbers` (what it
    gives: a `Number` each; by default one of its own name) and `emits` (their names).
    """

    @property
    def sampling(self) -> Sampling: ...

    def __call__(self, clip: Clip, frames: Frames) -> Score: ...


@runtime_checkable
class StreamingMeasure(Protocol):
    """A measure that sees many frames without holding them.

    The engine calls `begin` once a clip, `see` for every frame that `sampling` asks for, in order
    of time (image: (H, W, 3) uint8 RGB, or (H, W) uint8 luma when `gray` is true), then `score`.
    """

    @property
    def sampling(self) -> Sampling: ...

    def begin(self, clip: Clip) -> FrameStream: ...


class FrameStream(Protocol):
    """One clip under way in a StreamingMeasure."""

    def see(self, image: np.ndarray, time: float) -> None: ...

    def score(self) -> Score: ...


@runtime_checkable
class Loads(Protocol):
    """A measure with weights: `load` is called once per worker, before the first clip.

    What `load` raises is a fault of the set-up and stops the run; what a call raises costs one clip.
    """

    def load(self) -> None: ...


@runtime_checkable
class AsksExperts(Protocol):
    """A measure that asks experts: they are opened once, in a process of their own, for all workers.

    reach: where that process is asked (a socket's path); called in each worker before `load`. Where it is not called
    (no workers, a measure tried out), the measure opens its experts itself.
    """

    @property
    def experts(self) -> Sequence[Expert]: ...

    def reach(self, address: str) -> None: ...


@runtime_checkable
class Attaches(Protocol):
    """A measure that keeps something in the run's folder, such as the answers of experts; called before `load`."""

    def attach(self, run: Path) -> None: ...


@runtime_checkable
class Identified(Protocol):
    """A measure that says itself what its score depends on, where its settings hold more than that (an address)."""

    @property
    def identity(self) -> Mapping[str, Any]: ...


class Captioner(Protocol):
    """Describes a clip in words, by asking experts about it. Settings are fields of a frozen dataclass."""

    @property
    def experts(self) -> Mapping[str, Expert]:
        """The experts by their role."""
        ...

    async def __call__(self, talk: Conversation) -> Caption: ...
