"""`kill -9` of the server while eight people answer as fast as they can: nothing is lost, nothing is there twice."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from review_world import clip_row
from web_world import Browser

from hoigen.review import people, project
from hoigen.review import tables as t
from hoigen.review.database import Database
from run_folders import Given, step, write_recipe, write_run

PEOPLE, CLIPS, KILLS = 8, 300, 2


def started(run: Path, database: list[str], port: int) -> tuple[subprocess.Popen[str], int]:
    """A server process that answers."""
    command = [sys.executable, "-m", "hoigen", "review", str(run), "--port", str(port), *database]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    assert server.stderr is not None
    told = ""
    for line in server.stderr:
        told += line
        if found := re.search(r"http://127\.0\.0\.1:(\d+)/enter/", line):
            return server, int(found[1])
    raise AssertionError(told)


class Worker(threading.Thread):
    """One person: an outbox like the browser's, sent until the server has said that it is saved."""

    def __init__(self, browser: Browser, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.browser, self.stop = browser, stop
        self.said: dict[str, dict[str, Any]] = {}
        self.saved: list[str] = []
        self.wrong: list[Any] = []

    def run(self) -> None:
        while not self.stop.is_set():
            answered = self.until_heard("/api/claim", {"question": "keep"})
            if not answered["items"]:
                return
            for row in answered["items"]:
                answer = {"id": str(uuid.uuid4()), "item": row["item"], "value": "keep", "seconds": 1.0}
                self.said[answer["id"]] = answer
                result = self.until_heard("/api/answers", {"answers": [answer]})
                self.saved += result["saved"]
                self.wrong += list(result["refused"].items())

    def until_heard(self, path: str, body: Any) -> Any:
        while True:
            try:
                answered = self.browser.api(path, body)
                if answered.status == 200:
                    return answered.json
                self.wrong.append((answered.status, answered.text))
                raise AssertionError(answered.text)
            except (OSError, http.client.HTTPException, json.JSONDecodeError):
                time.sleep(0.02)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_nothing_is_lost_and_nothing_is_there_twice(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue("postgres")() if kind == "postgresql" else None
    run = write_run(tmp_path / "run", [step("motion")], [[Given("a")]])
    write_recipe(run, {"measures": ["motion"], "keep": {}})
    db = project.database_of(run, url)
    db.create()
    names = [f"c{i}" for i in range(CLIPS)]
    with db.write() as con:  # as `begin` would leave it: the run itself is not what is looked at here
        for name, value in {"run": str(run.path.resolve()), "secret": "s" * 64, "filled keep": "-"}.items():
            project.put(con, name, value)
        project.add_clips(con, [clip_row(name) for name in names])
        project.add_items(con, [{"question": "keep", "clip": name} for name in names], double=0.3)
    invites = [people.invite(db, f"p{i}", "annotator", by="test") for i in range(PEOPLE)]
    project.Project(run, db).set(**{"filled keep": project._signature(run)})
    database = ["--database", url] if url else []
    server, port = started(run.path, database, 0)
    stop = threading.Event()
    workers = []
    for secret in invites:
        browser = Browser(port)
        assert browser.form(f"/invite/{secret}", password="a long password", again="a long password").status == 303
        workers.append(Worker(browser.read_token(), stop))
    for worker in workers:
        worker.start()
    try:
        for _ in range(KILLS):
            before = sum(len(worker.saved) for worker in workers)
            until = time.monotonic() + 60
            while sum(len(worker.saved) for worker in workers) < before + 50 and time.monotonic() < until:
                time.sleep(0.01)
            server.send_signal(signal.SIGKILL)
            server.wait()
            server, port = started(run.path, database, port)
        until = time.monotonic() + 120
        for worker in workers:
            worker.join(max(0.1, until - time.monotonic()))
        assert not any(worker.is_alive() for worker in workers)
    finally:
        stop.set()
        server.kill()
        server.wait()
    assert [worker.wrong for worker in workers] == [[]] * PEOPLE
    check(db, workers)
    db.close()


def check(db: Database, workers: list[Worker]) -> None:
    """All that was acknowledged is there, once, and what the queue counts is what was said."""
    with db.read() as con:
        rows = con.execute(sa.select(t.verdict.c.id, t.verdict.c.item, t.verdict.c.person)).all()
        items = con.execute(sa.select(t.item.c.need, t.item.c.given, t.item.c.leased, t.item.c.state)).all()
    assert sorted(row.id for row in rows) == sorted(name for worker in workers for name in worker.saved)
    assert len({(row.item, row.person) for row in rows}) == len(rows)
    assert sum(row.given for row in items) == len(rows)
    assert all(row.given == row.need and row.leased == 0 and row.state == t.DONE for row in items)
    assert len(rows) > CLIPS
