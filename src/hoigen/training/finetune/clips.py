"""The clips that a model is trained on: a folder of videos with metadata.jsonl, as `hoigen export` writes it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hoigen.core.clip import Clip, EveryFrame
from hoigen.core.errors import UsageError, VideoError, shown
from hoigen.core.words import plural
from hoigen.dataset.formats.videofolder import METADATA

NEEDED = ("file_name", "text", "frames", "fps", "width", "height", "digest")
NAMED = 5


@dataclass(frozen=True, slots=True)
class Example:
    """A clip and its caption.

    Args:
        file: the video.
        text: the caption.
        frames: how many it has.
        fps: frames per second.
        width: in pixels.
        height: in pixels.
        digest: SHA-256 of the file.
    """

    file: Path
    text: str
    frames: int
    fps: float
    width: int
    height: int
    digest: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """Frames, height, width: clips of one shape can be in one batch."""
        return self.frames, self.height, self.width


def read_clips(folder: Path, captions: Path | None = None) -> list[Example]:
    """The clips of a folder, in the order of its list.

    Args:
        folder: with metadata.jsonl.
        captions: a JSONL with file_name and text: other captions for the same clips (HOIGen-1M's table 3).

    Raises UsageError that names the line, the key, what came and what is allowed.
    """
    listed = folder / METADATA
    if not listed.is_file():
        raise UsageError(
            f"{folder}: no {METADATA}; a folder that `hoigen export RUN --to videofolder` wrote, or one like it"
        )
    found: list[Example] = []
    names: dict[str, int] = {}
    other = _captions(captions) if captions is not None else None
    for at, row in _rows(listed):
        where = f"{listed}, line {at}"
        lacking = [key for key in NEEDED if row.get(key) in (None, "")]
        if other is not None and "text" in lacking:
            lacking.remove("text")
        if lacking:
            raise UsageError(f"{where}: {', '.join(lacking)} must be given")
        name = _text(row["file_name"], f"{where}: file_name")
        file = (folder / name).resolve()
        if not file.is_relative_to(folder.resolve()):
            raise UsageError(f"{where}: file_name: a file in the folder; it came as {shown(name)}")
        if not file.is_file():
            raise UsageError(f"{where}: file_name: no such file: {file}")
        if name in names:
            raise UsageError(f"{where}: file_name: {name} is on line {names[name]} already")
        names[name] = at
        text = other.get(name) if other is not None else row["text"]
        if text is None:
            raise UsageError(f"{captions}: no caption for {name} ({where})")
        sizes = {key: row[key] for key in ("frames", "fps", "width", "height")}
        for key, value in sizes.items():
            right = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
            if not right or (key != "fps" and value != int(value)):
                raise UsageError(f"{where}: {key}: a number above 0; it came as {shown(value)}")
        words = _text(text, f"{where}: text").strip()
        if not words:
            raise UsageError(f"{where}: text: a caption; it is empty")
        digest = _text(row["digest"], f"{where}: digest").removeprefix("sha256:")
        found.append(
            Example(
                file,
                words,
                int(sizes["frames"]),
                float(sizes["fps"]),
                int(sizes["width"]),
                int(sizes["height"]),
                digest,
            )
        )
    if not found:
        raise UsageError(f"{listed} holds no clip")
    return found


def _rows(path: Path) -> list[tuple[int, dict[str, Any]]]:
    rows = []
    for at, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{path}, line {at}: not JSON: {error}") from None
        if not isinstance(row, dict):
            raise UsageError(f"{path}, line {at}: an object; it came as {shown(row)}")
        rows.append((at, row))
    return rows


def _captions(path: Path) -> dict[str, str]:
    if not path.is_file():
        raise UsageError(f"--captions {path}: no such file")
    found = {}
    for at, row in _rows(path):
        for key in ("file_name", "text"):
            if not row.get(key):
                raise UsageError(f"{path}, line {at}: {key} must be given")
        found[str(row["file_name"])] = _text(row["text"], f"{path}, line {at}: text")
    return found


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise UsageError(f"{where}: a text; it came as {shown(value)}")
    return value


def check_files(examples: Sequence[Example]) -> None:
    """Raises UsageError for clips whose content is not that of their line, or that are not as long and large as it
    says; up to five are named."""
    from hoigen.video import probe

    wrong = []
    for each in examples:
        with each.file.open("rb") as file:
            came = hashlib.file_digest(file, "sha256").hexdigest()
        if came != each.digest:
            wrong.append(f"{each.file.name}: its content is {came[:12]}, its line says {each.digest[:12]}")
            continue
        try:
            header = probe(str(each.file))
        except VideoError as error:
            wrong.append(f"{each.file.name}: {error}")
            continue
        facts = {
            "frames": (header.frames, each.frames),
            "width": (header.width, each.width),
            "height": (header.height, each.height),
        }
        wrong += [
            f"{each.file.name}: {key} {is_}, its line says {said}"
            for key, (is_, said) in facts.items()
            if is_ is not None and is_ != said
        ]
    if wrong:
        more = [f"and {len(wrong) - NAMED} more"] if len(wrong) > NAMED else []
        raise UsageError(
            "\n  ".join(
                [f"{plural(len(wrong), 'clip is', 'clips are')} not what {METADATA} says:", *wrong[:NAMED], *more]
            )
        )


def pixels(example: Example) -> np.ndarray:
    """All frames of a clip, (frames, height, width, 3) uint8. Raises VideoError when there are not as many as its line
    says."""
    from hoigen.video import decode

    clip = Clip(
        id=example.digest[:16],
        uri=str(example.file),
        start=0.0,
        end=example.frames / example.fps,
        width=example.width,
        height=example.height,
        fps=example.fps,
    )
    images = decode(clip, [EveryFrame()])[EveryFrame()].images
    if len(images) != example.frames:
        raise VideoError(f"{example.file}: {len(images)} frames could be decoded, its line says {example.frames}")
    return images
