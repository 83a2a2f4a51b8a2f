"""What is asked of an expert, the typed outcome of asking, and what an expert is."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from hoigen.core.clip import Clip, Frames, Sampling, Seconds

if TYPE_CHECKING:
    from pydantic import BaseModel

Outcome = Literal["answered", "truncated", "refused", "malformed", "timed_out", "failed"]
"""answered: text, and data when a schema was given. truncated: the limit of tokens was reached. refused: a filter or
the model declined. malformed: no answer as the schema wants it, also after a repair round. timed_out, failed: no
answer came. Only what was answered may become words of a caption."""

FINAL: frozenset[Outcome] = frozenset(("answered", "truncated", "refused", "malformed"))
"""Outcomes that asking again would repeat; the others are asked again by the next run."""

KEY_VERSION = 1


@functools.cache
def _schema_of(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One question, as an expert gets it.

    Args:
        text: the rendered prompt.
        system: a system prompt.
        template: `name@digest` of the prompt's file.
        media: digest of what is shown, "" when nothing is.
        frames: the pictures themselves; None where they need not be there (a stored answer is looked up, calls are
            counted).
        schema: the answer is JSON of this pydantic model.
        again: (the first answer, what was wrong with it) in the repair round.
        own: the prompt's own words, where the answer is to be one paragraph that describes the clip: it is checked as
            such (`experts.answers`). "" where it is something else. No part of the key.
        language: two letters, of the language of that paragraph; "" for that of `own`.
        likely: a field of the schema with a few values: how likely each was is wanted beside the answer, where the
            server says it. No part of the key.
        decoding: what is decoded otherwise than the expert's settings say (temperature, seed, max_tokens, ...), for
            this try alone. No part of the key: the answer takes the place of the one that failed.
    """

    text: str
    system: str = ""
    template: str = ""
    media: str = ""
    frames: Frames | None = None
    schema: type[BaseModel] | None = None
    again: tuple[str, str] | None = None
    own: str = ""
    language: str = ""
    likely: str = ""
    decoding: Mapping[str, Any] = field(default_factory=dict)

    @property
    def lacks_frames(self) -> bool:
        """Whether a clip is to be shown whose frames are not there."""
        return bool(self.media) and (self.frames is None or not len(self.frames))

    @property
    def json_schema(self) -> dict[str, Any] | None:
        return _schema_of(self.schema) if self.schema is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back.

    Args:
        outcome: whether it is an answer.
        text: "" unless something came.
        data: the schema's fields, validated; of a description `words` (one paragraph) and `doubts` (why it should be
            looked at).
        reason: why the outcome is not `answered`.
        tokens_in: of the question.
        tokens_out: of the answer.
        tries: requests sent to servers, retries included.
        seconds: wall time of the last try.
        endpoint: where it came from.
        unreachable: the endpoint itself is at fault, not this request.
        likely: value -> likelihood of the field that was asked for, together 1; {} where nobody said it.
        mended: how the question had to be changed for the server to take it, or with which other decoding it was asked.
    """

    outcome: Outcome
    text: str = ""
    data: Mapping[str, Any] | None = None
    reason: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    tries: int = 1
    seconds: Seconds = 0.0
    endpoint: str = ""
    unreachable: bool = False
    likely: Mapping[str, float] = field(default_factory=dict)
    mended: str = ""

    @property
    def ok(self) -> bool:
        return self.outcome == "answered"

    def because(self, outcome: Outcome, reason: str) -> Answer:
        """The same with another outcome, and without data.

        Args:
            outcome: what it comes to.
            reason: why.
        """
        return replace(self, outcome=outcome, reason=reason, data=None)


class Expert(Protocol):
    """A language model that answers in words. Settings are fields of a frozen dataclass.

    What an expert may have besides stands beside those who ask for it: `captioners` (scripted), `experts.batch` (body),
    `experts.dry` (prices), `slots_of` (endpoints).
    """

    @property
    def sampling(self) -> Sampling:
        """The frames it is shown when it is shown a clip; `Sampling(frames=0)` for one that only reads."""
        ...

    @property
    def slots(self) -> int:
        """How many requests it works on at once."""
        ...

    @property
    def identity(self) -> Mapping[str, Any]:
        """Model, revision and decoding parameters: all that an answer depends on besides the request; never where it is
        served."""
        ...

    async def answer(self, request: Request) -> Answer:
        """Never raises for what a server, a model or a network does: that is an outcome. A model in this process raises
        DeviceLostError when it can use its card no more."""
        ...

    async def open(self) -> None:
        """Before the first request: loads weights or looks whether the model is served. Raises SetupError."""
        ...

    async def close(self) -> None: ...


@runtime_checkable
class _Served(Protocol):
    """An expert whose `slots` are those of one endpoint, and that may have several."""

    endpoints: Sequence[Any]


def slots_of(experts: Iterable[Expert]) -> int:
    """How many requests these experts work on at once, all endpoints together."""
    return sum(each.slots * (max(1, len(each.endpoints)) if isinstance(each, _Served) else 1) for each in experts)


def media_digest(content: str, clip: Clip, sampling: Sampling) -> str:
    """Names the pictures that a sampling shows of a clip: by content, not by path. 16 hex digits.

    Args:
        content: digest of the video.
        clip: its start and end, in seconds, count.
        sampling: which frames, how large.
    """
    facts = [content, round(clip.start, 6), round(clip.end, 6), repr(sampling)]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def call_key(identity: Mapping[str, Any], request: Request) -> str:
    """The key under which an answer is kept: 64 hex digits of all that the answer depends on.

    Args:
        identity: model, revision and decoding parameters of the expert; where it is served does not count.
        request: what is asked.
    """
    facts = {
        "version": KEY_VERSION,
        "expert": dict(identity),
        "system": request.system,
        "text": request.text,
        "media": request.media,
        "schema": request.json_schema,
        "again": request.again,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


@runtime_checkable
class AsksExperts(Protocol):
    """A measure that asks experts: they are opened once, in a process of their own, for all workers.

    It asks them through `hoigen.models.experts._waiting.waiting_of(self)`, which is told where that process is, and
    where a run keeps answers. Where there is no such process (no workers, a measure tried out), its `load` opens
    them here. While it waits for answers it is called for other clips, as many as keep the experts' slots busy: it
    holds nothing that belongs to one clip.
    """

    experts: Sequence[Expert]
