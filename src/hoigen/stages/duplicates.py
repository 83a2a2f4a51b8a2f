"""The same content under two names, found once all clips are known."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from hoigen.data import tables
from hoigen.data.run import Run
from hoigen.stages.book import Share


def mark_duplicates(run: Run, share: Share, *, by_content: bool) -> int:
    """Marks clips whose very stretch of the very content came earlier in the list; how many there are.

    The same row given twice is always one clip; the same content under two names counts when `by_content`.
    """
    import duckdb

    from hoigen.videofile import is_local

    parts = run.clip_parts()
    if not parts:
        return 0
    same = "coalesce(digest, uri)" if by_content else "uri"
    con = duckdb.connect()
    found = con.execute(
        f"""
        with every as (
            select video, n, uri, state, rule, filename,
                   first_value(uri) over same as first_uri, row_number() over same as place
            from read_parquet(?, filename = true)
            where state = 'ok' or rule = 'duplicate'
            window same as (partition by {same}, start, "end" order by video, n))
        select filename, video, n, first_uri, uri from every where place > 1 and state = 'ok'
        """,
        [[str(part) for part in parts]],
    ).fetchall()
    by_part: dict[str, dict[tuple[int, int], str]] = {}
    for filename, video, n, first, own in found:
        if first != own and is_local(first) and not os.path.exists(first):
            continue  # the file was moved: under its new name it is no copy
        by_part.setdefault(filename, {})[video, n] = first
    for filename, marks in by_part.items():
        if share.mine(int(Path(filename).stem)):
            _rewrite_marked(Path(filename), marks)
    return len(found)


def _rewrite_marked(part: Path, marks: Mapping[tuple[int, int], str]) -> None:
    rows = tables.read_part(part)
    for row in rows:
        if first := marks.get((row["video"], row["n"])):
            reason = "the same row again" if first == row["uri"] else f"same content as {first}"
            row |= {"state": "dropped", "rule": "duplicate", "reason": reason}
    metadata = {"fingerprint": tables.part_fingerprint(part) or ""}
    tables.write_part(part, rows, tables.schema_of(tables.CLIP_COLUMNS), metadata)
