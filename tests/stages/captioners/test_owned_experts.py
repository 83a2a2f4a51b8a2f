"""Experts of a captioner in the process that owns the models: the desk asks there, and no end of it is the run's."""

from __future__ import annotations

import asyncio
import functools
import os
from pathlib import Path
from typing import Any

import fake_served
import numpy as np
import pytest

import hoigen
from hoigen.core import trusted
from hoigen.core.clip import Clip, Frames
from hoigen.models.client import asking
from hoigen.models.experts.calls import Calls
from hoigen.models.experts.desk import Conversation, Desk
from hoigen.models.host import Host
from hoigen.recipe.build import make
from hoigen.stages.captioners import _parts

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def spec(tmp_path: Path) -> dict[str, Any]:
    """A captioner with an expert of this machine, whose process ends at the first question."""
    trusted.grant(Path(fake_served.__file__))
    model = tmp_path / "model"  # what passes for a model of transformers as long as nobody loads it
    model.mkdir()
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(b"")
    return {"single": {"expert": {fake_served.__file__: {"folder": str(model), "ends_once": True}}}}


def opened(folder: Path) -> list[str]:
    """The processes in which the expert was opened."""
    return [line.split()[-1] for line in fake_served.notes(folder / "model", "opened")]


def frames_of(captioner: Any) -> dict[Any, Frames]:
    images = np.zeros((2, 16, 16, 3), np.uint8)
    return {captioner.experts["expert"].sampling: Frames(images, np.arange(2) / 2)}


CLIP = Clip(id="0", uri="/v.mp4", end=1.0, width=16, height=16, fps=2)


def test_local_experts_are_opened_there_and_asked_by_the_desk(tmp_path: Path, spec: dict[str, Any]) -> None:
    captioner: Any = make("captioner", spec, "caption.captioner")
    served = _parts.loaded_here(captioner.experts)
    assert len(served) == 1
    with Host(functools.partial(_parts.setup_models, spec), load_deadline=60, deadline=60) as host:
        host.start()
        desk = Desk(Calls(), asking=asking(host.address, served))
        caption = asyncio.run(captioner(Conversation(CLIP, desk, frames=frames_of(captioner))))
    processes = opened(tmp_path)
    assert len(processes) == 2, "it ended once, and was opened anew"
    assert str(os.getpid()) not in processes
    assert caption.text is not None
    assert caption.text.endswith(f" by {processes[1]}")


def test_those_of_servers_are_asked_here(tmp_path: Path) -> None:
    from fake_chat_server import FakeChatServer

    with FakeChatServer(["m"]) as server:
        url = server.url
        captioner: Any = make("captioner", {"single": {"expert": {"chat_server": {"url": url, "model": "m"}}}}, "")
        assert _parts.loaded_here(captioner.experts) == {}
        open_model = {"open_model": {"model": "m", "url": url}}
        assert _parts.loaded_here({"one": make("expert", open_model, "")}) == {}
        desk = Desk(Calls(), asking=asking(str(tmp_path / "nobody"), ()))
        assert asyncio.run(captioner(Conversation(CLIP, desk, frames=frames_of(captioner)))).text


@pytest.mark.parametrize("workers", [1, 3])
def test_a_process_of_models_that_ends_is_not_the_end_of_a_run(
    tmp_path: Path, tiny_video: Path, spec: dict[str, Any], workers: int
) -> None:
    lines = [f"{tiny_video},{i * 0.04:.3f},{i * 0.04 + 0.4:.3f}" for i in range(6)]
    (tmp_path / "list.csv").write_text("\n".join(["uri,start,end", *lines]) + "\n")
    run = tmp_path / "run"
    how = {"measures": ["metadata"], "shots": "none", "report": False, "quiet": True, "caption": {"captioner": spec}}
    hoigen.curate(videos=tmp_path / "list.csv", run=run, **how)
    result = hoigen.caption(run, workers=workers, quiet=True)
    assert sum(result.paths.values()) == 6, result.failed
    assert len(opened(tmp_path)) == 2, "opened once for all workers, and once more when its process had ended"
    assert str(os.getpid()) not in opened(tmp_path)
    assert hoigen.caption(run, workers=workers, quiet=True).paths == result.paths
    assert len(opened(tmp_path)) == 2, "where nothing is to ask, nothing is opened"
