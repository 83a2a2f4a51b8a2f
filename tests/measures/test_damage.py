"""What the decoder could not make whole is a number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hoigen import video
from hoigen.core.clip import Clip, Sampling
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


def test_what_a_transport_stream_lacks_is_told_and_a_join_is_no_loss(tmp_path: Path) -> None:
    frames = pan(texture(7, (400, 900), octaves=8), 200, (3.0, 1.0), (240, 320))
    options = {"options": {"g": "25", "bf": "2"}, "container_options": {"mpegts_flags": "resend_headers"}}
    parts = [render(tmp_path / f"{n}.ts", frames[n * 100 : n * 100 + 100], **options).read_bytes() for n in (0, 1)]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(parts[0] + parts[1])
    assert score_of(joined, 0.0, 8.0).parts == {"torn_frames": 0.0, "lost_packets": 0.0}
    ends = [at for at in range(0, len(parts[0]), 188) if parts[0][at + 1] & 0x5F == 0x41 and parts[0][at + 2] == 0]
    lacking = tmp_path / "lacking.ts"
    lacking.write_bytes(parts[0][: ends[40]] + parts[0][ends[46] :])  # six whole frames, at the borders of packets
    assert len(list(video.walk(str(lacking)))) == 94
    assert score_of(lacking).parts["torn_frames"] > 0
    assert score_of(lacking, 0.0, 1.0).parts["torn_frames"] == 0


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


NEWER = [
    ("libx265", {"g": "25", "x265-params": "log-level=none"}),
    ("libvpx-vp9", {"g": "25", "deadline": "realtime", "cpu-used": "8"}),
    ("libsvtav1", {"g": "25", "preset": "12"}),
]


@pytest.fixture(scope="module", params=NEWER, ids=["hevc", "vp9", "av1"])
def newer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A video of 100 frames, a keyframe each second, and which encoder wrote it."""
    codec, options = request.param
    frames = pan(texture(7, (400, 900), octaves=8), 100, (3.0, 1.0), (240, 320))
    return codec, render(tmp_path_factory.mktemp("newer") / "a.mp4", frames, codec=codec, options=options)


def damaged(path: Path, to: Path, within: slice) -> Path:
    """The same with the bytes of its 45th packet changed: those of a share of it, from 0 to 1."""
    import av

    with av.open(str(path)) as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][44]
        begin, size = packet.pos, packet.size
    data = bytearray(path.read_bytes())
    first, last = begin + int(within.start * size), begin + int(within.stop * size)
    data[first:last] = b"\x7f" * (last - first)
    to.write_bytes(data)
    return to


def looks(path: Path) -> np.ndarray:
    """Its frames at their times, by 25 a second; those that are missing are shown by the one before."""
    clip = Clip(id="0", uri=str(path), end=4.0, width=320, height=240, fps=25)
    sampling = Sampling(fps=25, short_side=240)
    found = video.decode(clip, [sampling])[sampling]
    at = np.searchsorted(found.times, np.arange(100) / 25 + 1e-3, side="right") - 1
    return found.images[np.maximum(at, 0)].astype(int)


def test_newer_codecs_tell_of_packets_that_are_none(newer: tuple[str, Path], tmp_path: Path) -> None:
    codec, whole = newer
    assert score_of(whole).parts == {"torn_frames": 0.0, "lost_packets": 0.0}
    path = damaged(whole, tmp_path / "a.mp4", slice(0.0, 1.0))
    said = score_of(path).parts
    # A packet that no unit begins in; what builds on it is no frame either in VP9.
    assert said == {"torn_frames": 0.0, "lost_packets": 3.0 if codec == "libvpx-vp9" else 1.0}
    for stretch in [(0.0, 0.9), (3.0, 4.0)]:
        assert score_of(path, *stretch).parts == {"torn_frames": 0.0, "lost_packets": 0.0}, "only where it is"


def test_what_their_decoders_do_not_tell_is_what_docs_say(newer: tuple[str, Path], tmp_path: Path) -> None:
    """Of a packet whose end is wrong, HEVC and VP9 make a wrong picture and say nothing; AV1 does not take it. Were it
    otherwise, docs/videos.md would be wrong."""
    codec, whole = newer
    path = damaged(whole, tmp_path / "a.mp4", slice(0.5, 1.0))
    said = score_of(path).parts
    wrong = int((np.abs(looks(path) - looks(whole)).mean((1, 2, 3)) > 0.5).sum())
    assert wrong >= 1
    assert said == {"torn_frames": 0.0, "lost_packets": 1.0 if codec == "libsvtav1" else 0.0}
