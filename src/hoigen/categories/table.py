"""The categories of a run as a Parquet file, and how they are spread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from hoigen import store
from hoigen.categories.people import VIEWS
from hoigen.categories.rows import Category

COLUMNS: Mapping[str, str] = {
    "id": "string",
    "subject": "string",
    "action": "string",
    "object": "string",
    "hico_verb": "string",
    "hico_object": "string",
    "hoi": "int32",
    "interaction": "string",
    "source": "string",
}
TOP = 20
PAPER_OBJECTS, PAPER_ACTIONS, PAPER_CLIPS = 15_000, 7_000, 1_100_000
"""HOIGen-1M, section 3.2: "over 15,000 objects and more than 7,000 interaction action types", of about 1.1 M clips."""


def write(path: Path, rows: Iterable[Category], captions: int) -> None:
    """Writes all rows, whole or not at all. captions: how many were read, those without an interaction too."""
    store.write_part(path, map(asdict, rows), store.schema_of(COLUMNS), {"captions": str(captions)})


@dataclass(frozen=True, slots=True)
class Distribution:
    """How the categories are spread.

    captions: how many were read; with: in how many there is an interaction; rows: an action and object of one clip.
    unread: captions for which a language model gave no usable answer. interactions: distinct (action, object).
    kinds: clips by kind of interaction. *_rows: rows whose action, object or both are HICO-DET's; pairs: how many of
    the 520 pairs of HICO-DET (without `no_interaction`) are there.
    """

    captions: int
    with_interaction: int
    rows: int
    actions: Counter[str]
    objects: Counter[str]
    interactions: int
    kinds: Mapping[str, int]
    verb_rows: int
    object_rows: int
    pair_rows: int
    pairs: int
    unread: int = 0
    path: Path | None = None

    def __str__(self) -> str:
        lines = [f"{self.captions} captions, {self.with_interaction} with an interaction, {self.rows} in all"]
        if self.unread:
            lines.append(f"{self.unread} captions without a usable answer; run it again for those that failed")
        lines += [
            f"  {len(self.objects):7} objects       (paper: over {PAPER_OBJECTS:,} in {PAPER_CLIPS / 1e6:.1f} M clips)",
            f"  {len(self.actions):7} actions       (paper: over {PAPER_ACTIONS:,})",
            f"  {self.interactions:7} actions with their object",
        ]
        lines += ["kind of interaction, of the clips with one:"]
        lines += [f"  {count:7} {kind} ({_share(count, self.with_interaction)})" for kind, count in self.kinds.items()]
        lines += [
            f"HICO-DET has the object of {_share(self.object_rows, self.rows)}, the verb of "
            f"{_share(self.verb_rows, self.rows)}, the pair of {_share(self.pair_rows, self.rows)} of them; "
            f"{self.pairs} of its 520 pairs are there",
            *_side_by_side(self.objects.most_common(TOP), self.actions.most_common(TOP)),
        ]
        return "\n".join([*lines, *([f"{self.path}"] if self.path else [])])


def distribution(rows: Sequence[Category], captions: int, *, unread: int = 0, path: Path | None = None) -> Distribution:
    """Counts of what is in the rows; an action or object counts once for each row that has it."""
    kinds = {row.id: row.interaction for row in rows}
    counted = Counter(kinds.values())
    return Distribution(
        captions=captions,
        with_interaction=len(kinds),
        rows=len(rows),
        actions=_counter(row.action for row in rows),
        objects=_counter(row.object for row in rows),
        interactions=len({(row.action, row.object) for row in rows}),
        kinds={kind: counted[kind] for kind in VIEWS} | ({"unknown": counted[None]} if counted[None] else {}),
        verb_rows=sum(row.hico_verb is not None for row in rows),
        object_rows=sum(row.hico_object is not None for row in rows),
        pair_rows=sum(row.hoi is not None for row in rows),
        pairs=len({row.hoi for row in rows} - {None}),
        unread=unread,
        path=path,
    )


def _counter(names: Iterable[str]) -> Counter[str]:
    """Equal counts stand in order of the alphabet, so that two runs print the same."""
    counts = Counter(names)
    return Counter(dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))))


def _side_by_side(objects: Sequence[tuple[str, int]], actions: Sequence[tuple[str, int]]) -> list[str]:
    rows = [f"  {'object':<28}{'clips':>6}    {'action':<20}{'clips':>6}"] if objects else []
    for (thing, many), (act, often) in zip(_filled(objects), _filled(actions), strict=True):
        rows.append(f"  {thing:<28}{many or '':>6}    {act:<20}{often or '':>6}".rstrip())
    return [row for row in rows if row.strip()]


def _filled(pairs: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    return [*pairs, *[("", 0)] * (TOP - len(pairs))]


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "none"
