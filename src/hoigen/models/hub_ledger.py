"""What is known of the models that recipes name: their licences, as their cards said when they were looked up.

A model that is not here is not worse; nothing is known of it, and nothing is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """free: usable by anybody for anything, as open-source licences are. gib: weights on disk, 16 bits each."""

    licence: str
    free: bool
    noncommercial: bool = False
    gib: float = 0.0
    note: str = ""


APACHE, MIT, UNKNOWN = "Apache-2.0", "MIT", "unknown"
LLAMA2, LLAMA31 = "Llama 2 Community", "Llama 3.1 Community"
_NO_LICENCE = (
    "The repository of its code names none; it is fine-tuned from LLaVA v1.6 on Vicuna v1.5, "
    "which is under the Llama 2 Community licence."
)
_LLAMA = "Commercial use is allowed below 700 million monthly users, with Meta's acceptable-use policy."


def _apache(gib: float) -> Known:
    return Known(licence=APACHE, free=True, gib=gib)


def _llama2(gib: float) -> Known:
    return Known(licence=LLAMA2, free=False, gib=gib, note=_LLAMA)


def _qwen_research(gib: float) -> Known:
    return Known(licence="Qwen Research", free=False, noncommercial=True, gib=gib, note="Research only.")


def _clip(gib: float) -> Known:
    return Known(licence=MIT, free=True, gib=gib, note="By github.com/openai/CLIP; the card itself names none.")


LEDGER: Mapping[str, Known] = MappingProxyType(
    {
        "ermu2001/pllava-7b": Known(licence=UNKNOWN, free=False, gib=13.2, note=_NO_LICENCE),
        "ermu2001/pllava-13b": Known(licence=UNKNOWN, free=False, gib=24.9, note=_NO_LICENCE),
        "Qwen/Qwen2-VL-2B-Instruct": _apache(4.1),
        "Qwen/Qwen2-VL-7B-Instruct": _apache(15.4),
        "Qwen/Qwen2.5-VL-3B-Instruct": _qwen_research(7.0),
        "Qwen/Qwen2.5-VL-7B-Instruct": _apache(15.4),
        "Qwen/Qwen3-VL-8B-Instruct": _apache(16.3),
        "Qwen/Qwen2.5-7B-Instruct": _apache(14.2),
        "Qwen/Qwen2.5-3B-Instruct": _qwen_research(5.8),
        "meta-llama/Llama-3.1-8B-Instruct": Known(licence=LLAMA31, free=False, gib=15.0, note=f"Gated. {_LLAMA}"),
        "llava-hf/LLaVA-NeXT-Video-7B-hf": _llama2(13.2),
        "llava-hf/LLaVA-NeXT-Video-34B-hf": _llama2(64.8),
        "liuhaotian/llava-v1.6-mistral-7b": _apache(14.1),
        "llava-hf/llava-v1.6-vicuna-7b-hf": Known(
            licence=UNKNOWN, free=False, gib=13.2, note="Its base, Vicuna v1.5, is under the Llama 2 Community licence."
        ),
        "llava-hf/llava-v1.6-mistral-7b-hf": Known(
            licence=UNKNOWN,
            free=False,
            gib=14.1,
            note="The model that it converts, llava-v1.6-mistral-7b, is Apache-2.0.",
        ),
        "llava-hf/llava-onevision-qwen2-0.5b-si-hf": _apache(1.7),
        "llava-hf/llava-onevision-qwen2-7b-ov-hf": Known(
            licence=UNKNOWN, free=False, gib=15.0, note="The card of its 0.5B sibling says Apache-2.0."
        ),
        "OpenGVLab/InternVL3-8B-hf": Known(
            licence=UNKNOWN,
            free=False,
            gib=14.8,
            note="Pages about InternVL3 name MIT, and Qwen's licence for its base.",
        ),
        "OpenGVLab/InternVL3_5-38B": _apache(71.0),
        "HuggingFaceTB/SmolLM2-135M-Instruct": _apache(0.25),
        "smollm2": _apache(0.1),
        "IDEA-Research/grounding-dino-tiny": _apache(0.3),
        "IDEA-Research/grounding-dino-base": _apache(0.4),
        "facebook/sam2.1-hiera-tiny": _apache(0.1),
        "facebook/sam2.1-hiera-small": _apache(0.1),
        "facebook/sam2.1-hiera-large": _apache(0.4),
        "usyd-community/vitpose-base-simple": _apache(0.2),
        "PekingU/rtdetr_r50vd_coco_o365": _apache(0.1),
        "openai/clip-vit-base-patch32": _clip(0.3),
        "openai/clip-vit-base-patch16": _clip(0.3),
        "openai/clip-vit-large-patch14-336": _clip(0.8),
    }
)
"""Sources, looked up in stored copies of the hub's and others' pages: the cards of LLaVA-NeXT-Video (7B and 34B), LLaVA
v1.6 Mistral, LLaVA-OneVision 0.5B, Qwen3-VL-8B, Llama 3.1 and InternVL3.5-38B; the README of Qwen2-VL; model lists
that name Qwen2.5-7B-Instruct Apache-2.0 and the 3B ones of Qwen2.5 research only; hub pages of SAM 2.1 and of models
made of it; the LICENSE of Grounding DINO's repository; a page on ViTPose+; the card of
RT-DETR R50. Sizes are parameters x 2 bytes."""


def describe(name: str) -> Known | None:
    return LEDGER.get(name)
