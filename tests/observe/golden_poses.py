"""What transformers' own processor makes of heat maps and pictures for ViTPose: tests/observe/data/vitpose.npz.

Needs scipy, which hoigen does not: pip install --target /tmp/scipy --no-deps scipy;
PYTHONPATH=/tmp/scipy .venv/bin/python tests/observe/golden_poses.py
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

FILE = Path(__file__).parent / "data" / "vitpose.npz"
BOXES = ((20.0, 10.0, 70.0, 95.0), (5.5, 30.25, 110.0, 60.0), (-10.0, 40.0, 40.0, 130.0))
"""Upright, lying, and partly beyond the picture; corners in pixels."""
SIZE = (48, 64)
"""(width, height) of what the model looks at; its heat maps are a quarter of that and finer here, as published."""


def picture() -> np.ndarray:
    """(100, 120, 3): smooth, so that a rounded pixel more or less is no difference."""
    y, x = np.mgrid[0:100, 0:120].astype(float)
    waves = [127 + 100 * np.sin(x / a + y / b) for a, b in ((9, 17), (14, -11), (-20, 8))]
    return np.stack(waves, axis=-1).round().astype(np.uint8)


def heat_maps() -> np.ndarray:
    """(3, 17, 48, 36) float32: bells of several widths and heights, a second lower one, some at the edges."""
    chance = np.random.RandomState(0)
    y, x = np.mgrid[0:48, 0:36].astype(float)
    maps = np.zeros((3, 17, 48, 36))
    for person in range(3):
        for point in range(17):
            for height in (chance.uniform(0.3, 1.0), 0.2):
                at, wide = chance.uniform(0, (35, 47)), chance.uniform(1.5, 3.0)
                maps[person, point] += height * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * wide**2))
    return maps.astype(np.float32)


def main() -> None:
    import torch
    from transformers.models.vitpose.image_processing_pil_vitpose import VitPoseImageProcessorPil

    own = VitPoseImageProcessorPil(size={"width": SIZE[0], "height": SIZE[1]})
    boxes: Any = [[[x0, y0, x1 - x0, y1 - y0] for x0, y0, x1, y1 in BOXES]]
    pixels = own(picture(), boxes=boxes, return_tensors="np", do_normalize=False, do_rescale=False)["pixel_values"]
    outputs: Any = SimpleNamespace(heatmaps=torch.from_numpy(heat_maps()))
    [people] = own.post_process_pose_estimation(outputs, boxes=boxes)
    points = np.stack([np.column_stack([each["keypoints"], each["scores"]]) for each in people])
    FILE.parent.mkdir(exist_ok=True)
    np.savez_compressed(FILE, pixels=pixels.astype(np.uint8), points=points)


if __name__ == "__main__":
    main()
