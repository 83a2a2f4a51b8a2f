"""Whether a release is whole, and what differs between two."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hoigen.core.errors import UsageError, shown
from hoigen.core.words import plural
from hoigen.data.parquet import one_file, text
from hoigen.data.rows import read_json
from hoigen.rules import removals
from hoigen.rules.joined import connection

FACTS, SUMS = "release.json", "SHA256SUMS"
NAMED = 5
COMPARED = ("caption", "categories", "licence", "territory", "part", "source", "file_sha256", "verdicts")
"""Columns whose change is told."""


HUB = (".gitattributes", ".git", ".cache/huggingface")
"""What the Hugging Face Hub, git and the hub's own downloads lay beside the files of a release; no part of it."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What was looked at. digest: of SHA256SUMS, which says that it is this release and no other; beside: what of HUB
    lies there, which is not looked at."""

    folder: Path
    name: str
    version: str
    files: int
    clips: int
    removals: int
    digest: str
    beside: tuple[str, ...] = ()

    def __str__(self) -> str:
        beside = f"\nnot of the release, and not looked at: {', '.join(self.beside)}" if self.beside else ""
        return (
            f"{self.folder} is whole: {self.name} {self.version}, {plural(self.clips, 'clip')}, "
            f"{plural(self.files, 'file')}; none of "
            f"{self.removals} removals is in it\nsha256 of {SUMS}: {self.digest}{beside}"
        )


def check(folder: Path, digest: str | None = None) -> Verified:
    """Looks whether a release is whole: every file by its SHA-256, none missing, none more, the tables as many clips as
    it says, and nothing in it that was to be removed.

    Args:
        folder: of the release.
        digest: of its SHA256SUMS, as it was published; whatever it is, when not given.

    Raises UsageError that names each file at fault.
    """
    import duckdb

    faults, sums = _sums(folder)
    own = hashlib.sha256((folder / SUMS).read_bytes()).hexdigest()
    if digest is not None and digest.strip().lower() != own:
        faults.append(f"{SUMS}: its sha256 is {own}, not {digest}: this is another release, or it was changed")
    beside = tuple(name for name in HUB if name not in sums and os.path.lexists(folder / name))
    here = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()} - {
        SUMS
    }
    here = {name for name in here if not any(name == each or name.startswith(f"{each}/") for each in beside)}
    for name in sorted(here - sums.keys()):
        faults.append(f"{name}: not in {SUMS}")
    for name, expected in sums.items():
        path = folder / name
        if name not in here:
            faults.append(f"{name}: missing")
        elif path.is_symlink():
            faults.append(f"{name}: a link")
        elif sha256(path) != expected:
            faults.append(f"{name}: changed since the release was made")
    _raise(folder, faults)
    said = facts_of(folder)
    for name in {FACTS, removals.FILE, *said.tables} - sums.keys():
        faults.append(f"{name}: not in {SUMS}")
    _raise(folder, faults)
    taken = removals.read(folder)
    if len(taken) > said.removals or (said.removals and not taken):
        faults.append(f"{FACTS}: says {plural(said.removals, 'removal')}; {removals.FILE} has {len(taken)}")
    try:
        with connection() as con:
            con.execute(f"create view clips as select *, '{{}}' as meta from {rows_of(folder, said.tables)}")
            [(clips, unique)] = con.execute("select count(*), count(distinct id) from clips").fetchall()
            if (clips, unique) != (said.clips, said.clips):
                many = f"{clips}, {unique} of them different"
                faults.append(f"{FACTS}: says {plural(said.clips, 'clip')}; the tables have {many}")
            rows = con.execute("select id, file, file_sha256 from clips where file is not null order by id")
            while some := rows.fetchmany(1 << 16):
                for clip, file, sha in some:
                    if sums.get(file) != sha:
                        faults.append(f"clip {clip}: by its digest, another file than {file}")
            removals.mark(con, taken, None)
            for (clip,) in con.execute("select id from removed order by id").fetchall():
                faults.append(f"clip {clip}: somebody asked for it to be removed")
    except duckdb.Error as error:
        why = str(error).partition("\n")[0]
        raise UsageError(f"{folder}: {', '.join(said.tables)} cannot be read as a release's: {why}") from None
    _raise(folder, faults)
    return Verified(folder, said.name, said.version, len(sums) + 1, clips, len(taken), own, beside)


@dataclass(frozen=True, slots=True)
class Said:
    """What a release says of itself, as far as it is gone by.

    Args:
        name: of the dataset.
        version: `1.0.0`.
        clips: how many it has.
        removals: how many it holds by.
        tables: files of its clips.
        before: version of the release that it was compared with; "" for none.
        went: ids of clips that went since, and were not removed -> why.
    """

    name: str
    version: str
    clips: int
    removals: int
    tables: tuple[str, ...]
    before: str
    went: dict[str, str]


def facts_of(folder: Path) -> Said:
    """What a release says of itself. Raises UsageError for what no release says: it may come from anybody."""
    path = folder / FACTS
    facts = read_json(path)
    version, tables = _told(path, facts, "version", str), _told(path, facts, "tables", list)
    changes = facts.get("changes") or {"before": "", "went": {}}
    found = Said(
        name=_told(path, facts, "name", str),
        version=version,
        clips=_told(path, facts, "clips", int),
        removals=_told(path, facts, "removals", int),
        tables=tuple(each for each in tables if isinstance(each, str) and each.startswith("data/clips-")),
        before=_told(path, changes, "before", str),
        went=_told(path, changes, "went", dict),
    )
    if not order(version):
        raise UsageError(f"{path} is no release's: {shown(version)} is no version")
    if not found.tables:
        raise UsageError(f"{path} is no release's: it names no table of clips")
    if odd := [clip for clip, why in found.went.items() if not isinstance(why, str)]:
        raise UsageError(f"{path} is no release's: of {shown(odd[0])} it does not say why it went")
    return found


JSON = {str: "a text", int: "a number", list: "a list", dict: "an object"}
"""What JSON calls values of these types."""


def _told(path: Path, facts: Any, name: str, kind: type) -> Any:
    """A value out of a file of facts. Raises UsageError where it is not there, or is of another kind."""
    if not isinstance(facts, dict) or name not in facts:
        raise UsageError(f"{path} is no release's: it has no {name!r}")
    value = facts[name]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise UsageError(f"{path} is no release's: {name} is {JSON[kind]}; it came as {shown(value)}")
    return value


def order(version: str) -> tuple[int, ...]:
    """By which versions are in order: 1.10.0 is after 1.9.0. Of what is no version, the lowest."""
    return tuple(map(int, version.split("."))) if re.fullmatch(r"\d{1,9}(\.\d{1,9}){0,9}", version, re.ASCII) else ()


def check_later(later: Verified, before: Verified) -> None:
    """Raises UsageError where two releases of a name are not one after the other, or where the later one does not hold
    by what was asked of the one before.

    Args:
        later: the later release.
        before: the one before.
    """
    if later.name != before.name:
        return
    if order(later.version) < order(before.version):
        raise UsageError(
            f"{later.folder} is version {later.version}, which came before {before.version} (--since {before.folder}): "
            "give them the other way round"
        )
    held = {row.given_out for row in removals.read(later.folder)}
    if lost := sum(row.given_out not in held for row in removals.read(before.folder)):
        what = f"{plural(lost, 'removal')} that {before.version} has"
        _raise(later.folder, [f"{removals.FILE}: lacks {what}; what was asked for once holds on"])


def _raise(folder: Path, faults: Sequence[str]) -> None:
    if faults:
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        raise UsageError("\n".join([f"{folder} is not whole, {count}:", *(f"  {fault}" for fault in faults)]))


def _sums(folder: Path) -> tuple[list[str], dict[str, str]]:
    path = folder / SUMS
    if not path.is_file():
        raise UsageError(f"{folder} is no release: it has no {SUMS}")
    faults, found = [], {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {error}") from None
    for number, line in enumerate(lines, start=1):
        sha, gap, name = line.partition("  ")
        inside = gap and len(sha) == 64 and name and not name.startswith("/") and ".." not in Path(name).parts
        if not inside or name in found:
            faults.append(f"{SUMS}, line {number}: not a digest and the name of a file, each once")
        else:
            found[name] = sha
    return faults, found


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def rows_of(folder: Path, tables: Sequence[str]) -> str:
    """SQL of the rows of some tables of a release."""
    files = ", ".join(one_file(folder / name) for name in tables)
    return f"read_parquet([{files}], union_by_name = true)"


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs between two releases.

    Args:
        before: version of the older one.
        came: ids of clips that are new.
        went: ids of clips that are gone -> why.
        changed: column -> ids of clips that are in both and differ in it.
    """

    before: str
    came: tuple[str, ...]
    went: dict[str, str]
    changed: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def lines(self) -> list[str]:
        """What a person reads."""
        whys = Counter(self.went.values())
        found = [f"Against {self.before}: {plural(len(self.came), 'clip')} came, {len(self.went)} went."]
        found += [f"{count} went: {why}" for why, count in sorted(whys.items())]
        found += [f"{column}: {plural(len(ids), 'clip')} changed" for column, ids in self.changed.items()]
        return found

    @property
    def record(self) -> dict[str, Any]:
        """For JSON. Clips that were removed on request are counted, and not named."""
        named = {clip: why for clip, why in self.went.items() if why != REMOVED}
        return {
            "before": self.before,
            "came": list(self.came),
            "went": named,
            "removed": len(self.went) - len(named),
            "changed": {column: list(ids) for column, ids in self.changed.items()},
        }


REMOVED = "somebody asked for it to be removed"
NOT_KEPT = "the rules do not keep it any more, or the run does not have it"


def compared(
    old: Path,
    new: Path,
    tables: Sequence[str] | None = None,
    taken_out: Collection[str] = (),
    called: str | None = None,
) -> Changes:
    """What came, what went and why, what changed, between two releases.

    Args:
        old: folder of the one before.
        new: folder of the later one.
        tables: of the later one; as its facts say when not given.
        taken_out: ids of clips that removals take out of the run of the later one. By its tables alone it cannot be
            told that a clip went with a person, or with another that shows the same.
        called: the name of the later one; as its facts say when not given.
    """
    import pyarrow as pa

    facts = facts_of(old)
    said: dict[str, str] | None = None
    if tables is None:
        now = facts_of(new)
        tables, called = now.tables, now.name
        if now.before == facts.version and called == facts.name:
            said = now.went  # all that went and was not removed, as the run knew it
    pairs = {
        name: rows_of(folder, [each for each in some if each.startswith("data/clips-")])
        for name, folder, some in (("old", old, facts.tables), ("new", new, tables))
    }
    with connection() as con:
        for name, rows in pairs.items():
            con.execute(f"create temp table {name} as select * from {rows}")
        con.execute("create view clips as select *, '{}' as meta from old")
        removals.mark(con, removals.read(new), None)
        con.register("more", pa.table({"id": pa.array(list(taken_out), pa.string())}))
        con.execute("insert into removed select id from more")
        came = con.execute("select id from new where id not in (select id from old) order by id").fetchall()
        went = con.execute(
            f"""select id, case when id in (select id from removed) then {text(REMOVED)} else {text(NOT_KEPT)} end
            from old where id not in (select id from new) order by id"""
        ).fetchall()
        if said is not None:
            went = [(clip, said.get(clip, REMOVED)) for clip, _ in went]
        both = [{name for name, *_ in con.execute(f"describe {table}").fetchall()} for table in ("old", "new")]
        changed = {}
        for column in COMPARED:
            if all(column in names for names in both):
                rows = con.execute(
                    f"""select id from old join new using (id)
                    where old."{column}"::varchar is distinct from new."{column}"::varchar order by id"""
                ).fetchall()
                if rows:
                    changed[column] = tuple(clip for (clip,) in rows)
    before = facts.version if facts.name == called else f"{facts.name} {facts.version}"
    return Changes(before, tuple(clip for (clip,) in came), dict(went), changed)
