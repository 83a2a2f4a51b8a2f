"""Prompt templates: files under hoigen/prompts, or one's own; the digest of the file is part of the trace."""

from __future__ import annotations

import functools
import hashlib
import re
import string
from dataclasses import dataclass
from pathlib import Path

from hoigen.core.errors import UsageError

FOLDER = Path(__file__).resolve().with_name("templates")
SYSTEM = re.compile(r"\A---system---\n(.*?)\n---\n", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A rendered template.

    Args:
        text: the question.
        template: `name@` and the first 8 hex digits of the file's sha256.
        system: the system prompt, "" without one.
        own: both without what was filled in: the words that are the prompt's own.
    """

    text: str
    template: str
    system: str = ""
    own: str = ""


def render(name: str, **values: str) -> Prompt:
    """A template with its `$placeholders` filled.

    Args:
        name: of a file under hoigen/prompts (`describe`), or a path that ends in .md.
        **values: one for each placeholder.

    A template may begin with a system prompt between `---system---` and `---`. Raises UsageError when there is no
    such file, or when values are missing or unknown to it.
    """
    body, digest = _read(name)
    match = SYSTEM.match(body)
    system = match.group(1) if match else ""
    template = string.Template(body[match.end() :] if match else body)
    wanted = {found for part in (system, template.template) for found in string.Template(part).get_identifiers()}
    if wanted != set(values):
        raise UsageError(f"prompt {name!r} has the placeholders {sorted(wanted)}; it was given {sorted(values)}")
    text = template.substitute(values).strip()
    own = "\n".join(string.Template(part).substitute(dict.fromkeys(values, "")) for part in (system, template.template))
    return Prompt(text, f"{Path(name).stem}@{digest}", string.Template(system).substitute(values).strip(), own)


def digest(name: str) -> str:
    """The first 8 hex digits of the sha256 of a template's file."""
    return _read(name)[1]


@functools.cache
def _read(name: str) -> tuple[str, str]:
    path = Path(name) if name.endswith(".md") else FOLDER / f"{name}.md"
    try:
        body = path.read_text(encoding="utf-8")
    except OSError as error:
        known = ", ".join(sorted(found.stem for found in FOLDER.glob("*.md")))
        raise UsageError(f"prompt {name!r}: cannot read {path}: {error.strerror}. Known: {known}") from None
    return body, hashlib.sha256(body.encode()).hexdigest()[:8]
