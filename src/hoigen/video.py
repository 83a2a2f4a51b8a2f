"""The only way to videos: PyAV, one thread, one sequential pass.

Second 0 of a video is its first frame. Widths and heights are as shown, rotation applied; pixels that are not square
stay as they are stored. The frame shown at a moment is the last one whose time is not later. Colours follow the
file's own tags (matrix and range; without tags BT.601, limited range, as FFmpeg has it); luma is 0..255 whatever the
file's range; high dynamic range is not tone-mapped. Frames are scaled while they are converted (swscale, bilinear with
its support widened on the way down, so nothing aliases), never enlarged.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hoigen.clip import Clip, Frames, Sampling, Seconds
from hoigen.errors import PROGRAM_FAULTS, VideoError
from hoigen.frameplan import SLACK, Converter, Plan
from hoigen.videofile import check_scheme as check_scheme
from hoigen.videofile import is_local, raw_bytes, said
from hoigen.videofile import opened as opened
from hoigen.videopass import EXACT, Headway, Pass, Progress, start_time

if TYPE_CHECKING:
    import numpy as np

Watch = tuple[Sampling, Callable[["np.ndarray", float], None]]
"""A sampling, and who sees its frames as they pass: called with (image, seconds from the clip's start)."""

WHOLE_DIGEST = 256 << 20
"""Files up to this many bytes are digested whole; of larger ones, and of remote ones, sampled blocks and the size."""
BLOCK = 1 << 20
BLOCKS = 16
ENDS_EARLY = 0.9
"""A clip whose frames reach less of its length than this is broken."""
SCAN = 32 << 20
"""So many bytes of packets are looked at for their times when the header does not list them (WebM, MKV, TS)."""
FIRST_FRAME = 64
"""The first frame is looked for in so many packets."""


def warm() -> None:
    """Imports what decoding takes: when a worker is set up, so that it counts against no clip's deadline."""
    import importlib

    for name in ("numpy", "av.video.reformatter"):
        importlib.import_module(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a file's header says. width, height: pixels as shown, rotation applied.

    rotation: degrees counter-clockwise, one of 0, 90, 180, 270. fps: mean frames per second, 0 when a single frame has
    no length. variable_rate: frames come at uneven intervals. frames: as claimed by the container or counted; None
    when neither is known. bytes: 0 when unknown. start_time: of the first frame, on the container's own clock.
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


def probe(uri: str, progress: Progress | None = None) -> Header:
    """The header of a video. One frame is decoded, since PyAV tells the rotation only with a frame.

    progress: called when reading has moved on. Raises VideoError with the reason: no such file, a directory, empty, no
    video stream, not a video, no frames.
    """
    with opened(uri) as (container, stream):
        look = _look(container, stream, Headway(progress))
        duration = _duration(container, stream, look)
        if duration <= 0:
            raise VideoError("has a duration of zero: its header claims no frames")
        codec = stream.codec_context
        picture = look.frame or codec
        if not picture.width or not picture.height:
            raise VideoError("its header gives no picture size, and no frame could be decoded")
        rotation = int(look.frame.rotation) % 360 if look.frame else 0
        size = picture.width, picture.height
        varies = _varies(look.times)
        return Header(
            uri=uri,
            duration=duration,
            width=size[rotation in (90, 270)],
            height=size[rotation not in (90, 270)],
            rotation=rotation,
            fps=_rate(stream, look, duration, varies),
            codec=codec.codec.canonical_name,
            pixel_format=(look.frame.format.name if look.frame else codec.pix_fmt) or "",
            variable_rate=varies,
            has_audio=bool(container.streams.audio),
            frames=stream.frames or (len(look.times) if look.whole else 0) or None,
            container=container.format.name,
            bytes=max(0, int(container.size or 0)),
            start_time=_first_time(container, stream, look),
        )


def content_digest(uri: str, progress: Progress | None = None) -> str:
    """32 hex digits that are the same for the same content, whatever its name.

    Local files up to `WHOLE_DIGEST` bytes are read whole. Of others, the size and 16 blocks of 1 MiB spread evenly
    are: two files that differ only between those blocks would be taken for the same. progress: called for each block.
    """
    said_so = progress or (lambda: None)
    try:
        with raw_bytes(uri) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            if is_local(uri) and size <= WHOLE_DIGEST:
                digest = hashlib.blake2b(digest_size=16)
                while block := file.read(BLOCK):
                    digest.update(block)
                    said_so()
                return digest.hexdigest()
            digest = hashlib.blake2b(str(size).encode(), digest_size=16)
            for at in range(BLOCKS):
                file.seek((size - BLOCK) * at // (BLOCKS - 1) if size > BLOCK else 0)
                digest.update(file.read(BLOCK))
                said_so()
            return digest.hexdigest()
    except (OSError, ValueError) as error:
        raise VideoError(f"cannot be read: {said(error)}") from None


def decode(
    clip: Clip,
    samplings: Collection[Sampling],
    watchers: Sequence[Watch] = (),
    *,
    progress: Progress | None = None,
) -> dict[Sampling, Frames]:
    """Frames of a clip for all samplings, and for watchers as they pass, from one sequential pass.

    A sampling gives each frame once, so fewer than asked for when the clip has fewer. With `pairs`, frames 2k and
    2k + 1 are neighbours; a frame may stand in two pairs, and a last frame without a neighbour is left out.

    progress: called when the pass is at a later moment, or further on in the file, than it was before.

    Raises VideoError when nothing can be decoded, when the frames reach less than nine tenths of the clip, and when
    more than a tenth of its packets are broken. What a watcher raises passes through as it is.
    """
    if clip.duration <= 0:
        raise VideoError(f"the clip has no length: it starts at {clip.start:g} s and ends at {clip.end:g} s")
    collected: dict[Sampling, list[tuple[np.ndarray, float]]] = {sampling: [] for sampling in samplings}
    plans = [Plan(s, clip.duration, lambda image, at, to=collected[s]: to.append((image, at))) for s in collected]  # type: ignore[misc]
    plans += [Plan(sampling, clip.duration, see) for sampling, see in watchers]
    with opened(clip.uri) as (container, stream):
        decoder = Pass(container, stream, clip.start, clip.end, progress)
        reached = _feed(decoder, plans, clip)
    decoder.check()
    check_reach(reached, clip.duration, clip.start)
    return {sampling: _stack(collected.pop(sampling), sampling, decoder.bad) for sampling in list(collected)}


def walk(
    uri: str,
    *,
    start: Seconds = 0.0,
    end: Seconds | None = None,
    short_side: int | None = 64,
    gray: bool = False,
    progress: Progress | None = None,
) -> Iterator[tuple[np.ndarray, Seconds]]:
    """Every frame from `start` to `end` with its time from the start of the file, scaled to `short_side`.

    Images, all of one shape: (H, W, 3) uint8 RGB, or (H, W) uint8 luma when `gray`. Raises VideoError when the file
    cannot be read, holds no frame, or more than a tenth of its packets are broken; see `check_reach` for its end.
    progress: as of `decode`.
    """
    sampling = Sampling(short_side=short_side, gray=gray)
    with opened(uri) as (container, stream):
        decoder = Pass(container, stream, start, end, progress)
        converter = Converter()
        for frame, at in decoder.frames():
            if at >= start - SLACK:
                yield converter.image(frame, sampling), at
        decoder.check()


def check_reach(reached: Seconds, duration: Seconds, start: Seconds = 0.0) -> None:
    """Raises VideoError when frames that reach so far leave out more than a tenth of what was claimed."""
    if reached < ENDS_EARLY * duration:
        raise VideoError(
            f"its frames end at {start + reached:.2f} s of {start + duration:.2f} s: the file is cut short"
        )


@dataclass(slots=True)
class _Look:
    """What the packets say. times: of frames, sorted; whole: they are all there; end: of the last one, its length in.

    count: packets met. Times are on the container's own clock.
    """

    frame: Any = None
    times: list[Seconds] = field(default_factory=list)
    whole: bool = False
    end: Seconds = 0.0
    count: int = 0


def _look(container: Any, stream: Any, headway: Headway) -> _Look:
    """The first frame, and the times of all: from the index when the header has an even one, else from the packets.

    An index holds decoding times. Those of uneven files are not the times at which frames are shown.
    """
    look = _Look()
    entries = stream.index_entries
    if stream.frames and len(entries) >= stream.frames:
        times = sorted(float(entry.timestamp * stream.time_base) for entry in entries)
        if _odd_gaps(times) == 0:
            look.times, look.whole = times, True
    _look_at_packets(container, stream, look, headway, indexed=look.whole)
    look.times.sort()
    return look


def _look_at_packets(container: Any, stream: Any, look: _Look, headway: Headway, *, indexed: bool) -> None:
    import av

    read, latest = 0, 0.0
    base = float(stream.time_base)
    gap = float(1 / stream.average_rate) if stream.average_rate else 0.0
    try:
        for packet in container.demux(stream):
            headway.read(packet)
            if look.frame is None and look.count < FIRST_FRAME:
                look.frame = _first_of(packet)
            if indexed and (look.frame is not None or look.count >= FIRST_FRAME):
                return
            look.count += packet.size > 0
            if not indexed and packet.pts is not None:
                at = packet.pts * base
                if not look.times or at >= latest:
                    latest, look.end = at, at + (packet.duration * base if packet.duration else gap)
                look.times.append(at)
            read += packet.size
            if read > SCAN:
                return
    except (av.FFmpegError, ValueError):
        return  # decoding will meet it again, and say so
    except PROGRAM_FAULTS:
        raise
    except Exception as error:  # of the object store
        raise VideoError(f"reading stopped: {said(error)}") from error
    look.whole = True


def _first_of(packet: Any) -> Any:
    import av

    try:
        return next(iter(packet.decode()), None)
    except (av.FFmpegError, ValueError, IndexError):
        return None


def _first_time(container: Any, stream: Any, look: _Look) -> Seconds:
    exact = start_time(container, stream)
    if exact is not None:
        return exact
    if look.frame is not None and look.frame.pts is not None:
        return float(look.frame.pts * look.frame.time_base)
    return look.times[0] if look.times else 0.0


def _duration(container: Any, stream: Any, look: _Look) -> Seconds:
    claimed = _claimed(container, stream)
    if stream.frames and claimed and look.times and look.times[-1] < _first_time(container, stream, look) + claimed:
        return claimed  # sample by sample; with B-frames a packet's own length is not that of its frame
    if look.end and look.whole:  # every packet was seen
        length = look.end - _first_time(container, stream, look)
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


def _rate(stream: Any, look: _Look, duration: Seconds, varies: bool) -> float:
    claimed = stream.average_rate or stream.guessed_rate or stream.base_rate
    if claimed and not varies:
        return float(claimed)
    return len(look.times) / duration if look.whole else float(claimed or 0.0)


def _varies(times: list[Seconds]) -> bool:
    """Whether frames come at uneven intervals: more than a fiftieth of the gaps are odd.

    A few odd gaps (an edit at the start, a long last frame) are no variable frame rate.
    """
    return len(times) > 3 and _odd_gaps(times) > max(1, 0.02 * (len(times) - 1))


def _odd_gaps(times: list[Seconds]) -> int:
    """How many gaps are off the middle one by more than a fifth; containers that round to milliseconds are let off."""
    gaps = sorted(b - a for a, b in itertools.pairwise(times))
    if not gaps:
        return 0
    middle = gaps[len(gaps) // 2]
    return sum(abs(gap - middle) > max(0.2 * middle, 0.0021) for gap in gaps)


def _feed(decoder: Pass, plans: Sequence[Plan], clip: Clip) -> Seconds:
    """Gives every frame to the plans that want it; how far the frames reach, in seconds from the clip's start."""
    converter = Converter()
    shown: tuple[Any, Seconds] | None = None
    for frame, time in decoder.frames():
        at = time - clip.start
        if shown is not None and at > SLACK:
            _offer(plans, *shown, at, converter)
        shown = frame, at
    if shown is None:
        return 0.0
    _offer(plans, *shown, clip.duration + 1.0, converter)
    if decoder.whole:
        return clip.duration
    frame, at = shown
    held = float((frame.duration or 0) * frame.time_base)
    return at + max(held, 1 / clip.fps if clip.fps > 0 else 0.0)


def _offer(plans: Sequence[Plan], frame: Any, at: Seconds, until: Seconds, converter: Converter) -> None:
    for plan in plans:
        plan.offer(frame, max(0.0, at), until, converter)


def _stack(items: list[tuple[np.ndarray, float]], sampling: Sampling, bad: int) -> Frames:
    import numpy as np

    if not items:
        shape = (0, 0, 0) if sampling.gray else (0, 0, 0, 3)
        return Frames(np.empty(shape, np.uint8), np.empty(0), bad)
    return Frames(np.stack([image for image, _ in items]), np.array([at for _, at in items], np.float64), bad)
