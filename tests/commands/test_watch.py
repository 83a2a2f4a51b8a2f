"""`hoigen watch`: what is written while a run is at work, what is made of it, and what Prometheus gets."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import faults
import hoigen
from hoigen.commands import watch
from hoigen.core.errors import SetupError, UsageError
from hoigen.data.columns import Row
from hoigen.data.files import Folder
from hoigen.data.run import Run
from hoigen.work import events
from hoigen.work.ranks import Barrier, Rank
from hoigen.work.stage import Item, Stage
from hoigen.work.task import Failure, Limits
from run_folders import curated

LABELS = ("part", "stage", "state", "kind", "host", "card")
WORDS = ["a", "raise", "b", "raise"]


class Words(Stage):
    """Words -> what a handler makes of them; where a word is `raise`, it fails."""

    name = "words"

    def __init__(self, run: Run, rank: Rank, words: list[str]) -> None:
        super().__init__(run, rank)
        self.words = words

    def setup(self) -> Callable[[], Any]:
        return faults.set_up_breaks

    def shards(self) -> Iterator[int]:
        yield from range(self.rank.of)

    def plan(self, shard: int) -> Iterator[Item | str]:
        yield "kept"
        for at, word in enumerate(self.words):
            yield Item(str(at), word)

    def answer(self, item: Item, part: str) -> Iterator[Row]:
        yield {"word": item.key, "state": "kept"}

    def lost(self, item: Item, failure: Failure) -> Iterator[Row]:
        item.data = "failed"
        yield {"word": item.key, "state": "failed", "reason": failure.words}

    def ended(self, item: Item) -> str:
        return item.data or "kept"

    def write(self, shard: int, rows: Iterator[Row]) -> None:
        pass


def words(folder: Path, rank: Rank, *said: str) -> None:
    Words(Run(folder), rank, list(said)).go(Limits(workers=0), total=len(said) + 1)


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "events" / "0-of-1.jsonl").read_text().splitlines()]


def written(folder: Path, *rows: dict[str, Any], ago: float = 0.0) -> None:
    """Lines as a process of part 2 of 4 has written them, the last of them so many seconds ago."""
    at = (datetime.now(UTC) - timedelta(seconds=ago)).isoformat()
    (folder / "events").mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps({"at": at, "stage": "scores", **row}) + "\n" for row in rows)
    with (folder / "events" / "2-of-4.jsonl").open("a") as file:
        file.write(text)


BEGAN = {"event": "began", "total": 1000, "workers": 2, "host": "node-7", "pid": 9, "every": 10.0}


def beat(kept: int, done: int, **more: Any) -> dict[str, Any]:
    return {"event": "beat", "seconds": 10.0, "rows": {"kept": kept}, "done": done, "out": 5, **more}


def test_a_run_says_what_became_of_its_rows_and_why(tmp_path: Path) -> None:
    words(tmp_path, Rank(), *WORDS)
    first, told, last = lines(tmp_path)
    assert (first["event"], first["total"], first["pid"]) == ("began", 5, os.getpid())
    assert (told["rows"], told["done"], told["out"]) == ({"kept": 2, "failed": 2}, 5, 0)
    assert told["faults"] == {"error": 4}, "each was tried twice"
    assert (last["event"], last["why"]) == ("ended", "")
    (part,) = hoigen.watch(tmp_path).parts
    assert (part.state, part.done, part.total, part.rows["failed"]) == ("done", 5, 5, 2)
    assert sum(part.reasons.values()) == 2
    assert "2 x ValueError: said no" in str(hoigen.watch(tmp_path))


def test_what_has_nothing_to_do_writes_nothing(tmp_path: Path) -> None:
    words(tmp_path, Rank())
    assert not (tmp_path / "events").exists()
    assert "nothing was done yet" in str(hoigen.watch(tmp_path))


def test_beats_come_while_it_is_at_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "BEAT", 0.02)
    told = events.Events(hoigen.data.files.Folder(str(tmp_path)), Rank(), "words", {"total": 9}, lambda: {"done": 1})
    for each in range(3):
        told.count("kept")
        until = time.monotonic() + 10
        while sum(row.get("rows", {}).get("kept", 0) for row in lines(tmp_path)) <= each:
            assert time.monotonic() < until, "no beat came"
            time.sleep(0.01)
    told.end("")
    assert sum(row.get("rows", {}).get("kept", 0) for row in lines(tmp_path)) == 3, "each once"


def test_reasons_have_a_bound(tmp_path: Path) -> None:
    told = events.Events(hoigen.data.files.Folder(str(tmp_path)), Rank(), "words", {"total": 9}, dict)
    for each in range(100):
        told.failed(f"reason {each} " + "x" * 1000)
    told.end("")
    reasons = lines(tmp_path)[1]["reasons"]
    assert len(reasons) == events.MOST + 1
    assert reasons[events.OTHERS] == 100 - events.MOST
    assert max(map(len, reasons)) == events.LONG


def test_what_stops_a_run_is_said(tmp_path: Path) -> None:
    class Stops(Words):
        def answer(self, item: Item, part: str) -> Iterator[Row]:
            raise SetupError("nothing of it can be written")

    with pytest.raises(SetupError):
        Stops(Run(tmp_path), Rank(), WORDS).go(Limits(workers=0))
    (part,) = hoigen.watch(tmp_path).parts
    assert (part.state, part.why) == ("stopped", "SetupError: nothing of it can be written")
    assert "STOPPED: SetupError: nothing of it" in str(hoigen.watch(tmp_path))


def test_rates_and_time_left_are_of_the_last_minute(tmp_path: Path) -> None:
    written(tmp_path, BEGAN, *(beat(0, 0) for _ in range(6)), *(beat(20, 20 * at) for at in range(1, 8)))
    (part,) = hoigen.watch(tmp_path).parts
    assert (part.part, part.state, part.host, part.out) == ("2/4", "at work", "node-7", 5)
    assert part.rate == pytest.approx(2.0)
    assert part.left == pytest.approx((1000 - 140) / 2)
    assert "7 min left" in str(hoigen.watch(tmp_path))


def test_a_process_that_is_gone_is_silent_and_its_successor_counts_anew(tmp_path: Path) -> None:
    written(tmp_path, BEGAN, beat(20, 20, faults={"crash": 2}), ago=31)
    (part,) = hoigen.watch(tmp_path).parts
    assert (part.state, part.left) == ("silent", None)
    assert "SILENT for 31 s" in str(hoigen.watch(tmp_path))
    written(tmp_path, BEGAN | {"pid": 10}, beat(5, 25))
    (part,) = hoigen.watch(tmp_path).parts
    assert (part.state, part.pid, part.rows, part.faults, part.done) == ("at work", 10, {"kept": 5}, {}, 25)


def test_a_torn_line_is_left_out(tmp_path: Path) -> None:
    written(tmp_path, BEGAN, beat(20, 20))
    with (tmp_path / "events" / "2-of-4.jsonl").open("a") as file:
        file.write('{"at": "2026-11-27T00:00:00+00:00", "event": "be')
    watcher = watch._Watcher(tmp_path)
    assert watcher.look().parts[0].done == 20
    with (tmp_path / "events" / "2-of-4.jsonl").open("a") as file:
        file.write("\n")
    written(tmp_path, beat(5, 25))
    (part,) = watcher.look().parts
    assert (part.done, part.rows) == (25, {"kept": 25}), "what is new alone is read, and added"


def test_parts_are_added_up(tmp_path: Path) -> None:
    for number in (1, 0):
        words(tmp_path, Rank(number, 2), "a", "b")
    watched = hoigen.watch(tmp_path)
    assert [part.part for part in watched.parts] == ["0/2", "1/2"]
    assert "words: 6 of 6; 2 parts: 2 done" in str(watched)
    assert watched.missing == ()


def test_a_part_that_never_ran_is_missed(tmp_path: Path) -> None:
    words(tmp_path, Rank(0, 1), "a")  # before it was divided
    for number in (0, 2):
        words(tmp_path, Rank(number, 4), "a", "b")
    watched = hoigen.watch(tmp_path)
    assert watched.missing == ("1/4", "3/4")
    assert f"NOT HEARD OF: 2 parts (1/4, 3/4), whose rows are in no total above: hoigen work {tmp_path} --part 1/4" in (
        str(watched)
    )
    assert watched.record()["missing"] == ["1/4", "3/4"]


def test_parts_of_another_number_are_history(tmp_path: Path) -> None:
    """One of four was killed; three do the rest. Nobody is to be called for it."""
    from prometheus_client import CollectorRegistry

    written(tmp_path, BEGAN, beat(20, 20), ago=3600)
    assert [part.state for part in hoigen.watch(tmp_path).parts] == ["silent"]
    for number in range(3):
        words(tmp_path, Rank(number, 3), "a", "b")
    watched = hoigen.watch(tmp_path)
    assert ([part.part for part in watched.parts], watched.missing) == (["0/3", "1/3", "2/3"], ())
    assert "SILENT" not in str(watched)
    registry = CollectorRegistry()
    registry.register(watch._Watcher(tmp_path))
    assert registry.get_sample_value("hoigen_part_at_work", {"part": "2/4", "stage": "scores"}) is None
    assert registry.get_sample_value("hoigen_part_at_work", {"part": "2/3", "stage": "words"}) == 0
    assert registry.get_sample_value("hoigen_rows_total", {"part": "2/4", "stage": "scores", "state": "kept"}) == 20


def test_a_part_without_rows_is_heard_of_at_the_end(tmp_path: Path) -> None:
    """More parts than shards: the others have nothing to say, and leave their markers alone."""
    Run(tmp_path).recipe_file.touch()  # with which every run begins
    words(tmp_path, Rank(0, 3), "a")
    assert hoigen.watch(tmp_path).missing == ("1/3", "2/3")
    Barrier(Folder(str(tmp_path)), Rank(2, 3), "words", "0123456789ab").arrive()
    Barrier(Folder(str(tmp_path)), Rank(1, 3), "clips", "0123456789ab").arrive()  # of a stage before
    assert hoigen.watch(tmp_path).missing == ("1/3",)


def test_cards_are_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """nvidia-smi is a stand-in that prints what the real one prints for this query."""
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho '0, 93, 31744, 81559'\necho '1, 0, 4, 81559'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert events.cards_in_use() == [], "no card here, so that nothing is started"
    monkeypatch.setattr("hoigen.core.devices.cards_here", lambda: ["a card", "a card"])
    assert events.cards_in_use() == [
        {"card": 0, "busy": 0.93, "used": 31744 << 20, "memory": 81559 << 20},
        {"card": 1, "busy": 0.0, "used": 4 << 20, "memory": 81559 << 20},
    ]
    written(tmp_path / "run", BEGAN, beat(20, 20, cards=events.cards_in_use()))
    assert "card 0: 93%, 31 GiB" in str(hoigen.watch(tmp_path / "run"))
    program.write_text("#!/bin/sh\necho '0, [N/A], [N/A], [N/A]'\n")
    assert events.cards_in_use() == []


def test_prometheus_gets_the_numbers(tmp_path: Path) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    cards = [{"card": 1, "busy": 0.5, "used": 7}]
    written(tmp_path, BEGAN, beat(20, 20, faults={"deadline": 3}, cards=cards))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    watch._serve(watch._Watcher(tmp_path), f"127.0.0.1:{port}")
    for kept in (20, 25):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
            text = answer.read().decode()
        found = {
            (sample.name, *(sample.labels[name] for name in LABELS if name in sample.labels)): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }
        assert found["hoigen_rows_total", "2/4", "scores", "kept"] == kept
        written(tmp_path, beat(5, 25, cards=cards))
    assert found["hoigen_faults_total", "2/4", "scores", "deadline"] == 3
    assert found["hoigen_part_at_work", "2/4", "scores"] == 1
    assert found["hoigen_card_busy_ratio", "node-7", "1"] == 0.5
    with pytest.raises(UsageError, match=r"--prometheus 127.0.0.1:\d+: Address already in use"):
        watch._serve(watch._Watcher(tmp_path), f"127.0.0.1:{port}")
    with pytest.raises(UsageError, match="HOST:PORT"):
        watch._serve(watch._Watcher(tmp_path), "9464")


def test_a_real_run_is_watched(tiny_video: Path, tmp_path: Path) -> None:
    curated(videos=[tiny_video], run=tmp_path / "run")
    found = subprocess.run(
        [sys.executable, "-m", "hoigen", "watch", str(tmp_path / "run"), "--once", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    (part,) = json.loads(found.stdout)["parts"]
    assert (part["stage"], part["state"], part["done"], part["total"]) == ("scores", "done", 1, 1)
    with pytest.raises(UsageError, match="is no folder of a run"):
        hoigen.watch(tmp_path / "no")
