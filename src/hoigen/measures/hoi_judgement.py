"""Caption and judge: named by the paper's recipe, not runnable in this version."""

from __future__ import annotations

from hoigen.clip import Clip, Frames, Sampling
from hoigen.models.heavy import not_yet
from hoigen.registry import measure
from hoigen.score import Score


@measure("hoi_judgement")
class HoiJudgement:
    """Whether an LLM finds an interaction in an MLLM's caption: 1 yes, 0 no. Needs extra [models].

    Source: HOIGen-1M, section 3.1, "LLM Evaluation" (PLLaVA captions, Qwen2.5 judges).
    """

    sampling: Sampling = Sampling(frames=4, short_side=336)

    def load(self) -> None:
        not_yet("hoi_judgement", "PLLaVA and Qwen2.5", "hoi_lite looks for the interaction in the picture")

    def __call__(self, clip: Clip, frames: Frames) -> Score:
        self.load()
        raise AssertionError("unreachable")
