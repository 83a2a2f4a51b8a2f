"""The cache of answers in front of experts: each question is asked once; JSON is validated, and mended once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from hoigen.core.clip import Clip, Frames, Sampling
from hoigen.models.experts import answers
from hoigen.models.experts.call import Answer, Expert, Request, call_key, media_digest
from hoigen.models.experts.calls import Asked, Calls

if TYPE_CHECKING:
    from pydantic import BaseModel

    from hoigen.models.experts.prompts import Prompt


T = TypeVar("T")


class NotKept(Exception):
    """No answer is kept for this call, and this desk may not ask."""


class _LeftOff(Exception):
    """Whoever was asking was cancelled; those who waited for the same answer ask themselves."""


Asking = Callable[["Expert", Request], Awaitable[Answer]]


class Desk:
    """Asks experts and keeps their answers. The same question asked twice at once is sent once.

    Args:
        calls: the table of answers.
        may_ask: if not, only kept answers are given; what is missing raises NotKept.
        asking: how an expert is asked, when it is not in this process.
    """

    def __init__(self, calls: Calls, *, may_ask: bool = True, asking: Asking | None = None) -> None:
        self.calls, self.may_ask = calls, may_ask
        self.asking = asking or (lambda expert, request: expert.answer(request))
        self.under_way: dict[str, asyncio.Future[Answer]] = {}

    async def ask(self, expert: Expert, request: Request, asked: Asked) -> tuple[str, Answer, bool]:
        """The key, the answer, and whether it was kept already.

        Args:
            expert: who is asked.
            request: what is asked.
            asked: what is kept beside the answer, for people.
        """
        key = call_key(expert.identity, request)
        kept = self.kept(key, request)
        if kept is not None:
            return key, kept, True
        if not self.may_ask:
            raise NotKept(key)
        while key in self.under_way:
            with contextlib.suppress(_LeftOff):
                return key, await asyncio.shield(self.under_way[key]), True
        self.under_way[key] = asyncio.get_running_loop().create_future()
        try:
            otherwise = self.calls.decoding_of(key)
            said = await self.asking(expert, replace(request, decoding=otherwise))
            how = ", ".join(filter(None, (said.mended, *(f"{name} {value}" for name, value in otherwise.items()))))
            answer = _checked(replace(said, text=_encodable(said.text), mended=how), request)
            self.calls.put(key, asked, answer)
            self.under_way[key].set_result(answer)
        except BaseException as error:
            self.under_way[key].set_exception(error if isinstance(error, Exception) else _LeftOff())
            self.under_way[key].exception()  # somebody may or may not be waiting
            raise
        finally:
            del self.under_way[key]
        return key, answer, False

    def kept(self, key: str, request: Request) -> Answer | None:
        """The kept answer; one that came with a batch is validated now, since the batch did not know its schema.

        Args:
            key: of the call (`call_key`).
            request: what was asked.
        """
        answer = self.calls.get(key)
        if answer is None or answer.data is not None:
            return answer
        checked = _checked(answer, request)
        if checked != answer:
            self.calls.mend(key, checked)
        return checked


@dataclass(slots=True)
class Conversation:
    """All that is asked about one clip. Captioners talk to experts through this alone, so nothing goes unrecorded.

    Args:
        clip: the clip.
        desk: where answers are kept and experts asked.
        content: digest of the video.
        frames: what was decoded, by sampling; empty where only kept answers are wanted.
        facts: scores and details of measures, by name.
        trace: every call in order, JSON types.
        unreachable: what an endpoint that is itself at fault said.
    """

    clip: Clip
    desk: Desk
    content: str = ""
    frames: Mapping[Sampling, Frames] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    trace: list[dict[str, Any]] = field(default_factory=list)
    unreachable: str = ""

    async def ask(
        self,
        role: str,
        expert: Expert,
        prompt: Prompt,
        *,
        sees: bool = False,
        schema: type[BaseModel] | None = None,
        describes: bool = False,
        language: str = "",
        likely: str = "",
    ) -> Answer:
        """Asks; with a schema, an answer that does not fit it is sent back once with what was wrong.

        Args:
            role: what the expert is here (`first`, `decision`), for the trace.
            expert: who is asked.
            prompt: the question.
            sees: the clip's frames are shown, as the expert's sampling wants them.
            schema: the answer is JSON of this model.
            describes: the answer is a paragraph that describes the clip, and is checked as such.
            language: two letters, of that paragraph; "" for that of the prompt.
            likely: a field of the schema: how likely its values were is wanted, where the server says it.
        """
        request = Request(
            text=prompt.text, system=prompt.system, template=prompt.template, schema=schema, likely=likely
        )
        if describes:
            request = replace(request, own=prompt.own, language=language)
        if sees:
            content = self.content or str(self.clip.meta.get("digest", self.clip.uri))
            media = media_digest(content, self.clip, expert.sampling)
            request = replace(request, media=media, frames=self.frames.get(expert.sampling))
        answer = await self._ask(role, expert, request)
        if answer.outcome == "malformed" and schema is not None:
            mended = replace(request, again=(answer.text, answer.reason))
            answer = await self._ask(f"{role}, repair", expert, mended)
        return answer

    async def _ask(self, role: str, expert: Expert, request: Request) -> Answer:
        name = str(expert.identity.get("model", type(expert).__name__))
        asked = Asked(clip=self.clip.id, role=role, expert=name, template=request.template, text=request.text)
        key, answer, kept = await self.desk.ask(expert, request, asked)
        if answer.unreachable:
            self.unreachable = answer.reason
        self.trace.append(
            {
                "role": role,
                "expert": name,
                "template": request.template,
                "key": key,
                "kept": kept,
                "outcome": answer.outcome,
                "reason": answer.reason,
                "text": answer.text,
                "data": answer.data,
                "tokens_in": answer.tokens_in,
                "tokens_out": answer.tokens_out,
                "seconds": round(answer.seconds, 3),
                "tries": answer.tries,
                **({"mended": answer.mended} if answer.mended else {}),
            }
        )
        return answer


async def together(*work: Coroutine[Any, Any, T]) -> list[T]:
    """All at once; when one raises the others are still seen through, so that what they are answered is kept."""
    ended = await asyncio.gather(*work, return_exceptions=True)
    done: list[T] = []
    for end in ended:
        if isinstance(end, BaseException):
            raise end
        done.append(end)
    return done


def _checked(answer: Answer, request: Request) -> Answer:
    """An answer in words is one that has some, and describes the clip where that was asked for; one with a schema, one
    that fits it and is not the prompt's own example."""
    if not answer.ok or answer.data is not None:  # an expert whose sentences are hoigen's own says so itself
        return answer
    if not answer.text.strip():
        return answer.because("malformed", "an empty answer")
    if request.own:
        found = answers.words_of(answer.text, own=request.own, language=request.language)
        if found.outcome != "answered":
            return answer.because(found.outcome, found.reason)
        fewer = [answer.mended] if "frames" in answer.mended else []
        return replace(answer, data={"words": _encodable(found.text), "doubts": [*found.doubts, *fewer]})
    if request.schema is None:
        return answer
    from pydantic import ValidationError

    try:
        fields = request.schema.model_validate(json_in(answer.text))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the answer"
        return answer.because("malformed", f"{where}: {first['msg']}")
    except ValueError as error:
        return answer.because("malformed", str(error))
    data = json.loads(_encodable(json.dumps(fields.model_dump(mode="json"), ensure_ascii=False)))
    if field_given_back := answers.placeholders(request.text, data):
        return answer.because("malformed", f"the prompt's own example given back: {field_given_back}")
    return replace(answer, data=data)


def _encodable(text: str) -> str:
    """A text that UTF-8 has: halves of characters, which models write now and then, become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _whole(digits: str) -> int:
    if len(digits) > 16:  # more than a double, and than the tables in which it would be kept
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _real(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{text[:20]} is no number that can be kept")
    return number


def json_in(text: str) -> Any:
    """The first JSON object in a text: bare, in a code fence, or with words around it. Raises ValueError.

    Never a part of an object that is broken or cut off: a part of an answer is another answer.
    """
    decoder = json.JSONDecoder(parse_int=_whole, parse_float=_real, parse_constant=_real)
    at = text.find("{")
    last = "no JSON object in the answer"
    while at >= 0:
        try:
            return decoder.raw_decode(text, at)[0]
        except RecursionError:
            raise ValueError("JSON that is nested too deeply") from None
        except ValueError as error:
            last = f"not valid JSON: {error}"
        depth, end = 0, at
        while end < len(text):  # on to where this brace is closed, or to the end of the text
            depth += (text[end] == "{") - (text[end] == "}")
            end += 1
            if depth == 0:
                break
        at = text.find("{", end)
    raise ValueError(last)
