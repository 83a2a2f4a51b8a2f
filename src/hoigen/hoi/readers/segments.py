"""The pixels of boxes by SAM 2, and without a model by GrabCut."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hoigen.hoi.detections import Box
from hoigen.hoi.masks import Mask, ellipse, from_box
from hoigen.models import pretrained as shelf

if TYPE_CHECKING:
    import numpy as np

KINDS = {"sam2": "Sam2Model", "sam2_video": "Sam2Model"}
"""The published checkpoints of SAM 2 are filed under the video model, whose picture part is taken."""
GRABCUT = "grabcut"


class GrabCut:
    """Masks without a model."""

    name = GRABCUT

    def load(self) -> None:
        """Nothing to load."""

    def __call__(self, images: Sequence[np.ndarray], boxes: Sequence[Sequence[Box]]) -> list[list[Mask]]:
        return [[from_box(image, box) for box in mine] for image, mine in zip(images, boxes, strict=True)]


class Segmenter:
    """SAM 2 or 2.1, asked for one mask a box; a box that it finds nothing in becomes its ellipse.

    Pictures become squares of the size that the checkpoint was trained with, and so do the boxes; masks come back in
    the picture's own pixels. The pictures of a batch are encoded together.
    Source: Ravi et al., "SAM 2: Segment Anything in Images and Videos", 2024.
    """

    def __init__(self, name: str, device: str, dtype: str) -> None:
        self.name, self.device, self.dtype = name, device, dtype

    @functools.cached_property
    def loaded(self) -> shelf.Loaded:
        return shelf.load(self.name, self.device, self.dtype, KINDS, "masks")

    def load(self) -> None:
        _ = self.loaded

    @property
    def side(self) -> int:
        """Of the square that the model looks at, pixels."""
        given = self.loaded.model.config.prompt_encoder_config.image_size
        return int(given if isinstance(given, int) else given[0])

    def __call__(self, images: Sequence[np.ndarray], boxes: Sequence[Sequence[Box]]) -> list[list[Mask]]:
        """A mask for each box of each picture. images: (H, W, 3) uint8 RGB of one size; boxes: in their pixels."""
        found: list[list[Mask]] = [[] for _ in images]
        asked = [at for at, mine in enumerate(boxes) if mine]
        if not asked:
            return found
        model = self.loaded.model
        encoded = self.loaded.run(model.get_image_embeddings, self.pixels([images[at] for at in asked]))
        for number, at in enumerate(asked):
            own = [level[number : number + 1] for level in encoded]
            found[at] = self._masks(own, boxes[at], images[at].shape[:2])
        return found

    def pixels(self, images: Sequence[np.ndarray]) -> Any:
        """(N, 3, side, side): stretched to a square, normalised."""
        import numpy as np
        import torch

        mean, std = (torch.tensor(value).view(3, 1, 1) for value in shelf.mean_and_std(self.loaded.found))
        whole = torch.from_numpy(np.stack(images)).to(self.loaded.device).permute(0, 3, 1, 2).float()
        square = torch.nn.functional.interpolate(
            whole, (self.side, self.side), mode="bilinear", align_corners=False, antialias=True
        )
        rounded = square.round().clamp(0, 255) / 255  # as a picture of whole numbers, which it was trained with
        return (rounded - mean.to(rounded.device)) / std.to(rounded.device)

    def _masks(self, encoded: Any, boxes: Sequence[Box], size: tuple[int, int]) -> list[Mask]:
        import torch

        height, width = size
        scale = torch.tensor([self.side / width, self.side / height] * 2)
        said = self.loaded(image_embeddings=encoded, input_boxes=torch.tensor([boxes]) * scale, multimask_output=False)
        logits = torch.nn.functional.interpolate(said.pred_masks[0].float(), size, mode="bilinear", align_corners=False)
        inside = (logits[:, 0] > 0).cpu().numpy()
        source = self.loaded.found.name
        return [cropped(mask, source) or ellipse(box) for mask, box in zip(inside, boxes, strict=True)]


def cropped(whole: np.ndarray, source: str) -> Mask | None:
    """A mask of the whole picture, (H, W) bool, as the piece that is not empty; None for one without a pixel."""
    import numpy as np

    rows, columns = np.flatnonzero(whole.any(axis=1)), np.flatnonzero(whole.any(axis=0))
    if not len(rows):
        return None
    top, left = int(rows[0]), int(columns[0])
    return Mask(pixels=whole[top : rows[-1] + 1, left : columns[-1] + 1].copy(), left=left, top=top, source=source)
