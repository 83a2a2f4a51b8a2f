"""LAION aesthetics: named by the paper's recipe, not runnable in this version."""

from __future__ import annotations

from hoigen.clip import Clip, Frames, Sampling
from hoigen.models.heavy import not_yet
from hoigen.registry import measure
from hoigen.score import Score


@measure("aesthetics")
class Aesthetics:
    """LAION aesthetic score, about 1..10, higher is better. Needs extra [models].

    Source: HOIGen-1M, section 3.1, "Aesthetics Score" (improved-aesthetic-predictor on CLIP ViT-L/14).
    """

    sampling: Sampling = Sampling(frames=3, short_side=None)

    def load(self) -> None:
        not_yet("aesthetics", "CLIP ViT-L/14 with the LAION V2 head", "technical_quality stands in for it")

    def __call__(self, clip: Clip, frames: Frames) -> Score:
        self.load()
        raise AssertionError("unreachable")
