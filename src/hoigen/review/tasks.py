"""Items of the other questions: claims of captions, pairs and ratings of generated videos, frames; and their files."""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hoigen.core.errors import UsageError
from hoigen.core.harmless import cell
from hoigen.core.words import plural
from hoigen.data.files import write_text
from hoigen.review import tables as t
from hoigen.review.project import Project, add_items, ask_so_many, put
from hoigen.review.questions import CLAIMS, FRAMES, PREFERENCE, RATING

FRAMES_EACH = 8
"""Frames of a clip, at the middles of as many equal stretches, as `calibrate` takes them of a run."""
MOST_VOTES = 20
WITHOUT = "claims without"
"""The setting that names captions without any claim: [clip, captioner] each."""
_SHOWN = (t.clip.c.uri != "", t.clip.c.machine == "kept")
"""Of clips: neither removed nor dropped by the run's rules since."""
CLAIM_COLUMNS = ("clip", "captioner", "claim", "verdict", "kind", "annotator", "key", "verb", "object", "critique")


def pairs_wanted(interval: float) -> int:
    """Votes of each two models from which the share that prefers one is known to within `interval` either way.

    Args:
        interval: half the width of the 95 % interval at an even share, where it is widest; 0.01 to 0.5.
    """
    if not 0.01 <= interval <= 0.5:
        raise UsageError(f"--interval is 0.01 to 0.5; it came as {interval:g}")
    return math.ceil((1.959964 * 0.5 / interval) ** 2)


def add_pairs(project: Project, *, interval: float, votes: int, seed: int = 0) -> int:
    """Makes pairs of videos of one prompt by two models, each two models and each prompt as often as the others.

    Args:
        project: the review of a run of `hoigen evaluate`.
        interval: see `pairs_wanted`.
        votes: how many people see each pair.
        seed: of the order.

    Returns how many pairs there are. Raises UsageError where the run has fewer than two models of a prompt.
    """
    by_prompt = _by_prompt(project)
    models = sorted({model for each in by_prompt.values() for model in each})
    wanted = -(-pairs_wanted(interval) // votes)
    rows: list[dict[str, Any]] = []
    for first, second in itertools.combinations(models, 2):
        both = sorted(prompt for prompt, each in by_prompt.items() if first in each and second in each)
        random.Random(f"{seed} {first} {second}").shuffle(both)
        made = 0
        for round_ in itertools.count():  # each prompt once, then each once more with other samples
            found = 0
            for prompt in both:
                one, other = by_prompt[prompt][first], by_prompt[prompt][second]
                if round_ < max(len(one), len(other)) and made < wanted:
                    clips = one[round_ % len(one)], other[round_ % len(other)]
                    rows.append({"pair": clips, "prompt": prompt[1], "place": made})
                    made, found = made + 1, found + 1
            if not found:
                break
    if not rows:
        raise UsageError(f"{project.run.path}: no prompt has videos of two models that could be compared")
    items = [
        {
            "question": PREFERENCE,
            "clip": row["pair"][0],
            "other": row["pair"][1],
            "key": row["pair"][1],
            "subject": {"prompt": row["prompt"]},
            "priority": row["place"] + random.Random(f"{seed} {row['pair']}").random(),  # all models side by side
        }
        for row in rows
    ]
    _add_hidden(project, PREFERENCE, items, votes, seed)
    return len(items)


def votes_short(project: Project, interval: float) -> str:
    """What to tell who plans a comparison of which the run has too few pairs; empty where there are enough.

    Args:
        project: the review, whose pairs are made.
        interval: that was asked for.
    """
    item, first, second = t.item.c, t.clip.alias("first"), t.clip.alias("second")
    query = sa.select(first.c.source, second.c.source, sa.func.sum(item.need))
    query = query.join(first, first.c.id == item.clip).join(second, second.c.id == item.other)
    query = query.where(item.question == PREFERENCE, item.state.not_in((t.REMOVED, t.UNKEPT)))
    wanted, votes = pairs_wanted(interval), Counter[tuple[str, ...]]()
    with project.db.read() as con:
        for one, other, count in con.execute(query.group_by(first.c.source, second.c.source)).all():
            votes[tuple(sorted((one, other)))] += int(count)
    if not votes or min(votes.values()) >= wanted:
        return ""
    (one, other), least = min(votes.items(), key=lambda each: each[1])
    known = min(0.5, 1.959964 * 0.5 / math.sqrt(least))
    return (
        f"note: {plural(wanted, 'vote')} of each two models are wanted (--interval {interval:g}), and all pairs of "
        f"{one} and {other} that this run has make {least}: the share is then known to {known:.2f} either way. More "
        "prompts, more videos of each or a higher --votes makes it surer"
    )


def _add_hidden(project: Project, question: str, items: list[dict[str, Any]], votes: int, seed: int) -> None:
    """Adds items of generated videos. Their numbers, which pages know, are at random: in the order of prompts and
    models they would tell whose a video is. Those that are there are asked of so many people from now on."""
    random.Random(f"{seed} numbers {question}").shuffle(items)
    with project.db.write() as con:
        add_items(con, items, votes=votes, seed=seed)
    ask_so_many(project, {question: lambda name: votes})


def add_ratings(project: Project, *, votes: int, seed: int = 0) -> int:
    """Makes an item of each video of a run of `hoigen evaluate`, for so many people. Returns how many."""
    items = [
        {"question": RATING, "clip": clip, "subject": {"prompt": prompt[1]}}
        for prompt, each in _by_prompt(project).items()
        for clips in each.values()
        for clip in clips
    ]
    _add_hidden(project, RATING, items, votes, seed)
    return len(items)


def _by_prompt(project: Project) -> dict[tuple[str, str], dict[str, list[str]]]:
    """(prompt, its words) -> model -> clips, of those that can be shown."""
    from hoigen.evaluation.models.read import read_source

    with project.db.read() as con:
        shown = set(con.execute(sa.select(t.clip.c.id).where(*_SHOWN)).scalars())
    found: dict[tuple[str, str], dict[str, list[str]]] = {}
    for video in read_source(project.run.path).videos:
        if video.clip in shown:
            words = video.text or video.prompt
            found.setdefault((video.prompt, words), {}).setdefault(video.model, []).append(video.clip)
    if not found:
        raise UsageError(f"{project.run.path} has no generated videos: hoigen evaluate makes such a run")
    return found


def add_claims(project: Project, file: Path, *, double: float, seed: int = 0) -> int:
    """Makes an item of each claim of a file, whose column verdict may be empty or missing.

    Args:
        project: the review of the run whose clips the captions describe.
        file: claims, as `caption-eval` reads them.
        double: share that two people check.
        seed: of the order.

    A claim that is asked already, of the same words about the same caption, is not asked again, wherever it stands in
    the file; a caption that makes none is remembered for the export.

    Returns how many claims the file has. Raises UsageError that names file, line and column.
    """
    from hoigen.data.rows import rows_of

    item = t.item.c
    with project.db.read() as con:
        known = set(con.execute(sa.select(t.clip.c.id).where(*_SHOWN)).scalars())
        rows = con.execute(sa.select(item.id, item.clip, item.key, item.subject).where(item.question == CLAIMS)).all()
    there = {(row.clip, *_claim_of(json.loads(row.subject))): row for row in rows}
    keys = {(row.clip, row.key) for row in rows}
    items, changed, seen = [], [], set[tuple[str, ...]]()
    without = {(clip, captioner) for clip, captioner in project.setting(WITHOUT) or ()}
    more = ("verdict", "kind", "annotator", "key", "verb", "object", "critique")
    for at, row in enumerate(rows_of(file, ("clip", "captioner", "claim"), more)):
        clip, claim = row.need("clip"), row.text("claim")
        if clip not in known:
            raise UsageError(f"{row.place}, column clip: {project.run.path} keeps no clip {clip!r}")
        kept = {name: row.text(name) for name in ("captioner", "claim", "kind", "key", "verb", "object")}
        if not claim:
            without.add((clip, kept["captioner"]))  # nothing to check, yet it counts
            continue
        about = (clip, *_claim_of(kept))
        if about in seen:
            continue
        seen.add(about)
        if (old := there.get(about)) is not None:
            if json.loads(old.subject) not in ({}, kept):
                changed.append({"number": old.id, "value": json.dumps(kept, ensure_ascii=False)})
            continue
        key = next(
            key
            for more in itertools.count()
            if (clip, key := f"{at}{f'.{more}' if more else ''} {kept['captioner']}") not in keys
        )
        items.append({"question": CLAIMS, "clip": clip, "key": key, "subject": kept})
    if not seen:
        raise UsageError(f"{file} holds no claims")
    with project.db.write() as con:
        add_items(con, items, double=double, seed=seed)
        if changed:  # another kind, another key: what people see is the same
            statement = sa.update(t.item).where(item.id == sa.bindparam("number"))
            con.execute(statement.values(subject=sa.bindparam("value")), changed)
        put(con, WITHOUT, sorted(without))
    return len(seen)


def _claim_of(subject: Mapping[str, Any]) -> tuple[str, str]:
    """Captioner and claim, as `caption-eval` tells claims apart."""
    from hoigen.evaluation.captions.files import plain

    return str(subject.get("captioner", "")), plain(str(subject.get("claim", "")))


def add_frames(project: Project, *, double: float, seed: int = 0) -> int:
    """Makes items of eight frames of each clip. Returns how many."""
    with project.db.read() as con:
        clips = con.execute(sa.select(t.clip.c.id, t.clip.c.start, t.clip.c.end).where(*_SHOWN)).all()
    items = []
    for row in clips:
        for n in range(FRAMES_EACH):
            time = round((row.end - row.start) * (n + 0.5) / FRAMES_EACH, 3)
            items.append({"question": FRAMES, "clip": row.id, "key": f"{n}", "subject": {"time": time}})
    with project.db.write() as con:
        add_items(con, items, double=double, seed=seed)
    return len(items)


def write_files(project: Project) -> dict[Path, int]:
    """Writes what people said of the other questions into RUN/review/export/, those that were asked.

    claims.csv for `caption-eval`, preference.csv and ratings.csv for `agree`, frames.csv for `calibrate`.

    Returns the files, each with how many rows it has.
    """
    folder = project.run.review_folder / "export"
    made = {}
    writers = {CLAIMS: _claims, PREFERENCE: _preference, RATING: _ratings, FRAMES: _frames}
    names = {CLAIMS: "claims.csv", PREFERENCE: "preference.csv", RATING: "ratings.csv", FRAMES: "frames.csv"}
    for question, writer in writers.items():
        rows = list(writer(project))
        if len(rows) > 1 or (folder / names[question]).exists():
            folder.mkdir(parents=True, exist_ok=True)
            out = io.StringIO()
            safe = [[cell(one) if isinstance(one, str) else one for one in row] for row in rows]
            csv.writer(out, lineterminator="\n").writerows(safe)
            write_text(folder / names[question], out.getvalue())
            made[folder / names[question]] = len(rows) - 1
    return made


def _votes(project: Project, question: str) -> Iterator[Any]:
    """Each person's present answer to each item, in the order of the items."""
    item, held, said, clip = t.item.c, t.assignment.c, t.verdict.c, t.clip.c
    other = t.clip.alias()
    columns = (item.id, item.clip, item.subject, said.value, said.note, t.person.c.name, clip.uri, clip.start)
    query = sa.select(*columns, other.c.uri.label("other")).join(t.assignment, held.item == item.id)
    query = query.join(t.verdict, said.id == held.verdict).join(t.person, t.person.c.id == held.person)
    query = query.join(t.clip, clip.id == item.clip).outerjoin(other, other.c.id == item.other)
    query = query.where(item.question == question, held.state == t.ANSWERED, item.state != t.REMOVED)
    query = query.order_by(item.id, said.seq)
    with project.db.read() as con:
        yield from con.execute(query).all()


def claims_begun(project: Project) -> set[tuple[str, str]]:
    """Captions (clip, captioner) some of whose claims have an answer, and some have none."""
    item = t.item.c
    query = sa.select(item.clip, item.subject, item.given).where(item.question == CLAIMS)
    answered: set[tuple[str, str]] = set()
    waiting: set[tuple[str, str]] = set()
    with project.db.read() as con:
        for row in con.execute(query.where(item.state.not_in((t.REMOVED, t.UNKEPT)))).all():
            about = (row.clip, _claim_of(json.loads(row.subject))[0])
            (answered if row.given else waiting).add(about)
    return answered & waiting


def _claims(project: Project) -> Iterator[Sequence[Any]]:
    """A caption counts once all its claims are checked: of half of them its share of false ones would be another."""
    yield CLAIM_COLUMNS
    begun = claims_begun(project)
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    captions = set()
    for row in _votes(project, CLAIMS):
        about = json.loads(row.subject)
        known = {"clip": row.clip, "verdict": row.value, "annotator": row.name, "critique": row.note, **about}
        captioner, claim = _claim_of(about)
        captions.add((row.clip, captioner))
        if (row.clip, captioner) not in begun:  # what one person was asked twice counts once, as it was said last
            rows[row.clip, captioner, claim, row.name] = known
    if captions and (without := project.setting(WITHOUT)):
        with project.db.read() as con:
            there = set(con.execute(sa.select(t.clip.c.id).where(*_SHOWN)).scalars())
        for clip, captioner in without:
            if clip in there and (clip, captioner) not in captions | begun:
                rows[clip, captioner, "", ""] = {"clip": clip, "captioner": captioner}
    for known in rows.values():
        yield [known.get(name, "") for name in CLAIM_COLUMNS]


def _preference(project: Project) -> Iterator[Sequence[Any]]:
    yield ("first", "second", "winner", "rater")
    for row in _votes(project, PREFERENCE):
        yield (row.uri, row.other, row.value, row.name)


def _ratings(project: Project) -> Iterator[Sequence[Any]]:
    yield ("video", "rating", "rater")
    for row in _votes(project, RATING):
        yield (row.uri, row.value, row.name)


def _frames(project: Project) -> Iterator[Sequence[Any]]:
    """One row a frame whose answer counts; the file is named in full."""
    yield ("file", "label", "time")
    item, clip = t.item.c, t.clip.c
    query = sa.select(item.subject, item.final, clip.uri, clip.start).join(t.clip, clip.id == item.clip)
    query = query.where(item.question == FRAMES, item.final.in_(("yes", "no")), item.state != t.REMOVED)
    query = query.order_by(item.id)
    with project.db.read() as con:
        for row in con.execute(query).all():
            yield (row.uri, row.final, f"{row.start + json.loads(row.subject)['time']:.3f}")
