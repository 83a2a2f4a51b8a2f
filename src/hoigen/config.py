"""YAML <-> arguments. The only file that reads recipes; what is wrong in one is named by its key.

A recipe is the keyword arguments of a verb, as YAML. There are no config classes: what a key may be is read
off the verb's signature and off the fields of the measures.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hoigen.errors import UsageError, nearest

Recipe = dict[str, Any]


def recipe_path(recipe: str | Path) -> Path:
    """The file of a recipe: a path, or the name of one that comes with hoigen (`lite`)."""
    path = Path(recipe)
    if path.is_file():
        return path
    own = {p.stem: p for p in (Path(__file__).parent / "recipes").glob("*.yaml")}
    if str(recipe) in own:
        return own[str(recipe)]
    raise UsageError(f"no such recipe: {path}{nearest(str(recipe), own)}")


def load_recipe(path: Path) -> Recipe:
    """A YAML mapping. Raises UsageError that names file and line."""
    import yaml

    try:
        loaded = yaml.load(path.read_text(encoding="utf-8"), Loader=_strict_loader())
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from None
    except RecursionError:
        raise UsageError(f"{path} is nested too deeply to be a recipe") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = f", line {mark.line + 1}" if mark else ""
        raise UsageError(f"{path}{at} is not valid YAML: {getattr(error, 'problem', None) or error}") from None
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise UsageError(f"{path}: a recipe is a mapping of keys; it came as {type(loaded).__name__}")
    # A run.yaml is a recipe too: running it again repeats the run.
    inner = loaded.get("recipe")
    found = dict(inner) if isinstance(inner, dict) and "hoigen" in loaded else loaded
    return {key: _beside(value, path.absolute().parent, key == "measures") for key, value in found.items()}


OWN = (".py", ".md")
"""Files of one's own that a recipe may name: experts, captioners, observers, prompts."""


def _beside(value: Any, folder: Path, names: bool = False) -> Any:
    """With files of one's own that lie beside the recipe by their whole path; those of measures are found later.

    names: these are names of measures, or single measures with their settings.
    """
    if isinstance(value, list):
        return [item if names and isinstance(item, str) else _beside(item, folder, names) for item in value]
    if isinstance(value, dict):
        return {key if names else _whole(key, folder): _beside(item, folder) for key, item in value.items()}
    return _whole(value, folder)


def _whole(value: Any, folder: Path) -> Any:
    if isinstance(value, str) and value.endswith(OWN) and not Path(value).is_absolute() and (folder / value).is_file():
        return str(folder / value)
    return value


def _strict_loader() -> Any:
    import yaml

    class Strict(yaml.SafeLoader):
        """SafeLoader that refuses a key given twice: YAML would silently keep the last."""

    def mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
        seen: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = loader.construct_object(key_node, deep=True)
            if not isinstance(key, str | int | float | bool | None):
                raise yaml.constructor.ConstructorError(
                    None, None, f"a key is a word, not {key!r}", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is given twice", key_node.start_mark)
            seen[key] = loader.construct_object(value_node, deep=True)
        return seen

    Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    return Strict


def apply_sets(recipe: Mapping[str, Any], sets: Sequence[str]) -> Recipe:
    """The recipe with `key.path=value` changes; values are read as YAML (`null` unsets a bound)."""
    import copy

    from hoigen import trusted

    changed: Recipe = copy.deepcopy(dict(recipe))
    for text in sets:
        path, equals, value = text.partition("=")
        if not equals or not all(path.strip().split(".")):
            raise UsageError(f"--set takes key=value (keep.motion.max=2); it came as {text!r}")
        parsed = set_value(value)
        for file in trusted.files_in(parsed):
            trusted.grant(file)  # what is set was typed, not read from a recipe
        _set(changed, _keys(path.strip()), parsed, text)
    return changed


def set_value(text: str) -> Any:
    """The value of a `key=value`, read as YAML; text that is none stays as it is."""
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _keys(path: str) -> list[str]:
    """The keys of a dotted path; a measure file (`./my.py`) keeps its dots."""
    keys: list[str] = []
    rest = path
    while rest:
        if ".py" in rest and (rest.startswith(("./", "../", "/")) or rest.split(".py")[0].isidentifier()):
            head, _, rest = rest.partition(".py")
            keys.append(head + ".py")
            rest = rest.removeprefix(".")
        else:
            head, _, rest = rest.partition(".")
            keys.append(head)
    return keys


def _set(node: Any, keys: list[str], value: Any, text: str) -> None:
    head, rest = keys[0], keys[1:]
    if isinstance(node, list):
        _set_in_list(node, head, rest, value, text)
    elif not isinstance(node, dict):
        raise UsageError(f"--set {text}: {head!r} cannot be set inside {node!r}")
    elif not rest:
        node[head] = value
    else:
        _choose(node, head)
        if node.get(head) is None:
            node[head] = {}
        elif isinstance(node[head], str):  # shots: adaptive -> shots: {adaptive: {...}}
            node[head] = {node[head]: {}}
        _set(node[head], rest, value, text)


def _choose(node: dict[str, Any], head: str) -> None:
    """Setting a captioner, an expert or an observer where another one stands puts it in that one's place."""
    if head in node or len(node) != 1:
        return
    from hoigen.registry import names_of

    [there] = node
    kinds = names_of("captioner"), names_of("expert"), names_of("observer")
    if any(there in names and head in names for names in kinds):
        node.clear()


def _set_in_list(items: list[Any], name: str, rest: list[str], value: Any, text: str) -> None:
    for at, item in enumerate(items):
        if item == name or (isinstance(item, dict) and name in item):
            settings = item[name] or {} if isinstance(item, dict) else {}
            if not rest:
                items[at] = {name: value}
            else:
                _set(settings, rest, value, text)
                items[at] = {name: settings}
            return
    names = [next(iter(item)) if isinstance(item, dict) else str(item) for item in items]
    raise UsageError(f"--set {text}: {name!r} is not in the list{nearest(name, names)}")


def check_keys(given: Mapping[Any, Any], known: typing.Iterable[str], where: str) -> None:
    """Refuses a key that is not known, with the nearest known one."""
    names = list(known)
    for key in given:
        if key not in names:
            raise UsageError(f"{where}: unknown key {key!r}{nearest(str(key), names)}")


def build(cls: type[Any], settings: Any, where: str) -> Any:
    """An instance of a dataclass from a mapping of its fields, nested ones too.

    Raises UsageError naming the key, what came and what is allowed.
    """
    if settings is None:
        settings = {}
    if not isinstance(settings, Mapping):
        raise UsageError(f"{where}: takes settings as key: value; it came as {settings!r}")
    if (moved := getattr(cls, "check_moved", None)) is not None:
        moved(settings, where)  # settings of before, which are written in another way now
    hints = typing.get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls) if f.init}
    check_keys(settings, fields, where)
    missing = [n for n, f in fields.items() if n not in settings and _required(f)]
    if missing:
        raise UsageError(f"{where}: {', '.join(missing)} must be given")
    values = {
        key: convert(value, hints[key], f"{where}.{key}", _default(fields[key])) for key, value in settings.items()
    }
    try:
        return cls(**values)
    except (ValueError, TypeError) as error:
        raise UsageError(f"{where}: {error}") from None


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _default(field: dataclasses.Field[Any]) -> Any:
    return None if field.default is dataclasses.MISSING else field.default


def convert(value: Any, hint: Any, where: str, default: Any = None) -> Any:
    """`value` as the type `hint`, or UsageError. `default` gives what a nested mapping leaves out."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any or (hint is type(None) and value is None):
        return value
    if origin in (typing.Union, types.UnionType):
        return _convert_union(value, args, where, default)
    if origin is typing.Literal:
        if value in args:
            return value
        raise UsageError(f"{where}: one of {', '.join(map(str, args))}; it came as {value!r}")
    if origin in (list, tuple, Sequence, typing.Sequence):
        return _convert_list(value, hint, where)
    if origin in (dict, Mapping, typing.Mapping):
        if isinstance(value, Mapping):
            return {key: convert(v, args[1], f"{where}.{key}") for key, v in value.items()}
        raise UsageError(f"{where}: key: value pairs; it came as {value!r}")
    if dataclasses.is_dataclass(hint):
        return _convert_dataclass(value, hint, where, default)
    return _convert_plain(value, hint, where)


def _convert_dataclass(value: Any, hint: Any, where: str, default: Any) -> Any:
    if isinstance(value, Mapping) and isinstance(default, hint):
        kept = {f.name: getattr(default, f.name) for f in dataclasses.fields(hint) if f.init}
        check_keys(value, kept, where)
        return build(hint, {**kept, **value}, where)
    return value if isinstance(value, hint) else build(hint, value, where)


def _convert_union(value: Any, args: tuple[Any, ...], where: str, default: Any) -> Any:
    if value is None and type(None) in args:
        return None
    errors = []
    for option in args:
        if option is type(None):
            continue
        try:
            return convert(value, option, where, default)
        except UsageError as error:
            errors.append(error)
    raise errors[0] if len(errors) == 1 else UsageError(f"{where}: {_names(args)}; it came as {value!r}")


def _convert_list(value: Any, hint: Any, where: str) -> Any:
    args = typing.get_args(hint)
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise UsageError(f"{where}: a list; it came as {value!r}")
    items = [convert(v, args[0], f"{where}[{at}]") for at, v in enumerate(value)]
    return tuple(items) if typing.get_origin(hint) is tuple else items


def _convert_plain(value: Any, hint: Any, where: str) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if hint is Path and isinstance(value, str | Path):
        return Path(value)
    if hint is str and isinstance(value, Path):
        return str(value)
    if isinstance(hint, type) and isinstance(value, hint) and not (hint in (int, float) and isinstance(value, bool)):
        if hint is float and value != value:
            raise UsageError(f"{where}: a number; it came as nan")
        return value
    raise UsageError(f"{where}: {_names((hint,))}; it came as {value!r}")


def _names(hints: tuple[Any, ...]) -> str:
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "text", type(None): "null"}
    return " or ".join(dict.fromkeys(words.get(h, getattr(h, "__name__", str(h))) for h in hints))


def arguments_of(function: Any, recipe: Mapping[Any, Any], where: str) -> dict[str, Any]:
    """The recipe as arguments of `function`, each of the type that the signature says.

    Raises UsageError for unknown or missing keys and for values of another type.
    """
    import inspect

    parameters = inspect.signature(function).parameters
    hidden = getattr(inspect.getmodule(function), "NOT_KEYS", ())
    check_keys(recipe, [name for name in parameters if name not in hidden], where)
    for name, parameter in parameters.items():
        if parameter.default is inspect.Parameter.empty and recipe.get(name) is None:
            raise UsageError(f"{where}: {name} must be given, in the recipe or as --{name}")
    hints = parameter_hints(function)
    return {name: convert(value, hints[name], f"{where}: {name}") for name, value in recipe.items()}


def parameter_hints(function: Any) -> dict[str, Any]:
    """Types of a function's parameters; what it returns may be a name that only type checkers import."""
    written = {name: hint for name, hint in function.__annotations__.items() if name != "return"}
    holder = types.SimpleNamespace(__annotations__=written)
    return typing.get_type_hints(holder, globalns=function.__globals__)
