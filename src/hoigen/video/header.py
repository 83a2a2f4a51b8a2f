"""What a file says of its video before it is decoded: its header, and the times of its packets."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hoigen.core.clip import Seconds
from hoigen.core.errors import PROGRAM_FAULTS, VideoError
from hoigen.video.clock import HOLE, Clock, is_live
from hoigen.video.file import Progress, opened, reason_of
from hoigen.video.plan import Turn
from hoigen.video.sequence import ENDS_EARLY, EXACT, Headway, start_time
from hoigen.video.tone import TRANSFERS

SCAN = 32 << 20
"""So many bytes of packets are looked at for their times when the header does not list them (WebM, MKV, TS)."""
OFF_RATE = 0.02
"""A rate that is told and is off by more than this from that of the frames themselves is not theirs."""
FIELDS = range(2, 6)
"""FFmpeg's numbers of field orders that are not progressive."""
FIRST_FRAME = 64
"""The first frame is looked for in so many packets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a file's header says.

    Args:
        uri: path or address of the file.
        duration: seconds from the first frame to the end of the last.
        width: pixels as shown, rotation applied.
        height: likewise.
        rotation: degrees counter-clockwise, one of 0, 90, 180, 270.
        fps: mean frames per second; 0 when a single frame has no length.
        codec: FFmpeg's name of it (`h264`).
        pixel_format: FFmpeg's name of it (`yuv420p`); "" when it is not known.
        variable_rate: whether frames come at uneven intervals.
        has_audio: whether there is an audio stream.
        frames: that are shown, counted, or else as the container claims; None when neither is known.
        container: FFmpeg's names of the format (`mov,mp4,m4a,3gp,3g2,mj2`).
        bytes: size of the file; 0 when unknown.
        start_time: of the first frame, in seconds on the container's own clock.
        jumps: how often the clock has to be mended (`clock.py`): it restarts, jumps, or has a bad stamp.
        stream: which of the file's streams is looked at, from 0: the default one, else the largest.
        streams: how many video streams there are, covers counted.
        hdr: `pq`, `hlg`, or "" for standard dynamic range.
        interlaced: whether frames are made of two fields.
        mirrored: whether left and right change places, after the rotation.
    """

    uri: str
    duration: Seconds
    width: int
    height: int
    rotation: int
    fps: float
    codec: str
    pixel_format: str
    variable_rate: bool
    has_audio: bool
    frames: int | None
    container: str
    bytes: int
    start_time: Seconds
    jumps: int = 0
    stream: int = 0
    streams: int = 1
    hdr: str = ""
    interlaced: bool = False
    mirrored: bool = False

    def as_seen(self, times: Sequence[Seconds], end: Seconds, jumps: int) -> Header:
        """The same with length, rate and clock as all frames have them.

        Args:
            times: of all frames, in order.
            end: of the last frame, in seconds.
            jumps: how often the clock was mended on the way.
        """
        mean = len(times) / end if end > 0 else 0.0
        off = not self.fps or jumps or abs(mean / self.fps - 1) > OFF_RATE
        return replace(
            self,
            duration=end,
            frames=len(times),
            fps=mean if off else self.fps,
            variable_rate=_varies(times),
            jumps=jumps,
        )


def probe(uri: str, progress: Progress | None = None) -> Header:
    """The header of a video. One frame is decoded, since PyAV gives the rotation only with a frame.

    Args:
        uri: path or address of the video.
        progress: called when reading has moved on.

    Raises VideoError with the reason: no such file, a directory, empty, no video stream, not a video, no frames.
    """
    with opened(uri) as (container, stream):
        look = _look(container, stream, Headway(progress))
        first_time = start_time(container, stream)  # when the first frame is shown, on the container's own clock
        if first_time is None and look.frame is not None and look.frame.pts is not None:
            first_time = float(look.frame.pts * look.frame.time_base)
        elif first_time is None:
            first_time = look.times[0] if look.times else 0.0
        duration = _duration(container, stream, look, first_time)
        if duration <= 0:
            raise VideoError("has a duration of zero: its header claims no frames")
        codec = stream.codec_context
        picture = look.frame or codec
        if not picture.width or not picture.height:
            raise VideoError("its header gives no picture size, and no frame could be decoded")
        rotation, mirrored = Turn.of(look.frame).degrees() if look.frame else (0, False)
        size = picture.width, picture.height
        varies = _varies(look.times)
        rate = stream.average_rate or stream.guessed_rate or stream.base_rate
        mean = len(look.times) / duration
        off = not rate or look.jumps > 0 or abs(mean / float(rate) - 1) > OFF_RATE
        counted = look.whole and look.times and (varies or off)
        return Header(
            uri=uri,
            duration=duration,
            width=size[rotation in (90, 270)],
            height=size[rotation not in (90, 270)],
            rotation=rotation,
            mirrored=mirrored,
            fps=mean if counted else float(rate or 0.0),
            codec=codec.codec.canonical_name,
            pixel_format=(look.frame.format.name if look.frame else codec.pix_fmt) or "",
            variable_rate=varies,
            has_audio=bool(container.streams.audio),
            frames=(len(look.times) if look.whole else 0) or stream.frames or None,
            container=container.format.name,
            bytes=max(0, int(container.size or 0)),
            start_time=first_time,
            jumps=look.jumps,
            stream=stream.index,
            streams=len(container.streams.video),
            hdr=TRANSFERS.get(int(picture.color_trc), ""),
            interlaced=bool(look.frame.interlaced_frame) if look.frame else int(codec.field_order) in FIELDS,
        )


@dataclass(slots=True)
class _Look:
    """What the packets say, in times on the container's own clock.

    Args:
        frame: the first one, decoded; None when none was found.
        times: of the frames that are shown, sorted.
        whole: whether `times` holds them all.
        end: of the last frame, its length in.
        count: packets met.
        jumps: how often their clock was mended.
    """

    frame: Any = None
    times: list[Seconds] = field(default_factory=list)
    whole: bool = False
    end: Seconds = 0.0
    count: int = 0
    jumps: int = 0


def _look(container: Any, stream: Any, headway: Headway) -> _Look:
    """The first frame, and the times of all: from the index when the header has an even one, else from the packets.

    An index holds decoding times. Those of uneven files are not the times at which frames are shown.
    """
    look = _Look()
    entries = stream.index_entries
    clock, suspect = Clock(container, stream), is_live(container)
    if stream.frames and len(entries) >= stream.frames:
        stamps = sorted((float(entry.timestamp * stream.time_base), entry.is_discard) for entry in entries)
        times = [at for at, _ in stamps]
        suspect = max((b - a for a, b in itertools.pairwise(times)), default=0.0) > HOLE
        if _odd_gaps(times) == 0:
            look.times, look.whole = [at for at, hidden in stamps if not hidden], True
    _look_at_packets(container, stream, look, headway, clock, suspect=suspect)
    look.times.sort()
    look.jumps = clock.jumps
    return look


def _look_at_packets(
    container: Any, stream: Any, look: _Look, headway: Headway, clock: Clock, *, suspect: bool
) -> None:
    """Fills in the first frame and, where the index has not said it, the times of all; all are read of a file whose
    clock is suspect."""
    import av

    read, latest, indexed, untold = 0, 0.0, look.whole, 0
    base = float(stream.time_base)
    try:
        for packet in clock.mended(container.demux(stream)):
            headway.read(packet)
            size, at = packet.size, None if packet.pts is None else packet.pts * base
            length = packet.duration * base if packet.duration else clock.usual
            if look.frame is None and look.count < FIRST_FRAME:
                with contextlib.suppress(av.FFmpegError, ValueError, IndexError):
                    look.frame = next(iter(packet.decode()), None)
            if indexed and (look.frame is not None or look.count >= FIRST_FRAME):
                return
            if packet.is_discard:  # an edit list leaves it out: others build on it, nobody sees it
                continue
            look.count += size > 0
            if not indexed and size and at is None and clock.jumps:  # the clock took a bad stamp away
                untold += 1
            elif not indexed and size and (at is not None or packet.dts is not None):
                at = packet.dts * base if at is None else at
                if not look.times or at >= latest:
                    latest, look.end = at, at + (length if not clock.jumps else clock.usual)
                look.times.append(at)
            read += size
            if read > SCAN and not suspect:
                break
        else:
            look.whole = True
        _fill(look, untold, clock.usual)
    except (av.FFmpegError, ValueError):
        return  # decoding will meet it again, and say so
    except PROGRAM_FAULTS:
        raise
    except Exception as error:  # of the object store
        raise VideoError(f"reading stopped: {reason_of(error)}") from error


def _fill(look: _Look, untold: int, usual: Seconds) -> None:
    """Times of frames whose own were bad stamps: where one is missing among the others, else behind the last."""
    if not untold:
        return
    look.times.sort()
    filled = []
    for one, other in itertools.pairwise(look.times):
        room = min(untold, round((other - one) / usual) - 1)
        filled += [one + (other - one) * n / (room + 1) for n in range(1, room + 1)]
        untold -= max(0, room)
    filled += [look.end + n * usual for n in range(untold)]
    look.times += filled
    look.end += untold * usual


def _duration(container: Any, stream: Any, look: _Look, first_time: Seconds) -> Seconds:
    """The length of the video: what its header claims, unless its packets say otherwise."""
    claimed = _claimed(container, stream)
    if look.jumps and look.times:
        return look.end - first_time  # what is claimed goes by the broken clock
    if stream.frames and claimed and look.times and look.times[-1] < first_time + claimed:
        return claimed  # sample by sample; with B-frames a packet's own length is not that of its frame
    if look.end and look.whole:  # every packet was seen
        length = look.end - first_time
        cut_short = length < ENDS_EARLY * claimed and container.format.name.startswith(EXACT)
        return claimed if cut_short else length  # decoding will say that the rest is not there
    if claimed or not look.whole:
        return claimed or float(container.duration or 0) / 1e6
    rate = stream.average_rate or stream.guessed_rate
    return float(look.count / rate) if rate else 0.0  # a raw stream: no times at all


def _claimed(container: Any, stream: Any) -> Seconds:
    """The length that the header gives this stream; 0 when it gives none, or one of all streams together."""
    if stream.duration:
        return float(stream.duration * stream.time_base)
    first = float((stream.start_time or 0) * stream.time_base)
    match = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", ""))  # Matroska
    if match:
        hours, minutes, seconds = map(float, match.groups())
        return max(0.0, 3600 * hours + 60 * minutes + seconds - first)
    if len(container.streams) == 1 and stream.start_time is not None:
        return float(container.duration or 0) / 1e6
    return 0.0


def _varies(times: Sequence[Seconds]) -> bool:
    """A few odd gaps (an edit at the start, a long last frame) are no variable frame rate."""
    return len(times) > 3 and _odd_gaps(times) > max(1, 0.02 * (len(times) - 1))


def _odd_gaps(times: Sequence[Seconds]) -> int:
    """How many gaps are off the middle one by more than a fifth; containers that round to milliseconds are let off."""
    gaps = sorted(b - a for a, b in itertools.pairwise(times))
    if not gaps:
        return 0
    middle = gaps[len(gaps) // 2]
    return sum(abs(gap - middle) > max(0.2 * middle, 0.0021) for gap in gaps)
