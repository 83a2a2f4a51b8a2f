"""What docs/experts.md says is run."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import numpy as np
import yaml

from hoigen.core.clip import Clip, Frames
from hoigen.core.trusted import grant
from hoigen.models.experts.calls import Calls
from hoigen.models.experts.desk import Conversation, Desk
from hoigen.models.experts.prompts import Prompt
from hoigen.recipe.build import make

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "experts.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_expert_of_the_page_works(tmp_path: Path) -> None:
    [source] = blocks("python")
    (tmp_path / "parrot.py").write_text(source)
    grant(tmp_path / "parrot.py")
    spec = yaml.safe_load(blocks("yaml")[-1])["captioner"]["single"]["expert"]
    parrot = make("expert", spec, "expert", beside=tmp_path)
    shown = Frames(np.zeros((4, 8, 8, 3), np.uint8), np.arange(4.0))
    calls = Calls(tmp_path / "calls")
    clip = Clip(id="c", uri="a.mp4", end=4.0, width=8, height=8, fps=25.0)
    talk = Conversation(clip, Desk(calls), frames={parrot.sampling: shown})

    async def go() -> str:
        await parrot.open()
        answer = await talk.ask("first", parrot, Prompt("What does the person do here now?", "d@1"), sees=True)
        await parrot.close()
        return answer.text

    assert asyncio.run(go()) == "the person do here now? (4 frames)"
    calls.close()


def test_the_recipes_of_the_page_are_taken() -> None:
    first, several, _ = blocks("yaml")
    spec = yaml.safe_load(first)["caption"]["captioner"]["single"]["expert"]
    assert make("expert", spec, "expert").model == "Qwen/Qwen2.5-VL-7B-Instruct"
    assert len(make("expert", yaml.safe_load(several), "expert").endpoints) == 2
