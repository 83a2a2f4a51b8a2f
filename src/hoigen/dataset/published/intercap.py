"""InterCap: ten people and ten things, before six Kinects."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from hoigen.dataset.published.source import Published, Recording, ids_of

OBJECTS = {
    "01": "suitcase",
    "02": "skateboard",
    "03": "sports ball",
    "04": "umbrella",
    "05": "tennis racket",
    "06": "suitcase",
    "07": "chair",
    "08": "bottle",
    "09": "cup",
    "10": "chair",
}
"""Number of the thing -> the word."""
PLACE = re.compile(r"(?P<subject>\d\d)/(?P<thing>\d\d)/Seg_(?P<part>\w+)/Frames_Cam(?P<camera>\d)/color")
PICTURE = re.compile(r"\d+\.(?:jpg|png)")
FPS = 30.0
"""Not verified; `fps` says another."""


def recordings(folders: Sequence[Path], fps: float | None) -> Iterator[Recording]:
    """Each camera of each segment, as a video of its frames.

    Args:
        folders: looked through with all that is below them.
        fps: of the frames; 30 by default.
    """
    rate = fps or FPS
    seen: set[str] = set()
    for folder in folders:
        for root, below, names in os.walk(folder):
            below.sort()
            here = Path(root)
            place = PLACE.fullmatch("/".join(here.parts[-5:]))
            if place is None:
                continue
            name = "_".join(place[key] for key in ("subject", "thing", "part", "camera"))
            if name in seen:
                continue
            seen.add(name)
            pictures = sorted((each for each in names if PICTURE.fullmatch(each)), key=lambda each: int(each[:-4]))
            yield Recording(
                id=name,
                frames=[(here / each, at / rate) for at, each in enumerate(pictures)],
                fps=rate,
                meta={
                    "object": OBJECTS.get(place["thing"], place["thing"]),
                    "subject": place["subject"],
                    "sequence": name.rpartition("_")[0],
                    "camera": int(place["camera"]),
                },
                why="" if pictures else "its folder has no frame",
            )


SOURCE = Published(
    name="InterCap",
    place=2,
    what="whole-body interactions with ten things, six Kinects; 223 RGB-D videos (its page)",
    where="https://intercap.is.tue.mpg.de/",
    how="register on its page, read and accept the licence, sign in, and download RGBD_Images.zip; unpack it",
    index=(
        "every RGBD_Images/SUBJECT/THING/Seg_N/Frames_CamC/color is a video of its frames; the thing is known by its "
        "number, the action is not known. --index FILE, one SUBJECT_THING_N a line, names what is missing"
    ),
    layout=(
        "UNVERIFIED by its makers (YinghaoHuang91/InterCap at cff39c6924b3a8e930dc924d9cf0de6209f3456f has a README "
        "alone, and the download page needs an account): as others read it, huochf/StackFLOW at "
        "59b3a51f04a0d746505f192697e85b3ed45ce585, docs/DATA_PRE.md and stackflow/datasets/intercap_metadata.py. "
        "30 frames a second is an assumption (--fps says another)"
    ),
    recordings=recordings,
    frames=True,
    expected=ids_of,
)
