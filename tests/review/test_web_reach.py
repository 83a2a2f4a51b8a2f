"""How people reach the app for real: over TLS, behind a proxy under a path of another site, on a disk that fills."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import re
import resource
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from web_world import Browser

from hoigen.commands.cli import main
from hoigen.data.run import Run
from hoigen.review import project
from hoigen.review import tables as t
from run_folders import Given, write_recipe, write_run

PREFIX = "/team/review"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    made = write_run(tmp_path / "run", [], [[Given(f"{i:016x}", uri=f"/videos/{i}.mp4") for i in range(60)]])
    write_recipe(made, {"measures": [], "keep": {}})
    return made.path


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost that nobody has signed but itself, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not there: apt-get install openssl")
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "c.pem", folder / "k.pem"
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    more = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(["openssl", *words.split(), *more], check=True, capture_output=True)
    return cert, key


@contextlib.contextmanager
def typed(run: Path, *words: object) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """`hoigen review` in a process of its own; what it says until it can be reached."""
    command = [sys.executable, "-m", "hoigen", "review", str(run), *map(str, words)]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    try:
        told: list[str] = []
        for line in server.stderr:
            told.append(line)
            if "People sign in" in line or "Ctrl-C ends" in line:
                break
        yield server, told
    finally:
        server.terminate()
        server.wait(30)
        server.stderr.close()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def answers(me: Browser, count: int, note: str = "") -> list[dict[str, object]]:
    return [{"id": str(uuid.uuid4()), "item": row["item"], "value": "keep", "note": note} for row in me.claim()[:count]]


def saved(run: Path) -> list[str]:
    """Ids of all verdicts in the database."""
    made = project.opened(Run(run))
    with made.db.read() as con:
        found = list(con.execute(sa.select(t.verdict.c.id)).scalars())
    made.db.close()
    return found


def test_over_tls(run: Path, certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    port = free_port()
    with typed(run, "--port", port, "--tls-cert", cert, "--tls-key", key) as (_, told):
        link = re.search(r"https://127\.0\.0\.1:\d+(/enter/\S+)", "".join(told))
        assert link, told
        me = Browser(port, tls=ssl.create_default_context(cafile=str(cert)))
        entered = me.get(link[1])
        assert (entered.status, entered.headers["location"]) == (303, "/")
        name, *ways = entered.headers["set-cookie"].split("; ")
        assert name.startswith("__Host-hoigen-")
        assert {way.lower() for way in ways} == {"httponly", "secure", "samesite=lax", "path=/"}
        assert me.read_token().get("/").headers["strict-transport-security"].startswith("max-age=")
        said = answers(me, 3)
        assert len(me.api("/api/answers", {"answers": said}).json["saved"]) == 3
        with pytest.raises(ssl.SSLCertVerificationError):  # a certificate that the browser does not know
            Browser(port, tls=ssl.create_default_context()).get("/login")
        with pytest.raises((http.client.HTTPException, OSError)):  # nothing is said without TLS
            Browser(port).get("/login")
    assert set(saved(run)) == {one["id"] for one in said}


class Proxy(http.server.BaseHTTPRequestHandler):
    """A proxy as teams have one: speaks TLS, says who asks, and passes a folder of its site on."""

    protocol_version = "HTTP/1.1"
    to, takes_away, asks_for = 0, False, "203.0.113.9"

    def passed(self) -> None:
        path = self.path.removeprefix(PREFIX) if self.takes_away else self.path
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        left_out = ("connection", "x-forwarded-for", "x-forwarded-proto")
        sent = {name: value for name, value in self.headers.items() if name.lower() not in left_out}
        sent |= {"X-Forwarded-For": self.asks_for, "X-Forwarded-Proto": "https"}
        con = http.client.HTTPConnection("127.0.0.1", self.to, timeout=30)
        con.request(self.command, path, body or None, sent)
        came = con.getresponse()
        data = came.read()
        self.send_response(came.status)
        for name, value in came.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "content-length", "date"):
                self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        con.close()

    do_GET = do_POST = passed

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def proxied(to: int, certificate: tuple[Path, Path], takes_away: bool) -> Iterator[int]:
    kind = type("Kind", (Proxy,), {"to": to, "takes_away": takes_away})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


@pytest.mark.parametrize("takes_away", [False, True], ids=["prefix kept", "prefix taken away"])
def test_behind_a_proxy_under_a_path_of_another_site(
    run: Path, certificate: tuple[Path, Path], takes_away: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    inner = free_port()
    with proxied(inner, certificate, takes_away) as outer:
        base = f"https://localhost:{outer}{PREFIX}"
        assert main(["review", str(run), "--invite", "ann", "--role", "admin", "--base-url", base]) == 0
        link = capsys.readouterr().out.splitlines()[0]
        assert link.startswith(f"{base}/invite/")
        with typed(run, "--port", inner, "--behind-proxy", "--base-url", base) as (_, told):
            assert f"People sign in at {base}" in "".join(told)
            me = Browser(outer, tls=ssl.create_default_context(cafile=str(certificate[0])), base=PREFIX)
            came = me.form(link.removeprefix(base), password="a long password", again="a long password")
            assert (came.status, came.headers["location"]) == (303, f"{PREFIX}/")
            name, *ways = came.headers["set-cookie"].split("; ")
            assert name.startswith("__Secure-hoigen-")
            assert {way.lower() for way in ways} == {"httponly", "secure", "samesite=lax", f"path={PREFIX}/"}
            me.read_token()
            # every address on every page leads into the folder, and somewhere
            seen = set()
            for page in ("/", "/review/keep", "/grid/keep", "/people", "/settings", "/quality", "/saving", "/audit"):
                html = me.get(page).text
                assert f'data-base="{PREFIX}"' in html
                seen |= set(re.findall(r'(?:href|src|action)="([^"]+)"', html))
            assert {address for address in seen if not address.startswith(f"{PREFIX}/")} <= {"#work"}
            for address in sorted(seen):
                if address.startswith(PREFIX) and not address.endswith(("/logout", "/export")):
                    assert me.get(address.removeprefix(PREFIX)).status == 200, address
            said = answers(me, 4)
            assert len(me.api("/api/answers", {"answers": said}).json["saved"]) == 4
            assert all(video["src"].startswith(f"{PREFIX}/media/") for row in me.claim() for video in row["videos"])
            invited = me.form("/people", what="invite", name="bob", role="annotator").text
            assert f"{base}/invite/" in invited, "the link that the page gives leads through the proxy"
            origin = {"origin": "https://evil.example", "content-type": "application/json", "x-csrf": me.csrf}
            assert me.ask("POST", "/api/claim", b'{"question": "keep"}', **origin).status == 403
            stranger = Browser(outer, tls=me.tls, base=PREFIX)
            assert stranger.get("/people").headers["location"] == f"{PREFIX}/login"
            assert stranger.form("/login", name="ann", password="wrong").status == 403
            assert Browser(outer, tls=me.tls).get("/teams/review/").status == 404
    assert len(saved(run)) == 4
    made = project.opened(Run(run))
    with made.db.read() as con:
        keys = " ".join(con.execute(sa.select(t.attempt.c.key)).scalars())
    made.db.close()
    assert Proxy.asks_for in keys, "whoever tries passwords is slowed down by their own address, not by the proxy's"


def test_a_full_disk_is_said_and_loses_nothing(run: Path) -> None:
    port = free_port()
    with typed(run, "--port", port, "--gold-share", 0, "--double-share", 0) as (server, told):
        link = re.search(r"http://127\.0\.0\.1:\d+(/enter/\S+)", "".join(told))
        assert link, told
        me = Browser(port).enter(link[1])
        every = answers(me, 20, note="x" * 1900)
        first, rest = every[:5], every[5:]
        assert len(me.api("/api/answers", {"answers": first}).json["saved"]) == 5
        database = run / "review" / "review.sqlite"
        full = max(path.stat().st_size for path in (database, database.with_name("review.sqlite-wal")))
        before = resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (full + 30_000, resource.RLIM_INFINITY))
        acknowledged = [one["id"] for one in first]
        waiting = []
        for one in rest:  # what fits is taken, and then nothing more
            came = me.api("/api/answers", {"answers": [one]})
            if came.status == 200:
                acknowledged += came.json["saved"]
            else:
                waiting.append(one)
                assert came.status == 507, came.text
                assert re.search("cannot be written .*: nothing of this was saved; make room", came.json["error"])
        assert waiting, "the disk was never full"
        assert me.get("/review/keep").status == 200, "pages are there all the same"
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, before)
        came = me.api("/api/answers", {"answers": waiting})  # as the page's outbox does
        assert came.json["saved"] == [one["id"] for one in waiting]
        acknowledged += came.json["saved"]
    assert sorted(saved(run)) == sorted(acknowledged), "each that was acknowledged, once, and no other"
