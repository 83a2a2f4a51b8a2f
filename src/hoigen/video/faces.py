"""Faces of a clip: found several times a second, followed in between, and made unknowable in what is written of it.

A face that is missed between two finds is filled in, and each is hidden a little before it is first found and after it
is last found. What is asked of a find is a choice: by `recall` little, so that few faces stay as they are and hands and
balls are hidden now and then; by `precision` more, so that little else is hidden and more faces stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hoigen.core.clip import Clip, Seconds
from hoigen.data.cutnote import By
from hoigen.video.file import Progress

if TYPE_CHECKING:
    import numpy as np

    from hoigen.models.nets.faces import FaceFinder

Box = tuple[float, float, float, float]
"""Left, top, right and bottom of a part of the picture as it is shown, 0..1."""
MODEL = "face_detection"
"""The card of the detector: MediaPipe's, for faces up to five metres away."""
BY: Mapping[By, tuple[float, int]] = {"recall": (0.4, 1), "precision": (0.6, 2)}
"""The detector's score from which a find counts (MediaPipe has 0.6), and how often a face has to be found. How many
faces either misses: docs/cut.md."""
LOOKS = 5.0
"""Times a second."""
SIDE = 540
"""Pixels of the shorter side at which faces are looked for."""
GAP: Seconds = 1.0
"""A face that is found again within this is the same one all the while."""
HOLD: Seconds = 0.4
"""How long before the first find of a face, and after the last, it is hidden."""
GROWN = 0.35
"""The box of a face goes from its brows to its chin; it is grown by this share of its size on each side."""
LEFT = 4
"""Of a face so many values stay across and down."""


@dataclass(slots=True)
class _Track:
    """One face: its moments, seconds from the start of the file, and its boxes as the picture is shown, 0..1."""

    times: list[Seconds] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)

    def fits(self, box: Box) -> bool:
        """Whether a find may be this face, a moment later."""
        last = self.boxes[-1]
        wide, high = last[2] - last[0], last[3] - last[1]
        ratio = (box[2] - box[0]) * (box[3] - box[1]) / max(1e-9, wide * high)
        across = abs(box[0] + box[2] - last[0] - last[2]) / 2
        down = abs(box[1] + box[3] - last[1] - last[3]) / 2
        return 0.25 < ratio < 4 and across < wide and down < high

    def at(self, time: Seconds) -> Box:
        """Where it is at a moment. Before the first find and after the last it may stand still or go on: both count."""
        import numpy as np

        sides = np.array(self.boxes)
        box = [float(np.interp(time, self.times, sides[:, at])) for at in range(4)]
        if len(self.times) > 1 and not self.times[0] <= time <= self.times[-1]:
            near, next_ = (0, 1) if time < self.times[0] else (-1, -2)
            speed = (sides[near] - sides[next_]) / (self.times[near] - self.times[next_])
            on = sides[near] + speed * (time - self.times[near])
            box = [*np.minimum(box[:2], on[:2]).tolist(), *np.maximum(box[2:], on[2:]).tolist()]
        return box[0], box[1], box[2], box[3]


@dataclass(slots=True)
class Faces:
    """The faces of a clip.

    Args:
        finds: a face is one that is found so often.
        tracks: what was found so far.
    """

    finds: int
    tracks: list[_Track] = field(default_factory=list)

    def see(self, time: Seconds, boxes: list[Box]) -> None:
        """Takes the finds of a moment, the surest first; moments come in order."""
        free = [track for track in self.tracks if time - track.times[-1] <= GAP]
        for box in boxes:
            track = next((one for one in free if one.fits(box)), None)
            if track is None:
                self.tracks.append(track := _Track())
            else:
                free.remove(track)
            track.times.append(time)
            track.boxes.append(box)

    def at(self, time: Seconds) -> list[Box]:
        """What is hidden at a moment: left, top, right, bottom of the picture as it is shown, 0..1."""
        found: list[Box] = []
        for track in self.tracks:
            if len(track.times) >= self.finds and track.times[0] - HOLD <= time <= track.times[-1] + HOLD:
                left, top, right, bottom = track.at(time)
                more = GROWN * (right - left), GROWN * (bottom - top)
                box = (left - more[0], top - more[1], right + more[0], bottom + more[1])
                x0, y0, x1, y1 = (min(1.0, max(0.0, side)) for side in box)
                if x1 > x0 and y1 > y0:
                    found.append((x0, y0, x1, y1))
        return found


def faces_of(clip: Clip, by: By, progress: Progress | None = None) -> Faces:
    """Looks for the faces of a clip, in a pass of its own.

    Args:
        clip: the clip.
        by: what is asked of a find, of `BY`.
        progress: called when reading the video has moved on.

    Raises VideoError as `hoigen.video.walk` does.
    """
    from hoigen.models import room
    from hoigen.models.nets.faces import FaceFinder
    from hoigen.video import walk

    least, finds = BY[by]
    finder = room.once(FaceFinder, least)
    found, latest, last = Faces(finds), float("-inf"), None
    for image, at in walk(clip.uri, start=clip.start, end=clip.end, short_side=SIDE, progress=progress):
        last = image, at
        if at - latest >= 1 / LOOKS - 1e-3:
            latest, last = at, None
            found.see(at, _looked(finder, image))
            if progress is not None:
                progress()
    if last is not None:  # the last frame, behind which nothing tells where a face went
        found.see(last[1], _looked(finder, last[0]))
    return found


def _looked(finder: FaceFinder, image: np.ndarray) -> list[Box]:
    """Finds in the whole picture and in squares of it, whole and half as high, the surest first: the detector sees 192
    pixels, on which small faces of a whole picture are none."""
    from hoigen.models.nets.tflite import overlap

    height, width = image.shape[:2]
    finds = [(face.score, face.box) for face in finder(image)]
    short = min(height, width)
    for side in (short, short // 2):
        for top in _starts(height, side):
            for left in _starts(width, side):
                for face in finder(image[top : top + side, left : left + side]):
                    x0, y0, x1, y1 = (edge * side for edge in face.box)
                    box = ((x0 + left) / width, (y0 + top) / height, (x1 + left) / width, (y1 + top) / height)
                    finds.append((face.score, box))
    kept: list[Box] = []
    for _, box in sorted(finds, reverse=True):
        if all(overlap(box, other) < 0.3 for other in kept):
            kept.append(box)
    return kept


def _starts(length: int, side: int) -> list[int]:
    """Where squares begin that cover a length, each over a quarter of its neighbour or more."""
    import math

    count = 1 if length <= side else 1 + math.ceil((length - side) / (0.75 * side))
    return [round(at * (length - side) / max(1, count - 1)) for at in range(count)]


def hide(picture: np.ndarray, boxes: list[Box]) -> None:
    """Makes parts of a picture unknowable, in place.

    Args:
        picture: (H, W) or (H, W, 3) uint8.
        boxes: left, top, right, bottom of the picture as it is given, 0..1.
    """
    import cv2

    high, wide = picture.shape[:2]
    for box in boxes:
        x0, x1 = (round(side * wide) for side in box[::2])
        y0, y1 = (round(side * high) for side in box[1::2])
        if (part := picture[y0:y1, x0:x1]).size:
            few = cv2.resize(part, (LEFT, LEFT), interpolation=cv2.INTER_AREA)
            part[:] = cv2.resize(few, part.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def hidden(frame: Any, boxes: list[Box]) -> Any:
    """A frame of PyAV, yuv420p or yuvj420p of even sides, in which parts cannot be known any more.

    Args:
        frame: the frame.
        boxes: left, top, right, bottom of the picture as it is stored, 0..1.
    """
    import av

    if not boxes:
        return frame
    pixels = frame.to_ndarray()
    high, wide = frame.height, frame.width
    chroma = pixels[high:].reshape(2, high // 2, wide // 2)
    for plane in (pixels[:high], *chroma):
        hide(plane, boxes)
    made = av.VideoFrame.from_ndarray(pixels, format=frame.format.name)
    made.colorspace, made.color_range = frame.colorspace, frame.color_range
    return made
