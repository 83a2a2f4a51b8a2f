"""The only way to videos: PyAV, one thread, one sequential pass.

Second 0 of a video is its first frame. Widths and heights are as shown, turned and mirrored as players do; pixels that
are not square stay as they are stored. The frame shown at a moment is the last one whose time is not later. Colours
follow the file's own tags (matrix and range; without tags BT.601, limited range, as FFmpeg has it); luma is 0..255
whatever the file's range. High dynamic range is brought to what a plain screen shows, and interlaced frames are made
whole. Frames are scaled while they are converted (swscale, bilinear with its support widened on the way down, so
nothing aliases), never enlarged.

file      opening, the digest of the content    plan      which frames, and their conversion
header    what is known before decoding         shots     where a video is cut (adaptive: how cuts are found)
sequence  frames in order of time               cutting   kept clips as files
clock     stamps of packets, mended             fields    interlaced frames made whole
tone      high dynamic range                    retime    clips at a constant rate, for trainers
proxy     clips as people look at them          faces     of a clip, hidden in its file
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hoigen.core.clip import Clip, Frames, Sampling, Seconds
from hoigen.core.errors import VideoError
from hoigen.video.file import Progress
from hoigen.video.file import content_digest as content_digest
from hoigen.video.file import opened as opened
from hoigen.video.header import Header as Header
from hoigen.video.header import probe as probe
from hoigen.video.plan import SLACK, Converter, Plan
from hoigen.video.sequence import Pass
from hoigen.video.sequence import check_reach as check_reach

if TYPE_CHECKING:
    import numpy as np

Watch = tuple[Sampling, Callable[["np.ndarray", float], None]]
"""A sampling, and who sees its frames as they pass: called with (image, seconds from the clip's start)."""


def warm() -> None:
    """Imports what decoding takes: when a worker is set up, so that it counts against no clip's deadline."""
    import importlib

    for name in ("numpy", "av.video.reformatter"):
        importlib.import_module(name)


def decode(
    clip: Clip,
    samplings: Collection[Sampling],
    watchers: Sequence[Watch] = (),
    *,
    progress: Progress | None = None,
) -> dict[Sampling, Frames]:
    """Frames of a clip for all samplings, and for watchers as they pass, from one sequential pass.

    A sampling gives each frame once, so fewer than asked for when the clip has fewer. With `pairs`, frames 2k and
    2k + 1 are neighbours; a frame may stand in two pairs, and a last frame without a neighbour is left out.

    Args:
        clip: the stretch of a video that is decoded.
        samplings: which frames are wanted, in which size; each gets its own.
        watchers: samplings whose frames are not kept: each is called with (image, seconds from the clip's start).
        progress: called when the pass is at a later moment, or further on in the file, than it was before.

    Returns the frames of each sampling: images (N, H, W, 3) uint8 RGB, or (N, H, W) when gray, with their times.

    Raises VideoError when nothing can be decoded, when the frames reach less than nine tenths of the clip, and when
    more than a tenth of its packets are broken. What a watcher raises passes through as it is.
    """
    import numpy as np

    if clip.duration <= 0:
        raise VideoError(f"the clip has no length: it starts at {clip.start:g} s and ends at {clip.end:g} s")
    collected: dict[Sampling, list[tuple[np.ndarray, float]]] = {sampling: [] for sampling in samplings}
    plans = [Plan(s, clip.duration, lambda image, at, to=collected[s]: to.append((image, at))) for s in collected]  # type: ignore[misc]
    plans += [Plan(sampling, clip.duration, see) for sampling, see in watchers]
    jumps = _jumps(clip.uri, clip.start, clip.meta.get("header"))
    with opened(clip.uri) as (container, stream):
        decoder = Pass(container, stream, clip.start, clip.end, progress, jumps)
        reached = _feed(decoder, plans, clip)
    decoder.check()
    check_reach(reached, clip.duration, clip.start)
    found: dict[Sampling, Frames] = {}
    for sampling in list(collected):
        items = collected.pop(sampling)  # one after the other: whole frames are large, and are there twice meanwhile
        if items:
            images = np.stack([image for image, _ in items])
        else:
            images = np.empty((0, 0, 0) if sampling.gray else (0, 0, 0, 3), np.uint8)
        times = np.array([at for _, at in items], np.float64)
        found[sampling] = Frames(images, times, decoder.bad, decoder.torn)
    return found


def walk(
    uri: str,
    *,
    start: Seconds = 0.0,
    end: Seconds | None = None,
    short_side: int | None = 64,
    gray: bool = False,
    progress: Progress | None = None,
) -> Iterator[tuple[np.ndarray, Seconds]]:
    """Every frame of a stretch with its time from the start of the file.

    Args:
        uri: path or address of the video.
        start: seconds; earlier frames are left out.
        end: seconds; frames from there on are left out. None: all frames that there are.
        short_side: pixels that the shorter side is scaled down to; None: as stored.
        gray: luma alone instead of RGB.
        progress: as of `decode`.

    Returns images of one shape, (H, W, 3) uint8 RGB or (H, W) uint8 luma, each with its time.

    Raises VideoError when the file cannot be read, holds no frame, or more than a tenth of its packets are broken; see
    `check_reach` for its end.
    """
    with opened(uri) as (container, stream):
        yield from images(
            Pass(container, stream, start, end, progress, _jumps(uri, start)),
            Sampling(short_side=short_side, gray=gray),
        )


def images(decoder: Pass, sampling: Sampling) -> Iterator[tuple[np.ndarray, Seconds]]:
    """Every frame of a pass as a picture, with its time from the start of the file.

    Args:
        decoder: the pass.
        sampling: says which size and colours.

    Raises VideoError as `walk` does.
    """
    converter = Converter()
    for frame, at in decoder.frames():
        if at >= decoder.start - SLACK:
            yield converter.image(frame, sampling), at
    decoder.check()


def _jumps(uri: str, start: Seconds, header: Mapping[str, Any] | None = None) -> int | None:
    """How often a file's clock has to be mended, where a pass has to know it before it begins."""
    known: int | None = (header or {}).get("jumps")
    return known if known is not None or start <= 0 else probe(uri).jumps


def _feed(decoder: Pass, plans: Sequence[Plan], clip: Clip) -> Seconds:
    """Gives every frame to the plans that want it; how far the frames reach, in seconds from the clip's start."""
    converter = Converter()

    def offer(frame: Any, at: Seconds, until: Seconds) -> None:
        for plan in plans:
            plan.offer(frame, max(0.0, at), until, converter)

    shown: tuple[Any, Seconds] | None = None
    for frame, time in decoder.frames():
        at = time - clip.start
        if shown is not None and at > SLACK:
            offer(*shown, at)
        shown = frame, at
    if shown is None:
        return 0.0
    offer(*shown, clip.duration + 1.0)
    if decoder.whole:
        return clip.duration
    frame, at = shown
    held = float((frame.duration or 0) * frame.time_base)
    return at + max(held, 1 / clip.fps if clip.fps > 0 else 0.0)
