"""Frames as a video file."""

from __future__ import annotations

import io
from fractions import Fraction

import numpy as np

CRF = "10"
"""x264's quality: what is lost is below what measures see (docs/generate.md)."""


def video_of(frames: np.ndarray, fps: float) -> bytes:
    """An MP4 file of frames: H.264 in 4:2:0, tagged BT.709, which browsers play and hoigen reads back.

    The same frames give the same bytes on every machine with the same FFmpeg: one thread encodes.

    Args:
        frames: (frames, height, width, 3), uint8, RGB; height and width even.
        fps: frames per second.

    Raises ValueError for other frames.
    """
    import av

    count, height, width = frames.shape[:3] if frames.ndim == 4 else (0, 0, 0)
    if frames.dtype != np.uint8 or not count or frames.shape[3] != 3 or height % 2 or width % 2:
        raise ValueError(f"frames: (frames, height, width, 3) of uint8, even sides; they came as {frames.shape}")
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        rate = Fraction(fps).limit_denominator(1001)
        stream = container.add_stream("libx264", rate=rate, options={"crf": CRF, "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        context = stream.codec_context
        context.color_primaries = context.color_trc = context.colorspace = 1  # BT.709
        context.color_range = 1  # of television
        for at, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
            frame.pts, frame.time_base = at, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()
