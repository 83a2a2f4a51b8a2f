"""A request as the JSON of /v1/chat/completions."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from hoigen.experts import pictures
from hoigen.experts.call import Request

if TYPE_CHECKING:
    from pydantic import BaseModel

    from hoigen.clip import Frames

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


def shown(frames: Frames, media: Media) -> list[Part]:
    """The parts of a message that show frames: each after the time at which it was taken, or all as one video."""
    if media == "video":
        return [_part("video_url", pictures.data_url(pictures.mp4(frames), "video/mp4"))]
    parts: list[Part] = []
    for time, picture in zip(frames.times, pictures.jpegs(frames), strict=True):
        parts.append({"type": "text", "text": f"t={float(time):.2f} s"})
        parts.append(_part("image_url", pictures.data_url(picture, "image/jpeg")))
    return parts


def _part(kind: str, url: str) -> Part:
    return {"type": kind, kind: {"url": url}}


def messages(request: Request, seen: Sequence[Part], mode: JsonMode) -> list[dict[str, Any]]:
    """System prompt, what is seen and the question; in the repair round also the first answer and what was wrong."""
    question = request.text
    if request.schema is not None and mode != "schema":
        schema = json.dumps(request.json_schema, ensure_ascii=False)
        question = f"{question}\n\n{AS_JSON.format(schema=schema)}"
    content: Any = [*seen, {"type": "text", "text": question}] if seen else question
    told: list[dict[str, Any]] = [{"role": "system", "content": request.system}] if request.system else []
    told.append({"role": "user", "content": content})
    if request.again is not None:
        answer, wrong = request.again
        told.append({"role": "assistant", "content": answer or "(no answer)"})
        told.append({"role": "user", "content": AGAIN.format(wrong=wrong.rstrip("."))})
    return told


def response_format(schema: type[BaseModel], mode: JsonMode) -> dict[str, Any] | None:
    """What asks the server itself for JSON; None when the prompt alone asks."""
    if mode == "prompt":
        return None
    if mode == "object":
        return {"type": "json_object"}
    import openai

    strict = openai.pydantic_function_tool(schema)["function"]["parameters"]
    name = re.sub(r"[^a-zA-Z0-9_-]", "_", schema.__name__)[:64]
    return {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": strict}}


def whole(
    request: Request, seen: Sequence[Part], mode: JsonMode, model: str, decoding: Mapping[str, Any]
) -> dict[str, Any]:
    """The body. decoding: temperature and its like; those that are None are left to the server."""
    made: dict[str, Any] = {"model": model, "messages": messages(request, seen, mode)}
    made |= {name: value for name, value in decoding.items() if value is not None}
    wanted = response_format(request.schema, mode) if request.schema is not None else None
    return made if wanted is None else made | {"response_format": wanted}
