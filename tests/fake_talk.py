"""A captioner and an expert of one's own, as files: they take the real path from the recipe to the table."""

from __future__ import annotations

from pathlib import Path

from hoigen.core.trusted import grant

EXPERT = '''
import asyncio, os
from typing import Any
from hoigen import Sampling
from hoigen.core.errors import SetupError
from hoigen.models.experts.call import Answer, Request
from hoigen.core.registry import expert


@expert("fake_expert")
class FakeExpert:
    """Answers with what it was asked; notes every answer in a log. `breaks` says how it ends for which words."""

    model: str = "fake"
    log: str
    sampling: Sampling = Sampling(frames=2, short_side=16)
    slots: int = 4
    seconds: float = 0.0
    breaks: str = ""
    says: str = ""
    broken_setup: bool = False

    @property
    def identity(self) -> dict[str, Any]:
        return {"model": self.model}

    async def open(self) -> None:
        if self.broken_setup:
            raise SetupError("the fake expert cannot load")

    async def close(self) -> None:
        return None

    async def answer(self, request: Request) -> Answer:
        await asyncio.sleep(self.seconds)
        seen = 0 if request.frames is None else len(request.frames)
        fd = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(fd, f"{self.model} {request.media} {seen} {request.text!r}\\n".encode())
        os.close(fd)
        if self.breaks == "lost":
            raise RuntimeError("CUDA error: device-side assert triggered")
        if self.breaks == "exit":
            raise SystemExit("the model's library ends the program")
        if self.breaks:
            return Answer(outcome=self.breaks, reason=f"it {self.breaks}", unreachable=self.breaks == "failed")
        text = self.says or f"{self.model} saw {seen} frames"
        return Answer(outcome="answered", text=text, tokens_in=10, tokens_out=5)
'''

CAPTIONER = '''
from typing import Any
from hoigen.core.score import Caption
from hoigen.models.experts.desk import Conversation
from hoigen.models.experts.prompts import Prompt
from hoigen.recipe.build import make
from hoigen.core.registry import captioner


@captioner("two_calls")
class TwoCalls:
    """Asks one expert that sees, then one that reads."""

    eyes: Any
    mind: Any
    stumbles: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "_eyes", make("expert", self.eyes, "eyes"))
        object.__setattr__(self, "_mind", make("expert", self.mind, "mind"))

    @property
    def experts(self) -> dict[str, Any]:
        return {"eyes": self._eyes, "mind": self._mind}

    async def __call__(self, talk: Conversation) -> Caption:
        if self.stumbles:
            raise ValueError("a fault of the captioner")
        seen = await talk.ask("eyes", self._eyes, Prompt("what is there?", "eyes@1"), sees=True)
        if not seen.ok:
            return Caption(text=None, reason=f"eyes {seen.outcome}: {seen.reason}")
        said = await talk.ask("mind", self._mind, Prompt(f"say it better: {seen.text}, {talk.clip.id}", "mind@1"))
        if not said.ok:
            return Caption(text=None, reason=f"mind {said.outcome}: {said.reason}")
        return Caption(text=f"{seen.text}; {said.text}.", path="two", detail={"draft": seen.text})
'''


def write(folder: Path) -> Path:
    """Writes both files; the captioner's path."""
    (folder / "fake_expert.py").write_text(EXPERT)
    (folder / "two_calls.py").write_text(CAPTIONER)
    for name in ("fake_expert", "two_calls"):
        grant(folder / f"{name}.py")
    return folder / "two_calls.py"


def spec(
    folder: Path, eyes: dict[str, object] | None = None, mind: dict[str, object] | None = None
) -> dict[str, object]:
    """The recipe's `caption`."""
    path, log = str(folder / "fake_expert.py"), str(folder / "asked.log")
    reads: dict[str, object] = {"model": "mind", "log": log, "sampling": {"frames": 0}}
    return {
        "captioner": {
            str(folder / "two_calls.py"): {
                "eyes": {path: {"model": "eyes", "log": log, **(eyes or {})}},
                "mind": {path: {**reads, **(mind or {})}},
            }
        }
    }
