"""Mean of a grid of features over boxes, as aligned RoIAlign of 7 x 7 bins and a mean over the bins give it.

RoIAlign's samples lie at even steps in a box, and what a sample takes from the grid is a product of its row's share and
its column's. So the mean over all bins is one weighted sum: the rows' weights times the columns'.

Source: He et al., Mask R-CNN, arXiv 1703.06870; `torchvision.ops.roi_align` with aligned=True and sampling_ratio=-1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from hoigen.observe.detections import Box

BINS = 7


def means(grid: Any, boxes: Sequence[Box]) -> Any:
    """(channels, rows, columns) and boxes in 0..1 -> (boxes, channels)."""
    import numpy as np
    import torch

    _, rows, columns = grid.shape
    down = np.stack([shares(box[1] * rows - 0.5, box[3] * rows - 0.5, rows) for box in boxes])
    along = np.stack([shares(box[0] * columns - 0.5, box[2] * columns - 0.5, columns) for box in boxes])
    weights = [torch.from_numpy(each).to(grid) for each in (down, along)]
    return torch.einsum("nh,nw,chw->nc", *weights, grid)


def shares(low: float, high: float, size: int) -> Any:
    """(size,) float32: how much each cell counts in the mean over low..high, in cells; what lies beyond counts as 0."""
    import numpy as np

    found = np.zeros(size, np.float32)
    count = BINS * math.ceil((high - low) / BINS)
    if count <= 0:
        return found
    at = low + (np.arange(count) + 0.5) * (high - low) / count
    at = np.clip(at[(at >= -1) & (at <= size)], 0, size - 1)
    cell = np.minimum(at.astype(int), size - 1)
    np.add.at(found, cell, 1 - (at - cell))
    np.add.at(found, np.minimum(cell + 1, size - 1), at - cell)
    return found / np.float32(count)
