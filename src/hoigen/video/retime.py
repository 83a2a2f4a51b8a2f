"""A clip at a constant rate, with so many frames of one size: what trainers take without re-timing it once more."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hoigen.core.clip import Clip, Sampling, Seconds
from hoigen.core.errors import SetupError, VideoError
from hoigen.video.faces import Box, Faces, hide
from hoigen.video.file import Progress, opened
from hoigen.video.header import probe
from hoigen.video.plan import SLACK, Converter, Turn
from hoigen.video.priority import kept_priority
from hoigen.video.sequence import Pass

if TYPE_CHECKING:
    import numpy as np

Fit = Literal["crop", "pad"]
Codec = Literal["h264", "hevc", "vp9", "av1"]
ENCODERS: dict[Codec, tuple[str, dict[str, str]]] = {
    "h264": ("libx264", {"crf": "18", "preset": "veryfast", "bf": "0"}),
    "hevc": ("libx265", {"crf": "20", "preset": "fast", "x265-params": "bframes=0:log-level=error"}),
    "vp9": ("libvpx-vp9", {"crf": "24", "b": "0", "cpu-used": "4", "row-mt": "0"}),
    "av1": ("libsvtav1", {"crf": "24", "preset": "8"}),
}
"""FFmpeg's encoder of each codec, and its options. H.264 and HEVC without B-frames: the order of the packets is that of
the frames, so that a loader that takes one for the other is right."""
REPEATED = 0.02
"""Of the frames, the share that may stand twice (and one more): the rounding of rates such as 23.976."""
BT601, BT709, LIMITED = 6, 1, 1
"""FFmpeg's numbers. The matrix is that of BT.601, which decoders take where they read no tags, and the tags say so:
loaders that read them and loaders that do not see the same colours."""


def retimed(
    clip: Clip,
    path: Path,
    *,
    fps: Fraction,
    frames: int,
    size: tuple[int, int],
    fit: Fit = "crop",
    codec: Codec = "h264",
    repeat: bool = False,
    progress: Progress | None = None,
    faces: Faces | None = None,
) -> int:
    """Writes a clip as an MP4 of exactly so many frames, without sound. Returns how many frames stand twice.

    Frame i is the frame of the video that is nearest to i / fps after the clip's start and lies before its end: no
    frame of the next shot comes in. Pixels become square, the aspect is kept: of what is too wide or too high, both
    sides are cropped alike, or the rest is padded with black. High dynamic range and interlaced frames come as all
    measures see them.

    Args:
        clip: the stretch of a video; its length is that of the frames, or more.
        path: the file; half-written when this raises.
        fps: frames per second of the file.
        frames: how many.
        size: (width, height) in pixels, even numbers.
        fit: `crop` or `pad`.
        codec: of the file; in every one 4:2:0 and 8 bits.
        repeat: frames may stand twice, where the video has fewer a second.
        progress: called when reading the video has moved on.
        faces: of the clip, which the file does not show.

    Raises VideoError when the video cannot be read, ends before the clip does, or has too few frames a second,
    SetupError when `path` cannot be written.
    """
    import av

    chosen = _Chosen(clip, fps, frames, size, fit, progress, faces)
    name, options = ENCODERS[codec]
    try:
        with av.open(f"file:{path}", "w", format="mp4", options={"movflags": "faststart"}) as target:
            stream = target.add_stream(name, rate=fps, options=options | {"g": str(max(1, round(fps)))})
            stream.width, stream.height = size
            stream.pix_fmt = "yuv420p"
            context = stream.codec_context
            context.time_base = 1 / fps
            context.thread_count = 1
            context.color_range, context.colorspace = LIMITED, BT601
            context.color_primaries = context.color_trc = BT709
            for at, image in enumerate(chosen.images()):
                frame = yuv(image)
                frame.pts, frame.time_base = at, 1 / fps
                _mux(target, stream, frame)
            _mux(target, stream, None)
    except av.FFmpegError as error:
        raise SetupError(f"cannot write {path.parent}: {error.strerror or error}") from None
    if not repeat and chosen.repeated > 1 + REPEATED * frames:
        raise VideoError(
            f"{chosen.repeated} of {frames} frames at {float(fps):g} fps would stand twice: it has too few a second "
            "(--repeat shows them twice)"
        )
    return chosen.repeated


def _mux(target: Any, stream: Any, frame: Any) -> None:
    with kept_priority():
        packets = stream.encode(frame)
    for packet in packets:
        packet.duration = packet.duration or round(1 / (stream.codec_context.framerate * packet.time_base))
        target.mux(packet)


def yuv(image: np.ndarray) -> Any:
    """A picture, (H, W, 3) uint8 RGB with even sides, as a frame of PyAV in 4:2:0: BT.601, limited range."""
    import av
    from av.video.reformatter import ColorRange, Colorspace

    frame = av.VideoFrame.from_ndarray(image, format="rgb24")
    return frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU601, dst_color_range=ColorRange.MPEG)


class _Chosen:
    """The pictures of a clip at its new rate, one after the other; `repeated` counts those that are the one before."""

    def __init__(
        self,
        clip: Clip,
        fps: Fraction,
        frames: int,
        size: tuple[int, int],
        fit: Fit,
        progress: Progress | None,
        faces: Faces | None,
    ) -> None:
        self.clip, self.frames, self.size, self.fit, self.progress = clip, frames, size, fit, progress
        self.faces = faces
        near = 0.5 / clip.fps if clip.fps > 0 else 0.0
        self.moments = [float(at / fps) + near for at in range(frames)]
        self.repeated = 0
        self.converter = Converter()

    def images(self) -> Iterator[np.ndarray]:
        clip = self.clip
        jumps = (clip.meta.get("header") or {}).get("jumps")
        if jumps is None and clip.start > 0:
            jumps = probe(clip.uri, self.progress).jumps
        with opened(clip.uri) as (container, stream):
            decoder = Pass(container, stream, clip.start, clip.end, self.progress, jumps)
            pixel = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or Fraction(1)
            for frame, seconds, times in self._picked(decoder):
                boxes = [] if self.faces is None else self.faces.at(clip.start + seconds)
                image = self._fitted(frame, pixel, boxes)
                self.repeated += times - 1
                for _ in range(times):
                    yield image
            decoder.check()

    def _picked(self, decoder: Pass) -> Iterator[tuple[Any, Seconds, int]]:
        """The frames that are shown at some moment, each with its second of the clip, and at how many."""
        at, shown, latest = 0, None, 0.0
        for frame, time in decoder.frames():
            seconds = time - self.clip.start
            first = at
            while at < self.frames and shown is not None and self.moments[at] < seconds - SLACK:
                at += 1
            if at > first:
                yield shown, latest, at - first
            if at == self.frames:
                return
            shown, latest = frame, seconds
        if shown is None:
            decoder.check()
            raise VideoError("no frame could be decoded")
        gap = self.moments[-1] - latest
        usual = 1 / self.clip.fps if self.clip.fps > 0 else 0.0
        if gap > max(2 * usual, 0.1) and not decoder.whole:
            raise VideoError(
                f"its frames end at {self.clip.start + latest:.2f} s, and the last that is wanted is at "
                f"{self.clip.start + self.moments[-1]:.2f} s: the file is cut short"
            )
        yield shown, latest, self.frames - at

    def _fitted(self, frame: Any, pixel: Fraction, boxes: list[Box]) -> np.ndarray:
        """A frame scaled, cropped or padded to the size, without what is in the boxes."""
        import cv2
        import numpy as np

        wide, high = frame.width, frame.height
        pixel = pixel if pixel > 0 else Fraction(1)
        if Turn.of(frame).transposed:
            wide, high, pixel = high, wide, 1 / pixel
        across, down = float(wide * pixel), float(high)
        scale = scale_of((across, down), self.size, self.fit)
        shape = max(1, round(across * scale)), max(1, round(down * scale))
        short = min(frame.width, frame.height)
        # by the video's own converter where that gives the size, else a little larger, and then scaled once more
        needed = max(shape[0] / wide, shape[1] / high)
        side = min(short, -int(-(short * needed) // 1))
        image = self.converter.image(frame, Sampling(short_side=side))
        if boxes:
            image = image.copy()
            hide(image, boxes)
        if (image.shape[1], image.shape[0]) != shape:
            how = cv2.INTER_AREA if image.shape[1] >= shape[0] and image.shape[0] >= shape[1] else cv2.INTER_CUBIC
            image = cv2.resize(image, shape, interpolation=how)
        width, height = self.size
        left, top = (image.shape[1] - width) // 2, (image.shape[0] - height) // 2
        if left > 0 or top > 0:
            image = image[max(0, top) : max(0, top) + height, max(0, left) : max(0, left) + width]
        if image.shape[:2] != (height, width):
            whole = np.zeros((height, width, 3), np.uint8)
            y, x = (height - image.shape[0]) // 2, (width - image.shape[1]) // 2
            whole[y : y + image.shape[0], x : x + image.shape[1]] = image
            image = whole
        return np.ascontiguousarray(image)


def scale_of(shown: tuple[float, float], size: tuple[int, int], fit: Fit) -> float:
    """By how much a picture is scaled to fill a size (`crop`), or to lie within it (`pad`).

    Args:
        shown: (width, height) of the picture, its pixels square.
        size: (width, height) that is wanted.
        fit: which of both.
    """
    ratios = size[0] / shown[0], size[1] / shown[1]
    return max(ratios) if fit == "crop" else min(ratios)
