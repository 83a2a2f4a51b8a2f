"""hoigen schema: what an editor needs to check a recipe while it is written."""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hoigen.core.registry import Kind, measures, plugins, score_names
from hoigen.core.score import Rule
from hoigen.core.settings import Key, keys_of, plain, summary
from hoigen.recipe.recipe import KEYS
from hoigen.rules.cascade import HUMAN, SAID
from hoigen.video.shots import detectors
from hoigen.work.task import Cluster

Json = dict[str, Any]
OWN_FILE = r"\.py$"
LIST_KINDS = (list, tuple, Sequence)
VIDEOS: Json = {"anyOf": [{"type": "string", "minLength": 1}, {"type": "array", "items": {"type": "string"}}]}


class Schema(dict[str, Any]):
    """A JSON Schema that prints as its text."""

    def __str__(self) -> str:
        return json.dumps(self, indent=2, ensure_ascii=False)


def schema() -> Schema:
    """Prints the JSON Schema of a recipe, for editors that check and complete YAML.

    First line of a recipe, for the YAML language server: `# yaml-language-server: $schema=hoigen.schema.json`.
    Made from the fields of `Recipe` and the settings of all measures at hand, those of other packages too.
    """
    rule: Json = {"anyOf": [{"$ref": "#/$defs/rule"}, {"type": "null"}]}
    described = {number.name: rule | {"description": number.about} for _, cls in measures() for number in cls.numbers}
    described[HUMAN] = rule | {"description": SAID.about}
    keep = {"type": ["object", "null"], "properties": described, "additionalProperties": rule}
    names = [name for name, _ in detectors()]
    shots: Json = {
        "anyOf": [
            {"enum": [*names, "none", None, False]},
            _one_of({name: {"$ref": f"#/$defs/shots.{name}"} for name in names}),
        ]
    }
    special = {
        "shots": shots,
        "measures": {"type": "array", "items": _named("measure")},
        "keep": keep,
        "executor": {"anyOf": [{"enum": ["local", "ray"]}, _one_of({"ray": {"$ref": "#/$defs/executor.ray"}})]},
        "videos": dict(VIDEOS),
    }
    made: Json = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "hoigen recipe",
        "description": "The arguments of hoigen curate.",
        "type": "object",
        "additionalProperties": False,
        "properties": {name: of_key(key, special.get(name)) for name, key in KEYS.items()},
        "$defs": {
            "rule": of_class(Rule) | {"minProperties": 1},
            "executor.ray": of_class(Cluster),
            **{f"measure.{name}": of_class(cls) for name, cls in measures()},
            **{f"shots.{name}": of_class(cls) for name, cls in detectors()},
            **{f"observer.{name}": of_class(cls) for name, cls in plugins("observer")},
            **{f"expert.{name}": of_class(cls) for name, cls in plugins("expert")},
        },
    }
    # A measure of one's own may give scores of any name; without one, each rule must be about a known score.
    own_file = {
        "anyOf": [
            {"type": "string", "pattern": OWN_FILE},
            {"type": "object", "minProperties": 1, "propertyNames": {"pattern": OWN_FILE}},
        ]
    }
    made["if"] = {"properties": {"measures": {"contains": own_file}}, "required": ["measures"]}
    made["else"] = {"properties": {"keep": {"propertyNames": {"enum": [*score_names(), HUMAN]}}}}
    return Schema(made)


def of_key(key: Key, made: Json | None = None) -> Json:
    """A key with its type (or what is `made` of it already), bounds, help and default."""
    if made is None:
        kind = key.setting.plugin
        made = _named(kind) if kind else of_hint(key.hint)
    bounds = {"minimum": key.setting.least, "maximum": key.setting.most, "exclusiveMinimum": key.setting.above}
    made |= {name: bound for name, bound in bounds.items() if bound is not None}
    if key.help:
        made["description"] = key.help[:1].upper() + key.help[1:] + "."
    if not key.required:
        made["default"] = plain(key.default)
    return made


def of_class(cls: type[Any]) -> Json:
    """The settings of a measure, a detector or a dataclass inside one."""
    keys = keys_of(cls)
    made: Json = {
        "type": ["object", "null"],
        "description": summary(cls),
        "additionalProperties": False,
        "properties": {key.name: of_key(key) for key in keys},
    }
    if needed := [key.name for key in keys if key.required]:
        made |= {"type": "object", "required": needed}
    return made


def of_hint(hint: Any) -> Json:
    """A type of Python as a schema."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    simple = {bool: "boolean", int: "integer", float: "number", str: "string", Path: "string", type(None): "null"}
    if hint in simple:
        return {"type": simple[hint]}
    if origin is typing.Literal:
        return {"enum": list(args)}
    if origin in LIST_KINDS:
        return {"type": "array", "items": of_hint(args[0])} if args else {"type": "array"}
    if origin in (dict, Mapping):
        return {"type": "object", "additionalProperties": of_hint(args[1])}
    if args:
        options = [of_hint(option) for option in args]
        kinds = [option["type"] for option in options if list(option) == ["type"]]
        if len(kinds) < len(options):
            return {"anyOf": options}
        once = list(dict.fromkeys(kinds))
        return {"type": once if len(once) > 1 else once[0]}
    return of_class(hint) if isinstance(hint, type) and dataclasses.is_dataclass(hint) else {}


def _one_of(properties: Json) -> Json:
    return {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
        "properties": properties,
    }


def _named(kind: Kind) -> Json:
    """What names a plug-in of a kind: its name, one name with its settings, or a file of one's own."""
    named = {name: summary(cls) for name, cls in plugins(kind)}
    with_settings = _one_of({name: {"$ref": f"#/$defs/{kind}.{name}"} for name in named})
    with_settings["patternProperties"] = {OWN_FILE: {"type": ["object", "null"]}}
    words = [{"const": name, "description": text} for name, text in named.items()]
    return {"anyOf": [*words, {"type": "string", "pattern": OWN_FILE}, with_settings]}
