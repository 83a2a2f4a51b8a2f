"""ADA-CM's trained checkpoints, as its authors publish them, taken apart into the models that they hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hoigen.core.errors import SetupError
from hoigen.models import tensors
from hoigen.models.tensors import Found

DETR, VISUAL = "detector.", "clip_head.image_encoder."
UNUSED = ("clip_head.prompt_learner.", "clip_head.text_encoder.", "clip_head.logit_scale")
"""Of training, or the same for every picture."""
HEAD = re.compile(
    r"adapter_(HO|U)_(weight|bias)|label_(HO|U)|adapter_union_weight|logit_scale_(HO|U|text)"
    r"|priors_downproj\.layers\.\d+\.(weight|bias)"
)
"""What the interactions are read with."""


def detector_of(found: Found) -> Mapping[str, Any]:
    """A file with DETR alone (`detr-r50-hicodet.pth`), or DETR out of a whole checkpoint."""
    state = tensors.tensors(found, "model_state_dict", "model")
    return _below(state, DETR) or state


def parts_of(found: Found) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Of a trained checkpoint, the tensors of CLIP's vision transformer, and those of what reads the interactions.

    Raises SetupError for one that was trained with what is not read here.
    """
    state = tensors.tensors(found, "model_state_dict", "state_dict")
    head = {name: value for name, value in state.items() if not name.startswith((DETR, VISUAL, *UNUSED))}
    strange = [name for name in head if not HEAD.fullmatch(name)]
    if strange:
        raise SetupError(
            f"{found.path}: {', '.join(strange[:3])}: no part of ADA-CM's published detectors (ResNet-50 with ViT-B "
            "or ViT-L); checkpoints of its other options are not read"
        )
    visual = _below(state, VISUAL)
    if not (_below(state, DETR) and visual and head):
        raise SetupError(f"{found.path} is no checkpoint of ADA-CM: it begins with {', '.join(list(state)[:3])}")
    return visual, head


def _below(state: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
