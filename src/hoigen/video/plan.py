"""Which frames of a pass are wanted, and their conversion; no file is touched here."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from hoigen.core.clip import EveryFrame, Sampling, Seconds
from hoigen.core.errors import VideoError
from hoigen.video import tone

if TYPE_CHECKING:
    import numpy as np

SLACK: Seconds = 1e-4
"""Times closer than this are the same: rounding in containers."""
PLAIN = (2, 5, 6), (0, 1)
"""FFmpeg's numbers of the matrices and ranges that mean what no tag means: BT.601 and limited range."""

LUMA = 0.2126, 0.7152, 0.0722
"""Shares of red, green and blue. Source: ITU-R BT.709."""

Key = tuple[int | None, bool, bool]


class Turn(NamedTuple):
    """How a stored picture is shown: first rows and columns change places, then left and right, then top and bottom.

    Args:
        transposed: rows become columns.
        mirrored: left and right change places.
        flipped: top and bottom change places.
    """

    transposed: bool = False
    mirrored: bool = False
    flipped: bool = False

    @classmethod
    def of(cls, frame: Any) -> Turn:
        """By the display matrix of a decoded frame; turned by whole quarters."""
        found = frame.side_data.get("DISPLAYMATRIX")
        if found is None:
            return cls()
        a, b, _, c, d = struct.unpack("=5i", bytes(found)[:20])
        if abs(a) + abs(d) >= abs(b) + abs(c):
            return cls(False, a < 0, d < 0)
        return cls(True, c < 0, b < 0)

    def shown(self, image: np.ndarray) -> np.ndarray:
        """A picture as it is shown."""
        import numpy as np

        if not any(self):
            return image
        image = image.swapaxes(0, 1) if self.transposed else image
        return np.ascontiguousarray(image[:: -1 if self.flipped else 1, :: -1 if self.mirrored else 1])

    def stored(self, box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        """Where a part of the picture as it is shown (left, top, right, bottom, 0..1) lies in it as it is stored."""
        left, top, right, bottom = box
        if self.flipped:
            top, bottom = 1 - bottom, 1 - top
        if self.mirrored:
            left, right = 1 - right, 1 - left
        return (top, left, bottom, right) if self.transposed else (left, top, right, bottom)

    def degrees(self) -> tuple[int, bool]:
        """The same as a rotation (counter-clockwise), and whether left and right change places after it."""
        odd = sum(self) % 2 == 1
        turned = (self.transposed, self.mirrored != odd, self.flipped)
        return {(True, False, True): 90, (False, True, True): 180, (True, True, False): 270}.get(turned, 0), odd


class Converter:
    """Turns decoded frames into images, each size and format once a frame.

    The first frame settles the shape: a stream that changes its size on the way is scaled to that.
    """

    def __init__(self) -> None:
        self.frame: Any = None
        self.done: dict[Key, np.ndarray] = {}
        self.targets: dict[Key, _Target] = {}

    def image(self, frame: Any, sampling: Sampling) -> np.ndarray:
        """A frame as a sampling wants it: (H, W, 3) uint8 RGB, or (H, W) uint8 luma.

        Args:
            frame: PyAV's, decoded.
            sampling: says which size and colours.
        """
        if frame is not self.frame:
            self.frame, self.done = frame, {}
        untagged = isinstance(sampling, EveryFrame) and sampling.untagged
        if untagged:  # only where tags change the colours; those of RGB are what they are
            matrices, ranges = PLAIN
            full = int(frame.color_range) not in ranges or frame.format.name.startswith("yuvj")
            untagged = not frame.format.is_rgb and (int(frame.colorspace) not in matrices or full)
        key = sampling.short_side, sampling.gray, untagged
        if key not in self.done:
            if key not in self.targets:
                self.targets[key] = _Target(frame, *key)
            self.done[key] = self.targets[key].convert(frame)
        return self.done[key]


class _Target:
    """One size and format."""

    def __init__(self, frame: Any, short_side: int | None, gray: bool, untagged: bool) -> None:
        from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

        short = min(frame.width, frame.height)
        scale = min(1.0, (short_side or short) / short)
        self.size = max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
        self.turn = Turn.of(frame)
        self.gray, self.transfer = gray, "" if untagged else tone.TRANSFERS.get(int(frame.color_trc), "")
        self.format = "rgb48le" if self.transfer else "gray" if gray else "rgb24"
        matrix = {"src_colorspace": Colorspace.ITU601, "dst_colorspace": Colorspace.ITU601}
        self.colours: dict[str, Any] = matrix | {"src_color_range": ColorRange.MPEG} if untagged else {}
        self.scaler = VideoReformatter()  # keeps its filter tables from frame to frame

    def convert(self, frame: Any) -> np.ndarray:
        import av
        import numpy as np

        try:
            small = self.scaler.reformat(frame, *self.size, format=self.format, threads=1, **self.colours)
        except (av.FFmpegError, ValueError) as error:
            raise VideoError(f"frames of format {frame.format.name} cannot be converted: {error}") from None
        image: np.ndarray = small.to_ndarray()
        if self.transfer:
            image = tone.mapped(image, self.transfer, int(frame.color_primaries))
            if self.gray:
                image = np.round(image @ np.array(LUMA, np.float32)).astype(np.uint8)
        return self.turn.shown(image)


class Plan:
    """The moments that one sampling asks for, and who gets the frames shown then.

    Args:
        sampling: which frames are wanted.
        duration: of the clip, in seconds.
        see: called with each image and its time, in seconds from the clip's start.
    """

    def __init__(self, sampling: Sampling, duration: Seconds, see: Callable[[np.ndarray, float], None]) -> None:
        self.sampling, self.see = sampling, see
        self.moments = moments(sampling, duration)
        self.at = 0
        self.leader: tuple[Any, Seconds] | None = None

    def wants(self, until: Seconds) -> bool:
        """Whether a moment lies before a time; those moments are then dealt with.

        Args:
            until: seconds from the clip's start.
        """
        if isinstance(self.sampling, EveryFrame):
            return True
        first = self.at
        while self.at < len(self.moments) and self.moments[self.at] < until - SLACK:
            self.at += 1
        return self.at > first

    def offer(self, frame: Any, at: Seconds, until: Seconds, converter: Converter) -> None:
        """Takes the next frame, which goes to `see` when a moment lies where it is shown.

        Args:
            frame: PyAV's, decoded.
            at: when it begins to be shown, in seconds from the clip's start.
            until: when the next one takes its place.
            converter: makes the image; shared by all plans of a pass.
        """
        if self.leader is not None:
            self.see(*self.leader)
            self.see(converter.image(frame, self.sampling), at)
            self.leader = None
        if not self.wants(until):
            return
        image = converter.image(frame, self.sampling)
        if self.sampling.pairs:
            self.leader = image, at
        else:
            self.see(image, at)


def moments(sampling: Sampling, duration: Seconds) -> list[Seconds]:
    """The moments that a sampling asks for, in seconds from the clip's start.

    Args:
        sampling: so many frames spread evenly, or so many a second.
        duration: of the clip, in seconds.
    """
    if sampling.fps is None:
        return [(i + 0.5) * duration / sampling.frames for i in range(sampling.frames)]
    count = max(1, int(duration * sampling.fps + 1 - SLACK))
    if count <= sampling.max_frames:
        return [i / sampling.fps for i in range(count)]
    return [i * duration / sampling.max_frames for i in range(sampling.max_frames)]
