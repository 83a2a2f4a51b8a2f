"""Where text is in a picture: a DB-family detector (PP-OCRv6 small) on the CPU; and how maps of such detectors become
boxes, DBNet++'s too (`hoigen.models.nets.dbnet`)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from hoigen.core.settings import Setting, check_fields

if TYPE_CHECKING:
    import numpy as np

STRIDE = 32
"""Height and width of the network's input are multiples of this; of DBNet++'s, too."""
MOST_REGIONS = 3000
"""Of a map of DBNet++; more are not looked at."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """How DBNet++ is shown a picture, and how its map of probability becomes boxes: as mmocr tests the model.

    Source: mmocr's configuration of dbnetpp_resnet50-oclip_fpnc_1200e_icdar2015, and its DBPostprocessor.
    """

    short_side: Annotated[
        int,
        Setting("of what the network sees; pictures are made larger or smaller", least=32, most=4068, unit="pixels"),
    ] = 1024
    threshold: Annotated[float, Setting("above it a pixel is text", above=0, most=1)] = 0.3
    box_score: Annotated[float, Setting("a region whose mean probability is lower is dropped", above=0, most=1)] = 0.3
    unclip: Annotated[
        float,
        Setting("the network draws text shrunk; a region grows by area * unclip / perimeter on each side", least=0),
    ] = 1.5
    min_side: Annotated[
        float,
        Setting("boxes thinner than this once they have grown are dropped, in pixels that the network sees", least=0),
    ] = 5.0
    epsilon: Annotated[float, Setting("an outline may be smoothed by this share of its length", least=0)] = 0.002

    def __post_init__(self) -> None:
        check_fields(self)


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


def words_of(probability: np.ndarray, settings: Words) -> list[TextBox]:
    """Boxes of text as mmocr's DBPostprocessor finds them with `text_repr_type: quad`, best first.

    Outlines of holes count as outlines of text do, and what encloses something once it has grown is dropped: both as
    there. The box of a region that has grown with round corners is that of its hull, so that no polygon is clipped.

    Args:
        probability: (H, W) float32, of (shrunk) text at each pixel.
        settings: how it becomes boxes.
    """
    import cv2
    import numpy as np

    text = (probability > settings.threshold).astype(np.uint8)
    contours, _ = cv2.findContours(text, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    found = []
    for contour in contours[: MOST_REGIONS + 1]:  # one more, as there
        outline = cv2.approxPolyDP(contour, settings.epsilon * cv2.arcLength(contour, True), True)
        if len(outline) < 4:
            continue
        score = _mean_inside(probability, outline[:, 0])
        if score < settings.box_score:
            continue
        grown = cv2.contourArea(outline) * settings.unclip / cv2.arcLength(outline, True)
        if grown <= 0 or _encloses(outline, grown):
            continue
        box = cv2.minAreaRect(_grown(outline[:, 0], grown))
        if min(box[1]) >= settings.min_side:
            found.append(TextBox(tuple((float(x), float(y)) for x, y in cv2.boxPoints(box)), score))
    return sorted(found, key=lambda box: -box.score)


def _grown(outline: np.ndarray, by: float) -> np.ndarray:
    """Points whose hull is that of a polygon that has grown with round corners: (m, 2) float32.

    They lie where Clipper, which DBPostprocessor grows polygons with, puts them: on whole pixels, few where corners are
    flat. Boxes of least area turn with such small things.

    Args:
        outline: (n, 2) int32, a polygon.
        by: how far it grows, in pixels; more than 0.

    Source: Johnson, Clipper 6.4.2, ClipperOffset with jtRound and an arc tolerance of 0.25.
    """
    import numpy as np

    points = [(float(x), float(y)) for x, y in outline]
    edges = list(zip(points, points[1:] + points[:1], strict=True))
    if sum(a * d - b * c for (a, b), (c, d) in edges) < 0:  # it turns the other way
        points.reverse()
        edges = list(zip(points, points[1:] + points[:1], strict=True))
    normals = []
    for (a, b), (c, d) in edges:
        scale = 1 / math.sqrt((c - a) ** 2 + (d - b) ** 2)
        normals.append(((d - b) * scale, -(c - a) * scale))
    whole = min(math.pi / math.acos(1 - min(0.25 / by, 0.25)), by * math.pi)  # steps of a whole turn
    made = []
    (p, q) = normals[-1]
    for (x, y), (r, s) in zip(points, normals, strict=True):
        sine, cosine = p * s - r * q, p * r + s * q
        made.append((x + p * by, y + q * by))
        if abs(sine * by) < 1 and cosine > 0:
            continue  # flat: the next corner is still compared with the edge before this one
        if sine >= 0:
            turned = math.atan2(min(sine, 1.0), cosine)
            for step in range(1, max(math.floor(whole / (2 * math.pi) * turned + 0.5), 1)):
                angle = step * 2 * math.pi / whole
                across, down = p * math.cos(angle) - q * math.sin(angle), p * math.sin(angle) + q * math.cos(angle)
                made.append((x + across * by, y + down * by))
        made.append((x + r * by, y + s * by))
        p, q = r, s
    exact = np.array(made)
    rounded: np.ndarray = np.sign(exact) * np.floor(np.abs(exact) + 0.5)
    return rounded.astype(np.float32)


def _encloses(outline: np.ndarray, grown: float) -> bool:
    """Whether there is something outside of a region that is shut in once the region has grown.

    Args:
        outline: (n, 1, 2) int32, a polygon.
        grown: how far it grows, in pixels.
    """
    import cv2
    import numpy as np

    if cv2.isContourConvex(outline):
        return False
    margin = math.ceil(grown) + 2
    x, y, width, height = cv2.boundingRect(outline)
    free = np.full((height + 2 * margin, width + 2 * margin), 1, np.uint8)
    cv2.fillPoly(free, [outline - (x - margin, y - margin)], 0)
    far = (cv2.distanceTransform(free, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) > grown).astype(np.uint8)
    return bool(cv2.connectedComponents(far, connectivity=8)[0] > 2)  # itself, and what is around it


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
