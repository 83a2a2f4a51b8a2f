"""ADA-CM with trained weights: adapted features of a whole frame, read against its memory and its texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from hoigen.core.errors import SetupError
from hoigen.models import tensors
from hoigen.models.tensors import Found as File
from hoigen.observe.adacm import regions, sentences
from hoigen.observe.adacm.detr import Mlp
from hoigen.observe.adacm.visual import AdaptedVit
from hoigen.observe.boxes import Found
from hoigen.observe.geometry import around

PARTS: Mapping[str, tuple[str, ...]] = {
    "cbe": ("score", "box", "object"),
    "cb": ("score", "box"),
    "ce": ("score", "object"),
    "be": ("box", "object"),
    "c": ("score",),
    "b": ("box",),
    "e": ("object",),
}
"""What the adapters may be told of each thing; which of these, the width of their first layer says."""


class _Head(nn.Module):  # type: ignore[misc]
    """What interactions are read with. Weights as the checkpoint names them.

    Logits of a pair are the sum of up to three parts, each times a number that was trained: likeness to remembered
    persons and objects (HO), to remembered pairs (U), and to the sentences of the classes (T).
    """

    def __init__(self, state: Mapping[str, Any]) -> None:
        super().__init__()
        self.parts = [part for part, name in (("HO", "adapter_HO_weight"), ("U", "adapter_U_weight")) if name in state]
        for name, value in state.items():
            if not name.startswith("priors_downproj."):
                self.register_buffer(name, value.float())

    @property
    def classes(self) -> int:
        names = (name for name in ("adapter_union_weight", "label_HO", "label_U") if hasattr(self, name))
        name = next(names)
        return int(getattr(self, name).shape[0 if name == "adapter_union_weight" else 1])

    def forward(self, person: Any, thing: Any, both: Any) -> Any:
        """Features of length 1, (pairs, channels) each -> (pairs, classes) logits."""
        logits = torch.zeros(len(both), self.classes, device=both.device)
        for part in self.parts:
            seen = torch.cat([person, thing], -1) if part == "HO" else both
            alike = seen @ getattr(self, f"adapter_{part}_weight").T + getattr(self, f"adapter_{part}_bias")
            label = getattr(self, f"label_{part}")
            told = (alike @ label) / label.sum(0).clamp(min=1)
            logits = logits + told / (2 if part == "HO" else 1) * getattr(self, f"logit_scale_{part}")
        if hasattr(self, "adapter_union_weight"):
            logits = logits + both @ self.adapter_union_weight.T * self.logit_scale_text
        return logits


class Trained(nn.Module):  # type: ignore[misc]
    """objects: (80, channels) CLIP's features of the classes' sentences, in COCO's order."""

    def __init__(self, visual: AdaptedVit, state: Mapping[str, Any], objects: Any, found: File) -> None:
        super().__init__()
        self.visual, self.head = visual, _Head(state)
        self.register_buffer("objects", objects.float())
        self.narrow, self.told = _narrowing(state, int(visual.proj.shape[1]), found)

    def forward(self, picture: Any, found: Sequence[Found], pairs: Sequence[tuple[int, int]]) -> Any:
        """(pairs, classes) logits of one picture (3, side, side).

        found: the things that count, boxes in 0..1; pairs: numbers of a person and of a thing among them.
        """
        grid = self.visual.grid(picture[None], self._known(found))[0]
        single = regions.means(grid, [each.box for each in found])
        single = single / single.norm(dim=-1, keepdim=True)
        both = regions.means(grid, [around(found[one].box, found[other].box) for one, other in pairs])
        both = both / both.norm(dim=-1, keepdim=True)
        persons, things = (list(each) for each in zip(*pairs, strict=True))
        return self.head(single[persons], single[things], both)

    def _known(self, found: Sequence[Found]) -> Any:
        """(1, things, channels): what the adapters are told."""
        if self.narrow is None:
            return None
        names = {name: at for at, name in enumerate(sentences.coco())}
        told = {
            "score": torch.tensor([[each.score] for each in found]),
            "box": torch.tensor([each.box for each in found]),
            "object": self.objects[[names[each.label] for each in found]].cpu(),
        }
        known = torch.cat([told[part] for part in self.told], -1)
        return self.narrow(known.to(self.objects.device)[None])


def _narrowing(state: Mapping[str, Any], width: int, found: File) -> tuple[Mlp | None, tuple[str, ...]]:
    """The layers that what is known goes through, and what they expect; none where there are no adapters."""
    prefix = "priors_downproj.layers."
    own = {name: value for name, value in state.items() if name.startswith(prefix)}
    if not own:
        return None, ()
    count = tensors.count_of(own, prefix)
    given = int(own[f"{prefix}0.weight"].shape[1])
    wide = {"score": 1, "box": 4, "object": width}
    parts = next((parts for parts in PARTS.values() if sum(wide[part] for part in parts) == given), None)
    if parts is None:
        raise SetupError(f"{found.path}: {prefix}0.weight takes {given} numbers of a thing; it is not known which")
    made = Mlp(given, *(int(own[f"{prefix}{at}.weight"].shape[0]) for at in range(count)))
    made.load_state_dict({name.removeprefix("priors_downproj."): value.float() for name, value in own.items()})
    return made, parts
