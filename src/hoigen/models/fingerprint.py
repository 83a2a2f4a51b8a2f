"""What a score, or an observation, depends on, as 12 hex digits."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any

from hoigen.core.contracts import Identified
from hoigen.data.tables import digest_of
from hoigen.models import uses


def looking_of(measure: Any) -> Any:
    """Who looks for a measure of observations; None for others."""
    return getattr(measure, "looking", None)


def fingerprint(measure: Any) -> str:
    """12 hex digits over all that a score depends on: name, settings, revision, model files, own source.

    The source of a measure file that is not hoigen's own is part of it, since nobody counts its revisions.
    """
    facts = _facts(measure)
    if (looking := looking_of(measure)) is not None:
        facts["observation"] = observation_fingerprint(looking)
    return digest_of(facts)


def observation_fingerprint(looking: Any) -> str:
    """12 hex digits over all that an observation depends on besides the clip: the observer, as `fingerprint` has it
    for a measure, and the frames that it is shown."""
    return digest_of({**_facts(looking.observer), "sampling": _same_numbers(dataclasses.asdict(looking.sampling))})


def _facts(thing: Any) -> dict[str, Any]:
    cls = type(thing)
    if isinstance(thing, Identified):
        settings = thing.identity
    else:
        settings = {}
        for each in dataclasses.fields(thing):
            if each.init:  # other fields hold what was loaded
                value = getattr(thing, each.name)
                nested = dataclasses.is_dataclass(value) and not isinstance(value, type)
                settings[each.name] = dataclasses.asdict(value) if nested else value
    facts = {
        "name": thing.name,
        "settings": _same_numbers(settings),
        "revision": getattr(cls, "revision", 1),
        "weights": uses.pins(thing),
    }
    return facts | ({"source": source} if (source := own_source(cls)) else {})


def own_source(cls: type[Any]) -> str | None:
    """The digest of the source of a class that is not hoigen's own."""
    if cls.__module__.startswith("hoigen."):
        return None
    import inspect

    return hashlib.sha256(inspect.getsource(inspect.getmodule(cls) or cls).encode()).hexdigest()


def _same_numbers(value: Any) -> Any:
    """2.0 as 2: a default written without a point and the same setting out of YAML are one setting."""
    if isinstance(value, Mapping):
        return {key: _same_numbers(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_same_numbers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
