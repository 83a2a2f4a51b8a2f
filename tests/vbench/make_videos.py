"""Writes the small videos in data/; they are kept as files, since encoders differ from version to version.

python tests/vbench/make_videos.py

plain: no tags that matter. bt709: H.264 tagged BT.709. full: VP9, BT.709, full range. tall: portrait, an even count of
frames. nearly: 224 x 238 patches-wise square, but not a square. two, one: that many frames. fifty: more frames than
are sampled, of a count that no rule divides evenly. large: more than 512 pixels on both sides. wide: sizes that come
out elsewhere when rounded instead of cut off, and a middle between two pixels. uneven, even: large enough for AMT at
all its scales, with sides that 16 does not divide; an odd and an even count of frames.
"""

from __future__ import annotations

import sys
from pathlib import Path

import av
import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[1]))

from render import pan, texture

DATA = Path(__file__).parent / "data"
BT601, BT709 = 5, 1
LIMITED, FULL = 1, 2


def write(
    name: str, count: int, size: tuple[int, int], *, codec: str = "libx264", matrix: int = BT601, reach: int = LIMITED
) -> None:
    chance = np.random.default_rng(len(name))
    frames = pan(texture(len(name), (size[0] + 60, size[1] + 90), octaves=7), count, (4.6, 2.3), size)
    with av.open(str(DATA / f"{name}.mp4"), "w") as container:
        stream = container.add_stream(codec, rate=24, options={"crf": "32"})
        stream.height, stream.width = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.colorspace, stream.codec_context.color_range = matrix, reach
        for image in frames:
            noisy = np.clip(image + chance.integers(-9, 10, image.shape), 0, 255).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(noisy, format="rgb24")
            colours = {"dst_colorspace": matrix, "dst_color_range": reach}
            container.mux(stream.encode(frame.reformat(format="yuv420p", **colours)))
        container.mux(stream.encode(None))


if __name__ == "__main__":
    write("plain", 9, (72, 128))
    write("bt709", 5, (64, 96), matrix=BT709)
    write("full", 5, (64, 96), codec="libvpx-vp9", matrix=BT709, reach=FULL)
    write("tall", 6, (96, 64))
    write("nearly", 3, (64, 68))
    write("two", 2, (48, 64))
    write("one", 1, (48, 64))
    write("fifty", 49, (32, 64))
    write("large", 2, (546, 704))
    write("wide", 2, (248, 562))
    write("uneven", 7, (138, 190), matrix=BT709)
    write("even", 6, (134, 128))
