"""Names and shapes of the weights are those of the published models, as the reference implementations have them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import seeded

torch = pytest.importorskip("torch")


def dino() -> Any:
    from hoigen.models.nets.dino import Dino

    return Dino(768, 12, 16, 14)


def clip_b32() -> Any:
    from hoigen.models.nets.clip import ClipVit

    return ClipVit(768, 12, 32, 50, 512)


def clip_l14() -> Any:
    from hoigen.models.nets.clip import ClipVit

    return ClipVit(1024, 24, 14, 257, 768)


def laion_v2() -> Any:
    from hoigen.models.nets.laion import Head

    return Head([(768, 1024), None, (1024, 128), None, (128, 64), None, (64, 16), (16, 1)])


def musiq() -> Any:
    from hoigen.models.nets.musiq import Musiq

    return Musiq(384, 1152, 14)


def viclip() -> Any:
    from hoigen.models.nets.clip import Text, ViClip, Vision

    return ViClip(Vision(1024, 24, 257, 8, 768), Text(768, 12, 32, 49408, 768))


def amt() -> Any:
    from hoigen.models.nets.amt import Amt

    return Amt()


MODELS: dict[str, tuple[Callable[[], Any], str]] = {
    "dino": (dino, ""),
    "clip_b32": (clip_b32, "visual."),
    "clip_l14": (clip_l14, "visual."),
    "laion_v2": (laion_v2, ""),
    "musiq": (musiq, ""),
    "viclip": (viclip, ""),
    "amt": (amt, ""),
}


@pytest.mark.parametrize("name", MODELS)
def test_layout_is_the_published_one(name: str) -> None:
    make, prefix = MODELS[name]
    with torch.device("meta"):
        own = {prefix + key: list(tensor.shape) for key, tensor in make().state_dict().items()}
    published = {key: shape for key, shape in seeded.layout(name, "full").items() if key.startswith(prefix)}
    assert own == published


@pytest.mark.skipif("HOIGEN_VBENCH_NUMBERS" not in os.environ, reason="VBench was not asked (make parity)")
def test_kept_layouts_are_those_of_vbench() -> None:
    fresh = json.loads(Path(os.environ["HOIGEN_VBENCH_NUMBERS"]).with_name("layouts.json").read_text())
    assert len(fresh) >= len(MODELS)
    assert {(name, size): seeded.layout(name, size) for name in fresh for size in fresh[name]} == {
        (name, size): shapes for name, sizes in fresh.items() for size, shapes in sizes.items()
    }
