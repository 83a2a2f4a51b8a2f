"""hoigen: build and measure human-object-interaction video data.

Names here load on first use, so that importing hoigen is instant: the types, and one function for each verb.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from hoigen.verbs import VERBS as VERBS
from hoigen.verbs import module_of

if TYPE_CHECKING:
    from hoigen.clip import Clip as Clip
    from hoigen.clip import Frames as Frames
    from hoigen.clip import Sampling as Sampling
    from hoigen.recipe.recipe import Recipe as Recipe
    from hoigen.registry import measure as measure
    from hoigen.registry import observer as observer
    from hoigen.score import Number as Number
    from hoigen.score import Rule as Rule
    from hoigen.score import Score as Score
    from hoigen.settings import Setting as Setting
    from hoigen.trusted import trust as trust

_TYPES = {
    "Clip": "hoigen.clip",
    "Frames": "hoigen.clip",
    "Sampling": "hoigen.clip",
    "Number": "hoigen.score",
    "Score": "hoigen.score",
    "Rule": "hoigen.score",
    "measure": "hoigen.registry",
    "observer": "hoigen.registry",
    "HoigenError": "hoigen.errors",
    "trust": "hoigen.trusted",
    "Recipe": "hoigen.recipe.recipe",
    "Setting": "hoigen.settings",
}

_FUNCTIONS = {module_of(command) for command in VERBS}

__all__ = [*_TYPES, *sorted(_FUNCTIONS - {"list"})]


def __getattr__(name: str) -> Any:
    if name in _TYPES:
        return getattr(importlib.import_module(_TYPES[name]), name)
    if name in _FUNCTIONS:
        return getattr(importlib.import_module(f"hoigen.verbs.{name}"), name)
    raise AttributeError(f"module 'hoigen' has no attribute {name!r}")
