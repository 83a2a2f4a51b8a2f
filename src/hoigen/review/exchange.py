"""All verdicts out of a review and into one, nothing lost: CSV, JSON lines, and Label Studio's JSON.

A row a verdict, also those that were taken back. What is there already is not added again, so a file may be brought
twice; brought into an empty review of the same clips it gives the same answers, and is written as the same file again.

Source of Label Studio's format: https://labelstud.io/guide/task_format (docs/source/includes/task_format.md of
HumanSignal/label-studio at 321ee1d).
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hoigen.core.errors import UsageError, nearest, shown
from hoigen.core.harmless import FORMULA
from hoigen.core.words import plural
from hoigen.data.annotations import EPOCH
from hoigen.data.files import Folder
from hoigen.data.rows import read_json, rows_of
from hoigen.review import people
from hoigen.review import tables as t
from hoigen.review.project import Project
from hoigen.review.questions import QUESTIONS, REASONS, checked
from hoigen.review.queue import settle

Format = Literal["csv", "jsonl", "label-studio"]
ENDS: Mapping[str, Format] = {".csv": "csv", ".jsonl": "jsonl", ".json": "label-studio"}
COLUMNS = (
    *("id", "clip", "question", "key", "value", "reason", "note", "who", "when", "seconds", "mode"),
    *("clip_version", "question_version", "app_version", "extra", "supersedes"),
)
MODES = ("single", "grid", "adjudicate", "import")
TOOL = "hoigen review --import"
WHOLE = "hoigen"
"""The text of an annotation of Label Studio that holds a whole row, as JSON."""
BLOCK = 500
AHEAD = 86_400.0
"""Seconds that another machine's clock, or its time zone, may be ahead."""


@dataclass(slots=True)
class Brought:
    """What came of a file. rows: that it has. added: verdicts that are new. known: that were there already. left_out:
    rows that say nothing (tasks of Label Studio that were skipped). people: who have no account here."""

    rows: int = 0
    added: int = 0
    known: int = 0
    left_out: int = 0
    people: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        told = f"{plural(self.added, 'verdict')} added from {plural(self.rows, 'row')}"
        told += f", {plural(self.known, 'was', 'were')} there already" if self.known else ""
        told += f", {plural(self.left_out, 'says', 'say')} nothing" if self.left_out else ""
        if self.people:
            told += f"\npeople who have no account here: {', '.join(self.people)}"
        return told


def format_of(file: Path, format: Format | None = None) -> Format:
    """The format of a file, by what was asked for or by how its name ends. Raises UsageError."""
    found = format or ENDS.get(file.suffix.lower())
    if found is None:
        raise UsageError(f"{file}: a name that ends with {', '.join(ENDS)} (Label Studio), or --format")
    return found


def write(project: Project, file: Path, format: Format | None = None, question: str | None = None) -> int:
    """Writes all verdicts of a review to a file, whole or not at all. Returns how many they are.

    Args:
        project: the review.
        file: the file.
        format: what it is written as; when not given, as its name ends.
        question: only of this one.

    Raises UsageError when it cannot be written.
    """
    chosen = format_of(file, format)
    count = 0

    def counted(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        nonlocal count
        for row in rows:
            count += 1
            yield row

    try:
        with project.db.read() as con, Folder(str(file.parent)).writing(file.name) as out:
            rows = counted(_rows(con, question))
            texts = [_label_studio(con, list(rows))] if chosen == "label-studio" else _lines(rows, chosen)
            for text in texts:
                out.write(text.encode())
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror or error}") from None
    return count


def _rows(con: Connection, question: str | None) -> Iterator[dict[str, Any]]:
    said, item = t.verdict.c, t.item.c
    query = sa.select(t.verdict, item.key, t.person.c.name.label("who")).join(t.item, item.id == said.item)
    query = query.join(t.person, t.person.c.id == said.person).order_by(said.seq)
    query = query if question is None else query.where(said.question == question)
    for row in con.execute(query.execution_options(yield_per=5000)).mappings():
        when = EPOCH + timedelta(microseconds=round(row["at"] * 1e6))
        yield {**{name: row[name] for name in COLUMNS if name in row}, "when": when.isoformat(), "item": row["item"]}


def _lines(rows: Iterable[Mapping[str, Any]], format: Format) -> Iterator[str]:
    if format == "csv":
        yield _csv(COLUMNS)
    for row in rows:
        if format == "csv":
            yield _csv([_cell(row[name]) for name in COLUMNS])
        else:
            made = {name: row[name] for name in COLUMNS} | {"extra": json.loads(row["extra"])}
            yield json.dumps(made, ensure_ascii=False) + "\n"


def _csv(cells: Sequence[Any]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()


def _cell(value: Any) -> Any:
    """A value for a spreadsheet: what it would run begins with an apostrophe; so does what begins so itself."""
    return f"'{value}" if isinstance(value, str) and FORMULA.match(value.lstrip("'")) else value


def _uncell(text: str) -> str:
    return text[1:] if text.startswith("'") and FORMULA.match(text.lstrip("'")) else text


def _label_studio(con: Connection, rows: Sequence[Mapping[str, Any]]) -> str:
    """A task an item. What was taken back is an annotation that was cancelled."""
    items: dict[int, list[Mapping[str, Any]]] = {}
    for row in rows:
        items.setdefault(row["item"], []).append(row)
    present = set(con.execute(sa.select(t.assignment.c.verdict).where(t.assignment.c.state == t.ANSWERED)).scalars())
    tasks = []
    ids = list(items)
    for at in range(0, len(ids), BLOCK):
        query = sa.select(t.item.c.id.label("number"), t.item.c.subject, t.clip)
        query = query.join(t.clip, t.clip.c.id == t.item.c.clip).where(t.item.c.id.in_(ids[at : at + BLOCK]))
        for about in con.execute(query.order_by(t.item.c.id)).mappings():
            said = items[about["number"]]
            data = {"video": about["uri"], "clip": about["id"], "start": about["start"], "end": about["end"]}
            data |= {"caption": about["caption"], "question": said[0]["question"], "key": said[0]["key"]}
            annotations = [_annotation(row, present) for row in said]
            tasks.append({"id": about["number"], "data": data, "annotations": annotations, "predictions": []})
    return json.dumps(tasks, ensure_ascii=False, indent=1) + "\n"


def _annotation(row: Mapping[str, Any], present: set[str | None]) -> dict[str, Any]:
    """A verdict as an annotation that Label Studio imports: it takes no ids that are no numbers, no people whom it does
    not know, and drops what it does not know. What it has no field for goes with it as a text, `hoigen`."""
    whole = {name: row[name] for name in COLUMNS} | {"extra": json.loads(row["extra"])}
    given: dict[str, tuple[str, str, str | None]] = {
        "verdict": ("choices", "choices", row["value"]),
        "reason": ("choices", "choices", row["reason"]),
        "note": ("textarea", "text", row["note"]),
        WHOLE: ("textarea", "text", json.dumps(whole, ensure_ascii=False)),
    }
    return {
        "result": [
            {
                "id": f"{row['id'][:8]}-{name}",
                "from_name": name,
                "to_name": "video",
                "type": kind,
                "value": {inside: [said]},
            }
            for name, (kind, inside, said) in given.items()
            if said
        ],
        "was_cancelled": row["id"] not in present and row["mode"] != "adjudicate",
        "ground_truth": False,
        "created_at": row["when"],
        "updated_at": row["when"],
        "lead_time": row["seconds"],
    }


def read(project: Project, file: Path, format: Format | None = None, *, question: str | None = None) -> Brought:
    """Brings verdicts of a file into a review, all or none.

    Args:
        project: the review.
        file: as `write` makes it, or a table with the columns clip, value and who, and maybe others of COLUMNS; or
            tasks of Label Studio whose `data` has the clip's id as `clip` (or `id`), and whose annotations choose one
            of the question's answers.
        format: what it is; when not given, as its name ends. CSV may be any table that hoigen reads.
        question: of rows that name none.

    Raises UsageError that names the file, the place, what came and what is allowed; nothing is added then.
    """
    chosen = format or ENDS.get(file.suffix.lower(), "csv")
    result = Brought()
    came = list(_tasks(file, result) if chosen == "label-studio" else _table(file))
    result.rows = len(came) + result.left_out
    if not came and not result.left_out:
        raise UsageError(f"{file} holds no verdicts")
    with project.db.write() as con:
        asked = _items(con, {str(row["clip"]) for _, row in came})
        rows = [_checked(asked, place, row, question, project.db.now()) for place, row in came]
        names, seen = [row["id"] for row in rows], dict[str, tuple[str, Any]]()
        for at in range(0, len(names), BLOCK):
            query = sa.select(t.verdict.c.id, t.verdict.c.item, t.verdict.c.value, t.person.c.name.label("who"))
            query = query.join(t.person, t.person.c.id == t.verdict.c.person)
            for old in con.execute(query.where(t.verdict.c.id.in_(names[at : at + BLOCK]))).mappings():
                seen[old["id"]] = "this review", old
        new = []
        for (place, _), row in zip(came, rows, strict=True):
            first, same = seen.setdefault(row["id"], (place, row))
            if any(same[name] != row[name] for name in ("item", "value", "who")):
                raise UsageError(
                    f"{place}, id: {row['id']!r} is another answer's already, in {first}; answers never change: one "
                    "that is given anew has another id, or none"
                )
            if same is row:
                new.append(row)
        result.added, result.known = len(new), len(rows) - len(new)
        numbers = _people(con, {row.pop("who") for row in new}, result)
        for row in new:
            row["person"] = numbers[row.pop("name")]
        for at in range(0, len(new), BLOCK):
            con.execute(sa.insert(t.verdict), new[at : at + BLOCK])
        for item in sorted({row["item"] for row in new}):
            _fold(con, item)
        if new:
            people.audit(con, TOOL, "import", file=file.name, verdicts=len(new))
    return result


def _table(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    optional = tuple(name for name in COLUMNS if name not in ("clip", "who"))
    plain = _uncell if file.suffix.lower() in (".csv", ".tsv") else str
    for row in rows_of(file, ("clip", "who"), optional):
        made: dict[str, Any] = {}
        for name in COLUMNS:
            value = row.cells.get(name)
            made[name] = value if isinstance(value, Mapping) else plain(row.text(name))
        made["clip"], made["who"] = row.need("clip"), plain(row.need("who"))
        made["note"] = plain(str(row.cells.get("note") or ""))  # with the spaces round it
        made["seconds"] = row.number("seconds", "seconds, 0 or more", 0.0)
        yield row.place, made


def _tasks(file: Path, result: Brought) -> Iterator[tuple[str, dict[str, Any]]]:
    tasks = read_json(file)
    if not isinstance(tasks, list):
        raise UsageError(f"{file}: a list of tasks; it came as {shown(tasks)}")
    for at, task in enumerate(tasks, 1):
        place = f"{file}, task {at}"
        data = task.get("data") if isinstance(task, Mapping) else None
        if not isinstance(data, Mapping):
            raise UsageError(f"{place}: an object with `data`; it came as {shown(task)}")
        if not isinstance(task.get("annotations") or [], list):
            raise UsageError(f"{place}: annotations: a list; it came as {shown(task['annotations'])}")
        for number, one in enumerate(task.get("annotations") or [], 1):
            where = f"{place}, annotation {number}"
            if not isinstance(one, Mapping):
                raise UsageError(f"{where}: an object; it came as {shown(one)}")
            made, whole = _of_label_studio(where, one, data)
            same = whole is not None and all(
                (whole.get(n) or "") == (made[n] or "") for n in ("value", "reason", "note")
            )
            if whole is not None and same:  # nobody has changed it there: it is the row that it was
                yield where, {name: whole.get(name) for name in COLUMNS}
                continue
            if one.get("was_cancelled") or made["value"] is None:
                result.left_out += 1
                continue
            yield where, made


def _of_label_studio(
    where: str, one: Mapping[str, Any], data: Mapping[str, Any]
) -> tuple[dict[str, Any], Mapping[str, Any] | None]:
    """An annotation that Label Studio wrote, as a row; and the row that hoigen had written there, where it had."""
    value, reason, notes = None, "", []
    whole: Mapping[str, Any] | None = one[WHOLE] if isinstance(one.get(WHOLE), Mapping) else None
    results = one.get("result") or []
    for each in results if isinstance(results, list) else []:
        inside = each.get("value") if isinstance(each, Mapping) else None
        if not isinstance(inside, Mapping):
            continue
        picked = [text for text in inside.get("choices") or () if isinstance(text, str)]
        for text in picked:
            if each.get("from_name") == "reason" or text in REASONS.values():
                reason = text
            elif value is None:
                value = "_".join(text.casefold().split())
            else:
                raise UsageError(f"{where}: one answer; it came with {value!r} and {text!r}")
        came = inside.get("text") or ()
        texts = [text for text in ([came] if isinstance(came, str) else came) if isinstance(text, str)]
        if each.get("from_name") != WHOLE:
            notes += texts
            continue
        try:
            parsed = json.loads("".join(texts))
        except ValueError:
            parsed = None
        whole = parsed if isinstance(parsed, Mapping) else whole
    who = one.get("completed_by")
    who = (who.get("email") or who.get("id")) if isinstance(who, Mapping) else who
    clip = data.get("clip") or data.get("id")
    if clip is None or (who is None and whole is None):
        lacks = "data has no clip, the id of one" if clip is None else "completed_by says nobody"
        raise UsageError(f"{where}: {lacks}")
    named = str(one.get("unique_id") or f"label-studio-{one.get('id')}")
    made = {
        **dict.fromkeys(COLUMNS),
        "id": named if len(named) >= 8 else None,
        "clip": str(clip),
        "question": data.get("question"),
        "key": data.get("key"),
        "value": value,
        "reason": reason,
        "note": "\n".join(notes),
        "who": f"label-studio {who}" if isinstance(who, int) else str(who),
        "when": one.get("updated_at") or one.get("created_at"),
        "seconds": one.get("lead_time"),
        "app_version": "label-studio",
        "extra": (whole or {}).get("extra"),
    }
    return made, whole


Asked = Mapping[tuple[str, str, str], Any]
"""(question, clip, key) -> item, start, end, digest."""


def _items(con: Connection, clips: set[str]) -> Asked:
    found: dict[tuple[str, str, str], Any] = {}
    names = sorted(clips)
    item, clip = t.item.c, t.clip.c
    for at in range(0, len(names), BLOCK):
        query = sa.select(item.id, item.question, item.key, clip.id.label("clip"), clip.start, clip.end, clip.digest)
        query = query.join(t.clip, clip.id == item.clip).where(clip.id.in_(names[at : at + BLOCK]))
        found |= {(row.question, row.clip, row.key): row for row in con.execute(query)}
    return found


def _checked(items: Asked, place: str, row: Mapping[str, Any], question: str | None, now: float) -> dict[str, Any]:
    """A row of the file as a row of the table, with `who` and `name`."""
    asked = str(row.get("question") or question or "")
    if asked not in QUESTIONS:
        known = f"one of {', '.join(QUESTIONS)}; it came as {asked!r}{nearest(asked, QUESTIONS)}"
        raise UsageError(f"{place}, question: {known}")
    clip, key = str(row["clip"]), str(row.get("key") or "")
    about = items.get((asked, clip, key))
    if about is None:
        raise UsageError(f"{place}: this review does not ask {asked} of clip {clip}{key and f' ({key})'}")
    extra = row.get("extra") or {}
    try:
        at = _moment(row.get("when"), now)
        who = people.check_name(str(row["who"]))
        extra = json.loads(extra) if isinstance(extra, str) else extra
        value = row.get("value") or None
        mode = str(row.get("mode") or "import")
        if mode not in MODES:
            raise ValueError(f"mode: one of {', '.join(MODES)}")
        facts = json.dumps((asked, clip, key, who, value, row.get("when")), default=str)
        # a row that has no id: the same row has the same
        name = str(row.get("id") or hashlib.blake2b(facts.encode(), digest_size=16).hexdigest())
        came = {**row, "id": name, "item": about.id, "value": value, "mode": "single", "extra": extra}
        came["supersedes"] = row.get("supersedes") or None
        said = checked(QUESTIONS[asked], came, about.end - about.start)
        version = int(row.get("question_version") or QUESTIONS[asked].version)
    except (ValueError, UsageError) as error:
        raise UsageError(f"{place}: {error}") from None
    return {
        "id": name, "item": about.id, "clip": clip, "question": asked, "value": said.value, "reason": said.reason,
        "note": said.note, "at": at, "seconds": said.seconds, "mode": mode,
        "clip_version": str(row.get("clip_version") or about.digest), "question_version": version,
        "app_version": str(row.get("app_version") or TOOL), "extra": json.dumps(said.extra),
        "supersedes": said.supersedes, "who": who, "name": who,
    }  # fmt: skip


def _moment(came: Any, now: float) -> float:
    if not came:
        return now
    try:
        when = came if isinstance(came, datetime) else datetime.fromisoformat(str(came))
    except ValueError:
        raise ValueError(f"when: a time such as 2026-11-26T15:02:00+00:00; it came as {came!r}") from None
    when = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
    at = (when - EPOCH) / timedelta(microseconds=1) / 1e6
    if at > now + AHEAD:  # it would stay the last word for as long
        raise ValueError(f"when: a moment that has been; it came as {came!r}")
    return at


def _people(con: Connection, names: set[str], result: Brought) -> dict[str, int]:
    """Numbers of people by name; who is not known is noted, and cannot sign in."""
    known = {row.name: row.id for row in con.execute(sa.select(t.person.c.id, t.person.c.name))}
    now = datetime.now(UTC).timestamp()
    for name in sorted(names - known.keys()):
        made = {"name": name, "role": people.ANNOTATOR, "disabled": True, "made": now}
        known[name] = con.execute(sa.insert(t.person).values(**made).returning(t.person.c.id)).scalar_one()
        result.people.append(name)
    return known


def _fold(con: Connection, item: int) -> None:
    """Works out from all verdicts of an item what each person says of it now, and what it comes to."""
    said, held = t.verdict.c, t.assignment.c
    columns = (said.id, said.person, said.value, said.mode, said.supersedes)
    votes: dict[int, tuple[str, str]] = {}
    decided: tuple[str, str] | None = None
    people_seen = set()
    for row in con.execute(sa.select(*columns).where(said.item == item).order_by(said.at, said.seq)):
        if row.mode == "adjudicate":
            decided = None if row.value is None else (row.id, row.value)
            continue
        people_seen.add(row.person)
        if row.value is not None:
            votes[row.person] = row.id, row.value
        elif row.person in votes and votes[row.person][0] == row.supersedes:
            del votes[row.person]
    there = {row.person: row.state for row in con.execute(sa.select(t.assignment).where(held.item == item))}
    for person in people_seen:
        vote = votes.get(person)
        state = t.ANSWERED if vote else t.LIVE if there.get(person) == t.LIVE else t.BACK
        now = {"state": state, "value": vote[1] if vote else None, "verdict": vote[0] if vote else None}
        if person in there:
            con.execute(sa.update(t.assignment).where(held.item == item, held.person == person).values(now))
        else:
            con.execute(sa.insert(t.assignment).values(item=item, person=person, until=0.0, **now))
    query = sa.select(held.state, sa.func.count()).where(held.item == item).group_by(held.state)
    counts: dict[int, int] = {row[0]: row[1] for row in con.execute(query)}
    about: dict[str, Any] = {"given": counts.get(t.ANSWERED, 0), "leased": counts.get(t.LIVE, 0)}
    if decided is not None:
        stays = sa.case((t.item.c.state.in_((t.REMOVED, t.UNKEPT)), t.item.c.state), else_=t.ADJUDICATED)
        about |= {"state": stays, "final": decided[1], "how": "adjudicated"}
        con.execute(sa.update(t.item).where(t.item.c.id == item, t.item.c.state != t.GOLD).values(about))
        return
    con.execute(sa.update(t.item).where(t.item.c.id == item).values(about))
    settle(con, item)
