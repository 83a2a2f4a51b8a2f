"""A simulated judge of the simulated world's captions: it reads the real prompts and errs at a set rate."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hoigen.core.clip import Sampling
from hoigen.models.experts import _fake_facts
from hoigen.models.experts.call import Answer, Request

KIND = {"person": "count", "after": "action", "state": "attribute"}


@dataclass(kw_only=True)
class FakeJudge:
    """errs: share of the claims to which it gives the other verdict. broken: claims of these words get this outcome.

    most: how many requests were under way at once, at most.
    """

    model: str = "fake-judge"
    errs: float = 0.0
    broken: Mapping[str, Answer] = field(default_factory=dict)
    slots: int = 4
    asked: list[Request] = field(default_factory=list)
    opened: int = 0
    closed: int = 0

    @property
    def sampling(self) -> Sampling:
        return Sampling(frames=0)

    @property
    def identity(self) -> Mapping[str, Any]:
        return {"model": self.model, "errs": self.errs}

    async def open(self) -> None:
        self.opened += 1

    async def close(self) -> None:
        self.closed += 1

    async def answer(self, request: Request) -> Answer:
        self.asked.append(request)
        await asyncio.sleep(0)
        for words, answer in self.broken.items():
            if words in request.text:
                return answer
        if request.template.startswith("claims_of@"):
            return _json(_claims(_between(request.text, "description")))
        assert request.template.startswith("check_claim@")
        return _json(self._verdict(_between(request.text, "claim"), _between(request.text, "known")))

    def _verdict(self, claim: str, known: str) -> dict[str, str]:
        [(slot, value)] = _fake_facts.read(claim).items()
        facts = _fake_facts.read(known)
        verdict = "cannot_tell" if slot not in facts else "true" if facts[slot] == value else "false"
        if _fake_facts.chance(self.model, claim, known) < self.errs:
            verdict = "false" if verdict == "true" else "true"
        return {"reason": "as told", "verdict": verdict}


def _claims(caption: str) -> dict[str, Any]:
    said = _fake_facts.read(caption)
    rows = [
        {"claim": _fake_facts.told(slot, value), "kind": KIND.get(slot, slot), "verb": "", "object": ""}
        for slot, value in said.items()
    ]
    for row, slot in zip(rows, said, strict=True):
        if slot == "action" and "object" in said:
            row |= {"verb": said["action"], "object": said["object"]}
    return {"claims": rows}


def _between(text: str, name: str) -> str:
    found = re.search(rf"<{name}>\n(.*?)\n</{name}>", text, re.DOTALL)
    assert found is not None
    return found.group(1)


def _json(data: Mapping[str, Any]) -> Answer:
    return Answer(outcome="answered", text=json.dumps(data))
