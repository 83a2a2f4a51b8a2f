"""`hoigen review` as it is typed: what it does without serving, and one clear message for what is wrong."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from review_world import filled, staff
from web_world import Browser, joined, served

import hoigen
from hoigen.commands.cli import main
from hoigen.data.annotations import Annotation, Annotations
from hoigen.data.run import Run
from hoigen.review import adjudicate, project, queue, serve
from hoigen.review import tables as t
from hoigen.review.app import make
from hoigen.review.web import Site
from run_folders import Given, write_recipe, write_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    made = write_run(tmp_path / "run", [], [[Given(f"{i:016x}", uri=f"/videos/{i}.mp4") for i in range(6)]])
    write_recipe(made, {"measures": [], "keep": {}})
    return made.path


def said(run: Path, *values: str, who: str = "ann") -> list[str]:
    """Answers of one person to the first items; their clips."""
    made = project.begin(Run(run), double_share=0.0, gold_share=0.0)
    [person] = staff(made.db, [who])
    rows = queue.claim(made.db, person, "keep", size=len(values))
    extra = {"trim": {"in": 0.5, "out": 1.25}, "crop": {"crop": [0, 0.1, 1, 0.9]}}
    each = [
        {"id": str(uuid.uuid4()), "item": r["item"], "value": v, "extra": extra.get(v, {}), "note": f"n{i}"}
        for i, (r, v) in enumerate(zip(rows, values, strict=True))
    ]
    assert not queue.answer(made.db, person, each, app="1").refused
    return [row["clip"] for row in rows]


def test_export_writes_rows_of_the_runs_annotations_once(run: Path, capsys: Any) -> None:
    clips = said(run, "keep", "drop", "unsure", "trim", "crop")
    assert main(["review", str(run), "--export"]) == 0
    assert "4 clips have an answer that counts" in capsys.readouterr().out
    table = Annotations(run)
    assert {(row.clip, row.value) for row in table.latest("keep")} == {
        (clips[0], "yes"), (clips[1], "no"), (clips[3], "no"), (clips[4], "no"),
    }  # fmt: skip
    assert [(row.clip, row.who) for row in table.latest("keep.unsure")] == [(clips[2], "ann")]
    human = {row.clip: (row.value, row.note, row.who) for row in table.latest("human")}
    assert human == {
        clips[0]: ("yes", "single", "review"), clips[1]: ("no", "single", "review"),
        clips[3]: ("no", "single, trim", "review"), clips[4]: ("no", "single, crop", "review"),
    }  # fmt: skip
    assert [row.value for row in table.latest("human.trim")] == ["0.5-1.25"]
    assert [row.value for row in table.latest("human.crop")] == ["0,0.1,1,0.9"]
    before = table.history()
    assert main(["review", str(run), "--export"]) == 0
    assert table.history() == before  # nothing is said twice
    made = project.opened(Run(run))
    [ann] = staff(made.db, ["ann"])
    import sqlalchemy as sa

    from hoigen.review import tables as t

    with made.db.read() as con:
        last = con.execute(sa.select(t.verdict).where(t.verdict.c.clip == clips[0])).one()
    undo = {"id": str(uuid.uuid4()), "item": last.item, "value": None, "supersedes": last.id}
    assert queue.answer(made.db, ann, [undo], app="1").saved
    assert main(["review", str(run), "--export"]) == 0
    assert clips[0] not in {row.clip for row in (*table.latest("keep"), *table.latest("human"))}


def test_a_clock_that_was_ahead_does_not_hold_an_old_word(run: Path) -> None:
    clips = said(run, "keep", "keep")
    later = datetime.now(UTC) + timedelta(days=2)
    table = Annotations(run)
    for question, who in (("human", "review"), ("keep", "ann")):
        old = {"question": question, "value": "no", "who": who, "tool": "hoigen review", "when": later}
        table.append([Annotation(clip=clip, **old) for clip in clips])
    main(["review", str(run), "--export"])
    assert {row.value for row in table.latest("human")} == {row.value for row in table.latest("keep")} == {"yes"}
    before = table.history()
    main(["review", str(run), "--export"])
    assert table.history() == before


def test_in_and_out_points_are_those_of_the_answer_that_counts(run: Path) -> None:
    made = project.begin(Run(run), double_share=1.0, gold_share=0.0)
    ann, bob, cas = staff(made.db, ["ann", "bob", "cas"])

    def trims(person: int, item: int, begin: float, how: Any = queue.answer, **more: Any) -> str:
        name = str(uuid.uuid4())
        one = {"id": name, "item": item, "value": "trim", "extra": {"in": begin, "out": begin + 0.5}, **more}
        assert how(made.db, person, [one], app="1").saved == [name]
        return name

    items = [row["item"] for row in queue.claim(made.db, ann, "keep", size=6)]
    assert {row["item"] for row in queue.claim(made.db, bob, "keep", size=6)} == {*items}
    first, second, *_ = items
    trims(ann, first, 0.15)  # one and the other, who takes it back and says it anew
    gone = trims(bob, first, 0.9)
    assert queue.answer(
        made.db, bob, [{"id": str(uuid.uuid4()), "item": first, "value": None, "supersedes": gone}], app="1"
    ).saved
    trims(bob, first, 0.2)
    trims(ann, second, 0.3)
    late = trims(bob, second, 0.4, value="drop")
    trims(cas, second, 0.5, how=adjudicate.decide)
    trims(bob, second, 0.6, supersedes=late)  # after the decision
    main(["review", str(run), "--export"])
    assert sorted(row.value for row in Annotations(run).latest("human.trim")) == ["0.2-0.7", "0.5-1"]


def test_another_bound_for_cuts_counts_for_answers_that_are_there(run: Path) -> None:
    made = project.begin(Run(run), double_share=1.0, gold_share=0.0)
    ann, bob, cas = staff(made.db, ["ann", "bob", "cas"])
    for person, begin in ((ann, 0.1), (bob, 0.2)):  # of 1.0 s each: 0.9 of 1.1 s are the same
        for row in queue.claim(made.db, person, "keep", size=6):
            extra = {"in": begin, "out": begin + 1.0}
            one = {"id": str(uuid.uuid4()), "item": row["item"], "value": "trim", "extra": extra}
            assert not queue.answer(made.db, person, [one], app="1").refused

    def states() -> dict[int, int]:
        return {state: many for state, many in made.counts("keep").items() if state != t.OPEN}

    assert states() == {t.DONE: 6}
    project.begin(Run(run), same_cut=0.9)
    assert states() == {t.DISPUTED: 6}
    first, *_ = adjudicate.waiting(made.db, cas, "keep")
    decision = {"id": str(uuid.uuid4()), "item": first["item"], "value": "drop"}
    assert adjudicate.decide(made.db, cas, [decision], app="1").saved
    assert main(["review", str(run), "--same-cut", "0.5", "--invite", "dan"]) == 0
    assert states() == {t.DONE: 5, t.ADJUDICATED: 1}, "what was decided stays"


def test_gold_backup_restore_and_invitations_as_they_are_typed(run: Path, tmp_path: Path, capsys: Any) -> None:
    [clip] = said(run, "keep")
    (tmp_path / "gold.csv").write_text(f"id,value\n{clip},drop\n")
    assert main(["review", str(run), "--gold", str(tmp_path / "gold.csv"), "--invite", "bob", "--role", "admin"]) == 0
    assert re.match(r"http://127\.0\.0\.1:8765/invite/[\w-]{43}\n", capsys.readouterr().out)
    assert main(["review", str(run), "--backup", str(tmp_path / "b.sqlite")]) == 0
    (run / "review" / "review.sqlite").rename(tmp_path / "lost.sqlite")
    for name in ("-wal", "-shm"):
        (run / "review" / f"review.sqlite{name}").unlink(missing_ok=True)
    assert main(["review", str(run), "--restore", str(tmp_path / "b.sqlite")]) == 0
    assert main(["review", str(run), "--export"]) == 0
    [final] = Annotations(run).latest("human")
    assert (final.clip, final.value, final.note) == (clip, "no", "gold")
    (tmp_path / "v.csv").write_text(f"clip,value,who\n{clip},keep,zoe\n")
    assert main(["review", str(run), "--read", str(tmp_path / "v.csv")]) == 0
    assert "1 verdict added" in capsys.readouterr().out


def test_an_invitation_asks_nothing_new(run: Path, capsys: Any) -> None:
    assert main(["review", str(run), "--invite", "ann"]) == 0
    made = project.opened(Run(run))
    assert made.counts("keep") == {}
    made.db.close()
    assert project.asked_last(Run(run)) is None
    begun = project.begin(Run(run), question="frames")
    begun.db.close()
    assert project.asked_last(Run(run)) == "frames"
    assert main(["review", str(run), "--invite", "bob", "--double-share", "0.3"]) == 0
    again = project.opened(Run(run))
    assert (again.counts("keep"), again.setting("double_share")) == ({}, 0.3)
    again.db.close()
    project.begin(Run(run)).db.close()
    assert project.asked_last(Run(run)) == "keep"


def fails(capsys: Any, *words: object) -> str:
    assert main(["review", *map(str, words)]) == 2
    told = str(capsys.readouterr().err)
    assert "Traceback" not in told
    return told


def test_what_is_wrong_is_one_clear_message(run: Path, tmp_path: Path, capsys: Any) -> None:
    assert "is not a run" in fails(capsys, tmp_path / "none")
    assert "no review of this run yet" in fails(capsys, run, "--export")
    assert "one of --invite, --export" in fails(capsys, run, "--export", "--invite", "x")
    assert "come together" in fails(capsys, run, "--question", "claims")
    assert "--votes goes with --question preference or rating" in fails(capsys, run, "--votes", 2)
    assert "--interval goes with --question preference" in fails(capsys, run, "--question", "rating", "--interval", 0.2)
    assert "no such file" in fails(capsys, run, "--restore", tmp_path / "none")
    (tmp_path / "gold.csv").write_text("id,value\nffff,drop\n")
    assert "no clip ffff" in fails(capsys, run, "--gold", tmp_path / "gold.csv", "--invite", "x")
    assert "a name has 1 to 64 signs" in fails(capsys, run, "--invite", "  ")
    with socket.socket() as taken:  # what would serve by mistake ends there
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = ("--port", taken.getsockname()[1])
        assert "is in use; give another" in fails(capsys, run, *port)
        empty = write_run(tmp_path / "empty", [], [[]])
        write_recipe(empty, {"measures": [], "keep": {}})
        assert "has no clips to look at" in fails(capsys, empty.path, *port)
        assert "no accounts" in fails(capsys, run, *port, "--base-url", "https://x.org", "--behind-proxy")
        assert "--database" in fails(capsys, run, *port, "--database", "postgresql://u@127.0.0.1:1/none")
        other = write_run(tmp_path / "other", [], [[Given("f" * 16)]])
        write_recipe(other, {"measures": [], "keep": {}})
        where = run / "review" / "review.sqlite"
        assert "is the review of another run" in fails(capsys, other.path, *port, "--database", where)
        (tmp_path / "bad.sqlite").write_bytes(b"no database at all" * 500)
        assert "is damaged" in fails(capsys, run, *port, "--database", tmp_path / "bad.sqlite")


def test_without_the_extra_it_says_what_to_install(run: Path) -> None:
    code = "import sys; sys.modules['sqlalchemy'] = None; from hoigen.commands.cli import main; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", code, "review", str(run)], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.strip() == "hoigen: hoigen review needs sqlalchemy: pip install 'hoigen[review]'"


def test_a_function_of_python_too(run: Path) -> None:
    said(run, "keep")
    assert hoigen.review_app(run, export=True).final == 1


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("fuzz")
    made = project.Project(Run(folder), project.database_of(Run(folder), None))
    filled(made.db, 40)
    with served(made, local="") as port:
        yield made, joined(made, port, "ann"), joined(made, port, "root", "admin"), Browser(port)


WORDS = st.one_of(st.sampled_from(["keep", "1", "0", "-1", "..", "%00", "'", "null", "c1", "{}", "\u202e"]), st.text())
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=True), WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(
        ["id", "item", "items", "value", "answers", "question", "extra", "crop", "in", "out", "supersedes", "note",
         "seconds", "mode", "keys", "speed", "caption", "reason"]), inner, max_size=6)),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_route_breaks_whatever_is_sent(site: Any, data: Any) -> None:
    """Every route with every method, as somebody, an admin or nobody: never an error of the program."""
    from urllib.parse import quote

    made, *browsers = site
    routes = [route.path for route in make(Site(made, "1")).routes]
    path = data.draw(st.sampled_from(routes))
    for name in re.findall(r"\{(\w+)\}", path):
        path = path.replace("{" + name + "}", quote(data.draw(WORDS).encode("utf-8", "replace"), safe=""))
    if "/logout" in path:
        return
    browser = data.draw(st.sampled_from(browsers))
    method = data.draw(st.sampled_from(["GET", "POST", "HEAD", "PUT", "DELETE"]))
    if method in ("GET", "HEAD"):
        query = quote(data.draw(WORDS).encode("utf-8", "replace"))
        answered = browser.ask(
            method, f"{path}?but={query}", range=data.draw(st.sampled_from(["", "bytes=0-", "bytes=5-1", "x"]))
        )
    elif data.draw(st.booleans()):
        answered = browser.api(path, data.draw(JSON))
    else:
        fields = data.draw(
            st.dictionaries(st.sampled_from(["name", "what", "person", "role", "password", "again"]), WORDS)
        )
        answered = browser.form(
            path, **{key: value.encode("utf-8", "replace").decode() for key, value in fields.items()}
        )
    assert answered.status < 500 or answered.status == 503, (method, path, answered.text)
    assert answered.headers["content-security-policy"]


def test_the_schema_of_answers_is_held_for_each(site: Any) -> None:
    """What the fuzzer sends now and then by chance, in full: each field of a good answer made wrong."""
    _, ann, *_ = site
    [row, *_] = ann.claim()
    good = {"id": str(uuid.uuid4()), "item": row["item"], "value": "keep", "seconds": 1, "mode": "single", "extra": {}}
    for key in good:
        for wrong in (None, [], {}, "", "x" * 5000, -1, 1e308, True, "\0"):
            answered = ann.api(
                "/api/answers", {"answers": [good | {key: wrong, "id": wrong if key == "id" else "i" * 9}]}
            )
            assert answered.status == 200
            assert answered.json["saved"] in ([], ["i" * 9])
    assert json.loads(ann.api("/api/answers", {"answers": [good]}).body)["refused"] is not None


def test_what_is_sent_waits_for_nothing() -> None:
    """Head and body of an answer are two packets: under Nagle's algorithm the second waits 40 ms."""
    seen = []

    class Accepted(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            sock = transport.get_extra_info("socket")
            seen.append(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            transport.close()

    async def visit() -> None:
        server = await asyncio.get_running_loop().create_server(Accepted, sock=serve.bound("127.0.0.1", 0))
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            await reader.read()
            writer.close()

    asyncio.run(visit())
    assert [bool(each) for each in seen] == [True]
