"""Which of a file's video streams is looked at: the one that players show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from hoigen import video
from hoigen.core.clip import Clip, Sampling
from hoigen.video.cutting import cut_clip

DEFAULT = av.stream.Disposition.default
COVER = av.stream.Disposition.attached_pic


def with_streams(path: Path, *streams: tuple[tuple[int, int], int, str, Any]) -> Path:
    """Video streams side by side: ((height, width), grey, codec, disposition) each; a cover has one frame."""
    with av.open(str(path), "w") as container:
        made = []
        for (height, width), _, codec, disposition in streams:
            stream = container.add_stream(codec, rate=25)
            stream.width, stream.height = width, height
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            if disposition is not None:
                stream.disposition = disposition
            made.append(stream)
        for at in range(30):
            for stream, ((height, width), grey, codec, _) in zip(made, streams, strict=True):
                if codec == "mjpeg" and at:
                    continue
                frame = av.VideoFrame.from_ndarray(np.full((height, width, 3), grey, np.uint8), format="rgb24")
                frame.pts = at
                container.mux(stream.encode(frame))
        for stream in made:
            container.mux(stream.encode(None))
    return path


SMALL, LARGE = (96, 160), (144, 256)


@pytest.mark.parametrize(
    ("name", "streams", "taken"),
    [
        ("a.mp4", [(SMALL, 60, "libx264", 0), (LARGE, 200, "libx264", DEFAULT)], 1),
        ("a.mkv", [(LARGE, 60, "libx264", 0), (SMALL, 200, "libx264", DEFAULT)], 1),
        ("a.ts", [(SMALL, 60, "libx264", None), (LARGE, 200, "libx264", None)], 1),
        ("a.mov", [(LARGE, 200, "libx264", DEFAULT), (SMALL, 60, "libx264", DEFAULT)], 0),
        ("a.mp4", [(LARGE, 60, "mjpeg", COVER), (SMALL, 200, "libx264", DEFAULT)], 1),
        ("a.mkv", [(LARGE, 60, "mjpeg", DEFAULT), (SMALL, 200, "libx264", 0)], 1),
    ],
)
def test_the_stream_that_players_show(tmp_path: Path, name: str, streams: list[Any], taken: int) -> None:
    path = with_streams(tmp_path / name, *streams)
    header = video.probe(str(path))
    (height, width), grey = streams[taken][:2]
    assert (header.streams, header.width, header.height) == (2, width, height)
    with av.open(str(path)) as container:
        assert container.streams[header.stream].codec_context.width == width
    clip = Clip(id="x", uri=str(path), start=0.2, end=1.0, width=width, height=height, fps=25)
    assert len(list(video.walk(str(path)))) == 30
    few = Sampling(frames=2)
    assert video.decode(clip, [few])[few].images.mean() == pytest.approx(grey, abs=4)
    for copy in (False, True):
        cut = cut_clip(clip, tmp_path / f"cut{copy}.mp4", copy)
        assert video.probe(str(cut)).width == width
