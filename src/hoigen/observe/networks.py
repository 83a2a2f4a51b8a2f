"""Networks of the hub that observers ask: of each, arrays go in and arrays come out.

Imported where one is loaded: in the process that owns the models, or in this one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from hoigen.core.errors import SetupError
from hoigen.models import hub
from hoigen.models import load as loading
from hoigen.observe.boxes import GROUNDED
from hoigen.observe.poses import COUNTS

CLOSED = {
    "rt_detr": "RTDetrForObjectDetection",
    "rt_detr_v2": "RTDetrV2ForObjectDetection",
    "d_fine": "DFineForObjectDetection",
    "detr": "DetrForObjectDetection",
}
"""Have classes of their own."""
MASKS = {"sam2": "Sam2Model", "sam2_video": "Sam2Model"}
"""The published checkpoints of SAM 2 are filed under the video model, whose picture part is taken."""
CARRIED = {"sam2_video": "Sam2VideoModel"}
CONCEPTS = {"sam3_video": "Sam3VideoModel"}
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
"""Mean and deviation that SAM 3 was trained with, where no file of it says others."""
POINTS = {"vitpose": "VitPoseForPoseEstimation"}
WHOLE_BODY, BODY = 5, 0
"""The parts of ViTPose++ that were trained on COCO-WholeBody and on COCO."""
WORDS = {"clip": "CLIPModel", "siglip": "SiglipModel", "siglip2": "Siglip2Model"}


class _Boxes(nn.Module):  # type: ignore[misc]
    """Queries for things."""

    def __init__(self, model: Any, found: hub.Found) -> None:
        super().__init__()
        self.model = model
        kind = loading.model_type(found)
        classes = None if kind in GROUNDED else tuple(str(name) for _, name in sorted(model.config.id2label.items()))
        longest = int(getattr(model.config, "max_text_len", 256))
        self.facts = {"found": found, "kind": kind, "classes": classes, "longest": longest}

    def forward(self, **given: Any) -> tuple[Any, Any]:
        """Logits (N, queries, classes or tokens), boxes (N, queries, 4): middles and sizes, 0..1."""
        said = self.model(**given)
        return said.logits, said.pred_boxes


def boxes(found: hub.Found) -> _Boxes:
    return _Boxes(loading.of_kind(found, {**GROUNDED, **CLOSED}, "boxes"), found)


class _Masks(nn.Module):  # type: ignore[misc]
    """SAM 2: pictures become squares of the size that it was trained with, and so do boxes."""

    def __init__(self, model: Any, found: hub.Found) -> None:
        super().__init__()
        self.model = model
        given = model.config.prompt_encoder_config.image_size
        self.side = int(given if isinstance(given, int) else given[0])
        self.mean, self.std = (torch.tensor(value).view(3, 1, 1) for value in loading.mean_and_std(found))
        self.facts = {"found": found}

    def pixels(self, images: Sequence[Any]) -> Any:
        """(N, 3, side, side): stretched to a square, normalised. images: (H, W, 3) uint8 of any sizes."""
        squares = [
            torch.nn.functional.interpolate(
                image.permute(2, 0, 1)[None].float(),
                (self.side, self.side),
                mode="bilinear",
                align_corners=False,
                antialias=True,
            )
            for image in map(torch.as_tensor, images)
        ]
        whole = torch.cat(squares)
        rounded = whole.round().clamp(0, 255) / 255  # as a picture of whole numbers, which it was trained with
        return (rounded - self.mean.to(rounded.device)) / self.std.to(rounded.device)

    def inside(self, asked: list[tuple[Any, Any]]) -> list[Any]:
        """For each picture (H, W, 3) with its boxes (K, 4) in its pixels, which pixels are within: (K, H, W) bool.

        The pictures are encoded together.
        """
        encoded = self.model.get_image_embeddings(self.pixels([image for image, _ in asked]))
        found = []
        for number, (image, mine) in enumerate(asked):
            own = [level[number : number + 1] for level in encoded]
            height, width = image.shape[:2]
            scale = torch.tensor([self.side / width, self.side / height] * 2, device=mine.device)
            said = self.model(image_embeddings=own, input_boxes=mine[None] * scale, multimask_output=False)
            logits = torch.nn.functional.interpolate(
                said.pred_masks[0].float(), (height, width), mode="bilinear", align_corners=False
            )
            found.append(logits[:, 0] > 0)
        return found


def masks(found: hub.Found) -> _Masks:
    return _Masks(loading.of_kind(found, MASKS, "masks"), found)


def carried(found: hub.Found) -> _Masks:
    """SAM 2 with its memory of a video."""
    return _Masks(loading.of_kind(found, CARRIED, "masks to propagate"), found)


class _Concepts(_Masks):
    """SAM 3 with its memory of a video: asked by words."""

    def __init__(self, model: Any, found: hub.Found) -> None:
        nn.Module.__init__(self)
        self.model = model
        given = model.config.image_size
        self.side = int(given if isinstance(given, int) else given[0])
        self.mean, self.std = (torch.tensor(value).view(3, 1, 1) for value in loading.mean_and_std(found, HALF))
        self.facts = {"found": found}


def concepts(found: hub.Found) -> _Concepts:
    """SAM 3 for video."""
    return _Concepts(loading.of_kind(found, CONCEPTS, "model"), found)


class _Points(nn.Module):  # type: ignore[misc]
    """ViTPose: heat maps of a person's points."""

    def __init__(self, model: Any, found: hub.Found) -> None:
        super().__init__()
        self.model = model
        config = model.config
        if config.num_labels not in COUNTS:
            raise SetupError(
                f"points: {found.name} gives {config.num_labels} points; {COUNTS} are known (COCO, WholeBody)"
            )
        self.experts = getattr(config.backbone_config, "num_experts", 1) > 1
        self.part = WHOLE_BODY if config.num_labels == COUNTS[-1] else BODY
        height, width = config.backbone_config.image_size
        mean, std = loading.mean_and_std(found)
        self.facts = {"found": found, "size": (int(width), int(height)), "mean": tuple(mean), "std": tuple(std)}

    def forward(self, pixels: Any) -> Any:
        """(N, 3, height, width), normalised -> (N, points, h, w), heights 0..1."""
        given = {"dataset_index": torch.full((len(pixels),), self.part, device=pixels.device)} if self.experts else {}
        return self.model(pixels, **given).heatmaps


def points(found: hub.Found) -> _Points:
    return _Points(loading.of_kind(found, POINTS, "points"), found)


class _Words(nn.Module):  # type: ignore[misc]
    """A model that compares pictures with sentences."""

    def __init__(self, model: Any, found: hub.Found) -> None:
        super().__init__()
        self.model = model
        bias = getattr(model, "logit_bias", None)
        self.facts = {
            "found": found,
            "kind": loading.model_type(found),
            "scale": float(model.logit_scale.detach().exp()),
            "bias": 0.0 if bias is None else float(bias.detach()),
        }

    def pictures(self, **given: Any) -> Any:
        """(N, channels), not of length 1."""
        return features(self.model.get_image_features(**given))

    def texts(self, **given: Any) -> Any:
        """(N, channels), not of length 1."""
        return features(self.model.get_text_features(**given))


def words(found: hub.Found) -> _Words:
    return _Words(loading.of_kind(found, WORDS, "verbs"), found)


def features(said: Any) -> Any:
    """Newer versions of transformers hand them over within a larger answer."""
    return getattr(said, "pooler_output", said)
