"""A request as the messages of a chat, and as the text that a tokenizer makes of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hoigen.experts.call import Request

Message = dict[str, Any]


def wish(request: Request) -> str:
    """The question, with the schema of its answer in words where there is one."""
    schema = request.json_schema
    if schema is None:
        return request.text
    written = json.dumps(schema, ensure_ascii=False)
    return f"{request.text}\n\nAnswer with one JSON object and nothing else. It has to fit this JSON schema:\n{written}"


def messages(request: Request, media: Sequence[Message] = ()) -> list[Message]:
    """The turns of the chat. media: what is shown, in front of the question's words; contents are then lists."""

    def turn(role: str, text: str, shown: Sequence[Message] = ()) -> Message:
        if not media:
            return {"role": role, "content": text}
        return {"role": role, "content": [*shown, {"type": "text", "text": text}]}

    turns = [turn("system", request.system)] if request.system else []
    turns.append(turn("user", wish(request), media))
    if request.again is not None:
        answer, wrong = request.again
        turns.append(turn("assistant", answer))
        turns.append(turn("user", f"That answer cannot be used: {wrong}. Answer again, as asked for."))
    return turns


def without_system(turns: Sequence[Message]) -> list[Message]:
    """The same turns for a template that knows no system prompt: it goes in front of the first question."""
    if not turns or turns[0]["role"] != "system":
        return list(turns)
    system, first, *rest = turns
    said, asked = system["content"], first["content"]
    if isinstance(asked, str):
        joined: Any = f"{said}\n\n{asked}"
    else:
        words = f"{said[-1]['text']}\n\n{asked[-1]['text']}"
        joined = [*asked[:-1], {"type": "text", "text": words}]
    return [{"role": "user", "content": joined}, *rest]


def rendered(templater: Any, turns: Sequence[Message], options: Mapping[str, Any]) -> str:
    """The prompt by the model's own template (of a tokenizer or processor)."""
    from jinja2.exceptions import TemplateError

    kwargs = {"tokenize": False, "add_generation_prompt": True, **options}
    try:
        return str(templater.apply_chat_template(list(turns), **kwargs))
    except TemplateError:
        if turns[0]["role"] != "system":
            raise
        return str(templater.apply_chat_template(without_system(turns), **kwargs))


def plain(turns: Sequence[Message]) -> str:
    """The prompt for a model without a template: the turns in order, a blank line between them."""
    return "\n\n".join(str(turn["content"]) for turn in turns) + "\n\n"
