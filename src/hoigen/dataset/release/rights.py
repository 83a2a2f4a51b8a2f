"""Who may do what with whose videos: a ledger of licences and sources, and what a stated licence would not allow.

Not legal advice: the tables say what pages said on the day `checked`, when they, or a stored copy of them, were read.
Without a day nobody has opened the page. Where nothing is said of a licence it is not known, and what is not known is
not passed on.
"""

from __future__ import annotations

import csv
import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from hoigen.core.errors import UsageError, nearest
from hoigen.core.words import plural
from hoigen.data.rows import rows_of
from hoigen.models.uses import LedgerEntry

NOT_STATED = "not stated"
EVERYWHERE = ("world", "worldwide", "global", "all", "everywhere", "ww", "001")
"""Words of lists for a territory that has every place; 001 is the world of UN M.49."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """What a licence allows.

    Args:
        id: its SPDX name, or a name of the ledger's own.
        share: whether others may be given the video.
        change: whether they may be given pieces of it.
        commercial: whether it may be used commercially.
        alike: whether what is made of it must be passed on under the same licence.
        attribution: whether its author must be named.
        not_in: territories that it leaves out (EU, UK, KR).
        source: where that is written.
        checked: the day on which that page, or a stored copy of it, was read; empty when nobody has opened it.
        note: what else to know.
    """

    id: str
    share: bool
    change: bool
    commercial: bool
    alike: bool
    attribution: bool
    not_in: tuple[str, ...]
    source: str
    checked: str
    note: str


@dataclass(frozen=True, slots=True)
class SourceEntry:
    """What the ledger has of a source of videos.

    Args:
        name: of the source.
        licence: the id of its licence; empty where it is not known.
        page: where that is written.
        checked: as of `Licence`.
        note: what else to know.
    """

    name: str
    licence: str
    page: str
    checked: str
    note: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something cannot be part of a release: what, how many clips of it, such as which."""

    what: str
    why: str
    clips: int
    examples: tuple[str, ...]

    def __str__(self) -> str:
        some = f", such as {', '.join(self.examples)}" if self.examples else ""
        return (
            f"{self.what} ({plural(self.clips, 'clip')}{some}): {self.why}"
            if self.clips
            else (f"{self.what}: {self.why}")
        )


@functools.cache
def licences() -> Mapping[str, Licence]:
    """The ledger of licences, by all of their names in small letters."""
    found: dict[str, Licence] = {}
    for row in _table("licences.csv"):
        one = Licence(
            id=row["id"],
            share=row["share"] == "yes",
            change=row["change"] == "yes",
            commercial=row["commercial"] == "yes",
            alike=row["alike"] == "yes",
            attribution=row["attribution"] == "yes",
            not_in=tuple(row["not_in"].split("|")) if row["not_in"] else (),
            source=row["source"],
            checked=row["checked"],
            note=row["note"],
        )
        for name in (row["id"], *row["names"].split("|")):
            found[name.strip().casefold()] = one
    return found


@functools.cache
def sources() -> Mapping[str, SourceEntry]:
    """The ledger of sources, by all of their names in small letters."""
    return {
        name.strip().casefold(): SourceEntry(
            row["source"], row["licence"], row["source_page"], row["checked"], row["note"]
        )
        for row in _table("sources.csv")
        for name in (row["source"], *row["names"].split("|"))
    }


def _table(name: str) -> list[dict[str, str]]:
    file = resources.files("hoigen.dataset.release").joinpath(name)
    return list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))


def licence_named(name: str) -> Licence:
    """The licence that a release states. Raises UsageError for one that the ledger does not have."""
    if (found := licences().get(name.strip().casefold())) is None:
        known = sorted({one.id for one in licences().values()})
        raise UsageError(f"--licence {name}: not in the ledger{nearest(name, known)} It has {', '.join(known)}")
    return found


def own_sources(path: Path) -> dict[str, str]:
    """Source -> licence, out of a table with the columns source and licence that its owner answers for.

    Raises UsageError for licences that the ledger does not have.
    """
    found = {}
    for row in rows_of(path, ("source", "licence")):
        name = row.need("licence")
        if name.casefold() not in licences():
            known = sorted({one.id for one in licences().values()})
            raise UsageError(f"{row.place}, column licence: {name!r} is not in the ledger{nearest(name, known)}")
        found[row.need("source").casefold()] = licences()[name.casefold()].id
    return found


def licence_of(stated: str, source: str, own: Mapping[str, str]) -> str:
    """The licence of a clip: what the list states, else that of its source; NOT_STATED where neither is known.

    Args:
        stated: in the list.
        source: the name of the source.
        own: source -> licence, as the one who releases says.
    """
    if stated.strip():
        found = licences().get(stated.strip().casefold())
        return found.id if found is not None else stated.strip()
    name = source.strip().casefold()
    entry = sources().get(name)
    return own.get(name) or (entry.licence if entry is not None else "") or NOT_STATED


def refusals(
    stated: Licence,
    clips: Iterable[tuple[str, int, Sequence[str]]],
    models: Sequence[LedgerEntry],
    *,
    media: bool,
    territories: Sequence[str] = (),
    places: Iterable[tuple[str, int, Sequence[str]]] = (),
) -> list[Refusal]:
    """What the stated licence of a release would not allow.

    Args:
        stated: the licence of the release.
        clips: (licence, clips that have it, some of their ids).
        models: that captions and scores came from.
        media: whether videos are given, and not only where they are.
        territories: where the release is offered.
        places: (where the list says that clips may be used, how many, some of their ids).
    """
    found = []
    for name, many, examples in clips:
        licence = licences().get(name.casefold())
        why = []
        if licence is None:
            if media:
                why.append("what it allows is not known; name the licence in the list, or of the source in --sources")
        else:
            if media and not licence.share:
                why.append(f"its videos may not be passed on ({licence.source})")
            if media and licence.share and not licence.change:
                why.append(f"pieces of its videos may not be passed on ({licence.source})")
            if media and stated.commercial and not licence.commercial:
                why.append(f"{stated.id} allows commercial use, which it does not")
            if media and licence.alike and licence.id != stated.id:
                why.append("what is made of it is passed on under the same licence alone")
            out = [place for place in territories if place.upper() in licence.not_in]
            if out:
                why.append(f"it is not given for {', '.join(out)}")
        found += [Refusal(name, "; ".join(why), many, tuple(examples))] if why else []
    for name, many, examples in places:
        there = {place.strip().casefold() for place in re.split(r"[][,;|/\"]", name)}  # a list, too
        out = [place for place in territories if place.casefold() not in there and there.isdisjoint(EVERYWHERE)]
        if out:
            why_not = f"the list does not have it for {', '.join(out)}"
            found.append(Refusal(f"territory {name}", why_not, many, tuple(examples)))
    for model in models:
        if model.use == "non-commercial" and stated.commercial:
            roles = ", ".join(model.used_by)
            why_not = f"{stated.id} allows commercial use; {model.licence} does not, and it was used as {roles}"
            found.append(Refusal(model.id, why_not, 0, ()))
    return found
