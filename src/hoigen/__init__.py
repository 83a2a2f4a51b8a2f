"""hoigen: build and measure human-object-interaction video data.

Names here load on first use, so that importing hoigen is instant: the types, and one function for each verb.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hoigen.clip import Clip as Clip
    from hoigen.clip import Frames as Frames
    from hoigen.clip import Sampling as Sampling
    from hoigen.registry import measure as measure
    from hoigen.score import Number as Number
    from hoigen.score import Rule as Rule
    from hoigen.score import Score as Score
    from hoigen.trusted import trust as trust

_TYPES = {
    "Clip": "hoigen.clip",
    "Frames": "hoigen.clip",
    "Sampling": "hoigen.clip",
    "Number": "hoigen.score",
    "Score": "hoigen.score",
    "Rule": "hoigen.score",
    "measure": "hoigen.registry",
    "HoigenError": "hoigen.errors",
    "trust": "hoigen.trusted",
}
VERBS = {
    "demo": "demo",
    "curate": "curate",
    "retry": "retry",
    "funnel": "funnel",
    "annotate": "annotate",
    "suggest": "suggest",
    "table": "table",
    "report": "report",
    "cut": "cut",
    "caption": "caption",
    "show": "show",
    "categories": "categories",
    "caption-eval": "caption_eval",
    "prompts": "prompts",
    "evaluate": "evaluate",
    "compare": "compare",
    "agree": "agree",
    "calibrate": "calibrate",
    "try": "try_measure",
    "list": "list",
    "validate": "validate",
    "schema": "schema",
    "template": "template",
    "models": "model_files",
    "doctor": "doctor",
}
"""Command -> module of hoigen.verbs that holds the function of that module's name."""

__all__ = [*_TYPES, *(module for module in VERBS.values() if module != "list")]


def __getattr__(name: str) -> Any:
    if name in _TYPES:
        return getattr(importlib.import_module(_TYPES[name]), name)
    if name in VERBS.values():
        return getattr(importlib.import_module(f"hoigen.verbs.{name}"), name)
    raise AttributeError(f"module 'hoigen' has no attribute {name!r}")
