"""Objects: SSD-MobileNetV2 trained on COCO, run by OpenCV."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

SIZE = 300
GRAPH, TEXT = "ssd_mobilenet_v2_coco", "ssd_mobilenet_v2_coco_graph"
# fmt: off
LABELS = (
    "", "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow",
    "elephant", "bear", "zebra", "giraffe", "", "backpack", "umbrella", "", "", "handbag", "tie", "suitcase",
    "frisbee", "skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard",
    "surfboard", "tennis racket", "bottle", "", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana",
    "apple", "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch",
    "potted plant", "bed", "", "dining table", "", "", "toilet", "", "tv", "laptop", "mouse", "remote", "keyboard",
    "cell phone", "microwave", "oven", "toaster", "sink", "refrigerator", "", "book", "clock", "vase", "scissors",
    "teddy bear", "hair drier", "toothbrush",
)
# fmt: on
"""COCO's 80 names at their numbers in the 91-class label map; unused numbers are empty."""


@dataclass(frozen=True, slots=True)
class Thing:
    """A detection.

    Args:
        label: COCO's name.
        score: 0..1.
        box: (x0, y0, x1, y1) in 0..1 of the picture.
    """

    label: str
    score: float
    box: tuple[float, float, float, float]


class ObjectFinder:
    """Finds COCO objects in a picture.

    Source: TensorFlow Object Detection API, ssd_mobilenet_v2_coco_2018_03_29 (box mAP 22 on COCO).
    """

    def __init__(self, least: float = 0.2) -> None:
        import threading

        import cv2

        from hoigen.models.files import locate

        cv2.setNumThreads(1)
        self.least = least
        graph, text = (str(locate(name).path) for name in (GRAPH, TEXT))
        self.net: Any = cv2.dnn.readNetFromTensorflow(graph, text)
        self.lock = threading.Lock()

    def __call__(self, image: np.ndarray) -> list[Thing]:
        """image: (H, W, 3) uint8 RGB. The whole picture is squeezed into the model's square, as it was trained."""
        import cv2

        blob = cv2.dnn.blobFromImage(image, size=(SIZE, SIZE), swapRB=False)
        with self.lock:
            self.net.setInput(blob)
            found = self.net.forward()[0, 0].copy()
        things = []
        for _, label, score, *box in found:
            name = LABELS[int(label)] if 0 <= int(label) < len(LABELS) else ""
            if score >= self.least and name:
                x0, y0, x1, y1 = (min(1.0, max(0.0, float(value))) for value in box)
                things.append(Thing(name, float(score), (x0, y0, x1, y1)))
        return things
