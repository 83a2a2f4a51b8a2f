"""A folder of files, on a disk or in an object store: the only layer that a run's tables and journals go through.

A folder on a disk is a plain path and needs nothing but the operating system. One in a store has a scheme (`s3://`,
`memory://`) and goes through fsspec. Either way a file is there whole or not at all, and files are all there is:
a folder exists once it holds one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, Literal, cast

from hoigen.core.errors import Locked, UsageError, shown
from hoigen.core.uris import scheme_of, store_of


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder on a disk or in a store. Making one touches nothing.

    Args:
        uri: its path, or its address in a store (`s3://bucket/run`).
    """

    uri: str

    @property
    def is_local(self) -> bool:
        """Whether it lies on a disk of this machine."""
        return not scheme_of(self.uri)

    @property
    def fs(self) -> Any:
        """fsspec's file system of it. Raises UsageError for a scheme that may not be opened or lacks its package."""
        import fsspec

        if self.is_local:
            return fsspec.filesystem("file")
        return self._store()[0]

    def _store(self) -> tuple[Any, str]:
        try:
            return store_of(self.uri)
        except (ValueError, ImportError) as error:
            raise UsageError(f"{self.uri}: {error}") from None

    def child(self, name: str) -> Folder:
        """A folder in it.

        Args:
            name: of the folder; of one further below, names parted by slashes.
        """
        return Folder(self.path(name))

    def path(self, name: str) -> str:
        """The text by which DuckDB and pyarrow find the file `name` of it. Raises UsageError for a name that leads out
        of the folder: names come out of files, too."""
        if "\0" in name or any(part in ("", ".", "..") for part in name.split("/")):
            raise UsageError(f"{self.uri}: {shown(name)} is no name of a file or folder in it")
        return str(Path(self.uri) / name) if self.is_local else f"{self.uri.rstrip('/')}/{name}"

    def names(self, kind: Literal["file", "directory"] = "file") -> list[str]:
        """Names of the files directly in it, sorted; none when there is no such folder. Hidden ones are left out.

        Args:
            kind: `directory` for the names of the folders instead.
        """
        try:
            if self.is_local:
                with os.scandir(self.uri) as entries:
                    found = [e.name for e in entries if (e.is_dir() if kind == "directory" else e.is_file())]
            else:
                fs, path = self._store()
                fs.invalidate_cache(path)
                listed = fs.ls(path, detail=True)
                found = [item["name"].rstrip("/").rpartition("/")[2] for item in listed if item["type"] == kind]
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(name for name in found if not name.startswith("."))

    def exists(self, name: str) -> bool:
        """Whether there is a file `name`."""
        if self.is_local:
            return os.path.isfile(self.path(name))
        return bool(self._fresh(name).isfile(self.path(name)))

    def size(self, name: str) -> int:
        """Bytes of the file `name`. Raises FileNotFoundError."""
        if self.is_local:
            return os.stat(self.path(name)).st_size
        return int(self._fresh(name).size(self.path(name)))

    def stamp(self, name: str, *, listed: bool = False) -> tuple[Any, ...]:
        """What changes when the file `name` does: its size and time, and its inode or what the store says of it.

        Args:
            name: of the file.
            listed: `names` was asked just now, and what a store said then is good enough: one request for many files.

        Raises FileNotFoundError.
        """
        if self.is_local:
            found = os.stat(self.path(name))
            return found.st_size, found.st_mtime_ns, found.st_ino
        return stamp_of((self.fs if listed else self._fresh(name)).info(self.path(name)))

    def copied(self, name: str, to: Path, *, listed: bool = False) -> Path:
        """The file `name` of a store on this machine; fetched where it is not there as it is in the store.

        Args:
            name: of the file.
            to: the folder of this machine in which it lies under the same name.
            listed: as of `stamp`.
        """
        import fcntl

        now = repr(self.stamp(name, listed=listed))
        place = to / name
        to.mkdir(parents=True, exist_ok=True)
        with (to / f".{name}.stamp").open("a+", encoding="utf-8") as note:
            fcntl.flock(note, fcntl.LOCK_EX)  # one after the other: what is noted is what is there
            note.seek(0)
            if note.read() != now or not place.exists():
                note.truncate(0)
                with Folder(str(to)).writing(name) as file:
                    self.fs.get_file(self.path(name), os.fspath(file.name))  # in pieces: merged parts are large
                note.write(now)
        return place

    def _fresh(self, name: str) -> Any:
        fs = self.fs
        fs.invalidate_cache(self.path(name).rpartition("/")[0])  # a store's listings are kept by fsspec
        return fs

    def read(self, name: str) -> bytes:
        """The content of the file `name`. Raises FileNotFoundError."""
        with self.reading(name) as file:
            return file.read()

    def write(self, name: str, data: bytes, *, synced: bool = False) -> None:
        """Writes a file whole or not at all.

        Args:
            name: of the file.
            data: its content.
            synced: it outlives even a power failure once this returns; of a store, that is the store's word.
        """
        with self.writing(name) as file:
            file.write(data)
            if synced and self.is_local:
                file.flush()
                os.fsync(file.fileno())
        if synced and self.is_local:
            place = os.open(self.uri, os.O_RDONLY)
            try:
                os.fsync(place)  # its name, too
            finally:
                os.close(place)

    @contextlib.contextmanager
    def reading(self, name: str) -> Iterator[BinaryIO]:
        """The file `name`, open for reading. Raises FileNotFoundError."""
        with Path(self.path(name)).open("rb") if self.is_local else self.fs.open(self.path(name), "rb") as file:
            yield cast(BinaryIO, file)

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """The file `name`, to be written: it is in place when the block ends well, and nothing has changed when it does
        not."""
        if not self.is_local:
            with tempfile.NamedTemporaryFile() as file:  # a store takes a file whole: nothing half-written is seen
                yield cast(BinaryIO, file)
                file.flush()
                self.fs.put_file(file.name, self.path(name))
            return
        path = Path(self.path(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            with part.open("wb") as file:
                yield file
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    def remove(self, name: str) -> None:
        """Deletes the file `name`; one that is not there is fine."""
        if self.is_local:
            Path(self.path(name)).unlink(missing_ok=True)
            return
        with contextlib.suppress(FileNotFoundError):
            self.fs.rm_file(self.path(name))

    @contextlib.contextmanager
    def lock(self, name: str) -> Iterator[IO[str]]:
        """Holds the file `name` for this process until the block ends. A folder that was made for it and in which
        nothing was written goes again where the block ends with an error.

        Raises Locked at once when another process holds it. In a store, which has no such locks, a `Lease` does it.
        """
        assert self.is_local, f"{self.uri}: a store has no locks; a Lease is wanted"
        path = Path(self.path(name))
        with contextlib.ExitStack() as stack:
            # what is locked may be a file of data, too
            stack.enter_context(nothing_left(path.parent, lambda file: file == path and not file.stat().st_size))
            path.parent.mkdir(parents=True, exist_ok=True)
            yield stack.enter_context(self._held(path))

    @contextlib.contextmanager
    def _held(self, path: Path) -> Iterator[IO[str]]:
        import fcntl

        try:  # a link is not followed, a pipe not waited for, and what is there stays as it is
            opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
                raise
            raise UsageError(f"{path} is a link or no file; hoigen makes it itself: delete it") from None
        with os.fdopen(opened, "r+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Locked(f"{path.parent} is in use by another hoigen process") from None
            yield file


@contextlib.contextmanager
def nothing_left(folder: Path, says_nothing: Callable[[Path], bool] = lambda _: False) -> Iterator[None]:
    """Takes a folder away again that the block has made, with those above it that were not there, where it ends with an
    error and has written nothing.

    Args:
        folder: that is made.
        says_nothing: whether a file in it says nothing by itself, as a lock does; such files go along.
    """
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        yield
    except (Exception, KeyboardInterrupt):
        with contextlib.suppress(OSError):  # it was not made, or another process has come meanwhile
            files = list(folder.iterdir()) if made else []
            if made and all(map(says_nothing, files)):
                for file in files:
                    file.unlink()
                for each in made:
                    each.rmdir()
        raise


def stamp_of(info: Mapping[str, Any]) -> tuple[Any, ...]:
    """What changes when a file of a store does: its size, and its ETag, generation or time, as fsspec's `info` says.

    Args:
        info: of the file.
    """
    marks = ("ETag", "etag", "generation", "LastModified", "last_modified", "mtime", "created")
    return int(info["size"]), next((str(info[name]).strip('"') for name in marks if info.get(name)), "")


def write_text(path: Path, text: str) -> None:
    """Writes a file whole or not at all.

    Args:
        path: the file; its folder is made.
        text: its content, written as UTF-8.
    """
    Folder(str(path.parent)).write(path.name, text.encode("utf-8"))
