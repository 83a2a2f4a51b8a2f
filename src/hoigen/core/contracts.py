"""What a measure is to the rest. A contract is one call; there are no base classes.

Others stand beside those who ask for them: `hoigen.observe.observation` (Observer),
`hoigen.models.experts.call` (Expert), `hoigen.stages.captioners` (Captioner),
`hoigen.models.uses` (UsesModels, HasNetworks), `hoigen.work.executor`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from hoigen.core.clip import Clip, Frames, Sampling
    from hoigen.core.score import Score


class Measure(Protocol):
    """Looks at a clip and returns a Score. Settings are fields of a frozen dataclass.

    A measure class carries three more names, all set by `@measure(...)`: `name` (its YAML name), `numbers` (what it
    gives: a `Number` each; by default one of its own name) and `emits` (their names).
    """

    sampling: Sampling

    def __call__(self, clip: Clip, frames: Frames) -> Score: ...


@runtime_checkable
class StreamingMeasure(Protocol):
    """A measure that sees many frames without holding them.

    The engine calls `begin` once a clip, `see` for every frame that `sampling` asks for, in order
    of time (image: (H, W, 3) uint8 RGB, or (H, W) uint8 luma when `gray` is true), then `score`.
    """

    sampling: Sampling

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
class Identified(Protocol):
    """A measure that says itself what its score depends on, where its settings hold more than that (an address)."""

    identity: Mapping[str, Any]
