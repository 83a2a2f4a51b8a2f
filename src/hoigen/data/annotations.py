"""What people say of a run's clips, kept in the run: a row a verdict, only ever added to (docs/annotations.md).

    RUN/annotations/20261126T150200123456-5f0c….parquet   what one call of `append` brought
    RUN/annotations/all-5f0c….parquet                     many such files as one

A file is written whole under a name that nobody else has, and never changed. So several people, processes and machines
write at once without a lock, what `append` has returned from outlives a kill, and an object store holds it as well as a
disk. A row that stands in two files (a kill while files are made one) is read once.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hoigen.core.clip import Seconds
from hoigen.core.errors import UsageError, nearest
from hoigen.data.files import Folder
from hoigen.data.parquet import parquet_file
from hoigen.data.rows import YES_NO, YES_OR_NO
from hoigen.data.run import Run

COLUMNS = ("clip", "question", "value", "who", "when", "tool", "note")
VERDICTS = ("keep", "human", "good")
"""Questions that say whether a clip is kept: the first that anybody was asked is meant where none is named."""
MANY = 200
"""Files of single calls from which on `append` makes them one."""
PATIENCE: Seconds = 60.0
"""How long files may become others while they are read."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """One thing that somebody said of one clip.

    Args:
        clip: its id, the same in every run.
        question: what was asked, in a word (`good`, `interaction`).
        value: the answer: `yes`, `no`, a number or a word. None: what this person said before is taken back.
        who: the person.
        tool: what it was said with.
        when: the time, with its zone. None: now.
        note: in the person's words.
    """

    clip: str
    question: str
    value: str | None
    who: str
    tool: str
    when: datetime | None = None
    note: str = ""

    def __post_init__(self) -> None:
        for name in ("clip", "question", "who", "tool"):
            if not isinstance(text := getattr(self, name), str) or not text.strip():
                raise ValueError(f"{name} of an annotation: a text that is not empty; it came as {text!r}")
        if self.value is not None and not (isinstance(self.value, str) and self.value.strip()):
            raise ValueError(f"value of an annotation: a text, or None to take it back; it came as {self.value!r}")
        if self.when is not None and self.when.tzinfo is None:
            raise ValueError(f"when of an annotation: a time with its zone; it came as {self.when!r}")


class Annotations:
    """The annotations of one run. Making one touches nothing on disk; it may be used by several threads."""

    def __init__(self, run: Run | Path | str) -> None:
        """
        Args:
            run: the run, or its folder.
        """
        self.run = run if isinstance(run, Run) else Run(Path(run))
        self.folder = self.run.annotations
        self._lock = threading.Lock()
        self._last = EPOCH

    def append(self, rows: Iterable[Annotation]) -> list[Annotation]:
        """Adds rows, all or none; they are on disk when it returns.

        Args:
            rows: those without a time get the present one, in their order.

        Returns the rows as they were written, in UTC.
        """
        timed = []
        self.run.check_links()
        with self._lock:
            for row in rows:
                if row.when is None:  # later than what was said before it, also where the clock is coarse or goes back
                    self._last = max(datetime.now(UTC), self._last + timedelta(microseconds=1))
                timed.append(replace(row, when=self._last if row.when is None else row.when.astimezone(UTC)))
        if timed:
            first = min(row.when for row in timed if row.when is not None)
            self.folder.write(f"{first:%Y%m%dT%H%M%S%f}-{uuid.uuid4().hex}.parquet", _bytes(timed), synced=True)
            if sum(not name.startswith("all-") for name in self._names()) > MANY:
                with contextlib.suppress(OSError, UsageError):  # the rows are there; a file that is bad, reading tells
                    self.compact()
        return timed

    def history(self, clip: str | None = None) -> list[Annotation]:
        """All that was ever said, in order of time; of one moment in order of the other columns.

        Args:
            clip: only of this one; of all when not given.
        """
        rows = [row for _, rows in self._read(clip) for row in rows]
        return sorted(dict.fromkeys(rows), key=lambda row: (row.when, row.clip, row.question, row.who, row.value or ""))

    def latest(self, question: str | None = None, clip: str | None = None) -> list[Annotation]:
        """What each person said last of each clip and question, in order of time; without what was taken back.

        Args:
            question: only this one; all when not given.
            clip: as of `history`.
        """
        last = _last(self.history(clip))
        return [row for row in last if row.value is not None and question in (None, row.question)]

    def only_new(self, rows: Iterable[Annotation]) -> list[Annotation]:
        """Those of some rows that say something new: what a file says that was brought before is not said again.

        Args:
            rows: to be added. One without a time is new when this person's last word is another.
        """
        history = self.history()
        known = {replace(row, tool="-") for row in history}
        last = {_key(row): (row.value, row.note) for row in _last(history)}
        return [
            row
            for row in rows
            if (
                last.get(_key(row)) != (row.value, row.note)
                if row.when is None
                else replace(row, tool="-") not in known
            )
        ]

    def compact(self) -> None:
        """Makes all files one, which is read faster. Others may read and append meanwhile."""
        read = self._read()
        if len(read) < 2:
            return
        rows = dict.fromkeys(row for _, rows in read for row in rows)
        self.folder.write(f"all-{uuid.uuid4().hex}.parquet", _bytes(rows), synced=True)
        for name, _ in read:  # what they hold is in the new file
            self.folder.remove(name)

    def _read(self, clip: str | None = None) -> list[tuple[str, list[Annotation]]]:
        """Each file with its rows. Files may become one meanwhile: what was missed by that is read again."""
        seen: dict[str, list[Annotation]] = {}
        until = time.monotonic() + PATIENCE
        while True:
            names = self._names()
            for name in names:
                if name not in seen:
                    with contextlib.suppress(FileNotFoundError):
                        seen[name] = _rows(self.folder, name, clip)
            if all(name in seen for name in (*names, *self._names()) if name in names or name.startswith("all-")):
                return [(name, seen[name]) for name in names]
            if time.monotonic() > until:
                raise OSError(f"{self.folder.uri}: its files change faster than they can be read")
            time.sleep(random.uniform(0, 0.05))  # not in step with those who write

    def _names(self) -> list[str]:
        return [name for name in self.folder.names() if name.endswith(".parquet")]


def _key(row: Annotation) -> tuple[str, str, str]:
    return row.clip, row.question, row.who


def _last(history: Iterable[Annotation]) -> list[Annotation]:
    """The last of each key, in order of time."""
    found: dict[tuple[str, str, str], Annotation] = {}
    for row in history:
        found.pop(_key(row), None)
        found[_key(row)] = row
    return list(found.values())


def _bytes(rows: Iterable[Annotation]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {name: pa.timestamp("us", tz="UTC") if name == "when" else pa.string() for name in COLUMNS}
    table = pa.Table.from_pylist([{name: getattr(row, name) for name in COLUMNS} for row in rows], pa.schema(kinds))
    out = pa.BufferOutputStream()
    pq.write_table(table, out)
    return bytes(out.getvalue())


def _rows(folder: Folder, name: str, clip: str | None = None) -> list[Annotation]:
    import pyarrow as pa
    import pyarrow.compute as pc

    path = folder.path(name)
    try:
        with parquet_file(folder, name) as file:
            if lacking := [name for name in COLUMNS if name not in file.schema_arrow.names]:
                raise UsageError(f"{path} is no file of annotations: no column {lacking[0]}")
            table = file.read(columns=list(COLUMNS))
        if clip is not None:
            table = table.filter(pc.equal(table.column("clip").cast(pa.string()), clip))
        at = COLUMNS.index("when")  # as a count: Arrow asks a database of time zones, which not every machine has
        moments = table.column("when").cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_pylist()
        if None in moments:
            raise ValueError("a row without a time")
        rows: list[dict[str, Any]] = table.remove_column(at).to_pylist()
        return [
            Annotation(**row | {"note": row["note"] or "", "when": EPOCH + timedelta(microseconds=moment)})
            for row, moment in zip(rows, moments, strict=True)
        ]
    except (pa.ArrowException, ValueError) as error:
        raise UsageError(f"{path} is no file of annotations: {error}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What people say in answer to one question of a run.

    Args:
        run: the folder of the run.
        question: the question.
        said: clip -> person -> the value.
    """

    run: Path
    question: str
    said: dict[str, dict[str, str]]

    def yes_no(self) -> tuple[dict[str, bool], list[str]]:
        """Clip -> what most people say, and the clips of which as many say yes as no.

        Raises UsageError when an answer is neither.
        """
        found: dict[str, bool] = {}
        split = []
        for clip, values in self.said.items():
            for who, value in values.items():
                if value.casefold() not in YES_NO:
                    raise UsageError(f"{self._place(clip, who)}: {YES_OR_NO}; it came as {value!r}")
            votes = Counter(YES_NO[value.casefold()] for value in values.values())
            if votes[True] == votes[False]:
                split.append(clip)
            else:
                found[clip] = votes[True] > votes[False]
        return found, split

    def numbers(self) -> dict[str, dict[str, float]]:
        """Clip -> person -> the number; yes is 1 and no is 0. Raises UsageError when an answer is none of these."""
        found: dict[str, dict[str, float]] = {}
        for clip, values in self.said.items():
            for who, value in values.items():
                try:
                    number = float(YES_NO.get(value.casefold(), value))
                except ValueError:
                    number = float("nan")
                if not abs(number) < float("inf"):
                    raise UsageError(f"{self._place(clip, who)}: a number, or yes or no; it came as {value!r}")
                found.setdefault(clip, {})[who] = number
        return found

    def _place(self, clip: str, who: str) -> str:
        return f"{Run(self.run).annotations.uri}, clip {clip}, question {self.question}, {who}"


def answers(run: Path, question: str | None, option: str, usual: Sequence[str] = ()) -> Answers:
    """What people say in answer to one question.

    Args:
        run: the folder of the run.
        question: which; may be None where there is only one, or one of the usual ones.
        option: the option that gives it, for the error (`--labels-question`).
        usual: questions of which the first that anybody was asked is meant where none is given.

    Raises UsageError when the run has no annotations, or none of this question.
    """
    rows = [row for row in Annotations(run).latest() if row.value is not None]
    asked = sorted({row.question for row in rows})
    if not asked:
        named = f"{option} {question}: " if question is not None else ""
        raise UsageError(f"{named}{run} has no annotations: hoigen annotate {run} FILE puts labels of a file there")
    question = question or next((name for name in usual if name in asked), None)
    if question is None and len(asked) > 1:
        raise UsageError(f"{run} has annotations of {len(asked)} questions; give {option}, one of {', '.join(asked)}")
    chosen = asked[0] if question is None else question
    if chosen not in asked:
        raise UsageError(f"{option} {chosen!r}: nobody was asked that in {run}{nearest(chosen, asked)}")
    said: dict[str, dict[str, str]] = {}
    for row in rows:
        if row.question == chosen and row.value is not None:
            said.setdefault(row.clip, {})[row.who] = row.value
    return Answers(run=Path(run), question=chosen, said=said)


def verdicts(run: Path, question: str | None) -> Answers | None:
    """What people say of whether clips are kept; None where nobody has said anything.

    Args:
        run: the folder of the run.
        question: as --question says; None: the first of `VERDICTS` that anybody was asked, or the only one.

    Raises UsageError when nobody was asked this question, or several others and none is named.
    """
    if question is None and all(row.value is None for row in Annotations(run).latest()):
        return None
    return answers(run, question, "--question", VERDICTS)
