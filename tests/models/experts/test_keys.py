"""Keys go where their owner says and nowhere else: not where a recipe says or a server sends on, and into no file."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

pytest.importorskip("openai")

from fake_chat_server import FakeChatServer, Say, error

import hoigen
from hoigen.commands.cli import main
from hoigen.core import keys
from hoigen.core.errors import UsageError
from hoigen.models.experts.call import Answer, Request
from hoigen.models.experts.chat_server import ChatServer
from render import counting, render

KEY = "sk-proj-4f9aQ7zX0123456789abcdef"


@pytest.fixture
def server() -> Iterator[FakeChatServer]:
    with FakeChatServer() as made:
        yield made


@pytest.fixture(autouse=True)
def own_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in keys.KNOWN.values():
        monkeypatch.setenv(variable, f"{KEY}-{variable}")
    monkeypatch.setenv("MY_KEY", KEY)
    monkeypatch.setenv("HOIGEN_KEYS", "")


def ask(server: FakeChatServer, **settings: Any) -> Answer:
    expert = ChatServer(url=server.url, model="fake", backoff=0.01, timeout=10.0, tries=1, **settings)
    return asyncio.run(expert.answer(Request(text="What is it?")))


RECIPES: dict[str, Any] = {
    "chat_server": {"single": {"expert": {"chat_server": {"url": "{url}", "model": "m", "key_env": "{env}"}}}},
    "open_model": {"single": {"expert": {"open_model": {"url": "{url}", "model": "m", "key_env": "{env}"}}}},
    "local": {"single": {"expert": {"open_model": {"model": "m", "key_env": "{env}"}}}},
    "second": {
        "mixture": {
            "first": "fake_world",
            "second": {"chat_server": {"url": ["{url}"], "model": "m", "key_env": "{env}"}},
            "third": "fake_world",
            "decision": "fake_world",
        }
    },
}


@pytest.mark.parametrize("variable", ["AWS_SECRET_ACCESS_KEY", "OPENAI_API_KEY", "PATH", "A B; rm", "", "{x}"])
@pytest.mark.parametrize("kind", RECIPES)
def test_a_recipe_names_no_key(
    kind: str, variable: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], server: FakeChatServer
) -> None:
    text = json.dumps(RECIPES[kind]).replace("{url}", server.url).replace("{env}", variable)
    recipe = tmp_path / "r.yaml"
    recipe.write_text(
        f"videos: {tmp_path}\nrun: {tmp_path / 'run'}\nmeasures: [metadata]\ncaption: {{captioner: {text}}}\n"
    )
    for command in (["validate", str(recipe)], ["curate", str(recipe)]):
        assert main(command) == 2
        told = capsys.readouterr().err
        assert "key_env is no setting of a recipe" in told
        if variable in ("AWS_SECRET_ACCESS_KEY", "PATH"):
            host = server.url.removeprefix("http://").removesuffix("/v1") if kind != "local" else "HOST"
            assert f"--key {host}={variable}" in told
        assert "rm" not in told
    assert not server.got
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("url", "variable"),
    [
        ("https://api.openai.com/v1", "OPENAI_API_KEY"),
        ("https://API.OpenAI.com:443/v1", "OPENAI_API_KEY"),
        ("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
        ("http://api.openai.com/v1", ""),
        ("https://api.openai.com:8443/v1", ""),
        ("https://api.openai.com.example.org/v1", ""),
        ("https://example.org/api.openai.com/v1", ""),
        ("https://xapi.openai.com/v1", ""),
        ("https://example.org/v1?https://api.openai.com", ""),
        ("https://example.org#api.openai.com", ""),
        ("http://localhost:8000/v1", ""),
        ("https://127.0.0.1/v1", ""),
        ("https://[::1]:8000/v1", ""),
    ],
)
def test_what_goes_where_when_nothing_is_said(url: str, variable: str) -> None:
    assert keys.variable_of(url) == variable


@pytest.mark.parametrize(
    ("said", "url", "variable"),
    [
        ("example.org:443", "https://example.org/v1", "MY_KEY"),
        ("example.org:443", "https://example.org:443/v1", "MY_KEY"),
        ("example.org:443", "http://example.org/v1", ""),
        ("example.org:443", "https://example.org:8443/v1", ""),
        ("example.org:80", "http://example.org/v1", "MY_KEY"),
        ("example.org:80", "https://example.org/v1", ""),
        ("example.org", "https://example.org:443/v1", "MY_KEY"),
        ("api.openai.com:443", "https://api.openai.com/v1", "MY_KEY"),
        ("[::1]:443", "https://[::1]/v1", "MY_KEY"),
    ],
)
def test_the_port_of_a_scheme_is_named_with_and_without_words(said: str, url: str, variable: str) -> None:
    keys.give(f"{said}=MY_KEY")
    assert keys.variable_of(url) == variable


def test_the_users_own_file(tmp_path: Path) -> None:
    file = keys.keys_file()
    assert file is not None
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        "# mine\n\nlocalhost:8000 = A_KEY # that\nlocalhost=B_KEY\napi.openai.com=\nexample.org=C_KEY\n[::1]:9=D_KEY\n"
    )
    said = {
        "http://localhost:8000/v1": "A_KEY",
        "http://localhost:8001/v1": "B_KEY",
        "https://api.openai.com/v1": "",
        "http://EXAMPLE.org/v1": "C_KEY",
        "https://sub.example.org/v1": "",
        "http://[::1]:9/v1": "D_KEY",
    }
    assert {url: keys.variable_of(url) for url in said} == said
    keys.give("example.org=MY_KEY")
    assert keys.variable_of("https://example.org/v1") == "MY_KEY"
    file.write_text("example.org\n")
    with pytest.raises(UsageError, match=r"keys, line 1: HOST=VARIABLE"):
        keys.variable_of("https://example.org/v1")


@pytest.mark.parametrize(
    "pair", ["x", "=A", "h=", "h=A=B", f"h={KEY}", "h/p=A", "u@h=A", "h:x=A", "h=A,g=B", "h=NOT_SET", ""]
)
def test_what_is_typed_is_a_pair(pair: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["funnel", str(tmp_path), "--key", pair]) == 2
    told = capsys.readouterr().err
    assert ("is not a run" in told) if pair == "h=" else ("--key" in told)
    assert KEY not in told


def test_the_key_is_sent_where_it_is_said(server: FakeChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask(server).text
    assert server.got[-1].headers["authorization"] == "Bearer none"
    monkeypatch.setenv("HOIGEN_KEYS", "127.0.0.1=MY_KEY")
    assert ask(server).text
    assert server.got[-1].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_server_that_sends_on_is_not_followed(
    status: int, server: FakeChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOIGEN_KEYS", "127.0.0.1=MY_KEY")
    with FakeChatServer() as other:
        server.then = lambda body: Say(status=status, headers={"location": f"{other.url}/chat/completions"}, body={})
        answer = ask(server)
        assert not other.got
        server.then = lambda body: Say(status=status, headers={"location": "/v2/chat/completions"}, body={})
        assert "another path" in ask(server).reason
    assert (answer.outcome, answer.unreachable) == ("failed", True)
    assert "it sends on to 127.0.0.1, which is not followed" in answer.reason
    assert len(server.chats) == 2


def test_what_the_sdk_takes_from_the_environment_stays(server: FakeChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-secret")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-secret")
    ask(server)
    assert "secret" not in json.dumps(server.got[-1].headers)


def test_a_key_that_a_server_repeats_is_in_no_file(
    server: FakeChatServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HOIGEN_KEYS", "127.0.0.1=MY_KEY")
    replies = iter(
        [
            Say(text=f"A person lifts a cup, and the key is {KEY} on the wall of the room."),
            error(400, f"bad request with Authorization: Bearer {KEY}", headers={"x-key": KEY}),
            Say(status=500, body=f"<html><title>{KEY}</title></html>".encode()),
            Say(body=f"not json {KEY}".encode()),
        ]
    )
    server.then = lambda body: next(replies, error(400, f"no {KEY[:-1]}{KEY[-1]}"))
    (tmp_path / "videos").mkdir()
    for at, name in enumerate("abcd"):
        render(tmp_path / "videos" / f"{name}.mp4", counting(40 + at))
    chat = {"chat_server": {"url": server.url, "model": "fake", "backoff": 0.01, "tries": 1, "slots": 1}}
    recipe = tmp_path / "r.yaml"
    recipe.write_text(
        f"videos: {tmp_path / 'videos'}\nrun: {tmp_path / 'run'}\nmeasures: [metadata]\nshots: none\nduplicates: keep\n"
        f"caption: {json.dumps({'captioner': {'single': {'expert': chat}}})}\n"
    )
    assert main(["curate", str(recipe), "--quiet"]) == 0
    main(["caption", str(tmp_path / "run"), "--quiet"])
    main(["table", str(tmp_path / "run")])
    told = capfd.readouterr()
    assert len(server.chats) >= 4
    assert "[key]" in told.out + told.err
    assert KEY not in told.out + told.err
    held = [str(file) for file in (tmp_path / "run").rglob("*") if file.is_file() and KEY.encode() in file.read_bytes()]
    assert held == []


def escaped(text: str, form: str = "\\u{:04x}") -> str:
    return "".join(form.format(ord(letter)) for letter in text)


@pytest.mark.parametrize(
    "spelled",
    [
        KEY.lower(),
        KEY.upper(),
        escaped(KEY),
        escaped(KEY, "\\u{:04X}"),
        json.dumps(escaped(KEY)),
        json.dumps(json.dumps(escaped(KEY))),
        KEY[:9] + escaped(KEY[9:]),
        escaped(KEY, "%{:02X}"),
        escaped(KEY, "&#{};"),
        repr(escaped(KEY, "\\x{:02x}")),
    ],
)
def test_a_key_is_masked_in_any_spelling(spelled: str) -> None:
    [(name, (value, number))] = keys.masked({f"a {spelled} b": [spelled, 3]}, KEY).items()  # type: ignore[attr-defined]
    assert (re.sub(r"[\"'\\]", "", name), number) == ("a [key] b", 3)
    assert re.sub(r"[\"'\\]", "", value) == "[key]"
    for secret in ("a/b+c=d\"e'fgh", KEY):
        for form in (json.dumps(secret), repr(secret.encode()), quote(secret, safe=""), secret.replace("/", "\\/")):
            assert "[key]" in str(keys.masked(form, secret))
    assert keys.masked(f"{KEY[:-1]} and {KEY[1:]}", KEY) == f"{KEY[:-1]} and {KEY[1:]}"


@pytest.mark.parametrize(
    "say",
    [
        Say(text=f'{{"reason": "{escaped(KEY)}"}}'),
        Say(text=[{"type": "text", "text": KEY[:9]}, {"type": "text", "text": KEY[9:]}]),  # type: ignore[arg-type]
        Say(status=f"abc {KEY}"),  # type: ignore[arg-type]
        Say(status=302, headers={"location": f"http://{KEY}/v1"}),
        Say(status=302, headers={"location": f"http://{escaped(KEY, '%{:02x}')}/v1"}),
    ],
    ids=["JSON in JSON", "parts", "status line", "host", "quoted host"],
)
def test_no_reply_has_the_key_again(say: Say, server: FakeChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOIGEN_KEYS", "127.0.0.1=MY_KEY")
    server.script = [say]
    answer = ask(server)
    assert "[key]" in answer.text + answer.reason


def test_an_answer_that_is_nested_deeply_is_no_answer(server: FakeChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOIGEN_KEYS", "127.0.0.1=MY_KEY")
    server.script = [Say(body=b'{"choices": ' + b"[" * 900 + b"]" * 900 + b"}")]
    assert "not JSON" in ask(server).reason


@pytest.mark.parametrize(
    ("say", "told"),
    [
        (Say(body=b'{"choices": "' + b"a" * (17 << 20) + b'"}'), "more than 16 MiB"),
        (Say(body=gzip.compress(b"a" * (200 << 20), 1), headers={"content-encoding": "gzip"}), "packed"),
        (Say(body=b"[" * 100_000), "not JSON"),
    ],
    ids=["long", "packed", "deep"],
)
def test_an_answer_has_an_end(say: Say, told: str, server: FakeChatServer) -> None:
    server.then = lambda body: say
    answer = ask(server)
    assert answer.outcome == "failed"
    assert told in answer.reason


MEASURE = '''
import os

from hoigen import Clip, Frames, Number, Sampling, Score, measure


@measure("spy", numbers=(Number(name="spy", label="Keys"),))
class Spy:
    """Counts what it should not see."""

    sampling: Sampling = Sampling(frames=1, short_side=32)

    def __call__(self, clip: Clip, frames: Frames) -> Score:
        seen = sorted(name for name, value in os.environ.items() if "KEY-OF-MINE" in value)
        return Score(float(len(seen)), {"seen": seen})
'''


def test_workers_get_no_key(tmp_path: Path, tiny_video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = [
        "OPENAI_API_KEY",
        "OPENAI_KEY",
        "OPENAI_API_KEYS",
        "GITHUB_PAT",
        "PGPASSWORD",
        "MYSQL_PWD",
        "SMTP_PASS",
        "DATABASE_URL",
        "REDIS_URL",
        "SENTRY_DSN",
        "SLACK_WEBHOOK_URL",
        "NGROK_AUTHTOKEN",
        "SSH_PASSPHRASE",
        "MY_VERY_OWN",
        "SOME_SECRET",
        "DB_PASSWORD",
        "GITHUB_TOKEN",
        "mistral_api_key",
        "APIKEY",
    ]
    seen = ["AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "KEYBOARD", "KEPT_API_KEY", "AZURE_STORAGE_CONNECTION_STRING"]
    seen += ["GOOGLE_APPLICATION_CREDENTIALS", "S3_KEY", "SSL_CERT_FILE", "HTTPS_PROXY", "OLDPWD", "SSH_ASKPASS"]
    for name in (*hidden, *seen):
        monkeypatch.setenv(name, "KEY-OF-MINE")
    monkeypatch.setenv("HOIGEN_KEYS", "example.org=MY_VERY_OWN")
    monkeypatch.setenv("HOIGEN_WORKER_ENV", "KEPT_API_KEY")
    (tmp_path / "spy.py").write_text(MEASURE)
    how: dict[str, Any] = {"shots": "none", "report": False, "quiet": True}
    hoigen.curate(videos=tiny_video, run=tmp_path / "run", measures=[str(tmp_path / "spy.py")], **how)
    [file] = (tmp_path / "run" / "scores" / "spy").rglob("*.parquet")
    import pyarrow.parquet as pq

    [row] = pq.read_table(file).to_pylist()
    assert json.loads(row["detail"])["seen"] == sorted(seen)


def test_the_process_that_asks_servers_has_them(
    server: FakeChatServer, tmp_path: Path, tiny_video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOIGEN_KEYS", "127.0.0.1=MY_KEY")
    server.key = KEY
    said = {"seen": "Nothing.", "action": "none", "object": "none", "any": "no", "together": "no"}
    server.then = lambda body: Say(text=json.dumps(said))
    chat = {"chat_server": {"url": server.url, "model": "fake", "backoff": 0.01, "tries": 1}}
    measure = {"coarse_hoi": {"observer": {"mllm": {"expert": chat}}}}
    funnel = hoigen.curate(
        videos=tiny_video, run=tmp_path / "run", measures=[measure], shots="none", report=False, quiet=True
    )
    assert funnel.counts["failed"] == 0
    assert server.chats
