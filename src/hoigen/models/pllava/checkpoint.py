"""PLLaVA's published weights -> the model: names, adapters, nothing left over and nothing missing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

from hoigen.models.pllava.model import Pllava, PllavaConfig

ADAPTER = re.compile(r"\.lora_(A|B)\.(?:\w+\.)?weight\Z")
NOT_USED = re.compile(r"image_newline\Z|position_ids\Z|rotary_emb\.inv_freq\Z")
"""Of LLaVA v1.6's grid of crops, which PLLaVA does without, and tables that are computed."""


class CheckpointError(ValueError):
    """The tensors are not those of a PLLaVA."""


def own_name(name: str) -> str:
    """A name of the published layout, with or without adapters' wrapping, as the model here has it."""
    name = name.replace("language_model.base_model.model.", "language_model.").replace(".base_layer.", ".")
    return name.replace("vision_tower.vision_model.", "vision_tower.")


def read(folder: Path, names: Iterable[str]) -> dict[str, Any]:
    tensors: dict[str, Any] = {}
    for name in names:
        with safe_open(str(folder / name), framework="pt") as file:
            tensors |= {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (it is no mapping)
    return tensors


def weights_of(tensors: Mapping[str, Any], lora_alpha: float) -> dict[str, Any]:
    """The model's own weights: names mapped, adapters added: W + lora_alpha / rank * B A, in float32."""
    made: dict[str, Any] = {}
    pairs: dict[str, dict[str, Any]] = {}
    for name, tensor in tensors.items():
        if found := ADAPTER.search(name):
            pairs.setdefault(own_name(name[: found.start()]) + ".weight", {})[found.group(1)] = tensor
        elif not NOT_USED.search(name):
            made[own_name(name)] = tensor
    for name, pair in pairs.items():
        if name not in made or set(pair) != {"A", "B"}:
            raise CheckpointError(f"an adapter of {name} without its other half or without the weight itself")
        base, down, up = made[name], pair["A"].float(), pair["B"].float()
        made[name] = (base.float() + lora_alpha / down.shape[0] * (up @ down)).to(base.dtype)
    return made


def assembled(config: PllavaConfig, weights: Mapping[str, Any], dtype: Any | None) -> Pllava:
    """The model with these weights; no memory is spent on random ones. dtype: None keeps that of the weights."""
    with torch.device("meta"):
        model = Pllava(config)
    kept = {name: tensor if dtype is None else tensor.to(dtype) for name, tensor in weights.items()}
    wanted = set(model.state_dict())
    lacking, strange = sorted(wanted - set(kept)), sorted(set(kept) - wanted)
    if lacking or strange:
        some = f"({', '.join(lacking[:2])}), {len(strange)} strange ({', '.join(strange[:2])})"
        raise CheckpointError(f"{len(lacking)} tensors lacking {some}")
    model.load_state_dict(kept, strict=True, assign=True)
    _compute_tables(model, config)
    return model


def _compute_tables(model: Pllava, config: PllavaConfig) -> None:
    """What is computed and so in no checkpoint: angles of the positions, numbers of the patches."""
    model.language_model.model.rotary_emb = LlamaRotaryEmbedding(config=config.text)
    embeddings = model.vision_tower.embeddings
    numbers = torch.arange(embeddings.num_positions).expand((1, -1))
    embeddings.register_buffer("position_ids", numbers, persistent=False)
    left = [name for name, tensor in [*model.named_buffers(), *model.named_parameters()] if tensor.is_meta]
    if left:
        raise CheckpointError(f"not filled: {', '.join(left[:3])}")
