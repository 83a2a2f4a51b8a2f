"""Hands: MediaPipe's palm detector, each palm confirmed by its hand landmark model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hoigen.models.nets.tflite import Model, Region, anchors, crop, letterbox, overlap, regions

if TYPE_CHECKING:
    import numpy as np

PALM_SIZE, HAND_SIZE = 192, 224
LAYERS = ((8, 2), (16, 6))
WRIST, MIDDLE = 0, 2
"""Keypoints of a palm: the wrist, and where the middle finger begins."""
SMALLEST = 16
"""Pixels: a smaller piece of a picture is not looked into."""
ONE = 0.3
"""Intersection over union from which two palms, or two hands, are one."""


@dataclass(frozen=True, slots=True)
class Hand:
    """A hand.

    Args:
        score: 0..1, whether it is a hand, by the landmark model.
        palm: 0..1, whether it is a palm, by the detector.
        right: 0..1, 1 for a right hand, 0 for a left one.
        points: (21, 2) landmarks, x and y in 0..1 of the picture.
    """

    score: float
    palm: float
    right: float
    points: np.ndarray

    @property
    def box(self) -> tuple[float, float, float, float]:
        """The box around all landmarks."""
        x0, y0 = self.points.min(axis=0)
        x1, y1 = self.points.max(axis=0)
        return float(x0), float(y0), float(x1), float(y1)


class HandFinder:
    """Finds hands in a picture.

    Source: MediaPipe Hands (Zhang et al. 2020); graph options of mediapipe 0.10.21: palm boxes with score >= 0.5, a
    region of interest of 2.6 palm sizes, moved by half a palm towards the fingers, upright.
    """

    def __init__(self, least_palm: float = 0.5, least_hand: float = 0.5) -> None:
        self.least_palm, self.least_hand = least_palm, least_hand
        self.palm, self.hand = Model("palm_detection"), Model("hand_landmark")
        self.centres = anchors(PALM_SIZE, LAYERS)

    def __call__(self, image: np.ndarray, pieces: Sequence[tuple[float, float, float, float]] = ()) -> list[Hand]:
        """The hands of a picture, each once.

        Args:
            image: (H, W, 3) uint8 RGB.
            pieces: boxes in pixels that are looked into as well, each as large as the whole picture would be: where
                hands are that are small in the picture.
        """
        found = [*self.palms(image), *(palm for piece in pieces for palm in self._within(image, piece))]
        palms: list[Region] = []
        hands: list[Hand] = []
        for palm in sorted(found, key=lambda palm: -palm.score):
            if any(overlap(palm.box, other.box) >= ONE for other in palms):
                continue  # a surer one is there
            palms.append(palm)
            hand = self.confirm(image, palm)
            if hand is not None and all(overlap(hand.box, other.box) < ONE for other in hands):
                hands.append(hand)
        return hands

    def _within(self, image: np.ndarray, piece: tuple[float, float, float, float]) -> list[Region]:
        """The palms of a piece, in 0..1 of the whole picture."""
        import numpy as np

        height, width = image.shape[:2]
        x0, y0 = max(0, int(piece[0])), max(0, int(piece[1]))
        x1, y1 = min(width, int(piece[2])), min(height, int(piece[3]))
        if min(x1 - x0, y1 - y0) < SMALLEST:
            return []
        scale, shift = np.array([(x1 - x0) / width, (y1 - y0) / height]), np.array([x0 / width, y0 / height])
        moved = []
        for palm in self.palms(image[y0:y1, x0:x1]):
            corners = (np.array(palm.box).reshape(2, 2) * scale + shift).reshape(-1)
            box = float(corners[0]), float(corners[1]), float(corners[2]), float(corners[3])
            moved.append(Region(palm.score, box, palm.points * scale + shift))
        return moved

    def palms(self, image: np.ndarray) -> list[Region]:
        """The palms in an (H, W, 3) uint8 RGB `image`, best first; boxes of the palm alone."""
        square, scale, offset = letterbox(image, PALM_SIZE)
        raw, logits = self.palm((square / 255).astype("float32"))
        return regions(raw, logits, self.centres, PALM_SIZE, self.least_palm, (scale, offset))[:4]

    def confirm(self, image: np.ndarray, palm: Region) -> Hand | None:
        """The hand of a `palm` in an (H, W, 3) uint8 RGB `image`; None when the landmark model sees none there."""
        import numpy as np

        size = np.array([image.shape[1], image.shape[0]], float)
        up = (palm.points[MIDDLE] - palm.points[WRIST]) * size
        angle = float(np.arctan2(up[0], -up[1]))
        box = np.array(palm.box).reshape(2, 2) * size
        side = float((box[1] - box[0]).max())
        centre = box.mean(axis=0) + 0.5 * side * np.array([np.sin(angle), -np.cos(angle)])
        square, back = crop(image, centre, 2.6 * side, angle, HAND_SIZE)
        landmarks, score, right, _ = self.hand((square / 255).astype("float32"))
        if float(score[0]) < self.least_hand:
            return None
        points = landmarks.reshape(21, 3)[:, :2] @ back[:, :2].T + back[:, 2]
        return Hand(float(score[0]), palm.score, float(right[0]), points / size)
