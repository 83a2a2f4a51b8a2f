"""Dense optical flow on the CPU: DIS."""

from __future__ import annotations

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
        """(H, W, 2) float32: x and y in pixels that each pixel of `first` moved. Both (H, W) uint8 luma."""
        import numpy as np

        with self.lock:
            flow: np.ndarray = self.dis.calc(np.ascontiguousarray(first), np.ascontiguousarray(second), None)
        return flow
