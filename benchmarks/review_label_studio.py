"""Answers of a review into Label Studio itself and back: the same verdicts.

python benchmarks/review_label_studio.py PROGRAM [ADDRESS]

PROGRAM is `label-studio` of an environment of its own (pip install label-studio there); it is started with SQLite in a
temporary folder, on loopback, and stopped at the end. ADDRESS takes one that runs already, with the token below.

Made up: a review of twelve clips, three people, every kind of answer (with reason, comment, trim and crop), one taken
back. Written as Label Studio's JSON (`hoigen review --write`), it is imported through Label Studio's API, exported
there as JSON, and read (`--read`) into an empty review of the same clips. Of each clip the present answers (value,
reason, comment, part, who) are set side by side.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from machine import headline

from hoigen.data.run import Run
from hoigen.review import exchange, people, project, queue
from hoigen.review import tables as t
from hoigen.review.database import Database
from hoigen.review.questions import KEEP, QUESTIONS, REASONS

TOKEN = "0123456789abcdef0123456789abcdef01234567"
PORT = 8099
CLIPS = 12
Votes = list[tuple[str, ...]]
"""(clip, value, reason, comment, parts as JSON, who)"""


def review(folder: Path) -> project.Project:
    """An empty review of twelve clips."""
    db = Database(folder / "r.sqlite")
    db.create()
    facts = {
        "start": 0.0,
        "end": 4.0,
        "width": 640,
        "height": 360,
        "fps": 25.0,
        "digest": "d",
        "stamp": "",
        "source": "",
    }
    rows = [
        {"id": f"{at:016x}", "uri": f"/videos/{at}.mp4", "caption": f"clip {at}", "machine": "kept", "score": 0.5}
        | {"numbers": "{}", "shard": 0, **facts}
        for at in range(CLIPS)
    ]
    with db.write() as con:
        project.put(con, "secret", "0" * 64)
        project.add_clips(con, rows)
        project.add_items(con, [{"question": KEEP, "clip": row["id"]} for row in rows])
    return project.Project(Run(folder), db)


def answered(made: project.Project) -> None:
    """Three people answer four clips each; the last answer of each is taken back and given otherwise."""
    extra: dict[str, Any] = {"trim": {"in": 0.5, "out": 2.25}, "crop": {"crop": [0, 0.1, 1, 0.9]}}
    values = ("keep", "drop", "unsure", "trim", "crop", "drop", "keep", "drop", "keep", "drop", "keep", "drop")
    for at, name in enumerate(("ann", "bob", "carol")):
        person = people.start(made.db, name, "annotator")[0].id
        said = [
            {
                "id": str(uuid.uuid4()),
                "item": row["item"],
                "value": value,
                "note": f"“{value}” ü by {name}",
                "seconds": 4.5,
            }
            | {"reason": list(REASONS.values())[at] if value == "drop" else "", "extra": extra.get(value, {})}
            for row, value in zip(queue.claim(made.db, person, KEEP, size=4), values[4 * at :], strict=False)
        ]
        said.append({"id": str(uuid.uuid4()), "item": said[-1]["item"], "value": None, "supersedes": said[-1]["id"]})
        said.append({"id": str(uuid.uuid4()), "item": said[-1]["item"], "value": "keep", "note": "after all"})
        assert not queue.answer(made.db, person, said, app="benchmark").refused


def votes(made: project.Project) -> Votes:
    """What is said of each clip now."""
    held, said = t.assignment.c, t.verdict.c
    query = sa.select(said.clip, said.value, said.reason, said.note, said.extra, t.person.c.name)
    query = query.join(t.assignment, held.verdict == said.id).join(t.person, t.person.c.id == said.person)
    with made.db.read() as con:
        return sorted(tuple(row) for row in con.execute(query.where(held.state == t.ANSWERED)))


def asked(address: str, path: str, body: Any = None) -> Any:
    """What Label Studio's API answers."""
    headers = {"Authorization": f"Token {TOKEN}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{address}{path}", data, headers), timeout=300) as came:
        return json.loads(came.read())


def config() -> str:
    """Label Studio's form for the question."""

    def choices(name: str, words: Any) -> str:
        listed = "".join(f'<Choice value="{word}"/>' for word in words)
        return f'<Choices name="{name}" toName="video">{listed}</Choices>'

    verdict, reason = choices("verdict", QUESTIONS[KEEP].values), choices("reason", REASONS.values())
    texts = "".join(f'<TextArea name="{name}" toName="video"/>' for name in ("note", exchange.WHOLE))
    return f'<View><Video name="video" value="$video"/>{verdict}{reason}{texts}</View>'


def started(program: str, folder: Path) -> subprocess.Popen[bytes]:
    """Label Studio, once it answers."""
    told = {"LABEL_STUDIO_BASE_DATA_DIR": str(folder), "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true"}
    told |= {"COLLECT_ANALYTICS": "False", "LATEST_VERSION_CHECK": "False"}
    words = [
        "start",
        "--no-browser",
        "--port",
        str(PORT),
        "--username",
        "a@example.org",
        "--password",
        "a long password",
    ]
    words += ["--user-token", TOKEN, "--enable-legacy-api-token"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([program, *words], env=os.environ | told, stdout=log, stderr=log)
    for _ in range(3000):
        try:
            asked(f"http://127.0.0.1:{PORT}", "/api/version")
        except OSError:
            if server.poll() is not None:
                break
            time.sleep(1)
            continue
        return server
    server.kill()
    raise SystemExit(f"{program} did not start: {(folder / 'log').read_text()[-2000:]}")


def main(program: str, address: str | None) -> None:
    print(headline())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for each in ("one", "two", "studio"):
            (folder / each).mkdir()
        server = None if address else started(program, folder / "studio")
        try:
            address = address or f"http://127.0.0.1:{PORT}"
            found = asked(address, "/api/version")
            print(f"Label Studio {found.get('release')}, SQLite")
            one, two = review(folder / "one"), review(folder / "two")
            answered(one)
            print(f"{exchange.write(one, folder / 'ours.json')} answers written")
            number = asked(address, "/api/projects", {"title": "hoigen review", "label_config": config()})["id"]
            tasks = json.loads((folder / "ours.json").read_text())
            print("imported:", asked(address, f"/api/projects/{number}/import?return_task_ids=false", tasks))
            back = asked(address, f"/api/projects/{number}/export?exportType=JSON&download_all_tasks=true")
            (folder / "theirs.json").write_text(json.dumps(back))
            count = sum(len(task["annotations"]) for task in back)
            print(f"exported by Label Studio: {len(back)} tasks, {count} annotations")
            print(exchange.read(two, folder / "theirs.json"))
            before, after = votes(one), votes(two)
            print(f"answers in force before: {len(before)}, after: {len(after)}; the same: {before == after}")
            for lost in sorted(set(before) ^ set(after)):
                print("  only", "before:" if lost in before else "after:", lost)
            one.db.close()
            two.db.close()
        finally:
            if server is not None:
                server.terminate()
                server.wait()
    if before != after:
        raise SystemExit(1)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None)
