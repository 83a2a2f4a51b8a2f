"""A caption -> its categories: one row per action and object, named and mapped to HICO-DET."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from hoigen.interactions.categories import hicomap, normal
from hoigen.interactions.categories.people import View, view_of
from hoigen.interactions.categories.reader import read

Source = Literal["llm", "rules"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """One interaction of a clip.

    Args:
        id: of the clip.
        subject: who acts, as `normal.subject` names them.
        action: open vocabulary, normalised.
        object: likewise.
        hico_verb: HICO-DET's verb; None where it has none.
        hico_object: HICO-DET's object; None where it has none.
        hoi: number of the pair among HICO-DET's 600; None when it is none of them.
        interaction: the kind of interaction, of the clip as a whole.
        source: a language model, or rules.
    """

    id: str
    subject: str
    action: str
    object: str
    hico_verb: str | None
    hico_object: str | None
    hoi: int | None
    interaction: View | None
    source: Source


def by_rules(captions: Iterable[tuple[str, str]]) -> Iterator[Category]:
    """The categories of captions by rules alone, in order; a caption without an interaction gives none.

    Args:
        captions: (clip id, caption) of each.
    """
    for clip, caption in captions:
        found = read(caption)
        actors = frozenset(normal.subject(who) for who, _, _ in found)
        yield from categories_of(clip, found, view=view_of(caption, actors), source="rules")


def categories_of(
    clip: str, found: Sequence[tuple[str, str, str]], *, view: View | None, source: Source
) -> list[Category]:
    """Rows of one clip with names as `normal` has them, each action and object once.

    Args:
        clip: its id.
        found: (subject, action, object) as they were read.
        view: the kind of interaction of the clip.
        source: who read them.
    """
    rows: dict[tuple[str, str], Category] = {}
    for who, did, what in found:
        action = normal.action(did)
        thing = normal.object_name(what, action)
        if not action or not thing or (action, thing) in rows:
            continue
        hico_object = hicomap.object_of(thing)
        hico_verb = hicomap.verb_of(action, hico_object)
        rows[action, thing] = Category(
            id=clip,
            subject=normal.subject(who),
            action=action,
            object=thing,
            hico_verb=hico_verb,
            hico_object=hico_object,
            hoi=hicomap.pair_of(hico_verb, hico_object),
            interaction=view,
            source=source,
        )
    return list(rows.values())
