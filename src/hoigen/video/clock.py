"""One clock for the packets of a stream, whatever their stamps say."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Iterator
from typing import Any

from hoigen.core.clip import Seconds

LIVE_HOLE: Seconds = 2.5
"""In formats of broadcasts (TS, MPG), frames that came evenly and then no more for longer than this: a hole."""
HOLE: Seconds = 10.0
"""The same where frames come unevenly; and of frames that came evenly in any format."""
HOLE_STEPS = 4
"""A hole is longer than so many usual gaps, too: slides and time lapse have few frames and no hole."""
STEADY = 6
"""So many even gaps before it tell a hole in a stream of even rate from a long hold in one of variable rate."""
CLOSE = 0.05
"""Stamps nearer to each other than this share of the usual gap, three in a row, were not made by a camera."""
REORDERED = 8
"""Frames by which presentation may lag behind decoding; further back is another run of the clock."""


class Clock:
    """Mends the stamps of a stream's packets as they come, from the first one on.

    A stamp that does not follow (backwards; over a hole; crammed onto the one before) is put one usual gap behind the
    last, and all that come after are moved with it, until one fits the clock as it was before. So a restart goes on, a
    hole is closed, and a single bad stamp costs nothing. What one frame of a variable rate is held for stays.

    Args:
        container: PyAV's, open.
        stream: one of its streams.

    `jumps`: how often it was mended.
    """

    def __init__(self, container: Any, stream: Any) -> None:
        self.base, self.index = float(stream.time_base), stream.index
        self.holes = (LIVE_HOLE, HOLE) if is_live(container) else (HOLE, float("inf"))
        rate = stream.average_rate or stream.guessed_rate
        self.gap = float(1 / rate) if rate else 0.04
        self.again()

    def again(self) -> None:
        """Packets come from somewhere else in the file."""
        self.shift = self.before = self.jumps = self.crammed = 0
        self.raw: int | None = None  # the last packet's own time, in ticks
        self.last: int | None = None  # the same, mended
        self.shown: int | None = None  # the latest presentation time, mended
        self.gaps: deque[int] = deque(maxlen=STEADY)

    def mended(self, packets: Iterator[Any]) -> Iterator[Any]:
        """Packets with their right stamps; each waits for the next one, by which a single bad stamp is known.

        Args:
            packets: PyAV's, as they are read: of the stream that the clock is for, and of others that go along.
        """
        held = None
        for packet in packets:
            if packet.stream.index != self.index:  # a packet that flushes has no index of its own
                yield self._along(packet)
                continue
            if held is not None:
                self._mend(held, packet)
                yield held
            held = packet
        if held is not None:
            self._mend(held, None)
            yield held

    def _mend(self, packet: Any, following: Any) -> None:
        pts, dts = packet.pts, packet.dts
        stamp = dts if dts is not None else pts
        if stamp is None:
            return
        if self.last is not None and self._is_alone(stamp, following):
            self.jumps += 1
            here = self.last + self._usual()
            sound = dts is not None and pts is not None and abs(pts - dts) * self.base < LIVE_HOLE
            # without a stamp, its frame comes right behind the one before
            packet.dts, packet.pts, self.last = here, here + pts - dts if sound else None, here
            return
        crammed = self.raw is not None and 0 <= stamp - self.raw < CLOSE * self._usual()
        self.crammed = self.crammed + 1 if crammed and len(self.gaps) == STEADY else 0
        self.raw = stamp
        if self.last is not None and not self._follows(stamp, pts, self.shift):
            if stamp + self.before > self.last and self._follows(stamp, pts, self.before):  # a bad run is over
                self.shift = self.before
            else:
                self.jumps += 1
                usual, self.before = self._usual(), self.shift
                begins = packet.is_keyframe and pts is not None and self.shown is not None
                usual *= 3 if self.crammed == 3 else 1  # with room for the two before it that were let be
                self.shift = (self.shown - pts if begins else self.last - stamp) + usual
        here = stamp + self.shift
        if self.last is not None and here > self.last and not self.crammed:
            self.gaps.append(here - self.last)
        self.last = max(here, self.last) if self.last is not None else here
        if dts is not None and self.shift:
            packet.dts = dts + self.shift
        if pts is None:
            return
        if dts is not None and abs(pts - dts) * self.base > HOLE:
            self.jumps += 1
            packet.pts = None if self.shown is not None else packet.dts  # its frame comes right behind the one before
            return
        self.shown = max(self.shown, pts + self.shift) if self.shown is not None else pts + self.shift
        if self.shift:
            packet.pts = pts + self.shift

    def _along(self, packet: Any) -> Any:
        """A packet of another stream, moved as this one is; around a jump, by what brings it nearer."""
        stamp, base = packet.dts if packet.dts is not None else packet.pts, float(packet.time_base)
        if stamp is not None and (self.shift or self.before):
            moves = [round(shift * self.base / base) for shift in (self.shift, self.before)]
            here = 0 if self.last is None else self.last * self.base / base
            move = min(moves, key=lambda each: abs(stamp + each - here))
            packet.pts = None if packet.pts is None else packet.pts + move
            packet.dts = None if packet.dts is None else packet.dts + move
        return packet

    def _is_alone(self, stamp: int, following: Any) -> bool:
        """Whether this stamp lies elsewhere, while the next one goes on from the last as if it were not there."""
        assert self.last is not None
        after = following and (following.dts if following.dts is not None else following.pts)
        if not after or not self.gaps:
            return False
        usual = self._usual()
        step, over = stamp + self.shift - self.last, after + self.shift - self.last
        return 0 < over <= 4 * usual and (step > max(over, 4 * usual) or step < -REORDERED * usual)

    def _follows(self, stamp: int, pts: int | None, shift: int) -> bool:
        """Whether a packet's stamps, moved by `shift`, go on where the clock stands."""
        assert self.last is not None
        step = stamp + shift - self.last
        usual = self._usual()
        ahead = step if pts is None or self.shown is None else pts + shift - self.shown
        if self.crammed:
            return self.crammed < 3
        if step < 0:
            return abs(ahead) < REORDERED * usual
        steady = len(self.gaps) == STEADY and max(self.gaps) <= 1.2 * min(self.gaps)
        hole = max(self.holes[not steady], HOLE_STEPS * usual * self.base)
        return min(step, ahead) * self.base <= hole

    @property
    def usual(self) -> Seconds:
        """Seconds from one frame to the next, as they were lately."""
        return self._usual() * self.base

    def _usual(self) -> int:
        return max(1, round(statistics.median(self.gaps) if self.gaps else self.gap / self.base))


def is_live(container: Any) -> bool:
    """Whether a container is of a kind whose clock may start anew on the way (TS, MPG), by FFmpeg's own table.

    Args:
        container: PyAV's, open.
    """
    import av

    return bool(av.format.Flags(container.format.flags) & av.format.Flags.ts_discont)
