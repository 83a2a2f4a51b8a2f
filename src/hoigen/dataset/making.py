"""Kept clips -> files of an export: a stage, with its workers, its journal and its isolation of faults."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hoigen.core.errors import SetupError, VideoError
from hoigen.data.columns import Row
from hoigen.data.cutnote import By
from hoigen.data.files import Folder
from hoigen.dataset.plan import PARTS, Task
from hoigen.dataset.shape import Cut, Shape
from hoigen.video.retime import Codec
from hoigen.work.stage import Item, Stage

if TYPE_CHECKING:
    from hoigen.work.task import Emit, Failure, Handler


class _Job(NamedTuple):
    """A file that is to be made."""

    cut: Cut
    file: str


@dataclass(frozen=True, slots=True)
class _Way:
    """How a worker makes files."""

    out: Folder
    shape: Shape
    codec: Codec
    link: bool
    faces: By | None


class Making(Stage):
    """Kept clips -> files of the export. What is there is not made again.

    `failures`: the name of what could not be made -> why. `written` and `already`: how many files.
    """

    name = "export"
    unit = "clip"

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.task = task
        self.written = self.already = self.linked = 0
        self.failures: dict[str, str] = {}
        self._planned: dict[int, list[Cut]] = {}

    def setup(self) -> Callable[[], Handler]:
        task = self.task
        return functools.partial(setup_making, _Way(task.out, task.shape, task.codec, task.link, task.faces))

    def keeper(self) -> Task:
        return self.task

    def shards(self) -> Iterable[int]:
        for shard, found in self.task.planned():
            self._planned[shard] = [cut for _, _, cuts in found if not isinstance(cuts, str) for cut in cuts]
            yield shard

    def plan(self, shard: int) -> Iterator[Item | str]:
        there = {row["name"]: row for row in [*self.task.made.read(shard), *self.journal(shard).rows()]}
        for cut in self._planned.pop(shard):
            file = f"{self.task.clips}/{cut.name}.mp4"
            row = there.get(cut.name)
            if row is not None and self._lies(file, row["bytes"]):
                self.already += 1
                yield "kept"
            else:
                yield Item(cut.name, _Job(cut, file))

    def _lies(self, file: str, size: int) -> bool:
        with contextlib.suppress(FileNotFoundError):
            return self.task.out.size(file) == size
        return False

    def answer(self, item: Item, part: Any) -> Iterable[Row]:
        if isinstance(part, str):
            self.failures[item.key] = f"{item.payload.cut.clip.uri}: {part}"
            return
        self.written += 1
        self.linked += part.pop("linked")
        yield part

    def lost(self, item: Item, failure: Failure) -> Iterable[Row]:
        if failure.reason.startswith(
            f"{SetupError.__name__}: "
        ):  # a full disk: no clip's fault, and the next one's too
            raise SetupError(failure.reason.partition(": ")[2])
        self.failures[item.key] = f"{item.payload.cut.clip.uri}: {failure.reason}"
        return ()

    def ended(self, item: Item) -> str:
        return "failed" if item.key in self.failures else "kept"

    def write(self, shard: int, rows: Iterator[Row]) -> None:
        new = list(rows)
        if new or self.task.made.count(shard) is None:
            self.task.made.write(shard, {row["name"]: row for row in [*self.task.made.read(shard), *new]}.values())


def setup_making(way: _Way) -> Handler:
    """Runs once in each worker."""
    from hoigen import video

    video.warm()

    def handle(job: _Job, emit: Emit) -> None:
        from hoigen.stages.showing import check_unchanged

        emit.doing("export")
        clip = job.cut.clip
        try:
            check_unchanged(clip, emit.progress)
            emit(_make(job, way, emit.progress))
        except VideoError as error:
            emit(str(error))  # the file's fault: another try would end alike

    return handle


def _make(job: _Job, way: _Way, progress: Callable[[], None]) -> Row:
    """Makes one file, whole or not at all; its row."""
    from hoigen.video.cutting import cut_clip
    from hoigen.video.faces import faces_of
    from hoigen.video.header import probe
    from hoigen.video.retime import retimed

    cut, clip = job.cut, job.cut.clip
    linked = repeated = 0
    faces = faces_of(clip, way.faces, progress) if way.faces is not None else None
    with _placed(way.out, job.file) as part:
        if way.link and _needs_nothing(cut, way):
            _link(clip.uri, part)
            linked = 1
        elif cut.fps is None or cut.frames is None or cut.size is None:
            cut_clip(clip, part, progress=progress, faces=faces)
        else:
            repeated = retimed(
                clip,
                part,
                fps=cut.fps,
                frames=cut.frames,
                size=cut.size,
                fit=way.shape.fit,
                codec=way.codec,
                repeat=way.shape.repeat,
                progress=progress,
                faces=faces,
            )
        header = probe(str(part), progress)
        if cut.frames is not None and header.frames != cut.frames:
            raise SetupError(f"{job.file}: {header.frames} frames were written instead of {cut.frames}")
        digest = _sha256(part, progress)
        size = part.stat().st_size
    fps = float(cut.fps) if cut.fps is not None else header.fps
    return {
        "id": clip.id,
        "name": cut.name,
        "file": job.file,
        "frames": header.frames,
        "fps": fps,
        "width": header.width,
        "height": header.height,
        "seconds": cut.frames / fps if cut.frames else header.duration,
        "digest": digest,
        "bytes": size,
        "uri": clip.uri,
        "start": clip.start,
        "end": clip.end,
        "clip_start": cut.clip_start,
        "source_width": clip.width,
        "source_height": clip.height,
        "source": clip.source,
        "repeated": repeated,
        "linked": linked,
    }


@contextlib.contextmanager
def _placed(out: Folder, file: str) -> Iterator[Path]:
    """Where a file is made: what lies there when the block ends well is then the file `file` of the folder."""
    if not out.is_local:
        with tempfile.TemporaryDirectory() as folder:
            part = Path(folder) / "clip.mp4"
            yield part
            out.fs.put_file(str(part), out.path(file))
        return
    path = Path(out.path(file))
    # not beside the clips, and not named as a video: loaders take what lies beside them, some all videos below a
    # folder, and a worker that is killed leaves its file
    part = Path(out.path(PARTS)) / f".{path.stem}.{os.getpid()}.part.tmp"
    try:
        yield part
        part.replace(path)
    except OSError as error:
        raise SetupError(f"cannot write {path.parent}: {error.strerror or error}") from None
    finally:
        part.unlink(missing_ok=True)


def _needs_nothing(cut: Cut, way: _Way) -> bool:
    """Whether the video, as it is, is the file that is wanted."""
    from hoigen.core.uris import is_local
    from hoigen.video.header import probe

    if not is_local(cut.clip.uri) or not way.out.is_local:
        return False
    header = probe(cut.clip.uri)
    usual = 1 / header.fps if header.fps else 0.0
    whole = cut.clip.start <= usual / 2 and cut.clip.end >= header.duration - usual / 2
    plain = header.codec == way.codec and header.pixel_format == "yuv420p" and "mp4" in header.container
    straight = not (header.rotation or header.mirrored or header.interlaced or header.hdr or header.jumps)
    if not (whole and plain and straight):
        return False
    if cut.fps is None:
        return True
    same = header.frames == cut.frames and (header.width, header.height) == cut.size
    return same and not header.variable_rate and abs(header.fps / float(cut.fps) - 1) < 1e-3


def _link(uri: str, part: Path) -> None:
    from hoigen.video.file import local_path

    source = local_path(uri)
    try:
        os.link(source, part)
    except OSError:  # another disk, or one without hard links
        part.symlink_to(Path(source).resolve())


def _sha256(path: Path, progress: Callable[[], None]) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
            progress()
    return digest.hexdigest()
