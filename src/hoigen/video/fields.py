"""Interlaced frames made whole."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from hoigen.core.clip import Seconds

FILTER = "bwdif", "mode=send_frame:deint=interlaced"
"""FFmpeg's: each frame that is marked as interlaced is made anew from its first field; others pass as they are."""


def whole(frames: Iterator[tuple[Any, Seconds]]) -> Iterator[tuple[Any, Seconds]]:
    """The frames with their times; from the first interlaced one on, all go through FFmpeg's filter.

    Args:
        frames: PyAV's, decoded, in order, each with its time.
    """
    weaver: _Weaver | None = None
    for frame, at in frames:
        if weaver is not None and not weaver.fits(frame):
            yield from weaver.rest()
            weaver = None
        if weaver is None and frame.interlaced_frame:
            weaver = _Weaver(frame)
        if weaver is None:
            yield frame, at
        else:
            yield from weaver.take(frame, at)
    if weaver is not None:
        yield from weaver.rest()


class _Weaver:
    """The filter for frames of one size and format; it gives each frame when it has seen the next."""

    def __init__(self, frame: Any) -> None:
        import av

        self.kind = frame.width, frame.height, frame.format.name
        self.times: deque[Seconds] = deque()
        self.count = 0
        self.graph = av.filter.Graph()
        source = self.graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
        )
        self.graph.link_nodes(source, self.graph.add(*FILTER), self.graph.add("buffersink")).configure()

    def fits(self, frame: Any) -> bool:
        return self.kind == (frame.width, frame.height, frame.format.name)

    def take(self, frame: Any, at: Seconds) -> Iterator[tuple[Any, Seconds]]:
        self.times.append(at)
        frame.pts, self.count = self.count, self.count + 1  # times go along by themselves
        self.graph.push(frame)
        yield from self._out()

    def rest(self) -> Iterator[tuple[Any, Seconds]]:
        self.graph.push(None)
        yield from self._out()

    def _out(self) -> Iterator[tuple[Any, Seconds]]:
        import av

        while self.times:
            try:
                frame = self.graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            yield frame, self.times.popleft()
