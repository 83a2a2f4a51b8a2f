"""Dense optical flow on the CPU (DIS), and which part of a flow is the camera's."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

PRESETS = ("ultrafast", "fast", "medium")


class DisFlow:
    """Where each pixel of one picture went in the next. Deterministic, one thread, no weights.

    Source: Kroeger et al., "Fast Optical Flow using Dense Inverse Search" (ECCV 2016), as in OpenCV.
    """

    def __init__(self, preset: str = "fast") -> None:
        import threading

        import cv2

        if preset not in PRESETS:
            raise ValueError(f"preset is one of {', '.join(PRESETS)}; it came as {preset!r}")
        cv2.setNumThreads(1)
        self.lock = threading.Lock()
        self.dis: Any = cv2.DISOpticalFlow.create(getattr(cv2, f"DISOPTICAL_FLOW_PRESET_{preset.upper()}"))

    def __call__(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """How each pixel of one picture moved, (H, W, 2) float32: x and y in pixels.

        Args:
            first: (H, W) uint8 luma.
            second: the next picture, alike.
        """
        import numpy as np

        with self.lock:
            flow: np.ndarray = self.dis.calc(np.ascontiguousarray(first), np.ascontiguousarray(second), None)
        return flow


ENOUGH = 500
"""Cells to fit the camera's move to; more make it slower and no better."""

WORTH = 0.8
"""A flow is believed where it leaves less than this share of the difference between two pictures."""

CELL = 8
"""Flow is judged on cells of this many pixels: finer than what moves, coarser than the flow's own errors."""


@dataclass(frozen=True, slots=True)
class CameraMove:
    """A similarity about the picture's middle.

    Args:
        dx, dy: pixels to the right and down.
        scale: above 1 the picture grows.
        degrees: clockwise.
    """

    dx: float = 0.0
    dy: float = 0.0
    scale: float = 1.0
    degrees: float = 0.0

    def flow(self, points: np.ndarray) -> np.ndarray:
        """points: (N, 2), x and y in pixels from the picture's middle. Returns how each moves, (N, 2) pixels."""
        import numpy as np

        turn = math.radians(self.degrees)
        a, b = self.scale * math.cos(turn), self.scale * math.sin(turn)
        x, y = points[:, 0], points[:, 1]
        return np.stack([(a - 1) * x - b * y + self.dx, b * x + (a - 1) * y + self.dy], axis=1)


@dataclass(frozen=True, slots=True)
class _Split:
    """A flow taken apart into the camera's part and the rest; lengths in pixels.

    Args:
        motion: mean length of the flow over the picture.
        peak: length that only a fiftieth of the picture exceeds.
        camera: mean length of the camera's part.
        subject: mean length of what is left without it.
        move: the camera's move.
        own: (N,) each cell's movement relative to the background.
    """

    motion: float
    peak: float
    camera: float
    subject: float
    move: CameraMove
    own: np.ndarray


def split_flow(
    flow: np.ndarray, first: np.ndarray, second: np.ndarray, *, margin: float = 0.2, tolerance: float = 0.5
) -> _Split:
    """Takes the flow between two pictures apart into the camera's part and the rest.

    The camera's move is the similarity (shift, zoom, turn) that most of the picture's border agrees on, found by
    RANSAC; people and hands fill the middle more often than the border. Where the picture is flat no flow can be seen,
    and what a flow method fills in there is a guess; where a flow makes the pictures hardly more alike than stillness
    does, it follows noise. Such cells are taken to move with the camera.

    Args:
        flow: (H, W, 2) float32, x and y in pixels.
        first, second: (H, W) uint8, the pictures that it is between.
        margin: width of the border, as a share of each side.
        tolerance: pixels by which a cell may differ from a move that it agrees on; more where the flow is long.
    """
    import cv2
    import numpy as np

    rows, columns = flow.shape[0] // CELL, flow.shape[1] // CELL
    size = (columns, rows)
    cells = cv2.resize(flow, size, interpolation=cv2.INTER_AREA).reshape(-1, 2)
    x, y = np.meshgrid((np.arange(columns) + 0.5) / columns - 0.5, (np.arange(rows) + 0.5) / rows - 0.5)
    points = np.stack([x.ravel() * flow.shape[1], y.ravel() * flow.shape[0]], axis=1)
    # Blurred a little: noise is contrast, too, but nothing to follow, and in-between pixels would look less noisy.
    first, second = (cv2.GaussianBlur(picture, (0, 0), 1.0) for picture in (first, second))
    seen = cv2.resize(texture(first), size, interpolation=cv2.INTER_AREA).ravel() > 0.5
    pays = _pays(flow, first, second, size)
    cells[seen & ~pays] = 0
    border = (np.maximum(np.abs(x), np.abs(y)) > 0.5 - margin).ravel()

    move = _agreed(points, cells, seen & border, seen, tolerance)
    background = move.flow(points)
    cells = np.where((seen & pays)[:, None], cells, background)
    own = np.linalg.norm(cells - background, axis=1)
    lengths = np.linalg.norm(cells, axis=1)
    return _Split(
        motion=float(lengths.mean()),
        peak=float(np.quantile(lengths, 0.98)),
        camera=float(np.linalg.norm(background, axis=1).mean()),
        subject=float(own.mean()),
        move=move,
        own=own,
    )


def _pays(flow: np.ndarray, first: np.ndarray, second: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(N,) bool: cells in which the flow takes away a good part of the difference between the pictures."""
    import cv2
    import numpy as np

    x, y = np.meshgrid(np.arange(flow.shape[1], dtype=np.float32), np.arange(flow.shape[0], dtype=np.float32))
    back = cv2.remap(second, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    left = [cv2.resize(cv2.absdiff(first, other), size, interpolation=cv2.INTER_AREA) for other in (back, second)]
    moved, still = (cv2.blur(difference.astype(np.float32), (3, 3)).ravel() for difference in left)
    pays: np.ndarray = moved < WORTH * still
    return pays


def texture(picture: np.ndarray, *, reach: int = 17, contrast: float = 2.0) -> np.ndarray:
    """(H, W) float32, 1 where there is something to follow, else 0.

    Args:
        picture: (H, W) uint8 luma.
        reach: pixels within which it is looked for.
        contrast: the least standard deviation of the luma there, in levels of 255.
    """
    import cv2
    import numpy as np

    wide = (reach, reach)
    mean = cv2.boxFilter(picture, cv2.CV_32F, wide)
    square = cv2.sqrBoxFilter(picture, cv2.CV_32F, wide)
    textured: np.ndarray = (square - mean * mean > contrast * contrast).astype(np.float32)
    return textured


def _agreed(
    points: np.ndarray, cells: np.ndarray, border: np.ndarray, seen: np.ndarray, tolerance: float
) -> CameraMove:
    """The move that most border cells agree on; of all cells with texture when the border is flat."""
    import cv2
    import numpy as np

    for chosen in (border, seen):
        if chosen.sum() >= max(16, 0.05 * len(chosen)):
            some = np.flatnonzero(chosen)[:: max(1, int(chosen.sum()) // ENOUGH)]
            typical = float(np.median(np.linalg.norm(cells[some], axis=1)))
            break
    else:
        return CameraMove()
    source = points[some].astype(np.float32)
    matrix, _ = cv2.estimateAffinePartial2D(
        source,
        source + cells[some].astype(np.float32),
        method=cv2.RANSAC,
        ransacReprojThreshold=tolerance + 0.05 * typical,
        maxIters=500,
        confidence=0.999,
    )
    if matrix is None:
        return CameraMove()
    a, b = float(matrix[0, 0]), float(matrix[1, 0])
    return CameraMove(float(matrix[0, 2]), float(matrix[1, 2]), math.hypot(a, b), math.degrees(math.atan2(b, a)))
