"""The categories of a run as a Parquet file, and how they are spread."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from hoigen.core.words import plural
from hoigen.data.columns import schema_of
from hoigen.data.files import nothing_left
from hoigen.interactions.categories.people import VIEWS
from hoigen.interactions.categories.rows import Category

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
TOP, REASONS = 20, 5
PAPER_OBJECTS, PAPER_ACTIONS, PAPER_CLIPS = 15_000, 7_000, 1_100_000
"""HOIGen-1M, section 3.2: "over 15,000 objects and more than 7,000 interaction action types", of about 1.1 M clips."""


BATCH = 1 << 14
"""Rows that are written at a time, so that a run of a million clips needs no more memory than one of a thousand."""


def write(path: Path, rows: Iterable[Category], tally: Tally) -> None:
    """Writes all rows, whole or not at all.

    Args:
        path: the Parquet file; its folder is made.
        rows: all of them.
        tally: whose number of captions goes into the file's metadata, once the rows have passed.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    schema = schema_of(COLUMNS)
    with contextlib.ExitStack() as stack:
        stack.enter_context(nothing_left(path.parent))
        path.parent.mkdir(parents=True, exist_ok=True)
        stack.callback(part.unlink, missing_ok=True)
        with pq.ParquetWriter(part, schema) as writer:
            stream = iter(rows)
            while batch := [asdict(row) for row in itertools.islice(stream, BATCH)]:
                writer.write_table(pa.Table.from_pylist(batch, schema=schema))
            writer.add_key_value_metadata({"captions": str(tally.captions)})
        part.replace(path)


@dataclass(slots=True)
class Tally:
    """Counts captions and rows as they pass by; `Distribution` says what the numbers are.

    Args:
        clips: with a row.
        unread: captions that no usable answer came for, by the reason.
        last: the clip of the row that passed last.
        kinds: clips by kind of interaction.
    """

    captions: int = 0
    rows: int = 0
    clips: int = 0
    unread: Counter[str] = field(default_factory=Counter)
    last: str | None = None
    actions: Counter[str] = field(default_factory=Counter)
    objects: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str | None] = field(default_factory=Counter)
    interactions: set[tuple[str, str]] = field(default_factory=set)
    pairs: set[int] = field(default_factory=set)
    verb_rows: int = 0
    object_rows: int = 0
    pair_rows: int = 0

    def texts(self, captions: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        """The `captions` as they are, counted."""
        for pair in captions:
            self.captions += 1
            yield pair

    def through(self, rows: Iterable[Category]) -> Iterator[Category]:
        """The `rows` as they are, counted; those of one clip follow one another."""
        for row in rows:
            if row.id != self.last:
                self.last, self.clips = row.id, self.clips + 1
                self.kinds[row.interaction] += 1
            self.rows += 1
            self.actions[row.action] += 1
            self.objects[row.object] += 1
            self.interactions.add((row.action, row.object))
            self.verb_rows += row.hico_verb is not None
            self.object_rows += row.hico_object is not None
            if row.hoi is not None:
                self.pair_rows += 1
                self.pairs.add(row.hoi)
            yield row


@dataclass(frozen=True, slots=True)
class Distribution:
    """How the categories are spread.

    Args:
        captions: how many were read.
        with_interaction: in how many there is one.
        rows: how many there are; one is an action and object of one clip.
        actions: rows of each action.
        objects: rows of each object.
        interactions: distinct pairs of an action and an object.
        kinds: clips by kind of interaction.
        verb_rows: rows whose action is a verb of HICO-DET's.
        object_rows: rows whose object is one of HICO-DET's.
        pair_rows: rows whose pair is one of HICO-DET's.
        pairs: how many of the 520 pairs of HICO-DET (without `no_interaction`) are there.
        unread: captions for which a language model gave no usable answer, by the reason.
        path: the file of the rows.
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
    unread: Mapping[str, int] = field(default_factory=dict)
    path: Path | None = None

    def __str__(self) -> str:
        lines = [f"{plural(self.captions, 'caption')}, {self.with_interaction} with an interaction, {self.rows} in all"]
        if self.unread:
            lines.append(
                f"{plural(sum(self.unread.values()), 'caption')} without a usable answer (--retry asks them again):"
            )
            lines += [f"  {count:7} {why}" for why, count in list(self.unread.items())[:REASONS]]
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
        ]
        most = self.objects.most_common(TOP), self.actions.most_common(TOP)
        lines += [f"  {'object':<28}{'clips':>6}    {'action':<20}{'clips':>6}"] if most[0] else []
        for (thing, many), (act, often) in itertools.zip_longest(*most, fillvalue=("", 0)):
            lines.append(f"  {thing:<28}{many or '':>6}    {act:<20}{often or '':>6}".rstrip())
        return "\n".join([*lines, *([f"{self.path}"] if self.path else [])])


def distribution(tally: Tally, path: Path | None = None) -> Distribution:
    """What was counted, in order of how often; an action or object counts once for each row that has it.

    Args:
        tally: after all rows have passed.
        path: the file of the rows, which the text ends with.
    """
    unknown = {"unknown": tally.kinds[None]} if tally.kinds[None] else {}
    return Distribution(
        captions=tally.captions,
        with_interaction=tally.clips,
        rows=tally.rows,
        actions=_ordered(tally.actions),
        objects=_ordered(tally.objects),
        interactions=len(tally.interactions),
        kinds={kind: tally.kinds[kind] for kind in VIEWS} | unknown,
        verb_rows=tally.verb_rows,
        object_rows=tally.object_rows,
        pair_rows=tally.pair_rows,
        pairs=len(tally.pairs),
        unread=tally.unread,
        path=path,
    )


def _ordered(counts: Counter[str]) -> Counter[str]:
    """Equal counts stand in order of the alphabet, so that two runs print the same."""
    return Counter(dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))))


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "none"
