"""Opening a video, from a disk or an object store, and the digest of its content."""

from __future__ import annotations

import contextlib
import hashlib
import os
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from hoigen.core import uris
from hoigen.core.clip import Seconds
from hoigen.core.errors import PROGRAM_FAULTS, SetupError, VideoError
from hoigen.core.uris import is_local as is_local

OPEN_TIMEOUT: Seconds = 20.0
"""How long a server that FFmpeg itself talks to may be silent. Without it a stalled connection blocks for ever."""
FORMATS = (
    *("mov", "matroska", "webm", "avi", "mpegts", "mpeg", "flv", "asf", "ogg", "mxf", "nut", "rm", "dv", "gif", "apng"),
    *("mpegvideo", "m4v", "h264", "hevc", "vvc", "obu", "av1", "ivf", "mjpeg", "yuv4mpegpipe"),
    *("mp3", "wav", "flac", "aac"),  # of which can be said that they have no video stream
)
"""FFmpeg's names of the formats that are read: each one file, which names no other. FFmpeg goes by what a file holds,
and playlists (hls, dash, concat, sdp), patterns of names (image2) and scripts (lavfi, vobsub) read what they name."""
LIMITS = {"format_whitelist": ",".join(FORMATS), "enable_drefs": "0"}
"""For FFmpeg: a QuickTime file's `dref` may name a further file, too."""
JPEGS = (".mjpeg", ".mjpg")
"""Suffixes of one JPEG after the other in a file. FFmpeg takes its beginning for that of a single picture."""
WHOLE_DIGEST = 256 << 20
"""Files up to this many bytes are digested whole; of larger ones, and of remote ones, sampled blocks and the size."""
COVERS = frozenset({"mjpeg", "png", "bmp", "gif", "webp", "tiff"})
"""FFmpeg's names of codecs that a picture beside a video has."""
NOT_THERE = "no such file"
BLOCK = 1 << 20
BLOCKS = 16

Progress = Callable[[], None]
"""Called whenever reading a video has moved on, so that whoever waits knows a slow pass from one that hangs."""


@contextlib.contextmanager
def opened(uri: str) -> Iterator[tuple[Any, Any]]:
    """PyAV's container of a video and the video stream that players show, ready to decode on one thread.

    Args:
        uri: path or address of the video.

    Raises VideoError when it cannot be opened, and for what FFmpeg raises inside the `with`; a wrong call of ours
    (another PyAV than hoigen was written for) passes through as it is.
    """
    import av

    with contextlib.ExitStack() as stack:
        # "file:" keeps FFmpeg from taking "12:30.mp4" for a protocol named "12"
        source = f"file:{local_path(uri)}" if is_local(uri) else stack.enter_context(raw_bytes(uri))
        given = "mjpeg" if uri.lower().endswith(JPEGS) and _begins(uri, 2) == b"\xff\xd8" else None
        limits = LIMITS | {"protocol_whitelist": "file" if is_local(uri) else "none"}
        try:
            container = stack.enter_context(
                av.open(source, format=given, container_options=limits, metadata_errors="replace", timeout=OPEN_TIMEOUT)
            )
            stream = _video_stream(container)
        except VideoError:
            raise
        except av.ArgumentError:  # what FFmpeg says of a format that is not on the list
            head = _begins(uri, 16)
            if head[:4] + head[8:12] == b"RIFFWEBP":
                raise VideoError("is a WebP: a still, or an animation, which FFmpeg does not read") from None
            raise VideoError(
                "is in a format that is not read: a playlist or list of pictures, which would read the files that it "
                "names, or a rare one (docs/security.md has those that are)"
            ) from None
        except PROGRAM_FAULTS:
            raise
        except Exception as error:  # on broken files PyAV raises ValueError, IndexError, EOFError, MemoryError too
            raise VideoError(f"cannot be read as a video: {reason_of(error)}") from None
        try:
            yield container, stream
        except av.FFmpegError as error:
            raise VideoError(f"cannot be read as a video: {reason_of(error)}") from None


def _written_otherwise(path: str) -> str:
    """What an error adds where only the code points of accents differ: macOS writes names in others than most lists."""
    for form in ("NFC", "NFD"):
        if "\0" not in path and os.path.lexists(unicodedata.normalize(form, path)):
            return f"; one of that name is there whose accents are written as {form}, which is another name here"
    return ""


def _begins(uri: str, size: int) -> bytes:
    with raw_bytes(uri) as file:
        return file.read(size)


def _video_stream(container: Any) -> Any:
    """The stream that players show: the default one, else the largest; never a cover or a thumbnail."""
    import av

    kind = av.stream.Disposition
    stills = kind.attached_pic | kind.timed_thumbnails | kind.still_image
    pictures = [s for s in container.streams.video if not s.disposition & stills]
    streams = [s for s in pictures if s.codec_context is not None]
    if not streams:
        kinds = (
            ", ".join(sorted({"cover picture" if s.type == "video" else s.type for s in container.streams})) or "none"
        )
        raise VideoError("its codec is unknown" if pictures else f"has no video stream (streams: {kinds})")

    def rank(stream: Any) -> tuple[bool, bool, int, int]:
        codec = stream.codec_context
        cover = codec.name in COVERS and stream.frames <= 1  # one that is not marked as such
        return not cover, bool(stream.disposition & kind.default), codec.width * codec.height, stream.frames

    stream = max(streams, key=rank)  # of equal ones the first
    stream.codec_context.thread_type = "NONE"
    stream.codec_context.thread_count = 1
    if not stream.time_base:
        raise VideoError("has no time base: its header is broken")
    return stream


def local_path(uri: str) -> str:
    """The path of a file of this machine. Raises VideoError when there is none that can be read.

    Args:
        uri: a path, or a `file://` address.
    """
    path = uris.path_of(uri)
    if "\0" in path or not os.path.lexists(path):
        raise VideoError(NOT_THERE + _written_otherwise(path))
    if os.path.isdir(path):
        raise VideoError("is a directory, not a video")
    if not os.path.exists(path):
        raise VideoError("is a link that leads nowhere")
    if not os.path.isfile(path):
        raise VideoError("is a device or a pipe, not a file")
    if not os.access(path, os.R_OK):
        raise VideoError("may not be read (permission denied)")
    if os.path.getsize(path) == 0:
        raise VideoError("is empty (0 bytes)")
    return path


@contextlib.contextmanager
def raw_bytes(uri: str, *, exact: bool = False) -> Iterator[BinaryIO]:
    """The bytes of a file, for reading.

    Args:
        uri: path or address of the file.
        exact: of a store, as of `uris.open_remote`.

    Raises VideoError when it is not there, SetupError when its scheme needs a further package.
    """
    if is_local(uri):
        with open(local_path(uri), "rb") as file:
            yield file
        return
    if (wrong := uris.fault(uri)) is not None:
        raise VideoError(wrong)
    try:
        opened_file = uris.open_remote(uri, exact=exact)
    except ImportError as error:
        raise SetupError(f"{uris.scheme_of(uri)}:// needs a further package: {error}") from None
    except PROGRAM_FAULTS:
        raise
    except Exception as error:
        raise VideoError(f"cannot be opened: {reason_of(error)}") from None
    with opened_file as file:
        yield file


def content_digest(uri: str, progress: Progress | None = None, *, local: bool | None = None) -> str:
    """32 hex digits that are the same for the same content, whatever its name.

    Local files up to `WHOLE_DIGEST` bytes are read whole. Of others, the size and 16 blocks of 1 MiB spread evenly
    are: two files that differ only between those blocks would be taken for the same.

    Args:
        uri: path or address of the file.
        progress: called for each block.
        local: as a local file is digested, or as one of a store; None: as this one is. What has moved from one to the
            other is compared by the form that it was measured in.
    """
    moved_on = progress or (lambda: None)
    try:
        with raw_bytes(uri, exact=True) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            if (is_local(uri) if local is None else local) and size <= WHOLE_DIGEST:
                digest = hashlib.blake2b(digest_size=16)
                while block := file.read(BLOCK):
                    digest.update(block)
                    moved_on()
                return digest.hexdigest()
            digest = hashlib.blake2b(str(size).encode(), digest_size=16)
            for at in range(BLOCKS):
                file.seek((size - BLOCK) * at // (BLOCKS - 1) if size > BLOCK else 0)
                digest.update(file.read(BLOCK))
                moved_on()
            return digest.hexdigest()
    except (OSError, ValueError) as error:
        raise VideoError(f"cannot be read: {reason_of(error)}") from None


def reason_of(error: BaseException) -> str:
    """What an error says, and its kind."""
    text = getattr(error, "strerror", None) or str(error) or "no reason given"
    return f"{text} ({type(error).__name__})"
