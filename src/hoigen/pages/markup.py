"""HTML as nested calls; text is escaped unless it is markup already."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import Any

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_VOID = {"img", "meta", "br", "hr", "input", "path", "rect", "line", "polygon"}


class Html(str):
    """Text that is markup: it is not escaped again."""

    __slots__ = ()


Child = str | int | Html | None | Iterable[Any]


def text(value: object) -> Html:
    """Escaped text. Control characters and broken Unicode become a replacement character."""
    if isinstance(value, Html):
        return value
    clean = str(value).encode("utf-8", "replace").decode("utf-8")
    return Html(html.escape(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", clean), quote=True))


def join(children: Iterable[Any]) -> Html:
    parts: list[str] = []
    for child in children:
        if child is None or child is False:
            continue
        if isinstance(child, str | int | float):
            parts.append(text(child))
        else:
            parts.append(join(child))
    return Html("".join(parts))


def el(name: str, /, *children: Child, **attributes: object) -> Html:
    """One element. `class_` is class, `data_x` is data-x; None and False leave an attribute out."""
    written = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{text(value)}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in _VOID:
        return Html(f"<{name}{written}>" if name in ("img", "meta", "br", "hr", "input") else f"<{name}{written}/>")
    return Html(f"<{name}{written}>{join(children)}</{name}>")
