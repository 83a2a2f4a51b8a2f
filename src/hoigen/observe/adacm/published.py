"""ADA-CM's trained checkpoints, as its authors publish them, taken apart into the models that they hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Parts:
    """Tensors by name: of DETR, of CLIP's vision transformer, and of what reads the interactions."""

    detr: Mapping[str, Any]
    visual: Mapping[str, Any]
    head: Mapping[str, Any]


def detector_of(found: Found) -> Mapping[str, Any]:
    """A file with DETR alone (`detr-r50-hicodet.pth`), or DETR out of a whole checkpoint."""
    state = tensors.tensors(found, "model_state_dict", "model")
    return _below(state, DETR) or state


def parts_of(found: Found) -> Parts:
    """A trained checkpoint. Raises SetupError for one that was trained with what is not read here."""
    state = tensors.tensors(found, "model_state_dict", "state_dict")
    head = {name: value for name, value in state.items() if not name.startswith((DETR, VISUAL, *UNUSED))}
    strange = [name for name in head if not HEAD.fullmatch(name)]
    if strange:
        raise SetupError(
            f"{found.path}: {', '.join(strange[:3])}: no part of ADA-CM's published detectors (ResNet-50 with ViT-B "
            "or ViT-L); checkpoints of its other options are not read"
        )
    parts = Parts(_below(state, DETR), _below(state, VISUAL), head)
    if not (parts.detr and parts.visual and parts.head):
        raise SetupError(f"{found.path} is no checkpoint of ADA-CM: it begins with {', '.join(list(state)[:3])}")
    return parts


def _below(state: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
