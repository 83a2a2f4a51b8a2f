"""hoigen models: which model files there are, where they come from, and bringing them onto this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from hoigen.commands.options import Quiet
from hoigen.core.errors import UsageError, nearest
from hoigen.core.settings import Setting
from hoigen.core.words import plural

if TYPE_CHECKING:
    from hoigen.models.uses import ModelUse


@dataclass(frozen=True, slots=True)
class _ModelState:
    """One model. here: where it lies on this machine, None where it does not. belongs: where a file belongs that is not
    here. pin: its sha256 or commit, `unpinned` where neither is published nor noted yet. used_by: of a recipe, the
    measures and roles. size: in words."""

    name: str
    licence: str
    use: str
    source: str
    pin: str
    here: Path | None
    belongs: Path | None = None
    size: str = ""
    note: str = ""
    used_by: tuple[str, ...] = ()

    def __str__(self) -> str:
        facts = ", ".join(filter(None, (self.size, self.licence, self.use)))
        lines = [f"{self.name}: {facts}", f"  from {self.source}; {self.pin}"]
        lines += [f"  used by {', '.join(self.used_by)}"] if self.used_by else []
        lines += [f"  {self.note}"] if self.note else []
        if self.here is not None:
            return "\n".join([*lines, f"  here: {self.here}"])
        where = f"; belongs at {self.belongs}" if self.belongs is not None else ""
        return "\n".join([*lines, f"  not here{where}"])


@dataclass(frozen=True, slots=True)
class Models:
    """What was asked about."""

    models: tuple[_ModelState, ...]

    def __str__(self) -> str:
        absent = sum(model.here is None for model in self.models)
        count = plural(len(self.models), "model")
        lines = [*map(str, self.models), "", f"{count}, {absent} of them not here" if absent else f"{count}, all here"]
        return "\n".join([*lines, *(["bring them: hoigen models NAME|RECIPE --fetch"] if absent else [])])


def model_files(
    names: Annotated[
        list[str] | None,
        Setting(
            "recipes (paper, or a YAML file), model files (amt_s) or repositories of the hub (owner/name, or "
            "owner/name@revision); all files that hoigen knows when none is given"
        ),
    ] = None,
    *,
    fetch: Annotated[bool, Setting("bring them onto this machine now, so that later runs need no network")] = False,
    quiet: Quiet = False,
) -> Models:
    """Lists model files: where they come from, their licences, and whether they are on this machine.

    Returns their state. Raises UsageError for a name that is none of these, WeightsError or SetupError for what cannot
    be had.
    """
    from hoigen.models import cards, uses

    if fetch and not names:
        raise UsageError("--fetch: name what is to be fetched: a recipe, a model file or a repository of the hub")
    found: dict[ModelUse, list[str]] = {}
    for use, who in _wanted(names or cards.FILES):
        found.setdefault(use, []).extend(who)
    if fetch:
        for use in found:
            if (said := use.notice) and not quiet:
                uses.say(said)
            use.fetch(quiet=quiet)
    return Models(tuple(_state(use, tuple(dict.fromkeys(who))) for use, who in found.items()))


def _wanted(names: Sequence[str]) -> Iterator[tuple[ModelUse, list[str]]]:
    """What the names mean, with all who use it."""
    import hoigen
    from hoigen.core import trusted
    from hoigen.models import cards, uses
    from hoigen.recipe import places
    from hoigen.recipe.yaml import load_recipe, recipe_path
    from hoigen.rules.cascade import build_steps
    from hoigen.stages.captioners._job import job_of

    for name in names:
        a_file = name.endswith((".yaml", ".yml")) or name.startswith((".", "/", "~"))
        if name in cards.FILES:
            yield uses.ModelUse(name), []
            continue
        if name.partition("@")[0] in cards.CARDS or (name.count("/") == 1 and not a_file):
            yield uses.of_hub(name), []
            continue
        try:
            path = recipe_path(Path(name))
            recipe = load_recipe(path)
        except UsageError as error:
            if "/" in name or name.endswith((".yaml", ".yml")):
                raise
            recipes = (Path(hoigen.__file__).parent / "recipe" / "recipes").glob("*.yaml")
            known = (*cards.FILES, *(path.stem for path in recipes))
            raise UsageError(f"{name!r} is neither a recipe nor a model file{nearest(name, known)}") from error
        trusted.check(recipe, path, path.parent)
        steps = build_steps(places.measures_of(recipe.get("measures") or [], path.parent), {})
        users: list[tuple[str, Any]] = [(step.name, unit) for step in steps for unit in step.units]
        if recipe.get("caption"):
            experts = job_of(places.caption_of(recipe["caption"], path.parent)).captioner.experts
            users += [(f"caption: {role}", expert) for role, expert in experts.items()]
        for who, thing in users:
            yield from ((use, [who]) for use in uses.decided([thing]))


def _state(use: ModelUse, who: tuple[str, ...]) -> _ModelState:
    from hoigen.models import files, hub, uses
    from hoigen.models.cards import OwnFile

    entry = uses.entry(use)
    card = use.facts
    if use.own:
        here: Path | None = Path(use.own)
    elif use.kind == "file":
        assert card is not None
        here = files.present(card)
    else:
        found = hub.at_hand(use.id, use.revision, use.gguf_file) if use.kind == "hub" else None
        here = found.folder if found is not None else None
    fetchable = use.kind == "file" and card is not None and not isinstance(card.source, OwnFile)
    return _ModelState(
        name=use.id,
        licence=entry.licence,
        use=entry.use,
        source=card.where if card is not None and not use.own else entry.source,
        pin=f"sha256 {entry.sha256}" if entry.sha256 else f"revision {entry.revision}",
        here=here,
        belongs=files.path_of(card) if card is not None and fetchable else None,
        size=f"about {files.shown_size(card.bytes)}" if card is not None and card.bytes else "",
        note=card.note if card is not None and not use.own else "",
        used_by=who,
    )
