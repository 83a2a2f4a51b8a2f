"""Frames as what servers take: JPEG pictures or a small mp4, as data URLs; and how many tokens they cost, about."""

from __future__ import annotations

import base64
import io
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from hoigen.core.clip import Frames

QUALITY = 90
"""Of JPEG, 0..100. An answer depends on it, so changing it means raising FORM in chat_server.py."""

PATCH = 28
"""Pixels on a side that become one token in Qwen2-VL: patches of 14, merged two by two."""


class NoFrames(ValueError):
    """A clip should be shown, and has no frames."""


def jpegs(frames: Frames) -> list[bytes]:
    """Each frame as a JPEG. The same pixels give the same bytes."""
    import cv2

    made = []
    for image in frames.images:
        done, data = cv2.imencode(".jpg", _bgr(image), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        assert done, "JPEG takes any uint8 picture"
        made.append(data.tobytes())
    return made


def mp4(frames: Frames) -> bytes:
    """The frames as an H.264 video of constant rate that lasts as long as they do. The same frames give the same bytes.

    Odd sizes lose their last row or column, since chroma is stored for two by two pixels.
    """
    import av
    import numpy as np

    height, width = (side - side % 2 for side in frames.images.shape[1:3])
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4", container_options={"fflags": "+bitexact"}) as container:
        options = {"crf": "18", "preset": "veryfast", "threads": "1"}
        stream = container.add_stream("libx264", rate=rate_of(frames), options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for image in frames.images:
            pixels = np.ascontiguousarray(_bgr(image)[:height, :width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="bgr24")))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def rate_of(frames: Frames) -> Fraction:
    """Frames per second, from the first to the last; 1 for a single frame."""
    if len(frames) < 2 or frames.times[-1] <= frames.times[0]:
        return Fraction(1)
    return Fraction((len(frames) - 1) / float(frames.times[-1] - frames.times[0])).limit_denominator(1000) or Fraction(
        1
    )


def data_url(data: bytes, kind: str) -> str:
    """A file as a URL that holds it.

    Args:
        data: its bytes.
        kind: a media type such as image/jpeg.
    """
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def tokens(width: int, height: int) -> int:
    """How many tokens one picture costs, about: what Qwen2-VL takes, one for each 28 x 28 pixels.

    Args:
        width: pixels.
        height: pixels.

    An estimate for `--dry-run`; models that cut pictures into tiles (LLaVA-OneVision, InternVL) take more, those of a
    fixed number (LLaVA 1.5: 576) more or less.

    Source: Qwen2-VL, section 2.1.
    """
    return max(4, max(1, round(width / PATCH)) * max(1, round(height / PATCH)))


def _bgr(image: np.ndarray) -> np.ndarray:
    import cv2

    bgr: np.ndarray = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR if image.ndim == 2 else cv2.COLOR_RGB2BGR)
    return bgr
