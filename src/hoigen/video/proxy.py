"""A clip as people look at it: a small file that every browser plays, and a strip of frames side by side."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hoigen.core.clip import Clip, Sampling, Seconds
from hoigen.core.errors import SetupError, VideoError
from hoigen.video.file import Progress, opened
from hoigen.video.header import probe
from hoigen.video.plan import SLACK, Converter, Turn
from hoigen.video.retime import BT601, BT709, LIMITED, yuv
from hoigen.video.sequence import Pass, check_reach

if TYPE_CHECKING:
    import numpy as np

VERSION = 1
"""Raised when files come out otherwise: those of before are made anew."""
SHORT_SIDE = 480
KEYFRAME: Seconds = 0.5
"""A jump to any moment decodes half a second at most."""
CLOSEST: Seconds = 1 / 61
"""Of frames that are closer than this, the first is shown: no screen shows more."""
OPTIONS = {"crf": "25", "preset": "veryfast", "bf": "0", "maxrate": "1500k", "bufsize": "3000k", "tune": "fastdecode"}
CLOCK = Fraction(1, 90_000)
TILES = 8
TILE_HEIGHT = 120
JPEG_QUALITY = 78


def write_proxy(clip: Clip, video: Path, strip: Path, progress: Progress | None = None) -> None:
    """Writes a clip for people to look at, and its strip, from one pass; both whole or not at all.

    The video is H.264 in 4:2:0 and 8 bits, 480 pixels on its short side or fewer, without sound, its index in front,
    with a keyframe every half second. It has the clip's own frames at their own times, from 0. Frames are as measures
    see them: turned, high dynamic range brought to a plain screen, interlaced ones made whole; pixels become square.
    The strip is a JPEG of eight of them side by side, at the middles of as many equal stretches of the clip.

    Args:
        clip: the stretch of a video.
        video: the file, `.mp4`.
        strip: the picture, `.jpg`.
        progress: called when reading the video has moved on.

    Raises VideoError when the video cannot be read or ends before the clip does, SetupError when a file cannot be
    written.
    """
    import cv2
    import numpy as np

    part, shown = (path.with_name(f".{path.name}.{os.getpid()}.part") for path in (video, strip))
    writer = _Writer(clip, part)
    try:
        tiles = _pass(clip, writer, progress)
        writer.finish(clip.duration)
        high, wide = tiles[0].shape[:2]
        size = max(1, round(wide * TILE_HEIGHT / high)), TILE_HEIGHT
        small = [cv2.resize(tile, size, interpolation=cv2.INTER_AREA) for tile in tiles]
        quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        _, coded = cv2.imencode(".jpg", np.hstack(small)[:, :, ::-1], quality)
        shown.write_bytes(coded.tobytes())
        shown.replace(strip)
        part.replace(video)  # last: where it is, the strip is
    except OSError as error:
        raise SetupError(f"cannot write {video.parent}: {error.strerror or error}") from None
    finally:
        writer.close()
        for path in (part, shown):
            path.unlink(missing_ok=True)


def _pass(clip: Clip, writer: _Writer, progress: Progress | None) -> list[np.ndarray]:
    """Gives every frame to the writer; returns the pictures of the strip."""
    wanted = [clip.duration * (at + 0.5) / TILES for at in range(TILES)]
    tiles: list[np.ndarray] = []
    converter = Converter()
    jumps = (clip.meta.get("header") or {}).get("jumps")
    if jumps is None and clip.start > 0:
        jumps = probe(clip.uri, progress).jumps
    reached = 0.0
    with opened(clip.uri) as (container, stream):
        decoder = Pass(container, stream, clip.start, clip.end, progress, jumps)
        pixel = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or Fraction(1)
        before: np.ndarray | None = None  # what is shown at a moment is the last frame that is not later
        for frame, time in decoder.frames():
            at = time - clip.start
            if before is not None:
                while len(tiles) < TILES and wanted[len(tiles)] < at - SLACK:
                    tiles.append(before)
            if at < -SLACK:
                continue  # on the way from the keyframe
            image = _square(converter.image(frame, Sampling(short_side=SHORT_SIDE)), frame, pixel)
            reached = max(0.0, at)
            if writer.take(image, max(0.0, at)) or before is None:
                before = image
    decoder.check()
    if before is None:
        raise VideoError("no frame could be decoded")
    if not decoder.whole:
        check_reach(reached + (1 / clip.fps if clip.fps > 0 else 0.0), clip.duration, clip.start)
    return [*tiles, *[before] * (TILES - len(tiles))]


def _square(image: np.ndarray, frame: Any, pixel: Fraction) -> np.ndarray:
    """A picture with square pixels; the longer way is what grows."""
    import cv2

    pixel = pixel if pixel > 0 else Fraction(1)
    pixel = 1 / pixel if Turn.of(frame).transposed else pixel
    high, wide = image.shape[:2]
    if pixel > 1:
        wide = round(wide * pixel)
    elif pixel < 1:
        high = round(high / pixel)
    return image if image.shape[:2] == (high, wide) else cv2.resize(image, (wide, high), interpolation=cv2.INTER_CUBIC)


class _Writer:
    """The video under way: each frame is written when the next one says how long it is shown."""

    def __init__(self, clip: Clip, path: Path) -> None:
        self.clip, self.path = clip, path
        self.container: Any = None
        self.stream: Any = None
        self.held: tuple[Any, int] | None = None
        self.key = -1
        self.lengths: dict[int, int] = {}

    def take(self, image: np.ndarray, at: Seconds) -> bool:
        """A frame and its time; whether it is shown."""
        import numpy as np

        stamp = round(at / CLOCK)
        if self.held is not None and stamp - self.held[1] < CLOSEST / CLOCK:
            return False
        high, wide = (side - side % 2 for side in image.shape[:2])
        if self.stream is None:
            self._open(wide, high)
            stamp = 0  # what is shown at the clip's start is shown from its start on
        self._pass_on(stamp)
        self.held = yuv(np.ascontiguousarray(image[:high, :wide])), stamp
        return True

    def _open(self, wide: int, high: int) -> None:
        import av

        try:
            self.container = av.open(f"file:{self.path}", "w", format="mp4", options={"movflags": "faststart"})
            rate = Fraction(self.clip.fps).limit_denominator(1001) if self.clip.fps > 0 else Fraction(25)
            stream = self.container.add_stream("libx264", rate=rate, options=OPTIONS)
        except (av.FFmpegError, OSError) as error:
            raise SetupError(f"cannot write {self.path.parent}: {error}") from None
        stream.width, stream.height, stream.pix_fmt = wide, high, "yuv420p"
        context = stream.codec_context
        context.time_base, context.thread_count = CLOCK, 1
        context.color_range, context.colorspace = LIMITED, BT601
        context.color_primaries = context.color_trc = BT709
        self.stream = stream

    def _pass_on(self, until: int) -> None:
        if self.held is None:
            return
        from av.video.frame import PictureType

        frame, stamp = self.held
        self.lengths[stamp] = max(1, until - stamp)
        frame.pts, frame.time_base = stamp, CLOCK
        if self.key < 0 or stamp - self.key >= KEYFRAME / CLOCK - 1:
            frame.pict_type, self.key = PictureType.I, stamp
        if (frame.width, frame.height) != (self.stream.width, self.stream.height):
            frame = frame.reformat(width=self.stream.width, height=self.stream.height)
        self._mux(frame)

    def _mux(self, frame: Any) -> None:
        import av

        try:
            for packet in self.stream.encode(frame):
                packet.duration = self.lengths.pop(packet.pts, packet.duration)
                self.container.mux(packet)
        except av.FFmpegError as error:
            raise SetupError(f"cannot write {self.path.parent}: {error}") from None

    def finish(self, end: Seconds) -> None:
        import av

        self._pass_on(round(end / CLOCK))
        self._mux(None)
        container, self.container = self.container, None
        try:
            container.close()
        except av.FFmpegError as error:
            raise SetupError(f"cannot write {self.path.parent}: {error}") from None

    def close(self) -> None:
        """However it ends."""
        import contextlib

        import av

        if self.container is not None:
            with contextlib.suppress(av.FFmpegError):
                self.container.close()


def plays(uri: str) -> bool:
    """Whether every browser shows a video as it is, in its own colours: H.264, VP8, VP9 or AV1 in 4:2:0 and 8 bits, in
    MP4 or WebM, neither interlaced nor of high dynamic range nor with pixels that are not square, and upright.

    Args:
        uri: path of the video. One that cannot be opened is not played.
    """
    from hoigen.core.errors import VideoError
    from hoigen.video import tone

    held = {"h264": ("mov",), "vp8": ("matroska",), "vp9": ("matroska", "mov"), "av1": ("matroska", "mov")}
    try:
        with opened(uri) as (container, stream):
            codec, kind = stream.codec_context, container.format.name
            if not kind.startswith(held.get(codec.name, ("-",))):
                return False
            if kind.startswith("matroska") and not str(uri).lower().endswith(".webm"):
                return False  # browsers take WebM for what is called so, and not every Matroska
            pixel = stream.sample_aspect_ratio or codec.sample_aspect_ratio or 1
            plain = codec.format is not None and codec.format.name in ("yuv420p", "yuvj420p")
            frame = next(container.decode(stream), None)
            return (
                plain
                and pixel == 1
                and codec.color_trc not in tone.TRANSFERS
                and frame is not None
                and not frame.interlaced_frame
                and not any(Turn.of(frame))
            )
    except (VideoError, OSError):
        return False
    except Exception as error:  # of FFmpeg: what cannot be decoded is not played either
        import av

        if isinstance(error, av.FFmpegError):
            return False
        raise
