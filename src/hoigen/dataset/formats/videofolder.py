"""Hugging Face `datasets`: a folder of clips with metadata.jsonl."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from hoigen.core.registry import format
from hoigen.dataset.contract import CLIPS, Export, Plain, Sample, Seen, Trainer
from hoigen.dataset.shape import Wants

METADATA = "metadata.jsonl"
COLUMNS = ("text", "frames", "fps", "width", "height", "seconds", "digest", "id", "uri", "start", "end", "source")
TOLD = ("frames", "fps", "width", "height")


@format("videofolder")
class VideoFolder(Plain):
    """A folder of clips with metadata.jsonl, as `datasets.load_dataset("videofolder")` reads it.

    One line for each clip: file_name, text, frames, fps, width, height, seconds, digest (SHA-256 of the file), and the
    clip's id, uri, start, end and source.
    """

    trainer: ClassVar[Trainer] = Trainer(
        title="Hugging Face datasets (VideoFolder)",
        source="datasets 5.2.0 packaged_modules/folder_based_builder",
        start='load_dataset("videofolder", data_dir="OUT", split="train")',
    )

    @property
    def wants(self) -> Wants:
        return Wants()

    def write(self, export: Export) -> None:
        export.lines(METADATA, line)

    def read(self, out: Path) -> Iterator[Seen]:
        for path, row in listed(out):
            yield Seen(path.stem, row["text"], path, told={key: row[key] for key in TOLD})


def row_of(sample: Sample) -> dict[str, Any]:
    """What is told of a sample, besides its file."""
    return {name: getattr(sample, name) for name in COLUMNS}


def line(sample: Sample) -> str:
    """A sample's line of metadata.jsonl."""
    return json.dumps({"file_name": sample.file} | row_of(sample), ensure_ascii=False)


def listed(out: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The clips of a folder with metadata.jsonl, with their rows, as `datasets` finds them.

    Args:
        out: the folder.

    Raises ValueError for a line without its file, and for a file without its line, on which the loader stops.
    """
    found = set()
    with (out / METADATA).open(encoding="utf-8") as file:
        for at, text in enumerate(file, 1):
            row = json.loads(text)
            path = out / row["file_name"]
            if not path.is_file():
                raise ValueError(f"{METADATA}, line {at}: {row['file_name']} is not there")
            found.add(path)
            yield path, row
    for path in sorted((out / CLIPS).rglob("*")):
        if path.is_file() and not path.name.startswith(".") and path not in found:
            raise ValueError(f"{path.relative_to(out)} has no line in {METADATA}")
