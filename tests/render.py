"""Small videos whose truth is known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from hoigen.video.priority import kept_priority


def render(
    path: Path,
    frames: Iterable[np.ndarray],
    *,
    fps: float = 25,
    times: Sequence[float] | None = None,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    rotation: int = 0,
    audio: bool = False,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Writes RGB frames (H, W, 3) uint8; `times` in seconds makes the frame rate variable."""
    with av.open(str(path), "w", options=container_options or {}) as container:
        rate = Fraction(fps).limit_denominator(1001)
        stream = container.add_stream(codec, rate=rate, options=options or {})
        sound = container.add_stream("aac", rate=16000) if audio else None
        stream.pix_fmt = pix_fmt
        base = Fraction(1, 90000) if times is not None else 1 / rate
        stream.codec_context.time_base = base
        if rotation:
            stream.set_display_rotation(rotation)
        for at, image in enumerate(frames):
            if at == 0:
                stream.height, stream.width = image.shape[:2]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            second = times[at] if times is not None else float(at / rate)
            frame.pts, frame.time_base = round(second / base), base
            with kept_priority():
                packets = stream.encode(frame)
            container.mux(packets)
        container.mux(stream.encode(None))
        if sound is not None:
            _silence(container, sound, 16000)
    return path


def _silence(container: av.container.OutputContainer, stream: av.AudioStream, samples: int) -> None:
    for at in range(0, samples, 1024):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.rate, frame.pts = 16000, at
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def texture(seed: int, size: tuple[int, int], *, octaves: int = 5, low: float = 20, high: float = 235) -> np.ndarray:
    """A cloud of colours, (H, W, 3) uint8, with detail at all scales."""
    chance = np.random.default_rng(seed)
    height, width = size
    total = np.zeros((height, width, 3), np.float32)
    for octave in range(octaves):
        cells = 2 ** (octave + 1) + 1
        noise = chance.random((cells, cells, 3), np.float32)
        total += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC) / 1.6**octave
    total = (total - total.min()) / (total.max() - total.min())
    return (low + (high - low) * total).astype(np.uint8)


def pan(image: np.ndarray, count: int, step: tuple[float, float], size: tuple[int, int]) -> list[np.ndarray]:
    """A window of (H, W) that moves over a larger image by (x, y) pixels a frame, with sub-pixel steps."""
    height, width = size
    shifts = [np.float32([[1, 0, -at * step[0]], [0, 1, -at * step[1]]]) for at in range(count)]
    return [
        cv2.warpAffine(image, s, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP) for s in shifts
    ]


def counting(count: int, size: tuple[int, int] = (48, 64)) -> list[np.ndarray]:
    """Frames whose number can be read off them: ones as the grey of the left half, tens as that of the right."""
    frames = []
    for at in range(count):
        image = np.full((*size, 3), 20 + 20 * (at // 10), np.uint8)
        image[:, : size[1] // 2] = 20 + 20 * (at % 10)
        frames.append(image)
    return frames


def index_of(image: np.ndarray) -> int:
    width = image.shape[1]
    left, right = image[:, : width // 3].mean(), image[:, -width // 3 :].mean()
    return round((float(left) - 20) / 20) + 10 * round((float(right) - 20) / 20)


def repack(source: Path, target: Path, *, shift: float = 0.0, options: dict[str, str] | None = None) -> Path:
    """The same video packets in another container or with other times: `shift` seconds are taken off each."""
    with av.open(str(source)) as old, av.open(str(target), "w", options=options or {}) as new:
        stream = old.streams.video[0]
        copy = new.add_stream_from_template(stream)
        for packet in old.demux(stream):
            if packet.dts is None:
                continue
            packet.pts -= round(shift / packet.time_base)
            packet.dts -= round(shift / packet.time_base)
            packet.stream = copy
            new.mux(packet)
    return target
