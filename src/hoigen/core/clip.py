"""What is looked at: a clip (a row, never pixels), how it is sampled, and the frames that come of it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

from hoigen.core.settings import Setting, check_fields

if TYPE_CHECKING:
    import numpy as np

Seconds = float


def clip_id(uri: str, start: Seconds, end: Seconds) -> str:
    """Stable name of a clip: 16 hex digits of the digest of where it lies and when it runs.

    Times are rounded to the microsecond, so that the same cut found twice has one name.
    """
    text = f"{uri}\0{start:.6f}\0{end:.6f}"
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A stretch of a video. `width` and `height` are as shown (rotation applied), in pixels."""

    id: str
    uri: str
    start: Seconds = 0.0
    end: Seconds
    width: int
    height: int
    fps: float
    source: str = ""
    prompt: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def duration(self) -> Seconds:
        return self.end - self.start

    @property
    def short_side(self) -> int:
        return min(self.width, self.height)


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which frames a measure wants to see. Equal samplings are decoded once and shared."""

    frames: Annotated[
        int,
        Setting(
            "this many, at the middles of as many equal stretches of the clip; 0 with no `fps` means that the row"
            " is enough and nothing is decoded for this measure",
            least=0,
        ),
    ] = 8
    fps: Annotated[
        float | None, Setting("instead, one frame every 1/fps seconds, the first at the clip's start", above=0)
    ] = None
    short_side: Annotated[
        int | None,
        Setting(
            "scaled to this many pixels on the short side, aspect kept, never enlarged; null keeps the size of "
            "the video",
            least=1,
        ),
    ] = 336
    max_frames: Annotated[
        int,
        Setting(
            "an upper bound for `fps` samplings, so that memory is bounded on long clips; beyond it the interval "
            "is widened",
            least=1,
        ),
    ] = 256
    pairs: Annotated[
        bool,
        Setting("each frame comes together with the one right after it in the video: frames 2k and 2k + 1 are a pair"),
    ] = False
    gray: Annotated[bool, Setting("uint8 luma (T, H, W) instead of RGB (T, H, W, 3)")] = False

    def __post_init__(self) -> None:
        if self.fps is not None and not 0 < self.fps < math.inf:
            raise ValueError(f"fps: more than 0, or null; it came as {self.fps}")
        check_fields(self)

    @property
    def needs_frames(self) -> bool:
        return self.fps is not None or self.frames > 0


@dataclass(frozen=True, slots=True)
class EveryFrame(Sampling):
    """All frames, each once, as they come; only for measures that stream, since nothing bounds their number.

    Of the settings above, only `short_side` and `gray` count.
    """

    short_side: Annotated[int | None, Setting("as of `Sampling`")] = None
    untagged: Annotated[
        bool,
        Setting("colours as if the file had no tags (BT.601, limited range), which is how OpenCV up to 4.12 has them"),
    ] = False


def check_sees(sampling: Sampling) -> None:
    """For measures that cannot do without: raises ValueError when a sampling asks for no frame."""
    if not sampling.needs_frames:
        raise ValueError("sampling: frames 1 or more, or fps: this measure looks at pictures")


@dataclass(frozen=True, slots=True)
class Frames:
    """Frames of one clip. images: (T, H, W, 3) uint8 RGB, as shown (rotation applied).

    times: (T,) float64 seconds from the clip's start, the frames' own presentation times.
    decode_errors: packets of the clip that could not be decoded.
    torn: frames of the clip, asked for or not, that the decoder marks as damaged.
    """

    images: np.ndarray
    times: np.ndarray
    decode_errors: int = 0
    torn: int = 0

    def __len__(self) -> int:
        return len(self.images)
