"""hoigen: build and measure human-object-interaction video data.

Names here load on first use, so that importing hoigen is instant: the types, and one function for each verb.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from hoigen.commands import VERBS as VERBS
from hoigen.commands import module_of, verb_of

if TYPE_CHECKING:
    from hoigen.core.clip import Clip as Clip
    from hoigen.core.clip import Frames as Frames
    from hoigen.core.clip import Sampling as Sampling
    from hoigen.core.registry import measure as measure
    from hoigen.core.registry import observer as observer
    from hoigen.core.score import Number as Number
    from hoigen.core.score import Rule as Rule
    from hoigen.core.score import Score as Score
    from hoigen.core.settings import Setting as Setting
    from hoigen.core.trusted import trust as trust
    from hoigen.recipe.recipe import Recipe as Recipe

_TYPES = {
    "Clip": "hoigen.core.clip",
    "Frames": "hoigen.core.clip",
    "Sampling": "hoigen.core.clip",
    "Number": "hoigen.core.score",
    "Score": "hoigen.core.score",
    "Rule": "hoigen.core.score",
    "measure": "hoigen.core.registry",
    "observer": "hoigen.core.registry",
    "HoigenError": "hoigen.core.errors",
    "trust": "hoigen.core.trusted",
    "Recipe": "hoigen.recipe.recipe",
    "Setting": "hoigen.core.settings",
}

_FUNCTIONS = {module_of(command) for command in VERBS}

__all__ = [*_TYPES, *sorted(_FUNCTIONS - {"list"})]


def __dir__() -> list[str]:
    return sorted(__all__)


def __getattr__(name: str) -> Any:
    if name in _TYPES:
        return getattr(importlib.import_module(_TYPES[name]), name)
    if name in _FUNCTIONS:
        return verb_of(name)
    raise AttributeError(f"module 'hoigen' has no attribute {name!r}")
