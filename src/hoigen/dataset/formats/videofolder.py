"""Hugging Face `datasets`: a folder of clips with metadata.jsonl."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from hoigen.core.registry import format
from hoigen.dataset.contract import CLIPS, Export, Plain, Sample, Seen, Trainer
from hoigen.dataset.shape import Wants

METADATA = "metadata.jsonl"
COLUMNS = ("text", "frames", "fps", "width", "height", "seconds", "digest", "id", "uri", "start", "end", "source")


@format("videofolder")
class VideoFolder(Plain):
    """A folder of clips with metadata.jsonl, as `datasets.load_dataset("videofolder")` reads it.

    One line for each clip: file_name, text, frames, fps, width, height, seconds, digest (SHA-256 of the file), and the
    clip's id, uri, start, end and source.
    """

    trainer = Trainer(
        title="Hugging Face datasets (VideoFolder)",
        source="datasets 5.2.0, packaged_modules/folder_based_builder",
        start='load_dataset("videofolder", data_dir="OUT", split="train")',
    )

    @property
    def wants(self) -> Wants:
        return Wants()

    def write(self, export: Export) -> None:
        export.lines(METADATA, line)

    def read(self, out: Path) -> Iterator[Seen]:
        listed = set()
        with (out / METADATA).open(encoding="utf-8") as file:
            for at, text in enumerate(file, 1):
                row = json.loads(text)
                path = out / row["file_name"]
                if not path.is_file():
                    raise ValueError(f"{METADATA}, line {at}: {row['file_name']} is not there")
                listed.add(path)
                told = {key: row[key] for key in ("frames", "fps", "width", "height")}
                yield Seen(path.stem, row["text"], path, told=told)
        for path in sorted((out / CLIPS).rglob("*")):
            if path.is_file() and not path.name.startswith(".") and path not in listed:
                raise ValueError(f"{path.relative_to(out)} has no line in {METADATA}")


def line(sample: Sample) -> str:
    """A sample's line of metadata.jsonl."""
    row = {"file_name": sample.file} | {name: getattr(sample, name) for name in COLUMNS}
    return json.dumps(row, ensure_ascii=False)
