"""UniMatch optical flow: named by the paper's recipe, not runnable in this version."""

from __future__ import annotations

from hoigen.clip import Clip, Frames, Sampling
from hoigen.models.heavy import not_yet
from hoigen.registry import measure
from hoigen.score import Score


@measure("unimatch_flow")
class UnimatchFlow:
    """Mean optical-flow length by UniMatch, in frame diagonals per second; 0 is still. Needs extra [models].

    Source: HOIGen-1M, section 3.1, "Motion Score".
    """

    sampling: Sampling = Sampling(fps=2, short_side=320, pairs=True)

    def load(self) -> None:
        not_yet("unimatch_flow", "UniMatch", "motion measures the same with DIS flow, in the same unit")

    def __call__(self, clip: Clip, frames: Frames) -> Score:
        self.load()
        raise AssertionError("unreachable")
