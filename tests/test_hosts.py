"""Addresses out of lists and runs: this machine and the ones beside it are reached only when asked for."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import hoigen
from hoigen import video
from hoigen.commands.cli import main
from hoigen.core import hosts, uris
from hoigen.core.errors import UsageError, VideoError

PRIVATE = (
    *("127.0.0.1", "127.1", "127.8.9.10", "0.0.0.0", "0", "2130706433", "0x7f000001", "0x7f.1", "017700000001"),
    *("0177.0.0.1", "localhost", "LocalHost", "localhost.", "a.localhost", "127.0.0.1.", "[::1]", "[::]"),
    *("[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:10.0.0.1]", "[0:0:0:0:0:ffff:a9fe:a9fe]", "[::127.0.0.1]"),
    *("10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.9.9", "192.168.1.1", "192.168.257", "169.254.169.254"),
    *("2852039166", "100.64.0.1", "198.18.0.1", "[fd00::1]", "[fe80::1]", "[fe80::1%25lo]", "[fc00::5]"),
    *("[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[2001:0:7f00:1::]", "224.0.0.1", "255.255.255.255", "[ff02::1]"),
    *("0xa9fea9fe", "0300.0250.1.1", "[fec0::1]", "[::ffff:0:7f00:1]", "192.88.99.1", "168.63.129.16"),
)
PUBLIC = (
    "8.8.8.8",
    "example.org",
    "[2606:4700::1111]",
    "1.1.1.1",
    "134744072",
    "172.32.0.1",
    "11.0.0.1",
    "localhost.org",
)


class Served(http.server.BaseHTTPRequestHandler):
    """Sends on to `to`, or serves `body`; notes what has come."""

    seen: list[str]
    to = ""
    body = b""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.seen.append(self.path)
        self.send_response(302 if self.to else 200)
        if self.to:
            self.send_header("Location", self.to)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(self.body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def servers() -> Iterator[Any]:
    made = []

    def serve(host: str, **how: Any) -> tuple[str, list[str]]:
        seen: list[str] = []
        server = http.server.ThreadingHTTPServer((host, 0), type("S", (Served,), {"seen": seen, **how}))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        made.append(server)
        return f"http://{host}:{server.server_address[1]}", seen

    yield serve
    for server in made:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("host", PRIVATE)
def test_an_address_in_a_list_reaches_no_private_host(host: str, tmp_path: Path) -> None:
    uri = f"http://{host}:1/a.mp4"
    (tmp_path / "l.jsonl").write_text(json.dumps({"uri": uri}) + "\n")
    with pytest.raises(UsageError, match=r"l\.jsonl, line 1: uri: .*HOIGEN_HOSTS="):
        hoigen.curate(videos=tmp_path / "l.jsonl", run=tmp_path / "run", measures=["metadata"], quiet=True)
    assert not (tmp_path / "run").exists()
    with pytest.raises(VideoError, match="HOIGEN_HOSTS="):
        video.probe(uri)


@pytest.mark.parametrize("user", ["me:secret", "secret", "me:secr:et", ":secret", "me@home:secret", "me:%40secret"])
def test_a_password_in_an_address_is_kept_nowhere(user: str, tmp_path: Path) -> None:
    uri = f"https://{user}@example.org/a.mp4"
    (tmp_path / "l.csv").write_text(f"uri\n{uri}\n")
    (tmp_path / "r.yaml").write_text(f"videos: '{uri}'\nmeasures: [metadata]\nrun: {tmp_path / 'run'}\n")
    for videos in (tmp_path / "l.csv", uri, [uri]):
        with pytest.raises(UsageError, match="with a name and a password in it is not opened") as error:
            hoigen.curate(videos=videos, run=tmp_path / "run", measures=["metadata"], quiet=True)
        assert "secr" not in str(error.value)
    assert not (tmp_path / "run").exists()
    for sound in ("https://example.org/a@b:c.mp4?to=me@home", "abfss://videos@account.dfs.core.windows.net/a.mp4"):
        assert uris.fault(sound) is None


@pytest.mark.parametrize("host", PUBLIC)
def test_the_open_internet_is_not_asked_about(host: str) -> None:
    assert uris.fault(f"https://{host}/a.mp4") is None


def test_buckets_are_no_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    for uri in ("s3://localhost/a.mp4", "gs://10/a.mp4", "az://127.0.0.1/a.mp4", "hf://localhost/a"):
        assert uris.fault(uri) is None
    monkeypatch.setenv("HOIGEN_SCHEMES", "sftp")
    assert "HOIGEN_HOSTS" in (uris.fault("sftp://10.0.0.9/a.mp4") or "")


@pytest.mark.parametrize(
    ("own", "may", "not_may"),
    [
        ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
        ("10.0.0.0/8,nas.lan", "10.4.5.6", "192.168.0.1"),
        ("localhost", "localhost", "192.168.0.1"),
        ("[fd00::1]", "[fd00::1]", "[fd00::2]"),
        ("nas.lan", "nas.lan", "127.0.0.1"),
    ],
)
def test_ones_own_hosts_are_named_in_the_environment(
    own: str, may: str, not_may: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert uris.fault(f"http://{not_may}/a.mp4")
    monkeypatch.setenv("HOIGEN_HOSTS", own)
    assert uris.fault(f"http://{may}/a.mp4") is None
    assert uris.fault(f"http://{not_may}/a.mp4")


def known_as(name: str, *answers: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name stands for each of these addresses in turn, and then for the last one: no name server is asked."""
    asked, real = iter(answers[:-1]), socket.getaddrinfo

    def fake_getaddrinfo(host: Any, port: Any, *more: Any, **how: Any) -> Any:
        if str(host).strip(".") == name:
            host = next(asked, answers[-1])
        return real(host, port, *more, **how)

    monkeypatch.setattr(socket, "getaddrinfo", fake_getaddrinfo)


def test_a_name_that_stands_for_this_machine(servers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("aiohttp")
    host, seen = servers("127.0.0.1")
    port = host.rpartition(":")[2]
    known_as("films.example", "127.0.0.1", monkeypatch=monkeypatch)
    with pytest.raises(VideoError, match=r"films\.example \(127\.0\.0\.1\) is an address of this machine itself"):
        video.probe(f"http://films.example:{port}/a.mp4")
    assert not seen


def test_a_name_that_stands_for_another_host_a_moment_later(servers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("aiohttp")
    host, seen = servers("127.0.0.1")
    port = host.rpartition(":")[2]
    known_as("films.example", "8.8.8.8", "127.0.0.1", monkeypatch=monkeypatch)
    with pytest.raises(VideoError, match="this machine itself"):
        video.probe(f"http://films.example:{port}/a.mp4")
    assert not seen


def test_a_server_that_sends_on_to_a_private_host(
    servers: Any, monkeypatch: pytest.MonkeyPatch, tiny_video: Path
) -> None:
    pytest.importorskip("aiohttp")
    inner, seen = servers("127.0.0.2", body=tiny_video.read_bytes())
    outer, met = servers("127.0.0.1", to=f"{inner}/latest/meta-data")
    monkeypatch.setenv("HOIGEN_HOSTS", "127.0.0.1")
    with pytest.raises(VideoError, match=r"127\.0\.0\.2 is an address of this machine itself"):
        video.content_digest(f"{outer}/a.mp4")
    assert met
    assert not seen
    monkeypatch.setenv("HOIGEN_HOSTS", "127.0.0.0/8")  # it is followed where it may be
    assert len(video.content_digest(f"{outer}/b.mp4")) == 32
    assert seen


def test_a_list_at_an_address(servers: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("aiohttp")
    host, seen = servers("127.0.0.1", body=b"uri\nhttp://127.0.0.2/a.mp4\n")
    how: dict[str, Any] = {"run": tmp_path / "run", "measures": ["metadata"], "quiet": True}
    with pytest.raises(UsageError, match="HOIGEN_HOSTS"):
        hoigen.curate(videos=f"{host}/l.csv", **how)
    assert not seen
    monkeypatch.setenv("HOIGEN_HOSTS", "127.0.0.1")
    with pytest.raises(UsageError, match=r"l\.csv, line 2: .*HOIGEN_HOSTS=127\.0\.0\.2"):
        hoigen.curate(videos=f"{host}/l.csv", **how)


def test_what_is_no_address_is_told() -> None:
    assert "no address" in (hosts.fault("http://[::1") or "")


CAPTION = {"captioner": {"single": {"expert": {"chat_server": {"url": "http://127.0.0.1:9/v1", "model": "m"}}}}}


@pytest.fixture
def received(tmp_path: Path, tiny_video: Path) -> Path:
    """A run whose run.yaml names a server of a private network, which was made elsewhere."""
    import yaml

    how: dict[str, Any] = {"shots": "none", "report": False, "quiet": True, "workers": 1}
    hoigen.curate(videos=tiny_video, run=tmp_path / "run", measures=["metadata"], **how)
    facts = yaml.safe_load((tmp_path / "run" / "run.yaml").read_text())
    facts["recipe"]["caption"] = CAPTION
    (tmp_path / "run" / "run.yaml").write_text(yaml.safe_dump(facts))
    return tmp_path / "run"


def test_a_server_that_a_received_run_names(received: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(received)
    for verb in (["caption", run], ["retry", run], ["curate", f"{run}/run.yaml", "--run", run]):
        assert main(verb) == 2
        told = capsys.readouterr().err
        assert "run.yaml names the server 127.0.0.1:9, an address of this machine or a private network" in told
        assert "HOIGEN_HOSTS=127.0.0.1" in told


def test_a_server_of_ones_own_recipe_is_asked_for(
    received: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openai")
    (tmp_path / "mine.yaml").write_text(json.dumps({"caption": CAPTION, "videos": "x", "run": "y"}))
    monkeypatch.setenv("HOIGEN_HOSTS", "127.0.0.1")
    assert main(["caption", str(received), "--dry-run"]) == 0
    monkeypatch.setenv("HOIGEN_HOSTS", "")
    assert main(["caption", str(received), "--dry-run"]) == 2
    assert main(["caption", str(received), "--recipe", str(tmp_path / "mine.yaml"), "--dry-run"]) == 0
    assert main(["caption", str(received), "--dry-run"]) == 0  # it is the user's own from now on
    hosts.check_asked({"x": [{"url": ["http://127.0.0.1:9/v1"]}]}, "r")
    with pytest.raises(UsageError, match=r"127\.0\.0\.1:8"):
        hosts.check_asked({"x": [{"url": ["http://127.0.0.1:9/v1", "http://127.0.0.1:8/v1"]}]}, "r")
    capsys.readouterr()


def test_what_is_typed_is_asked_for() -> None:
    from hoigen.recipe.yaml import apply_sets

    for url in ("http://10.1.2.3:8000/v1", "http://[::1]:8/v1"):
        with pytest.raises(UsageError):
            hosts.check_asked({"url": url}, "r")
        apply_sets({}, [f"captioner.single.expert.chat_server.url={url}"])
        hosts.check_asked({"url": url}, "r")
    hosts.check_asked({"url": "https://api.example.org/v1"}, "r")
