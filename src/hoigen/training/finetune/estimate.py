"""What a training will take, before it starts: memory, hours, bytes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
SHARE = 0.4
"""Of what a matrix product reaches, that a training step does; PaLM's and Megatron's are 0.4 to 0.5."""
GB = 1e9


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a training takes, roughly.

    Args:
        parameters: of the transformer.
        trained: of the LoRA.
        memory: bytes on the device while training.
        free: bytes there now; None where it is not known.
        seconds: of a step.
        hours: of all steps that are left.
        disk: bytes of latents, words and checkpoints that are to be written.
    """

    parameters: int
    trained: int
    memory: float
    free: float | None
    seconds: float
    hours: float
    disk: float

    def __str__(self) -> str:
        free = f", {self.free / GB:.1f} free" if self.free is not None else ""
        return (
            f"about {self.memory / GB:.1f} GB of memory ({self.parameters / 1e6:,.1f} M parameters frozen, "
            f"{self.trained / 1e6:,.2f} M trained){free}; {self.seconds:.3g} s a step, {self.hours:.2g} hours; "
            f"{self.disk / GB:.2f} GB on the disk"
        )


def parameters_of(folder: Path) -> int:
    """Parameters of a part of a pipeline, read from the heads of its safetensors files in `folder`."""
    from math import prod

    from safetensors import safe_open

    total = 0
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as tensors:
            total += sum(prod(tensors.get_slice(name).get_shape()) for name in tensors.keys())  # noqa: SIM118
    return total


def free_memory(device: str) -> float | None:
    """Bytes that are free on a `device` of PyTorch; None where nobody says."""
    import torch

    if device.startswith("cuda"):
        return float(torch.cuda.mem_get_info(device)[0])
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return float(line.split()[1]) * 1024
    except OSError:
        pass
    return None


def speed(device: str, precision: str) -> float:
    """Operations per second of a matrix product, measured for a moment.

    Args:
        device: of PyTorch.
        precision: of the numbers.
    """
    import torch

    size = 8192 if device.startswith("cuda") else 512
    one = torch.ones(size, size, dtype=getattr(torch, precision), device=device)
    one @ one
    times = []
    for _ in range(3):
        if device.startswith("cuda"):
            torch.cuda.synchronize(device)
        began = time.perf_counter()
        one @ one
        if device.startswith("cuda"):
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - began)
    return 2.0 * size**3 / max(min(times), 1e-9)


def estimate(
    *,
    parameters: int,
    trained: int,
    tokens: int,
    width: int,
    layers: int,
    kept: float,
    batch: int,
    accumulate: int,
    precision: str,
    checkpointing: bool,
    ema: bool,
    eight_bit: bool,
    steps: int,
    device: str,
    disk: float,
) -> Estimate:
    """What a training takes.

    Args:
        parameters: of the transformer.
        trained: of the LoRA.
        tokens: of the largest clip, with those of the words.
        width: of the transformer's layers.
        layers: of the transformer.
        kept: bytes that a layer keeps for its way back, for each token and channel, in half precision.
        batch: clips at once.
        accumulate: batches of a step.
        precision: of the frozen weights.
        checkpointing: activations are computed again.
        ema: a running mean is kept.
        eight_bit: of the optimiser's state.
        steps: that are left.
        device: of PyTorch.
        disk: bytes to be written.
    """
    size = BYTES[precision]
    states = 4 + 4 + (2 if eight_bit else 8) + (4 if ema else 0)  # weight, gradient, AdamW's two means, running mean
    a_layer = kept * tokens * width * batch * size / 2
    activations = layers * tokens * width * batch * size + a_layer if checkpointing else layers * a_layer
    memory = parameters * size + trained * states + activations
    # forward, back through activations alone, and forward again where they are computed again
    passes = 3 if checkpointing else 2
    operations = passes * batch * accumulate * forward(parameters, tokens, width, layers)
    seconds = operations / (SHARE * speed(device, precision))
    return Estimate(parameters, trained, memory, free_memory(device), seconds, steps * seconds / 3600, disk)


def forward(parameters: int, tokens: int, width: int, layers: int) -> float:
    """Operations of one clip's way through a transformer.

    Args:
        parameters: of it.
        tokens: of the clip and its words.
        width: of its layers.
        layers: how many.
    """
    return 2.0 * parameters * tokens + 4.0 * layers * tokens**2 * width


def trained_of(model: Any, targets: Sequence[str], rank: int) -> int:
    """Parameters of a LoRA.

    Args:
        model: the transformer.
        targets: ends of the names of layers.
        rank: of the LoRA.
    """
    total = 0
    for name, layer in model.named_modules():
        if hasattr(layer, "in_features") and any(name == each or name.endswith(f".{each}") for each in targets):
            total += rank * (layer.in_features + layer.out_features)
    return total
