"""The same content under two names, found once all clips are known."""

from __future__ import annotations

import os
from collections.abc import Mapping

from hoigen.data.run import Run
from hoigen.stages.book import Share


def mark_duplicates(run: Run, share: Share, *, by_content: bool) -> int:
    """Marks clips whose very stretch of the very content came earlier in the list; how many there are.

    The same row given twice is always one clip; the same content under two names counts when `by_content`.
    """
    import duckdb

    from hoigen.videofile import is_local

    same = "coalesce(digest, uri)" if by_content else "uri"
    con = duckdb.connect()
    found = con.execute(
        f"""
        with every as (
            select video, n, uri, state, rule, shard,
                   first_value(uri) over same as first_uri, row_number() over same as place
            from {run.clips.relation()}
            where state = 'ok' or rule = 'duplicate'
            window same as (partition by {same}, start, "end" order by video, n))
        select shard, video, n, first_uri, uri from every where place > 1 and state = 'ok'
        """
    ).fetchall()
    by_shard: dict[int, dict[tuple[int, int], str]] = {}
    for shard, video, n, first, own in found:
        if first != own and is_local(first) and not os.path.exists(first):
            continue  # the file was moved: under its new name it is no copy
        by_shard.setdefault(shard, {})[video, n] = first
    for shard, marks in by_shard.items():
        if share.mine(shard):
            _rewrite_marked(run, shard, marks)
    return len(found)


def _rewrite_marked(run: Run, shard: int, marks: Mapping[tuple[int, int], str]) -> None:
    rows = run.clips.read(shard)
    for row in rows:
        if first := marks.get((row["video"], row["n"])):
            reason = "the same row again" if first == row["uri"] else f"same content as {first}"
            row |= {"state": "dropped", "rule": "duplicate", "reason": reason}
    run.clips.write(shard, rows, run.clips.facts_of(shard))
