"""What both local experts share: their settings, and a model of the models' room that several roles ask."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from hoigen.devices import DeviceLostError
from hoigen.experts._local_engine import Decoding, Engine
from hoigen.experts.call import Answer, Request
from hoigen.models import room
from hoigen.models.batcher import Batcher

Dtype = Literal["auto", "float32", "bfloat16", "float16"]


class Settings(Protocol):
    """What both local experts are told."""

    @property
    def model(self) -> str: ...
    @property
    def revision(self) -> str: ...
    @property
    def dtype(self) -> Dtype: ...
    @property
    def device(self) -> str: ...
    @property
    def max_tokens(self) -> int: ...
    @property
    def temperature(self) -> float: ...
    @property
    def seed(self) -> int: ...
    @property
    def repetition_penalty(self) -> float: ...
    @property
    def template(self) -> Mapping[str, Any]: ...
    @property
    def batch(self) -> int: ...
    @property
    def slots(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Shared:
    """A loaded model and its queue: roles that ask the same one share both."""

    engine: Engine
    batcher: Batcher[Request, Answer]

    def close(self) -> None:
        self.batcher.close()


async def take(key: Hashable, owner: object, load: Callable[[], Engine]) -> None:
    """Loads the model of that key, if nobody has it yet."""

    def make() -> Shared:
        engine = load()
        return Shared(engine, Batcher(engine.answers, "hoigen local model"))

    await asyncio.to_thread(room.take, key, owner, make)


async def give_back(key: Hashable, owner: object) -> None:
    """Lets the model go when nobody has it any more."""
    await asyncio.to_thread(room.give_back, key, owner)


async def ask(key: Hashable, request: Request, decoding: Decoding, batch: int) -> Answer:
    """The answer of an opened model; raises for nothing that the model does, but DeviceLostError when this process can
    use its card no more."""
    shared: Shared | None = room.taken(key)
    if shared is None:
        return Answer(outcome="failed", reason="the expert was asked before it was opened, or after it was closed")
    try:
        return await asyncio.wrap_future(shared.batcher.submit(request, decoding, batch))
    except DeviceLostError:
        raise
    except Exception as error:
        return Answer(outcome="failed", reason=f"{type(error).__name__}: {error}")


def decoding_of(settings: Settings, *, shown: bool = False) -> Decoding:
    return Decoding(
        max_tokens=settings.max_tokens,
        temperature=settings.temperature,
        seed=settings.seed,
        repetition_penalty=settings.repetition_penalty,
        options=json.dumps(dict(settings.template), sort_keys=True),
        shown=shown,
    )


def decoding_facts(settings: Settings) -> dict[str, Any]:
    """The settings that an answer depends on, as they go into `identity`."""
    facts: dict[str, Any] = {
        "dtype": settings.dtype,
        "max_tokens": settings.max_tokens,
        "temperature": settings.temperature,
        "repetition_penalty": settings.repetition_penalty,
    }
    if settings.temperature > 0:
        facts["seed"] = settings.seed
    return facts | ({"template": dict(settings.template)} if settings.template else {})


def check(settings: Settings) -> None:
    """Raises ValueError for settings that cannot be."""
    if not settings.model:
        raise ValueError("model: a folder, a .gguf file, or an id of the Hugging Face hub (owner/name)")
    if settings.max_tokens < 1 or settings.batch < 1:
        raise ValueError("max_tokens and batch are at least 1")
    if settings.slots < settings.batch:
        raise ValueError(f"slots ({settings.slots}) cannot be fewer than batch ({settings.batch})")
    if settings.temperature < 0 or settings.repetition_penalty <= 0:
        raise ValueError("temperature is 0 or more, repetition_penalty more than 0")


def say(*sentences: str) -> None:
    """What a person has to know before a long run."""
    for sentence in filter(None, sentences):
        print(sentence, file=sys.stderr)
