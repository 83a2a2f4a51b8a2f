"""Small pictures of the clips that a report shows, decoded in supervised workers.

A clip that cannot be decoded costs one empty tile with the reason, never the report.
"""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from hoigen.core.clip import Clip, Frames, Sampling, Seconds
from hoigen.pages.facts import Box, Picture
from hoigen.work.stage import Item, Stage

if TYPE_CHECKING:
    import numpy as np

    from hoigen.data.columns import Row
    from hoigen.work.task import Emit, Failure, Handler

SHORT_SIDE = 160
LONG_SIDE = 320
LIMIT = 11_000
"""Bytes of one picture, so that a page of a few hundred stays under 8 MB."""


class Evidence(NamedTuple):
    """Boxes that a measure found on one frame, and the sampling in which that frame was seen."""

    time: Seconds
    boxes: tuple[Box, ...]
    sampling: Sampling


class Wanted(NamedTuple):
    """One clip to take pictures of."""

    clip: Clip
    evidence: Evidence | None = None
    frames: int = 3


class Taken(NamedTuple):
    """What came of it: pictures in order of time, or why there are none."""

    pictures: tuple[Picture, ...] = ()
    missing: str = ""


def take(wanted: Iterable[Wanted], *, workers: int = 2, deadline: Seconds = 30) -> dict[str, Taken]:
    """Frames spread evenly over each clip, by clip id; the middle one is that of the evidence when there is some."""
    from hoigen.work.task import Limits

    album = Album({want.clip.id: want for want in wanted}, deadline)
    if album.wanted:
        workers = min(workers, len(album.wanted))
        album.go(Limits(workers=workers, deadline=deadline, memory_mb=2048, tries=1))
    return album.taken


class Album(Stage):
    """Clips -> pictures of them, in memory."""

    name = "pictures"

    def __init__(self, wanted: Mapping[str, Wanted], deadline: Seconds = 30) -> None:
        super().__init__()
        self.wanted, self.deadline = wanted, deadline
        self.taken: dict[str, Taken] = {}

    def setup(self) -> Callable[[], Handler]:
        return setup

    def plan(self, shard: int) -> Iterator[Item | str]:
        return (Item(key, want) for key, want in self.wanted.items())

    def answer(self, item: Item, part: Taken) -> Iterable[Row]:
        self.taken[item.key] = part
        return ()

    def lost(self, item: Item, failure: Failure) -> Iterable[Row]:
        # the handler says no progress, so that the deadline is one for all pictures of a clip
        late = f"its pictures took longer than {self.deadline:g} s"
        self.taken[item.key] = Taken(missing=late if failure.kind == "deadline" else failure.reason)
        return ()

    def ended(self, item: Item) -> str:
        self.taken.setdefault(item.key, Taken(missing="no frames"))
        return "done"


def setup() -> Callable[[Any, Emit], None]:
    """Runs once in each worker."""
    import cv2

    cv2.setNumThreads(1)
    return photograph


def photograph(want: Wanted, emit: Emit) -> None:
    """Decodes one clip once and hands its pictures on."""
    from hoigen import video
    from hoigen.core.errors import VideoError

    emit.doing("pictures")
    spread = Sampling(frames=want.frames, short_side=SHORT_SIDE)
    samplings = {spread} | ({_plain(want.evidence.sampling)} if want.evidence else set())
    try:
        frames = video.decode(want.clip, samplings)
    except VideoError as error:
        emit(Taken(missing=str(error)))
        return
    emit(Taken(pictures=_pictures(want, frames[spread], frames)))


def _plain(sampling: Sampling) -> Sampling:
    """The same moments, small and in colour."""
    return dataclasses.replace(sampling, short_side=SHORT_SIDE, gray=False, pairs=False)


def _pictures(want: Wanted, spread: Frames, frames: dict[Sampling, Frames]) -> tuple[Picture, ...]:
    chosen: list[tuple[float, np.ndarray, tuple[Box, ...]]] = [
        (float(time), image, ()) for time, image in zip(spread.times, spread.images, strict=True)
    ]
    if want.evidence is not None:
        seen = frames[_plain(want.evidence.sampling)]
        index = int(abs(seen.times - want.evidence.time).argmin())
        middle = len(chosen) // 2
        chosen[middle : middle + 1] = [(float(seen.times[index]), seen.images[index], want.evidence.boxes)]
    chosen.sort(key=lambda one: one[0])
    return tuple(Picture(source=encode(image), time=time, boxes=boxes) for time, image, boxes in chosen)


def encode(image: np.ndarray) -> str:
    """A picture as a WebP data URI of LIMIT bytes at most, unless even the lowest quality needs more."""
    import cv2

    image = _shrink(image)
    data = b""
    for quality in (74, 50, 25, 5):
        _, coded = cv2.imencode(".webp", image[:, :, ::-1], [cv2.IMWRITE_WEBP_QUALITY, quality])
        data = coded.tobytes()
        if len(data) <= LIMIT:
            break
    return f"data:image/webp;base64,{base64.b64encode(data).decode()}"


def _shrink(image: np.ndarray) -> np.ndarray:
    import cv2

    height, width = image.shape[:2]
    scale = LONG_SIDE / max(height, width)
    if scale >= 1:
        return image
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small: np.ndarray = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return small
