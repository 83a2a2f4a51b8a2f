"""Settings of a training, with the sources of their defaults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from hoigen.core.settings import Setting, check_fields

Precision = Literal["float32", "float16", "bfloat16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """How a LoRA is trained. null: the default of the model's family (`families.py`), with its source there."""

    rank: Annotated[int | None, Setting("of the LoRA matrices", least=1)] = None
    alpha: Annotated[
        float | None, Setting("the LoRA acts by alpha / rank; with another rank, the family's share of it", above=0)
    ] = None
    targets: Annotated[Sequence[str] | None, Setting("layers that get a LoRA, by the end of their names")] = None
    learning_rate: Annotated[float | None, Setting("after the warm-up", above=0)] = None
    steps: Annotated[int, Setting("optimiser steps in all", least=1)] = 1000
    batch: Annotated[int, Setting("clips of one shape at once, in each process", least=1)] = 1
    accumulate: Annotated[int, Setting("batches that make one step", least=1)] = 1
    warmup: Annotated[int, Setting("steps over which the learning rate rises", least=0)] = 100
    schedule: Annotated[Literal["constant", "cosine"], Setting("of the learning rate after the warm-up")] = "constant"
    weight_decay: Annotated[float, Setting("of AdamW", least=0)] = 1e-4
    beta1: Annotated[float, Setting("of AdamW", least=0, most=1)] = 0.9
    beta2: Annotated[float, Setting("of AdamW", least=0, most=1)] = 0.95
    clip_norm: Annotated[float, Setting("gradients are scaled down to this norm", above=0)] = 1.0
    optimizer: Annotated[Literal["adamw", "adamw8bit"], Setting("adamw8bit needs bitsandbytes and a card")] = "adamw"
    precision: Annotated[Precision | None, Setting("of the frozen weights and of the arithmetic")] = None
    checkpointing: Annotated[bool, Setting("activations are computed again on the way back: less memory")] = True
    caption_dropout: Annotated[
        float, Setting("share of clips that are shown without their caption", least=0, most=1)
    ] = 0.0
    ema: Annotated[
        float, Setting("decay of the running mean of the LoRA that is saved; 0 for none", least=0, most=1)
    ] = 0.0
    seed: Annotated[int, Setting("of the LoRA's start, of the order and of the noise", least=0)] = 0
    save_every: Annotated[int, Setting("steps between checkpoints", least=1)] = 200
    keep: Annotated[int, Setting("checkpoints that are kept; the last ones", least=1)] = 2
    validate_every: Annotated[int, Setting("steps between validation videos; 0 for none", least=0)] = 0
    validate: Annotated[Sequence[str], Setting("prompts of the validation videos")] = ()
    validate_steps: Annotated[int, Setting("denoising steps of a validation video", least=1)] = 30
    diverged: Annotated[
        float,
        Setting("stop when the mean loss of the last 50 steps is so many times that of the first 50", above=1),
    ] = 4.0
    log: Annotated[Literal["none", "tensorboard", "wandb"], Setting("besides loss.csv")] = "none"
    device: Annotated[str, Setting("auto, cpu, cuda")] = "auto"
    processes: Annotated[int, Setting("processes, each with a card of its own; 0 for one a card", least=0)] = 0
    memory_limit: Annotated[
        float | None, Setting("GB that the training may take; null: what the card or the machine has free", above=0)
    ] = None

    def __post_init__(self) -> None:
        check_fields(self)
        for key in ("beta1", "beta2"):
            if getattr(self, key) == 1:
                raise ValueError(f"{key}: less than 1; it came as 1")
        if self.validate_every and not self.validate:
            raise ValueError("validate: prompts must be given where validate_every is set")


FREE = (
    *("save_every", "keep", "validate_every", "validate", "validate_steps", "log", "device", "processes"),
    *("memory_limit", "diverged", "checkpointing", "steps"),
)
"""Settings that a training that goes on may change: no weight of an earlier step depends on them."""
