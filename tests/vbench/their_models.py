"""The models that VBench asks, tiny and in their published sizes; for `reference.py`, in VBench's environment."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

import seeded
import torch


def dino(**size: int) -> Any:
    import vision_transformer

    norm = partial(torch.nn.LayerNorm, eps=1e-6)
    return vision_transformer.VisionTransformer(patch_size=16, mlp_ratio=4, qkv_bias=True, norm_layer=norm, **size)


class PortedDino(torch.nn.Module):
    """DINO as transformers has it, which scales the position embedding in the same way; tiny unless told otherwise."""

    def __init__(
        self,
        state: dict[str, Any],
        hidden_size: int = 128,
        num_hidden_layers: int = 2,
        num_attention_heads: int = 2,
    ) -> None:
        from transformers import ViTConfig, ViTModel
        from transformers.models.vit.convert_dino_to_pytorch import create_rename_keys, read_in_q_k_v, rename_key

        super().__init__()
        config = ViTConfig(
            hidden_size=hidden_size,
            num_hidden_layers=num_hidden_layers,
            num_attention_heads=num_attention_heads,
            intermediate_size=4 * hidden_size,
            layer_norm_eps=1e-6,
        )
        for old, new in create_rename_keys(config, base_model=True):
            rename_key(state, old, new)
        read_in_q_k_v(state, config, base_model=True)
        self.vit = ViTModel(config, add_pooling_layer=False).eval()
        self.vit.load_state_dict(state, strict=True)

    def forward(self, frames: Any) -> Any:
        return self.vit(frames, interpolate_pos_encoding=True).last_hidden_state[:, 0]


def clip(*size: int) -> Any:
    from clip.model import CLIP

    return CLIP(*size)


def musiq(**size: int) -> Any:
    from pyiqa.archs.musiq_arch import MUSIQ

    return MUSIQ(pretrained=False, **size)


def viclip(full: bool) -> Any:
    from vbench.third_party.ViCLIP import viclip as theirs
    from vbench.third_party.ViCLIP.viclip_text import CLIP_TEXT
    from vbench.third_party.ViCLIP.viclip_vision import VisionTransformer

    class Small(theirs.ViCLIP):
        def build_vision_encoder(self) -> Any:
            return VisionTransformer(224, 14, 128, 2, 2, output_dim=48, num_frames=8).eval()

        def build_text_encoder(self) -> Any:
            return CLIP_TEXT(48, 32, 49408, 64, 1, 2, 0).eval()

    return (theirs.ViCLIP if full else Small)(pretrain=None)


def laion_v2(width: int) -> Any:
    """Layers under the numbers that they have in the published file; dropout left numbers free."""
    sizes = {"0": (width, 1024), "2": (1024, 128), "4": (128, 64), "6": (64, 16), "7": (16, 1)}
    layers = torch.nn.Sequential()
    for number, size in sizes.items():
        layers.add_module(number, torch.nn.Linear(*size))
    return torch.nn.ModuleDict({"layers": layers})


def amt() -> Any:
    return importlib.import_module("vbench.third_party.amt.networks.AMT-S").Model(3, 4, 3)


MODELS: dict[str, dict[str, Callable[[], Any]]] = {
    "dino": {
        "tiny": lambda: dino(embed_dim=128, depth=2, num_heads=2),
        "full": lambda: dino(embed_dim=768, depth=12, num_heads=12),
    },
    "clip_b32": {
        "tiny": lambda: clip(64, 224, 2, 128, 32, 77, 50, 64, 1, 1),
        "full": lambda: clip(512, 224, 12, 768, 32, 77, 49408, 512, 8, 12),
    },
    "clip_l14": {
        "tiny": lambda: clip(96, 224, 1, 64, 14, 77, 49408, 64, 1, 1),
        "full": lambda: clip(768, 224, 24, 1024, 14, 77, 49408, 768, 12, 12),
    },
    "laion": {"tiny": lambda: torch.nn.Linear(96, 1), "full": lambda: torch.nn.Linear(768, 1)},
    "laion_v2": {"tiny": lambda: laion_v2(96), "full": lambda: laion_v2(768)},
    "musiq": {"tiny": lambda: musiq(hidden_size=48, mlp_dim=96, num_layers=2), "full": musiq},
    "viclip": {"tiny": lambda: viclip(False), "full": lambda: viclip(True)},
    "amt": {"tiny": amt, "full": amt},
}


def filled(name: str) -> Any:
    model = MODELS[name]["tiny"]()
    shapes = {key: tuple(tensor.shape) for key, tensor in model.state_dict().items()}
    state = {
        key: torch.from_numpy(array) for key, array in seeded.arrays(shapes, gain=seeded.GAINS.get(name, 1.0)).items()
    }
    model.load_state_dict(state, strict=True)
    return model.float().eval()
