"""Whether what a trainer will see is what was kept: sample by sample, by the rules of its own loader."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hoigen.core.errors import VideoError
from hoigen.dataset.contract import Format, Sample, Seen

if TYPE_CHECKING:
    from hoigen.video.header import Header

RATE = 1e-3
"""Rates that differ by a smaller share are the same: containers round."""
MOST = 100
"""So many faults are named."""


def faults(format: Format, out: Path, samples: Iterable[Sample], *, decode: bool = True) -> list[str]:
    """What is wrong with an export, each fault with the sample that has it; none when all is as it was kept.

    Args:
        format: whose loader reads it.
        out: the folder.
        samples: what was kept, in the order in which it was written.
        decode: each clip is digested, and its frames are counted by decoding them; else only its size in bytes is
            looked at, and what its maker found in it counts.
    """
    found: list[str] = []
    wanted = {sample.name: sample for sample in samples}
    seen: set[str] = set()
    try:
        for each in format.read(out):
            if each.name in seen:
                found.append(f"{each.name} is read twice")
            seen.add(each.name)
            if each.name not in wanted:
                found.append(f"{each.name} was not kept")
            else:
                found += _wrong(each, wanted[each.name], decode, format.captioned)
            if len(found) >= MOST:
                return found
    except (ValueError, KeyError, OSError, VideoError) as error:
        found.append(f"its loader would stop: {type(error).__name__}: {error}")
    missing = [name for name in wanted if name not in seen]
    if missing:
        found.append(f"{len(missing)} samples are not read: {', '.join(missing[:3])}")
    return found


def _wrong(seen: Seen, sample: Sample, decode: bool, captioned: bool) -> Iterator[str]:
    name = sample.name
    if seen.text != sample.text:
        yield f"{name}: its caption is {seen.text[:60]!r} instead of {sample.text[:60]!r}"
    if captioned and not sample.text:
        yield f"{name}: its caption is empty"
    count, fps = sample.frames, sample.fps
    if not decode:
        size = seen.video.stat().st_size if isinstance(seen.video, Path) else len(seen.video)
        if size != sample.bytes:
            yield f"{name}: the file is another one ({size} bytes instead of {sample.bytes})"
    else:
        with _file(seen.video) as path:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest != sample.digest:
                yield f"{name}: the file is another one (SHA-256)"
            header = _decoded(path)
        count, fps = header.frames or 0, header.fps
        if count != sample.frames:
            yield f"{name}: {count} frames instead of {sample.frames}"
        if abs(fps / sample.fps - 1) > RATE:
            yield f"{name}: {fps:g} frames a second instead of {sample.fps:g}"
        if (header.width, header.height) != (sample.width, sample.height):
            yield f"{name}: {header.width}x{header.height} instead of {sample.width}x{sample.height}"
    taken = seen.frames(count, fps)
    if taken != list(range(sample.frames)):
        yield f"{name}: the trainer takes {len(taken)} of its {sample.frames} frames, or takes them in another order"
    for key, value in seen.told.items():
        if abs(value / getattr(sample, key) - 1) > RATE:
            yield f"{name}: {key} is told as {value} and is {getattr(sample, key)}"


@contextmanager
def _file(video: Path | bytes) -> Iterator[Path]:
    if isinstance(video, Path):
        yield video
        return
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        file.write(video)
        file.flush()
        yield Path(file.name)


def _decoded(path: Path) -> Header:
    """What the header says, with the number of frames and their rate as they come out of the decoder."""
    from dataclasses import replace

    from hoigen import video

    header = video.probe(str(path))
    times = [at for _, at in video.walk(str(path), gray=True)]
    if len(times) < 2:
        return replace(header, frames=len(times))
    return replace(header, frames=len(times), fps=(len(times) - 1) / (times[-1] - times[0]))
