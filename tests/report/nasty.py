"""Names that try to break a page, and pictures without footage."""

from __future__ import annotations

import numpy as np

from hoigen.report.facts import Box, Picture
from hoigen.report.thumbs import encode

NASTY = (
    "/data/<script>alert(1)</script>.mp4",
    "/data/\"quoted\" and 'single' & ampersand.mp4",
    "/data/日本語 😀 café.mp4",
    "/data/" + "deep/" * 40 + "x" * 200 + ".mp4",
    "/data/<img src=http://example.com/x onerror=alert(1)>.mp4",
    "/data/right\N{RIGHT-TO-LEFT OVERRIDE}4pm.exe",
    "/data/control\x00\x07\udcff.mp4",
    "/data/</style></script><!--.mp4",
)


def picture(shade: int, time: float, boxes: tuple[Box, ...] = ()) -> Picture:
    """A small frame of one colour with a bar."""
    image = np.full((90, 160, 3), shade, np.uint8)
    image[:, 40:60] = (200, 120, 40)
    return Picture(source=encode(image), time=time, boxes=boxes)
