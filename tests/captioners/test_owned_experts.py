"""Experts of a captioner in the process that owns the models: the desk asks there, and no end of it is the run's."""

from __future__ import annotations

import asyncio
import functools
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hoigen
from hoigen import trusted
from hoigen.captioners import _roles
from hoigen.clip import Clip, Frames
from hoigen.experts.calls import Calls
from hoigen.experts.desk import Conversation, Desk
from hoigen.models.client import asking
from hoigen.models.host import Host
from hoigen.recipe.build import make

pytestmark = pytest.mark.timeout(120)
EXPERT = '''
import os
from pathlib import Path

from hoigen import Sampling
from hoigen.experts.call import Answer, Request
from hoigen.models.uses import ModelUse
from hoigen.registry import expert


@expert("fake_local")
class FakeLocal:
    """Stands in for a model of this machine; ends its process at the first question."""

    folder: str
    sampling: Sampling = Sampling(frames=2, short_side=16)
    slots: int = 4

    @property
    def identity(self):
        return {"model": "fake-local"}

    @property
    def models(self):
        return (ModelUse(self.folder, "hub"),)

    async def open(self) -> None:
        with open(self.folder + "/opened.log", "a") as log:
            log.write(f"{os.getpid()}\\n")

    async def answer(self, request: Request) -> Answer:
        once = Path(self.folder) / "ended"
        if not once.exists():
            once.touch()
            os._exit(3)
        return Answer(outcome="answered", text=f"A person cuts bread in {os.getpid()}.")

    async def close(self) -> None:
        return None
'''


def test_local_experts_are_opened_there_and_asked_by_the_desk(tmp_path: Path) -> None:
    path = tmp_path / "fake_local.py"
    path.write_text(EXPERT)
    trusted.grant(path)
    folder = model_folder(tmp_path / "model")
    spec = {"single": {"expert": {str(path): {"folder": str(folder)}}}}
    captioner: Any = make("captioner", spec, "caption.captioner")
    served = _roles.loaded_here(captioner.experts)
    assert len(served) == 1
    with Host(functools.partial(_roles.setup_models, spec), load_deadline=60, deadline=60) as host:
        host.start()
        desk = Desk(Calls(Path(":memory:")), asking=asking(host.address, served))
        clip = Clip(id="0", uri="/v.mp4", end=1.0, width=16, height=16, fps=2)
        frames = {captioner.experts["expert"].sampling: Frames(np.zeros((2, 16, 16, 3), np.uint8), np.arange(2) / 2)}
        caption = asyncio.run(captioner(Conversation(clip, desk, frames=frames)))
    opened = (folder / "opened.log").read_text().split()
    assert len(opened) == 2, "it ended once, and was opened anew"
    assert str(os.getpid()) not in opened
    assert caption.text == f"A person cuts bread in {opened[1]}."


def test_those_of_servers_are_asked_here(tmp_path: Path) -> None:
    from fake_chat_server import FakeChatServer

    with FakeChatServer(["m"]) as server:
        url = server.url
        captioner: Any = make("captioner", {"single": {"expert": {"chat_server": {"url": url, "model": "m"}}}}, "")
        assert _roles.loaded_here(captioner.experts) == {}
        open_model = {"open_model": {"model": "m", "url": url}}
        assert _roles.loaded_here({"one": make("expert", open_model, "")}) == {}
        desk = Desk(Calls(Path(":memory:")), asking=asking(str(tmp_path / "nobody"), ()))
        clip = Clip(id="0", uri="/v.mp4", end=1.0, width=16, height=16, fps=2)
        frames = {captioner.experts["expert"].sampling: Frames(np.zeros((2, 16, 16, 3), np.uint8), np.arange(2) / 2)}
        assert asyncio.run(captioner(Conversation(clip, desk, frames=frames))).text


def model_folder(folder: Path) -> Path:
    """What passes for a model of transformers as long as nobody loads it."""
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"")
    return folder


@pytest.mark.parametrize("workers", [1, 3])
def test_a_process_of_models_that_ends_is_not_the_end_of_a_run(tmp_path: Path, tiny_video: Path, workers: int) -> None:
    path = tmp_path / "fake_local.py"
    path.write_text(EXPERT)
    trusted.grant(path)
    folder = model_folder(tmp_path / "model")
    lines = [f"{tiny_video},{i * 0.04:.3f},{i * 0.04 + 0.4:.3f}" for i in range(6)]
    (tmp_path / "list.csv").write_text("\n".join(["uri,start,end", *lines]) + "\n")
    spec = {"captioner": {"single": {"expert": {str(path): {"folder": str(folder)}}}}}
    run = tmp_path / "run"
    how = {"measures": ["metadata"], "shots": "none", "report": False, "quiet": True, "caption": spec}
    hoigen.curate(videos=tmp_path / "list.csv", run=run, **how)
    result = hoigen.caption(run, workers=workers, quiet=True)
    opened = (folder / "opened.log").read_text().split()
    assert sum(result.paths.values()) == 6, result.failed
    assert len(opened) == 2, "opened once for all workers, and once more when its process had ended"
    assert str(os.getpid()) not in opened
    assert hoigen.caption(run, workers=workers, quiet=True).paths == result.paths
    assert len((folder / "opened.log").read_text().split()) == 2, "where nothing is to ask, nothing is opened"
