"""hoigen show: all that is known of one clip."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from hoigen.commands.options import RunFolder
from hoigen.core.errors import UsageError
from hoigen.core.score import why_undefined
from hoigen.core.settings import Setting

if TYPE_CHECKING:
    from hoigen.data.columns import Row

WIDTH = 110
LONG = 400


@dataclass(frozen=True, slots=True)
class Shown:
    """A clip: how it ended, its scores, its caption and the calls that led to it. given: its picture's size, the digest
    of its content, and what the list says of it. said: what each person last said of it, and when."""

    row: Mapping[str, Any]
    details: Mapping[str, Any]
    caption: Mapping[str, Any] | None
    full: bool = False
    given: Mapping[str, Any] = field(default_factory=dict)
    said: Sequence[str] = ()

    def __str__(self) -> str:
        if self.row["id"] is None:
            return f"{self.row['uri']}\n  {self.row['state']}: {self.row['reason']}"
        lines = [f"clip {self.row['id']}", f"  {self.row['uri']}, {self.row['start']:.3f} to {self.row['end']:.3f} s"]
        if self.given:
            lines.append("  " + ", ".join(f"{key} {value}" for key, value in self.given.items()))
        ended = f"  {self.row['state']}" + (f" by {self.row['rule']}" if self.row["rule"] else "")
        lines.append(ended + (f": {self.row['reason']}" if self.row["reason"] else ""))
        lines += [f"  said: {said}" for said in self.said]
        for name, about in self.details.items():
            values = ", ".join(f"{k} {v:.4g}" for k, v in about["values"].items() if v is not None)
            undefined: dict[str, list[str]] = {}
            for number, value in about["values"].items():
                if value is None:
                    why = why_undefined(about["detail"], [number]) or f"{name} gives no such number for this clip"
                    undefined.setdefault(why, []).append(number)
            told = "".join(f"; {', '.join(numbers)}: {why}" for why, numbers in undefined.items())
            lines.append(f"  {name}: {values or 'no value'}{told}")
            if self.full:
                lines += _block(json.dumps(about["detail"], ensure_ascii=False), "      ", len(str(about)))
        if self.caption is None:
            return "\n".join(lines)
        caption, limit = self.caption, None if self.full else LONG
        head = f"caption by {caption['captioner']}"
        if caption["path"]:
            head += f" ({caption['path']})"
        if caption["text"] is None:
            lines += ["", f"{head}: none; {caption['reason']}"]
        else:
            words = f"{len(caption['text'].split())} words, {caption['calls']} calls"
            tokens = f"{caption['tokens_in']} tokens in, {caption['tokens_out']} out, {caption['seconds']:.1f} s"
            lines += ["", f"{head}: {words}, {tokens}", *_block(caption["text"], "  ")]
            lines += [f"  doubtful: {caption['reason']}"] if caption["reason"] else []
        for name, value in json.loads(caption["detail"] or "{}").items():
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            lines += ["", f"  {name}", *_block(text, "    ", limit)]
        for number, call in enumerate(json.loads(caption["trace"] or "[]"), 1):
            ended = call["outcome"] + (f": {call['reason']}" if call["reason"] else "")
            cost = f"{call['tokens_in']} tokens in, {call['tokens_out']} out, {call['seconds']:.1f} s"
            lines += ["", f"  call {number}, {call['role']}: {call['expert']}, {call['template']}, {ended} ({cost})"]
            lines += _block(call["text"], "    ", limit)
        return "\n".join(lines)


def show(
    run: RunFolder,
    clip: Annotated[str, Setting("the clip's id, or the beginning of it; or a part of its file's name")],
    *,
    full: Annotated[bool, Setting("details of scores, prompts' answers and drafts without cuts")] = False,
) -> Shown:
    """Shows how a clip ended, its scores, its caption, and every call that led to it."""
    from hoigen.data.annotations import Annotations
    from hoigen.data.run import Run
    from hoigen.rules import decide
    from hoigen.rules.runfile import steps_of
    from hoigen.stages.captioned import caption_facts
    from hoigen.stages.kept import facts_of

    folder = Run(Path(run))
    _, steps = steps_of(folder)
    con = decide.connect(folder, steps)
    row = _find(con, clip)
    if row["shard"] is None:
        return Shown(row, {}, None, full)
    query = """select width, height, digest, source, meta from clips where id = ? and shard = ?"""
    [(width, height, digest, source, meta)] = con.execute(query, [row["id"], row["shard"]]).fetchall()[:1]
    size = {"size": f"{width}x{height}"} if width else {}
    about = {"digest": digest, "source": source, **json.loads(meta or "{}")}
    given = size | {key: value for key, value in about.items() if value not in (None, "", {}, [])}
    details = facts_of(folder, steps, row["shard"], {row["id"]}).get(row["id"], {})
    caption = None
    if (facts := caption_facts(folder)) is not None:
        words = folder.captions(facts["name"], facts["fingerprint"]).read(row["shard"])
        caption = next((each | {"captioner": facts["name"]} for each in words if each["id"] == row["id"]), None)
    said = [
        f"{each.question} {each.value}, {each.who}, {each.when:%Y-%m-%d %H:%M} UTC{each.note and f' ({each.note})'}"
        for each in Annotations(folder).latest(clip=row["id"])
    ]
    return Shown(row, details, caption, full, given, said)


def _find(con: Any, clip: str) -> Row:
    query = 'select id, uri, start, "end", state, rule, reason, shard from walked where {} order by video, n limit 6'
    for where in ("id = ?", "starts_with(id, ?)", "contains(parse_filename(uri), ?)"):
        cursor = con.execute(query.format(where), [clip])
        names = [column[0] for column in cursor.description]
        rows: Sequence[Row] = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        if len(rows) == 1 or (rows and where == "id = ?"):
            return rows[0]
        if rows:
            some = "; ".join(
                f"{row['id'] or 'no clip yet'} ({Path(row['uri']).name} from {row['start']:g} s)" for row in rows[:5]
            )
            raise UsageError(f"clip {clip!r}: several clips fit: {some}{' …' if len(rows) > 5 else ''}")
    raise UsageError(f"clip {clip!r}: no clip of this run has that id or file name (hoigen table lists them)")


def _block(text: str, indent: str, limit: int | None = None) -> list[str]:
    short = text if limit is None or len(text) <= limit else f"{text[:limit]} … (--full shows all)"
    return textwrap.wrap(short, WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False)
