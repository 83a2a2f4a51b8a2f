"""What the decoder could not make whole is a number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hoigen import video
from hoigen.core.clip import Clip
from hoigen.core.score import Score
from hoigen.measures.damage import Damage
from render import pan, render, texture


def score_of(path: Path, start: float = 0.0, end: float = 4.0) -> Score:
    clip = Clip(id="0", uri=str(path), start=start, end=end, width=320, height=240, fps=25)
    measure = Damage()
    return measure(clip, video.decode(clip, [measure.sampling])[measure.sampling])


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("a.mp4", {"options": {"g": "25", "bf": "2"}}),
        ("a.ts", {"options": {"g": "25", "bf": "2"}}),
        ("a.avi", {"codec": "mpeg4", "options": {"g": "25"}}),
        ("a.mpg", {"codec": "mpeg2video", "options": {"g": "25"}}),
    ],
)
def test_torn_pictures_are_counted_where_they_are(tmp_path: Path, name: str, how: dict[str, Any]) -> None:
    path = render(tmp_path / name, pan(texture(7, (400, 900), octaves=8), 100, (3.0, 1.0), (240, 320)), **how)
    assert score_of(path).parts == {"torn_frames": 0.0, "lost_packets": 0.0}
    data = bytearray(path.read_bytes())
    for at in np.random.default_rng(3).integers(len(data) * 5 // 8, len(data) * 6 // 8, 6):
        data[at] ^= 0xFF
    path.write_bytes(data)
    assert score_of(path).parts["torn_frames"] > 0
    assert score_of(path, 0.0, 1.5).parts["torn_frames"] == 0


def test_packets_that_cannot_be_decoded_are_counted(tmp_path: Path) -> None:
    frames = pan(texture(7, (400, 900), octaves=8), 100, (3.0, 1.0), (240, 320))
    path = render(tmp_path / "a.mp4", frames, options={"g": "10"}, container_options={"movflags": "faststart"})
    import av

    with av.open(str(path)) as container:
        packet = [p for p in container.demux(video=0) if p.size][44]
        where, size = packet.pos, packet.size
    data = bytearray(path.read_bytes())
    data[where : where + size] = b"\x7f" * size  # its first unit would be longer than the packet
    path.write_bytes(data)
    lost = score_of(path).parts["lost_packets"]
    assert lost is not None
    assert lost >= 1
    assert score_of(path, 3.0, 4.0).parts == {"torn_frames": 0.0, "lost_packets": 0.0}
