"""A name -> the class that carries it, for measures, observers, experts, captioners and formats.

`motion` is the file hoigen/measures/motion.py, which stands in the table `OWN`; `./my_measure.py` is a file of one's
own beside the recipe, and packages may offer measures under the entry point group `hoigen.measures`; likewise
observers, experts, captioners and formats.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, TypeVar, dataclass_transform

from hoigen.core import trusted
from hoigen.core.errors import UsageError, nearest
from hoigen.core.score import Number
from hoigen.core.settings import check_fields, keys_of, summary
from hoigen.core.trusted import own_file as own_file

T = TypeVar("T")
Kind = Literal["measure", "observer", "expert", "captioner", "format"]
OWN: Mapping[Kind, Mapping[str, str]] = {
    "measure": {
        name: f"hoigen.measures.{name}"
        for name in (
            "aesthetic_quality",
            "aesthetics",
            "background_consistency",
            "bad_frames",
            "coarse_hoi",
            "damage",
            "fine_hoi",
            "hoi_act",
            "hoi_failures",
            "hoi_judge",
            "hoi_judgement",
            "hoi_lite",
            "imaging_quality",
            "metadata",
            "motion",
            "motion_smoothness",
            "overall_consistency",
            "panda_70m",
            "perceptual_hash",
            "subject_consistency",
            "technical_quality",
            "temporal_flickering",
            "text_boxes",
            "unimatch_flow",
        )
    },
    "observer": {
        name: f"hoigen.observe.{name}" for name in ("ada_cm", "lite", "mllm", "models", "recorded", "sam3", "two_stage")
    },
    "expert": {
        "chat_server": "hoigen.models.experts.chat_server",
        "detectors": "hoigen.stages.captioners.detectors",
        "fake_world": "hoigen.models.experts.fake_world",
        "local_llm": "hoigen.models.experts.local_llm",
        "local_vlm": "hoigen.models.experts.local_vlm",
        "open_model": "hoigen.models.experts.open_model",
    },
    "captioner": {name: f"hoigen.stages.captioners.{name}" for name in ("grounded", "mixture", "single")},
    "format": {
        name: f"hoigen.dataset.formats.{name}"
        for name in (
            "cogvideo_sat",
            "diffsynth",
            "diffusers",
            "diffusion_pipe",
            "finetrainers",
            "hoi",
            "lance",
            "lerobot",
            "ltx_trainer",
            "musubi",
            "open_sora",
            "parquet",
            "videofolder",
            "videox_fun",
            "webdataset",
        )
    },
}
"""hoigen's own plug-ins: name -> module."""


@dataclass_transform(kw_only_default=True, frozen_default=True)
def measure(
    name: str, *, numbers: tuple[Number, ...] = (), emits: tuple[str, ...] = ()
) -> Callable[[type[T]], type[T]]:
    """Makes a class a measure: a frozen keyword-only dataclass filed under `name`.

    Args:
        name: its name in a recipe; that of its file.
        numbers: what it gives, each with label, unit and direction; one number of its own name when not given.
        emits: instead, the names of the numbers alone: tables then show them plain, without an arrow.

    The class has both afterwards, made from whichever was given. Raises ValueError when they contradict each other.
    """
    given = numbers or tuple(Number(name=each) for each in emits or (name,))
    names = tuple(number.name for number in given)
    if emits and names != tuple(emits):
        raise ValueError(f"emits: left out beside numbers, or the same names; it came as {emits}, numbers as {names}")
    if len(set(names)) < len(names):
        raise ValueError(f"numbers: each name once; they came as {names}")

    def file_it(cls: type[T]) -> type[T]:
        if callable(taken := vars(cls).get("numbers")) or isinstance(taken, property):
            raise ValueError(f"{cls.__name__}.numbers: that name holds what @measure declares; call it otherwise")
        made = _filed(cls, "measure", name)
        made.emits = names  # type: ignore[attr-defined]
        made.numbers = tuple(  # type: ignore[attr-defined]
            # the docstring says what a number says that does not say it itself; the one of the measure's name leads
            dataclasses.replace(each, about=each.about or meaning(made), headline=each.headline or each.name == name)
            for each in given
        )
        return made

    return file_it


def meaning(measure: type[Any]) -> str:
    """What a number says that declares no `about`: the first paragraph of its measure's docstring."""
    words = summary(measure)
    return words[:1].upper() + words[1:]


@functools.cache
def own_numbers() -> Mapping[str, Number]:
    """The numbers of hoigen's own measures by name, for what was written without declarations: result files of VBench,
    the paper's tables."""
    return {number.name: number for name in OWN["measure"] for number in _own("measure", name).numbers}


@dataclass_transform(kw_only_default=True, frozen_default=True)
def expert(name: str) -> Callable[[type[T]], type[T]]:
    """Makes a class an expert: a frozen keyword-only dataclass filed under `name`."""
    return lambda cls: _filed(cls, "expert", name)


@dataclass_transform(kw_only_default=True, frozen_default=True)
def captioner(name: str) -> Callable[[type[T]], type[T]]:
    """Makes a class a captioner: a frozen keyword-only dataclass filed under `name`."""
    return lambda cls: _filed(cls, "captioner", name)


@dataclass_transform(kw_only_default=True, frozen_default=True)
def observer(name: str) -> Callable[[type[T]], type[T]]:
    """Makes a class an observer: a frozen keyword-only dataclass filed under `name`."""
    return lambda cls: _filed(cls, "observer", name)


@dataclass_transform(kw_only_default=True, frozen_default=True)
def format(name: str) -> Callable[[type[T]], type[T]]:
    """Makes a class a format that runs are exported to: a frozen keyword-only dataclass filed under `name`."""
    return lambda cls: _filed(cls, "format", name)


def _filed(cls: type[T], kind: Kind, name: str) -> type[T]:
    own = getattr(cls, "__post_init__", None)

    def checked(self: Any) -> None:
        check_fields(self)
        if own is not None:
            own(self)

    cls.__post_init__ = checked  # type: ignore[attr-defined]
    made = dataclasses.dataclass(frozen=True, kw_only=True)(cls)
    made.name = name  # type: ignore[attr-defined]
    made.kind = kind  # type: ignore[attr-defined]
    return made


def entry_of(kind: Kind, given: Any, where: str) -> Any:
    """What a recipe would say of a class or an object of that kind; anything else as it came.

    Workers are processes of their own, so a class of one's own is found again by its file.

    Args:
        kind: of plug-in.
        given: a class filed under a name, an object of it, or an entry of a recipe.
        where: the key that holds it, for errors.

    Raises UsageError for a class of no file (of a notebook), and for one of another kind.
    """
    cls = given if isinstance(given, type) else type(given)
    if (its := getattr(cls, "kind", None)) is None or not dataclasses.is_dataclass(cls):
        return given
    if its != kind:
        raise UsageError(f"{where}: a {kind}; {cls.__name__} is of kind {its}")
    name = str(cls.name)  # type: ignore[attr-defined]
    module = OWN[kind].get(name)
    if module != cls.__module__ and all(point.value.partition(":")[0] != cls.__module__ for point in _points(kind)):
        file = getattr(sys.modules.get(cls.__module__), "__file__", None)
        if file is None or not Path(file).is_file():
            raise UsageError(
                f"{where}: {cls.__name__} lies in no file, and workers are processes of their own: save it as "
                f"{name}.py and give that name, or import it from there"
            )
        name = str(Path(file).resolve())
    if isinstance(given, type):
        return name
    plain = {key.name: key.default for key in keys_of(cls)}
    changed = {name: getattr(given, name) for name, default in plain.items() if getattr(given, name) != default}
    return {name: {key: _written(value) for key, value in changed.items()}} if changed else name


@functools.cache
def _points(kind: Kind) -> tuple[metadata.EntryPoint, ...]:
    """Of installed packages, which are looked through once: it takes longer than to find a class."""
    return tuple(metadata.entry_points(group=f"hoigen.{kind}s"))


def _written(value: Any) -> Any:
    """A setting as YAML would have it."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return str(value) if isinstance(value, Path) else value


@functools.cache
def names_of(kind: Kind) -> tuple[str, ...]:
    """Names of all that is at hand: hoigen's own and that of installed packages."""
    return tuple(sorted({*OWN[kind], *(point.name for point in _points(kind))}))


def _own(kind: Kind, name: str) -> type[Any]:
    return _only(kind, importlib.import_module(OWN[kind][name]), name)


def measure_names() -> tuple[str, ...]:
    """Names of all measures at hand."""
    return names_of("measure")


def find_measure(name: str, *, beside: Path | None = None) -> type[Any]:
    """The measure class of that name. See `find`."""
    return find("measure", name, beside=beside)


def find(kind: Kind, name: str, *, beside: Path | None = None) -> type[Any]:
    """The class of that name. A name that ends in `.py` is a file, relative to `beside`.

    Raises UsageError when there is none, or when its file does not hold exactly one.
    """
    if name.endswith(".py"):
        return _only(kind, _load_file(own_file(name, beside)), name)
    points = {point.name: point for point in _points(kind)}
    if name in points:
        loaded: type[Any] = points[name].load()
        return loaded
    if name not in names_of(kind):
        raise UsageError(f"unknown {kind} {name!r}{nearest(name, names_of(kind))} Or a file: ./my_{kind}.py")
    return _own(kind, name)


def _load_file(path: Path) -> ModuleType:
    """The module of a file of one's own. The only place where such a file is run, and only when it was asked for.

    What is run are the bytes that were checked: the file is read once, and no `__pycache__` beside it is looked at. A
    file with other content is another module.
    """
    import io
    import linecache

    path = path.resolve()
    source = trusted.read(path)
    key = f"hoigen_user_{path.stem}_{hashlib.sha256(os.fsencode(path) + source).hexdigest()[:16]}"
    if key in sys.modules:
        return sys.modules[key]
    spec = importlib.util.spec_from_file_location(key, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[key] = module  # dataclasses look their module up while the class is made
    try:
        exec(compile(source, str(path), "exec", dont_inherit=True), module.__dict__)
        text = importlib.util.decode_source(source)
        lines = io.StringIO(text if text.endswith("\n") else f"{text}\n").readlines()
        # for tracebacks and `inspect.getsource`: the text that was run, whatever the file holds by then
        linecache.cache[str(path)] = (len(source), None, lines, str(path))
    except BaseException as error:
        del sys.modules[key]
        if not isinstance(error, Exception):  # Ctrl-C in the middle of it
            raise
        raise UsageError(f"{path} could not be imported: {type(error).__name__}: {error}") from error
    return module


def plugins(kind: Kind) -> Iterator[tuple[str, type[Any]]]:
    """All plug-ins of a kind at hand, by name: hoigen's own and those of installed packages."""
    for name in names_of(kind):
        yield name, find(kind, name)


def measures() -> Iterator[tuple[str, type[Any]]]:
    """All measures at hand, by name."""
    return plugins("measure")


def score_names() -> list[str]:
    """Names of all scores that measures at hand give: what `keep` may have a rule for."""
    return sorted({score for _, cls in measures() for score in cls.emits})


def _only(kind: Kind, module: ModuleType, name: str) -> type[Any]:
    found = [
        thing
        for thing in vars(module).values()
        if isinstance(thing, type) and thing.__module__ == module.__name__ and vars(thing).get("kind") == kind
    ]
    if len(found) != 1:
        raise UsageError(f"{kind} {name!r}: {module.__file__} holds {len(found)} @{kind} classes; it must hold one")
    return found[0]
