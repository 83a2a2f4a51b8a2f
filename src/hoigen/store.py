"""The only file that knows a run's paths, and how its parts are written.

    run.yaml                                      arguments, versions, fingerprints: run it again to repeat the run
    videos.parquet                                the input list, in order
    clips/00017.parquet                           the clips of shard 17's videos
    scores/<measure>/<fingerprint>/00017.parquet  what a measure said of them
    journal/scores-00017.jsonl                    finished rows of a shard under way
    calls.sqlite                                  every answer of an expert, once
    captions/caption.yaml                         the captioner in force, its experts, what it took
    captions/<captioner>/<fingerprint>/00017.parquet   a caption per kept clip, with its trace
    joined/<digest>.parquet                       a large run's tables side by side: a copy, may be deleted
    report.html

Done means the file exists: parts are written under a temporary name and renamed last. A journal holds what
is finished of a shard whose part is not written yet, one JSON line each, so that a kill at any moment loses
at most the clip under way.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hoigen.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]

CLIP_COLUMNS: Mapping[str, str] = {
    "video": "int64",
    "n": "int32",
    "id": "string",
    "uri": "string",
    "start": "float64",
    "end": "float64",
    "width": "int32",
    "height": "int32",
    "fps": "float64",
    "source": "string",
    "prompt": "string",
    "meta": "string",
    "digest": "string",
    "state": "string",
    "rule": "string",
    "reason": "string",
    "header": "string",
}
SCORE_COLUMNS: Mapping[str, str] = {
    "id": "string",
    "state": "string",
    "reason": "string",
    "tries": "int32",
    "seconds": "float64",
    "detail": "string",
}
CAPTION_COLUMNS: Mapping[str, str] = {
    "id": "string",
    "state": "string",
    "reason": "string",
    "text": "string",
    "path": "string",
    "calls": "int32",
    "tokens_in": "int64",
    "tokens_out": "int64",
    "seconds": "float64",
    "detail": "string",
    "trace": "string",
}

BEFORE_A_RUN = ("videos.parquet", "evaluation.json", "journal")
"""What may lie in a folder whose run has not begun."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run's folder. Making one touches nothing on disk."""

    path: Path

    @property
    def recipe_file(self) -> Path:
        return self.path / "run.yaml"

    @property
    def videos_file(self) -> Path:
        return self.path / "videos.parquet"

    @property
    def report_file(self) -> Path:
        return self.path / "report.html"

    @property
    def suggest_folder(self) -> Path:
        return self.path / "suggest"

    @property
    def cut_folder(self) -> Path:
        return self.path / "cut"

    def clip_part(self, shard: int) -> Path:
        return self.path / "clips" / f"{shard:05d}.parquet"

    def score_part(self, measure: str, fingerprint: str, shard: int) -> Path:
        return self.path / "scores" / measure / fingerprint / f"{shard:05d}.parquet"

    @property
    def calls_file(self) -> Path:
        return self.path / "calls.sqlite"

    @property
    def caption_file(self) -> Path:
        """Which captioner's captions are in force."""
        return self.path / "captions" / "caption.yaml"

    def caption_part(self, captioner: str, fingerprint: str, shard: int) -> Path:
        return self.path / "captions" / captioner / fingerprint / f"{shard:05d}.parquet"

    def caption_parts(self, captioner: str, fingerprint: str) -> list[Path]:
        return sorted((self.path / "captions" / captioner / fingerprint).glob("[0-9]*.parquet"))

    def joined_part(self, digest: str) -> Path:
        """Clips and scores side by side, of the state of the run that `digest` names; may be deleted at any time."""
        return self.path / "joined" / f"{digest}.parquet"

    def clip_parts(self) -> list[Path]:
        """Parts of the clips table, in order of shard."""
        return sorted((self.path / "clips").glob("[0-9]*.parquet"))

    def score_parts(self, measure: str, fingerprint: str) -> list[Path]:
        """Parts of one measure's scores, in order of shard; none when it has not run yet."""
        return sorted((self.path / "scores" / measure / fingerprint).glob("[0-9]*.parquet"))

    def journal(self, stage: str, shard: int) -> Journal:
        return Journal(self.path / "journal" / f"{stage}-{shard:05d}.jsonl")

    def check_folder(self) -> None:
        """Raises UsageError for a folder of other things: nothing of theirs is to be written over."""
        if not self.path.is_dir() or self.recipe_file.exists():
            return
        names = sorted(entry.name for entry in self.path.iterdir())
        others = [name for name in names if name not in BEFORE_A_RUN and not name.startswith(".")]
        if others:
            some = ", ".join(others[:3]) + (", …" if len(others) > 3 else "")
            raise UsageError(
                f"run: {self.path} is no run and holds other files ({some}); give a new or an empty folder"
            )

    def recipe(self) -> dict[str, Any]:
        """The arguments of the run, as `run.yaml` has them. Raises UsageError when this is no run."""
        import yaml

        if not self.recipe_file.is_file():
            raise UsageError(f"{self.path} is not a run: it has no run.yaml (hoigen curate makes one)")
        try:
            loaded = yaml.safe_load(self.recipe_file.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise UsageError(f"{self.recipe_file} is damaged: {' '.join(str(error).split())}") from None
        if not isinstance(loaded, dict) or not isinstance(loaded.get("recipe"), dict):
            raise UsageError(f"{self.recipe_file} is not the run.yaml of a run: it has no `recipe`")
        return dict(loaded["recipe"])


class Journal:
    """An append-only file of JSON lines. A torn last line (a kill in the middle of a write) is not read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None

    def rows(self) -> Iterator[Row]:
        if not self.path.exists():
            return
        for line in self.path.read_bytes().split(b"\n"):
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if isinstance(row, dict):
                yield row

    def append(self, row: Row) -> None:
        if self._fd is None:
            self._open()
        data = json.dumps(row, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode() + b"\n"
        assert self._fd is not None
        os.write(self._fd, data)

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        if os.fstat(self._fd).st_size:
            os.write(self._fd, b"\n")  # closes a line that a kill has torn

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def remove(self) -> None:
        self.close()
        self.path.unlink(missing_ok=True)


def schema_of(columns: Mapping[str, str], numbers: Sequence[str] = ()) -> pa.Schema:
    """Arrow schema of a part: fixed columns, then one float64 column per name in `numbers`."""
    import pyarrow as pa

    kinds = {"string": pa.string(), "int64": pa.int64(), "int32": pa.int32(), "float64": pa.float64()}
    fields = [(name, kinds[kind]) for name, kind in columns.items()]
    return pa.schema(fields + [(name, pa.float64()) for name in numbers])


def write_part(path: Path, rows: Iterable[Row], schema: pa.Schema, metadata: Mapping[str, str] | None = None) -> None:
    """Writes a Parquet part whole or not at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    if metadata:
        schema = schema.with_metadata(dict(metadata))
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), part)
    part.replace(path)


@contextlib.contextmanager
def named(path: Path) -> Iterator[None]:
    """Names the file in what Arrow raises."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        error.add_note(str(path))
        raise


def read_part(path: Path, columns: Sequence[str] | None = None) -> list[Row]:
    """Rows of a part; an absent part has none."""
    import pyarrow.parquet as pq

    if not path.exists():
        return []
    with named(path):
        rows: list[Row] = pq.read_table(path, columns=list(columns) if columns else None, partitioning=None).to_pylist()
    return rows


def part_fingerprint(path: Path) -> str | None:
    """The fingerprint written into a part, or None when there is no part."""
    import pyarrow.parquet as pq

    if not path.exists():
        return None
    with named(path):
        found = (pq.read_schema(path).metadata or {}).get(b"fingerprint")
    return found.decode() if found is not None else None


def part_rows(path: Path) -> int | None:
    """How many rows a Parquet file has, from its footer; None when there is no file."""
    import pyarrow.parquet as pq

    if not path.exists():
        return None
    with named(path):
        rows: int = pq.read_metadata(path).num_rows
    return rows


def digest_of(facts: Any) -> str:
    """12 hex digits that name settings."""
    text = json.dumps(facts, sort_keys=True, default=repr)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def write_text(path: Path, text: str) -> None:
    """Writes a text file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
