"""BEHAVE: people and twenty things, before four Kinects."""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from hoigen.core.clip import Seconds
from hoigen.core.errors import UsageError
from hoigen.dataset.published.source import Published, Recording

OBJECTS = {
    "basketball": "sports ball",
    "yogaball": "sports ball",
    "boxlarge": "box",
    "boxlong": "box",
    "boxmedium": "box",
    "boxsmall": "box",
    "boxtiny": "box",
    "chairblack": "chair",
    "chairwood": "chair",
    "plasticcontainer": "plastic container",
    "tablesmall": "table",
    "tablesquare": "table",
    "trashbin": "trash bin",
    "yogamat": "yoga mat",
} | {name: name for name in ("backpack", "keyboard", "monitor", "stool", "suitcase", "toolbox")}
"""BEHAVE's twenty names (data/const.py, OBJ_NAMES) -> words."""
NAME = re.compile(r"(Date\d+)_(Sub\d+)_([a-z]+)(?:_(\w+))?")
"""A sequence: date, subject, thing, and what is done with it, where the name says it."""
VIDEO = re.compile(rf"(?P<name>{NAME.pattern})\.(?P<camera>[0-3])\.color\.mp4")
FOLDER = re.compile(r"t(\d+\.\d+)")
"""The frames of a moment, by its second."""
PICTURE = re.compile(r"k([0-3])\.color\.(?:jpg|png)")


def recordings(folders: Sequence[Path], fps: float | None) -> Iterator[Recording]:
    """Each camera of each sequence: the video where there is one, else its frames at the seconds that their folders
    say.

    Args:
        folders: looked through with all that is below them.
        fps: of the frames; by default what their seconds say.
    """
    videos: dict[tuple[str, str], Path] = {}
    pictures: dict[tuple[str, str], dict[Seconds, Path]] = {}
    empty: set[str] = set()
    for folder in folders:
        for root, below, names in os.walk(folder):
            below.sort()
            here = Path(root)
            if NAME.fullmatch(here.name) and here.name not in empty:
                empty.add(here.name)
            if NAME.fullmatch(here.parent.name) and (moment := FOLDER.fullmatch(here.name)):
                for name in names:
                    if seen := PICTURE.fullmatch(name):
                        of_camera = pictures.setdefault((here.parent.name, seen[1]), {})
                        of_camera.setdefault(float(moment[1]), here / name)  # once, where folders lie in one another
            for name in names:
                if video := VIDEO.fullmatch(name):
                    videos.setdefault((video["name"], video["camera"]), here / name)
    for name, camera in sorted({*videos, *pictures}):
        empty.discard(name)
        frames = [(path, second) for second, path in sorted(pictures.get((name, camera), {}).items())]
        yield Recording(
            id=f"{name}.{camera}",
            video=videos.get((name, camera)),
            frames=frames,
            fps=fps or _rate([second for _, second in frames]),
            meta=_meta(name) | {"camera": int(camera)},
        )
    yield from (Recording(id=name, why="its folder has no frame of a camera") for name in sorted(empty))


def _rate(seconds: Sequence[Seconds]) -> float:
    """Frames per second by the gap between most of them; 1 of a single one."""
    gaps = sorted(later - sooner for sooner, later in itertools.pairwise(seconds) if later > sooner)
    return 1 / gaps[len(gaps) // 2] if gaps else 1.0


def _meta(name: str) -> dict[str, object]:
    found = NAME.fullmatch(name)
    assert found is not None
    _, subject, thing, action = found.groups()
    said = {"object": OBJECTS.get(thing, thing), "subject": subject, "sequence": name}
    return said | ({"action": action.replace("_", " ")} if action else {})


def expected(path: Path) -> list[str]:
    """The sequences of the official split, `split.json`: an object with the lists `train` and `test`.

    Args:
        path: of the file.

    Raises UsageError for another file.
    """
    try:
        split = json.loads(path.read_text(encoding="utf-8"))
        names = [str(name) for part in ("train", "test") for name in split[part]]
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"--index {path}: BEHAVE's split.json, an object with the lists train and test; "
            f"{type(error).__name__}: {error}"
        ) from None
    return names


SOURCE = Published(
    name="BEHAVE",
    place=1,
    what="full-body interactions with twenty things, four Kinects; 321 sequences in its split",
    where="https://virtualhumans.mpi-inf.mpg.de/behave/",
    how=(
        "read and accept the licence on its page, which then has the addresses of the archives; take the raw videos "
        "(color videos, 30 frames a second), since the frames with annotations are one a second. A list of those "
        "addresses (columns url and, where there is one, sha256) can be fetched with --index and --fetch; unpack them"
    ),
    index=(
        "every NAME.K.color.mp4, else every sequence folder with t*.000/kK.color.jpg as a video of its frames; thing "
        "and action stand in NAME (Date03_Sub03_chairwood_sit). --index split.json names what is missing"
    ),
    layout=(
        "xiexh20/behave-dataset at 85664832b43008d70a9bc5f5ba3bb2aa173bc077: README.md (Dataset Structure), "
        "data/const.py, data/video_reader.py, tools/video2images.py; actions in names: huochf/StackFLOW at "
        "59b3a51f04a0d746505f192697e85b3ed45ce585, stackflow/datasets/behave_metadata.py. Not tried on its files"
    ),
    recordings=recordings,
    frames=True,
    expected=expected,
)
