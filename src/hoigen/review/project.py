"""The review of one run: its clips as items of questions, its settings."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import secrets
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hoigen.core.errors import UsageError
from hoigen.data.run import Run
from hoigen.data.tables import digest_of
from hoigen.review import tables as t
from hoigen.review.database import Database
from hoigen.review.questions import CLAIMS, CUTS, FRAMES, KEEP, SAME_CUT
from hoigen.review.statements import Statement
from hoigen.rules import removals, sets

BLOCK = 5_000
"""Clips that are written at a time."""
DEFAULTS: Mapping[str, Any] = {
    "double_share": 0.05,
    "gold_share": 0.015,
    "batch": 20,
    "lease": 600.0,
    "seed": 0,
    "same_cut": SAME_CUT,
}
"""double_share: of clips that two people see, blind. gold_share: of what is lent. lease: seconds. same_cut:
intersection over union from which on two people's cuts are the same."""


_SETTING = Statement(sa.select(t.project.c.value).where(t.project.c.key == sa.bindparam("name")))


@dataclass(frozen=True, slots=True)
class Project:
    """A run and its review database."""

    run: Run
    db: Database

    def setting(self, name: str) -> Any:
        """One of DEFAULTS, or what else was set; None where nothing was."""
        return _read(name, self.db.rows(_SETTING, {"name": name}))

    def set(self, **values: Any) -> None:
        """Changes settings."""
        with self.db.write() as con:
            for name, value in values.items():
                put(con, name, value)

    def counts(self, question: str) -> dict[int, int]:
        """How many items of a question are in each state."""
        with self.db.read() as con:
            query = sa.select(t.item.c.state, sa.func.count()).where(t.item.c.question == question)
            return {row[0]: row[1] for row in con.execute(query.group_by(t.item.c.state))}


def setting(con: Connection, name: str) -> Any:
    """A setting, within a transaction."""
    return _read(name, _SETTING.rows(con, {"name": name}))


def _read(name: str, found: Sequence[Any]) -> Any:
    return json.loads(found[0][0]) if found else DEFAULTS.get(name)


def put(con: Connection, name: str, value: Any) -> None:
    """Writes a setting, within a transaction."""
    made = _insert(con, t.project).values(key=name, value=json.dumps(value))
    con.execute(made.on_conflict_do_update(index_elements=["key"], set_={"value": made.excluded.value}))


def database_of(run: Run, database: str | None) -> Database:
    """The review database of a run. Nothing is made or read.

    Args:
        run: the run.
        database: a URL of PostgreSQL, or a file; RUN/review/review.sqlite when not given.
    """
    return Database(database or run.review_folder / "review.sqlite")


def asked_last(run: Run, database: str | None = None) -> str | None:
    """The question of a review that is not told which one is meant: `keep`, where clips are asked of; else the one that
    was begun last. None where there is no review yet."""
    db = database_of(run, database)
    if not db.postgres and not Path(db.target).is_file():
        return None
    try:
        with db.read() as con:
            if not sa.inspect(con).has_table("project"):
                return None
            begun = con.execute(sa.select(t.project.c.key).where(t.project.c.key.startswith("filled "))).scalars().all()
            last = setting(con, "question")
    finally:
        db.close()
    names = [key.removeprefix("filled ") for key in begun]
    if not names:
        return None
    return KEEP if KEEP in names else last if last in names else names[-1]


def opened(run: Run, database: str | None = None) -> Project:
    """The review of a run as it is. Raises UsageError when there is none."""
    db = database_of(run, database)
    db.check()
    return Project(run, db)


def begin(
    run: Run, database: str | None = None, *, question: str = KEEP, clips: bool = True, **settings: Any
) -> Project:
    """The review of a run, begun where there is none; clips that the run has won since are added.

    Args:
        run: the run.
        database: see `database_of`.
        question: whose items are made: a clip each for `keep`; other questions bring theirs (`add_items`).
        clips: whether clips are brought in now, too.
        settings: of DEFAULTS, where they are to be others than they are.

    Raises UsageError when the run has no clips that were kept, or the database is another run's.
    """
    run.facts()
    run.check_links()
    db = database_of(run, database)
    db.create()
    project = Project(run, db)
    shared = settings.get("double_share")
    with db.write() as con:
        whose = setting(con, "run")
        more = shared is not None and shared != setting(con, "double_share")
        cut = whose is not None and settings.get("same_cut") not in (None, setting(con, "same_cut"))
        here = str(run.path.resolve())
        if whose is None:
            for name, value in {"run": here, "secret": secrets.token_hex(32), "made": db.now()}.items():
                put(con, name, value)
        elif whose != here and not _same_clips(run, con):
            raise UsageError(f"{db.shown} is the review of another run, {whose}; give another --database")
        elif whose != here:  # the run has moved
            put(con, "run", here)
        for name, value in settings.items():
            if value is not None:
                put(con, name, value)
        if clips:
            put(con, "question", question)
        seen, now = (setting(con, f"filled {question}"), _signature(run)) if clips else (None, None)
    if seen != now:
        fill(project, question)
        project.set(**{f"filled {question}": now})
    if cut:
        _judge_cuts(project)
    if more and shared is not None:  # of clips that are there already, too
        seed = project.setting("seed")
        ask_so_many(project, dict.fromkeys((KEEP, CLAIMS, FRAMES), lambda name: 1 + _twice(seed, name, shared)))
    return project


def _judge_cuts(project: Project) -> None:
    """Works out anew which items people differ about that several have trimmed or cropped; what was decided stays."""
    from hoigen.review.queue import settle

    item, held = t.item.c, t.assignment.c
    cut = sa.exists().where(held.item == item.id, held.state == t.ANSWERED, held.value.in_(CUTS))
    query = sa.select(item.id).where(item.question == KEEP, sa.text("state <> 0"), item.state.in_((t.DONE, t.DISPUTED)))
    with project.db.write() as con:
        for number in con.execute(query.where(item.given > 1, cut).order_by(item.id)).scalars().all():
            settle(con, number)


def ask_so_many(project: Project, wanted: Mapping[str, Callable[[str], int]]) -> int:
    """Asks other numbers of people of items that are there: those that have fewer answers then are asked again, those
    that have enough are done.

    Args:
        project: the review.
        wanted: question -> how many people, by question, clip and key of an item.

    Returns of how many items the number has changed. What an adjudicator has, or has decided, stays as it is.
    """
    from hoigen.review.queue import settle

    item = t.item.c
    after, count = 0, 0
    query = sa.select(item.id, item.question, item.clip, item.key, item.need, item.given, item.state)
    query = query.where(item.question.in_(list(wanted))).order_by(item.id).limit(BLOCK)
    more = sa.update(t.item).where(item.id == sa.bindparam("number"))
    again = more.where(item.state == t.DONE, item.given < item.need).values(state=t.OPEN, final=None, how=None)
    more = more.values(need=sa.bindparam("people"))
    while True:
        with project.db.write() as con:
            rows = con.execute(query.where(item.id > after)).all()
            changed = [
                {"number": row.id, "people": people}
                for row in rows
                if (people := wanted[row.question](f"{row.question} {row.clip} {row.key}")) != row.need
            ]
            if changed:
                con.execute(more, changed)
                con.execute(again, changed)
                fewer = {row["number"]: row["people"] for row in changed}
                for row in rows:
                    if row.state == t.OPEN and row.given >= fewer.get(row.id, row.given + 1):
                        settle(con, row.id)
        count += len(changed)
        if len(rows) < BLOCK:
            return count
        after = rows[-1].id


def _twice(seed: int, name: str, double: float) -> bool:
    """Whether an item, by question, clip and key, is one of the share that one more person is asked of."""
    return _share(f"double {seed} {name}") < double


def _same_clips(run: Run, con: Connection) -> bool:
    some = con.execute(sa.select(t.clip.c.id).limit(1)).scalar()
    return some is None or any(
        some == row["id"] for shard in run.clips.shards()[:1] for row in run.clips.read(shard, ["id"])
    )


def _signature(run: Run) -> str:
    """Changes when clips, scores, rules or captions of the run may have."""
    from hoigen.stages.children import gone

    facts: list[Any] = [run.facts()["recipe"], run.facts().get("fingerprints")]
    for folder in (run.clips.folder, run.folder.child("scores")):
        facts.append([(name, folder.stamp(name)[:1]) for name in sorted(folder.names())])
    facts += [[asdict(row) for row in removals.in_force(run)], [rule.facts for rule in sets.rules_of(run)]]
    if withdrawn := gone(run):
        facts.append(sorted(withdrawn))
    if run.caption_file.exists():
        facts.append(os.stat(run.caption_file).st_mtime_ns)
    return digest_of(json.loads(json.dumps(facts, default=str)))


def fill(project: Project, question: str = KEEP) -> int:
    """Brings the run's kept clips into the database; of those that are there, what the run says of them is renewed.

    What somebody asked to be taken out is asked of nobody any more, and nothing is left that tells what it shows.

    Returns how many there are. Raises UsageError when the run has none.
    """
    count = 0
    double, seed = project.setting("double_share"), project.setting("seed")
    kept = array("Q")
    for rows in _blocks(_clips(project.run)):
        kept.extend(_short(row["id"]) for row in rows)
        with project.db.write() as con:
            count += len(rows)
            add_clips(con, rows)
            if question == KEEP:
                add_items(con, ({"question": KEEP, "clip": row["id"]} for row in rows), double=double, seed=seed)
    gone = _take_out(project)
    _ask_of_kept(project, kept)
    if not count:
        why = removals.told(gone) or f"none was kept (hoigen funnel {project.run.path} says why)"
        raise UsageError(f"{project.run.path} has no clips to look at: {why}")
    return count


def _take_out(project: Project) -> int:
    """Takes what was removed out of the queue, and brings back what is removed no more. Returns how many clips that
    would be kept were removed; their number is kept for those who open the review."""
    from hoigen.review.queue import give, settle
    from hoigen.rules import decide
    from hoigen.rules.cascade import measured
    from hoigen.rules.runfile import steps_of

    with decide.connect(project.run, measured(steps_of(project.run)[1])) as source:
        count = decide.removed_count(source)
        gone = [name for (name,) in source.execute("select distinct id from removed").fetchall()]
    item, clip = t.item.c, t.clip.c
    for at in range(0, len(gone), BLOCK):
        some = gone[at : at + BLOCK]
        with project.db.write() as con:
            blank = {"uri": "", "source": "", "caption": "", "numbers": "{}", "stamp": "", "score": None}
            con.execute(sa.update(t.clip).where(clip.id.in_(some)).values(blank))
            about = item.clip.in_(some) | item.other.in_(some)
            held = sa.select(t.assignment.c.item, t.assignment.c.person).join(t.item, item.id == t.assignment.c.item)
            give(con, con.execute(held.where(about, t.assignment.c.state == t.LIVE)).all())
            con.execute(sa.update(t.item).where(about, item.state != t.REMOVED).values(state=t.REMOVED, subject="{}"))
        for name in some:
            for file in (project.run.review_folder / "media").glob(f"{glob.escape(name)}-*"):
                file.unlink(missing_ok=True)
    with project.db.write() as con:
        # of other questions, what was asked is gone
        back = sa.select(item.id, item.how).join(t.clip, clip.id == item.clip)
        back = back.where(item.question == KEEP, item.state == t.REMOVED, clip.uri != "")
        for number, how in con.execute(back).all():
            state = {"gold": t.GOLD, "adjudicated": t.ADJUDICATED}.get(how, t.OPEN)
            con.execute(sa.update(t.item).where(item.id == number).values(state=state))
            if state == t.OPEN:
                settle(con, number)
        put(con, "removed", count)
    return count


def _short(clip: str) -> int:
    """Eight bytes that stand for a clip: a set of a million ids would take ten times the memory."""
    return int.from_bytes(hashlib.blake2b(clip.encode(), digest_size=8).digest())


def _ask_of_kept(project: Project, kept: array[int]) -> None:
    """Asks nobody any more of clips that the run's rules drop now, and again of those that they keep again; answers
    that were given stay.

    Args:
        project: the review.
        kept: of the clips that the run keeps now.
    """
    import numpy as np

    from hoigen.review.queue import give, settle

    item, clip, held = t.item.c, t.clip.c, t.assignment.c
    there = np.sort(np.frombuffer(kept, np.uint64)) if kept else np.zeros(0, np.uint64)
    with project.db.read() as con:  # no index leads to the second video of a pair
        pairs = con.execute(sa.select(item.id).where(item.other.is_not(None)).limit(1)).first() is not None
    after = ""
    while True:
        with project.db.read() as con:
            some = con.execute(sa.select(clip.id).where(clip.id > after).order_by(clip.id).limit(BLOCK)).scalars().all()
        if not some:
            break
        after = some[-1]
        lost = ~np.isin(np.array([_short(name) for name in some], np.uint64), there)
        names = [name for name, gone in zip(some, lost, strict=True) if gone]
        if not names:
            continue
        about = item.clip.in_(names) | (item.other.in_(names) if pairs else sa.false())
        asked = about & item.state.in_((t.OPEN, t.DISPUTED, t.LEFT_OUT))
        with project.db.write() as con:
            con.execute(sa.update(t.clip).where(clip.id.in_(names)).values(machine="dropped"))
            lent = sa.select(held.item, held.person).join(t.item, item.id == held.item).where(held.state == t.LIVE)
            give(con, con.execute(lent.where(about)).all())
            con.execute(sa.update(t.item).where(asked).values(state=t.UNKEPT, final=None, how=None))
    other = t.clip.alias("other")
    back = sa.select(item.id).join(t.clip, clip.id == item.clip).outerjoin(other, other.c.id == item.other)
    back = back.where(item.state == t.UNKEPT, clip.machine == "kept")
    back = back.where(item.other.is_(None) | (other.c.machine == "kept")).limit(BLOCK)
    while True:
        with project.db.write() as con:
            numbers = con.execute(back).scalars().all()
            con.execute(sa.update(t.item).where(item.id.in_(numbers)).values(state=t.OPEN))
            for number in numbers:
                settle(con, number)
        if len(numbers) < BLOCK:
            return


def _blocks(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    block: list[dict[str, Any]] = []
    for row in rows:
        block.append(row)
        if len(block) == BLOCK:
            yield block
            block = []
    if block:
        yield block


def _clips(run: Run) -> Iterator[dict[str, Any]]:
    """Rows of `clip` of the kept clips, in the order of the input."""
    from hoigen.data.parquet import quoted
    from hoigen.rules import decide
    from hoigen.rules.cascade import measured
    from hoigen.rules.runfile import steps_of
    from hoigen.stages.captioned import captions_in_force
    from hoigen.stages.children import gone

    steps = measured(steps_of(run)[1])  # whatever people have said: they may say it again
    con = decide.connect(run, steps)
    numbers = [name for step in steps for name in step.emits]
    score = next((name for step in steps for name in step.emits if name.startswith("hoi")), None)
    packed = ", ".join(f"{quoted(name)} := w.{quoted(name)}" for name in numbers)
    caption, source = "nullif(w.prompt, '')", ""
    captions = captions_in_force(run)
    if captions is not None and captions.shards():
        caption = f"coalesce(words.text, {caption})"
        source = f"left join (select id, text from {captions.layout().relation()}) as words on words.id = w.id"
    query = f"""select w.id, w.uri, w.start, w."end", coalesce(c.width, 0) as width, coalesce(c.height, 0) as height,
            coalesce(c.fps, 0) as fps, coalesce(w.digest, '') as digest,
            coalesce(json_extract(c.header, '$.stamp')::varchar, '') as stamp, coalesce(w.source, '') as source,
            coalesce({caption}, '') as caption, w.state as machine,
            {f"w.{quoted(score)}" if score else "null"} as score,
            {f"to_json(struct_pack({packed}))::varchar" if packed else "'{}'"} as numbers, w.shard
        from walked as w join clips as c on c.id = w.id and c.video = w.video and c.n = w.n {source}
        where w.state = 'kept' order by w.video, w.n"""
    cursor = con.execute(query)
    names = [column[0] for column in cursor.description or []]
    judged = None if source else _judged_captions(run, steps)
    withdrawn = gone(run)  # children whose parents are to be trimmed so no more
    while rows := cursor.fetchmany(BLOCK):
        for row in rows:
            each = dict(zip(names, row, strict=True))
            if each["id"] in withdrawn:
                continue
            if judged is not None and not each["caption"]:
                each["caption"] = judged(each["shard"], each["id"])
            yield each


def _judged_captions(run: Run, steps: Sequence[Any]) -> Any:
    """The captions that `hoi_judgement` made on its way, by shard and clip, for a run that is not captioned yet."""
    step = next((step for step in steps if step.name == "hoi_judgement"), None)
    if step is None:
        return None
    table = run.scores(step.name, step.fingerprint, step.emits)
    kept: dict[int, dict[str, str]] = {}

    def caption(shard: int, name: str) -> str:
        if shard not in kept:
            kept.clear()
            rows = table.read(shard, ["id", "detail"])
            kept[shard] = {row["id"]: str(json.loads(row["detail"] or "{}").get("caption") or "") for row in rows}
        return kept[shard].get(name, "")

    return caption


def add_clips(con: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes rows of `clip`; those that are there get what is said of them now."""
    unique = list({row["id"]: dict(row) for row in rows}.values())
    statement = _insert(con, t.clip)
    renewed = {name: statement.excluded[name] for name in unique[0] if name != "id"} if unique else {}
    if unique:
        con.execute(statement.on_conflict_do_update(index_elements=["id"], set_=renewed), unique)


def add_items(
    con: Connection, rows: Iterable[Mapping[str, Any]], *, double: float = 0.0, seed: int = 0, votes: int = 1
) -> None:
    """Writes items; those that are there stay as they are.

    Args:
        con: a transaction.
        rows: question and clip; maybe key, other, subject (a mapping), priority.
        double: share of the items that one more person is asked about, the same for the same seed.
        seed: of that, and of the random order.
        votes: how many people are asked of each of the others.
    """
    made = []
    for row in rows:
        name = f"{row['question']} {row['clip']} {row.get('key', '')}"
        chance = _share(f"order {seed} {name}")
        made.append(
            {
                "question": row["question"],
                "clip": row["clip"],
                "key": row.get("key", ""),
                "other": row.get("other"),
                "subject": json.dumps(row.get("subject", {}), ensure_ascii=False),
                "priority": row.get("priority", chance),
                "chance": chance,
                "need": votes + _twice(seed, name, double),
            }
        )
    if made:
        con.execute(_insert(con, t.item).on_conflict_do_nothing(index_elements=["clip", "question", "key"]), made)


def _share(text: str) -> float:
    """A number in 0..1 that is the same for the same text."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=7).digest()) / 2**56


def _insert(con: Connection, table: sa.Table) -> Any:
    from sqlalchemy.dialects import postgresql, sqlite

    return (postgresql if con.dialect.name == "postgresql" else sqlite).insert(table)


def file_of(run: Path) -> Run:
    """The run in a folder. Raises UsageError when it is none."""
    found = Run(Path(run))
    found.facts()
    return found
