"""A request as the JSON of /v1/chat/completions, and a server's reply -> an answer, or what to do instead."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from hoigen.core.clip import Seconds
from hoigen.models.experts.answers import without_thoughts
from hoigen.models.experts.call import Answer, Outcome, Request
from hoigen.models.experts.chat import pictures
from hoigen.models.experts.chat.client import Reply

if TYPE_CHECKING:
    from hoigen.core.clip import Frames

Part = dict[str, Any]
Media = Literal["frames", "video"]
JsonMode = Literal["schema", "object", "prompt"]
JSON_MODES: tuple[JsonMode, ...] = ("schema", "object", "prompt")
"""From the most to the least that is asked of a server."""

OWN_KEYS = frozenset(("model", "messages", "stream", "n", "response_format"))
"""Keys of a body that extra_body may not set: what is asked and how the answer is read hang on them."""

AS_JSON = "Answer with one JSON object that fits this JSON schema, and with nothing else:\n{schema}"
AGAIN = (
    "That answer could not be used: {wrong}. Answer the same question again with one JSON object of the form that was "
    "asked for, and with nothing else: no words around it, no code fence."
)

LONGEST_ANSWER = 200_000
"""Characters; a caption has some hundreds, the longest list of claims some ten thousand."""
MOST_TOKENS = 1 << 40
"""Beyond, a server's own count is no count; and no database has numbers of thirty digits."""
SHOWN = 300
"""Characters of a server's message that a reason repeats."""

Action = Literal["again", "slower", "elsewhere", "shut", "plainer", "untold", "join", "fewer", "stop"]
"""again: the same question once more. slower: that too, and the server is overloaded. elsewhere: it cannot be reached.
shut: it takes none of this expert's requests. plainer: it does not know this way of asking for JSON. untold: it does
not say how likely its words were. join: it knows no system prompt. fewer: there are too many pictures for it. stop:
asking again would not help."""

NO_SCHEMA = re.compile(r"response_?format|json_?schema|json_?object|structured|grammar|guided|schema", re.I)
BAD_SCHEMA = re.compile(r"invalid schema|unsupported schema|schema .{0,300}(invalid|not valid)", re.I)
REFUSED_CODE = re.compile(r"content_?filter|content_?policy|moderation|data_?inspection|responsible_?ai", re.I)
REFUSED_WORDS = re.compile(r"content (management )?(policy|filter)|was flagged|inappropriate content", re.I)
NO_MONEY = re.compile(r"insufficient_quota|billing|payment required|insufficient (balance|credits)", re.I)
PAGE_HEAD = 4000
"""Characters of a web page in which its title is looked for, and of a server's error in which words are."""
PAGE = re.compile(r"\s*<(!doctype html|html)", re.I)
NO_PICTURES = re.compile(
    r"(image|video|vision|multi-?modal)s? (input )?(is|are) not supported|not a multi-?modal"
    r"|(not|n't) support (image|video|vision|multi-?modal)",
    re.I,
)
"""The model takes no pictures: so it is with every clip."""
NO_LIKELIHOOD = re.compile(r"log_?prob", re.I)
NO_SYSTEM = re.compile(
    r"system[ _-]?(role|message|prompt|instruction)s?\b.{0,40}(not|un|n't) ?(supported|allowed|enabled|valid|accepted)|"
    r"(not|n't) support.{0,30}system|roles? must alternate|only user and assistant roles|"
    r"unexpected (role.{0,20}system|system role)|invalid role.{0,20}system|developer instruction is not enabled",
    re.I | re.S,
)
TEENS = ("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen")
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", *TEENS)
"""As servers write how many pictures they take; and `single`."""
_WORD = rf"(?:single|{'|'.join(NUMBERS)})\b"
_SEEN = r"(?:image|picture|photo|video|frame)"
_MOST = (
    r"(?:at most|up to|(?:no|not) more than|limit\w{0,3}(?: requests?| prompts?| messages?)?(?: to| of| is|:)?|"
    r"max(?:imum)?(?: of| is|:)?|only(?: (?:support|accept|allow|take|handle|process|include|have|use)\w{0,2})?)"
)
_NO_UNIT = r"(?!\d|[.,x×]\d|\W?(?:[kmg]i?b|bytes?|pixels?|px|s|sec\w*|tokens?|megap\w*|%)(?![a-z]))"
TOO_MANY = re.compile(
    rf"{_MOST} (?:a |an |the )?(?P<a>\d{{1,6}}|{_WORD})[ -](?:input |reference )?{_SEEN}"
    r"(?!s?(?:\(s\))? (?:was|were|found|given|got|has been|have been))|"
    rf"\b(?P<b>\d{{1,6}}|{_WORD})[ -](?:input )?{_SEEN}s?(?:\(s\))? (?:inputs? )?"
    r"(?:at most|max|or (?:fewer|less)|only|per \w{1,20} (?:is|are) (?:supported|allowed))|"
    rf"(?:more than|over|beyond) (?P<c>\d{{1,6}}|{_WORD}) (?:input )?{_SEEN}s?(?:\(s\))? "
    r"(?:(?:is|are) not|isn't|aren't|cannot|can't|(?:is|are) un)|"
    rf"(?:not|n't) (?:support|accept|allow|take|handle)\w{{0,3}} more than (?P<d>\d{{1,6}}|{_WORD}) (?:input )?{_SEEN}|"
    rf"(?:(?:too many|number of|count of) (?:input )?{_SEEN}s?|{_SEEN}s? (?:count|(?=limit|exceed))).{{0,80}}?"
    r"(?:>|exceed|limit|max|only|at most|up to|support|allow)"
    rf"(?:\D{{0,24}}?(?P<e>\d{{1,6}}){_NO_UNIT}|\w{{0,8}}\W{{0,3}}(?:is |of |to |a ){{0,2}}(?P<f>{_WORD}))|"
    rf"(?:maximum|limit|max)\w{{0,20}} (?:number )?of {_SEEN}s\D{{0,40}}(?P<g>\d{{1,6}}){_NO_UNIT}",
    re.I | re.S,
)
"""How many pictures may be shown, in the words of servers."""
ONLY_ONE = re.compile(
    rf"(?:multiple|several|many) (?:input )?{_SEEN}s?(?: inputs?)? (?:(?:is|are) (?:not|un)|isn't|aren't|not )|"
    rf"(?:not|n't) (?:support|accept|allow|take|handle)\w{{0,3}} (?:multiple|several|multi-?) ?(?:input )?{_SEEN}",
    re.I,
)
SO_MANY = re.compile(rf"too many (?:\w{{1,20}} )?{_SEEN}", re.I)
"""Too many, and no word of how many may be."""
RATE = re.compile(r"\b(?:per|an?|each|every) (?:second|minute|hour|day|month)\b|rate.?limit", re.I)
"""What is too much within some time is no matter of one question."""
TOO_LONG = re.compile(
    r"(maximum|available|max\w{0,20}) (model |sequence )?(context|length|position)|context[ _-]?(length|size|window)|"
    r"(prompt|input) is too long|too many (input )?tokens|longer than the maximum|"
    r"exceed\w{0,10} .{0,40}(context|token|length)",
    re.I,
)
"""The question with its pictures does not fit."""
ROOM = re.compile(r"(?:maximum|available|max\w{0,20}|limit|context|window|n_ctx)\D{0,60}(\d{3,7})\b", re.I)
ROOM_FIELDS = ("n_ctx", "n_ctx_slot", "max_model_len", "max_context_length", "context_length", "context_window")
ASKED_FIELDS = ("n_prompt_tokens", "prompt_tokens", "num_prompt_tokens", "input_tokens", "n_tokens", "num_tokens")
"""Where a server gives how many tokens it takes, and how many there were, as numbers."""
STATUS_IN_WORDS = re.compile(r"(?:code|status|http)\W{0,3}\d{3}\b", re.I)
RETRIED = frozenset((408, 409, 425))
OVERLOADED = frozenset((429, 503, 529))
SHUT = frozenset((301, 302, 303, 307, 308, 401, 402, 403, 404))
CUT_OFF = frozenset(("length", "max_tokens"))
FILTERED = frozenset(("content_filter", "safety"))


def shown(frames: Frames, media: Media) -> list[Part]:
    """The parts of a message that show frames.

    Args:
        frames: of the clip, uint8 RGB or grey.
        media: `frames` for JPEG pictures, each after the time at which it was taken; `video` for one mp4 of all.
    """
    if media == "video":
        url = pictures.data_url(pictures.mp4(frames), "video/mp4")
        return [{"type": "video_url", "video_url": {"url": url}}]
    parts: list[Part] = []
    for time, picture in zip(frames.times, pictures.jpegs(frames), strict=True):
        parts.append({"type": "text", "text": f"t={float(time):.2f} s"})
        parts.append({"type": "image_url", "image_url": {"url": pictures.data_url(picture, "image/jpeg")}})
    return parts


def thinned(seen: Sequence[Part], most: int | None) -> list[Part]:
    """The parts of fewer frames, spread evenly; a video stays whole.

    Args:
        seen: parts that show frames, each after its time (`shown`).
        most: frames; None for all.
    """
    frames = len(seen) // 2
    if most is None or most >= frames:
        return list(seen)
    chosen = [round((at + 0.5) * frames / most - 0.5) for at in range(most)]
    return [part for at in chosen for part in seen[2 * at : 2 * at + 2]]


def messages(request: Request, seen: Sequence[Part], mode: JsonMode, *, joined: bool = False) -> list[dict[str, Any]]:
    """System prompt, what is seen and the question; in the repair round also the first answer and what was wrong.

    Args:
        request: what is asked.
        seen: the parts that show the clip (`shown`); empty when nothing is shown.
        mode: how JSON is asked for; but for `schema`, the question ends with the schema in words.
        joined: the system prompt stands in front of the question, for a model that knows none.
    """
    question = request.text
    if request.schema is not None and mode != "schema":
        schema = json.dumps(request.json_schema, ensure_ascii=False)
        question = f"{question}\n\n{AS_JSON.format(schema=schema)}"
    if joined and request.system:
        question = f"{request.system}\n\n{question}"
    content: Any = [*seen, {"type": "text", "text": question}] if seen else question
    turns: list[dict[str, Any]] = (
        [{"role": "system", "content": request.system}] if request.system and not joined else []
    )
    turns.append({"role": "user", "content": content})
    if request.again is not None:
        answer, wrong = request.again
        turns.append({"role": "assistant", "content": answer or "(no answer)"})
        turns.append({"role": "user", "content": AGAIN.format(wrong=wrong.rstrip("."))})
    return turns


def body_of(
    request: Request,
    seen: Sequence[Part],
    mode: JsonMode,
    model: str,
    decoding: Mapping[str, Any],
    *,
    joined: bool = False,
    told: bool = False,
) -> dict[str, Any]:
    """The body of a request.

    Args:
        request: what is asked.
        seen: the parts that show the clip (`shown`).
        mode: how JSON is asked for, when the request has a schema; with `prompt` the words alone ask.
        model: the name under which the server has it.
        decoding: temperature and its like; those that are None are left to the server.
        joined: the system prompt stands in front of the question.
        told: how likely the words were is asked for.
    """
    body: dict[str, Any] = {"model": model, "messages": messages(request, seen, mode, joined=joined)}
    body |= {name: value for name, value in decoding.items() if value is not None}
    body |= {"logprobs": True, "top_logprobs": 5} if told else {}
    if request.schema is None or mode == "prompt":
        return body
    if mode == "object":
        return body | {"response_format": {"type": "json_object"}}
    import openai

    strict = openai.pydantic_function_tool(request.schema)["function"]["parameters"]
    name = re.sub(r"[^a-zA-Z0-9_-]", "_", request.schema.__name__)[:64]
    schema = {"name": name, "strict": True, "schema": strict}
    return body | {"response_format": {"type": "json_schema", "json_schema": schema}}


@dataclass(frozen=True, slots=True)
class Fault:
    """Why there is no answer.

    Args:
        action: what to do now.
        reason: in words.
        outcome: what it comes to when it stays so.
        wait: seconds that the server asks to wait.
        one_schema: it is this schema that the server does not take, not the way of asking for JSON.
        share: of the pictures, how much may be shown (0..1), where they are too many; 1 for a number in `most`.
        most: how many pictures it takes; 0 where it does not say.
    """

    action: Action
    reason: str
    outcome: Outcome = "failed"
    wait: Seconds | None = None
    one_schema: bool = False
    share: float = 1.0
    most: int = 0


def read(reply: Reply, *, asked_for_json: bool = False) -> Answer | Fault:
    """The answer in a reply, or why there is none.

    Args:
        reply: what the server sent.
        asked_for_json: the request had a response_format.
    """
    if reply.trouble == "not reached":
        return Fault("elsewhere", reply.reason)
    if reply.trouble == "late":
        return Fault("slower", reply.reason, "timed_out")
    if reply.trouble == "broken off":
        return Fault("again", reply.reason)
    error = error_in(reply.body)
    if reply.status >= 300 or (error and not reply.body.get("choices")):
        status = reply.status if reply.status >= 300 else error.get("code")
        return _fault(status if isinstance(status, int) else 0, error, reply, asked_for_json)
    if not isinstance(reply.body, Mapping):
        text = _text_of(reply.body)
        if is_page(reply.body):
            return Fault("again", f"{text} instead of JSON")
        return Fault("again", f"not JSON: {short(text, 80)!r}" if text.strip() else "an empty reply instead of JSON")
    if "choices" not in reply.body:
        return Fault("again", f"not a chat completion: JSON with {', '.join(map(str, reply.body)) or 'nothing in it'}")
    return answer_of(reply.body)


def _fault(status: int, error: Mapping[str, Any], reply: Reply, asked_for_json: bool) -> Fault:
    """Of a reply that says what is wrong. status: of HTTP; 0 when there is only an error's own word for it."""
    said = (str(error.get("message") or "").strip() or _text_of(reply.body))[:PAGE_HEAD]
    code = " ".join(str(error[name])[:SHOWN] for name in ("code", "type") if error.get(name))
    reason = f"{f'HTTP {status}: ' if status else ''}{short(said) or 'an error without a word'}"
    if REFUSED_CODE.search(code) or (status in (0, 400, 403, 422) and REFUSED_WORDS.search(said)):
        return Fault("stop", reason, "refused")
    if NO_LIKELIHOOD.search(said) and status in (400, 422, 501):
        return Fault("untold", reason)
    if NO_SYSTEM.search(said):
        return Fault("join", reason)
    if not RATE.search(said):
        if (most := most_pictures(said)) is not None:
            return Fault("fewer", reason, most=most) if most else Fault("shut", reason)
        if SO_MANY.search(said):
            return Fault("fewer", reason, share=0.5)
    if TOO_LONG.search(said):
        return Fault("fewer", reason, share=min(0.5, _share(said, error, reply.body)))
    if status in SHUT or (status == 429 and NO_MONEY.search(code)) or NO_PICTURES.search(said):
        return Fault("shut", reason)
    if status in OVERLOADED:
        return Fault("slower", reason, wait=reply.retry_after)
    if status == 0 or status in RETRIED or (status >= 500 and status != 501):
        return Fault("again", reason, wait=reply.retry_after)
    if asked_for_json and NO_SCHEMA.search(said):
        return Fault("plainer", reason, one_schema=bool(BAD_SCHEMA.search(said)))
    return Fault("stop", reason)


def most_pictures(said: str) -> int | None:
    """How many pictures a server takes by its own words; None where they do not tell it."""
    if ONLY_ONE.search(said):
        return 1
    if (found := TOO_MANY.search(said)) is None:
        return None
    word = next(group for group in found.groups() if group is not None).lower()
    return int(word) if word.isdigit() else 1 if word == "single" else NUMBERS.index(word)


def _share(said: str, error: Mapping[str, Any], body: Any) -> float:
    """Of a question that is too long, how much of its pictures may stay, with some room left; half where nothing tells
    how long it is. A status is no length."""
    places = [error, body] if isinstance(body, Mapping) else [error]
    lengths = [
        [place[name] for place in places for name in names if type(place.get(name)) is int and place[name] > 0]
        for names in (ROOM_FIELDS, ASKED_FIELDS)
    ]
    if all(lengths):
        return 0.9 * float(min(lengths[0]) / max(lengths[1]))
    told = STATUS_IN_WORDS.sub("", said)
    sizes = sorted(int(number) for number in re.findall(r"\b\d{3,7}\b", told))
    if len(sizes) < 2:
        return 0.5
    room = ROOM.search(told)
    fits = int(room[1]) if room and int(room[1]) < sizes[-1] else sizes[0]
    return 0.9 * fits / sizes[-1]


def likelihoods(completion: Any, request: Request) -> dict[str, float]:
    """How likely each value of the field was that the request asks for, out of the server's log-probabilities; {} where
    it gave none, or none of the values is among them.

    Args:
        completion: the JSON of the server.
        request: with `likely`, a field of its schema whose values are listed there.
    """
    choices = completion.get("choices") if isinstance(completion, Mapping) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    told = first.get("logprobs") if isinstance(first, Mapping) else None
    tokens = told.get("content") if isinstance(told, Mapping) else None
    if not isinstance(tokens, list) or not all(isinstance(token, Mapping) for token in tokens):
        return {}
    values = (request.json_schema or {}).get("properties", {}).get(request.likely, {}).get("enum", [])
    words = [str(token.get("token", "")) for token in tokens]
    begins: set[int] = set()  # where in the text a value of the field begins, its quotation mark before or behind
    for name in re.finditer(rf'"{re.escape(request.likely)}"\s*:(\s*"?)', "".join(words)):
        begins.update(range(name.start(1), name.end() + 1))
    at = 0
    for token, word in zip(tokens, words, strict=True):
        if at in begins:
            found = _shares(token.get("top_logprobs"), values)
            if total := sum(found.values()):
                return {value: share / total for value, share in found.items()}
        at += len(word)
    return {}


def _shares(others: Any, values: Sequence[str]) -> dict[str, float]:
    """value -> sum of the likelihoods of the tokens that it begins with; {} where the server wrote something else."""
    found = dict.fromkeys(values, 0.0)
    for other in others if isinstance(others, list) else ():
        token, weight = (other.get("token"), other.get("logprob")) if isinstance(other, Mapping) else (None, None)
        if not isinstance(token, str) or not isinstance(weight, int | float):
            return {}
        try:
            share = math.exp(min(0.0, weight))
        except OverflowError:
            return {}
        if math.isnan(weight) or weight == math.inf:
            return {}
        start = token.strip().strip('"')
        for value in values if start else ():
            found[value] += share if value.startswith(start) else 0.0
    return found


def answer_of(completion: Mapping[str, Any]) -> Answer:
    """The answer that a chat completion (the JSON of the server) holds: answered, truncated, refused or malformed."""
    usage = completion.get("usage")
    spent = usage if isinstance(usage, Mapping) else {}
    given = (spent.get(name) for name in ("prompt_tokens", "completion_tokens"))
    tokens_in, tokens_out = (count if type(count) is int and 0 < count < MOST_TOKENS else 0 for count in given)
    base = Answer(outcome="answered", tokens_in=tokens_in, tokens_out=tokens_out)
    choices = completion.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, Mapping) else None
    if not isinstance(first, Mapping) or not isinstance(message, Mapping):
        return base.because("malformed", "the server's reply has no choices" if first is None else "a choice is empty")
    content = message.get("content")
    parts = content if isinstance(content, list) else [{"text": content}]  # a text, or parts of which some are texts
    texts = (part.get("text") for part in parts if isinstance(part, Mapping))
    answer = replace(base, text=without_thoughts("".join(text for text in texts if isinstance(text, str))))
    ended = str(first.get("finish_reason") or "").lower()
    if message.get("refusal"):
        return answer.because("refused", f"the model declined: {short(str(message['refusal']))}")
    if ended in FILTERED:
        return answer.because("refused", f"a filter stopped the answer (finish_reason {ended})")
    if ended in CUT_OFF:
        return answer.because("truncated", f"the limit of tokens was reached after {tokens_out} (max_tokens)")
    if len(answer.text) > LONGEST_ANSWER:
        cut = replace(answer, text=f"{answer.text[:SHOWN]}…")
        return cut.because("malformed", f"an answer of {len(answer.text):,} characters")
    if not answer.text:
        thought = message.get("reasoning_content") or message.get("reasoning") or content
        return answer.because("malformed", "thoughts without an answer" if thought else "an empty answer")
    return answer


def error_in(body: Any) -> Mapping[str, Any]:
    """The error object of a reply: nested (OpenAI), or flat (older vLLM). {} when there is none."""
    if not isinstance(body, Mapping):
        return {}
    found = body.get("error")
    if isinstance(found, Mapping):
        return found
    if isinstance(found, str) and found:
        return {"message": found}
    return body if body.get("object") == "error" else {}


def short(text: str, most: int = SHOWN) -> str:
    """A text on one line, and not longer than a log line should be.

    Args:
        text: of a server.
        most: characters; where there are more, the last one is an ellipsis.
    """
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def is_page(body: Any) -> bool:
    """HTML: the URL is that of a web page, or a proxy answered."""
    return isinstance(body, str) and PAGE.match(body) is not None


def _text_of(body: Any) -> str:
    """What a body says to people: of a web page its title."""
    if not isinstance(body, str):
        return "" if body is None else str(body)
    if not PAGE.match(body):
        return body
    title = re.search(r"<title[^>]*>(.*?)</title>", body[:PAGE_HEAD], re.I | re.S)
    return f"a web page ({short(title.group(1), 80) if title else 'without a title'})"
