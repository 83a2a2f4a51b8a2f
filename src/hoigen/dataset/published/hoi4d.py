"""HOI4D: what hands do with things of sixteen kinds, seen by who does it."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hoigen.core.clip import Seconds
from hoigen.core.errors import shown
from hoigen.dataset.published.source import Published, Recording, Stretch, ids_of

TASKS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "C1": ("toy car", ("pick and place", "push toy car", "put it in the drawer", "take it out of the drawer")),
    "C2": (
        "mug",
        (
            "pick and place",
            "put it in the drawer",
            "take it out of the drawer",
            "fill with water by a kettle",
            "pour water into another mug",
            "pick and place (with water)",
        ),
    ),
    "C3": ("laptop", ("pick and place", "open and close the display")),
    "C4": (
        "storage furniture",
        (
            "open and close the drawer",
            "open and close the door",
            "put the drink in the door",
            "put the drink in the drawer",
        ),
    ),
    "C5": (
        "bottle",
        (
            "pick and place",
            "pour all the water into a mug",
            "put it in the drawer",
            "take it out of the drawer",
            "reposition the bottle",
            "pick and place (with water)",
        ),
    ),
    "C6": ("safe", ("open and close the door", "put something in it", "take something out of it")),
    "C7": (
        "bowl",
        (
            "pick and place",
            "put it in the drawer",
            "take it out of the drawer",
            "take the ball out of the bowl",
            "put the ball in the bowl",
            "pick and place (with ball)",
        ),
    ),
    "C8": ("bucket", ("pick and place", "pour water into another bucket")),
    "C9": ("scissors", ("pick and place", "cut something")),
    "C11": ("pliers", ("pick and place", "take it out of the drawer", "put it in the drawer", "clamp something")),
    "C12": ("kettle", ("pick and place", "pour water into a mug")),
    "C13": ("knife", ("pick and place", "take it out of the drawer", "put it in the drawer", "cut apple")),
    "C14": ("trash can", ("open and close", "throw something in it")),
    "C17": ("lamp", ("pick and place", "turn and fold", "turn on and turn off")),
    "C18": ("stapler", ("pick and place", "bind the paper")),
    "C20": (
        "chair",
        (
            "pick and place to the original position",
            "pick and place to the original position",
            "pick and place to a new position",
            "pick and place to a new position",
        ),
    ),
}
"""Kind -> its word, and its tasks T1, T2, ... (definitions/task/task_definitions.csv)."""
PLACE = re.compile(r"ZY\d+/H\d+/(?P<kind>C\d+)/N\d+/S\d+/s\d+/T(?P<task>\d+)")
PICTURE = re.compile(r"\d+\.jpg")
FPS = 15.0
"""Of the frames that utils/decode.py writes."""
IDLE = frozenset({"rest", "reachout", "stop", "lookaround", "go"})
"""Events in which nothing is handled."""


def recordings(folders: Sequence[Path], fps: float | None) -> Iterator[Recording]:
    """Each sequence: `align_rgb/image.mp4`, else the frames beside it; one clip for each event of `action/color.json`.

    Annotations lie below the sequence, or below the same seven folders elsewhere in `folders`.

    Args:
        folders: looked through with all that is below them.
        fps: of frames; 15 by default.
    """
    rate = fps or FPS
    colours: dict[str, Path] = {}
    actions: dict[str, Path] = {}
    for folder in folders:
        for root, below, _ in os.walk(folder):
            below.sort()
            here = Path(root)
            name = "/".join(here.parts[-8:-1])
            if here.name in ("align_rgb", "action") and PLACE.fullmatch(name):
                (colours if here.name == "align_rgb" else actions).setdefault(name, here)
                below.clear()
    for name in sorted({*colours, *actions}):
        place = PLACE.fullmatch(name)
        assert place is not None
        thing, tasks = TASKS.get(place["kind"], (place["kind"], ()))
        task = int(place["task"])
        told = {"task": tasks[task - 1]} if 0 < task <= len(tasks) else {}
        meta: dict[str, Any] = {"object": thing, "sequence": name} | told
        if (colour := colours.get(name)) is None:
            yield Recording(id=name, why="has annotations and no align_rgb")
            continue
        video: Path | None = colour / "image.mp4"
        pictures: list[Path] = []
        if video is not None and not video.is_file():
            video = None
            pictures = sorted(each for each in colour.iterdir() if PICTURE.fullmatch(each.name))
        if video is None and not pictures:
            yield Recording(id=name, why="align_rgb has neither image.mp4 nor frames")
            continue
        span, stretches, why = _events(actions.get(name))
        if not stretches:
            meta |= {"action": told["task"]} if told else {}
        yield Recording(
            id=name,
            video=video,
            frames=[(each, at / rate) for at, each in enumerate(pictures)],
            fps=rate,
            stretches=stretches,
            span=span,
            meta=meta,
            why=why,
        )


def _events(folder: Path | None) -> tuple[Seconds | None, list[Stretch], str]:
    """How long the video is by the annotation, what is handled when (as it stands there, be it no stretch), and
    why that cannot be read."""
    if folder is None or not (path := folder / "color.json").is_file():
        return None, [], ""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        info = said.get("info") or {}
        span = info.get("duration") or info.get("Duration") or said.get("duration")
        if "events" in said:
            marks = [(each["event"], each["startTime"], each["endTime"]) for each in said["events"]]
        else:
            marks = [(each["event"], each["hdTimeStart"], each["hdTimeEnd"]) for each in said["markResult"]["marks"]]
        found = [
            Stretch(float(start), float(end), str(event).strip())
            for event, start, end in marks
            if str(event).strip().lower() not in IDLE
        ]
        if span and not 0 < float(span) < math.inf:
            raise ValueError(f"the duration is {shown(span)}")
        return (float(span) if span else None), found, ""
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return None, [], f"its action/color.json cannot be read: {type(error).__name__}: {error}"


SOURCE = Published(
    name="HOI4D",
    place=3,
    what="egocentric sequences of 20 s with things of 16 kinds; 2,971 in its release.txt",
    where="https://hoi4d.github.io/",
    how=(
        "its page leads to the archives (HOI4D_release: color videos; HOI4D_annotations); what one has to accept for "
        "them was not opened. Archives at plain addresses can be fetched with --index and --fetch; unpack them"
    ),
    index=(
        "every ZY*/H*/C*/N*/S*/s*/T*/align_rgb/image.mp4 (else its frames, 15 a second), one clip for each event of "
        "action/color.json but rest, Reachout, Stop, Lookaround and go; thing and task are known by C and T. "
        "--index release.txt names what is missing"
    ),
    layout=(
        "leolyliu/HOI4D-Instructions at 15478666c44af86740d537e89b72cd47efeb44f8: README.md (Data Organization), "
        "definitions/task/task_definitions.csv, utils/decode.py, release.txt. The fields of color.json (events, or "
        "markResult.marks) and that some run on a clock of 10 s are as others' loaders have them, UNVERIFIED. Not "
        "tried on its files"
    ),
    recordings=recordings,
    frames=True,
    expected=ids_of,
)
