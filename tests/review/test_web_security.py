"""Nobody comes in, sees or says what is not theirs: each way that was thought of, tried on a real server."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from review_world import clip_row, filled
from web_world import LOCAL, Browser, joined, served

from hoigen.core.errors import UsageError
from hoigen.data.run import Run
from hoigen.review import people, proxies, serve
from hoigen.review import tables as t
from hoigen.review.database import Database
from hoigen.review.project import Project, add_clips, add_items, put

NASTY = '<script>alert("x")</script><img src=x onerror=alert(1)>'


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("run")
    (folder / "secret.txt").write_text("not for anybody")
    (folder / "c0.mp4").write_bytes(bytes(range(256)) * 40)
    db = Database(folder / "r.sqlite")
    filled(db, 30)
    with db.write() as con:
        add_clips(con, [clip_row("c0", uri=str(folder / "c0.mp4"), caption=NASTY)])
        row = con.execute(sa.select(t.clip).where(t.clip.c.id == "c0")).mappings().one()
    small = proxies.files(Run(folder), dict(row))
    small.video.parent.mkdir(parents=True)
    small.video.write_bytes(bytes(range(256)) * 40)
    small.strip.write_bytes(b"a strip")
    return Project(Run(folder), db)


@pytest.fixture(scope="module")
def port(project: Project) -> Iterator[int]:
    with served(project) as port:
        yield port


def test_every_page_wants_a_session(port: int) -> None:
    stranger = Browser(port)
    for path in (
        "/",
        "/review/keep",
        "/grid/keep",
        "/decide/keep",
        "/people",
        "/audit",
        "/settings",
        "/quality",
        "/saving",
    ):
        answered = stranger.get(path)
        assert (answered.status, answered.headers.get("location")) == (303, "/login"), path
    for path in ("/media/c0", "/api/details/c0", "/api/mine/keep", "/api/disputes/keep"):
        assert stranger.get(path).status == 401, path
    for path in ("claim", "heartbeat", "back", "answers", "decisions", "settings"):
        assert stranger.api(f"/api/{path}", {}).status == 401, path
    for path in ("/people", "/export", "/logout"):
        assert stranger.form(path).status == 401, path


def test_the_link_of_who_started_it_lets_in_and_others_do_not(project: Project, port: int) -> None:
    assert Browser(port).get("/enter/wrong").status == 404
    assert Browser(port).enter().get("/people").status == 200
    with served(project, local="") as other:  # a server that is not on loopback has no such link
        assert Browser(other).get(f"/enter/{LOCAL}").status == 404
        assert Browser(other).get("/enter/").status == 404


def test_roles(project: Project, port: int) -> None:
    ann, dan = joined(project, port, "ann"), joined(project, port, "dan", "adjudicator")
    assert [ann.get(path).status for path in ("/", "/decide/keep", "/people", "/audit")] == [200, 403, 403, 403]
    assert [dan.get(path).status for path in ("/", "/decide/keep", "/people", "/audit")] == [200, 200, 403, 403]
    assert ann.get("/api/disputes/keep").status == 403
    assert ann.api("/api/decisions", {"answers": []}).status == 403
    for browser in (ann, dan):
        assert browser.form("/people", what="invite", name="eve", role="admin").status == 403
        assert browser.form("/export").status == 403


def test_an_invitation_is_good_once_and_for_a_while(project: Project, port: int) -> None:
    secret = people.invite(project.db, "bob", "annotator", by="test")
    assert "Welcome, bob" in Browser(port).get(f"/invite/{secret}").text
    good = {"password": "a long password", "again": "a long password"}
    assert Browser(port).form(f"/invite/{secret}", password="a long password", again="another one").status == 400
    assert Browser(port).form(f"/invite/{secret}", password="short", again="short").status == 400
    assert Browser(port).form(f"/invite/{secret}", **good).status == 303
    again = Browser(port).form(f"/invite/{secret}", **good)
    assert again.status == 410
    assert "was used already" in again.text
    newer = people.invite(project.db, "cas", "annotator", by="test")
    newest = people.invite(project.db, "cas", "annotator", by="test")
    assert Browser(port).get(f"/invite/{newer}").status == 410
    with project.db.write() as con:
        con.execute(sa.update(t.invite).where(t.invite.c.hash == people.digest(newest)).values(until=1.0))
    assert "older than 7 days" in Browser(port).form(f"/invite/{newest}", **good).text
    with project.db.read() as con:
        kept = json.dumps([list(map(str, row)) for row in con.execute(sa.select(t.invite))])
        hashed = con.execute(sa.select(t.person.c.password).where(t.person.c.name == "bob")).scalar_one()
    assert secret not in kept
    assert hashed.startswith("$argon2id$")


def test_a_password_is_guessed_only_so_often(project: Project, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    joined(project, port, "gus")
    for _ in range(people.PER_NAME):
        wrong = Browser(port).form("/login", name="gus", password="not that one")
        assert wrong.status == 403
        assert "Name or password is wrong" in wrong.text
    late = Browser(port).form("/login", name="gus", password="gus's password")
    assert late.status == 429
    assert int(late.headers["retry-after"]) > 800
    assert Browser(port).form("/login", name="GUS ", password="gus's password").status == 429
    nobody = Browser(port).form("/login", name="nobody", password="x")
    assert "Name or password is wrong" in nobody.text  # the same words
    now = project.db.now()
    monkeypatch.setattr(Database, "now", staticmethod(lambda: now + people.WINDOW + 1))
    assert Browser(port).form("/login", name="gus", password="gus's password").status == 303


def test_many_names_from_one_address_are_slowed_down(project: Project, port: int) -> None:
    rows = [{"key": "address 127.0.0.1", "at": project.db.now() - i} for i in range(people.PER_ADDRESS - 1)]
    with project.db.write() as con:
        con.execute(sa.delete(t.attempt))
        con.execute(sa.insert(t.attempt), rows)
    statuses = [Browser(port).form("/login", name=name, password="x").status for name in ("some", "others")]
    assert statuses == [403, 429]
    with project.db.write() as con:
        con.execute(sa.delete(t.attempt))


def test_what_changes_wants_a_token_and_a_page_of_this_site(project: Project, port: int) -> None:
    me = Browser(port).enter()
    token, me.csrf = me.csrf, ""
    assert me.api("/api/claim", {"question": "keep"}).status == 403
    assert me.form("/people", what="invite", name="eve").status == 403
    assert me.form("/logout").status == 403
    me.csrf = Browser(port).enter().csrf  # that of another session
    assert me.api("/api/claim", {"question": "keep"}).status == 403
    me.csrf = token
    for headers in ({"origin": "http://evil.example"}, {"origin": "null"}, {"sec_fetch_site": "cross-site"}):
        assert me.api("/api/claim", {"question": "keep"}, **headers).status == 403
    asked = json.dumps({"question": "keep"}).encode()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):  # what forms can send
        assert me.ask("POST", "/api/claim", asked, content_type=kind, x_csrf=token).status == 415
    assert me.api("/api/claim", {"question": "keep"}, origin=f"http://127.0.0.1:{port}").status == 200
    assert me.get("/api/claim").status == 405


def test_another_name_of_this_machine_is_refused(port: int) -> None:
    me = Browser(port).enter()
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", ""):
        assert me.get("/", host=host).status in (400, 421)
    for host in ("localhost", f"localhost:{port}", "LOCALHOST", f"127.0.0.1:{port}"):
        assert me.get("/", host=host).status == 200


def test_cookies_cannot_be_made_up_or_read_by_scripts(project: Project, port: int) -> None:
    me = Browser(port).enter()
    [(name, good)] = me.cookies.items()
    for bad in ("", "x", good[:-1], good + "x", good.replace(".", ""), "null.abc", "A" * 5000, "\x80"):
        assert Browser(port, {name: bad}).get("/").status == 303
    answered = Browser(port).get(f"/enter/{LOCAL}")
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(answered.headers["set-cookie"].split("; "))
    with served(project, secure=True) as other:
        answered = Browser(other).get(f"/enter/{LOCAL}")
        assert answered.headers["set-cookie"].startswith("__Host-hoigen-")
        assert "Secure" in answered.headers["set-cookie"]
        assert "max-age" in answered.headers["strict-transport-security"]


def test_two_reviews_on_one_machine_leave_a_browser_signed_in(port: int, tmp_path: Path) -> None:
    db = Database(tmp_path / "other.sqlite")
    filled(db, 1)
    with db.write() as con:
        put(con, "secret", "1" * 64)
    me = Browser(port).enter()
    with served(Project(Run(tmp_path), db)) as other:
        me.port = other  # a browser sends the cookies of 127.0.0.1 to each port
        me.enter()
        assert me.get("/").status == 200
        me.port = port
        assert me.get("/").status == 200
    db.close()


def test_a_session_ends_when_the_admin_or_the_person_says_so(project: Project, port: int) -> None:
    me, eva = Browser(port).enter(), joined(project, port, "eva")
    lent = [row["item"] for row in eva.claim()]
    with project.db.read() as con:
        number = con.execute(sa.select(t.person.c.id).where(t.person.c.name == "eva")).scalar_one()
    assert me.form("/people", what="end", person=str(number)).status == 303
    assert eva.get("/").status == 303
    assert eva.api("/api/heartbeat", {"items": lent}).status == 401
    with project.db.read() as con:
        held = sa.select(t.assignment.c.state).where(t.assignment.c.person == number)
        assert set(con.execute(held).scalars()) == {t.BACK}
    again = Browser(port)
    assert again.form("/login", name="eva", password="eva's password").status == 303
    assert me.form("/people", what="disable", person=str(number)).status == 303
    assert again.get("/").status == 303
    assert Browser(port).form("/login", name="eva", password="eva's password").status == 403
    assert me.form("/people", what="enable", person=str(number)).status == 303
    assert again.form("/login", name="eva", password="eva's password").status == 303
    assert again.read_token().form("/logout").status == 303
    kept = dict(again.cookies)
    assert Browser(port, kept).get("/").status == 303
    log = me.get("/audit").text
    for word in ("invite", "join", "sign in", "end sessions"):
        assert word in log


def test_media_are_named_by_clip_alone(project: Project, port: int) -> None:
    me, ivy = Browser(port).enter(), joined(project, port, "ivy")
    whole = me.get("/media/c0")
    assert (whole.status, len(whole.body), whole.headers["content-type"]) == (200, 10240, "video/mp4")
    part = me.get("/media/c0", range="bytes=10-19")
    assert (part.status, part.body) == (206, bytes(range(10, 20)))
    assert part.headers["content-range"] == "bytes 10-19/10240"
    assert whole.headers["last-modified"].endswith("1970 00:00:00 GMT"), "not when it was made"
    again = me.get("/media/c0", range="bytes=10-19", if_range=whole.headers["etag"])
    assert (again.status, again.body) == (206, part.body)
    assert me.get("/media/c0", range="bytes=99999-").status == 416
    assert me.get("/media/c0/strip").body == b"a strip"
    assert me.get("/media/c1/strip").status == 204  # not made yet, and never will be
    for path in ("c1", "c1/source"):
        assert me.get(f"/media/{path}").status == 410  # gone from the disk
    for path in (
        "secret.txt",
        "../secret.txt",
        "..%2fsecret.txt",
        "%2e%2e%2fsecret.txt",
        "c0.mp4",
        "%00",
        "c0%00",
        "c9999",
        "%ff",
    ):
        assert me.get(f"/media/{path}").status in (400, 404), path
    for path in ("../app.py", "..%2fapp.py", "app.py", "%2e%2e/serve.py", ""):
        assert me.get(f"/static/{path}").status == 404, path
    assert ivy.get("/media/c0").status == 404  # nobody has lent it to her
    lent = {row["about"] for row in ivy.claim()}
    assert "c0" in lent or ivy.get("/media/c0").status == 404
    some = sorted(lent - {"c0"})[0]
    assert ivy.get(f"/media/{some}").status == 410
    assert ivy.get("/media/c29").status == (410 if "c29" in lent else 404)


def test_a_video_that_changed_on_the_disk_is_not_shown(project: Project, port: int, tmp_path: Path) -> None:
    file = tmp_path / "v.mp4"
    file.write_bytes(b"first")
    stamp = [file.stat().st_size, file.stat().st_mtime_ns]
    with project.db.write() as con:
        add_clips(con, [clip_row("changed", uri=str(file), stamp=json.dumps(stamp))])
    me = Browser(port).enter()
    assert me.get("/media/changed/source").body == b"first"
    file.write_bytes(b"another video")
    for path in ("/media/changed", "/media/changed/source"):
        answered = me.get(path)
        assert answered.status == 410
        assert "has changed on the disk" in answered.json["error"]


def test_words_of_strangers_are_only_words(project: Project, port: int) -> None:
    me = Browser(port).enter()
    me.form("/people", what="invite", name=NASTY[:60])
    pages = [me.get(path).text for path in ("/", "/people", "/audit", "/review/keep", "/grid/keep", "/settings")]
    pages.append(me.form("/login", name=NASTY[:60], password="x").text)
    for text in pages:
        assert "<script>" not in text
        assert "<img src=x" not in text
        assert " style=" not in text
        assert "onerror=alert" not in text or "&lt;img" in text
        assert all('src="/static/' in each for each in text.split("<script")[1:])
    for path in ("/", "/login", "/nothing", "/static/review.css", "/api/mine/keep", "/media/c0"):
        headers = me.get(path).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    rows = me.claim()
    assert NASTY in [row["caption"] for row in rows]  # as JSON, shown by textContent


def test_no_answer_says_where_files_lie(project: Project, port: int) -> None:
    me = Browser(port).enter()
    texts = [json.dumps(me.claim()), me.get("/api/mine/keep").text, me.get("/media/c1").text]
    assert not any("/videos" in text or str(project.run.path) in text for text in texts)


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 400), (b"[]", 400), (b"nonsense", 400), (b"[" * 100_000, 400), (b'"\xff"', 400), (b"x" * 3_000_000, 413)],
)
def test_bodies_that_are_none(port: int, body: bytes, status: int) -> None:
    me = Browser(port).enter()
    for path in ("claim", "answers", "heartbeat", "back", "decisions", "settings"):
        answered = me.ask("POST", f"/api/{path}", body, content_type="application/json", x_csrf=me.csrf)
        assert answered.status == status
        assert answered.json["error"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("claim", {}),
        ("claim", {"question": ["keep"]}),
        ("claim", {"question": "keep'; drop table verdict; --"}),
        ("heartbeat", {"items": 3}),
        ("heartbeat", {"items": [1.5]}),
        ("heartbeat", {"items": [10**30]}),
        ("back", {"items": ["1"]}),
        ("answers", {"answers": "all"}),
        ("answers", {"answers": [{}] * 501}),
        ("settings", {"speed": 1e9}),
        ("settings", {"keys": {"keep": "1"}}),
        ("settings", {"keys": {"keep": "f"}}),
        ("settings", {"keys": {"what": "x"}}),
        ("settings", {"caption": "yes"}),
    ],
)
def test_requests_that_say_nothing_sensible(port: int, path: str, body: Any) -> None:
    answered = Browser(port).enter().api(f"/api/{path}", body)
    assert answered.status in (400, 404)
    assert answered.json["error"]


def test_people_answer_for_themselves_alone(project: Project, port: int) -> None:
    with project.db.write() as con:
        add_clips(con, [clip_row(f"own{i}") for i in range(40)])
        add_items(con, [{"question": "claims", "clip": f"own{i}", "priority": i} for i in range(40)])
    jan, kim = joined(project, port, "jan"), joined(project, port, "kim")
    [first, *_] = jan.claim("claims")
    said = {"id": str(uuid.uuid4()), "item": first["item"], "value": "true"}
    assert kim.api("/api/answers", {"answers": [said]}).json["refused"] == {said["id"]: "item: not lent to you"}
    assert jan.api("/api/answers", {"answers": [said]}).json["saved"] == [said["id"]]
    assert kim.api("/api/answers", {"answers": [said]}).json["refused"]
    undo = {"id": str(uuid.uuid4()), "item": first["item"], "value": None, "supersedes": said["id"]}
    assert kim.api("/api/answers", {"answers": [undo]}).json["refused"]
    assert kim.get("/api/mine/claims").json == {"verdict": None}
    assert jan.get("/api/mine/claims").json["verdict"]["id"] == said["id"]


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"host": "0.0.0.0"}, "--tls-cert and --tls-key, or --behind-proxy"),
        ({"host": "0.0.0.0", "behind_proxy": True}, "--base-url is missing"),
        ({"host": "0.0.0.0", "behind_proxy": True, "base_url": "http://review.example"}, "unencrypted"),
        ({"host": "0.0.0.0", "behind_proxy": True, "base_url": "https://review.example/x?y"}, "--base-url"),
        ({"host": "0.0.0.0", "behind_proxy": True, "base_url": "https://review.example"}, "no accounts yet"),
        ({"host": "127.0.0.1", "behind_proxy": True, "base_url": "https://review.example"}, "no accounts yet"),
        ({"host": "::", "cert": Path("no.pem")}, "come together"),
        ({"host": "::", "cert": Path("no.pem"), "key": Path("no.pem")}, "no such file"),
        ({"host": "::", "cert": Path(__file__), "key": Path(__file__)}, "--tls-cert"),
    ],
)
def test_where_others_reach_it_accounts_and_tls_are_needed(tmp_path: Path, how: dict[str, Any], told: str) -> None:
    db = Database(tmp_path / "r.sqlite")
    filled(db, 1)
    project = Project(Run(tmp_path), db)
    given = {"base_url": None, "cert": None, "key": None, "behind_proxy": False} | how
    with pytest.raises(UsageError, match=told.replace(".", r"\.")):
        serve.check_reach(project, **given)


def test_a_port_in_use_and_a_host_that_is_none() -> None:
    with serve.bound("127.0.0.1", 0) as taken, pytest.raises(UsageError, match="is in use; give another"):
        serve.bound("127.0.0.1", taken.getsockname()[1])
    with pytest.raises(UsageError, match="--host 203"):
        serve.bound("203.0.113.9", 0)
