"""WebDataset: tar files of clips, captions and facts."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar

from hoigen.core.registry import format
from hoigen.core.settings import Setting
from hoigen.dataset.contract import Export, Plain, Seen, Trainer
from hoigen.dataset.formats.videofolder import TOLD, row_of
from hoigen.dataset.shape import Wants

SHARDS = "shards"


@format("webdataset")
class WebDataset(Plain):
    """shards/000000.tar, ...: for each clip NAME.mp4, NAME.txt (its caption) and NAME.json (all that is told of it)."""

    shard_mb: Annotated[float, Setting("of a tar file, about; one that is begun is finished", above=0, unit="MB")] = (
        512.0
    )

    packed: ClassVar[bool] = True
    trainer: ClassVar[Trainer] = Trainer(
        title="WebDataset",
        source="webdataset 1.0.2 tariterators.py: group_by_keys",
        start='webdataset.WebDataset("OUT/shards/{000000..N}.tar").to_tuple("mp4", "txt", "json")',
    )

    @property
    def wants(self) -> Wants:
        return Wants()

    def write(self, export: Export) -> None:
        shards = export.out.child(SHARDS)
        before = set(shards.names())
        written: set[str] = set()
        samples = export.samples()
        sample = next(samples, None)
        while sample is not None:
            name = f"{len(written):06d}.tar"
            written.add(name)
            with shards.writing(name) as file, tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
                room = self.shard_mb * 1e6
                while sample is not None and room > 0:
                    parts = {
                        "mp4": export.out.read(sample.file),
                        "txt": sample.text.encode("utf-8"),
                        "json": json.dumps(row_of(sample), ensure_ascii=False).encode("utf-8"),
                    }
                    for suffix, content in parts.items():
                        info = tarfile.TarInfo(f"{sample.name}.{suffix}")
                        info.size = len(content)
                        tar.addfile(info, io.BytesIO(content))
                        room -= info.size
                    sample = next(samples, None)
        for name in before - written:
            shards.remove(name)

    def read(self, out: Path) -> Iterator[Seen]:
        for path in sorted((out / SHARDS).glob("*.tar")):
            held: dict[str, bytes] = {}
            last = ""
            with tarfile.open(path) as tar:
                for member in tar:
                    key, _, suffix = member.name.partition(".")
                    file = tar.extractfile(member)
                    assert file is not None
                    if key != last and held:
                        yield _seen(last, held)
                        held = {}
                    if suffix in held:
                        raise ValueError(f"{path.name}: {member.name} is there twice")
                    last, held[suffix] = key, file.read()
            if held:
                yield _seen(last, held)


def _seen(key: str, held: dict[str, bytes]) -> Seen:
    if missing := {"mp4", "txt", "json"} - held.keys():
        raise ValueError(f"{key} has no {', '.join(sorted(missing))}")
    row: dict[str, Any] = json.loads(held["json"])
    text = held["txt"].decode("utf-8")
    if text != row["text"]:
        raise ValueError(f"{key}: {key}.txt and {key}.json have other captions")
    return Seen(key, text, held["mp4"], told={name: row[name] for name in TOLD})
