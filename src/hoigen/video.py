"""The only file that opens videos: PyAV, one thread, one sequential pass.

Second 0 of a video is its first frame. Widths and heights are as shown, rotation applied. The frame shown at a
moment is the last one whose time is not later. Colours follow the file's own tags. Frames are scaled while they
are converted (swscale, bilinear with its support widened on the way down, so nothing aliases), never enlarged.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from hoigen.clip import Clip, Frames, Sampling, Seconds
from hoigen.errors import VideoError
from hoigen.frameplan import SLACK, Converter, Plan

if TYPE_CHECKING:
    import numpy as np

Watch = tuple[Sampling, Callable[["np.ndarray", float], None]]
"""A sampling, and who sees its frames as they pass: called with (image, seconds from the clip's start)."""

OPEN_TIMEOUT: Seconds = 20.0
"""How long a server may be silent. Without it a stalled connection blocks for ever."""
WHOLE_DIGEST = 256 << 20
"""Files up to this many bytes are digested whole; of larger ones, and of remote ones, sampled blocks and the size."""
BLOCK = 1 << 20
BLOCKS = 16
ENDS_EARLY = 0.9
"""A clip whose frames reach less of its length than this is broken."""
BAD_PACKETS = 0.1
"""A clip of whose packets a larger share cannot be decoded is broken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a file's header says. width, height: pixels as shown, rotation applied.

    rotation: degrees counter-clockwise, one of 0, 90, 180, 270. fps: mean frames per second. frames: as claimed by
    the container; None when it does not say. start_time: of the first frame, on the container's own clock.
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


def probe(uri: str) -> Header:
    """The header of a video. One frame is decoded, since PyAV tells the rotation only with a frame.

    Raises VideoError with the reason: no such file, a directory, empty, no video stream, not a video.
    """
    with opened(uri) as (container, stream):
        times = _packet_times(container, stream)
        duration = _duration(container, stream, times)
        if duration <= 0:
            raise VideoError("has a duration of zero: its header claims no frames")
        rate = stream.average_rate or stream.guessed_rate or stream.base_rate
        fps = float(rate) if rate else (len(times) / duration if times else 0.0)
        rotation = _first_rotation(container, stream)
        codec = stream.codec_context
        turned = rotation in (90, 270)
        return Header(
            uri=uri,
            duration=duration,
            width=codec.height if turned else codec.width,
            height=codec.width if turned else codec.height,
            rotation=rotation,
            fps=fps,
            codec=codec.name,
            pixel_format=codec.pix_fmt or "",
            variable_rate=_varies(times),
            has_audio=bool(container.streams.audio),
            frames=stream.frames or None,
            container=container.format.name,
            bytes=int(container.size or 0),
            start_time=_start(stream),
        )


def content_digest(uri: str) -> str:
    """32 hex digits that are the same for the same content, whatever its name.

    Local files up to `WHOLE_DIGEST` bytes are read whole. Of others, the size and 16 blocks of 1 MiB spread evenly
    are: two files that differ only between those blocks would be taken for the same.
    """
    try:
        with _bytes(uri) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            if _is_local(uri) and size <= WHOLE_DIGEST:
                return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()  # type: ignore[arg-type]
            digest = hashlib.blake2b(str(size).encode(), digest_size=16)
            for at in range(BLOCKS):
                file.seek((size - BLOCK) * at // (BLOCKS - 1) if size > BLOCK else 0)
                digest.update(file.read(BLOCK))
            return digest.hexdigest()
    except OSError as error:
        raise VideoError(f"cannot be read: {error.strerror or error}") from None


def decode(clip: Clip, samplings: Collection[Sampling], watchers: Sequence[Watch] = ()) -> dict[Sampling, Frames]:
    """Frames of a clip for all samplings, and for watchers as they pass, from one sequential pass.

    A sampling gives each frame once, so fewer than asked for when the clip has fewer. With `pairs`, frames 2k and
    2k + 1 are neighbours; a frame may stand in two pairs, and a last frame without a neighbour is left out.

    Raises VideoError when nothing can be decoded, when the video ends well before the clip does, and when more than
    a tenth of the packets are broken.
    """
    collected: dict[Sampling, list[tuple[np.ndarray, float]]] = {sampling: [] for sampling in samplings}
    plans = [Plan(s, clip.duration, lambda image, at, to=collected[s]: to.append((image, at))) for s in collected]  # type: ignore[misc]
    plans += [Plan(sampling, clip.duration, see) for sampling, see in watchers]
    with opened(clip.uri) as (container, stream):
        decoder = _Decoder(container, stream, clip.start, clip.start + clip.duration)
        reached = _feed(decoder, plans, clip)
    _check_whole(clip, decoder, reached)
    return {sampling: _stack(items, sampling, decoder.bad) for sampling, items in collected.items()}


def walk(
    uri: str,
    *,
    start: Seconds = 0.0,
    end: Seconds | None = None,
    short_side: int | None = 64,
    gray: bool = False,
) -> Iterator[tuple[np.ndarray, Seconds]]:
    """Every frame from `start` to `end` with its time from the start of the file, scaled to `short_side`.

    Images: (H, W, 3) uint8 RGB, or (H, W) uint8 luma when `gray`. Raises VideoError when the file cannot be read,
    holds no frame, or more than a tenth of its packets are broken.
    """
    sampling = Sampling(short_side=short_side, gray=gray)
    with opened(uri) as (container, stream):
        decoder = _Decoder(container, stream, start, end)
        converter = Converter()
        for frame, at in decoder.frames():
            if at >= start - SLACK:
                yield converter.image(frame, sampling), at
        _check_packets(decoder)


@contextlib.contextmanager
def opened(uri: str) -> Iterator[tuple[Any, Any]]:
    """Container and its video stream, ready to decode on one thread. What goes wrong inside is a VideoError."""
    import av

    with contextlib.ExitStack() as stack:
        source = _local_path(uri) if _is_local(uri) else stack.enter_context(_bytes(uri))
        try:
            container = stack.enter_context(av.open(source, metadata_errors="replace", timeout=OPEN_TIMEOUT))
            stream = _video_stream(container)
            yield container, stream
        except (VideoError, MemoryError):
            raise
        except Exception as error:  # PyAV raises ValueError, IndexError, EOFError too on broken files
            if not _is_decoding_fault(error):
                raise
            raise VideoError(f"cannot be read as a video: {_said(error)}") from None


def _is_decoding_fault(error: Exception) -> bool:
    """Whether PyAV raised it; what a watcher raises is not the file's fault."""
    import av

    if isinstance(error, av.FFmpegError):
        return True
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    # PyAV's own frames are compiled; then the last Python frame is this file.
    return trace is not None and os.path.basename(trace.tb_frame.f_code.co_filename) == os.path.basename(__file__)


def _said(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return f"{text} ({type(error).__name__})"


def _video_stream(container: Any) -> Any:
    import av

    covers = av.stream.Disposition.attached_pic
    streams = [s for s in container.streams.video if s.codec_context is not None and not s.disposition & covers]
    if not streams:
        kinds = ", ".join(sorted({s.type for s in container.streams})) or "none"
        raise VideoError(f"has no video stream (streams: {kinds})")
    stream = streams[0]
    stream.codec_context.thread_type = "NONE"
    stream.codec_context.thread_count = 1
    if not stream.time_base:
        raise VideoError("has no time base: its header is broken")
    return stream


def _is_local(uri: str) -> bool:
    return "://" not in uri or uri.startswith("file://")


def _local_path(uri: str) -> str:
    path = uri.removeprefix("file://")
    if not os.path.lexists(path):
        raise VideoError("no such file")
    if os.path.isdir(path):
        raise VideoError("is a directory, not a video")
    if not os.path.exists(path):
        raise VideoError("is a link that leads nowhere")
    if not os.access(path, os.R_OK):
        raise VideoError("may not be read (permission denied)")
    if os.path.isfile(path) and os.path.getsize(path) == 0:
        raise VideoError("is empty (0 bytes)")
    return path


@contextlib.contextmanager
def _bytes(uri: str) -> Iterator[BinaryIO]:
    if _is_local(uri):
        with open(_local_path(uri), "rb") as file:
            yield file
        return
    import fsspec

    try:
        opened = fsspec.open(uri, "rb").open()
    except Exception as error:
        raise VideoError(f"cannot be opened: {_said(error)}") from None
    with opened as file:
        yield file


def _start(stream: Any) -> Seconds:
    return float((stream.start_time or 0) * stream.time_base)


def _packet_times(container: Any, stream: Any) -> list[Seconds]:
    """Times of all packets when the header lists them (MP4, MOV, AVI), sorted; else of none."""
    entries = stream.index_entries
    if len(entries) < 2 or (stream.frames and len(entries) < stream.frames):
        return []
    return sorted(float(entry.timestamp * stream.time_base) for entry in entries)


def _duration(container: Any, stream: Any, times: list[Seconds]) -> Seconds:
    if stream.duration:
        return float(stream.duration * stream.time_base)
    if len(times) > 1:
        return times[-1] - times[0] + (times[-1] - times[0]) / (len(times) - 1)
    return _duration_by_packets(container, stream) or float(container.duration or 0) / 1e6


def _duration_by_packets(container: Any, stream: Any) -> Seconds:
    """From the packets' own times, for containers (WebM, MKV, TS) whose header speaks for all streams together."""
    first, last, count = None, None, 0
    for packet in container.demux(stream):
        if packet.pts is None:
            continue
        count += 1
        end = packet.pts + (packet.duration or 0)
        first = packet.pts if first is None else min(first, packet.pts)
        last = end if last is None else max(last, end)
    container.seek(0)
    if first is None or last is None:
        return 0.0
    length = float((last - first) * stream.time_base)
    rate = stream.average_rate or stream.guessed_rate
    return max(length, float(count / rate) if rate and count == 1 else 0.0)


def _varies(times: list[Seconds]) -> bool:
    """Whether frames come at uneven intervals: more than a fiftieth of the gaps are off by more than a fifth.

    A few odd gaps (an edit at the start, a long last frame) are no variable frame rate.
    """
    gaps = sorted(b - a for a, b in itertools.pairwise(times))
    if len(gaps) < 3:
        return False
    middle = gaps[len(gaps) // 2]
    odd = sum(abs(gap - middle) > max(0.2 * middle, 0.0021) for gap in gaps)  # containers round to milliseconds
    return odd > max(1, 0.02 * len(gaps))


def _first_rotation(container: Any, stream: Any) -> int:
    with contextlib.suppress(Exception):
        for at, packet in enumerate(container.demux(stream)):
            for frame in packet.decode():
                return int(frame.rotation) % 360
            if at > 64:
                break
    return 0


class _Decoder:
    """Frames of one stretch in order of time; packets that cannot be decoded are counted and left out."""

    def __init__(self, container: Any, stream: Any, start: Seconds, end: Seconds | None) -> None:
        self.container, self.stream, self.start, self.end = container, stream, start, end
        self.zero = _start(stream)
        self.packets = self.bad = self.count = 0
        if start > 0:
            container.seek(int((start + self.zero) / stream.time_base), stream=stream, backward=True)

    def frames(self) -> Iterator[tuple[Any, Seconds]]:
        """Frames with their times in the file, from the keyframe before `start` to the first one at `end`."""
        latest = -1e18
        for frame in self._decoded():
            if frame.pts is None:
                continue
            at = float(frame.pts * frame.time_base) - self.zero
            if at <= latest - SLACK:  # a broken clock runs backwards
                continue
            latest = at
            if self.end is not None and at >= self.end - SLACK:
                return
            self.count += 1
            yield frame, at

    def _decoded(self) -> Iterator[Any]:
        import av

        for packet in self._demuxed():
            self.packets += packet.size > 0
            try:
                yield from packet.decode()
            except av.EOFError:
                return
            except av.FFmpegError:
                self.bad += 1

    def _demuxed(self) -> Iterator[Any]:
        import av

        try:
            yield from self.container.demux(self.stream)
        except av.FFmpegError:
            self.bad += 1  # the file ends in the middle of a packet; what came before stands


def _feed(decoder: _Decoder, plans: Sequence[Plan], clip: Clip) -> Seconds:
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
    frame, at = shown
    held = float((frame.duration or 0) * frame.time_base)
    return at + max(held, 1 / clip.fps if clip.fps > 0 else 0.0)


def _offer(plans: Sequence[Plan], frame: Any, at: Seconds, until: Seconds, converter: Converter) -> None:
    for plan in plans:
        plan.offer(frame, max(0.0, at), until, converter)


def _check_whole(clip: Clip, decoder: _Decoder, reached: Seconds) -> None:
    _check_packets(decoder)
    check_reach(reached, clip.duration, clip.start)


def check_reach(reached: Seconds, duration: Seconds, start: Seconds = 0.0) -> None:
    """Raises VideoError when frames that reach so far leave out more than a tenth of what was claimed."""
    if reached < ENDS_EARLY * duration:
        raise VideoError(
            f"its frames end at {start + reached:.2f} s of {start + duration:.2f} s: the file is cut short"
        )


def _check_packets(decoder: _Decoder) -> None:
    if decoder.count == 0:
        raise VideoError(f"no frame could be decoded ({decoder.bad} of {decoder.packets} packets are broken)")
    if decoder.bad > BAD_PACKETS * max(1, decoder.packets):
        raise VideoError(f"{decoder.bad} of {decoder.packets} packets cannot be decoded")


def _stack(items: list[tuple[np.ndarray, float]], sampling: Sampling, bad: int) -> Frames:
    import numpy as np

    if not items:
        shape = (0, 0, 0) if sampling.gray else (0, 0, 0, 3)
        return Frames(np.empty(shape, np.uint8), np.empty(0), bad)
    shape = items[0][0].shape
    same = [(image, at) for image, at in items if image.shape == shape]  # a stream may change size on the way
    return Frames(np.stack([image for image, _ in same]), np.array([at for _, at in same], np.float64), bad)
