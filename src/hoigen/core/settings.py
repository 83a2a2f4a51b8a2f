"""What a setting means, said once, in the annotation of a field or argument: help, bounds and unit.

    batch: Annotated[int, Setting("frames in one batch; it changes no number", least=1)] = 8

Fields of a recipe, settings of measures, experts, captioners and observers, and options of commands all have this form.
Command line, schema, template and checks are made from it.
"""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

Missing = inspect.Parameter.empty


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """Metadata of a field or argument, for `typing.Annotated`.

    Args:
        help: what it does, in a sentence without a full stop.
        least: the least value that it may have.
        most: the greatest one.
        above: it is more than this.
        unit: of a number, in full (seconds, pixels), where its name and help do not say it.
        plugin: the kind that it names (`observer`, `expert`): a name, one name with its settings, or an own file.
        file: of a text, that it is the path of a file, where it is not empty; a setting of type Path always is one.
    """

    help: str
    least: float | None = None
    most: float | None = None
    above: float | None = None
    unit: str = ""
    plugin: Literal["", "observer", "expert"] = ""
    file: bool = False

    @property
    def allowed(self) -> str:
        """The bounds in words: `1 or more`; empty where there are none."""
        unit = f" {self.unit}" if self.unit else ""
        if self.least is not None:
            return f"{self.least:g}{unit} or more" if self.most is None else f"{self.least:g} to {self.most:g}{unit}"
        ends = [("more than", self.above), ("at most", self.most)]
        return ", ".join(f"{word} {end:g}{unit}" for word, end in ends if end is not None)

    def allows(self, value: float) -> bool:
        """Whether a number is within the bounds; NaN never is, where there are any."""
        return not (
            (self.least is not None and not value >= self.least)
            or (self.most is not None and not value <= self.most)
            or (self.above is not None and not value > self.above)
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Key:
    """A key of a recipe, a setting of a plug-in, or an argument of a command.

    Args:
        name: as it is written.
        hint: its type, without the metadata.
        default: Missing when it must be given.
        setting: its help, bounds and unit.
        option: of a command's argument: given by name (`--name`), not by place.
    """

    name: str
    hint: Any
    default: Any
    setting: Setting
    option: bool = False

    @property
    def required(self) -> bool:
        return self.default is Missing

    @property
    def help(self) -> str:
        """Its words, with the unit."""
        said, unit = self.setting.help, self.setting.unit
        return f"{said}, in {unit}" if said and unit else said or unit


def keys_of(cls: type[Any]) -> list[Key]:
    """The settings of a dataclass: its fields that may be given."""
    hints = typing.get_type_hints(cls, include_extras=True)
    found = []
    for field in dataclasses.fields(cls):
        if field.init:
            default = Missing if field.default is dataclasses.MISSING else field.default
            if field.default_factory is not dataclasses.MISSING:
                default = field.default_factory()
            found.append(_key(field.name, hints[field.name], default))
    return found


def arguments_of(function: Any) -> list[Key]:
    """The arguments of a command's function, in order; those that are keyword-only are options."""
    written = {name: hint for name, hint in function.__annotations__.items() if name != "return"}
    holder = types.SimpleNamespace(__annotations__=written)  # what it returns may be imported by type checkers only
    hints = typing.get_type_hints(holder, globalns=function.__globals__, include_extras=True)
    return [
        _key(name, hints[name], each.default, option=each.kind is each.KEYWORD_ONLY)
        for name, each in inspect.signature(function).parameters.items()
    ]


def _key(name: str, hint: Any, default: Any, *, option: bool = False) -> Key:
    setting = Setting("")
    if typing.get_origin(hint) is Annotated:
        hint, *metadata = typing.get_args(hint)
        setting = next((each for each in metadata if isinstance(each, Setting)), setting)
    return Key(name, hint, default, setting, option)


_BOUNDS: dict[type[Any], Mapping[str, Setting]] = {}


def _bounds(cls: type[Any]) -> Mapping[str, Setting]:
    """The settings of a class that have bounds; kept, since instances are made often."""
    if cls not in _BOUNDS:
        _BOUNDS[cls] = {key.name: key.setting for key in keys_of(cls) if key.setting.allowed}
    return _BOUNDS[cls]


def check_bounds(cls: type[Any], values: Mapping[str, Any]) -> None:
    """Raises ValueError for the first value that is out of the bounds that its field has; null is within any.

    Args:
        cls: the dataclass whose fields declare the bounds.
        values: by the name of the field; not all need be there.
    """
    for name, setting in _bounds(cls).items():
        value = values.get(name)
        if value is not None and not setting.allows(value):
            raise ValueError(f"{name}: {setting.allowed}; it came as {value!r}")


def check_fields(made: Any) -> None:
    """`check_bounds` of an instance, for its `__post_init__`."""
    check_bounds(type(made), {name: getattr(made, name) for name in _bounds(type(made))})


def summary(thing: Any) -> str:
    """The first paragraph of a docstring, on one line: what it means, unit, direction."""
    return " ".join((inspect.getdoc(thing) or "").partition("\n\n")[0].split())


def plain(value: Any) -> Any:
    """A value as YAML and JSON have it: mappings, lists, numbers, text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value) if field.init}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
