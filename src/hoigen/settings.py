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
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from hoigen.errors import UsageError

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
    """

    help: str
    least: float | None = None
    most: float | None = None
    above: float | None = None
    unit: str = ""

    @property
    def allowed(self) -> str:
        """The bounds in words: `1 or more`; empty where there are none."""
        if self.most is not None:
            lowest = self.least if self.above is None else self.above
            if lowest is None:
                return f"at most {self.most:g}"
            return (
                f"{lowest:g} to {self.most:g}" if self.above is None else f"more than {lowest:g}, at most {self.most:g}"
            )
        if self.least is not None:
            return f"{self.least:g} or more"
        return "" if self.above is None else f"more than {self.above:g}"

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


def check_bounds(keys: Iterable[Key], values: Mapping[str, Any], where: str = "") -> None:
    """Raises UsageError for the first of the values that is a number out of its bounds; null is within any."""
    for key in keys:
        value = values.get(key.name)
        if value is not None and key.setting.allowed and not key.setting.allows(value):
            raise UsageError(f"{where}{key.name}: {key.setting.allowed}; it came as {value!r}")


def summary(thing: Any) -> str:
    """The first paragraph of a docstring, on one line: what it means, unit, direction."""
    return " ".join((inspect.getdoc(thing) or "").partition("\n\n")[0].split())


def plain(value: Any) -> Any:
    """A default as YAML and JSON have it: mappings, lists, numbers, text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value) if field.init}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
