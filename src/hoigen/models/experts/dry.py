"""How many calls and tokens a run would take, without asking anybody: answers are supposed."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from hoigen.models.experts.call import Answer, Request, call_key
from hoigen.models.experts.calls import Asked, Calls
from hoigen.models.experts.desk import Desk

if TYPE_CHECKING:
    from hoigen.models.experts.call import Expert

CAPTION_WORDS = 150
TOKENS_A_WORD = 1.35
LETTERS_A_TOKEN = 4.0
PATCH = 28


@dataclass(slots=True)
class Load:
    """Calls to one expert and their tokens, as estimated.

    Args:
        calls: how many.
        tokens_in: of the questions.
        tokens_out: of the answers.
        prices: of a million tokens in and out.
    """

    calls: float = 0
    tokens_in: float = 0
    tokens_out: float = 0
    prices: tuple[float, float] = (0.0, 0.0)

    @property
    def cost(self) -> float:
        """In the currency of the prices, which are per million tokens."""
        return (self.tokens_in * self.prices[0] + self.tokens_out * self.prices[1]) / 1e6

    def scaled(self, factor: float) -> Load:
        """As many times the calls and tokens."""
        return Load(self.calls * factor, self.tokens_in * factor, self.tokens_out * factor, self.prices)


@runtime_checkable
class Priced(Protocol):
    """An expert whose tokens cost something: prices of a million, in any currency."""

    price_in: float
    price_out: float


class DryDesk(Desk):
    """Kept answers are given, others supposed and counted.

    Args:
        calls: the table of answers.
        worst: experts disagree wherever they can; if not, they agree.
        width: of the clip, pixels.
        height: of the clip, pixels.
    """

    def __init__(self, calls: Calls, *, worst: bool, width: int = 16, height: int = 9) -> None:
        super().__init__(calls, may_ask=False)
        self.worst = worst
        self.loads: dict[str, Load] = defaultdict(Load)
        self.aspect = max(width, height) / max(1, min(width, height))

    async def ask(self, expert: Expert, request: Request, asked: Asked) -> tuple[str, Answer, bool]:
        key = call_key(expert.identity, request)
        kept = self.kept(key, request)
        if kept is not None:
            return key, kept, True
        if request.schema is None:
            answer = Answer(outcome="answered", text="word " * CAPTION_WORDS)
            tokens_out = CAPTION_WORDS * TOKENS_A_WORD
        else:
            data = request.schema.supposed(self.worst).model_dump(mode="json")  # type: ignore[attr-defined]
            answer = Answer(outcome="answered", text=json.dumps(data), data=data)
            tokens_out = len(answer.text) / LETTERS_A_TOKEN
        answer = replace(answer, tokens_out=round(tokens_out))
        load = self.loads[asked.expert]
        load.calls += 1
        load.tokens_in += len(request.system + request.text) / LETTERS_A_TOKEN
        if request.media:  # one token for each 28 x 28 pixels, as Qwen2-VL has it; other models differ
            short = expert.sampling.short_side or 720
            load.tokens_in += expert.sampling.frames * short * short * self.aspect / PATCH**2
        load.tokens_out += answer.tokens_out
        if isinstance(expert, Priced):
            load.prices = expert.price_in, expert.price_out
        return key, answer, False
