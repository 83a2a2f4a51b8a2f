"""The pixels of boxes by SAM 2, and without a model by GrabCut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hoigen.models import room, uses
from hoigen.observe.detections import Box
from hoigen.observe.masks import Mask, cropped, ellipse, from_box

if TYPE_CHECKING:
    import numpy as np

GRABCUT = "grabcut"


class GrabCut:
    """Masks without a model."""

    name = GRABCUT

    def load(self) -> None:
        """Nothing to load."""

    def __call__(self, images: Sequence[np.ndarray], boxes: Sequence[Sequence[Box]]) -> list[list[Mask]]:
        return [[from_box(image, box) for box in mine] for image, mine in zip(images, boxes, strict=True)]


@dataclass(frozen=True, slots=True)
class Segmenter:
    """SAM 2 or 2.1, asked for one mask a box; a box that it finds nothing in becomes its ellipse.

    Pictures become squares of the size that the checkpoint was trained with, and so do the boxes; masks come back in
    the picture's own pixels. The pictures of a batch are encoded together.
    Source: Ravi et al., "SAM 2: Segment Anything in Images and Videos", 2024.
    """

    name: str
    device: str
    dtype: str
    batch: int = 8

    @property
    def network(self) -> uses.Network:
        return room.network_of(self, "hoigen.observe.networks:masks", self.batch)

    @property
    def loaded(self) -> room.Handle:
        return room.handle(self.network)

    def load(self) -> None:
        _ = self.loaded.facts

    def __call__(self, images: Sequence[np.ndarray], boxes: Sequence[Sequence[Box]]) -> list[list[Mask]]:
        """A mask for each box of each picture. images: (H, W, 3) uint8 RGB; boxes: in their pixels."""
        import numpy as np

        found: list[list[Mask]] = [[] for _ in images]
        asked = [at for at, mine in enumerate(boxes) if mine]
        if not asked:
            return found
        items = [(images[at], np.array(boxes[at], np.float32)) for at in asked]
        source = self.loaded.facts["found"].name
        for at, inside in zip(asked, self.loaded(items, method="inside"), strict=True):
            pairs = zip(inside.numpy(), boxes[at], strict=True)
            found[at] = [cropped(mask, source) or ellipse(box) for mask, box in pairs]
        return found
