"""A real server and real requests, for tests of the app."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
import uvicorn

from hoigen.review import people, serve
from hoigen.review.app import make
from hoigen.review.project import Project
from hoigen.review.web import LOOPBACK, Site

LOCAL = "the-link-of-who-started-it"


@dataclass
class Answered:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Browser:
    """What a browser does, without one: keeps its cookie, and says what its page's token is."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)
    csrf: str = ""
    tls: ssl.SSLContext | None = None
    base: str = ""  # what comes before every path

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answered:
        """headers: `x_csrf` is X-CSRF."""
        con = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        if self.tls is not None:
            con = http.client.HTTPSConnection("localhost", self.port, timeout=30, context=self.tls)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies and "cookie" not in sent:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        try:
            con.request(method, self.base + path, body, sent)
            response = con.getresponse()
            answered = Answered(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            con.close()
        if cookie := answered.headers.get("set-cookie"):
            name, _, value = cookie.split(";")[0].partition("=")
            self.cookies[name] = value.strip('"')
            if not self.cookies[name]:
                del self.cookies[name]
        return answered

    def get(self, path: str, **headers: str) -> Answered:
        return self.ask("GET", path, **headers)

    def form(self, path: str, **fields: str) -> Answered:
        sent = {"content-type": "application/x-www-form-urlencoded"}
        return self.ask("POST", path, urlencode({"csrf": self.csrf, **fields}).encode(), **sent)

    def api(self, path: str, body: Any, **headers: str) -> Answered:
        sent = {"content-type": "application/json", "x-csrf": self.csrf, **headers}
        return self.ask("POST", path, json.dumps(body).encode(), **sent)

    def enter(self, path: str = f"/enter/{LOCAL}") -> Browser:
        """Comes in by a link, and reads the token off a page."""
        assert self.get(path).status == 303
        return self.read_token()

    def read_token(self) -> Browser:
        found = re.search(r'name="csrf" value="([0-9a-f]{64})"', self.get("/").text)
        assert found
        self.csrf = found[1]
        return self

    def claim(self, question: str = "keep") -> list[dict[str, Any]]:
        answered = self.api("/api/claim", {"question": question})
        assert answered.status == 200, answered.text
        items: list[dict[str, Any]] = answered.json["items"]
        return items


@contextlib.contextmanager
def served(project: Project, port: int = 0, **site: Any) -> Iterator[int]:
    """The app of a review on a port of loopback."""
    about = Site(
        project, "1.0", **{"hosts": LOOPBACK, "local": people.digest(LOCAL), "user": "me", "patience": 60.0, **site}
    )
    sock = serve.bound("127.0.0.1", port)
    app = make(about)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield sock.getsockname()[1]
    finally:
        app.state.renderer.close()
        server.should_exit = True
        thread.join(10)
        sock.close()


def joined(project: Project, port: int, name: str, role: str = "annotator") -> Browser:
    """Somebody who has taken an invitation up."""
    secret = people.invite(project.db, name, role, by="test")
    browser = Browser(port)
    answered = browser.form(f"/invite/{secret}", password=f"{name}'s password", again=f"{name}'s password")
    assert answered.status == 303, answered.text
    return browser.read_token()
