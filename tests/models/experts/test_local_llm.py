"""local_llm: a tiny random Llama through the real path, a real small model, and all that can be wrong."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

import pytest

torch = pytest.importorskip("torch", reason="extra [models] is not installed")
pytest.importorskip("transformers", reason="extra [models] is not installed")

import tiny_models  # noqa: E402
from pydantic import BaseModel  # noqa: E402

from hoigen.core.devices import DeviceLostError  # noqa: E402
from hoigen.core.errors import SetupError, UsageError  # noqa: E402
from hoigen.models import hub, room  # noqa: E402
from hoigen.models import load as loading  # noqa: E402
from hoigen.models.cards import CARDS  # noqa: E402
from hoigen.models.experts.call import Answer, Request, call_key  # noqa: E402
from hoigen.models.experts.desk import json_in  # noqa: E402
from hoigen.models.experts.local import engine as chat  # noqa: E402
from hoigen.models.experts.local.engine import Engine, drawn  # noqa: E402
from hoigen.models.experts.local_llm import LocalLlm  # noqa: E402
from hoigen.models.uses import ModelUse  # noqa: E402
from hoigen.recipe.build import make  # noqa: E402

torch.set_num_threads(2)
QUESTIONS = (
    "Is there a cup?",
    "Name it.",
    "What does the person do with the kettle, and in which order?",
    "Why?",
    "Who?",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.llm(tmp_path_factory.mktemp("models") / "tiny-llama")


def expert_of(folder: Path | str, **settings: Any) -> LocalLlm:
    return LocalLlm(**({"model": str(folder), "max_tokens": 12, "device": "cpu", "batch": 3, "slots": 8} | settings))


def asked(texts: Sequence[str]) -> list[Request]:
    return [Request(text=text) for text in texts]


def answers(expert: LocalLlm, requests: Sequence[Request], *, apart: bool = False) -> list[Answer]:
    async def run() -> list[Answer]:
        await expert.open()
        try:
            if apart:
                return [await expert.answer(request) for request in requests]
            return list(await asyncio.gather(*map(expert.answer, requests)))
        finally:
            await expert.close()

    return asyncio.run(run())


def loaded(expert: LocalLlm) -> Engine:
    return room.taken(expert._key).work.__self__


def test_a_batch_changes_no_greedy_answer(folder: Path) -> None:
    requests = asked(QUESTIONS)
    apart = answers(expert_of(folder, batch=1), requests, apart=True)
    for batch in (2, 3, 5):
        together = answers(expert_of(folder, batch=batch), requests)
        assert [a.text for a in together] == [a.text for a in apart]
        assert [a.outcome for a in together] == [a.outcome for a in apart]
        assert [a.tokens_in for a in together] == [a.tokens_in for a in apart]
    assert len({a.text for a in apart}) > 1
    assert all(a.endpoint == "local cpu" and a.seconds > 0 for a in apart)


def test_requests_that_wait_are_generated_together(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expert, sizes = expert_of(folder, batch=3), []

    async def run() -> list[Answer]:
        await expert.open()
        model = loaded(expert).model
        generate = model.generate

        def counted(**inputs: Any) -> Any:
            sizes.append(len(inputs["input_ids"]))
            return generate(**inputs)

        monkeypatch.setattr(model, "generate", counted)
        found = await asyncio.gather(*map(expert.answer, asked(QUESTIONS)))
        await expert.close()
        return list(found)

    assert all(a.outcome == "truncated" for a in asyncio.run(run()))
    assert sum(sizes) == 5
    assert sorted(sizes) == [2, 3]


def test_several_event_loops_share_one_model(folder: Path) -> None:
    expert, found = expert_of(folder), {}
    alone = [a.text for a in answers(expert, asked(QUESTIONS), apart=True)]

    def ask(name: int) -> None:
        found[name] = [a.text for a in answers(dataclasses.replace(expert), asked(QUESTIONS))]

    threads = [threading.Thread(target=ask, args=(name,)) for name in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == dict.fromkeys(range(3), alone)
    assert room.taken(expert._key) is None


def test_a_request_given_up_harms_no_other(folder: Path) -> None:
    expert = expert_of(folder, batch=1)

    async def run() -> Answer:
        await expert.open()
        tasks = [asyncio.create_task(expert.answer(request)) for request in asked(QUESTIONS)]
        await asyncio.sleep(0)
        for task in tasks[1:4]:
            task.cancel()
        await asyncio.wait(tasks)
        await expert.close()
        assert all(task.cancelled() for task in tasks[1:4])
        return tasks[4].result()

    assert asyncio.run(run()).outcome == "truncated"


@pytest.mark.parametrize(("fits", "sizes"), [(2, [4, 2, 2]), (1, [4, 2, 1, 1, 2, 1, 1])])
def test_too_little_memory_halves_the_batch(
    folder: Path, monkeypatch: pytest.MonkeyPatch, fits: int, sizes: list[int]
) -> None:
    expert, tried = expert_of(folder, batch=4), []

    async def run() -> list[Answer]:
        await expert.open()
        model = loaded(expert).model
        generate = model.generate

        def small(**inputs: Any) -> Any:
            tried.append(len(inputs["input_ids"]))
            if tried[-1] > fits:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
            return generate(**inputs)

        monkeypatch.setattr(model, "generate", small)
        found = await asyncio.gather(*map(expert.answer, asked(QUESTIONS[:4])))
        await expert.close()
        return list(found)

    found = asyncio.run(run())
    assert tried == sizes
    assert [a.text for a in found] == [a.text for a in answers(expert, asked(QUESTIONS[:4]), apart=True)]


def test_what_a_model_raises_is_an_outcome_with_its_type(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expert = expert_of(folder)

    async def run(error: Exception) -> Answer:
        def broken(**_: Any) -> Any:
            raise error

        await expert.open()
        monkeypatch.setattr(loaded(expert).model, "generate", broken)
        try:
            return await expert.answer(Request(text="What?"))
        finally:
            await expert.close()

    found = asyncio.run(run(RuntimeError("no such layer")))
    assert (found.outcome, found.reason, found.text) == ("failed", "RuntimeError: no such layer", "")
    found = asyncio.run(run(torch.OutOfMemoryError("CUDA out of memory")))
    assert found.outcome == "failed"
    assert found.reason.startswith("OutOfMemoryError")
    with pytest.raises(DeviceLostError, match="RuntimeError: CUDA error: device-side assert"):  # the process is lost
        asyncio.run(run(RuntimeError("CUDA error: device-side assert triggered")))


def test_a_question_longer_than_the_context_fails_alone(folder: Path) -> None:
    long, short, nearly = answers(expert_of(folder), asked(["x" * 600, "Why?", "y" * 485]))
    assert (long.outcome, short.outcome) == ("failed", "truncated")
    assert "takes 512" in long.reason
    assert nearly.outcome == "truncated"
    assert nearly.tokens_in + nearly.tokens_out == 512


def test_asked_before_open_or_after_close_is_a_failure_not_an_exception(folder: Path) -> None:
    expert = expert_of(folder)
    before = asyncio.run(expert.answer(Request(text="?")))
    answers(expert, [])
    after = asyncio.run(expert.answer(Request(text="?")))
    assert {before.outcome, after.outcome} == {"failed"}
    assert "opened" in before.reason


def test_drawn_answers_depend_on_seed_and_question_alone(folder: Path) -> None:
    warm = expert_of(folder, temperature=1.0)
    together = [a.text for a in answers(warm, asked(QUESTIONS))]
    assert together == [a.text for a in answers(warm, asked(QUESTIONS), apart=True)]
    assert together != [a.text for a in answers(dataclasses.replace(warm, seed=1), asked(QUESTIONS))]
    assert together != [a.text for a in answers(expert_of(folder), asked(QUESTIONS))]


def test_tokens_are_drawn_as_a_softmax_says() -> None:
    scores, temperature = torch.tensor([[2.0, 0.0, 1.0, -1.0]]), 1.7
    draw = drawn(temperature, [7])
    counts = Counter(int(draw(None, scores).argmax()) for _ in range(6000))
    for token, share in enumerate(torch.softmax(scores[0] / temperature, 0).tolist()):
        assert abs(counts[token] / 6000 - share) < 0.025


class Seen(BaseModel):
    interaction: bool


def test_the_chat_holds_system_schema_and_the_repair_round() -> None:
    request = Request(text="Judge.", system="Be brief.", schema=Seen, again=("maybe", "no JSON object"))
    system, user, assistant, again = chat.messages(request)
    assert system == {"role": "system", "content": "Be brief."}
    assert json_in(user["content"]) == Seen.model_json_schema()
    assert user["content"].startswith("Judge.\n")
    assert assistant == {"role": "assistant", "content": "maybe"}
    assert "no JSON object" in again["content"]
    words = tiny_models.tokenizer()
    text = chat.rendered(words, chat.messages(request), {})
    assert text.startswith("<|im_start|>system\nBe brief.<|im_end|>")
    assert text.endswith("<|im_start|>assistant\n")


def test_a_template_without_system_prompts_gets_it_before_the_question() -> None:
    refuses = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    words = tiny_models.tokenizer(chat=refuses + tiny_models.template("", ""))
    turns = chat.messages(Request(text="Judge.", system="Be brief."))
    assert chat.rendered(words, turns, {}).startswith("<|im_start|>user\nBe brief.\n\nJudge.<|im_end|>")


def test_a_model_without_a_template_is_asked_plainly(tmp_path: Path) -> None:
    expert = expert_of(tiny_models.llm(tmp_path / "base", chat=None))

    async def run() -> tuple[str, Answer]:
        await expert.open()
        engine = loaded(expert)
        ids = engine.prepare([Request(text="Judge.", system="Be brief.")], {})["input_ids"]
        found = await expert.answer(Request(text="Judge."))
        await expert.close()
        return engine.tokenizer.decode(ids[0]), found

    text, found = asyncio.run(run())
    assert text == "Be brief.\n\nJudge.\n\n"
    assert found.outcome == "truncated"


def test_identity_is_content_and_decoding_never_the_place(folder: Path, tmp_path: Path) -> None:
    expert = expert_of(folder)
    moved = tmp_path / "elsewhere" / folder.name
    shutil.copytree(folder, moved)
    same = dataclasses.replace(expert, model=str(moved), device="auto", batch=1, seed=5)
    assert same.identity == expert.identity
    assert call_key(same.identity, Request(text="?")) == call_key(expert.identity, Request(text="?"))
    for change in ({"max_tokens": 13}, {"temperature": 0.5}, {"dtype": "bfloat16"}, {"template": {"a": 1}}):
        assert dataclasses.replace(expert, **change).identity != expert.identity
    assert dataclasses.replace(expert, temperature=0.5, seed=1).identity["seed"] == 1
    tiny_models.llm(moved, seed=1)
    assert same.identity != expert.identity
    json.dumps(dict(expert.identity))


def test_a_recipe_makes_it(folder: Path) -> None:
    made = make("expert", {"local_llm": {"model": str(folder), "temperature": 1}}, "judge")
    assert isinstance(made, LocalLlm)
    assert not made.sampling.needs_frames
    with pytest.raises(UsageError, match=r"judge\.local_llm: slots \(4\) cannot be fewer than batch \(8\)"):
        make("expert", {"local_llm": {"model": "a/b", "slots": 4}}, "judge")
    with pytest.raises(UsageError, match="dtype"):
        make("expert", {"local_llm": {"model": "a/b", "dtype": "int8"}}, "judge")


def refusal(expert: LocalLlm, kind: type[Exception] = SetupError) -> str:
    with pytest.raises(kind) as caught:
        asyncio.run(expert.open())
    assert room.taken(expert._key) is None
    return str(caught.value)


def test_what_keeps_a_model_from_loading_is_said(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no such folder" in refusal(expert_of("./nowhere"), UsageError)
    assert "neither a folder here nor an id" in refusal(expert_of("a/b/c"), UsageError)
    assert "revision" in refusal(expert_of(folder, revision="main"), UsageError)
    assert "no x.gguf" in refusal(expert_of(folder, gguf_file="x.gguf"), UsageError)
    assert "takes neither" in refusal(expert_of("smollm2", revision="main"), UsageError)
    assert "no language model" in refusal(expert_of("palm_detection"), UsageError)
    assert "device" in refusal(expert_of(folder, device="cuda:99"), UsageError)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "no config.json" in refusal(expert_of(empty))
    shutil.copy(folder / "config.json", empty)
    assert "no .safetensors" in refusal(expert_of(empty))
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors"}}
    (empty / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "model-00001-of-00002.safetensors missing" in refusal(expert_of(empty))
    (empty / "model.safetensors.index.json").unlink()
    (empty / "model.safetensors").write_bytes(b"\x10" + b"\0" * 7 + b"not a checkpoint")
    assert str(empty) in refusal(expert_of(empty, dtype="auto"))
    monkeypatch.setattr(loading, "free_bytes", lambda device: 1000)
    assert "GiB are free" in refusal(expert_of(folder))


def test_the_extra_is_named_when_it_is_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert "pip install 'hoigen[models]'" in refusal(expert_of(folder))


def test_weights_are_reckoned_before_they_are_read(folder: Path) -> None:
    found = hub.resolve(str(folder))
    size = (folder / "model.safetensors").stat().st_size
    assert loading.weight_bytes(found, "auto") == loading.weight_bytes(found, "float32") == size
    assert loading.weight_bytes(found, "bfloat16") == size // 2
    assert loading.free_bytes("cpu") > 1 << 20


COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_a_cached_repository_is_used_offline_and_known_by_its_commit(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    expert = expert_of("somebody/tiny")
    assert expert.identity["revision"] == "main"
    said = refusal(expert)
    assert "not on this machine" in said
    assert "hf download somebody/tiny" in said
    cache = tmp_path / "models--somebody--tiny"
    (cache / "refs").mkdir(parents=True)
    (cache / "refs" / "main").write_text(COMMIT)
    shutil.copytree(folder, cache / "snapshots" / COMMIT)
    assert expert.identity["revision"] == COMMIT
    assert expert.identity["model"] == "somebody/tiny"
    assert answers(expert, asked(["Why?"]))[0].outcome == "truncated"
    assert hub.resolve("somebody/tiny").revision == COMMIT
    assert dataclasses.replace(expert, revision=COMMIT).identity == expert.identity


@pytest.fixture
def fake_hub() -> Iterator[str]:
    """Answers as the hub does when something is wrong: the id of the repository says what."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            named = next((code for code in ("RepoNotFound", "RevisionNotFound", "GatedRepo") if code in self.path), "")
            self.send_response(403 if named == "GatedRepo" else 404 if named else 503)
            if named:
                self.send_header("X-Error-Code", named)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_what_the_hub_refuses_is_said(fake_hub: str, tmp_path: Path) -> None:
    script = """
from hoigen.models import hub
from hoigen.core.errors import HoigenError
for name in ("x/RepoNotFound", "x/RevisionNotFound", "x/GatedRepo", "x/broken"):
    try:
        hub.resolve(name, "v2")
    except HoigenError as error:
        print(error)
"""
    import os

    env = os.environ | {"HF_ENDPOINT": fake_hub, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "0", "HF_TOKEN": ""}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)
    repo, revision, gated, broken = done.stdout.splitlines()
    assert "no such repository" in repo
    assert "no such branch, tag or commit" in revision
    assert "'v2'" in revision
    assert "accept the licence on https://huggingface.co/x/GatedRepo" in gated
    assert "the hub cannot be reached" in broken


def test_licences_are_told_where_they_bind(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Llama 3.1 Community" in ModelUse("meta-llama/Llama-3.1-8B-Instruct", "hub").notice
    assert "not for commercial use" in ModelUse("Qwen/Qwen2.5-VL-3B-Instruct", "hub").notice
    assert "unknown" in ModelUse("ermu2001/pllava-7b", "hub").notice
    assert ModelUse("Qwen/Qwen2-VL-7B-Instruct", "hub").notice == ModelUse("nobody/knows", "hub").notice == ""


def test_a_real_small_model_answers_in_words_and_is_cut_where_told() -> None:
    """SmolLM2-135M of the Python registry, GGUF of 4 bits: the same path as any other model's."""
    expert = LocalLlm(model="smollm2", device="cpu", max_tokens=15)
    assert expert.identity["revision"] == f"local:{CARDS['smollm2'].sha256[:16]}"

    async def run() -> tuple[Answer, Answer]:
        short = dataclasses.replace(expert, max_tokens=3)
        await expert.open()
        await short.open()
        assert loaded(expert) is loaded(short)
        question = Request(text="What is the capital of France?")
        found = await expert.answer(question), await short.answer(question)
        await expert.close()
        assert room.taken(expert._key) is not None
        await short.close()
        return found

    whole, cut = asyncio.run(run())
    assert whole.outcome == "answered"
    assert "Paris" in whole.text
    assert whole.tokens_out < 15
    assert (cut.outcome, cut.tokens_out) == ("truncated", 3)
    assert "3 tokens" in cut.reason
    assert whole.text.startswith(cut.text)


class Verdict(BaseModel):
    seen: Literal["cup", "pan"]
    same: Literal["yes", "no"]


def test_an_answer_is_held_to_its_schema_whatever_the_model_would_say(folder: Path) -> None:
    requests = [
        Request(text=question, schema=Verdict if at != 1 else None)
        for at, question in enumerate(("Is it?", "Name it.", "Why?"))
    ]
    held = answers(expert_of(folder, max_tokens=80), requests)
    for request, answer in zip(requests, held, strict=True):
        assert answer.ok or request.schema is None, answer.reason
        if request.schema is not None:
            assert list(Verdict.model_validate_json(answer.text).model_dump()) == ["seen", "same"]
    free = answers(expert_of(folder, max_tokens=80, json_mode="prompt"), requests)
    assert held[1].text == free[1].text, "what needs no JSON is left alone, in the same batch"
    for answer in free[::2]:
        with pytest.raises(ValueError, match=r"JSON|valid"):
            Verdict.model_validate(json_in(answer.text))
    drawn_ones = answers(expert_of(folder, max_tokens=80, temperature=1.5, seed=3), requests)
    assert all(Verdict.model_validate_json(answer.text) for answer in drawn_ones[::2])


def test_the_way_of_asking_for_json_is_part_of_who_is_asked(folder: Path) -> None:
    assert expert_of(folder).identity != expert_of(folder, json_mode="prompt").identity
