"""What the .tflite detectors share: an interpreter on one thread, letterboxing, SSD anchors, boxes to keypoints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


class Model:
    """One .tflite file on one thread, one call at a time. Calls take one image and give all outputs, in the file's
    order. `input_quantization` and `output_quantization` are (scale, zero) of an 8-bit model, value = (step - zero) *
    scale; (0, 0) for a float one.

    Args:
        weight: id of the file's card.
    """

    def __init__(self, weight: str) -> None:
        import threading

        from ai_edge_litert.interpreter import Interpreter

        from hoigen.models.files import locate

        self._interpreter: Any = Interpreter(str(locate(weight).path), num_threads=1)
        self._interpreter.allocate_tensors()
        self._lock = threading.Lock()
        entry, ends = self._interpreter.get_input_details()[0], self._interpreter.get_output_details()
        self._input = entry["index"]
        self._outputs = [end["index"] for end in ends]
        self.input_quantization: tuple[float, int] = entry["quantization"]
        self.output_quantization: tuple[float, int] = ends[0]["quantization"]

    def __call__(self, image: np.ndarray) -> list[np.ndarray]:
        """image: (H, W, 3) in the model's own type and range; outputs without the batch axis."""
        with self._lock:
            self._interpreter.set_tensor(self._input, image[None])
            self._interpreter.invoke()
            return [self._interpreter.get_tensor(index)[0] for index in self._outputs]


@dataclass(frozen=True, slots=True)
class Region:
    """A detection.

    Args:
        score: 0..1.
        box: (x0, y0, x1, y1) in 0..1 of the picture.
        points: keypoints, (K, 2), x and y in 0..1 of the picture.
    """

    score: float
    box: tuple[float, float, float, float]
    points: np.ndarray


def anchors(size: int, layers: tuple[tuple[int, int], ...]) -> np.ndarray:
    """Centres of the anchors, (N, 2) float32, x and y in 0..1.

    Args:
        size: side of the model's input, in pixels.
        layers: a grid each: pixels from cell to cell, and anchors per cell.

    Source: MediaPipe's SsdAnchorsCalculator with `fixed_anchor_size`, where an anchor is its centre alone.
    """
    import numpy as np

    grids = []
    for stride, per_cell in layers:
        steps = (np.arange(size // stride) + 0.5) / (size // stride)
        x, y = np.meshgrid(steps, steps)
        grids.append(np.repeat(np.stack([x, y], -1).reshape(-1, 2), per_cell, axis=0))
    return np.concatenate(grids).astype(np.float32)


def letterbox(image: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A picture in a square, whole, with black at two sides.

    Args:
        image: (H, W, 3) uint8.
        size: side of the square, in pixels.

    Returns the square, and scale and offset, (2,) each: a place in 0..1 of the square times scale, less offset, is in
    0..1 of the picture.
    """
    import cv2
    import numpy as np

    height, width = image.shape[:2]
    scale = size / max(height, width)
    new = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = (size - new[0]) // 2, (size - new[1]) // 2
    square = np.zeros((size, size, 3), np.uint8)
    square[top : top + new[1], left : left + new[0]] = cv2.resize(image, new, interpolation=cv2.INTER_AREA)
    return square, np.array([size / new[0], size / new[1]]), np.array([left / new[0], top / new[1]])


def regions(
    raw: np.ndarray,
    logits: np.ndarray,
    centres: np.ndarray,
    size: int,
    least: float,
    back: tuple[np.ndarray, np.ndarray],
) -> list[Region]:
    """Detections of a MediaPipe SSD head, best first, without overlapping ones.

    Args:
        raw: (N, 4 + 2 K), boxes (centre, width, height) and keypoints relative to the anchors, in pixels of the input.
        logits: (N, 1), of the scores.
        centres: of the anchors, (N, 2) in 0..1.
        size: side of the model's input, in pixels.
        least: detections with a lower score are left out.
        back: scale and offset of `letterbox`.
    """
    import numpy as np

    scores = 1 / (1 + np.exp(-np.clip(logits[:, 0], -80, 80)))
    found: list[Region] = []
    for at in np.argsort(-scores, kind="stable")[:64]:
        if scores[at] < least:
            break
        centre = raw[at, :2] / size + centres[at]
        half = raw[at, 2:4] / size / 2
        corners = np.stack([centre - half, centre + half]) * back[0] - back[1]
        points = (raw[at, 4:].reshape(-1, 2) / size + centres[at]) * back[0] - back[1]
        x0, y0, x1, y1 = (float(value) for value in corners.reshape(-1))
        region = Region(float(scores[at]), (x0, y0, x1, y1), points)
        if all(overlap(region.box, other.box) < 0.3 for other in found):
            found.append(region)
    return found


def overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    """Intersection over union of two boxes `a` and `b`, (x0, y0, x1, y1) each, 0..1."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def crop(image: np.ndarray, centre: np.ndarray, side: float, angle: float, size: int) -> tuple[np.ndarray, np.ndarray]:
    """A turned square of the picture.

    Args:
        image: (H, W, 3) uint8.
        centre: x and y in pixels.
        side: of the square in the picture, in pixels.
        angle: radians, clockwise.
        size: side of the result, in pixels.

    Returns the square, (size, size, 3), and the affine (2, 3) from its pixels back to the picture's.
    """
    import cv2
    import numpy as np

    cos, sin = np.cos(angle) * side / size, np.sin(angle) * side / size
    turn = np.array([[cos, -sin], [sin, cos]])
    shift = np.asarray(centre) - turn @ np.array([size / 2, size / 2])
    back = np.concatenate([turn, shift[:, None]], axis=1)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, back, (size, size), flags=flags), back
