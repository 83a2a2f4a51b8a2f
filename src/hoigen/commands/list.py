"""hoigen list: what there is to choose from."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hoigen.core.settings import summary

if TYPE_CHECKING:
    from hoigen.core.registry import Kind

WIDTH = 110


@dataclass(frozen=True, slots=True)
class _Entry:
    """One thing with a name: what it means, and, for a measure, the scores that it gives."""

    name: str
    words: str
    gives: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Listing:
    """All that a recipe may name."""

    measures: tuple[_Entry, ...]
    shots: tuple[_Entry, ...]
    captioners: tuple[_Entry, ...]
    experts: tuple[_Entry, ...]
    observers: tuple[_Entry, ...]
    formats: tuple[_Entry, ...]
    recipes: tuple[_Entry, ...]
    models: tuple[_Entry, ...]

    def __str__(self) -> str:
        groups = (
            ("Measures (a recipe's `measures:`; rules in `keep:` go by the scores they give)", self.measures),
            ("Shot detectors (`shots:`)", self.shots),
            ("Captioners (`caption: {captioner: ...}`)", self.captioners),
            ("Experts (of captioners, of hoi_judgement and of the observer mllm)", self.experts),
            ("Observers (`coarse_hoi: {observer: ...}`, and of fine_hoi and hoi_lite)", self.observers),
            ("Formats (`hoigen export RUN --to NAME`)", self.formats),
            ("Recipes (hoigen curate NAME)", self.recipes),
            ("Model files and samples (hoigen models)", self.models),
        )
        lines: tuple[str, ...] = ()
        for title, entries in groups:
            lines += ("", title) if lines else (title,)
            width = max((len(entry.name) for entry in entries), default=0) + 4
            for entry in entries:
                gives = f" Gives: {', '.join(entry.gives)}." if entry.gives and entry.gives != (entry.name,) else ""
                lead = f"  {entry.name:{width - 2}}"
                text = entry.words + gives
                lines += (*textwrap.wrap(text, WIDTH, initial_indent=lead, subsequent_indent=" " * width),)
        return "\n".join(lines)


def list() -> Listing:
    """Names all that a recipe may name, and the recipes and model files at hand, each with what it means."""
    from hoigen.core.registry import measure_names, names_of
    from hoigen.models.cards import CARDS, FILES
    from hoigen.video.shots import detectors

    recipes = []
    for path in sorted((Path(__file__).parents[1] / "recipe" / "recipes").glob("*.yaml")):
        # with the first sentence of its opening comment
        lines = path.read_text(encoding="utf-8").splitlines()
        head = " ".join(line.removeprefix("#").strip() for line in lines[:3] if line.startswith("# "))
        sentence, dot, _ = head.partition(". ")
        recipes.append(_Entry(path.stem, sentence + dot.strip()))
    return Listing(
        measures=tuple(_plugin("measure", name) for name in measure_names()),
        shots=(
            *(_Entry(name, summary(cls)) for name, cls in detectors()),
            _Entry("none", "Files are clips already."),
        ),
        captioners=tuple(_plugin("captioner", name) for name in names_of("captioner")),
        experts=tuple(_plugin("expert", name) for name in names_of("expert")),
        observers=tuple(_plugin("observer", name) for name in names_of("observer")),
        formats=tuple(_plugin("format", name) for name in names_of("format")),
        recipes=tuple(recipes),
        models=tuple(_Entry(name, f"{CARDS[name].origin} ({CARDS[name].licence}).") for name in FILES),
    )


def _plugin(kind: Kind, name: str) -> _Entry:
    """A measure, captioner, expert or observer; of a package that is broken, what is wrong with it."""
    from hoigen.core.registry import find

    try:
        cls: type[Any] = find(kind, name)
    except Exception as error:  # a package may raise anything when it is imported
        return _Entry(name, f"cannot be imported: {type(error).__name__}: {error}")
    return _Entry(name, summary(cls), tuple(getattr(cls, "emits", ())))
