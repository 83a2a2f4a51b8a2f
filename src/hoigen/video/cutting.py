"""A clip as a file of its own: frame-exact by encoding anew, or copied at keyframes."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import re
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from hoigen.core.clip import Clip, Seconds
from hoigen.core.errors import SetupError, UsageError, VideoError, shown
from hoigen.video.clock import Clock
from hoigen.video.faces import Box, Faces, hidden
from hoigen.video.file import Progress, opened
from hoigen.video.header import Header, probe
from hoigen.video.plan import SLACK, Turn
from hoigen.video.sequence import SEARCHABLE, SEEK_BACK, UNORDERED, Headway, Pass, check_reach, rewind, zero_of

CRF = "18"
"""x264's quality: the value FFmpeg's encoding guide calls visually lossless or nearly so."""
PRESET = "veryfast"
TOUCH_EVERY: Seconds = 1.0
SOUND_BEFORE = 100
"""Sound may come before the picture that it belongs to by so many packets."""
FILE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}")
AUDIO = frozenset({"aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"})
"""Audio that players know inside MP4; it is copied, and other audio is left out."""


def cut_clip(
    clip: Clip,
    out: Path,
    copy: bool = False,
    progress: Progress | None = None,
    *,
    crop: Box | None = None,
    faces: Faces | None = None,
) -> Path:
    """Writes a clip to a file, whole or not at all.

    Encoded anew it is exactly the clip's frames with their own times (so a variable frame rate stays one), from 0, as
    H.264 at CRF 18, in MP4. Pixel format, colour tags, pixel aspect and the way it is turned stay, interlaced frames
    are made whole; of odd widths and heights the last column or row goes, since H.264 in 4:2:0 has none.

    Copied, packets are untouched, from the last keyframe that is not later than the start up to the first keyframe that
    is not earlier than the end: the file covers the clip and may be longer on both sides.

    The first audio stream is copied, to the nearest packet (about 20 ms), when MP4 players know its codec, else left
    out. Subtitles and other streams are left out.

    Args:
        clip: the stretch of a video.
        out: the file, `.mp4`; its suffix becomes `.mkv` when packets are copied whose codec MP4 cannot hold.
        copy: copy packets instead of encoding anew.
        progress: called when reading the video has moved on.
        crop: the part of the picture that the file shows, to even numbers of pixels; not with `copy`.
        faces: of the clip, which the file does not show (it is 4:2:0 and 8 bits then); not with `copy` or `crop`.

    Returns the file that was written.

    Raises VideoError when the video cannot be read or ends before the clip does, SetupError when `out` cannot be
    written.
    """
    import av

    if copy and (crop is not None or faces is not None):
        raise ValueError("packets that are copied cannot be changed")
    if crop is not None and faces is not None:
        raise ValueError("faces are told of the whole picture, not of a part of it")
    out = Path(out)
    header = probe(clip.uri, progress)
    with opened(clip.uri) as (container, stream):
        if copy:
            with av.open(io.BytesIO(), "w", format="mp4") as mp4:
                held = mp4.supported_codecs
            out = out if stream.codec_context.name in held else out.with_suffix(".mkv")
        part = out.with_name(f".{out.stem}.{os.getpid()}.part{out.suffix}")
        progress = _touching(part, progress)
        try:
            with _written(part) as target:
                source = _Source(container, stream, clip, progress, header.jumps)
                if copy:
                    _copied(source, target, header)
                else:
                    _encoded(source, target, header, crop, faces)
            part.replace(out)
        finally:
            part.unlink(missing_ok=True)
    return out


def _touching(part: Path, progress: Progress | None) -> Progress | None:
    """Progress that shows in the time of the half-written file too: one that is older than a deadline is nobody's."""
    if progress is None:
        return None
    touched = time.monotonic()

    def moved_on() -> None:
        nonlocal touched
        progress()
        if time.monotonic() - touched > TOUCH_EVERY:
            touched = time.monotonic()
            with contextlib.suppress(OSError):
                os.utime(part)

    return moved_on


@contextlib.contextmanager
def _written(path: Path) -> Iterator[_Target]:
    import av

    try:
        # "file:" as in `opened`: a folder named "12:30" is no protocol
        container = av.open(f"file:{path}", "w", format="matroska" if path.suffix == ".mkv" else "mp4")
    except (av.FFmpegError, OSError) as error:
        raise SetupError(f"cannot write {path.parent}: {error.strerror or error}") from None
    try:
        yield _Target(path, container)
        try:
            container.close()
        except av.FFmpegError as error:
            raise SetupError(f"cannot write {path.parent}: {error.strerror or error}") from None
    finally:
        with contextlib.suppress(av.FFmpegError):
            container.close()


class _Target:
    """The file under way; what goes wrong here is no fault of the video."""

    def __init__(self, path: Path, container: Any) -> None:
        self.path, self.container = path, container

    def mux(self, packets: Any) -> None:
        import av

        try:
            self.container.mux(packets)
        except av.FFmpegError as error:
            raise SetupError(f"cannot write {self.path.parent}: {error}") from None


class _Source:
    """The clip's stretch of an open video: video and audio packets as they come, times on the streams' own clocks."""

    def __init__(self, container: Any, stream: Any, clip: Clip, progress: Progress | None, jumps: int) -> None:
        self.container, self.video, self.clip, self.progress = container, stream, clip, progress
        self.jumps, self.untold = jumps, 0
        self.zero = zero_of(container, stream)
        found = [s for s in container.streams.audio if s.codec_context is not None and s.codec_context.name in AUDIO]
        self.audio = found[0] if found else None

    def ticks(self, second: float) -> int:
        return int((second + self.zero) / self.video.time_base)

    def second(self, stamp: int, time_base: Fraction) -> float:
        return float(stamp * time_base) - self.zero

    def packets(self) -> Iterator[Any]:
        """Of video and sound, as they come, from the last keyframe that is not later than the clip's start.

        Raises VideoError where there is none. Some containers are searched badly: more is read of them, and then all.
        """
        if self.jumps == 0 and self.container.format.name.startswith(SEARCHABLE):
            for back in SEEK_BACK:
                if self.clip.start - back > 0:
                    self.container.seek(self.ticks(self.clip.start + SLACK - back), stream=self.video, backward=True)
                    if (found := self._from_keyframe()) is not None:
                        yield from found
                        return
        timeless = VideoError(
            f"tells no times of presentation ({self.container.format.name}), which copied packets need: "
            "cut it without --copy"
        )
        try:
            rewind(self.container, self.video)
        except PermissionError:  # a raw stream, in which FFmpeg searches nothing
            raise timeless from None
        found = self._from_keyframe()
        if found is None and self.untold:
            raise timeless
        if found is None:
            raise VideoError(f"holds no keyframe before the clip's start at {self.clip.start:g} s")
        yield from found

    def _from_keyframe(self) -> Iterator[Any] | None:
        """The packets from the last keyframe on; None when the first one that comes is too late."""
        coming = self._demuxed()
        held: list[Any] = []
        for packet in coming:
            if packet.stream is not self.video:
                held.append(packet)
                continue
            at = None if packet.pts is None else self.second(packet.pts, packet.time_base)
            self.untold += at is None and packet.size > 0
            if packet.is_keyframe and at is not None and at <= self.clip.start + SLACK:
                sound = [each for each in held if each.stream is not self.video]
                held = [*sound[-SOUND_BEFORE:], packet]
            elif any(each.stream is self.video for each in held):
                held.append(packet)
            if packet.dts is not None and self.second(packet.dts, packet.time_base) > self.clip.start + SLACK:
                break
        begun = any(each.stream is self.video for each in held)
        return itertools.chain(held, coming) if begun else None

    def _demuxed(self) -> Iterator[Any]:
        headway = Headway(self.progress)
        clock = Clock(self.container, self.video)
        packets = self.container.demux([s for s in (self.video, self.audio) if s is not None])
        for packet in clock.mended(packets):
            headway.read(packet)
            if packet.dts is not None:
                headway.at(self.second(packet.dts, packet.time_base))
                if self.container.format.name.startswith(UNORDERED) and packet.stream is self.video:
                    packet.pts = None if self.video.codec_context.has_b_frames else packet.dts
            yield packet


class _Sound:
    """Copies the audio packets of a stretch; a packet belongs to it when it starts in it."""

    def __init__(self, source: _Source, target: _Target, end: float) -> None:
        self.source, self.target, self.end = source, target, end
        self.stream = target.container.add_stream_from_template(source.audio) if source.audio is not None else None
        self.waiting: list[Any] = []
        self.latest: int | None = None
        self.done = self.stream is None

    def take(self, packet: Any) -> None:
        """Holds a packet until it is known where the stretch begins."""
        if packet.pts is None:
            return
        at = self.source.second(packet.pts, packet.time_base)
        if at >= self.end:
            self.done = True
        else:
            self.waiting.append((at, packet))

    def flush(self, begin: float) -> None:
        for at, packet in self.waiting:
            if at >= begin - SLACK:
                shift = round((begin + self.source.zero) / packet.time_base)
                packet.pts -= shift
                packet.dts = packet.dts - shift if packet.dts is not None else packet.pts
                packet.stream = self.stream
                if self.latest is None or packet.dts > self.latest:  # where a clock was mended, sound may overlap
                    self.latest = packet.dts
                    self.target.mux(packet)
        self.waiting.clear()


def _encoded(source: _Source, target: _Target, header: Header, crop: Box | None, faces: Faces | None) -> None:
    """Video in the very pass that measures see; sound is gathered first, from the file opened once more."""
    clip = source.clip
    sound = _Sound(source, target, clip.end)
    encoder = _Encoder(source, target, header, crop, faces)
    silent: bool = sound.done
    if not silent:
        with opened(clip.uri) as (container, stream):
            for packet in _Source(container, stream, clip, source.progress, source.jumps).packets():
                if packet.stream.type == "audio":
                    sound.take(packet)
                if sound.done:
                    break
    frames = Pass(source.container, source.video, clip.start, clip.end, source.progress, source.jumps)
    for frame, at in frames.frames():
        encoder.see(frame, at)
        if encoder.stream is not None:
            sound.flush(source.second(encoder.begin, encoder.base))
    encoder.finish(whole=frames.whole)


class _Encoder:
    """Decodes the clip's frames and encodes them with their own times and lengths."""

    def __init__(
        self, source: _Source, target: _Target, header: Header, shown: Box | None, faces: Faces | None
    ) -> None:
        self.source, self.target, self.header, self.shown, self.faces = source, target, header, shown, faces
        self.base: Fraction = source.video.time_base
        codec = source.video.codec_context
        self.full = codec.width, codec.height
        self.left = self.top = 0
        self.size = codec.width - codec.width % 2, codec.height - codec.height % 2
        self.stream: Any = None
        self.crop: Any = None
        self.held: Any = None  # the latest frame, until the next one says how long it is shown
        self.begin = self.latest = 0
        self.lengths: dict[int, int] = {}

    def see(self, frame: Any, at: Seconds) -> None:
        """A frame and its time in the file, in order of time."""
        if at < self.source.clip.start - SLACK:
            return
        stamp = round((at + self.source.zero) / self.base)
        if self.held is None or stamp > self.held.pts:
            frame.pts = stamp
            self._pass_on(stamp)
            self.held = frame

    def _pass_on(self, until: int) -> None:
        """Encodes the held frame, which is shown until then."""
        frame = self.held
        if frame is None:
            return
        if self.stream is None:
            self.begin = frame.pts
            self._open(frame)
        self.lengths[frame.pts - self.begin] = max(1, until - frame.pts)
        self.latest = until
        pts = frame.pts - self.begin
        boxes = [] if self.faces is None else self.faces.at(float(frame.pts * self.base) - self.source.zero)
        turn = Turn.of(frame)
        frame = hidden(self._fitted(frame), [turn.stored(box) for box in boxes])
        frame.pts, frame.time_base, frame.pict_type = pts, self.base, 0
        self._mux(self.stream.encode(frame))

    def _open(self, frame: Any) -> None:
        import av

        clip = self.source.clip
        if self.shown is not None:
            # in pixels, all even: colours are stored for two by two of them
            box, (width, height) = Turn.of(frame).stored(self.shown), self.full
            self.left, self.top = (int(side * size / 2) * 2 for side, size in zip(box[:2], self.full, strict=True))
            right, bottom = (-int(-side * size // 2) * 2 for side, size in zip(box[2:], self.full, strict=True))
            right, bottom = min(right, width - width % 2), min(bottom, height - height % 2)
            self.size = max(2, right - self.left), max(2, bottom - self.top)
        rate = Fraction(clip.fps).limit_denominator(1001) if clip.fps > 0 else Fraction(25)
        options = {"crf": CRF, "preset": PRESET}
        stream = self.target.container.add_stream("libx264", rate=rate, options=options)
        known = {form.name for form in av.codec.Codec("libx264", "w").video_formats or ()}
        stream.width, stream.height = self.size
        if self.faces is not None:
            known &= {"yuv420p", "yuvj420p"}
        stream.pix_fmt = frame.format.name if frame.format.name in known else "yuv420p"
        context, old = stream.codec_context, self.source.video.codec_context
        context.time_base = self.base
        context.thread_count = 1
        if old.sample_aspect_ratio:
            context.sample_aspect_ratio = old.sample_aspect_ratio
        for tag in ("color_range", "color_primaries", "color_trc", "colorspace"):
            setattr(context, tag, getattr(old, tag))
        if self.header.rotation or self.header.mirrored:
            stream.set_display_rotation(self.header.rotation, hflip=self.header.mirrored)
        self.stream = stream

    def _fitted(self, frame: Any) -> Any:
        """Odd sizes lose their last row or column; frames of another size than the first are scaled to it."""
        even = frame.width - frame.width % 2, frame.height - frame.height % 2
        if self.shown is not None and (frame.width, frame.height) != self.full:
            frame = frame.reformat(width=self.full[0], height=self.full[1])
        elif self.shown is None and even != self.size:
            frame = frame.reformat(width=self.size[0], height=self.size[1])
        if (frame.width, frame.height) != self.size:
            if self.crop is None:
                import av

                self.crop = graph = av.filter.Graph()
                size = {"width": frame.width, "height": frame.height}
                source = graph.add_buffer(**size, format=frame.format, time_base=self.base)
                crop = graph.add("crop", f"{self.size[0]}:{self.size[1]}:{self.left}:{self.top}")
                sink = graph.add("buffersink")
                source.link_to(crop)
                crop.link_to(sink)
                graph.configure()
            self.crop.push(frame)
            frame = self.crop.pull()
        return frame if frame.format.name == self.stream.pix_fmt else frame.reformat(format=self.stream.pix_fmt)

    def _mux(self, packets: Any) -> None:
        for packet in packets:
            packet.duration = self.lengths.pop(packet.pts, packet.duration)
            self.target.mux(packet)

    def finish(self, *, whole: bool) -> None:
        """whole: the video goes on behind the clip."""
        clip = self.source.clip
        if self.held is not None:
            end = self.source.ticks(clip.end)
            last = self.held.pts + (self.held.duration or round(1 / (clip.fps or 25) / self.base))
            self._pass_on(end if whole else min(end, last))
        if self.stream is None:
            raise VideoError(f"no frame could be decoded between {clip.start:g} s and {clip.end:g} s")
        self._mux(self.stream.encode(None))
        check_reach(float((self.latest - self.begin) * self.base), clip.duration, clip.start)


def _copied(source: _Source, target: _Target, header: Header) -> None:
    """All packets from the keyframe the seek found to the first keyframe at or behind the clip's end."""
    try:
        stream = target.container.add_stream_from_template(source.video)
    except ValueError:
        codec = source.video.codec_context.name
        raise VideoError(f"{codec} can be copied into neither MP4 nor Matroska: cut it without --copy") from None
    if header.rotation or header.mirrored:
        stream.set_display_rotation(header.rotation, hflip=header.mirrored)
    sound = _Sound(source, target, source.clip.end)
    base: Fraction = source.video.time_base
    begin: int | None = None
    step = 0
    latest, done = 0.0, False
    for packet in source.packets():
        if packet.stream is source.audio:
            sound.take(packet)
        elif packet.pts is None and packet.size and begin is not None and not done:
            raise VideoError("a stamp of its clock says nothing of when its frame is shown: cut it without --copy")
        elif packet.pts is not None and not done:
            at = source.second(packet.pts, packet.time_base)
            if begin is None:
                begin, step = packet.pts, -(1 << 62)
            done = packet.is_keyframe and at >= source.clip.end - SLACK
            # leading pictures of an open group belong to the group before
            if packet.pts >= begin and not done:
                latest = max(latest, at + float((packet.duration or 0) * packet.time_base))
                packet.pts -= begin
                if packet.dts is not None:  # a muxer takes decoding times that grow
                    packet.dts = step = max(step + 1, packet.dts - begin)
                packet.stream = stream
                target.mux(packet)
        if begin is not None:
            sound.flush(source.second(begin, base))
        if done and sound.done:
            break
    if begin is None:
        raise VideoError(f"holds no keyframe for the clip at {source.clip.start:g} s")
    if source.second(begin, base) > source.clip.start + 1 / (source.clip.fps or 25):
        raise VideoError(f"holds no keyframe before the clip's start at {source.clip.start:g} s")
    check_reach(latest - source.clip.start, source.clip.duration, source.clip.start)


def check_name(name: str, where: str) -> None:
    """Raises UsageError for a clip's id that is not to become the name of a file: runs come from strangers, too.

    Args:
        name: the id.
        where: the table that it stands in, for the error.
    """
    if not FILE_NAME.fullmatch(name):
        raise UsageError(
            f"{where}: a clip's id is letters, digits, _, - and dots between them, since its file is called so; it "
            f"came as {shown(name)}"
        )


def sweep(out: Path, deadline: Seconds) -> None:
    """Takes away what killed workers left half-written in a folder: a file that a worker moves on with is younger.

    Args:
        out: the folder.
        deadline: seconds after which such a file is nobody's.
    """
    oldest = time.time() - deadline
    for path in out.glob(".*.part.*"):
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < oldest:
                path.unlink()
