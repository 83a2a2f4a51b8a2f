"""Small pictures of the clips that a report shows, and the boxes drawn on them.

Pictures are decoded in supervised workers: a clip that cannot be decoded costs one empty tile with the reason, never
the report.

Boxes are read out of a measure's `detail`. Understood: `boxes`, a list of
`{"box": [left, top, right, bottom], "kind": "hand", "label": "cell phone"}`, or `regions`, a list of
`{"corners": [[x, y], ...]}`, in 0..1 of the picture, beside `time`, the seconds from the clip's start of the frame on
which they were seen. They may stand in `detail` itself, in `detail["evidence"]`, or in each of `detail["frames"]`; of
several frames the one with the highest `score`, else the most boxes, is drawn.
"""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from hoigen.core.clip import Clip, Sampling, Seconds
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
MOST = 8
"""Boxes on one picture; more hide it."""


class Evidence(NamedTuple):
    """Boxes that a measure found on one frame, and the sampling in which that frame was seen."""

    time: Seconds
    boxes: tuple[Box, ...]
    sampling: Sampling


class Wanted(NamedTuple):
    """One clip to take pictures of; with the digest and the stamp of its video as it was measured in `meta`, there are
    none of a video that was replaced since."""

    clip: Clip
    evidence: Evidence | None = None
    frames: int = 3


Taken = tuple[tuple[Picture, ...], str]
"""What came of it: pictures in order of time, or why there are none."""


def take(wanted: Iterable[Wanted], *, workers: int = 2, deadline: Seconds = 30) -> dict[str, Taken]:
    """Frames spread evenly over each clip, by clip id; the middle one is that of the evidence when there is some.

    Args:
        wanted: the clips.
        workers: processes that decode.
        deadline: for all pictures of one clip.
    """
    from hoigen.work.task import Limits

    album = _Album({want.clip.id: want for want in wanted}, deadline)
    if album.wanted:
        workers = min(workers, len(album.wanted))
        album.go(Limits(workers=workers, deadline=deadline, memory_mb=2048, tries=1))
    return album.taken


class _Album(Stage):
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
        # decoding says no progress, so that the deadline is one for all pictures of a clip
        late = f"its pictures took longer than {self.deadline:g} s"
        self.taken[item.key] = (), late if failure.kind == "deadline" else failure.reason
        return ()

    def ended(self, item: Item) -> str:
        self.taken.setdefault(item.key, ((), "no frames"))
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
    from hoigen.stages.showing import check_unchanged

    emit.doing("pictures")
    spread = Sampling(frames=want.frames, short_side=SHORT_SIDE)
    samplings = {spread} | ({_plain(want.evidence.sampling)} if want.evidence else set())
    try:
        check_unchanged(want.clip, emit.progress)  # times and scores are of another video
        frames = video.decode(want.clip, samplings)
    except VideoError as error:
        emit(((), str(error)))
        return
    chosen: list[tuple[float, np.ndarray, tuple[Box, ...]]] = [
        (float(time), image, ()) for time, image in zip(frames[spread].times, frames[spread].images, strict=True)
    ]
    if want.evidence is not None:  # its frame takes the place of the middle one
        seen = frames[_plain(want.evidence.sampling)]
        index = int(abs(seen.times - want.evidence.time).argmin())
        middle = len(chosen) // 2
        chosen[middle : middle + 1] = [(float(seen.times[index]), seen.images[index], want.evidence.boxes)]
    chosen.sort(key=lambda one: one[0])
    pictures = (Picture(source=encode(image), time=time, boxes=boxes) for time, image, boxes in chosen)
    emit((tuple(pictures), ""))


def _plain(sampling: Sampling) -> Sampling:
    """The same moments, small and in colour."""
    return dataclasses.replace(sampling, short_side=SHORT_SIDE, gray=False, pairs=False)


def encode(image: np.ndarray) -> str:
    """A picture as a WebP data URI of LIMIT bytes at most, unless even the lowest quality needs more."""
    import cv2

    height, width = image.shape[:2]
    scale = LONG_SIDE / max(height, width)
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    data = b""
    for quality in (74, 50, 25, 5):
        _, coded = cv2.imencode(".webp", image[:, :, ::-1], [cv2.IMWRITE_WEBP_QUALITY, quality])
        data = coded.tobytes()
        if len(data) <= LIMIT:
            break
    return f"data:image/webp;base64,{base64.b64encode(data).decode()}"


def evidence_of(detail: Mapping[str, Any], sampling: Sampling) -> Evidence | None:
    """What can be drawn of a measure's detail, or None.

    Args:
        detail: as the measure wrote it.
        sampling: the frames that it was shown.
    """
    best, weight = None, 0.0
    for place in (detail.get("evidence"), detail, *_listed(detail.get("frames"))):
        if not isinstance(place, Mapping):
            continue
        time, score = place.get("time"), place.get("score")
        listed = [*_listed(place.get("boxes")), *_listed(place.get("regions"))]
        boxes = tuple(box for one in listed[:MOST] if (box := _box(one)) is not None)
        if not boxes or not isinstance(time, int | float):
            continue
        worth = float(score) if isinstance(score, int | float) else float(len(boxes))
        if best is None or worth > weight:
            best, weight = Evidence(float(time), boxes, sampling), worth
    return best


def _listed(value: Any) -> Sequence[Any]:
    """A list as it is; of anything else nothing."""
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def _box(raw: Any) -> Box | None:
    """A box, or the upright rectangle around corners; None for anything else."""
    if not isinstance(raw, Mapping):
        return None
    sides: Any = raw.get("box")
    kind = str(raw.get("kind", "text" if "corners" in raw else ""))
    if "corners" in raw:
        try:
            xs, ys = [float(x) for x, _ in raw["corners"]], [float(y) for _, y in raw["corners"]]
            sides = [min(xs), min(ys), max(xs), max(ys)]
        except (TypeError, ValueError):
            return None
    if len(_listed(sides)) != 4 or not all(isinstance(side, int | float) for side in sides):
        return None
    left, top, right, bottom = (min(1.0, max(0.0, float(side))) for side in sides)
    if right <= left or bottom <= top:
        return None
    label = str(raw.get("label", "" if kind == "text" else kind))
    return Box(left=left, top=top, right=right, bottom=bottom, kind=kind, label=label)
