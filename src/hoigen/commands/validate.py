"""hoigen validate: what is wrong with a recipe, all of it at once, before anything runs.

Running a recipe stops at its first fault; a check goes on, and tells each with its line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from hoigen.core import trusted, uris
from hoigen.core.errors import HoigenError, UsageError, nearest
from hoigen.core.registry import find_measure, score_names
from hoigen.core.score import Rule
from hoigen.core.settings import Setting, summary
from hoigen.data.sources import read_sources
from hoigen.models.fingerprint import fingerprint
from hoigen.recipe import places
from hoigen.recipe.build import build, cluster_of, convert
from hoigen.recipe.recipe import KEYS, check_numbers, unknown_key
from hoigen.recipe.yaml import At, Values, apply_sets, lines_of, load_recipe, recipe_path
from hoigen.rules.cascade import HUMAN, measure_name
from hoigen.stages.captioners._job import job_of
from hoigen.stages.ingest import check_shots, shots_wanted
from hoigen.video.shots import check_detector, detectors


@dataclass(frozen=True, slots=True)
class Validity:
    """A recipe that can be run. `notes` is what one may want to know first."""

    recipe: Path
    measures: tuple[str, ...]
    rules: tuple[str, ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        measures = f"measures: {', '.join(self.measures)}"
        rules = f"rules on: {', '.join(self.rules) or 'nothing'}"
        return "\n".join([f"{self.recipe} is a valid recipe.", measures, rules, *(f"note: {n}" for n in self.notes)])


def validate(
    recipe: Annotated[str, Setting("a recipe's YAML file, or the name of one that comes with hoigen (lite, paper)")],
    *,
    set: Annotated[
        list[str] | None, Setting("a change to check along with it, as key=value; may be given more than once")
    ] = None,
) -> Validity:
    """Checks a recipe without running it: every fault at once, with its line and key.

    Returns what the recipe holds. Raises UsageError that lists all faults.
    """
    path = recipe_path(recipe)
    given = apply_sets(load_recipe(path), set or [])
    trusted.check(given, path, path.parent)
    check = _Check(given, path, changed=set or [])
    check.run()
    if check.faults:
        count = f"{len(check.faults)} faults" if len(check.faults) > 1 else "1 fault"
        raise UsageError("\n".join([f"{path}: {count}", *(f"  {fault}" for fault in check.faults)]))
    return Validity(path, tuple(check.measures), tuple(check.rules), tuple(check.notes))


class _Check:
    """One recipe under check. `faults` are sorted by line; `measures` and `rules` name what is in order."""

    def __init__(self, recipe: Values, path: Path, changed: Sequence[str] = ()) -> None:
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
        sound: dict[str, Any] = {}
        for name, value in self.recipe.items():
            if name not in KEYS:
                self._fault((name,), unknown_key(str(name)))
            elif (read := self._try((name,), partial(convert, value, KEYS[name].hint, name))) is not _BAD:
                sound[name] = read
        alone = {name: sound.get(name, KEYS[name].default) for name in ("min_length", "max_length")}
        bad = {name for name in sound if self._try((name,), partial(check_numbers, {name: sound[name]})) is _BAD}
        if not bad & {"min_length", "max_length"}:
            self._try(("max_length",), lambda: check_shots("none", alone["min_length"], alone["max_length"]))
        if "shots" in sound:
            shots, by_name = sound["shots"], dict(detectors())
            if isinstance(shots, Mapping) and len(shots) == 1 and (name := next(iter(shots))) in by_name:
                self._settings(by_name[name], shots[name], f"shots.{name}", ("shots", name))
            elif shots_wanted(shots):
                self._try(("shots",), lambda: check_detector(shots))
        if "executor" in sound:
            self._try(("executor",), lambda: cluster_of(sound["executor"]))
        if "measures" in sound or "measures" not in self.recipe:
            if not sound.get("measures"):
                self._fault(("measures",), "measures: at least one measure must be given (hoigen list names them)")
            for at, spec in enumerate(sound.get("measures", ())):
                self._measure(at, spec)
        if "keep" in sound:
            for score, bounds in (sound["keep"] or {}).items():
                place: At = ("keep", score)
                if self.others is not None and score not in {*self.scores, *self.others, HUMAN}:
                    known = nearest(str(score), {*self.scores, *self.others})
                    self._fault(place, f"keep: no measure of this recipe gives a score named {score!r}{known}")
                if isinstance(bounds, Mapping) and bounds and all(bound is None for bound in bounds.values()):
                    _ = self._settings(Rule, {**bounds, "min": 0}, f"keep.{score}", place)  # every bound unset: no rule
                elif bounds is not None and self._settings(Rule, bounds, f"keep.{score}", place) is not _BAD:
                    self.rules.append(score)
        if sound.get("caption") is not None:
            self._try(("caption",), lambda: job_of(places.caption_of(sound["caption"], self.path.parent)))
        videos = sound.get("videos")
        for item in [videos] if isinstance(videos, str | Path) else videos or ():
            if (wrong := uris.fault(str(item))) is not None:
                self._fault(("videos",), f"videos: {uris.masked(str(item))!r}: {wrong}")
        if isinstance(videos, str | Path) and str(videos) != "-" and "://" not in str(videos):
            try:  # only a note: a recipe may be written on another machine than the one it is run on
                read_sources(videos)
            except HoigenError as error:
                self.notes.append(f"videos: {error}")

    def _fault(self, at: At, text: str) -> None:
        known = at  # the nearest key above that has a line
        while known and known not in self.lines:
            known = known[:-1]
        line = self.lines.get(known)
        if line is None:
            where = (
                "--set: " if any(change.split(".")[0].split("=")[0] == str(at[0]) for change in self.changed) else ""
            )
            self.found.append((1 << 30, where + text))
        else:
            self.found.append((line, f"line {line}: {text}"))

    def _try(self, at: At, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except HoigenError as error:
            self._fault(at, str(error))
            return _BAD

    def _measure(self, at: int, spec: Any) -> None:
        place: At = ("measures", at)
        named = self._try(place, lambda: measure_name(spec, f"measures[{at}]"))
        if named is not _BAD:
            whole = self._try(place, lambda: places.plugin_of("measure", spec, "measures", self.path.parent))
            if whole is _BAD:
                self.others = None
                return
            named = named[0], measure_name(whole)[1]  # the name is told as it stands there
        cls = _BAD if named is _BAD else self._try(place, lambda: find_measure(named[0], beside=self.path.parent))
        if cls is _BAD:
            own = named is not _BAD and named[0].endswith(".py")
            self.others = None if own or self.others is None else score_names()
            return
        made = self._settings(cls, named[1], f"measures.{named[0]}", (*place, named[0]))
        if made is not _BAD:
            self._try(place, lambda: fingerprint(made))
            looking = getattr(made, "looking", None)
            if looking is not None and not looking.observer.sees:
                self._try(place, looking.observer.load)  # a file: every line of it is read once
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
        if "Needs extra [" in (about := summary(cls)):
            self.notes.append(f"{cls.name}: {about}")

    def _settings(self, cls: type[Any], given: Any, where: str, at: At) -> Any:
        """Builds it; when that fails, setting by setting, so that each fault is found."""
        try:
            return build(cls, given, where)
        except UsageError as error:
            before = len(self.found)
            moved = getattr(cls, "check_moved", None) if isinstance(given, Mapping) else None
            if moved is not None and self._try(at, partial(moved, given, where)) is _BAD:
                return _BAD  # settings of before: how all of them are written now, in one line
            for path, alone in _alone(given):
                self._try((*at, *path), partial(build, cls, alone, where, whole=False))
            if len(self.found) == before:
                self._fault(at, str(error))
            return _BAD


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
