"""Every fault of a recipe, each with its line. Running a recipe stops at the first one; a check goes on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from hoigen import config, recipekeys, uris
from hoigen.errors import HoigenError, UsageError, nearest

At = tuple[str | int, ...]


class Check:
    """One recipe under check. `faults` are sorted by line; `measures` and `rules` name what is in order."""

    def __init__(self, recipe: config.Recipe, path: Path, changed: Sequence[str] = ()) -> None:
        self.recipe = recipe
        self.path = path
        self.lines = lines_of(path)
        self.changed = changed
        self.found: list[tuple[int, str]] = []
        self.measures: list[str] = []
        self.rules: list[str] = []
        self.notes: list[str] = []
        self.scores: dict[str, str] = {}
        self.others: list[str] | None = []  # scores that a measure which is not in order may give; None is any

    @property
    def faults(self) -> list[str]:
        return [text for _, text in sorted(self.found, key=lambda fault: fault[0])]

    def run(self) -> None:
        """Looks at every key."""
        keys = {key.name: key for key in recipekeys.recipe_keys()}
        sound: dict[str, Any] = {}
        for name, value in self.recipe.items():
            if name not in keys:
                self._fault((name,), f"unknown key {name!r}{nearest(str(name), keys)}")
            elif (read := self._try((name,), partial(config.convert, value, keys[name].hint, name))) is not _BAD:
                sound[name] = read
        self._numbers(sound)
        if "measures" in sound or "measures" not in self.recipe:
            self._measures(sound.get("measures", ()))
        if "keep" in sound:
            self._keep(sound["keep"] or {})
        if sound.get("caption") is not None:
            self._caption(sound["caption"])
        self._videos(sound)

    def _fault(self, at: At, text: str) -> None:
        line = self._line(at)
        if line is None:
            where = (
                "--set: " if any(change.split(".")[0].split("=")[0] == str(at[0]) for change in self.changed) else ""
            )
            self.found.append((1 << 30, where + text))
        else:
            self.found.append((line, f"line {line}: {text}"))

    def _line(self, at: At) -> int | None:
        while at and at not in self.lines:
            at = at[:-1]
        return self.lines.get(at)

    def _try(self, at: At, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except HoigenError as error:
            self._fault(at, str(error))
            return _BAD

    def _numbers(self, sound: Mapping[str, Any]) -> None:
        from hoigen.ingest import check_shots
        from hoigen.verbs.curate import check_least, check_shares

        defaults = {key.name: key.default for key in recipekeys.recipe_keys()}
        alone = {name: sound.get(name, defaults[name]) for name in ("min_length", "max_length", "rank", "ranks")}
        bad = {name for name in sound if self._try((name,), partial(check_least, {name: sound[name]})) is _BAD}
        if not bad & {"rank", "ranks"}:
            self._try(("rank",), lambda: check_shares(alone["rank"], alone["ranks"]))
        if not bad & {"min_length", "max_length"}:
            self._try(("max_length",), lambda: check_shots("none", alone["min_length"], alone["max_length"]))
        if "shots" in sound:
            self._shots(sound["shots"])

    def _shots(self, spec: Any) -> None:
        from hoigen.ingest import shots_wanted
        from hoigen.shots import check_detector

        known = dict(recipekeys.detectors())
        if isinstance(spec, Mapping) and len(spec) == 1 and (name := next(iter(spec))) in known:
            self._settings(known[name], spec[name], f"shots.{name}", ("shots", name))
        elif shots_wanted(spec):
            self._try(("shots",), lambda: check_detector(spec))

    def _measures(self, specs: Sequence[Any]) -> None:
        if not specs:
            self._fault(("measures",), "measures: at least one measure must be given (hoigen list names them)")
        for at, spec in enumerate(specs):
            self._measure(at, spec)

    def _measure(self, at: int, spec: Any) -> None:
        from hoigen.cascade import fingerprint, measure_name
        from hoigen.registry import find_measure

        place: At = ("measures", at)
        named = self._try(place, lambda: measure_name(spec, f"measures[{at}]"))
        cls = _BAD if named is _BAD else self._try(place, lambda: find_measure(named[0], beside=self.path.parent))
        if cls is _BAD:
            own = named is not _BAD and named[0].endswith(".py")
            self.others = None if own or self.others is None else recipekeys.score_names()
            return
        made = self._settings(cls, named[1], f"measures.{named[0]}", (*place, named[0]))
        if made is not _BAD:
            self._try(place, lambda: fingerprint(made))
        if cls.name in self.measures:
            self._fault(place, f"measures: {cls.name!r} stands there twice")
            return
        self.measures.append(cls.name)
        for score in cls.emits:
            if score in self.scores:
                self._fault(
                    place, f"measures: {cls.name!r} and {self.scores[score]!r} both give a score named {score!r}"
                )
            self.scores[score] = cls.name
        if "Needs extra [" in (summary := recipekeys.summary(cls)):
            self.notes.append(f"{cls.name}: {summary}")

    def _settings(self, cls: type[Any], given: Any, where: str, at: At) -> Any:
        """Builds it; when that fails, setting by setting, so that each fault is found."""
        try:
            return config.build(cls, given, where)
        except UsageError as error:
            before = len(self.found)
            for path, alone in _alone(given):
                self._try((*at, *path), partial(_build_part, cls, alone, where))
            if len(self.found) == before:
                self._fault(at, str(error))
            return _BAD

    def _keep(self, rules: Mapping[str, Any]) -> None:
        from hoigen.score import Rule

        for score, bounds in rules.items():
            at: At = ("keep", score)
            if self.others is not None and score not in {*self.scores, *self.others}:
                known = nearest(str(score), {*self.scores, *self.others})
                self._fault(at, f"keep: no measure of this recipe gives a score named {score!r}{known}")
            if isinstance(bounds, Mapping) and bounds and all(bound is None for bound in bounds.values()):
                _ = self._settings(Rule, {**bounds, "min": 0}, f"keep.{score}", at)  # every bound unset: no rule
            elif bounds is not None and self._settings(Rule, bounds, f"keep.{score}", at) is not _BAD:
                self.rules.append(score)

    def _caption(self, spec: Mapping[str, Any]) -> None:
        from hoigen.verbs.caption import job_of

        self._try(("caption",), lambda: job_of(spec))

    def _videos(self, sound: Mapping[str, Any]) -> None:
        """Only a note: a recipe may be written on another machine than the one it is run on."""
        from hoigen.sources import read_sources

        videos = sound.get("videos")
        for item in [videos] if isinstance(videos, str | Path) else videos or ():
            if (wrong := uris.fault(str(item))) is not None:
                self._fault(("videos",), f"videos: {str(item)!r}: {wrong}")
        if isinstance(videos, str | Path) and str(videos) != "-" and "://" not in str(videos):
            try:
                read_sources(videos)
            except HoigenError as error:
                self.notes.append(f"videos: {error}")


_BAD: Any = object()
"""What could not be read, where None may be a value."""


def _alone(settings: Any, path: At = ()) -> Iterator[tuple[At, Any]]:
    """Each setting by itself, nested ones too: the path to it, and a mapping that holds nothing else."""
    if not isinstance(settings, Mapping) or not settings:
        yield path, settings
        return
    for key, value in settings.items():
        for inner, alone in _alone(value, (*path, key)):
            yield inner, {key: alone}


def _build_part(cls: type[Any], settings: Any, where: str) -> None:
    """Builds with one setting; what must be given beside it is no fault of this one."""
    needed = [key.name for key in recipekeys.settings(cls) if key.required]
    if not needed or not isinstance(settings, Mapping):
        config.build(cls, settings, where)
        return
    fields = {field.name: field for field in dataclasses.fields(cls)}
    config.check_keys(settings, fields, where)
    hints = {key.name: key.hint for key in recipekeys.settings(cls)}
    for name, value in settings.items():
        config.convert(value, hints[name], f"{where}.{name}")


def lines_of(path: Path) -> dict[At, int]:
    """Path of each key -> the line on which it stands. In a run.yaml, the keys of its recipe."""
    import yaml

    root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
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
