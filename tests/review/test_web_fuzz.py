"""Every route of the app, asked all sorts of things, signed in and not: a clear answer, never a fault, never a path."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from review_world import clip_row, filled
from web_world import Browser, joined, served

from hoigen.data.run import Run
from hoigen.review.app import KEYS, make
from hoigen.review.database import Database
from hoigen.review.people import ROLES
from hoigen.review.project import Project, add_clips
from hoigen.review.questions import QUESTIONS, REASONS
from hoigen.review.web import Site

SKIPPED = "/enter/{secret}", "/logout"
"""The first would sign the browser in anew, the second out; tests of their own have both."""
NASTY = (
    "",
    "0",
    "-1",
    "null",
    "../../etc/passwd",
    "%2e%2e",
    "c0\x00",
    "\ud800",
    "ü" * 70,
    "9" * 40,
    "'; drop table item; --",
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    folder = tmp_path_factory.mktemp("fuzz-run")
    db = Database(folder / "r.sqlite")
    filled(db, 40)
    yield Project(Run(folder), db)
    db.close()


@pytest.fixture(scope="module")
def browsers(project: Project) -> Iterator[list[Browser]]:
    """A stranger, and somebody of each role."""
    with served(project) as port:
        people = [joined(project, port, f"the {role}", role) for role in ROLES]
        yield [Browser(port), *people]


def routes(project: Project) -> list[tuple[str, str]]:
    """Method and path of all that the app serves."""
    app = make(Site(project, "1.0"))
    try:
        return sorted(
            (method, route.path)
            for route in app.routes
            for method in route.methods or ()
            if method != "HEAD" and route.path not in SKIPPED
        )
    finally:
        app.state.renderer.close()


texts = st.one_of(st.sampled_from(NASTY), st.text(max_size=40))
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=8
)
VALUES = sorted({value for question in QUESTIONS.values() for value in question.values})
answer = st.fixed_dictionaries(
    {},
    optional={
        "id": st.one_of(st.uuids().map(str), anything),
        "item": st.one_of(st.integers(0, 45), anything),
        "value": st.one_of(st.sampled_from(VALUES), anything),
        "reason": st.one_of(st.sampled_from(list(REASONS.values())), anything),
        "note": anything,
        "seconds": anything,
        "mode": st.one_of(st.sampled_from(["single", "grid"]), anything),
        "extra": st.one_of(
            anything,
            st.fixed_dictionaries({"in": scalars, "out": scalars, "crop": st.lists(scalars, min_size=4, max_size=4)}),
        ),
        "supersedes": anything,
    },
)
body = st.fixed_dictionaries(
    {},
    optional={
        "question": st.one_of(st.sampled_from(list(QUESTIONS)), anything),
        "items": st.one_of(st.lists(st.integers(-1, 45), max_size=6), anything),
        "answers": st.one_of(st.lists(answer, max_size=4), anything),
        "keys": st.one_of(st.dictionaries(st.sampled_from(list(KEYS)), scalars, max_size=3), anything),
        "speed": anything,
        "caption": anything,
    },
)
fields = st.dictionaries(
    st.sampled_from(["name", "password", "again", "role", "what", "promise", "by", "csrf"]),
    st.one_of(st.sampled_from(["invite", "end", "disable", "promise", "order", "source", *ROLES]), texts),
)
HEADERS = ("range", "if-range", "if-none-match", "origin", "cookie", "accept", "x-forwarded-for", "sec-fetch-site")
RANGES = ("bytes=0-0", "bytes=-1", "bytes=9-1", "bytes=0-1,3-4", "hoigen=x", "https://evil.example", "null")
plain = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30)


@pytest.mark.parametrize(
    "examples", [pytest.param(60, id="few"), pytest.param(8000, id="many", marks=pytest.mark.slow)]
)
def test_no_request_is_answered_by_a_fault(project: Project, browsers: list[Browser], examples: int) -> None:
    known = routes(project)
    assert len(known) > 30
    secrets = (str(project.run.path), str(Path.home()), "site-packages", "Traceback", "sqlite3.", "sqlalchemy.")
    asked: set[tuple[str, str, int]] = set()

    @settings(
        max_examples=examples, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.data())
    def ask(data: Any) -> None:
        method, path = data.draw(st.sampled_from(known))
        browser = data.draw(st.sampled_from(browsers))

        def encoded(strategy: st.SearchStrategy[str]) -> bytes:
            return bytes(data.draw(strategy).encode("utf-8", "surrogatepass"))

        names = st.one_of(st.sampled_from(["keep", "claims", "c0", "c1", "loop.js"]), texts)
        address = re.sub(r"\{\w+\}", lambda _: quote(encoded(names), safe=""), path)
        headers = data.draw(
            st.dictionaries(st.sampled_from(HEADERS), st.one_of(st.sampled_from(RANGES), plain), max_size=2)
        )
        if method == "GET":
            answered = browser.ask("GET", f"{address}?{urlencode({'but': encoded(texts)})}", **headers)
        elif path.startswith("/api/"):
            sent = json.dumps(data.draw(st.one_of(body, anything))).encode()
            answered = browser.ask(
                "POST", address, sent, **{"content-type": "application/json", "x-csrf": browser.csrf} | headers
            )
        else:
            pairs = {name: encoded(st.just(text)) for name, text in data.draw(fields).items()}
            sent = urlencode({"csrf": browser.csrf, **pairs}).encode()
            answered = browser.ask(
                "POST", address, sent, **{"content-type": "application/x-www-form-urlencoded"} | headers
            )
        what = f"{method} {address} by {browsers.index(browser)}: {answered.status} {answered.text[:500]}"
        assert answered.status < 500 or (answered.status == 503 and "made ready" in answered.text), what
        assert not [secret for secret in secrets if secret in answered.text], what
        assert answered.headers.get("x-content-type-options") == "nosniff", what
        asked.add((method, path, answered.status))

    ask()
    if examples > 1000:
        reached = {(method, path) for method, path, status in asked if status in (200, 204, 303)}
        assert len(reached) > 20, sorted(set(known) - reached)


def test_what_goes_wrong_is_told_without_a_path(project: Project) -> None:
    hidden = project.run.path / "model-x" / "c3.mp4"
    hidden.parent.mkdir()
    hidden.write_text("no video at all")
    with project.db.write() as con:
        add_clips(con, [clip_row("c3", uri=str(hidden))])
    with served(project) as port:
        me = Browser(port).enter()
        answered = me.get("/media/c3")
        assert answered.status == 410
        assert "The video cannot be shown: it" in answered.text
        assert "model-x" not in answered.text
        assert str(project.run.path) not in answered.text
        told = me.form("/export").text
        assert str(project.run.path) not in told
        assert project.run.path.name in told
