"""Where the files that a recipe names lie: beside it, else in the working directory.

What is typed (`--set`) goes from the working directory first. `run` alone is a folder that is made, where hoigen is
called from.
"""

from __future__ import annotations

import os
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hoigen.core.errors import UsageError
from hoigen.core.registry import Kind, find, names_of, own_file
from hoigen.core.settings import Key, keys_of

OWN = (".py", ".md")
"""Files of one's own that a recipe may name: plug-ins and prompts. A text with such an end is always one."""


def here(value: Any, folder: Path) -> Any:
    """A text that names something in `folder` as its whole path; any other value as it is.

    A word is a name before it is a file: only what has a suffix, or a folder before it, is looked for.
    """
    return (_found(value, folder) if _may_name(value) else None) or value


def measures_of(measures: Any, beside: Path | None) -> list[Any]:
    """The measures of a recipe, with the files that they and their settings name by whole paths, so that the run can be
    repeated from anywhere.

    Args:
        measures: as a recipe has them.
        beside: the folder of the recipe; None where there is none, and paths go from the working directory.

    Raises UsageError that names the key and both places where a file is in neither.
    """
    if isinstance(measures, str | Mapping) or not isinstance(measures, Sequence):
        raise UsageError(f"measures: a list of measures; it came as {measures!r}")
    return [plugin_of("measure", spec, "measures", beside) for spec in measures]


def caption_of(caption: Any, beside: Path | None) -> Any:
    """`measures_of` for what stands under `caption`."""
    if not isinstance(caption, Mapping) or "captioner" not in caption:
        return caption
    return {**caption, "captioner": plugin_of("captioner", caption["captioner"], "caption.captioner", beside)}


def plugin_of(kind: Kind, spec: Any, where: str, beside: Path | None) -> Any:
    """`measures_of` for one plug-in: a name, or one name with its settings. What is neither comes back as it is."""
    if isinstance(spec, Mapping) and len(spec) == 1:
        name, settings = next(iter(spec.items()))
    else:
        name, settings = spec, None
    if not isinstance(name, str):
        return spec
    own = name.endswith(".py")
    whole = str(own_file(name, beside)) if own else name
    if own and not os.path.isfile(whole):  # False, too, for a text that cannot be a path
        raise _lacking(name, where, beside)
    if not isinstance(settings, Mapping):
        return {whole: settings} if settings is not None else whole
    try:
        keys = {key.name: key for key in keys_of(find(kind, whole))}
    except UsageError:  # said, with what is at hand, when it is made
        keys = {}
    return {
        whole: {key: _value(item, f"{where}.{name}.{key}", keys.get(key), beside) for key, item in settings.items()}
    }


def _value(value: Any, where: str, key: Key | None, beside: Path | None) -> Any:
    """A setting with its files. key: the setting, where it is known; not within lists and mappings."""
    if isinstance(value, list | tuple):
        return [_value(item, f"{where}[{at}]", key, beside) for at, item in enumerate(value)]
    if isinstance(value, Mapping):
        name = next(iter(value), None) if len(value) == 1 else None
        kinds: tuple[Kind, ...] = ("observer", "expert", "captioner")
        kind: Kind = next((kind for kind in kinds if name in names_of(kind)), "expert")
        if key is not None and key.setting.plugin:
            kind = "observer" if key.setting.plugin == "observer" else "expert"
        elif name not in names_of(kind) and not str(name).endswith(".py"):
            return {name: _value(item, f"{where}.{name}", None, beside) for name, item in value.items()}
        return plugin_of(kind, value, where, beside)
    if not _may_name(value):
        return value
    is_file = str(value).endswith(OWN) or (
        key is not None and (key.setting.file or key.hint is Path or Path in typing.get_args(key.hint))
    )
    for folder in (beside, Path()):
        if folder is not None and (whole := _found(value, folder, is_file=is_file)):
            return whole
    if is_file:
        raise _lacking(str(value), where, beside)
    return value


def _may_name(value: Any) -> bool:
    """Whether a value is of a kind that can name a file at all."""
    return isinstance(value, str | Path) and bool(str(value).strip()) and "://" not in str(value)


def _found(value: str | Path, folder: Path, *, is_file: bool = False) -> str | None:
    """The whole path of what is there. is_file: it names a file, even if it is a word alone."""
    try:
        path = Path(value).expanduser()
        found = folder / path
        if ((is_file or len(path.parts) > 1) and found.exists()) or (path.suffix and found.is_file()):
            return str(found.absolute())
    except (OSError, ValueError, RuntimeError):  # a text that cannot be a path
        pass
    return None


def _lacking(value: str, where: str, beside: Path | None) -> UsageError:
    places = f"in the working directory, {Path.cwd()}"
    if beside is not None and beside.absolute() != Path.cwd():
        places = f"beside the recipe, in {beside.absolute()}, and {places}"
    if os.path.isabs(os.path.expanduser(value)):
        return UsageError(f"no such file: {value} ({where})")
    return UsageError(f"no such file: {value} ({where}); it was looked for {places}")
