"""A server's reply -> an answer, or what to do instead."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from hoigen.clip import Seconds
from hoigen.experts._chat_http import Reply
from hoigen.experts.call import Answer, Outcome

SHOWN = 300
"""Characters of a server's message that a reason repeats."""

Action = Literal["again", "slower", "elsewhere", "shut", "plainer", "stop"]
"""again: the same question once more. slower: that too, and the server is overloaded. elsewhere: it cannot be reached.
shut: it takes none of this expert's requests. plainer: it does not know this way of asking for JSON. stop: asking
again would not help."""

NO_SCHEMA = re.compile(r"response_?format|json_?schema|json_?object|structured|grammar|guided|schema", re.I)
BAD_SCHEMA = re.compile(r"invalid schema|unsupported schema|schema .*(invalid|not valid)", re.I)
REFUSED_CODE = re.compile(r"content_?filter|content_?policy|moderation|data_?inspection|responsible_?ai", re.I)
REFUSED_WORDS = re.compile(r"content (management )?(policy|filter)|was flagged|inappropriate content", re.I)
NO_MONEY = re.compile(r"insufficient_quota|billing|payment required|insufficient (balance|credits)", re.I)
PAGE = re.compile(r"\s*<(!doctype html|html)", re.I)
NO_PICTURES = re.compile(
    r"(image|video|vision|multi-?modal)s? (input )?(is|are) not supported|not a multi-?modal|at most \d+ (image|video)"
    r"|(not|n't) support (image|video|vision|multi-?modal)",
    re.I,
)
"""The model takes no pictures, or not as many: so it is with every clip."""
RETRIED = frozenset((408, 409, 425))
OVERLOADED = frozenset((429, 503, 529))
SHUT = frozenset((401, 402, 403, 404))
CUT_OFF = frozenset(("length", "max_tokens"))
FILTERED = frozenset(("content_filter", "safety"))


@dataclass(frozen=True, slots=True)
class Fault:
    """Why there is no answer. outcome: what it comes to when it stays so."""

    action: Action
    reason: str
    outcome: Outcome = "failed"
    wait: Seconds | None = None
    one_schema: bool = False


def read(reply: Reply, *, asked_for_json: bool = False) -> Answer | Fault:
    """asked_for_json: the request had a response_format."""
    if reply.trouble == "not reached":
        return Fault("elsewhere", reply.reason)
    if reply.trouble == "late":
        return Fault("slower", reply.reason, "timed_out")
    if reply.trouble == "broken off":
        return Fault("again", reply.reason)
    error = error_in(reply.body)
    if reply.status >= 400 or (error and not reply.body.get("choices")):
        status = reply.status if reply.status >= 400 else error.get("code")
        return _fault(status if isinstance(status, int) else 0, error, reply, asked_for_json)
    if not isinstance(reply.body, Mapping):
        return Fault("again", _not_json(reply.body))
    if "choices" not in reply.body:
        return Fault("again", f"not a chat completion: JSON with {', '.join(map(str, reply.body)) or 'nothing in it'}")
    return answer_of(reply.body)


def _fault(status: int, error: Mapping[str, Any], reply: Reply, asked_for_json: bool) -> Fault:
    """status: of HTTP; 0 when there is only an error's own word for it."""
    said = str(error.get("message") or "").strip() or _text_of(reply.body)
    code = " ".join(str(error[name]) for name in ("code", "type") if error.get(name))
    reason = f"{f'HTTP {status}: ' if status else ''}{short(said) or 'an error without a word'}"
    if REFUSED_CODE.search(code) or (status in (0, 400, 403, 422) and REFUSED_WORDS.search(said)):
        return Fault("stop", reason, "refused")
    if status in SHUT or (status == 429 and NO_MONEY.search(code)) or NO_PICTURES.search(said):
        return Fault("shut", reason)
    if status in OVERLOADED:
        return Fault("slower", reason, wait=reply.retry_after)
    if status == 0 or status in RETRIED or (status >= 500 and status != 501):
        return Fault("again", reason, wait=reply.retry_after)
    if asked_for_json and NO_SCHEMA.search(said):
        return Fault("plainer", reason, one_schema=bool(BAD_SCHEMA.search(said)))
    return Fault("stop", reason)


def answer_of(completion: Mapping[str, Any]) -> Answer:
    """The answer that a chat completion (the JSON of the server) holds: answered, truncated, refused or malformed."""
    usage = completion.get("usage")
    spent = usage if isinstance(usage, Mapping) else {}
    base = Answer(
        outcome="answered",
        tokens_in=_count(spent.get("prompt_tokens")),
        tokens_out=_count(spent.get("completion_tokens")),
    )
    choices = completion.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, Mapping) else None
    if not isinstance(first, Mapping) or not isinstance(message, Mapping):
        return base.because("malformed", "the server's reply has no choices" if first is None else "a choice is empty")
    return _of_choice(first, message, base)


def _of_choice(choice: Mapping[str, Any], message: Mapping[str, Any], base: Answer) -> Answer:
    ended = str(choice.get("finish_reason") or "").lower()
    answer = replace(base, text=without_thoughts(_words(message.get("content"))))
    if message.get("refusal"):
        return answer.because("refused", f"the model declined: {short(str(message['refusal']))}")
    if ended in FILTERED:
        return answer.because("refused", f"a filter stopped the answer (finish_reason {ended})")
    if ended in CUT_OFF:
        return answer.because("truncated", f"the limit of tokens was reached after {base.tokens_out} (max_tokens)")
    if not answer.text:
        thought = message.get("reasoning_content") or message.get("reasoning") or message.get("content")
        return answer.because("malformed", "thoughts without an answer" if thought else "an empty answer")
    return answer


def without_thoughts(text: str) -> str:
    """The text after a leading <think> block; servers may leave out its opening tag. "" when it never ends."""
    before, tag, after = text.partition("</think>")
    if tag and (before.lstrip().startswith("<think>") or "<think>" not in before):
        return after.strip().removeprefix("<answer>").removesuffix("</answer>").strip()
    return "" if text.lstrip().startswith("<think>") else text.strip()


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
    """On one line, and not longer than a log line should be."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _not_json(body: Any) -> str:
    text = _text_of(body)
    if is_page(body):
        return f"{text} instead of JSON"
    return f"not JSON: {short(text, 80)!r}" if text.strip() else "an empty reply instead of JSON"


def is_page(body: Any) -> bool:
    """HTML: the URL is that of a web page, or a proxy answered."""
    return isinstance(body, str) and PAGE.match(body) is not None


def _text_of(body: Any) -> str:
    """What a body says to people: of a web page its title."""
    if not isinstance(body, str):
        return "" if body is None else str(body)
    if not PAGE.match(body):
        return body
    title = re.search(r"<title[^>]*>(.*?)</title>", body, re.I | re.S)
    return f"a web page ({short(title.group(1), 80) if title else 'without a title'})"


def _words(content: Any) -> str:
    """Content is text, or a list of parts of which some are text."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(part["text"] for part in content if isinstance(part, Mapping) and _is_text(part.get("text")))
    return ""


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
