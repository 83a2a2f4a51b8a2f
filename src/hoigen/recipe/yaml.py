"""A recipe's file: reading it, changing it by `--set`, and the lines that its keys stand on."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hoigen.core import plain_yaml
from hoigen.core.errors import UsageError, nearest
from hoigen.recipe.places import here

Values = dict[str, Any]
"""A recipe as its file has it: keys and plain values, nothing of it checked."""
At = tuple[str | int, ...]
"""The place of a value: the keys and positions that lead to it."""


def recipe_path(recipe: str | Path) -> Path:
    """The file of a recipe: a path, or the name of one that comes with hoigen (`lite`)."""
    path = Path(recipe)
    if path.is_file():
        return path
    own = {p.stem: p for p in Path(__file__).with_name("recipes").glob("*.yaml")}
    if str(recipe) in own:
        return own[str(recipe)]
    raise UsageError(f"no such recipe: {path}{nearest(str(recipe), own)}")


def load_recipe(path: Path) -> Values:
    """A YAML mapping. Raises UsageError that names file and line."""
    import yaml

    try:
        loaded = plain_yaml.loaded(path.read_text(encoding="utf-8"), _strict_loader())
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from None
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
    folder = path.absolute().parent
    if found is not loaded and path.name == "run.yaml":
        # a run is the folder that its run.yaml lies in, and so is its own list, wherever it was made
        before = str(found.get("run", ""))
        if before and found.get("videos") == f"{before}/videos.parquet":
            found["videos"] = str(folder / "videos.parquet")
        found["run"] = str(folder)
    return {key: value if key == "run" else _beside(value, folder, key) for key, value in found.items()}


def _beside(value: Any, folder: Path, key: str = "") -> Any:
    """With files that lie beside the recipe by their whole path.

    key: whose whole value this is; of `measures`, names of one's own files are found later, and of `videos`, a glob
        counts that matches anything.
    """
    if isinstance(value, list):
        return [item if key == "measures" and isinstance(item, str) else _beside(item, folder, key) for item in value]
    if isinstance(value, dict):
        return {
            name if key == "measures" else here(name, folder): _beside(item, folder) for name, item in value.items()
        }
    if key == "videos" and isinstance(value, str) and value.strip() and value != "-" and "://" not in value:
        there = folder / Path(value).expanduser()
        found = any(glob.iglob(str(there), recursive=True)) if glob.has_magic(value) else os.path.exists(there)
        return str(there) if found else value
    return here(value, folder)


def _strict_loader() -> Any:
    import yaml

    class _Strict(yaml.SafeLoader):
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

    _Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    return _Strict


def apply_sets(recipe: Mapping[str, Any], sets: Sequence[str]) -> Values:
    """The recipe with `key.path=value` changes; values are read as YAML (`null` unsets a bound)."""
    import copy

    from hoigen.core import hosts, trusted

    changed: Values = copy.deepcopy(dict(recipe))
    for text in sets:
        path, equals, value = text.partition("=")
        if not equals or not all(path.strip().split(".")):
            raise UsageError(f"--set takes key=value (keep.motion.max=2); it came as {text!r}")
        parsed = set_value(value)
        for file in trusted.files_in(parsed):
            trusted.grant(file)  # what is set was typed, not read from a recipe
        hosts.ask_for({path.strip().rpartition(".")[2]: parsed})
        parsed = _typed(parsed)
        keys: list[str] = []
        rest = path.strip()
        while rest:  # a measure file (`./my.py`) keeps its dots
            own = ".py" in rest and (rest.startswith(("./", "../", "/")) or rest.split(".py")[0].isidentifier())
            head, _, rest = rest.partition(".py" if own else ".")
            keys.append(head + ".py" if own else head)
            rest = rest.removeprefix(".") if own else rest
        _set(changed, keys, parsed, text)
    return changed


def _typed(value: Any) -> Any:
    """What is typed names files of the working directory before those beside the recipe. Names of files to be run stay:
    they are told as they were typed."""
    if isinstance(value, list):
        return [_typed(item) for item in value]
    if isinstance(value, dict):
        return {key: _typed(item) for key, item in value.items()}
    return value if str(value).endswith(".py") else here(value, Path())


def set_value(text: str) -> Any:
    """The value of a `key=value`, read as YAML; text that is none stays as it is."""
    import yaml

    try:
        return plain_yaml.loaded(text)
    except yaml.YAMLError:
        return text


def _set(node: Any, keys: list[str], value: Any, text: str) -> None:
    from hoigen.core.registry import names_of
    from hoigen.work.executor import EXECUTORS

    head, rest = keys[0], keys[1:]
    if isinstance(node, list):
        for at, item in enumerate(node):
            if item == head or (isinstance(item, dict) and head in item):
                settings = item[head] or {} if isinstance(item, dict) else {}
                if rest:
                    _set(settings, rest, value, text)
                node[at] = {head: settings if rest else value}
                return
        names = [next(iter(item)) if isinstance(item, dict) else str(item) for item in node]
        raise UsageError(f"--set {text}: {head!r} is not in the list{nearest(head, names)}")
    if not isinstance(node, dict):
        raise UsageError(f"--set {text}: {head!r} cannot be set inside {node!r}")
    if not rest:
        node[head] = value
    else:
        if head not in node and len(node) == 1:
            # a captioner, an expert, an observer or an executor that is set where another one stands takes its place
            kinds = names_of("captioner"), names_of("expert"), names_of("observer"), EXECUTORS
            if any({head, *node} <= set(known) for known in kinds):
                node.clear()
        if node.get(head) is None:
            node[head] = {}
        elif isinstance(node[head], str):  # shots: adaptive -> shots: {adaptive: {...}}
            node[head] = {node[head]: {}}
        _set(node[head], rest, value, text)


def lines_of(path: Path) -> dict[At, int]:
    """The line of each key and list entry, by its place. In a run.yaml, of the keys of its recipe."""
    import yaml

    root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    if root is not None:
        plain_yaml.check(root)
    lines = dict(_walk(root, ())) if root is not None else {}
    if ("recipe",) in lines and ("hoigen",) in lines:
        return {at[1:]: line for at, line in lines.items() if at[0] == "recipe" and len(at) > 1}
    return lines


def _walk(node: Any, at: At) -> Iterator[tuple[At, int]]:
    import yaml

    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (*at, key.value), key.start_mark.line + 1
            yield from _walk(value, (*at, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield (*at, index), item.start_mark.line + 1
            yield from _walk(item, (*at, index))
