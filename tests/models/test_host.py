"""One process owns the models: loaded once, replaced when it ends or hangs, and nothing that was asked is lost."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fake_served
import pytest
from fake_served import notes

import hoigen
from hoigen.core.errors import GaveUpError, ModelsGoneError, SetupError
from hoigen.models.client import Client
from hoigen.models.experts.call import Answer, Request
from hoigen.models.host import Host

pytestmark = pytest.mark.timeout(120)


def host(folder: Path, loading: str = "", **limits: float) -> Host:
    how = {"load_deadline": 60.0, "deadline": 60.0, **limits}
    return Host(functools.partial(fake_served.setup, folder, loading), **how)


def ask(address: str, words: Sequence[str]) -> list[Answer | BaseException]:
    """All at once, as the workers of a run do."""

    async def every() -> list[Any]:
        client = Client(address)
        asking = (client.answer("fake", Request(text=word)) for word in words)
        return await asyncio.gather(*asking, return_exceptions=True)

    return asyncio.run(every())


def text(answer: Any) -> str:
    assert isinstance(answer, Answer), answer
    return answer.text


def test_all_who_ask_are_answered_by_one_process_that_nobody_else_can_reach(tmp_path: Path) -> None:
    with host(tmp_path) as served:
        served.start()
        assert served.folder.stat().st_mode & 0o077 == 0
        answers = ask(served.address, ["fine 1", "fine 2", "fine 3"]) + ask(served.address, ["fine 4"])
        where = {text(answer).split()[-1] for answer in answers}
        assert len(where) == 1
        assert where != {str(os.getpid())}
        folder = served.folder
    assert len(notes(tmp_path, "opened")) == 1
    assert not folder.exists()


@pytest.mark.parametrize("kind", ["exit", "lost"])
def test_the_one_that_breaks_the_process_has_failed_and_those_beside_it_have_not(tmp_path: Path, kind: str) -> None:
    with host(tmp_path) as served:
        served.start()
        answers = ask(served.address, ["fine 1", kind, "fine 2", "fine 3", "fine 4"])
    culprit = answers.pop(1)
    assert isinstance(culprit, GaveUpError)
    assert "ended twice while it was at this question, the second time alone: it exited with" in str(culprit)
    assert [text(answer)[:6] for answer in answers] == ["fine 1", "fine 2", "fine 3", "fine 4"]
    assert len(notes(tmp_path, "opened")) in (2, 3)  # again after the batch, and after the culprit when others follow


def test_a_process_that_ends_once_costs_nothing(tmp_path: Path) -> None:
    with host(tmp_path) as served:
        served.start()
        answers = ask(served.address, ["fine 1", "first mark", "fine 2"])
    assert [text(answer).rsplit(" by ")[0] for answer in answers] == ["fine 1", "first mark", "fine 2"]
    assert len(notes(tmp_path, "opened")) == 2


def test_a_process_that_hangs_is_replaced(tmp_path: Path) -> None:
    with host(tmp_path, deadline=2.0) as served:
        served.start()
        answers = ask(served.address, ["fine 1", "hang", "fine 2"])
    assert [text(answer)[:6] for answer in (answers[0], answers[2])] == ["fine 1", "fine 2"]
    assert isinstance(answers[1], GaveUpError)
    assert "answered nothing for 2 s" in str(answers[1])


@pytest.mark.parametrize(
    ("word", "words"), [("raise", "ValueError: a fault of the expert"), ("cancel", "CancelledError")]
)
def test_what_an_expert_raises_costs_its_question_alone(tmp_path: Path, word: str, words: str) -> None:
    with host(tmp_path) as served:
        served.start()
        raised, fine = ask(served.address, [word, "fine"])
    assert words in str(raised)
    assert text(fine).startswith("fine")
    assert len(notes(tmp_path, "opened")) == 1


def test_models_that_do_not_load_are_told_at_once(tmp_path: Path) -> None:
    with host(tmp_path, "raise") as served, pytest.raises(SetupError, match=r"^the fake model has no weights$"):
        served.start()


def test_loading_has_its_own_deadline_and_names_the_key(tmp_path: Path) -> None:
    with (
        host(tmp_path, "hang", load_deadline=1.0) as served,
        pytest.raises(SetupError, match=r"after 1 s \(set load_deadl"),
    ):
        served.start()


def test_models_that_load_no_more_end_the_waiting(tmp_path: Path) -> None:
    with host(tmp_path, "once") as served:
        served.start()
        for said in ask(served.address, ["exit", "fine"]):
            assert isinstance(said, SetupError)
            assert "could be loaded no more: its disk is gone" in str(said)


def test_a_process_that_only_ends_is_given_up(tmp_path: Path) -> None:
    with host(tmp_path) as served:
        served.start()
        said = ask(served.address, [f"exit {at}" for at in range(12)])
    assert any(isinstance(one, ModelsGoneError) and "without an answer" in str(one) for one in said)
    assert all(isinstance(one, ModelsGoneError | GaveUpError) for one in said)


def test_where_nothing_is_to_do_nothing_is_loaded(tmp_path: Path) -> None:
    with host(tmp_path) as served:
        assert list(served.before([])) == []
    assert not (tmp_path / "notes.log").exists()


PARENT = """
import functools, sys, time
from pathlib import Path
sys.path[:0] = {path!r}
import fake_served
from hoigen.models.host import Host
served = Host(functools.partial(fake_served.setup, Path({folder!r})), load_deadline=60, deadline=60)
served.start()
print(served.process.pid, flush=True)
time.sleep(600)
"""


def test_a_killed_parent_leaves_no_process(tmp_path: Path) -> None:
    code = PARENT.format(path=[str(Path(fake_served.__file__).parent)], folder=str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    for _ in range(100):
        state = Path(f"/proc/{child}/stat")
        if not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return
        time.sleep(0.1)
    os.kill(child, signal.SIGKILL)
    pytest.fail("the process outlived its parent")


def test_a_question_that_cannot_be_read_there_fails_alone(tmp_path: Path) -> None:
    with host(tmp_path) as served:
        served.start()
        client = Client(served.address)

        async def both() -> list[Any]:
            wrong = client.answer("fake", fake_served.Unreadable())  # type: ignore[arg-type]
            return await asyncio.gather(wrong, client.answer("fake", Request(text="fine")), return_exceptions=True)

        wrong, fine = asyncio.run(both())
    assert isinstance(wrong, RuntimeError)
    assert text(fine).startswith("fine")


def test_a_process_that_cannot_be_started_again_ends_the_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with host(tmp_path) as served:
        served.start()

        def fake_start(*_: Any, **__: Any) -> Any:
            raise BlockingIOError(11, "Resource temporarily unavailable")

        monkeypatch.setattr("hoigen.work.process.subprocess.Popen", fake_start)
        for said in ask(served.address, ["exit", "fine"]):
            assert isinstance(said, ModelsGoneError)
            assert "cannot be started" in str(said)


LOUD = '''
import asyncio, os, time
from hoigen.core.errors import GaveUpError, ModelsGoneError, SetupError
from hoigen import Sampling
from hoigen.models.experts.call import Answer, Request
from hoigen.core.registry import expert


@expert("fake_loud")
class FakeLoud:
    """Stands in for a large model: notes each time that it is opened, and how many questions were under way."""

    model: str
    log: str
    says: str = "A woman in a kitchen cuts a loaf of bread with a knife."
    sampling: Sampling = Sampling(frames=1, short_side=16)
    slots: int = 8
    seconds: float = 0.2
    one_by_one: bool = False
    ends_at: int = 0
    ends_always: bool = False
    loads_again: float = 0.0

    @property
    def identity(self):
        return {"model": self.model}

    async def open(self) -> None:
        with open(self.log, "a") as log:
            log.write(f"{self.model} opened by {os.getpid()}\\n")
        if self.loads_again and self.count("opened") > 1:
            if self.loads_again > 100:
                raise SetupError("its disk is gone")
            time.sleep(self.loads_again)

    async def answer(self, request: Request) -> Answer:
        with open(self.log, "a") as log:
            log.write(f"{self.model} asked\\n")
        if self.ends_at and self.count("asked") == self.ends_at:
            os._exit(3)
        if self.ends_always and self.is_first(request.media):
            with open(os.path.dirname(self.log) + "/ended.log", "a") as log:
                log.write("x ")
            os._exit(3)
        if self.one_by_one:
            time.sleep(self.seconds)
        else:
            await asyncio.sleep(self.seconds)
        return Answer(outcome="answered", text=self.says)

    def is_first(self, media):
        """Whether this is the clip that was asked about first."""
        path = os.path.dirname(self.log) + "/first"
        if not os.path.exists(path):
            open(path, "w").write(media)
        return open(path).read() == media

    def count(self, word):
        return sum(line.split()[:2] == [self.model, word] for line in open(self.log))

    async def close(self) -> None:
        return None
'''
SAYS = """{"triplets": [{"subject": "the woman", "action": "cuts", "object": "bread"}],
"reason": "A woman cuts bread with a knife.", "interaction": "yes", "conspicuous": "yes"}"""


def judgement(folder: Path) -> dict[str, Any]:
    (folder / "fake_loud.py").write_text(LOUD)
    path, log = str(folder / "fake_loud.py"), str(folder / "loads.log")
    return {
        "describer": {path: {"model": "pllava-7b", "log": log}},
        "judge": {path: {"model": "qwen-7b", "log": log, "says": SAYS, "sampling": {"frames": 0}}},
    }


def copies(video: Path, folder: Path, count: int) -> Path:
    folder.mkdir()
    for at in range(count):
        (folder / f"{at}.mp4").write_bytes(video.read_bytes() + bytes(at))  # each a question of its own
    return folder


def curate(folder: Path, videos: Path, measures: list[Any], **more: Any) -> Any:
    how = {"shots": "none", "duplicates": "keep", "report": False, "quiet": True, "workers": 4}
    return hoigen.curate(videos=videos, run=folder / "run", measures=measures, **{**how, **more})


def test_a_run_opens_each_expert_once_however_many_workers_it_has(tmp_path: Path, tiny_video: Path) -> None:
    videos = copies(tiny_video, tmp_path / "videos", 8)
    measures = [{"hoi_judgement": judgement(tmp_path)}]
    assert curate(tmp_path, videos, measures).counts["kept"] == 8
    assert opened(tmp_path) == ["pllava-7b", "qwen-7b"]
    curate(tmp_path, videos, measures)  # all is known: nothing is opened
    assert opened(tmp_path) == ["pllava-7b", "qwen-7b"]


def opened(folder: Path) -> list[str]:
    lines = (folder / "loads.log").read_text().splitlines()
    return sorted(line.split()[0] for line in lines if line.split()[1] == "opened")


def with_describer(folder: Path, **settings: Any) -> list[dict[str, Any]]:
    given = judgement(folder)
    [its] = given["describer"].values()
    its.update(settings)
    return [{"hoi_judgement": given}]


def test_waiting_for_a_busy_model_is_no_lack_of_progress(tmp_path: Path, tiny_video: Path) -> None:
    """Four workers wait for a model that answers one after the other, each longer than a clip's deadline in all."""
    videos = copies(tiny_video, tmp_path / "videos", 4)
    measures = with_describer(tmp_path, one_by_one=True, seconds=2.0)
    found = curate(tmp_path, videos, measures, deadline=4.0)
    assert found.counts["kept"] == 4


def test_waiting_for_a_model_that_loads_again_is_no_lack_of_progress(tmp_path: Path, tiny_video: Path) -> None:
    videos = copies(tiny_video, tmp_path / "videos", 3)
    found = curate(tmp_path, videos, with_describer(tmp_path, ends_at=1, loads_again=6.0), deadline=4.0)
    assert found.counts["kept"] == 3
    assert opened(tmp_path).count("pllava-7b") == 2


def test_models_that_are_gone_stop_the_run_and_no_clip_is_blamed(tmp_path: Path, tiny_video: Path) -> None:
    videos = copies(tiny_video, tmp_path / "videos", 12)
    measures = with_describer(tmp_path, ends_at=5, loads_again=1000.0)
    with pytest.raises(SetupError, match=r"^stopped: the models could be loaded no more: its disk is gone"):
        curate(tmp_path, videos, measures, workers=2)
    assert hoigen.funnel(tmp_path / "run").counts["failed"] == 0
    assert curate(tmp_path, videos, with_describer(tmp_path)).counts["kept"] == 12  # its disk is back


HAS_TORCH = '''
import sys
from hoigen import Sampling, Score, measure

@measure("has_torch")
class HasTorch:
    """Whether this worker has imported PyTorch: 1 yes, 0 no."""

    sampling: Sampling = Sampling(frames=1)

    def __call__(self, clip, frames):
        return Score(float("torch" in sys.modules))
'''


def test_local_models_are_in_no_worker(tmp_path: Path, tiny_video: Path) -> None:
    pytest.importorskip("transformers", reason="extra [models]: make test brings it")
    import tiny_models

    from hoigen.data.run import Run
    from hoigen.rules import decide
    from hoigen.rules.runfile import steps_of

    eyes, mind = tiny_models.vlm("qwen2_vl", tmp_path / "eyes"), tiny_models.llm(tmp_path / "mind", context=4096)
    (tmp_path / "has_torch.py").write_text(HAS_TORCH)
    seen = {"frames": 2, "short_side": 32}
    given = {
        "describer": {"local_vlm": {"model": str(eyes), "max_tokens": 8, "sampling": seen, "media": "frames"}},
        "judge": {"local_llm": {"model": str(mind), "max_tokens": 8}},
    }
    videos = copies(tiny_video, tmp_path / "videos", 3)
    curate(tmp_path, videos, [{"hoi_judgement": given}, str(tmp_path / "has_torch.py")], score_all=True, workers=2)
    run = Run(tmp_path / "run")
    rows = decide.connect(run, steps_of(run)[1]).execute("select has_torch, reason from decided").fetchall()
    assert [row[0] for row in rows] == [0.0] * 3
    assert all("describer truncated: no end within 8 tokens" in row[1] for row in rows), rows


def test_a_clip_that_ends_the_models_process_is_asked_about_twice_and_no_more(tmp_path: Path, tiny_video: Path) -> None:
    """Once in company and once alone; the engine does not begin again with what was given up."""
    videos = copies(tiny_video, tmp_path / "videos", 3)
    found = curate(tmp_path, videos, with_describer(tmp_path, ends_always=True), workers=1)
    assert (found.counts["failed"], found.counts["kept"]) == (1, 2)
    assert (tmp_path / "ended.log").read_text().split() == ["x", "x"]
