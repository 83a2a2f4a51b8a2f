"""Parquet with the clips inside, as Hugging Face `datasets` has videos."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from hoigen.core.registry import format
from hoigen.core.settings import Setting
from hoigen.dataset.contract import Export, Plain, Seen, Trainer
from hoigen.dataset.formats.videofolder import COLUMNS, TOLD, row_of
from hoigen.dataset.shape import Wants

if TYPE_CHECKING:
    import pyarrow as pa

DATA = "data"
KINDS = {"frames": "int64", "width": "int64", "height": "int64"} | dict.fromkeys(
    ("fps", "seconds", "start", "end"), "float64"
)
"""Of columns that are no texts."""


@format("parquet")
class Parquet(Plain):
    """data/train-00000.parquet, ...: a column `video` with the clip itself, and the columns of `videofolder`."""

    shard_mb: Annotated[float, Setting("of a file, about; one that is begun is finished", above=0, unit="MB")] = 512.0

    packed: ClassVar[bool] = True
    trainer: ClassVar[Trainer] = Trainer(
        title="Hugging Face datasets (Parquet)",
        source="datasets 5.2.0 features/video.py: Video; packaged_modules/parquet",
        start='load_dataset("parquet", data_dir="OUT/data", split="train")',
    )

    @property
    def wants(self) -> Wants:
        return Wants()

    def write(self, export: Export) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        folder, schema = export.out.child(DATA), _schema()
        before = set(folder.names())
        written: set[str] = set()
        samples = export.samples()
        sample = next(samples, None)
        while sample is not None:
            name = f"train-{len(written):05d}.parquet"
            written.add(name)
            with folder.writing(name) as file, pq.ParquetWriter(file, schema) as writer:
                room = self.shard_mb * 1e6
                while sample is not None and room > 0:  # a row group each: a reader holds one clip, not hundreds
                    video = {"bytes": export.out.read(sample.file), "path": f"{sample.name}.mp4"}
                    row = {"video": video} | row_of(sample)
                    writer.write_table(pa.Table.from_pylist([row], schema=schema))
                    room -= sample.bytes
                    sample = next(samples, None)
        for name in before - written:
            folder.remove(name)

    def read(self, out: Path) -> Iterator[Seen]:
        import pyarrow.parquet as pq

        for path in sorted((out / DATA).glob("*.parquet")):
            with pq.ParquetFile(path) as file:
                for group in range(file.num_row_groups):
                    for row in file.read_row_group(group).to_pylist():
                        told = {name: row[name] for name in TOLD}
                        yield Seen(Path(row["video"]["path"]).stem, row["text"], row["video"]["bytes"], told=told)


def _schema() -> pa.Schema:
    import pyarrow as pa

    features: dict[str, Any] = {"video": {"_type": "Video"}}
    fields = [pa.field("video", pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())]))]
    for name in COLUMNS:
        kind = KINDS.get(name, "string")
        features[name] = {"dtype": kind, "_type": "Value"}
        fields.append(pa.field(name, pa.type_for_alias(kind)))
    told = json.dumps({"info": {"features": features}})
    return pa.schema(fields, metadata={"huggingface": told})
