"""Rows of a published list -> stretches of the files that one has, and what is missing."""

from __future__ import annotations

import csv
import hashlib
import itertools
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from hoigen.core.clip import Seconds
from hoigen.core.errors import UsageError, VideoError
from hoigen.core.words import plural
from hoigen.data.files import Folder
from hoigen.data.sources import manifests
from hoigen.data.sources.source import VIDEO_SUFFIXES, Source

if TYPE_CHECKING:
    from hoigen.video.header import Header

ROLES = ("id", "url", "start", "end", "caption", "digest")
"""What a column of a list may be, for `--columns`."""
DIGESTS = ("digest", "sha256", "sha1", "md5")
"""Columns that hold a digest of the file; how long it is says which."""
FRAMES = "frames"
"""The key of a Source's `meta` for lists that name stretches by frames: the first, and the one behind the last. Seconds
come of them by the rate of the file."""
RESIZED = "_resize1080p"
"""Open-Sora-Plan's archives have files of Pixabay with this behind the name that the lists have."""
BRACKETED = re.compile(r"\[([A-Za-z0-9_-]{6,})\]")
"""How yt-dlp writes an id behind a title."""
PROGRAMS = (".php", ".asp", ".aspx", ".ashx", ".jsp", ".cgi", ".pl", ".py", ".do")
"""How the path of an address ends that asks a program of a server for a file."""
ASKED = ("file", "filename", "name", "path")
"""Keys by which such a program is told which; where none is there, others may."""
SHORT: Seconds = 0.1
"""By so much a stretch may reach beyond the end of its file: lists round."""
ALIKE = 0.05
"""A file is the clip itself when its length is that of the stretch but for this share, or half a second."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """What became of a list: `rows` is the sum of those that were found and those that are missing.

    Args:
        out: the list that was written; `hoigen curate` takes it.
        missing_out: the rows that were not found, with why.
        rows: clips of the list.
        found: how they were found -> how many.
        missing: why they were not -> how many.
        files: files that were looked through.
        unused: how many of them no row of the list names.
        note: what one should know of the list.
    """

    out: Path
    missing_out: Path
    rows: int
    found: Mapping[str, int]
    missing: Mapping[str, int]
    files: int
    unused: int
    note: str = ""

    @property
    def incomplete(self) -> bool:
        """Whether no row was found at all; the command then exits with 1."""
        return not self.found

    def __str__(self) -> str:
        there = sum(self.found.values())
        lines = [f"{plural(self.rows, 'clip')} in the list, {there} found, {self.rows - there} missing"]
        lines += [f"  found {count}: {how}" for how, count in self.found.items()]
        lines += [f"  missing {count}: {why}" for why, count in self.missing.items()]
        lines.append(f"{plural(self.files, 'file')}, {self.unused} of them in no row")
        lines.append(f"{self.out}: what was found; {self.missing_out}: what was not")
        return "\n".join([*lines, *([self.note] if self.note else [])])


def videos_below(folders: Iterable[Path]) -> Iterator[tuple[Path, Path]]:
    """The video files of some folders and all below them, each once, also where one folder lies in another; hidden ones
    are left out.

    Args:
        folders: looked through in this order, each in the order of names.

    Gives the folder in which a file was found, and the file.
    """
    seen: set[str] = set()
    for folder in folders:
        for root, below, names in os.walk(folder):
            below[:] = sorted(name for name in below if not name.startswith("."))
            for name in sorted(names):
                path = Path(root, name)
                if path.suffix.lower() in VIDEO_SUFFIXES and not name.startswith("."):
                    real = os.path.join(os.path.realpath(root), name)
                    if real not in seen:
                        seen.add(real)
                        yield folder, path


class Files:
    """The videos of some folders, by what a list may call them. Lengths are read once, when they are asked for.

    Args:
        folders: looked through with all that is below them.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self.names: dict[str, list[str]] = {}
        self.all: list[str] = []
        self._headers: dict[str, Header | str] = {}
        self._digests: dict[str, dict[str, str]] = {}
        for _, file in videos_below(folders):
            path, stem = str(file), file.stem
            self.all.append(path)
            for key in {stem, stem.removesuffix(RESIZED), *BRACKETED.findall(stem)}:
                self.names.setdefault(key, []).append(path)

    def named(self, *names: str) -> list[str]:
        """The files of these names, without suffix, or with one of them in brackets."""
        return [path for name in names for path in self.names.get(name, ())]

    def header(self, path: str) -> Header | str:
        """What the header of a file says; or why it cannot be read."""
        from hoigen.video.header import probe

        if path not in self._headers:
            try:
                self._headers[path] = probe(path)
            except VideoError as error:
                self._headers[path] = str(error)
        return self._headers[path]

    def digest(self, path: str, kind: str) -> str:
        """The digest of a file's content."""
        known = self._digests.setdefault(path, {})
        if kind not in known:
            with open(path, "rb") as file:
                known[kind] = hashlib.file_digest(file, kind).hexdigest()
        return known[kind]

    def of_digest(self, digest: str, kind: str) -> str | None:
        """The first file of that content."""
        return next((path for path in self.all if self.digest(path, kind) == digest), None)


def map_list(path: str, folders: Sequence[Path], out: Path, columns: Mapping[str, str]) -> Mapped:
    """Maps the rows of a list to files.

    A row is found by the name of its clip (`ID.3.mp4`, of the fourth clip of a video, whose length has to fit), else by
    that of its video, which has to be as long as the stretch asks for, else by its digest where the list has one. Where
    several files have that name, digests decide; without them the row is missing, with that reason.

    Args:
        path: of the list.
        folders: in which the videos are.
        out: the file to write, JSON lines; what is missing goes to a CSV beside it.
        columns: what a column is (of `ROLES`) -> its name in the list, where it is another than usual.

    Raises UsageError before anything is written, for a list or a folder that cannot be read.
    """
    names = {theirs: "uri" if role == "id" else role for role, theirs in columns.items()}
    note = ""
    if "hoigen" in PurePosixPath(path).name.lower():
        note = (
            "HOIGen-1M's own list was not at hand when this was written: its layout is not verified. Look at the first "
            "rows, and say with --columns which column is what"
        )
    files = Files(folders)
    if not files.all:
        raise UsageError(f"--videos {', '.join(map(str, folders))}: no video files there")
    return map_rows(manifests.read(path, names=names), files, out, note)


def map_rows(sources: Iterable[Source], files: Files, out: Path, note: str = "") -> Mapped:
    """Maps rows to files: `map_list`, for rows that somebody else has read.

    Args:
        sources: the rows, clips of one video behind one another.
        files: in which they are looked for.
        out: as of `map_list`.
        note: what one should know of the list.

    Raises UsageError when the rows cannot be read; then nothing is written.
    """
    missing_out = missing_beside(out)
    found: Counter[str] = Counter()
    missing: Counter[str] = Counter()
    used: set[str] = set()
    rows = 0
    with Folder(str(out.parent)).writing(out.name) as good, Folder(str(out.parent)).writing(missing_out.name) as bad:
        told = missing_writer(bad)
        for name, number, source in _numbered(sources):
            rows += 1
            how, place, start, end = _found(files, name, number, source)
            if place:
                found[how] += 1
                used.add(place)
                row = {"uri": place, "start": start, "end": end, "text": source.caption, "source": source.source}
                row |= {"licence": source.licence, "id": name} | source.meta
                write_row(good, row)
            else:
                missing[re.sub(r"[\d.]+ s", "… s", how)] += 1
                url = source.uri if "://" in source.uri else source.meta.get("url", "")
                told([name, url, source.start, source.end, how])
    ordered = dict(found.most_common()), dict(missing.most_common())
    return Mapped(out, missing_out, rows, *ordered, len(files.all), len(set(files.all) - used), note)


def missing_beside(out: Path) -> Path:
    """Where what is missing of a list stands: beside what was found of it."""
    return out.with_name(f"{out.stem}.missing.csv")


def write_row(file: IO[bytes], row: Mapping[str, object]) -> None:
    """Writes one line of JSON, without what is nothing or no number."""
    told = {key: value for key, value in row.items() if value is not None and value == value}
    file.write(json.dumps(told, default=str).encode() + b"\n")


def missing_writer(file: IO[bytes]) -> Callable[[Sequence[object]], None]:
    """Writes rows of a CSV of what is missing, whose head it has written: id, url, start, end, why."""
    import io

    from hoigen.core.harmless import cell

    def write(row: Sequence[object]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow([cell(v) if isinstance(v, str) else v for v in row])
        file.write(text.getvalue().encode("utf-8"))

    write(["id", "url", "start", "end", "why"])
    return write


def _numbered(sources: Iterable[Source]) -> Iterator[tuple[str, int, Source]]:
    """Each with the name of its video, and which clip of it it is, from 0, where several follow one another."""
    last, number = "", 0
    for source in sources:
        name = name_of(source)
        number = number + 1 if name == last and source.start is not None else 0
        last = name
        yield name, number, source


def name_of(source: Source) -> str:
    """What a list calls a video: its id, that in its address, or the name of its file without suffix."""
    if source.meta.get("videoID"):
        return str(source.meta["videoID"])
    if "://" in source.uri:
        parts = urlsplit(source.uri)
        if parts.hostname and parts.hostname.endswith("youtu.be"):
            return parts.path.strip("/")
        if asked := parse_qs(parts.query).get("v"):
            return asked[0]
        return file_in(source.uri).stem
    name = PurePosixPath(source.uri)
    return name.stem if name.suffix.lower() in VIDEO_SUFFIXES else name.name


def file_in(url: str) -> PurePosixPath:
    """The name of the file that an address asks for: the end of its path, or, where that is a program of the server
    (`download.php?file=NAME.mp4`), what it is asked for.

    Args:
        url: the address.
    """
    parts = urlsplit(url)
    path = PurePosixPath(parts.path)
    if path.suffix.lower() in ("", *PROGRAMS):
        asked = parse_qs(parts.query)
        values = [*(each for key in ASKED for each in asked.get(key, ())), *itertools.chain(*asked.values())]
        named = [name for each in values if (name := PurePosixPath(PurePosixPath(each).name)).suffix]
        videos = [name for name in named if name.suffix.lower() in VIDEO_SUFFIXES]
        path = next(iter([*videos, *named]), path)
    return PurePosixPath(path.name)


def _found(files: Files, name: str, number: int, source: Source) -> tuple[str, str, Seconds | None, Seconds | None]:
    """How a row was found, its file, and the stretch of it; or why it was not, and no file."""
    digest = next((str(source.meta[key]).lower() for key in DIGESTS if source.meta.get(key)), "")
    kind = {32: "md5", 40: "sha1", 64: "sha256"}.get(len(digest), "")
    if digest and not kind:
        return "its digest is none of md5, sha1, sha256", "", None, None
    start, end = source.start, source.end
    if start is not None and end is not None:
        for path in files.named(*(f"{name}{sign}{number}" for sign in "._-")):
            header = files.header(path)
            if not isinstance(header, str) and abs(header.duration - (end - start)) <= max(0.5, ALIKE * (end - start)):
                return "the clip's own file, by name and length", path, None, None
    here = list(dict.fromkeys(files.named(name)))
    if digest and (same := [path for path in here if files.digest(path, kind) == digest]):
        here = same[:1]
    elif digest and (other := files.of_digest(digest, kind)) is not None:
        return "by digest", other, start, end
    elif digest and here:
        return "a file of its name has another digest", "", None, None
    if len(here) > 1:
        return f"{plural(len(here), 'file has', 'files have')} its name", "", None, None
    if not here:
        return "no file of its name", "", None, None
    header = files.header(here[0])
    if isinstance(header, str):
        return f"its file {header}", "", None, None
    seconds = header.duration
    if FRAMES in source.meta and end is None:
        start, end = (float(frame) / header.fps for frame in source.meta[FRAMES])
    if end is not None and end > seconds + SHORT:
        return f"its file ends at {seconds:.2f} s, before the stretch does", "", None, None
    how = "by name and digest" if digest else "by name, and long enough" if end is not None else "by name"
    return how, here[0], start, min(end, seconds) if end is not None else None
