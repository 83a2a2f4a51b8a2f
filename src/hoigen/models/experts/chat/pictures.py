"""Frames as what servers take: JPEG pictures or a small mp4, as data URLs."""

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

    rate = Fraction(0)  # from the first frame to the last
    if len(frames) > 1 and frames.times[-1] > frames.times[0]:
        rate = Fraction((len(frames) - 1) / float(frames.times[-1] - frames.times[0])).limit_denominator(1000)
    height, width = (side - side % 2 for side in frames.images.shape[1:3])
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4", container_options={"fflags": "+bitexact"}) as container:
        options = {"crf": "18", "preset": "veryfast", "threads": "1"}
        stream = container.add_stream("libx264", rate=rate or Fraction(1), options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for image in frames.images:
            pixels = np.ascontiguousarray(_bgr(image)[:height, :width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="bgr24")))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def data_url(data: bytes, kind: str) -> str:
    """A file as a URL that holds it.

    Args:
        data: its bytes.
        kind: a media type such as image/jpeg.
    """
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _bgr(image: np.ndarray) -> np.ndarray:
    import cv2

    bgr: np.ndarray = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR if image.ndim == 2 else cv2.COLOR_RGB2BGR)
    return bgr
