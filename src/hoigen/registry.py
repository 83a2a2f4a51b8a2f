"""A name -> the class that carries it.

`motion` is the file hoigen/measures/motion.py, `./my_measure.py` is a file of one's own beside the
recipe, and packages may offer measures under the entry point group `hoigen.measures`.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, dataclass_transform

from hoigen.errors import UsageError, nearest

T = TypeVar("T")
GROUP = "hoigen.measures"


@dataclass_transform(kw_only_default=True, frozen_default=True)
def measure(name: str, *, emits: tuple[str, ...] = ()) -> Callable[[type[T]], type[T]]:
    """Makes a class a measure: a frozen keyword-only dataclass filed under `name`.

    emits: the names of the numbers it gives, when they are more or other than its own name.
    """

    def file_it(cls: type[T]) -> type[T]:
        made = dataclasses.dataclass(frozen=True, kw_only=True)(cls)
        made.name = name  # type: ignore[attr-defined]
        made.emits = emits or (name,)  # type: ignore[attr-defined]
        return made

    return file_it


@functools.cache
def measure_names() -> tuple[str, ...]:
    """Names of all measures at hand: hoigen's own and those of installed packages."""
    import hoigen.measures

    own = {m.name for m in pkgutil.iter_modules(hoigen.measures.__path__) if not m.name.startswith("_")}
    return tuple(sorted(own | {point.name for point in metadata.entry_points(group=GROUP)}))


def find_measure(name: str, *, beside: Path | None = None) -> type[Any]:
    """The measure class of that name. A name that ends in `.py` is a file, relative to `beside`.

    Raises UsageError when there is none, or when its file holds no measure.
    """
    if name.endswith(".py"):
        return _only_measure(_load_file((beside or Path()) / name), name)
    points = {point.name: point for point in metadata.entry_points(group=GROUP)}
    if name in points:
        loaded: type[Any] = points[name].load()
        return loaded
    if name not in measure_names():
        raise UsageError(f"unknown measure {name!r}{nearest(name, measure_names())} Or a file: ./my_measure.py")
    return _only_measure(importlib.import_module(f"hoigen.measures.{name}"), name)


def _load_file(path: Path) -> ModuleType:
    path = path.resolve()
    if not path.is_file():
        raise UsageError(f"no such measure file: {path}")
    key = f"hoigen_user_{path.stem}_{abs(hash(str(path))):x}"
    if key in sys.modules:
        return sys.modules[key]
    spec = importlib.util.spec_from_file_location(key, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[key] = module  # dataclasses look their module up while the class is made
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[key]
        raise UsageError(f"{path} could not be imported: {type(error).__name__}: {error}") from error
    return module


def _only_measure(module: ModuleType, name: str) -> type[Any]:
    found = [
        thing
        for thing in vars(module).values()
        if isinstance(thing, type) and thing.__module__ == module.__name__ and "emits" in vars(thing)
    ]
    if len(found) != 1:
        raise UsageError(f"measure {name!r}: {module.__file__} holds {len(found)} @measure classes; it must hold one")
    return found[0]
