"""A fake expert that writes long prompts and judges them, as simply as it can be told apart."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hoigen.core.clip import Sampling
from hoigen.core.registry import expert
from hoigen.models.experts.call import Answer, Request


@expert("fake_writer")
class FakeWriter:
    """Writes a sentence more, about a cat where the prompt is of a horse; says no to cats. log: a file with a line for
    each question."""

    log: str = ""
    model: str = "fake_writer"
    slots: int = 4

    @property
    def sampling(self) -> Sampling:
        return Sampling(frames=0)

    @property
    def identity(self) -> Mapping[str, Any]:
        return {"model": self.model}

    async def open(self) -> None:
        return None

    async def close(self) -> None:
        return None

    async def answer(self, request: Request) -> Answer:
        with Path(self.log).open("a") as log:
            log.write(request.template + "\n")
        if request.template.startswith("extend"):
            short = request.text.partition("<scene>\n")[2].partition("\n</scene>")[0]
            if "umbrella" in short:
                return Answer(outcome="refused", reason="no umbrellas")
            words = 300 if "kite" in short else 30
            long = short.replace("horse", "cat") + " slowly" * words
            return Answer(outcome="answered", text=json.dumps({"prompt": long}))
        long = request.text.partition("<long>\n")[2].partition("\n</long>")[0]
        if "surfboard" in long:
            return Answer(outcome="answered", text="I cannot say")
        return Answer(
            outcome="answered", text=json.dumps({"reason": "looked", "same": "no" if "cat" in long else "yes"})
        )
