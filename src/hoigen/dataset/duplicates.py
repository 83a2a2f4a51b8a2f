"""Near-duplicates of a run's clips as a rule: of each group one stays, and it is said which and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hoigen.core.errors import UsageError, nearest
from hoigen.data.parquet import quoted
from hoigen.data.run import Run
from hoigen.dataset import embedded, near
from hoigen.measures.perceptual_hash import mirror_mask
from hoigen.rules import decide, sets
from hoigen.rules.cascade import Step
from hoigen.rules.joined import connection

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import pyarrow as pa

RULE, MEASURE = "near_duplicates", "perceptual_hash"
EMBEDDED = ("background_consistency", "subject_consistency")
"""Measures whose details have a vector of each clip."""
PREFERRED = ("short_side", "technical_quality", "duration")
"""By which the clip of a group is chosen that stays, as far as the run has them."""
ROWS = 1 << 16


@dataclass(frozen=True, slots=True)
class Found:
    """What was found.

    Args:
        path: the file of the rule.
        compared: clips that have a hash.
        blank: clips that were hashed and have no look: all of one colour; or that have no vector.
        groups: groups of clips that are alike.
        members: clips in them.
        mirrored: clips that mirror the one that leads their group.
        crowded: hashes that so many looks have that these were not all held against each other.
        prefer: by what the clip that stays is chosen.
        by: the measure that they were compared by.
    """

    path: Path
    compared: int
    blank: int
    groups: int
    members: int
    mirrored: int
    crowded: int
    prefer: tuple[str, ...]
    by: str = MEASURE


def make(run: Run, steps: Sequence[Step], least: float, prefer: Sequence[str] = (), by: str = MEASURE) -> Found:
    """Compares the clips of a run by their perceptual hashes, or by what a network sees, and writes the rule.

    Args:
        run: the run.
        steps: its measures and rules.
        least: how alike clips of a group are to the one that leads it, 0..1.
        prefer: numbers by which the leader is chosen, the first before the others; PREFERRED when not given.
        by: perceptual_hash, or one of EMBEDDED.

    Raises UsageError where the run has no hashes or vectors, too many vectors, or not such numbers.
    """
    chosen, order = _order(run, steps, prefer, by)
    with connection() as con:
        decide.beside(con, run, steps, "main", without=decide.LAST)
        came = decide.counts(con).get("kept", 0)
        if by == MEASURE:
            ids, looks, blank = _read(con, run, steps, order)
            compared, pairs = looks.clips, near.pairs_of(looks, least, mirror_mask())
        else:
            ids, vectors, blank = _read_vectors(con, run, steps, order, by)
            compared, pairs = len(vectors), embedded.pairs_of(vectors, least)
    names = ids.to_pylist() if len(pairs) else []
    tally = {"groups": 0, "members": 0, "mirrored": 0}
    preferred = ", ".join(chosen)

    def rows() -> Iterator[dict[str, Any]]:
        for member in near.groups(pairs):
            leads = member.clip == member.group
            tally["groups"] += leads
            tally["members"] += 1
            tally["mirrored"] += member.mirrored
            like = "leads its group" if leads else f"{member.alike:.2f} like {names[member.group]}"
            like += ", mirrored" if member.mirrored else ""
            words = f"{like}; of {sets.COUNT} alike, {sets.FIRST} stays ({preferred})"
            yield {"id": names[member.clip], "grp": names[member.group], "place": member.clip, "quota": 1,
                   "words": words}  # fmt: skip

    every = list(rows())
    facts = {"came": came, "compared": compared, "blank": blank, "alike": least, "prefer": list(chosen), **tally}
    facts |= {} if by == MEASURE else {"by": by}
    path = sets.write(run, RULE, every, facts)
    return Found(path, compared, blank, **tally, crowded=pairs.crowded, prefer=chosen, by=by)


def _order(run: Run, steps: Sequence[Step], prefer: Sequence[str], by: str) -> tuple[tuple[str, ...], str]:
    """By which numbers, and the SQL of it."""
    numbers = {number.name: number for step in steps for number in step.numbers}
    if not any(step.name == by for step in steps):
        what = "perceptual hashes" if by == MEASURE else f"vectors of {by}"
        raise UsageError(
            f"{run.path} has no {what}: add {by} to its measures (hoigen curate {run.recipe_file} "
            f'--set "measures=[…, {by}]")'
        )
    for name in prefer:
        if name not in numbers:
            raise UsageError(f"--prefer {name}: no number of this run{nearest(name, numbers)}")
        if prefer.count(name) > 1:
            raise UsageError(f"--prefer {name}: stands there twice")
    chosen = tuple(prefer) or tuple(name for name in PREFERRED if name in numbers)
    ends = [f"{quoted(n)} {'asc' if numbers[n].better == 'less' else 'desc'} nulls last" for n in chosen]
    return (*chosen, "place in the list"), ", ".join([*ends, "video", "n"])


def _read(
    con: duckdb.DuckDBPyConnection, run: Run, steps: Sequence[Step], order: str
) -> tuple[pa.ChunkedArray, near.Looks, int]:
    """Ids and looks of all hashed clips, the preferred first, and how many have none."""
    import numpy as np
    import pyarrow as pa

    [step] = [step for step in steps if step.name == MEASURE]
    hashes = run.scores(step.name, step.fingerprint, step.emits).layout().relation()
    con.execute("set preserve_insertion_order = true")
    reader = con.sql(
        f"""select c.id, unhex(h.detail ->> '$.hashes') as looks, h.detail ->> '$.at' as places
        from scored c join {hashes} h on h.id = c.id and h.shard = c.shard
        where c.state = 'ok' and h.state = 'ok'
        qualify row_number() over (partition by c.id order by c.video, c.n) = 1 order by {order}"""
    ).to_arrow_reader(ROWS)
    ids: list[Any] = []
    parts: list[near.Looks] = []
    blank = 0
    for batch in reader:
        sizes = _lengths(batch.column(1)) // 8
        blank += int((sizes == 0).sum())
        ids.append(batch.column(0).filter(pa.array(sizes > 0)))
        parts.append(_looks(batch.filter(pa.array(sizes > 0))))
    starts = np.concatenate([[0], *(np.diff(part.starts) for part in parts)]).cumsum().astype(np.int64)
    hashed = np.concatenate([np.zeros(0, np.uint64), *(part.hashes for part in parts)])
    valid = np.concatenate([np.zeros(0, bool), *(part.valid for part in parts)])
    return pa.chunked_array(ids, pa.string()), near.Looks(starts, hashed, valid), blank


def _read_vectors(
    con: duckdb.DuckDBPyConnection, run: Run, steps: Sequence[Step], order: str, by: str
) -> tuple[pa.ChunkedArray, np.ndarray, int]:
    """Ids and vectors of all clips that have one, the preferred first, and how many have none."""
    import pyarrow as pa

    [step] = [step for step in steps if step.name == by]
    scores = run.scores(step.name, step.fingerprint, step.emits).layout().relation()
    con.execute("set preserve_insertion_order = true")
    rows = con.execute(
        f"""select c.id, h.detail ->> '$.embedding' from scored c join {scores} h on h.id = c.id and h.shard = c.shard
        where c.state = 'ok' and h.state = 'ok'
        qualify row_number() over (partition by c.id order by c.video, c.n) = 1 order by {order}"""
    ).fetchall()
    there = [(clip, text) for clip, text in rows if text]
    if rows and not there:
        raise UsageError(
            f"{run.path}: no clip has a vector of {by}, which earlier versions did not write: delete "
            f"{run.path / 'scores' / by}, and hoigen curate {run.recipe_file} measures it again"
        )
    if len(there) > embedded.MOST:
        raise UsageError(
            f"--by {by}: {len(there):,} clips; all are held against all, which is done up to {embedded.MOST:,}"
        )
    try:
        vectors = embedded.vectors_of([text for _, text in there])
    except ValueError as error:
        raise UsageError(f"{run.path / 'scores' / by}: {error}") from None
    ids = pa.chunked_array([pa.array([clip for clip, _ in there], pa.string())])
    return ids, vectors, len(rows) - len(there)


def _lengths(column: pa.Array) -> np.ndarray:
    import pyarrow.compute as pc

    found: np.ndarray = pc.fill_null(pc.binary_length(column), 0).to_numpy(zero_copy_only=False)
    return found


def _looks(batch: pa.RecordBatch) -> near.Looks:
    """The looks of a batch; `places` of those that lack some are the exception."""
    import json

    import numpy as np

    flat = np.frombuffer(b"".join(batch.column(1).to_pylist()), ">u8").astype(np.uint64)
    sizes = _lengths(batch.column(1)) // 8
    places = [json.loads(text) if text else None for text in batch.column(2).to_pylist()]
    return near.placed(sizes.astype(np.int64), flat, places)
