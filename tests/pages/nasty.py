"""Names that try to break a page, pictures without footage, and a file of the licence ledger."""

from __future__ import annotations

import numpy as np

from hoigen.models.uses import LedgerEntry
from hoigen.pages.facts import Box, Picture
from hoigen.pages.thumbs import encode

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


def model_file(name: str, measure: str) -> LedgerEntry:
    """A file that the measure uses, of a free licence."""
    return LedgerEntry(
        id=name,
        used_by=(measure,),
        file="f",
        source="s",
        revision="1",
        sha256="1b" * 32,
        licence="Apache-2.0",
        use="anyone",
        origin="Google",
    )
