"""One sequential pass over the frames of an open video, in order of time."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from typing import Any

from hoigen.core.clip import Seconds
from hoigen.core.errors import PROGRAM_FAULTS, VideoError
from hoigen.video import fields
from hoigen.video.clock import Clock, is_live
from hoigen.video.file import Progress, reason_of
from hoigen.video.plan import SLACK

BAD_PACKETS = 0.1
"""A stretch of whose packets a larger share cannot be decoded is broken."""
ENDS_EARLY = 0.9
"""A clip whose frames reach less of its length than this is broken."""
SEEK_BACK: tuple[Seconds, ...] = (0.0, 2.0, 10.0)
"""How far before the wanted moment is searched for a keyframe, one try after the other; then from the beginning."""
EXACT = ("mov", "matroska")
"""Containers whose start time is that of the first frame; of others, the first frame is looked at."""
SEARCHABLE = ("mov", "matroska", "avi", "mpegts", "flv")
"""Containers whose times survive a jump; of others (program streams, raw streams) everything is read from the start."""
JOIN = 3
"""Where a transport stream seems to lack packets, and a keyframe or a jump of the clock lies so near behind, two
recordings were joined and none is missing."""
UNORDERED = ("avi",)
"""Containers that know no presentation times: FFmpeg makes them up, and wrongly when there are B-frames."""


class Headway:
    """Calls `progress` when a pass is at a later moment, or further on in the file, than it ever was.

    Neither can go on for ever in a file that ends; a decoder that gives the same moment again and again says nothing.
    """

    def __init__(self, progress: Progress | None) -> None:
        self.progress = progress
        self.again()

    def again(self) -> None:
        """The pass begins anew, somewhere else in the file."""
        self.latest, self.furthest = -1e18, -1

    def at(self, time: Seconds) -> None:
        if time > self.latest + SLACK:
            self.latest = time
            if self.progress is not None:
                self.progress()

    def read(self, packet: Any) -> None:
        where = packet.pos
        if where is not None and where > self.furthest:
            self.furthest = where
            if self.progress is not None:
                self.progress()


class Pass:
    """Frames of one stretch in order of time; packets that cannot be decoded are counted and left out.

    Args:
        container: PyAV's, open.
        stream: its video stream.
        start: seconds; where the stretch begins.
        end: seconds; where it ends. None: with the video.
        progress: called when the pass has moved on.
        jumps: how often the file's clock has to be mended (`Header.jumps`), as far as is known: of a file whose clock
            jumps nothing is searched for by its stamps.

    Of what it has met, it knows `packets` and how many of them are `bad`, from the first keyframe on; `count`, the
    frames given; `torn`, how many from `start` on are marked as damaged, by the decoder or by a transport stream that
    lacks packets there; `whole`, whether a frame at or behind `end` was met; and `clock.jumps`.
    """

    def __init__(
        self,
        container: Any,
        stream: Any,
        start: Seconds,
        end: Seconds | None,
        progress: Progress | None = None,
        jumps: int | None = None,
    ) -> None:
        self.container, self.stream, self.start, self.end = container, stream, start, end
        self.headway = Headway(progress)
        self.base = float(stream.time_base)
        self.by_dts = container.format.name.startswith(UNORDERED)
        self.zero = start_time(container, stream)
        self.clock, self.jumps, self.skip = Clock(container, stream), jumps, 0
        self.packets = self.bad = self.fed = self.count = self.torn = 0
        self.whole = self.moved = self.begun = False
        self.lacking: set[int] = set()  # stamps of packets of which the container says that a part is missing

    def frames(self) -> Iterator[tuple[Any, Seconds]]:
        """Frames with their times in the file, from a keyframe before `start` to the last one before `end`."""
        return fields.whole(self._stretch())

    def _stretch(self) -> Iterator[tuple[Any, Seconds]]:
        for frame, at in self._from_start():
            self.headway.at(at)
            if self.end is not None and at >= self.end - SLACK:
                self.whole = True
                return
            self.count += 1
            self.torn += (frame.is_corrupt or frame.pts in self.lacking) and at >= self.start - SLACK
            yield frame, at

    def check(self) -> None:
        """Raises VideoError when nothing came, or too much of it is broken."""
        if self.count == 0:
            met = f"{self.bad} of {self.packets} packets are broken" if self.packets else "no packets"
            raise VideoError(f"no frame could be decoded ({met})")
        if self.bad > BAD_PACKETS * max(1, self.packets):
            raise VideoError(f"{self.bad} of {self.packets} packets cannot be decoded")

    def _from_start(self) -> Iterator[tuple[Any, Seconds]]:
        """Frames from one that is not later than `start`, when there is any."""
        if self.start <= 0 or self.stream.start_time is None:
            yield from self._timed()
            return
        if self.zero is None:
            next(self._timed(), None)
            self.moved = True
        searchable = self.zero is not None and self.container.format.name.startswith(SEARCHABLE)
        for go in [self._search, self._skip] if searchable and not self.jumps else [self._skip]:
            for back in SEEK_BACK:
                if self.start - back > 0 and go(self.start - back):
                    frames = self._timed()
                    first = next(frames, None)
                    if first is not None and first[1] <= self.start + SLACK:
                        yield from itertools.chain([first], frames)
                        return
        self._rewind()
        yield from self._timed()

    def _search(self, to: Seconds) -> bool:
        """To a keyframe at or before a second, by the container's own means; False where they fail."""
        return self._seek(int((to + (self.zero or 0.0)) / self.base))

    def _skip(self, to: Seconds) -> bool:
        """To the last keyframe at or before a second, by reading packets from the beginning; none is decoded.

        For containers that cannot be searched, and where the clock is mended: stamps do not say where a moment lies.
        """
        wanted, skip = to + (self.zero or 0.0) + SLACK, 0
        self._rewind()
        for count, packet in enumerate(self._demuxed()):
            at = packet.dts if self.by_dts else packet.pts
            if packet.is_keyframe and at is not None and at * self.base <= wanted:
                skip = count
            if packet.dts is not None and packet.dts * self.base > wanted:
                break
        self._rewind()
        self.skip = skip
        return True

    def _rewind(self) -> None:
        """Back to the first packet."""
        if not self._seek(None):
            raise VideoError("cannot be searched: its index is broken")

    def _seek(self, ticks: int | None) -> bool:
        """To a keyframe at or before a stamp; None: to the beginning. False where that cannot be."""
        import av

        self.packets = self.bad = self.fed = 0
        self.begun = False
        self.headway.again()
        self.clock.again()
        self.skip = 0
        try:
            if ticks is None:
                rewind(self.container, self.stream)
            else:
                self.container.seek(ticks, stream=self.stream, backward=True)
        except (av.FFmpegError, OverflowError):
            return False
        self.moved = True
        return True

    def _timed(self) -> Iterator[tuple[Any, Seconds]]:
        last: Seconds | None = None
        for given, frame in enumerate(self._decoded(), 1):
            ticks = frame.dts if self.by_dts else frame.pts
            stamp = None if ticks is None else ticks * self.base
            if stamp is not None and (last is None or stamp > last + SLACK):
                clock = stamp
            elif given > self.fed:
                continue  # of no packet: a decoder that repeats itself, which made-up times would lead on for ever
            elif last is None:
                clock = self.zero or 0.0
            else:  # no times at all (a raw stream), a bad stamp, or one out of order: frames come in order
                clock = last + self.clock.usual / (1 if stamp is None else 2)
            if self.zero is None:
                self.zero = clock
            last = clock
            yield frame, clock - self.zero

    def _decoded(self) -> Iterator[Any]:
        import av

        for packet in itertools.islice(self._demuxed(), self.skip, None):
            self.begun = self.begun or packet.is_keyframe
            self.packets += self.begun and packet.size > 0
            self.fed += packet.size > 0
            try:
                yield from packet.decode()
            except av.EOFError:
                return
            except (av.FFmpegError, ValueError, IndexError):
                self.bad += self.begun

    def _demuxed(self) -> Iterator[Any]:
        """Packets of the stream, with right stamps: an index of even decoding times tells nothing of a bad one."""
        packets = self.clock.mended(self._read())
        return self._told(packets) if is_live(self.container) else packets

    def _told(self, packets: Iterator[Any]) -> Iterator[Any]:
        """Notes of which packets a part, or some before them, did not arrive, as a transport stream's counters tell."""
        held: deque[tuple[Any, int]] = deque()
        for packet in itertools.chain(packets, [None] * JOIN):
            if packet is not None:
                held.append((packet, self.clock.jumps))
            if held and (packet is None or len(held) > JOIN):
                first, jumps = held.popleft()
                joined = any(each.is_keyframe or later > jumps for each, later in held)
                if first.is_corrupt and first.pts is not None and not joined:
                    self.lacking.add(first.pts)
                yield first

    def _read(self) -> Iterator[Any]:
        import av

        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets, None)
            except (av.TimeoutError, av.ConnectionRefusedError) as error:
                raise VideoError(f"reading stopped: {reason_of(error)}") from None
            except av.FFmpegError:
                self.bad += 1  # the file ends in the middle of a packet; what came before stands
                return
            except PROGRAM_FAULTS:
                raise
            except Exception as error:  # of the object store
                raise VideoError(f"reading stopped: {reason_of(error)}") from error
            if packet is None:
                return
            self.headway.read(packet)
            yield packet


def rewind(container: Any, stream: Any) -> None:
    """Makes a container give its packets from the beginning again.

    Args:
        container: PyAV's, open.
        stream: its video stream.
    """
    if is_live(container):  # searched for its very first time, it misses the first keyframe
        container.seek(0, unsupported_byte_offset=True)
    else:
        container.seek(min(0, stream.start_time or 0), stream=stream, backward=True)


def check_reach(reached: Seconds, duration: Seconds, start: Seconds = 0.0) -> None:
    """Raises VideoError when frames leave out more than a tenth of the length that was claimed.

    Args:
        reached: how far the frames reach, in seconds from `start`.
        duration: the length that was claimed, in seconds.
        start: where the clip begins in its video, in seconds; for the error.
    """
    if reached < ENDS_EARLY * duration:
        raise VideoError(
            f"its frames end at {start + reached:.2f} s of {start + duration:.2f} s: the file is cut short"
        )


def zero_of(container: Any, stream: Any) -> Seconds:
    """When the first frame is shown, in seconds on the container's own clock.

    Args:
        container: PyAV's, open.
        stream: its video stream; its first frame is decoded where the header does not tell.
    """
    known = start_time(container, stream)
    if known is not None:
        return known
    if stream.start_time is None:  # a raw stream: no times, and no way back to its beginning
        return 0.0
    look = Pass(container, stream, 0.0, None)
    next(look._timed(), None)
    look._seek(None)
    return look.zero or 0.0


def start_time(container: Any, stream: Any) -> Seconds | None:
    """When the first frame is shown, in seconds on the container's own clock; None when only decoding it tells.

    Args:
        container: PyAV's, open.
        stream: its video stream.
    """
    if stream.start_time is None or not container.format.name.startswith(EXACT):
        return None
    return float(stream.start_time * stream.time_base)
