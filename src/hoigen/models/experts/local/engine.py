"""A model in this process: requests as chats, what is generated for those that came together, and who shares it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Literal

from hoigen.core import devices
from hoigen.core.devices import DeviceLostError
from hoigen.core.settings import Setting
from hoigen.models import room
from hoigen.models.batcher import Batcher
from hoigen.models.experts.answers import without_thoughts
from hoigen.models.experts.call import Answer, Request

Dtype = Literal["auto", "float32", "bfloat16", "float16"]
Message = dict[str, Any]
Prepare = Callable[[Sequence[Request], Mapping[str, Any]], Mapping[str, Any]]
"""Requests and template options -> what the model takes, padded on the left, on the CPU, with an attention_mask."""


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
        by_schema: an answer in JSON is held to its schema, token by token.
    """

    max_tokens: int
    temperature: float
    seed: int
    repetition_penalty: float
    options: str = "{}"
    shown: bool = False
    by_schema: bool = True


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

    @classmethod
    def of(cls, model: Any, tokenizer: Any, prepare: Prepare, device: str) -> Engine:
        """A loaded model, asked by its settings alone: of its own generation defaults (top_p, penalties) only the
        tokens that end an answer hold.

        Args:
            model: of transformers; its `generation_config` is replaced.
            tokenizer: of the model; it pads on the left from now on, and gets a pad token where it has none.
            prepare: makes requests into what `model.generate` takes.
            device: where the model is.
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
        config = model.config.get_text_config() if hasattr(model.config, "get_text_config") else model.config
        context = getattr(config, "max_position_embeddings", None)
        return cls(
            model=model,
            tokenizer=tokenizer,
            prepare=prepare,
            device=device,
            stops=stops,
            context=int(context) if context else None,
        )

    def answers(self, requests: Sequence[Request], decoding: Any) -> list[Answer]:
        """As many answers, in order. Too little memory halves the batch; what fails in company is tried alone.

        Args:
            requests: one batch.
            decoding: a `_Decoding`, the same for all of them.

        Raises DeviceLostError when this process can use its card no more.
        """
        try:
            return self._together(requests, decoding)
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
        """Raises _SplitBatch, or ValueError for a single request that leaves no room for an answer."""
        import torch

        start = time.monotonic()
        inputs = dict(self.prepare(requests, json.loads(decoding.options)))
        lengths = inputs["attention_mask"].sum(dim=1).tolist()
        left = decoding.max_tokens if self.context is None else self.context - max(lengths)
        if left < decoding.max_tokens and len(requests) > 1:
            raise _SplitBatch("together they leave too little room for answers")
        if left < 1:
            raise ValueError(
                f"the question has {max(lengths)} tokens, and the model takes {self.context} with the answer: "
                "show fewer or smaller frames, or ask in fewer words"
            )
        limit = min(left, decoding.max_tokens)
        width = inputs["attention_mask"].shape[1] if "inputs_embeds" not in inputs else 0
        for name, value in inputs.items():
            if hasattr(value, "to"):
                dtype = self.model.dtype if value.is_floating_point() else None
                inputs[name] = value.to(device=self.device, dtype=dtype)
        how: dict[str, Any] = {"max_new_tokens": limit, "do_sample": False}
        if decoding.repetition_penalty != 1.0:
            how["repetition_penalty"] = decoding.repetition_penalty
        processors: list[Callable[[Any, Any], Any]] = []
        if decoding.by_schema and any(each.schema is not None for each in requests):
            processors.append(self._held([each.json_schema for each in requests], width))
        if decoding.temperature > 0:
            asked = [[decoding.seed, each.system, each.text, each.media, each.again] for each in requests]
            digests = [hashlib.sha256(json.dumps(facts).encode()).digest() for facts in asked]
            seeds = [int.from_bytes(digest[:7], "big") for digest in digests]
            processors.append(drawn(decoding.temperature, seeds))
        if processors:
            how["logits_processor"] = processors
        with torch.inference_mode():
            ids = self.model.generate(**inputs, **how)
        seconds = time.monotonic() - start
        made = []
        for row, length in zip(ids[:, width:].tolist(), lengths, strict=True):
            end = next((at for at, token in enumerate(row) if token in self.stops), None)
            words = self.tokenizer.decode(row if end is None else row[:end], skip_special_tokens=True)
            made.append(
                Answer(
                    outcome="truncated" if end is None else "answered",
                    reason=f"no end within {limit} tokens" if end is None else "",
                    text=without_thoughts(words),
                    tokens_in=length,
                    tokens_out=len(row) if end is None else end + 1,
                    seconds=seconds,
                    endpoint=f"local {self.device}",
                )
            )
        return made

    def _held(self, schemas: Sequence[Mapping[str, Any] | None], width: int) -> Callable[[Any, Any], Any]:
        """A logits processor that leaves only the tokens with which an answer can still fit its schema, field after
        field in the schema's order.

        Args:
            schemas: one a row of the batch; None leaves a row as it is.
            width: tokens of the questions, in front of the answers.

        Raises ValueError for a schema that the library does not know.
        """
        import numpy as np
        import torch
        from llguidance import LLMatcher, hf

        words = room.running(
            self.tokenizer, lambda: hf.from_tokenizer(self.tokenizer, eos_token=list(self.stops) or None)
        )
        tight = {"whitespace_flexible": False}
        rows = [
            LLMatcher(words, LLMatcher.grammar_from_json_schema(json.dumps(closed(schema)), defaults=tight))
            if schema
            else None
            for schema in schemas
        ]
        if wrong := next((row.get_error() for row in rows if row is not None and row.is_error()), ""):
            raise ValueError(f"a schema that cannot be held to: {wrong}")

        def held(ids: Any, scores: Any) -> Any:
            masks = np.ones(scores.shape, bool)
            for at, row in enumerate(rows):
                if row is None:
                    continue
                if ids.shape[1] > width and not row.is_stopped():
                    row.consume_token(int(ids[at, -1]))
                if row.is_stopped():
                    masks[at] = False
                    masks[at, list(self.stops)] = True
                    continue
                bits = np.unpackbits(np.frombuffer(row.compute_bitmask(), np.uint8), bitorder="little")
                masks[at] = False
                masks[at, : len(bits)] = bits[: scores.shape[-1]]
            return scores.masked_fill(~torch.from_numpy(masks).to(scores.device), float("-inf"))

        return held


def closed(schema: Any) -> Any:
    """A JSON schema whose objects have all their fields and no others, as servers are asked for it."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    made = {name: closed(value) for name, value in schema.items()}
    if isinstance(made.get("properties"), Mapping):
        made |= {"additionalProperties": False, "required": list(made["properties"])}
    return made


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


# who has it


@dataclass(frozen=True, kw_only=True)
class LocalModel:
    """The settings that both local experts have, and how they share what is loaded: roles that ask the same model have
    one engine and one queue. What an expert has besides makes another model, unless it says so in `ASKED`."""

    model: Annotated[str, Setting("an id of the Hugging Face hub, or a folder")]
    revision: Annotated[str, Setting("branch, tag or commit of the hub")] = ""
    dtype: Annotated[Dtype, Setting("type of the weights; auto is that of the checkpoint")] = "auto"
    device: Annotated[str, Setting("auto is the graphics card where there is one")] = "auto"
    max_tokens: Annotated[int, Setting("longest answer; one that has no end by then is `truncated`")] = 512
    temperature: Annotated[
        float, Setting("0 takes the likeliest token, above 0 tokens are drawn by `seed` and the question")
    ] = 0.0
    seed: Annotated[int, Setting("of the tokens that are drawn")] = 0
    repetition_penalty: Annotated[float, Setting("1 is none")] = 1.0
    template: Annotated[
        Mapping[str, Any], Setting("arguments for the model's chat template, such as {enable_thinking: false}")
    ] = field(default_factory=dict)
    json_mode: Annotated[
        Literal["schema", "prompt"],
        Setting("`schema` holds an answer in JSON to its schema, token by token; `prompt` asks by the prompt alone"),
    ] = "schema"
    batch: Annotated[int, Setting("requests generated together")] = 4
    slots: Annotated[int, Setting("requests taken at once, at least `batch`, so that the next batch waits")] = 8

    def __post_init__(self) -> None:
        if not self.model:
            raise ValueError("model: a folder, a .gguf file, or an id of the Hugging Face hub (owner/name)")
        if self.max_tokens < 1 or self.batch < 1:
            raise ValueError("max_tokens and batch are at least 1")
        if self.slots < self.batch:
            raise ValueError(f"slots ({self.slots}) cannot be fewer than batch ({self.batch})")
        if self.temperature < 0 or self.repetition_penalty <= 0:
            raise ValueError("temperature is 0 or more, repetition_penalty more than 0")

    @property
    def decoding(self) -> dict[str, Any]:
        """The settings that an answer depends on, as they go into `identity`."""
        facts: dict[str, Any] = {
            "dtype": self.dtype,
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "repetition_penalty": self.repetition_penalty,
            "json": self.json_mode,
        }
        if self.temperature > 0:
            facts["seed"] = self.seed
        return facts | ({"template": dict(self.template)} if self.template else {})

    @property
    def _key(self) -> Hashable:
        """All that the loaded model depends on."""
        loaded = [each.name for each in fields(self) if each.name not in ASKED]
        return type(self), *(getattr(self, name) for name in loaded)

    def load(self) -> Engine:
        """The model, ready to be asked. Raises SetupError or UsageError."""
        raise NotImplementedError

    async def open(self) -> None:
        def shared() -> Batcher[Request, Answer]:
            return Batcher(self.load().answers, "hoigen local model")

        await asyncio.to_thread(room.take, self._key, self, shared)

    async def answer(self, request: Request) -> Answer:
        queue: Batcher[Request, Answer] | None = room.taken(self._key)
        if queue is None:
            return Answer(outcome="failed", reason="the expert was asked before it was opened, or after it was closed")
        names = ("max_tokens", "temperature", "seed", "repetition_penalty")
        how: dict[str, Any] = {name: request.decoding.get(name, getattr(self, name)) for name in names}
        decoding = _Decoding(
            **how,
            options=json.dumps(dict(self.template), sort_keys=True),
            shown=request.frames is not None,
            by_schema=self.json_mode == "schema",
        )
        try:
            return await asyncio.wrap_future(queue.submit(request, decoding, self.batch))
        except DeviceLostError:
            raise
        except Exception as error:
            return Answer(outcome="failed", reason=f"{type(error).__name__}: {error}")

    async def close(self) -> None:
        await asyncio.to_thread(room.give_back, self._key, self)


ASKED = frozenset(("max_tokens", "temperature", "seed", "repetition_penalty", "template", "batch", "slots", "sampling"))
"""Settings of how a model is asked: experts that differ in nothing else share it."""
