"""What keeping the answers of experts costs: the append-only log of a run against one SQLite file.

python benchmarks/calls.py [--clips 20000] [--folder FOLDER]

Made-up captions of a mixture of experts: six calls a clip, prompts of the paper's templates with the drafts in them, as
`hoigen caption` asks them. Kept one by one, then looked up in the order of the clips by a fresh process, then looked
for under keys that are not there, then counted. SQLite: a table by key, in WAL mode, `synchronous=normal`, as versions
before the log had it. CPU seconds of one process; memory is what the process had at most in the walk.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import random
import resource
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from machine import headline

from hoigen.models.experts.call import Answer
from hoigen.models.experts.calls import Asked, Calls

ROLES = ("first", "second", "decision", "third", "pick", "rewrite")
VOCABULARY = ["".join(random.Random(n).choices("etaoinshrdlu", k=2 + n % 7)) for n in range(5000)]
WEIGHTS = [1 / (n + 2) for n in range(5000)]
"""Random words, the commonest ones most often: they compress less than sentences do."""


def words(dice: random.Random, count: int) -> str:
    return " ".join(dice.choices(VOCABULARY, WEIGHTS, k=count))


def calls_of(clip: int) -> Iterator[tuple[str, Asked, Answer]]:
    dice = random.Random(clip)
    drafts: list[str] = []
    for role in ROLES:
        said = words(dice, 120 if role != "decision" else 20)
        prompt = TEMPLATE + "".join(f"\n\nDescription {n}: {draft}" for n, draft in enumerate(drafts, 1))
        drafts = [*drafts, said][-2:]
        key = hashlib.sha256(f"{clip} {role}".encode()).hexdigest()
        asked = Asked(
            clip=f"clip{clip:07d}", role=role, expert=f"org/model-{role}", template="draft@12345678", text=prompt
        )
        answer = Answer(outcome="answered", text=said, data={"words": said}, tokens_in=900, tokens_out=160, seconds=1.2)
        yield key, asked, answer


TEMPLATE = words(random.Random(0), 350)


class InSqlite:
    """As answers were kept before."""

    def __init__(self, path: Path) -> None:
        self.con = sqlite3.connect(path, timeout=60, isolation_level=None)
        self.con.execute("pragma journal_mode=wal")
        self.con.execute("pragma synchronous=normal")
        self.con.execute(
            "create table if not exists call (key text primary key, clip text, role text, expert text, template text, "
            "outcome text, answer text, asked text, at real) without rowid"
        )
        self.con.execute("create index if not exists call_of_clip on call (clip)")

    def put(self, key: str, asked: Asked, answer: Answer) -> None:
        values = (key, asked.clip, asked.role, asked.expert, asked.template, answer.outcome)
        text = json.dumps(asdict(answer), ensure_ascii=False)
        self.con.execute(
            "insert into call values (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*values, text, asked.text, time.time())
        )

    def get(self, key: str) -> Answer | None:
        row = self.con.execute("select answer from call where key = ?", (key,)).fetchone()
        return Answer(**json.loads(row[0])) if row else None

    def totals(self) -> Any:
        return self.con.execute(
            "select expert, outcome, count(*), sum(answer ->> 'tokens_in'), sum(answer ->> 'tokens_out') from call "
            "group by expert, outcome"
        ).fetchall()

    def close(self) -> None:
        self.con.close()


KINDS: dict[str, Callable[[Path], Any]] = {"log": Calls, "sqlite": InSqlite}


def write(kind: str, path: Path, clips: int) -> dict[str, float]:
    calls = KINDS[kind](path)
    rows = [list(calls_of(clip)) for clip in range(min(clips, 200))]  # made once: only keeping is timed
    begin, kept = time.process_time(), 0
    for clip in range(clips):
        for key, asked, answer in rows[clip] if clip < len(rows) else calls_of(clip):
            calls.put(key, asked, answer)
            kept += 1
    whole = time.process_time() - begin
    begin = time.process_time()
    for clip in range(len(rows), clips):
        for _ in calls_of(clip):
            pass
    made = time.process_time() - begin
    calls.close()
    return {"put": (whole - made) / kept}


def read(kind: str, path: Path, clips: int) -> dict[str, float]:
    found: dict[str, float] = {}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.process_time()
    calls = KINDS[kind](path)
    found["open"] = time.process_time() - begin
    keys = [hashlib.sha256(f"{clip} {role}".encode()).hexdigest() for clip in range(clips) for role in ROLES]
    begin = time.process_time()
    for key in keys:
        assert calls.get(key) is not None
    found["get"] = (time.process_time() - begin) / len(keys)
    strange = [hashlib.sha256(f"no {n}".encode()).hexdigest() for n in range(2000)]
    begin = time.process_time()
    for key in strange:
        assert calls.get(key) is None
    found["miss"] = (time.process_time() - begin) / len(strange)
    begin = time.process_time()
    assert sum(row[2] for row in calls.totals()) == len(keys)
    found["count"] = time.process_time() - begin
    found["memory"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=20_000)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    print(headline())
    print(f"{options.clips:,} clips, {options.clips * len(ROLES):,} calls")
    print("| | bytes a call | us to keep | s to open | us to look up | us for none | s to count | MB more |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for kind in KINDS:
            path = Path(folder) / kind
            with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:  # a process for each part
                wrote = pool.apply(write, (kind, path, options.clips))
                got = pool.apply(read, (kind, path, options.clips))
            files = path.iterdir() if path.is_dir() else path.parent.glob(f"{path.name}*")
            size = sum(file.stat().st_size for file in files if file.is_file()) / (options.clips * len(ROLES))
            print(
                f"| {kind} | {size:.0f} | {1e6 * wrote['put']:.0f} | {got['open']:.2f} | {1e6 * got['get']:.0f} | "
                f"{1e6 * got['miss']:.0f} | {got['count']:.2f} | {got['memory']:.0f} |"
            )


if __name__ == "__main__":
    main()
