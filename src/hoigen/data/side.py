"""A run in an object store: which of its files are worked with on this machine, and how they come and go.

Tables, journals, markers, locks and what experts answered lie in the store alone (`hoigen.data.files`). What is one
small file for the whole run (run.yaml, the list of videos, the page, sets, events) is fetched into a folder of this
machine when a command begins, and what has changed there is put back when it ends and every few seconds meanwhile.
Where that folder lies tells which store it belongs to, so that a `Run` of it needs no more than its path.
"""

from __future__ import annotations

import contextlib
import fnmatch
import json
import os
import re
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from hoigen.core.clip import Seconds
from hoigen.core.errors import HoigenError, SetupError, UsageError, shown
from hoigen.core.places import home
from hoigen.core.uris import WEB, address_in, fault, masked, scheme_of
from hoigen.data.files import Folder, stamp_of

OWN = (
    *("run.yaml", "videos.parquet", "found", "shards.parquet", "clips", "observations", "scores", "journal", "ranks"),
    *("locks", "calls", "captions", "joined", "annotations", "report.html", "suggest", "categories", "evaluation.json"),
    *("cut", "review", "children", "sets", "stats", "split", "removals.json", "events", "beside_"),
)
"""What hoigen writes into a run, besides hidden files, and files that begin with one of these names."""
EVERY: Seconds = 15.0
"""Between two looks at what has changed here."""
EVENTS = "events"
OTHERS = ("sets", "split", "stats", "suggest", "categories")
FOLDERS = (EVENTS, *OTHERS)
"""What is worked with here, whole. Of `captions`, only what lies in it directly; its folders are tables."""
TABLES = ("shards.parquet",)
"""At the top of a run, what lies in the store alone."""
STORES = ("botocore", "aiobotocore", "aiohttp", "s3fs", "gcsfs", "google", "adlfs", "azure")
"""Packages by which stores are reached."""
STATE, LOCK = ".side.json", ".lock-side"
UNDER_WAY = [None, None]
"""What is noted of a file while it is fetched, instead of what it was like here and there."""
AT_ONCE = 16
"""Files that are fetched at once."""
WHOLE = 64 << 20
"""Bytes up to which a file is read before it is sent: one that grows meanwhile is sent as it was."""


def root() -> Path:
    """The folder below which runs in stores have their files on this machine."""
    return home() / "stores"


def place_of(address: str) -> Path:
    """Where the files of a run in a store lie on this machine. Raises UsageError for an address of something else.

    Args:
        address: of the run (`s3://bucket/run`).
    """
    if (wrong := fault(address)) is not None:
        raise UsageError(f"a run's folder: {masked(address)}: {wrong}")
    scheme = scheme_of(address)
    if scheme in (*WEB, "hf"):
        raise UsageError(f"a run's folder: a path of this machine, or one in an object store; it came as {address}")
    parts = address.partition("://")[2].strip("/").split("/")
    if any(part in ("", ".", "..") for part in parts) or "\0" in address:
        raise UsageError(f"a run's folder: {address}: a bucket and a path in it, without empty parts, . and ..")
    return root().joinpath(scheme, *parts)


def address_of(path: str | os.PathLike[str]) -> str | None:
    """The address of the run in a store whose files lie at `path` on this machine; None for any other folder."""
    try:
        parts = Path(path).absolute().relative_to(root().absolute()).parts
    except ValueError:
        return None
    return f"{parts[0]}://{'/'.join(parts[1:])}" if len(parts) > 1 else None


def named(text: str) -> str:
    """A text for people, in which runs in stores go by their address.

    Args:
        text: with paths of this machine in it.
    """
    return re.sub(rf"{re.escape(str(root().absolute()))}/([a-z0-9+.-]+)/", r"\1://", text)


@contextlib.contextmanager
def opened(run: str | os.PathLike[str]) -> Iterator[Any]:
    """A run for as long as a command is at it: of one in a store, its files are here, and go back at the end.

    Args:
        run: its folder, or its address.

    Gives the folder on this machine; `run` as it came where that is one. Raises UsageError when the store cannot be
    reached.
    """
    address = address_in(run) or address_of(run)
    if address is None:
        yield run
        return
    side = Side(address)
    if side.path in _OPEN:
        yield side.path
        return
    with _told(address, kind=UsageError):  # nothing was done
        side.pull()
    over = threading.Event()
    beats = threading.Thread(target=_keep, args=(side, over), name="side", daemon=True)
    beats.start()
    _OPEN[side.path] = side
    try:
        with _told(address, packages=STORES):
            yield side.path
    finally:
        del _OPEN[side.path]
        over.set()
        beats.join()
        failed = sys.exc_info()[0] is not None
        try:
            side.push()
        except Exception as error:
            lost = (
                f"{masked(address)}: {type(error).__name__}: {error}; what has changed lies in {side.path}, and goes "
            )
            if not failed:
                raise HoigenError(f"{lost}there with the next command") from None
            print(f"hoigen: {lost}there with the next command", file=sys.stderr)


_OPEN: dict[Path, Side] = {}


def fetch(path: Path, events: str) -> None:
    """Has what other machines have put into the store seen here now. Nothing happens for a run on a disk.

    Args:
        path: a run's folder on this machine.
        events: as of `Side.pull`.
    """
    if (side := _OPEN.get(path)) is not None:
        with _told(side.address):
            side.pull(events)


def check_on_disk(path: Path, who: str) -> None:
    """Raises UsageError for a run in a store.

    Args:
        path: its folder on this machine.
        who: cannot do with one.
    """
    if (address := address_of(path)) is not None:
        raise UsageError(f"{who} works on a run on a disk of this machine; it came as {address}")


def put_back(path: Path) -> None:
    """Has what was written at `path` seen by other machines now. Nothing happens for a run on a disk.

    Args:
        path: a run's folder on this machine.
    """
    if (side := _OPEN.get(path)) is not None:
        with _told(side.address):
            side.push()


def _keep(side: Side, over: threading.Event) -> None:
    told = ""
    while not over.wait(EVERY):
        try:
            side.push()
            told = ""
        except Exception as error:  # the next time, or the end; whoever waits for hours knows it before
            if told != (told := f"{type(error).__name__}: {error}"):
                print(f"hoigen: {masked(side.address)}: {told}; it is tried again", file=sys.stderr)


@contextlib.contextmanager
def _told(
    address: str, packages: tuple[str, ...] | None = None, kind: type[HoigenError] = SetupError
) -> Iterator[None]:
    """What a store's package raises, of whatever type, as one sentence.

    Args:
        address: of the run.
        packages: only what these raise, be it as an OSError of Python's own; None: anything.
        kind: of the error that says it.
    """
    try:
        yield
    except HoigenError:
        raise
    except Exception as error:
        if packages is not None and not _raised_by(error, packages):
            raise
        said = " ".join(str(error).split()) or type(error).__name__
        raise kind(f"{masked(address)} cannot be reached: {said}") from None


def _raised_by(error: Exception, packages: tuple[str, ...]) -> bool:
    """Whether one of some packages has raised an error: s3fs says "Access Denied" as Python's PermissionError."""
    places = [type(error).__module__]
    if isinstance(error, OSError):
        places += [str(frame.f_globals.get("__name__")) for frame, _ in traceback.walk_tb(error.__traceback__)]
    return any(place.partition(".")[0] in packages for place in places)


class Side:
    """The files of a run in a store, there and here.

    Args:
        address: of the run.
    """

    def __init__(self, address: str) -> None:
        self.address, self.path = address, place_of(address)
        self.folder = Folder(address)

    def pull(self, events: str = "") -> None:
        """Fetches what is not here as it is there, but for what has changed here since it was last the same.

        Args:
            events: which files of `events/`, of which there is one for each part, as a glob; others stay as they are.
        """
        there = self._there(events)
        if not there and not self.path.is_dir():
            return
        with self._state() as state:
            wanted = []
            for name, stamp in there.items():
                before = state.get(name)
                if before is not None and before[1] == stamp and (self.path / name).exists():
                    continue
                if self._changed(name, before):
                    if before is None or before[1] == stamp:
                        continue  # a command that was killed has not put it back
                    print(
                        f"hoigen: {self.folder.path(name)} was changed elsewhere, and here by a command that was "
                        "killed: the one in the store counts",
                        file=sys.stderr,
                    )
                wanted.append(name)
            if wanted:
                state.update((name, UNDER_WAY) for name in wanted)
                self._note(state)  # or, after a kill, they would be taken for changes of this machine

            def fetched(name: str) -> None:
                self._fetch(name)
                state[name] = [_stat(self.path / name), there[name]]

            with ThreadPoolExecutor(AT_ONCE) as threads:
                for _ in threads.map(fetched, wanted):
                    pass
            for name in [name for name in state if name not in there and _wanted(name, events)]:
                if not self._changed(name, state[name]):
                    (self.path / name).unlink(missing_ok=True)
                    del state[name]

    def push(self) -> None:
        """Puts what has changed here into the store."""
        if not self.path.is_dir():
            return
        with self._state() as state:
            here = sorted(self._here(), key=lambda name: name == "run.yaml")  # last: what has one is a run
            for name in here:
                stat, before = _stat(self.path / name), state.get(name)
                if stat is None or before == UNDER_WAY or (before is not None and before[0] == stat):
                    continue
                self._send(name, stat[0])
                state[name] = [stat, list(stamp_of(self._fs.info(self.folder.path(name))))]
            for name in [name for name in state if name not in here and state[name] != UNDER_WAY]:
                if _stat(self.path / name) is None:  # a listing may miss what is replaced meanwhile
                    self.folder.remove(name)
                    del state[name]

    @property
    def _fs(self) -> Any:
        fs = self.folder.fs
        fs.invalidate_cache()
        return fs

    def _there(self, events: str) -> dict[str, Any]:
        """The files in the store, each with what changes when it does. events: as of `pull`."""
        fs = self._fs
        base = fs._strip_protocol(self.address).rstrip("/")
        found: dict[str, Any] = {}
        every = {info["name"][len(base) :].strip("/"): info for info in _listed(fs, base)}
        every.pop("", None)  # what some programs put in the place of an empty folder
        self._check({name: info["type"] for name, info in every.items()})
        inside = {name for name, info in every.items() if info["type"] == "directory"}
        top = [info for name, info in every.items() if name not in inside and _of_a_run(name)]
        for name in inside & set(FOLDERS if events else OTHERS):
            top += fs.find(f"{base}/{name}", detail=True).values()
        if "captions" in inside:
            top += [info for info in _listed(fs, f"{base}/captions") if info["type"] != "directory"]
        for info in top:
            name = info["name"][len(base) :].lstrip("/")
            if name and name not in TABLES and not _hidden(name) and _wanted(name, events):
                self.folder.path(name)  # raises for one that leads elsewhere
                found[name] = list(stamp_of(info))
        return found

    def _check(self, kinds: Mapping[str, str]) -> None:
        """Raises UsageError for a folder of other things, before any of them is fetched.

        Args:
            kinds: what lies in it -> `file` or `directory`.
        """
        if "run.yaml" in kinds or (self.path / "run.yaml").exists():
            return
        if kinds.keys() & {"clips", "found", "scores"}:
            raise UsageError(f"{self.address} has tables and no run.yaml: it is no run, or has lost that file")
        if others := sorted(name for name, kind in kinds.items() if not (_of_a_run(name, kind) or _hidden(name))):
            some = ", ".join(map(shown, others[:3])) + (", …" if len(others) > 3 else "")
            raise UsageError(
                f"run: {self.address} is no run and holds other files ({some}); give a new or an empty folder"
            )

    def _here(self) -> list[str]:
        entries = [entry for entry in os.scandir(self.path) if entry.is_file(follow_symlinks=False)]
        found = [entry.name for entry in entries if _of_a_run(entry.name)]
        for folder in FOLDERS:
            for where, _, files in os.walk(self.path / folder):
                found += [str((Path(where) / name).relative_to(self.path)) for name in files]
        with contextlib.suppress(FileNotFoundError), os.scandir(self.path / "captions") as inside:
            found += [f"captions/{entry.name}" for entry in inside if entry.is_file(follow_symlinks=False)]
        return [name for name in found if name not in TABLES and not _hidden(name)]

    def _changed(self, name: str, before: Any) -> bool:
        stat = _stat(self.path / name)
        return stat is not None and before != UNDER_WAY and (before is None or before[0] != stat)

    def _fetch(self, name: str) -> None:
        with Folder(str(self.path)).writing(name) as file:
            self.folder.fs.get_file(self.folder.path(name), os.fspath(file.name))

    def _send(self, name: str, size: int) -> None:
        path = self.path / name
        if size > WHOLE:
            self.folder.fs.put_file(str(path), self.folder.path(name))
        else:
            self.folder.fs.pipe_file(self.folder.path(name), path.read_bytes())

    @contextlib.contextmanager
    def _state(self) -> Iterator[dict[str, Any]]:
        """Name -> what the file was like here and there when it was last the same; one process of this machine at a
        time is in here."""
        import fcntl

        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / LOCK).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                state = json.loads((self.path / STATE).read_text(encoding="utf-8"))
            except (FileNotFoundError, ValueError):
                state = {}
            before = json.dumps(state)
            try:
                yield state
            finally:
                if json.dumps(state) != before:
                    self._note(state)

    def _note(self, state: Mapping[str, Any]) -> None:
        Folder(str(self.path)).write(STATE, json.dumps(state).encode())


def _listed(fs: Any, path: str) -> list[dict[str, Any]]:
    try:
        return list(fs.ls(path, detail=True))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _stat(path: Path) -> list[int] | None:
    """Size and time of a file of this machine; None where there is none."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return [found.st_size, found.st_mtime_ns, found.st_ino]


def _of_a_run(name: str, kind: str = "file") -> bool:
    """Whether hoigen gives such a name to what it writes into a run.

    Args:
        name: of what lies at its top.
        kind: `file` or `directory`.
    """
    return name in OWN or (kind == "file" and name.startswith(OWN))


def _wanted(name: str, events: str) -> bool:
    """Whether a file is fetched. events: as of `Side.pull`."""
    folder, _, rest = name.partition("/")
    return folder != EVENTS or not rest or fnmatch.fnmatchcase(rest, events)


def _hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))
