"""What values of a recipe become: the recipe itself, plug-ins with their settings, and dataclasses inside them.

What does not fit is a UsageError that names the key, what came and what is allowed.
"""

from __future__ import annotations

import dataclasses
import math
import re
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hoigen.core.errors import UsageError, nearest
from hoigen.core.registry import Kind, find
from hoigen.core.settings import check_bounds, keys_of
from hoigen.recipe.recipe import KEYS, Recipe, check_known
from hoigen.work.task import Cluster

WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text", type(None): "null"}


EXPONENT = re.compile(r"[-+]?\d+e[-+]?\d+", re.IGNORECASE)
"""A number as people and JSON write it, which YAML 1.1 has as a text: `1e-4`."""


def recipe_of(values: Mapping[Any, Any], where: str) -> Recipe:
    """The recipe of a mapping of its keys, each of the type that its field has.

    Args:
        values: as a file has them.
        where: what errors call it.
    """
    check_known(values, where)
    for key in KEYS.values():
        if key.required and values.get(key.name) is None:
            raise UsageError(f"{where}: {key.name} must be given, in the recipe or as --{key.name}")
    return Recipe(**{name: convert(value, KEYS[name].hint, f"{where}: {name}") for name, value in values.items()})


def make(kind: Kind, spec: Any, where: str, *, beside: Path | None = None) -> Any:
    """An instance of a plug-in: of a name, or of one name with its settings (`{chat_server: {url: ...}}`).

    Args:
        kind: which table the name is of.
        spec: as a recipe has it.
        where: the key that holds it.
        beside: the folder of the recipe, for files of one's own.
    """
    if isinstance(spec, Mapping) and len(spec) == 1:
        name, settings = next(iter(spec.items()))
    elif isinstance(spec, str):
        name, settings = spec, {}
    else:
        raise UsageError(f"{where}: a name of {kind}s, or one name with its settings; it came as {spec!r}")
    try:
        cls = find(kind, str(name), beside=beside)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None
    return build(cls, settings, f"{where}.{name}")


def cluster_of(spec: Any) -> Cluster | None:
    """What a recipe's `executor` says of a Ray cluster; None where this machine does the work. Raises UsageError."""
    name, settings = next(iter(spec.items())) if isinstance(spec, Mapping) and len(spec) == 1 else (spec, None)
    if name == "ray":
        found: Cluster = build(Cluster, settings, "executor.ray")
        return found
    if name != "local" or settings:
        raise UsageError(f"executor: local, ray, or ray with its settings; it came as {spec!r}")
    return None


def check_keys(given: Mapping[Any, Any], known: Iterable[str], where: str) -> None:
    """Refuses a key that is not known, with the nearest known one."""
    names = list(known)
    for key in given:
        if key not in names:
            raise UsageError(f"{where}: unknown key {key!r}{nearest(str(key), names)}")


def build(cls: type[Any], settings: Any, where: str, base: Any = None, *, whole: bool = True) -> Any:
    """An instance of a dataclass from a mapping of its fields, nested ones too.

    Args:
        cls: the dataclass.
        settings: its fields; null is none of them.
        where: the key that holds them.
        base: an instance that gives what they leave out, instead of the defaults of the class.
        whole: all that must be given has to be there; else these are some of them, to be checked, and None comes of
            them where others lack.
    """
    settings = {} if settings is None else settings
    if not isinstance(settings, Mapping):
        raise UsageError(f"{where}: takes settings as key: value; it came as {settings!r}")
    if (moved := getattr(cls, "check_moved", None)) is not None:
        moved(settings, where)  # settings of before, which are written in another way now
    keys = {key.name: key for key in keys_of(cls)}
    check_keys(settings, keys, where)
    missing = [name for name, key in keys.items() if key.required and name not in settings and base is None]
    if missing and whole:
        raise UsageError(f"{where}: {', '.join(missing)} must be given")
    values = {
        name: convert(value, keys[name].hint, f"{where}.{name}", keys[name].default) for name, value in settings.items()
    }
    try:
        if missing:
            return check_bounds(cls, values)
        return cls(**values) if base is None else dataclasses.replace(base, **values)
    except (ValueError, TypeError) as error:
        raise UsageError(f"{where}: {error}") from None


def convert(value: Any, hint: Any, where: str, default: Any = None) -> Any:
    """`value` as the type `hint`, or UsageError.

    Args:
        value: as YAML or a caller has it.
        hint: a type as it is written in an annotation.
        where: the key that holds the value.
        default: what gives the fields that a nested mapping leaves out.
    """
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any or (hint is type(None) and value is None):
        return value
    if isinstance(value, int) and abs(value) >= 1 << 53:  # more than a double has, and than any table
        digits = math.floor(abs(value).bit_length() * math.log10(2)) + 1  # Python writes out no more than 4,300
        raise UsageError(f"{where}: {_names(args or (hint,))}; it came as a number of {digits} digits")
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in args:
            return None
        errors = []
        for each in args:
            if each is not type(None):
                try:
                    return convert(value, each, where, default)
                except UsageError as error:
                    errors.append(error)
        raise errors[0] if len(errors) == 1 else UsageError(f"{where}: {_names(args)}; it came as {value!r}")
    if origin is typing.Literal:
        if value in args:
            return value
        raise UsageError(f"{where}: one of {', '.join(map(str, args))}; it came as {value!r}")
    if origin in (list, tuple, Sequence):
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise UsageError(f"{where}: a list; it came as {value!r}")
        items = [convert(item, args[0], f"{where}[{at}]") for at, item in enumerate(value)]
        return tuple(items) if origin is tuple else items
    if origin in (dict, Mapping):
        if isinstance(value, Mapping):
            return {key: convert(item, args[1], f"{where}.{key}") for key, item in value.items()}
        raise UsageError(f"{where}: key: value pairs; it came as {value!r}")
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        inherits = isinstance(value, Mapping) and isinstance(default, hint)
        return value if isinstance(value, hint) else build(hint, value, where, default if inherits else None)
    # a number, a truth, a text or a path. YAML has 3 for 3.0 and 8.0 for 8; true is no number
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if hint is float and isinstance(value, str) and EXPONENT.fullmatch(value):
        return float(value)
    if hint in (Path, str) and isinstance(value, str | Path):
        return hint(value)
    if isinstance(hint, type) and isinstance(value, hint) and not (hint in (int, float) and isinstance(value, bool)):
        if value != value:
            raise UsageError(f"{where}: a number; it came as nan")
        return value
    raise UsageError(f"{where}: {_names((hint,))}; it came as {value!r}")


def _names(hints: tuple[Any, ...]) -> str:
    return " or ".join(dict.fromkeys(WORDS.get(h, getattr(h, "__name__", str(h))) for h in hints))
