"""Faces: MediaPipe's detector for faces up to five metres away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hoigen.models.nets.tflite import Model, anchors, letterbox, regions

if TYPE_CHECKING:
    import numpy as np

    from hoigen.models.nets.tflite import Region

SIZE = 192
LAYERS = ((4, 1),)


class FaceFinder:
    """Finds faces in a picture; of animals and statues, too, where they look like those of people.

    Source: BlazeFace (Bazarevsky et al. 2019), full range, sparse; graph options of MediaPipe's face_detection module:
    one anchor for each 4 pixels of 192, boxes with a score of 0.6 or more.
    """

    def __init__(self, least: float = 0.6) -> None:
        self.least = least
        self.model = Model("face_detection")
        self.centres = anchors(SIZE, LAYERS)

    def __call__(self, image: np.ndarray) -> list[Region]:
        """The faces in an (H, W, 3) uint8 RGB `image`, best first; six keypoints each."""
        square, scale, offset = letterbox(image, SIZE)
        raw, logits = self.model((square / 127.5 - 1).astype("float32"))
        return regions(raw, logits, self.centres, SIZE, self.least, (scale, offset))
