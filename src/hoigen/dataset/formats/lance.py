"""Lance: one columnar dataset with the clips as blobs."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from hoigen.core.registry import format
from hoigen.data.files import Folder
from hoigen.data.run import Run
from hoigen.dataset.contract import Export, Plain, Seen, Trainer
from hoigen.dataset.formats.parquet import KINDS
from hoigen.dataset.formats.videofolder import COLUMNS, TOLD, row_of
from hoigen.dataset.shape import Wants

if TYPE_CHECKING:
    pass

DATA = "clips.lance"


@format("lance")
class Lance(Plain):
    """clips.lance: the columns of `videofolder`, `name`, and `video`, which is read only when it is asked for."""

    packed: ClassVar[bool] = True
    trainer: ClassVar[Trainer] = Trainer(
        title="Lance",
        source="pylance 14.0.2 lance.dataset: LanceDataset.take_blobs",
        start='lance.dataset("OUT/clips.lance")',
    )

    @property
    def wants(self) -> Wants:
        return Wants()

    def check(self, out: Folder, run: Run) -> str | None:
        if util.find_spec("lance") is None:
            return "Lance is not installed: pip install 'hoigen[lance]'"
        return None if out.is_local else "Lance writes folders of this machine here"

    def write(self, export: Export) -> None:
        import lance
        import pyarrow as pa

        fields = [pa.field("name", pa.string())]
        fields += [pa.field(name, pa.type_for_alias(KINDS.get(name, "string"))) for name in COLUMNS]
        blob = pa.field("video", pa.large_binary(), metadata={"lance-encoding:blob": "true"})
        schema = pa.schema([*fields, blob])

        def batches() -> Iterator[Any]:
            for sample in export.samples():
                row = {"name": sample.name, "video": export.out.read(sample.file)} | row_of(sample)
                yield pa.RecordBatch.from_pylist([row], schema=schema)

        place = Path(export.out.path(DATA))
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".lance-") as folder:
            lance.write_dataset(pa.RecordBatchReader.from_batches(schema, batches()), str(Path(folder) / DATA))
            shutil.rmtree(place, ignore_errors=True)
            (Path(folder) / DATA).replace(place)

    def read(self, out: Path) -> Iterator[Seen]:
        import lance

        dataset = lance.dataset(str(out / DATA))
        rows = dataset.to_table(columns=["name", "text", *TOLD]).to_pylist()
        for at, row in enumerate(rows):
            [blob] = dataset.take_blobs("video", indices=[at])
            with blob as file:
                content = file.read()
            yield Seen(row["name"], row["text"], content, told={name: row[name] for name in TOLD})
