"""Captions as rows: how they are written, and which are in force."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Sequence
from typing import Any

from hoigen.core import plain_yaml
from hoigen.core.clip import Clip, Seconds
from hoigen.core.errors import UsageError, shown
from hoigen.core.score import Caption
from hoigen.data.columns import Row
from hoigen.data.run import Run
from hoigen.data.tables import Table
from hoigen.models.experts.desk import Conversation


def row_of(clip: Clip, caption: Caption, talk: Conversation, began: Seconds) -> Row:
    """A caption as a row of its part.

    Args:
        clip: the clip.
        caption: of the captioner.
        talk: all that was asked about the clip.
        began: when, of time.monotonic(); for captioners that ask nobody.
    """
    return {
        "id": clip.id,
        "state": "captioned" if caption.text is not None else "failed",
        "reason": caption.reason or "; ".join(caption.doubts) or None,
        "text": caption.text,
        "path": caption.path or None,
        "calls": len(talk.trace),
        "tokens_in": sum(call["tokens_in"] for call in talk.trace),
        "tokens_out": sum(call["tokens_out"] for call in talk.trace),
        "seconds": round(sum(call["seconds"] for call in talk.trace), 3) or round(time.monotonic() - began, 6),
        "detail": json.dumps(dict(caption.detail), ensure_ascii=False, allow_nan=False),
        "trace": json.dumps(talk.trace, ensure_ascii=False, allow_nan=False),
    }


def failed(clip: Clip, error: BaseException, talk: Conversation) -> Row:
    """The row of a clip on which the captioner itself broke.

    Args:
        clip: the clip.
        error: what the captioner raised.
        talk: all that was asked about the clip until then.
    """
    caption = Caption(text=None, reason=f"{type(error).__name__}: {error}")
    return row_of(clip, caption, talk, time.monotonic())


SHARED = 3
"""Clips that have the same text, from which it is doubted: no two clips are described in the same words."""
OF_MANY = "the text of many clips"


def mark_shared(con: Any, table: Table) -> int:
    """Marks as doubtful the captions whose text several clips have; how many. Those that no expert wrote are left.

    Args:
        con: a connection of DuckDB that reads tables of the run.
        table: of captions; nobody else writes it meanwhile.
    """
    if not table.shards():
        return 0
    rows = con.execute(
        f"with mine as (select id, shard, lower(text) as said from {table.layout().relation()} "
        "where text <> '' and calls > 0) "
        "select shard, list(id) from mine where said in (select said from mine group by said having count(*) >= ?) "
        "group by shard order by shard",
        [SHARED],
    ).fetchall()
    for shard, ids in rows:
        marked = set(ids)
        found = table.read(shard)
        for row in found:
            old = [doubt for doubt in (row["reason"] or "").split("; ") if doubt and doubt != OF_MANY]
            row["reason"] = "; ".join([*old, *([OF_MANY] if row["id"] in marked else [])]) or None
        table.write(shard, found)
    return sum(len(ids) for _, ids in rows)


def captions_of(run: Run) -> Iterator[tuple[str, str]]:
    """(clip id, text) of all captions in force, in order of shard."""
    for row in caption_rows(run, ["id", "text"]):
        if row["text"] is not None:
            yield row["id"], row["text"]


def caption_facts(run: Run) -> dict[str, Any] | None:
    """What `hoigen caption` wrote of the captions in force; None when it has not run."""
    import yaml

    if not run.caption_file.is_file():
        return None
    try:
        facts = plain_yaml.loaded(run.caption_file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise UsageError(f"{run.caption_file} is damaged: {' '.join(str(error).split())}") from None
    named: dict[str, Any] = facts if isinstance(facts, dict) else {}
    for key, allowed in (("name", r"\w[\w.-]*"), ("fingerprint", "[0-9a-f]{12}")):  # folders of the run
        if not isinstance(value := named.get(key), str) or not re.fullmatch(allowed, value):
            raise UsageError(f"{run.caption_file}: {key}: {allowed}; it came as {shown(value)}")
    return named


def captions_in_force(run: Run) -> Table | None:
    """The table of the captions in force; None when `hoigen caption` has not run."""
    facts = caption_facts(run)
    return run.captions(facts["name"], facts["fingerprint"]) if facts is not None else None


def caption_rows(run: Run, columns: Sequence[str] | None = None) -> Iterator[Row]:
    """Rows of the captions in force, shard by shard; none when `hoigen caption` has not run.

    Args:
        run: the run.
        columns: only these; all when not given.
    """
    table = captions_in_force(run)
    if table is None:
        return
    for shard in table.shards():
        yield from table.read(shard, columns)
