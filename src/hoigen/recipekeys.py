"""What a recipe may hold, read off the code: keys and their defaults, measures, detectors, settings and their words.

`hoigen list`, `schema`, `template` and `validate` are all made from this, so none of them can drift from the code.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
import typing
from collections.abc import Iterator
from typing import Any

Missing = inspect.Parameter.empty


@dataclasses.dataclass(frozen=True, slots=True)
class Key:
    """A key of a recipe, or a setting of a measure or detector. `default` is Missing when it must be given."""

    name: str
    hint: Any
    default: Any
    doc: str

    @property
    def required(self) -> bool:
        return self.default is Missing


def recipe_keys() -> list[Key]:
    """The keys of a recipe: the arguments of `curate`, in its order."""
    from hoigen.cli import argument_docs
    from hoigen.config import parameter_hints
    from hoigen.verbs import curate

    hints, docs = parameter_hints(curate.curate), argument_docs(curate.curate)
    parameters = inspect.signature(curate.curate).parameters
    return [Key(name, hints[name], parameters[name].default, docs.get(name, "")) for name in curate.recipe_keys()]


def settings(cls: type[Any]) -> list[Key]:
    """The settings of a dataclass, with their words from its docstring."""
    hints = typing.get_type_hints(cls)
    return [
        Key(field.name, hints[field.name], _default(field), word_on(cls, field.name))
        for field in dataclasses.fields(cls)
        if field.init
    ]


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return Missing if field.default is dataclasses.MISSING else field.default


def summary(thing: Any) -> str:
    """The first sentences of a docstring, on one line: what it means, unit, direction."""
    return " ".join((inspect.getdoc(thing) or "").partition("\n\n")[0].split())


def word_on(cls: type[Any], name: str) -> str:
    """The docstring's own words on one name (`name: ...`), their first sentence; "" when there are none."""
    text = inspect.getdoc(cls) or ""
    found = re.search(rf"(?:^|\.)[ \t]*{re.escape(name)}:\s+(.+?)(?=\n\s*\n|\n?[ \t]*\b\w+:\s|\Z)", text, re.S | re.M)
    words = " ".join(found.group(1).split()) if found else ""
    return re.split(r"(?<=[.;])\s", words)[0].rstrip(".;")


def measures() -> Iterator[tuple[str, type[Any]]]:
    """All measures at hand, by name: hoigen's own and those of installed packages."""
    from hoigen.registry import find_measure, measure_names

    for name in measure_names():
        yield name, find_measure(name)


def detectors() -> Iterator[tuple[str, type[Any]]]:
    """All shot detectors, by name."""
    from hoigen.shots import DETECTORS

    for name, cls in DETECTORS.items():
        yield name, getattr(importlib.import_module(f"hoigen.shots.{name}"), cls)


def score_names() -> list[str]:
    """Names of all scores that measures at hand give: what `keep` may have a rule for."""
    return sorted({score for _, cls in measures() for score in cls.emits})


def plain(value: Any) -> Any:
    """A default as YAML and JSON have it: mappings, lists, numbers, text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value) if field.init}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
