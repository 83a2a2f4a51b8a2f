"""A model in this process: requests as chats, what is generated for those that came together, and who shares it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast

from hoigen.core import devices
from hoigen.core.devices import DeviceLostError
from hoigen.experts.call import Answer, Request
from hoigen.experts.chat.wire import without_thoughts
from hoigen.models import room
from hoigen.models.batcher import Batcher

Dtype = Literal["auto", "float32", "bfloat16", "float16"]
Message = dict[str, Any]
Prepare = Callable[[Sequence[Request], Mapping[str, Any]], Mapping[str, Any]]
"""Requests and template options -> what the model takes, padded on the left, on the CPU, with an attention_mask."""


class Settings(Protocol):
    """The settings that both local experts have."""

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


def warn(*sentences: str) -> None:
    """Prints what a person has to know before a long run; empty sentences are left out."""
    for sentence in filter(None, sentences):
        print(sentence, file=sys.stderr)


# a request as a chat


def messages(request: Request, media: Sequence[Message] = ()) -> list[Message]:
    """The turns of the chat.

    Args:
        request: what is asked; with a schema, the question ends with it in words.
        media: what is shown, in front of the question's words; contents are then lists.
    """

    def turn(role: str, text: str, shown: Sequence[Message] = ()) -> Message:
        if not media:
            return {"role": role, "content": text}
        return {"role": role, "content": [*shown, {"type": "text", "text": text}]}

    question = request.text
    if request.json_schema is not None:
        question += "\n\nAnswer with one JSON object and nothing else. It has to fit this JSON schema:\n"
        question += json.dumps(request.json_schema, ensure_ascii=False)
    turns = [turn("system", request.system)] if request.system else []
    turns.append(turn("user", question, media))
    if request.again is not None:
        answer, wrong = request.again
        turns.append(turn("assistant", answer))
        turns.append(turn("user", f"That answer cannot be used: {wrong}. Answer again, as asked for."))
    return turns


def rendered(templater: Any, turns: Sequence[Message], options: Mapping[str, Any]) -> str:
    """The prompt by the model's own template.

    Args:
        templater: a tokenizer or processor of transformers that has a chat template.
        turns: the chat. A template that knows no system prompt gets it in front of the first question.
        options: more arguments of the template.
    """
    from jinja2.exceptions import TemplateError

    kwargs = {"tokenize": False, "add_generation_prompt": True, **options}
    try:
        return str(templater.apply_chat_template(list(turns), **kwargs))
    except TemplateError:
        if turns[0]["role"] != "system":
            raise
    system, first, *rest = turns
    before, question = system["content"], first["content"]
    if isinstance(question, str):
        joined: Any = f"{before}\n\n{question}"
    else:
        words = f"{before[-1]['text']}\n\n{question[-1]['text']}"
        joined = [*question[:-1], {"type": "text", "text": words}]
    return str(templater.apply_chat_template([{"role": "user", "content": joined}, *rest], **kwargs))


# the model


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decoding:
    """How tokens are chosen. Requests with the same go in one batch.

    Args:
        max_tokens: of one answer.
        temperature: 0 takes the likeliest token each time; above, tokens are drawn, and the seed and the question alone
            decide which: not what else is in the batch.
        seed: of the tokens that are drawn.
        repetition_penalty: 1 is none.
        options: arguments of the chat template, as JSON.
        shown: pictures are part of the question.
    """

    max_tokens: int
    temperature: float
    seed: int
    repetition_penalty: float
    options: str = "{}"
    shown: bool = False


class _SplitBatch(Exception):
    """These requests do not go together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A loaded model, and how it answers requests that came together.

    Args:
        model: of transformers, on its device.
        tokenizer: of the model.
        prepare: makes requests into what `model.generate` takes.
        device: `cpu`, `cuda`, `cuda:1`.
        stops: ids of the tokens that end an answer.
        context: how many tokens the model takes, question and answer together; None when unbounded.
    """

    model: Any
    tokenizer: Any
    prepare: Prepare
    device: str
    stops: tuple[int, ...]
    context: int | None = None

    def answers(self, requests: Sequence[Request], decoding: Any) -> list[Answer]:
        """As many answers, in order. Too little memory halves the batch; what fails in company is tried alone.

        Args:
            requests: one batch.
            decoding: a `_Decoding`, the same for all of them.

        Raises DeviceLostError when this process can use its card no more.
        """
        try:
            return self._together(requests, cast(_Decoding, decoding))
        except Exception as error:  # whatever a model or its preparation raises is an outcome of these requests
            reason = f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"
            if devices.lost(error):
                raise DeviceLostError(reason) from error
            short_of_memory = devices.no_room(error)
        # After the exception is let go: its traceback holds tensors of the failed batch.
        if short_of_memory:
            devices.let_go()
        if len(requests) == 1:
            return [Answer(outcome="failed", reason=reason, endpoint=f"local {self.device}")]
        step = (len(requests) + 1) // 2 if short_of_memory else 1
        parts = [requests[at : at + step] for at in range(0, len(requests), step)]
        return [answer for part in parts for answer in self.answers(part, decoding)]

    def _together(self, requests: Sequence[Request], decoding: _Decoding) -> list[Answer]:
        import torch

        start = time.monotonic()
        inputs = dict(self.prepare(requests, json.loads(decoding.options)))
        lengths = inputs["attention_mask"].sum(dim=1).tolist()
        limit = self._limit(max(lengths), len(requests), decoding.max_tokens)
        width = inputs["attention_mask"].shape[1] if "inputs_embeds" not in inputs else 0
        for name, value in inputs.items():
            if hasattr(value, "to"):
                dtype = self.model.dtype if value.is_floating_point() else None
                inputs[name] = value.to(device=self.device, dtype=dtype)
        how: dict[str, Any] = {"max_new_tokens": limit, "do_sample": False}
        if decoding.repetition_penalty != 1.0:
            how["repetition_penalty"] = decoding.repetition_penalty
        if decoding.temperature > 0:
            how["logits_processor"] = [drawn(decoding.temperature, [_seed(decoding.seed, each) for each in requests])]
        with torch.inference_mode():
            ids = self.model.generate(**inputs, **how)
        seconds = time.monotonic() - start
        rows = ids[:, width:].tolist()
        return [self._answer(row, length, limit, seconds) for row, length in zip(rows, lengths, strict=True)]

    def _limit(self, longest: int, count: int, max_tokens: int) -> int:
        """Tokens that each answer of the batch may have. Raises _SplitBatch, or ValueError for a single request."""
        left = max_tokens if self.context is None else self.context - longest
        if left >= max_tokens:
            return max_tokens
        if count > 1:
            raise _SplitBatch("together they leave too little room for answers")
        if left < 1:
            raise ValueError(
                f"the question has {longest} tokens, and the model takes {self.context} with the answer: "
                "show fewer or smaller frames, or ask in fewer words"
            )
        return left

    def _answer(self, row: list[int], tokens_in: int, limit: int, seconds: float) -> Answer:
        end = next((at for at, token in enumerate(row) if token in self.stops), None)
        words = row if end is None else row[:end]
        return Answer(
            outcome="truncated" if end is None else "answered",
            reason=f"no end within {limit} tokens" if end is None else "",
            text=without_thoughts(self.tokenizer.decode(words, skip_special_tokens=True)),
            tokens_in=tokens_in,
            tokens_out=len(row) if end is None else end + 1,
            seconds=seconds,
            endpoint=f"local {self.device}",
        )


def drawn(temperature: float, seeds: Sequence[int]) -> Callable[[Any, Any], Any]:
    """A logits processor that makes the likeliest token a drawn one: exponential noise, a generator for each row.

    The largest of logits / temperature + Gumbel noise is distributed as a softmax draws.

    Args:
        temperature: above 0.
        seeds: one a row of the batch.
    """
    import torch

    generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def noisy(_: Any, scores: Any) -> Any:
        rows = [torch.empty(scores.shape[-1]).exponential_(generator=generator) for generator in generators]
        gumbel = -torch.stack(rows).clamp_min(1e-30).log()
        return scores.float() / temperature + gumbel.to(scores.device)

    return noisy


def _seed(seed: int, request: Request) -> int:
    facts = json.dumps([seed, request.system, request.text, request.media, request.again])
    return int.from_bytes(hashlib.sha256(facts.encode()).digest()[:7], "big")


def only_stops(model: Any, tokenizer: Any) -> tuple[int, ...]:
    """The ids that end an answer, by the model's and the tokenizer's word.

    Nothing else of a model's own generation defaults holds (top_p, penalties): decoding is what the settings say.

    Args:
        model: of transformers; its `generation_config` is replaced.
        tokenizer: of the model; it pads on the left from now on, and gets a pad token where it has none.
    """
    from transformers import GenerationConfig

    given = model.generation_config.eos_token_id
    found = [*(given if isinstance(given, list | tuple) else [given]), tokenizer.eos_token_id]
    stops = tuple(dict.fromkeys(int(token) for token in found if token is not None))
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else next(iter(stops), 0)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(pad)
    tokenizer.padding_side = "left"
    model.generation_config = GenerationConfig(
        eos_token_id=list(stops) or None, pad_token_id=pad, bos_token_id=tokenizer.bos_token_id
    )
    return stops


def context_of(model: Any) -> int | None:
    """How many tokens a model takes, question and answer together, as its configuration says."""
    config = model.config.get_text_config() if hasattr(model.config, "get_text_config") else model.config
    found = getattr(config, "max_position_embeddings", None)
    return int(found) if found else None


# who shares it


@dataclass(frozen=True, slots=True)
class _Shared:
    """A loaded model and its queue: roles that ask the same one share both."""

    engine: Engine
    batcher: Batcher[Request, Answer]

    def close(self) -> None:
        """Ends the queue's thread; called by the room when the last owner has gone."""
        self.batcher.close()


async def take(key: Hashable, owner: object, load: Callable[[], Engine]) -> None:
    """Loads the model of that key, if nobody has it yet.

    Args:
        key: all that the loaded model depends on.
        owner: the expert; it gives the model back (`give_back`).
        load: loads it.
    """

    def make() -> _Shared:
        engine = load()
        return _Shared(engine, Batcher(engine.answers, "hoigen local model"))

    await asyncio.to_thread(room.take, key, owner, make)


async def give_back(key: Hashable, owner: object) -> None:
    """Lets the model go when nobody has it any more.

    Args:
        key: by which it was taken.
        owner: the expert that took it.
    """
    await asyncio.to_thread(room.give_back, key, owner)


async def ask(key: Hashable, request: Request, settings: Settings, *, shown: bool = False) -> Answer:
    """The answer of an opened model; raises for nothing that the model does, but DeviceLostError when this process can
    use its card no more.

    Args:
        key: by which it was taken.
        request: what is asked.
        settings: of the expert.
        shown: the request has frames.
    """
    shared: _Shared | None = room.taken(key)
    if shared is None:
        return Answer(outcome="failed", reason="the expert was asked before it was opened, or after it was closed")
    decoding = _Decoding(
        max_tokens=settings.max_tokens,
        temperature=settings.temperature,
        seed=settings.seed,
        repetition_penalty=settings.repetition_penalty,
        options=json.dumps(dict(settings.template), sort_keys=True),
        shown=shown,
    )
    try:
        return await asyncio.wrap_future(shared.batcher.submit(request, decoding, settings.batch))
    except DeviceLostError:
        raise
    except Exception as error:
        return Answer(outcome="failed", reason=f"{type(error).__name__}: {error}")
