"""What experts were asked and what they answered, once: cache, resume and trace are all this log."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hoigen.core.errors import Locked, UsageError
from hoigen.data.files import Folder
from hoigen.data.keyed import KeyedLog
from hoigen.models.experts.call import FINAL, Answer

COLUMNS: Mapping[str, str] = {
    "key": "string",
    "kind": "string",
    "clip": "string",
    "role": "string",
    "expert": "string",
    "template": "string",
    "outcome": "string",
    "answer": "string",
    "asked": "string",
    "before": "string",
    "tokens_in": "int64",
    "tokens_out": "int64",
    "at": "float64",
}
"""`kind`: `answer` (what came back), `mend` (what the last one turned out to be; `before`: what it was taken for),
`forget` (it is asked again; `before`: the other decoding, JSON), `waiting` (written to a batch), `spent` (what an
answer took that an earlier version dropped). docs/run_folder.md says the rest."""
COUNTED = ("answer", "mend", "spent")


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


@dataclass(slots=True)
class _State:
    """What the rows of a key come to."""

    answer: Answer | None = None
    asked: Asked | None = None
    waiting: Asked | None = None
    decoding: dict[str, Any] = field(default_factory=dict)


class Calls:
    """Answers by key, shared by all processes of a run. What an answer took stays counted when it is asked again.

    Args:
        folder: where they are kept; it is made. Those of `FOLDER.sqlite`, which earlier versions wrote, are taken
            over. None: they are forgotten with the process.

    Raises UsageError when `folder` is a file.
    """

    def __init__(self, folder: Path | Folder | None = None) -> None:
        folder = Folder(str(folder)) if isinstance(folder, Path) else folder
        path = Path(folder.uri) if folder is not None and folder.is_local else None
        if path is not None and path.is_file():
            raise UsageError(f"{path} is a file; answers of experts are kept in a folder: give another name")
        self.log = KeyedLog(folder, COLUMNS)
        if path is not None:
            _take_over(path.with_name(f"{path.name}.sqlite"), self.log)

    def get(self, key: str, *, final_only: bool = True) -> Answer | None:
        """The kept answer; None when there is none.

        Args:
            key: of the call (`call_key`).
            final_only: answers that are worth asking again count as none.
        """
        answer = self._state(key).answer
        return None if answer is None or (final_only and answer.outcome not in FINAL) else answer

    def put(self, key: str, asked: Asked, answer: Answer) -> None:
        """Keeps an answer; a better one replaces a failure, and nothing replaces a final one.

        Args:
            key: of the call (`call_key`).
            asked: the question, for people.
            answer: what came back.
        """
        self._append(key, "answer", asked, answer)

    def mend(self, key: str, answer: Answer) -> None:
        """Replaces a kept answer by what it turned out to be, once the schema that it is for was at hand.

        Args:
            key: of the call (`call_key`).
            answer: the same, validated.
        """
        before = self._state(key)
        if before.answer is not None and before.asked is not None:
            self._append(key, "mend", before.asked, answer, before.answer.outcome)

    def await_batch(self, key: str, asked: Asked) -> None:
        """Notes a question that a batch asks, so that its answer can be filed when it comes.

        Args:
            key: of the call (`call_key`), the `custom_id` of the batch.
            asked: the question, for people.
        """
        self._append(key, "waiting", asked)

    def awaited(self, key: str) -> Asked | None:
        """The question with that key that a batch asked; None when none did."""
        return self._state(key).waiting

    def decoding_of(self, key: str) -> dict[str, Any]:
        """The other decoding with which a question that failed is asked again; {} for none."""
        return self._state(key, fresh=False).decoding

    def forget_unanswered(self, *roles: str, decoding: Mapping[str, Any] | None = None) -> int:
        """Has all that was not answered asked again; how many questions. What they took stays counted.

        Args:
            *roles: only what an expert was asked in one of these roles, repair rounds too; all when none is given.
            decoding: these questions, and no others, are asked again with it (temperature, seed, max_tokens, ...).
        """
        import pyarrow.compute as pc

        given = [name for role in roles for name in (role, f"{role}, repair")]
        keys: dict[str, None] = {}
        for table in self.log.tables(["key", "kind", "role", "outcome"]):
            failed = (pc.field("kind").isin(["answer", "mend"])) & (pc.field("outcome") != "answered")
            found = table.filter(failed & pc.field("role").isin(given) if given else failed)
            keys.update(dict.fromkeys(found["key"].to_pylist()))
        count = 0
        for key in keys:
            state = self._state(key, fresh=False)
            if state.answer is not None and state.asked is not None and not state.answer.ok:
                self._append(key, "forget", state.asked, None, json.dumps(dict(decoding)) if decoding else "")
                count += 1
        return count

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """What is kept in the block is kept whole or, when it raises, not at all; until its end it is not found."""
        with self.log.together():
            yield

    def copied(self) -> Calls:
        """The same answers; what is changed of them is forgotten with the process."""
        other = Calls()
        other.log = KeyedLog(None, COLUMNS, over=self.log)
        return other

    def totals(self) -> list[tuple[str, str, int, int, int]]:
        """(expert, outcome, calls, tokens in, tokens out), summed over all that was ever answered."""
        import pyarrow.compute as pc

        sums: dict[tuple[str, str], list[int]] = {}  # calls, tokens in, tokens out
        names = ("kind", "expert", "outcome", "before")
        for table in self.log.tables([*names, "tokens_in", "tokens_out"]):
            counted = table.filter(pc.field("kind").isin(COUNTED)).group_by(names)
            for row in counted.aggregate([([], "count_all"), ("tokens_in", "sum"), ("tokens_out", "sum")]).to_pylist():
                changes = [(row["outcome"], 1)]
                if row["kind"] == "mend":  # counted already, as what it was taken for
                    changes.append((row["before"], -1))
                for outcome, sign in changes:
                    of = sums.setdefault((row["expert"], outcome), [0, 0, 0])
                    for n, name in enumerate(("count_all", "tokens_in_sum", "tokens_out_sum")):
                        of[n] += sign * row[name]
        return [(of[0], of[1], n, took, gave) for of, (n, took, gave) in sorted(sums.items()) if n]

    def close(self) -> None:
        """All is kept before, too; after it, what this process has kept is one file."""
        self.log.close()

    def _append(self, key: str, kind: str, asked: Asked, answer: Answer | None = None, before: str = "") -> None:
        self.log.append(
            {
                "key": key,
                "kind": kind,
                "clip": asked.clip,
                "role": asked.role,
                "expert": asked.expert,
                "template": asked.template,
                "outcome": answer.outcome if answer else "",
                "answer": json.dumps(asdict(answer), ensure_ascii=False) if answer else "",
                "asked": asked.text if kind in ("answer", "waiting") else "",
                "before": before,
                "tokens_in": answer.tokens_in if answer else 0,
                "tokens_out": answer.tokens_out if answer else 0,
                "at": time.time(),
            }
        )

    def _state(self, key: str, *, fresh: bool = True) -> _State:
        state = _State()
        for row in self.log.of(key, fresh=fresh):
            asked = Asked(**{name: row[name] for name in ("clip", "role", "expert", "template")}, text=row["asked"])
            match row["kind"]:
                case "waiting":
                    state.waiting = asked
                case "forget":
                    state.answer = None
                    state.decoding = json.loads(row["before"] or "{}")
                case "answer" if state.answer is None or state.answer.outcome not in FINAL:
                    state.answer, state.asked, state.decoding = Answer(**json.loads(row["answer"])), asked, {}
                case "mend":
                    state.answer = Answer(**json.loads(row["answer"]))
        return state


def _take_over(path: Path, log: KeyedLog) -> None:
    """Puts what an earlier version kept in SQLite into the log, once; the file is `.taken` then."""
    assert log.folder is not None
    if not path.is_file():
        return
    with contextlib.suppress(Locked), log.folder.lock(".taking"):
        if not path.is_file():
            return
        try:
            with contextlib.closing(sqlite3.connect(path)) as con:
                _copy(con, log)
        except sqlite3.DatabaseError as error:
            raise UsageError(f"{path} cannot be read as the calls of a run: {error}") from None
        path.replace(path.with_name(f"{path.name}.taken"))


def _copy(con: sqlite3.Connection, log: KeyedLog) -> None:
    there = {name for (name,) in con.execute("select name from sqlite_master where type = 'table'")}
    nothing = {name: 0 if kind != "string" else "" for name, kind in COLUMNS.items()}
    con.row_factory = sqlite3.Row
    with log.together():
        for row in con.execute("select * from call order by at") if "call" in there else ():
            took = json.loads(row["answer"])
            tokens = {name: took.get(name) or 0 for name in ("tokens_in", "tokens_out")}
            log.append({**nothing, **dict(row), "kind": "answer", **tokens})
        for row in con.execute("select * from waiting") if "waiting" in there else ():
            log.append({**nothing, **dict(row), "kind": "waiting"})
        for row in con.execute("select * from again") if "again" in there else ():
            log.append({**nothing, "key": row["key"], "kind": "forget", "before": row["decoding"]})
        for row in con.execute("select * from spent") if "spent" in there else ():
            each = {"key": "0" * 64, "kind": "spent", "expert": row["expert"], "outcome": row["outcome"]}
            for number in range(row["calls"]):  # nobody knows what each of them took: the first has it all
                took = {name: row[name] if number == 0 else 0 for name in ("tokens_in", "tokens_out")}
                log.append({**nothing, **each, **took})
