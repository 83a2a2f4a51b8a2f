"""The frame between two by optical flow, without weights: the free way to motion smoothness."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hoigen.models import room

if TYPE_CHECKING:
    import numpy as np


def flow_between(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The frame between: half of what moved forwards in `first` and backwards in `second`, both averaged; (H, W, 3)
    uint8, all three.

    The flow at a place of the frame between is taken to be that at the same place of the frames around it.
    """
    import cv2
    import numpy as np

    from hoigen.models.nets.dis_flow import DisFlow

    flow = room.once(DisFlow, "fast")
    greys = [cv2.cvtColor(each, cv2.COLOR_RGB2GRAY) for each in (first, second)]
    ahead, back = flow(*greys), flow(greys[1], greys[0])
    height, width = greys[0].shape
    across, down = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    halves = []
    for picture, moved in ((first, ahead), (second, back)):
        half = across - moved[..., 0] / 2, down - moved[..., 1] / 2
        halves.append(cv2.remap(picture, *half, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
    made: np.ndarray = cv2.addWeighted(halves[0], 0.5, halves[1], 0.5, 0)
    return made
