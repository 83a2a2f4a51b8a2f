"""The calls of a run: one SQLite file, a row per answer. Cache, resume and trace are all this table."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hoigen.core.errors import UsageError
from hoigen.experts.call import FINAL, Answer

BUSY = 60.0
"""Seconds to wait for another process that is writing."""

TABLE = """
create table if not exists call (
    key text primary key,
    clip text not null,
    role text not null,
    expert text not null,
    template text not null,
    outcome text not null,
    answer text not null,
    asked text not null,
    at real not null
) without rowid
"""

WAITING = """
create table if not exists waiting (
    key text primary key,
    clip text not null,
    role text not null,
    expert text not null,
    template text not null,
    asked text not null
) without rowid
"""
"""Questions that were written to a batch and are not answered yet."""

AGAIN = """
create table if not exists again (
    key text primary key,
    decoding text not null
) without rowid
"""
"""Questions that are asked again with other decoding, and with which (JSON)."""

SPENT = """
create table if not exists spent (
    expert text not null,
    outcome text not null,
    calls integer not null,
    tokens_in integer not null,
    tokens_out integer not null
)
"""
"""What calls took whose rows were dropped to be asked again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a row says of the question, for people: the key alone says it to the program.

    Args:
        clip: id of the clip.
        role: what the expert was.
        expert: the model's name.
        template: `name@digest` of the prompt's file.
        text: the rendered prompt.
    """

    clip: str
    role: str
    expert: str
    template: str
    text: str


class Calls:
    """Answers by key. A row is written in one transaction: killed at any moment, it is there whole or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.con = sqlite3.connect(path, timeout=BUSY, isolation_level=None, check_same_thread=False)
            self.con.execute("pragma journal_mode=wal")
            self.con.execute("pragma synchronous=normal")
            self.con.execute(TABLE)
            self.con.execute("create index if not exists call_of_clip on call (clip)")
            self.con.execute(WAITING)
            self.con.execute(SPENT)
            self.con.execute(AGAIN)
        except sqlite3.DatabaseError as error:
            raise UsageError(f"{path} cannot be read as the calls of a run: {error}") from None

    def get(self, key: str, *, final_only: bool = True) -> Answer | None:
        """The kept answer; None when there is none.

        Args:
            key: of the call (`call_key`).
            final_only: answers that are worth asking again count as none.
        """
        row = self.con.execute("select outcome, answer from call where key = ?", (key,)).fetchone()
        if row is None or (final_only and row[0] not in FINAL):
            return None
        return Answer(**json.loads(row[1]))

    def put(self, key: str, asked: Asked, answer: Answer) -> None:
        """Keeps an answer; a better one replaces a failure, and nothing replaces a final one.

        Args:
            key: of the call (`call_key`).
            asked: the question, for people.
            answer: what came back.
        """
        values = (key, asked.clip, asked.role, asked.expert, asked.template, answer.outcome)
        text = json.dumps(asdict(answer), ensure_ascii=False)
        self.con.execute(
            "insert into call values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (key) do update set "
            "outcome = excluded.outcome, answer = excluded.answer, at = excluded.at "
            "where call.outcome not in ('answered', 'truncated', 'refused', 'malformed')",
            (*values, text, asked.text, time.time()),
        )
        self.con.execute("delete from again where key = ?", (key,))

    def mend(self, key: str, answer: Answer) -> None:
        """Replaces a kept answer by what it turned out to be, once the schema that it is for was at hand.

        Args:
            key: of the call (`call_key`).
            answer: the same, validated.
        """
        text = json.dumps(asdict(answer), ensure_ascii=False)
        self.con.execute("update call set outcome = ?, answer = ? where key = ?", (answer.outcome, text, key))

    def await_batch(self, key: str, asked: Asked) -> None:
        """Notes a question that a batch asks, so that its answer can be filed when it comes.

        Args:
            key: of the call (`call_key`), the `custom_id` of the batch.
            asked: the question, for people.
        """
        row = (key, asked.clip, asked.role, asked.expert, asked.template, asked.text)
        self.con.execute("insert or replace into waiting values (?, ?, ?, ?, ?, ?)", row)

    def awaited(self, key: str) -> Asked | None:
        """The question with that key that a batch asked; None when none did."""
        row = self.con.execute(
            "select clip, role, expert, template, asked from waiting where key = ?", (key,)
        ).fetchone()
        return None if row is None else Asked(clip=row[0], role=row[1], expert=row[2], template=row[3], text=row[4])

    def decoding_of(self, key: str) -> dict[str, Any]:
        """The other decoding with which a question that failed is asked again; {} for none."""
        row = self.con.execute("select decoding from again where key = ?", (key,)).fetchone()
        return dict(json.loads(row[0])) if row is not None else {}

    def forget_unanswered(self, *roles: str, decoding: Mapping[str, Any] | None = None) -> int:
        """Drops all that was not answered, so that it is asked again; how many rows. What it took stays counted.

        Args:
            *roles: only what an expert was asked in one of these roles, repair rounds too; all when none is given.
            decoding: these questions, and no others, are asked again with it (temperature, seed, max_tokens, ...).
        """
        given = tuple(name for role in roles for name in (role, f"{role}, repair"))
        mine = "outcome <> 'answered'" + (f" and role in ({', '.join('?' * len(given))})" if given else "")
        with self.con:
            self.con.execute("begin")
            self.con.execute(
                "insert into spent select expert, outcome, count(*), sum(answer ->> 'tokens_in'), "
                f"sum(answer ->> 'tokens_out') from call where {mine} group by expert, outcome",
                given,
            )
            if decoding:
                self.con.execute(
                    f"insert or replace into again select key, ? from call where {mine}",
                    (json.dumps(dict(decoding)), *given),
                )
            return self.con.execute(f"delete from call where {mine}", given).rowcount

    @contextlib.contextmanager
    def copied(self) -> Iterator[Calls]:
        """The same answers in a file of their own, which is gone afterwards."""
        with tempfile.TemporaryDirectory() as folder:
            other = Calls(Path(folder) / self.path.name)
            try:
                self.con.backup(other.con)
                yield other
            finally:
                other.close()

    def of_clip(self, clip: str) -> Iterator[dict[str, Any]]:
        """All calls about a clip, in the order in which they were answered."""
        rows = self.con.execute(
            "select key, role, expert, template, outcome, answer, asked, at from call where clip = ? order by at",
            (clip,),
        )
        names = ("key", "role", "expert", "template", "outcome", "answer", "asked", "at")
        for row in rows:
            found = dict(zip(names, row, strict=True))
            yield found | {"answer": Answer(**json.loads(found["answer"]))}

    def totals(self) -> list[tuple[str, str, int, int, int]]:
        """(expert, outcome, calls, tokens in, tokens out), summed over the run."""
        return self.con.execute(
            "select expert, outcome, sum(calls), sum(tokens_in), sum(tokens_out) from ("
            "select expert, outcome, 1 as calls, answer ->> 'tokens_in' as tokens_in, "
            "answer ->> 'tokens_out' as tokens_out from call "
            "union all select * from spent) group by expert, outcome order by 1, 2"
        ).fetchall()

    def close(self) -> None:
        self.con.close()
