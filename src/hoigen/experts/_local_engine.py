"""A loaded model, and how it answers requests that came together."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from hoigen import devices
from hoigen.experts._chat_replies import without_thoughts
from hoigen.experts.call import Answer, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """How tokens are chosen. options: arguments of the chat template, as JSON. shown: pictures are part of it.

    temperature 0 takes the likeliest token each time; above, tokens are drawn, and the seed and the question alone
    decide which: not what else is in the batch.
    """

    max_tokens: int
    temperature: float
    seed: int
    repetition_penalty: float
    options: str = "{}"
    shown: bool = False


Prepare = Callable[[Sequence[Request], Mapping[str, Any]], Mapping[str, Any]]
"""Requests and template options -> what the model takes, padded on the left, on the CPU, with an attention_mask."""


class SplitBatch(Exception):
    """These requests do not go together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """stops: ids of the tokens that end an answer. context: how many tokens the model takes; None when unbounded."""

    model: Any
    tokenizer: Any
    prepare: Prepare
    device: str
    stops: tuple[int, ...]
    context: int | None = None

    def answers(self, requests: Sequence[Request], decoding: Any) -> list[Answer]:
        """As many answers, in order. Too little memory halves the batch; what fails in company is tried alone."""
        made, reason, short_of_memory = self._tried(requests, cast(Decoding, decoding))
        if made is not None:
            return made
        if short_of_memory:
            devices.let_go()
        if len(requests) == 1:
            return [Answer(outcome="failed", reason=reason, endpoint=f"local {self.device}")]
        step = (len(requests) + 1) // 2 if short_of_memory else 1
        parts = [requests[at : at + step] for at in range(0, len(requests), step)]
        return [answer for part in parts for answer in self.answers(part, decoding)]

    def _tried(self, requests: Sequence[Request], decoding: Decoding) -> tuple[list[Answer] | None, str, bool]:
        try:
            return self._together(requests, decoding), "", False
        except Exception as error:  # whatever a model or its preparation raises is an outcome of these requests
            text = f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"
            if devices.lost(error):
                raise devices.DeviceLostError(text) from error
            return None, text, devices.no_room(error)

    def _together(self, requests: Sequence[Request], decoding: Decoding) -> list[Answer]:
        import torch

        start = time.monotonic()
        inputs = dict(self.prepare(requests, json.loads(decoding.options)))
        lengths = inputs["attention_mask"].sum(dim=1).tolist()
        limit = self._limit(max(lengths), len(requests), decoding.max_tokens)
        width = inputs["attention_mask"].shape[1] if "inputs_embeds" not in inputs else 0
        inputs = {name: _moved(value, self.device, self.model.dtype) for name, value in inputs.items()}
        with torch.inference_mode():
            ids = self.model.generate(**inputs, **self._how(requests, decoding, limit))
        seconds = time.monotonic() - start
        rows = ids[:, width:].tolist()
        return [self._answer(row, length, limit, seconds) for row, length in zip(rows, lengths, strict=True)]

    def _limit(self, longest: int, count: int, max_tokens: int) -> int:
        room = max_tokens if self.context is None else self.context - longest
        if room >= max_tokens:
            return max_tokens
        if count > 1:
            raise SplitBatch("together they leave too little room for answers")
        if room < 1:
            raise ValueError(
                f"the question has {longest} tokens, and the model takes {self.context} with the answer: "
                "show fewer or smaller frames, or ask in fewer words"
            )
        return room

    def _how(self, requests: Sequence[Request], decoding: Decoding, limit: int) -> dict[str, Any]:
        how: dict[str, Any] = {"max_new_tokens": limit, "do_sample": False}
        if decoding.repetition_penalty != 1.0:
            how["repetition_penalty"] = decoding.repetition_penalty
        if decoding.temperature > 0:
            seeds = [_seed(decoding.seed, request) for request in requests]
            how["logits_processor"] = [drawn(decoding.temperature, seeds)]
        return how

    def _answer(self, row: list[int], tokens_in: int, limit: int, seconds: float) -> Answer:
        end = next((at for at, token in enumerate(row) if token in self.stops), None)
        words = row if end is None else row[:end]
        text = without_thoughts(self.tokenizer.decode(words, skip_special_tokens=True))
        facts: dict[str, Any] = {
            "text": text,
            "tokens_in": tokens_in,
            "tokens_out": len(row) if end is None else end + 1,
            "seconds": seconds,
            "endpoint": f"local {self.device}",
        }
        if end is None:
            return Answer(outcome="truncated", reason=f"no end within {limit} tokens", **facts)
        return Answer(outcome="answered", **facts)


def drawn(temperature: float, seeds: Sequence[int]) -> Callable[[Any, Any], Any]:
    """A logits processor that makes the likeliest token a drawn one: exponential noise, a generator for each row.

    The largest of logits / temperature + Gumbel noise is distributed as a softmax draws.
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


def _moved(value: Any, device: str, dtype: Any) -> Any:
    if not hasattr(value, "to"):
        return value
    return value.to(device=device, dtype=dtype) if value.is_floating_point() else value.to(device)


def only_stops(model: Any, tokenizer: Any) -> tuple[int, ...]:
    """The ids that end an answer, by the model's and the tokenizer's word.

    Nothing else of a model's own generation defaults holds (top_p, penalties): decoding is what the settings say.
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
