"""Bodies: MediaPipe's pose detector, and the landmarks of each body that it finds or that was there a frame before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hoigen.models.nets.tflite import Model, anchors, crop, letterbox, regions

if TYPE_CHECKING:
    import numpy as np

DETECTOR_SIZE, LANDMARK_SIZE = 224, 256
LAYERS = ((8, 2), (16, 2), (32, 6))
HIPS, RIM = 0, 1
"""Keypoints of a detection: the middle of the hips, and a point on the circle around the whole body, upwards."""
NUMBERS = 5
"""Of a landmark: x, y, z in pixels of the crop, visibility and presence before their sigmoid."""
LANDMARKS, AUXILIARY = 33, (33, 34)
WIDER = 1.25

# fmt: off
NAMES = (
    "nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye", "right_eye_outer",
    "left_ear", "right_ear", "mouth_left", "mouth_right", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_pinky", "right_pinky", "left_index", "right_index",
    "left_thumb", "right_thumb", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
    "left_heel", "right_heel", "left_foot_index", "right_foot_index",
)
# fmt: on
"""BlazePose's 33 landmarks, in their order; left is the person's own."""


@dataclass(frozen=True, slots=True)
class Circle:
    """Where to look for a body: a circle around it, x and y in pixels.

    Args:
        centre: between the hips.
        rim: a point of the circle straight above the head.
    """

    centre: tuple[float, float]
    rim: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Body:
    """A body.

    Args:
        score: 0..1, whether there is one.
        points: (33, 2) landmarks, x and y in 0..1 of the picture, which may lie outside of it.
        seen: (33,) 0..1, whether each is in view.
        around: where to look for it in the next frame.
    """

    score: float
    points: np.ndarray
    seen: np.ndarray
    around: Circle


class PoseFinder:
    """Finds bodies in a picture.

    Source: BlazePose GHUM (Bazarevsky et al. 2020), full; graph options of MediaPipe's pose_landmark module: square
    around the hips that holds the whole body with a margin of a quarter, turned upright; a pose from a score of 0.5.
    Left out: its refinement from heat maps and its smoothing over time, which would hide changes that are to be seen.
    """

    def __init__(self, least_found: float = 0.5, least_pose: float = 0.5, most: int = 4) -> None:
        self.least_found, self.least_pose, self.most = least_found, least_pose, most
        self.detector, self.landmarks = Model("pose_detection"), Model("pose_landmark")
        self.centres = anchors(DETECTOR_SIZE, LAYERS)

    def __call__(self, image: np.ndarray, near: Sequence[Circle] = ()) -> list[Body]:
        """The bodies in a picture; one that is found twice is given once.

        Args:
            image: (H, W, 3) uint8 RGB.
            near: further places, looked at first: those of the frame before, or around persons.
        """
        bodies: list[Body] = []
        for circle in [*near, *self.circles(image)]:
            if len(bodies) >= self.most:
                break
            if any(_same(circle, body.around) for body in bodies):
                continue
            body = self.confirm(image, circle)
            if body is not None and not any(_same(body.around, other.around) for other in bodies):
                bodies.append(body)
        return bodies

    def circles(self, image: np.ndarray) -> list[Circle]:
        """Where the detector sees bodies in an (H, W, 3) uint8 RGB `image`, best first."""
        import numpy as np

        square, scale, offset = letterbox(image, DETECTOR_SIZE)
        raw, logits = self.detector((square / 127.5 - 1).astype("float32"))
        size = np.array([image.shape[1], image.shape[0]], float)
        found = regions(raw, logits, self.centres, DETECTOR_SIZE, self.least_found, (scale, offset))
        ends = [(region.points[HIPS] * size, region.points[RIM] * size) for region in found[: self.most]]
        return [Circle((float(a[0]), float(a[1])), (float(b[0]), float(b[1]))) for a, b in ends]

    def confirm(self, image: np.ndarray, circle: Circle) -> Body | None:
        """The body within a `circle` of an (H, W, 3) uint8 RGB `image`; None when the model sees none there."""
        import numpy as np

        up = np.array(circle.rim) - np.array(circle.centre)
        radius = float(np.hypot(*up))
        if radius < 4:
            return None
        angle = float(np.arctan2(up[0], -up[1]))
        square, back = crop(image, np.array(circle.centre), 2 * WIDER * radius, angle, LANDMARK_SIZE)
        raw, score, *_ = self.landmarks((square / 255).astype("float32"))
        if float(score[0]) < self.least_pose:
            return None
        table = raw.reshape(-1, NUMBERS)
        points = table[:, :2] @ back[:, :2].T + back[:, 2]
        # 0 where a landmark is hidden or outside of the crop
        seen = 1 / (1 + np.exp(-np.clip(table[:LANDMARKS, 3:5], -60, 60).min(axis=1)))
        centre, rim = points[AUXILIARY[0]], points[AUXILIARY[1]]
        size = np.array([image.shape[1], image.shape[0]], float)
        around = Circle((float(centre[0]), float(centre[1])), (float(rim[0]), float(rim[1])))
        return Body(float(score[0]), points[:LANDMARKS] / size, seen, around)


def around_box(box: tuple[float, float, float, float], width: int, height: int) -> Circle:
    """Where to look for a body whose box is known from elsewhere: upright, whole.

    Args:
        box: (x0, y0, x1, y1) in 0..1 of the picture.
        width, height: of the picture, in pixels.
    """
    x, y = (box[0] + box[2]) / 2 * width, (box[1] + box[3]) / 2 * height
    radius = max((box[2] - box[0]) * width, (box[3] - box[1]) * height) / 2
    return Circle((x, y), (x, y - radius))


def _same(one: Circle, other: Circle) -> bool:
    """Whether two circles are around one body: alike in size, and their middles close."""
    import math

    a, b = math.dist(one.centre, one.rim), math.dist(other.centre, other.rim)
    return math.dist(one.centre, other.centre) < 0.4 * min(a, b) and max(a, b) < 2 * min(a, b)
