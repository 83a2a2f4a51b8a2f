"""What becomes of words that are no descriptions, over HTTP: marks, stops, and what is asked again."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from fake_chat_server import FakeChatServer, Say, error

import hoigen
from hoigen.core.errors import SetupError, UsageError
from hoigen.data.run import Run
from hoigen.stages import captions
from hoigen.stages.captioned import OF_MANY, caption_rows
from run_folders import curated


def prepared(folder: Path, video: Path, url: str, clips: int, **more: Any) -> Path:
    """A run of many stretches of one video, all kept, that one expert of a server describes; its folder."""
    lines = [f"{video},{i * 0.04:.3f},{i * 0.04 + 0.4:.3f}" for i in range(clips)]
    (folder / "list.csv").write_text("\n".join(["uri,start,end", *lines]) + "\n")
    served = {"url": url, "model": "fake", "sampling": {"frames": 1, "short_side": 32}, "tries": 1, "slots": 2} | more
    spec = {"captioner": {"single": {"expert": {"chat_server": served}}}}
    curated(videos=folder / "list.csv", run=folder / "run", shard_size=5, caption=spec)
    return folder / "run"


def caption(run: Path, **how: Any) -> Any:
    return hoigen.caption(run, **{"workers": 1, "quiet": True, **how})


def test_a_text_of_many_clips_is_marked_and_a_text_of_its_own_is_not(tmp_path: Path, tiny_video: Path) -> None:
    own = "A child stacks five wooden blocks on a carpet and knocks them over again."
    with FakeChatServer() as server:
        server.script = [Say(text=own)]
        server.then = lambda body: Say(text="A man in a blue shirt lifts a cup and drinks from it slowly.")
        run = prepared(tmp_path, tiny_video, server.url, 7)
        result = caption(run)
        assert result.doubtful == {OF_MANY: 6}
        assert f"     6 doubtful: {OF_MANY}" in str(result)
        assert caption(run).doubtful == {OF_MANY: 6}, "told once, however often it is run"
    rows = {row["text"] == own: row["reason"] for row in caption_rows(Run(run))}
    assert rows == {True: None, False: OF_MANY}
    hoigen.table(run, out=tmp_path / "table.csv")
    assert (tmp_path / "table.csv").read_text().count(OF_MANY) == 6
    assert (run / "report.html").read_text().count(f"doubtful: {OF_MANY}") >= 1
    marked = next(row["id"] for row in caption_rows(Run(run)) if row["reason"])
    assert f"doubtful: {OF_MANY}" in str(hoigen.show(run, marked))


DENIED = {
    "context": error(400, "This model's maximum context length is 40 tokens. However, you requested 90 tokens."),
    "constant 500": None,  # with a number of its own in each
    "refusals": Say(text="I'm sorry, but I can't help with that."),
    "no words": Say(text="Drawing"),
    "no choices": Say(body={"id": "x", "choices": [{"message": {}}]}),
    "late": Say(does="hang"),
}


@pytest.mark.parametrize("how", sorted(DENIED))
def test_clips_that_fail_alike_stop_the_run_with_the_servers_words(
    tmp_path: Path, tiny_video: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr("hoigen.stages.captions.ALIKE", 4)
    with FakeChatServer() as server:
        ids = itertools.count()
        numbered = how == "constant 500"
        server.then = lambda body: error(500, f"the engine is dead, see {next(ids)}") if numbered else DENIED[how]
        run = prepared(tmp_path, tiny_video, server.url, 9, timeout=0.3)
        with pytest.raises(SetupError, match="stopped: 4 clips in a row got no caption") as stopped:
            caption(run)
        said = {"context": "maximum context length is 40", "constant 500": "the engine is dead", "late": "no answer"}
        assert said.get(how, "expert ") in str(stopped.value)
        server.then = lambda body: Say(text="A man lifts a cup from the table and drinks.")
        result = caption(run, retry=True)
        assert sum(result.paths.values()) == 9, "once it is mended, all is asked again"


@pytest.mark.parametrize("said", ["5f0c-{}", "req_abc{:c}", "deadbee{:c}", "request id: kmnop{:c}", "the clip 'x{:c}'"])
def test_what_is_of_one_request_makes_no_other_reason(said: str) -> None:
    reasons = [f"HTTP 500: the engine is dead ({said.format(97 + at)}, after {at * 7.5} s)" for at in range(3)]
    assert len({captions._of_all(reason) for reason in reasons}) == 1
    assert captions._of_all("HTTP 500: the engine is dead") != captions._of_all("HTTP 500: the engine is late")


def test_reasons_that_take_turns_stop_the_run_and_the_commonest_are_told(
    tmp_path: Path, tiny_video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hoigen.stages.captions.ALIKE", 4)
    turns = [error(500, "the engine is dead"), Say(text=""), error(400, "what is this"), DENIED["refusals"]]
    with FakeChatServer() as server:
        server.script = turns * 4
        run = prepared(tmp_path, tiny_video, server.url, 11, slots=1)
        with pytest.raises(
            SetupError, match="stopped: 10 clips in a row got no caption, for 4 reasons in turn"
        ) as stopped:
            caption(run)
        assert "3 times: " in str(stopped.value)
        assert "the engine is dead" in str(stopped.value)
        server.script = turns * 4
        assert sum(caption(run, retry=True, breaker=False).failed.values()) == 11


def test_a_stop_can_be_switched_off_and_a_caption_between_ends_a_row(
    tmp_path: Path, tiny_video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hoigen.stages.captions.ALIKE", 4)
    refused, fine = DENIED["refusals"], Say(text="A man lifts a cup from the table and drinks.")
    with FakeChatServer() as server:
        server.then = lambda body: refused
        run = prepared(tmp_path, tiny_video, server.url, 9, slots=1)
        assert sum(caption(run, breaker=False).failed.values()) == 9
        server.script = [each for _ in range(3) for each in (error(500, "no"), error(500, "no"), fine)]
        assert caption(run, retry=True).failed, "three good ones, and never four in a row"


def test_a_retry_of_refused_clips_goes_by_what_earlier_commands_captioned(
    tmp_path: Path, tiny_video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clips that have captions lie in other parts, and behind those that are asked about again."""
    monkeypatch.setattr("hoigen.stages.captions.ALIKE", 4)
    refused, fine = DENIED["refusals"], Say(text="A man lifts a cup from the table and drinks.")
    with FakeChatServer() as server:
        server.script = [refused] * 6
        server.then = lambda body: fine
        run = prepared(tmp_path, tiny_video, server.url, 9, slots=1)
        first = caption(run, breaker=False)
        assert sum(first.failed.values()) == 6
        server.then = lambda body: refused
        again = caption(run, retry=True)
        assert sum(again.failed.values()) == 6
        monkeypatch.setattr("hoigen.stages.captions.ALIKE_LATER", 5)
        with pytest.raises(SetupError, match="stopped: 5 clips in a row got no caption"):
            caption(run, retry=True)


def test_what_a_server_cannot_take_is_mended_once_and_told(
    tmp_path: Path, tiny_video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def picky(body: dict[str, Any]) -> Say:
        pictures = [part for part in body["messages"][-1]["content"] if part["type"] == "image_url"]
        if body["messages"][0]["role"] == "system":
            return error(400, "System role not supported")
        if len(pictures) > 2:
            return error(400, "At most 2 image(s) may be provided in one request.")
        return Say(text="A man lifts a cup from the table and drinks.")

    with FakeChatServer() as server:
        server.then = picky
        run = prepared(tmp_path, tiny_video, server.url, 3, sampling={"frames": 6, "short_side": 32}, slots=1)
        result = caption(run)
        assert sum(result.paths.values()) == 3
        assert result.doubtful["shown 2 of 6 frames"] == 3
        first, second, third, *later = server.chats
    assert first["messages"][0]["content"] in second["messages"][0]["content"][-1]["text"]
    assert [len(body["messages"][-1]["content"]) for body in (first, second, third)] == [13, 13, 5]
    assert len(later) == 2, "the next clips are asked as the first one was in the end"
    said = capsys.readouterr().err
    assert "The system prompt goes in front of the question from now on" in said
    assert "It is shown 2 of 6 frames from now on" in said


def test_only_what_failed_is_asked_again_and_with_other_decoding(tmp_path: Path, tiny_video: Path) -> None:
    refused, fine = DENIED["refusals"], Say(text="A man lifts a cup from the table and drinks.")
    with FakeChatServer() as server:
        server.script = [refused, fine, Say(text="Drawing"), fine, fine]
        run = prepared(tmp_path, tiny_video, server.url, 5, slots=1)
        assert sum(caption(run).failed.values()) == 2
        before = len(server.chats)
        result = caption(run, retry=True, decoding=["temperature=0.7", "seed=5", "max_tokens=99"])
        assert sum(result.paths.values()) == 5
        again = server.chats[before:]
        assert [(body["temperature"], body["seed"], body["max_tokens"]) for body in again] == [(0.7, 5, 99)] * 2
        traces = [json.loads(row["trace"])[0].get("mended") for row in caption_rows(Run(run))]
        assert sorted(filter(None, traces)) == ["temperature 0.7, seed 5, max_tokens 99"] * 2
        caption(run)
        assert len(server.chats) == before + 2
        with pytest.raises(UsageError, match="needs --retry"):
            caption(run, decoding=["seed=1"])
        with pytest.raises(UsageError, match="did you mean 'temperature'"):
            caption(run, retry=True, decoding=["temprature=1"])
