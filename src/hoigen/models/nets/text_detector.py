"""Where text is in a picture: a DB-family detector (PP-OCRv6 small) on the CPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from hoigen.core.settings import Setting, check_fields

if TYPE_CHECKING:
    import numpy as np

STRIDE = 32
"""Height and width of the network's input are multiples of this."""


class TextBox(NamedTuple):
    """One stretch of text.

    Args:
        corners: 4 of (x, y) in pixels of the picture, in order around.
        score: 0..1, mean probability of text within.
    """

    corners: tuple[tuple[float, float], ...]
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Binarization:
    """How a map of text probability becomes boxes.

    Source: Liao et al., "Real-Time Scene Text Detection with Differentiable Binarization and Adaptive Scale
    Fusion" (DBNet++, TPAMI 2022), section 3.5: shrunk regions, unclip ratio 1.5; threshold 0.3 and box score 0.6
    as in PaddleOCR's DBPostProcess. max_height is hoigen's own.
    """

    threshold: Annotated[float, Setting("above it a pixel is text", above=0, most=1)] = 0.3
    box_score: Annotated[float, Setting("a box whose mean probability is lower is dropped", above=0, most=1)] = 0.6
    unclip: Annotated[
        float, Setting("the network draws text shrunk; a box grows by area * unclip / perimeter on each side")
    ] = 1.5
    min_side: Annotated[float, Setting("boxes thinner than this many pixels before they grow are dropped")] = 3.0
    max_height: Annotated[
        float,
        Setting(
            "boxes whose shorter side is more than this share of the picture's are dropped: no line of writing is"
            " that tall, but this network takes some blurred or empty pictures as a whole for one giant letter",
            above=0,
            most=1,
        ),
    ] = 0.5

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("unclip", "min_side"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name}: 0 or more; it came as {getattr(self, name)}")


class TextDetector:
    """Loads the network once; each call finds the text of one picture. Deterministic, one thread."""

    def __init__(self, binarization: Binarization | None = None) -> None:
        import threading

        import cv2

        from hoigen.models.files import locate

        cv2.setNumThreads(1)
        self.binarization = binarization or Binarization()
        self.net: Any = cv2.dnn.readNetFromONNX(str(locate("text_detector").path))
        self.lock = threading.Lock()

    def __call__(self, image: np.ndarray) -> list[TextBox]:
        """Boxes of text in an (H, W, 3) uint8 RGB `image`, best first."""
        return boxes_of(self.probability(image), self.binarization)

    def probability(self, image: np.ndarray) -> np.ndarray:
        """(H, W) float32 probability of (shrunk) text at each pixel of an (H, W, 3) uint8 RGB `image`."""
        import cv2

        height, width = image.shape[:2]
        # Filled up at the right and below, not stretched: the aspect ratio stays true. 127.5 is the input's zero.
        bottom, right = -height % STRIDE, -width % STRIDE
        padded = cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=(127, 127, 127))
        # The network was trained on BGR, scaled to -1..1.
        blob = cv2.dnn.blobFromImage(padded, 1 / 127.5, None, (127.5, 127.5, 127.5), swapRB=True)
        with self.lock:
            self.net.setInput(blob)
            found: np.ndarray = self.net.forward()[0, 0, :height, :width]
        return found


def boxes_of(probability: np.ndarray, settings: Binarization) -> list[TextBox]:
    """Boxes of text, best first.

    Args:
        probability: (H, W) float32, of (shrunk) text at each pixel.
        settings: how it becomes boxes.
    """
    import cv2
    import numpy as np

    text = (probability > settings.threshold).astype(np.uint8)
    # Outer contours on both levels: writing inside a ring of other pixels is not lost, holes are not writing.
    contours, tree = cv2.findContours(text, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    tallest = settings.max_height * min(probability.shape)
    found = []
    for number, contour in enumerate(contours):
        if tree[0][number][3] >= 0:
            continue
        centre, (width, height), angle = cv2.minAreaRect(contour)
        if min(width, height) < settings.min_side:
            continue
        score = _mean_inside(probability, cv2.boxPoints((centre, (width, height), angle)))
        if score < settings.box_score:
            continue
        grown = 2 * width * height * settings.unclip / (2 * (width + height))
        if min(width, height) + grown > tallest:
            continue
        corners = cv2.boxPoints((centre, (width + grown, height + grown), angle))
        found.append(TextBox(tuple((float(x), float(y)) for x, y in corners), score))
    return sorted(found, key=lambda box: -box.score)


def _mean_inside(probability: np.ndarray, corners: np.ndarray) -> float:
    """Mean of the map within a quadrilateral; only its bounding box is touched."""
    import cv2
    import numpy as np

    height, width = probability.shape
    left, top = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, (width - 1, height - 1))
    right, bottom = np.clip(np.ceil(corners.max(axis=0)).astype(int), 0, (width - 1, height - 1))
    mask = np.zeros((bottom - top + 1, right - left + 1), np.uint8)
    cv2.fillPoly(mask, [np.round(corners - (left, top)).astype(np.int32)], 1)
    return float(cv2.mean(probability[top : bottom + 1, left : right + 1], mask)[0])
