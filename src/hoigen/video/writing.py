"""Frames as a video file."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from hoigen.core.clip import Seconds
from hoigen.core.errors import SetupError, VideoError

CRF = "10"
"""x264's quality: what is lost is below what measures see (docs/generate.md)."""
CLOCK = Fraction(1, 90_000)
"""Of pictures with moments of their own."""


def video_of(frames: np.ndarray, fps: float) -> bytes:
    """An MP4 file of frames: H.264 in 4:2:0, tagged BT.709, which browsers play and hoigen reads back.

    The same frames give the same bytes on every machine with the same FFmpeg: one thread encodes.

    Args:
        frames: (frames, height, width, 3), uint8, RGB; height and width even.
        fps: frames per second.

    Raises ValueError for other frames.
    """
    count, height, width = frames.shape[:3] if frames.ndim == 4 else (0, 0, 0)
    if frames.dtype != np.uint8 or not count or frames.shape[3] != 3 or height % 2 or width % 2:
        raise ValueError(f"frames: (frames, height, width, 3) of uint8, even sides; they came as {frames.shape}")
    out = io.BytesIO()
    rate = Fraction(fps).limit_denominator(1001)
    _encode(out, enumerate(frames), rate, 1 / rate)
    return out.getvalue()


def video_of_pictures(pictures: Sequence[tuple[Path, Seconds]], fps: float, out: Path) -> None:
    """Writes a folder of pictures as a video file, whole or not at all: H.264 in 4:2:0, tagged BT.709.

    One picture is in memory at a time. Of odd widths and heights the last column or row goes.

    Args:
        pictures: file of each picture (JPEG, PNG) and the second at which it is shown, in order; the first is second 0.
        fps: frames per second, of the last picture and where players ask.
        out: the file, `.mp4`; its folder is there.

    Raises VideoError for a picture that cannot be read or has another size than the first, SetupError when `out` cannot
    be written.
    """
    import av
    import cv2

    size: tuple[int, int] | None = None
    begin = pictures[0][1]

    def images() -> Iterator[tuple[int, np.ndarray]]:
        nonlocal size
        for path, second in pictures:
            try:
                image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR) if path.stat().st_size else None
            except OSError as error:
                raise VideoError(f"{path}: {error.strerror or error}") from None
            if image is None:
                raise VideoError(f"{path} is no picture that can be read")
            size = size or image.shape[:2]
            if image.shape[:2] != size:
                high, wide = image.shape[:2]
                raise VideoError(f"{path} is {wide}x{high}, the first picture of it {size[1]}x{size[0]}")
            high, wide = (side - side % 2 for side in size)
            yield round((second - begin) / CLOCK), image[:high, :wide, ::-1]

    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        _encode(f"file:{part}", images(), Fraction(fps).limit_denominator(1001), CLOCK)
        part.replace(out)
    except (av.FFmpegError, OSError) as error:
        raise SetupError(f"cannot write {out.parent}: {error}") from None
    finally:
        part.unlink(missing_ok=True)


def _encode(out: Any, images: Iterable[tuple[int, np.ndarray]], rate: Fraction, clock: Fraction) -> None:
    """Stamps, in units of `clock`, and RGB pictures of one size as an MP4 file."""
    import av

    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": CRF, "threads": "1"})
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = clock
        context.color_primaries = context.color_trc = context.colorspace = 1  # BT.709
        context.color_range = 1  # of television
        begun = False
        for at, image in images:
            if not begun:
                stream.height, stream.width = image.shape[:2]
                begun = True
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
            frame.pts, frame.time_base = at, clock
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
