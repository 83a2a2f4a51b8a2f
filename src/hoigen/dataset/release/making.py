"""A release, whole or not at all: everything is checked before the first byte, and a folder gets its name last."""

from __future__ import annotations

import dataclasses
import datetime
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hoigen.core.errors import UsageError, VideoError
from hoigen.core.stats.agreement import Ratings, agreement
from hoigen.core.stats.resample import Draws
from hoigen.core.words import plural
from hoigen.data import cutnote
from hoigen.data.annotations import verdicts
from hoigen.data.rows import YES_NO
from hoigen.data.run import Run
from hoigen.dataset.release import checking, describe, index, rights
from hoigen.dataset.release.describe import Facts, Review
from hoigen.models import uses
from hoigen.rules import decide, removals
from hoigen.rules.cascade import Step
from hoigen.stages.captioned import caption_facts

if TYPE_CHECKING:
    import duckdb

VERSION = re.compile(r"\d{1,9}\.\d{1,9}\.\d{1,9}", re.ASCII)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
SHORTER = 0.5
"""Seconds by which a file may be shorter than its clip: the last frame of a container has no length of its own."""
ADJUDICATED = "review"
"""Who says, of question `human`, the one answer that counts: nobody's own word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked for.

    Args:
        name: of the dataset; letters, digits, dot, hyphen, _.
        version: `1.0.0`.
        licence: of the tables and captions, as the ledger names it.
        creator: who gives it out.
        contact: where to ask for a removal.
        out: the folder of the release.
        clips: the folder of `hoigen cut`, whose files become part of it; None: clips are told by address.
        since: the release before, whose removals hold on.
        remove: a table of what somebody asks to be taken out.
        sources: a table of the licences of sources, which the one who releases answers for.
        territories: where it is offered.
        question: of the annotations that say whether a clip is kept.
        told: what people were told to do, in a sentence.
        listed: the captions are those of the input list, not those of `hoigen caption`.
    """

    name: str
    version: str
    licence: str
    creator: str
    contact: str
    out: Path
    clips: Path | None = None
    since: Path | None = None
    remove: Path | None = None
    sources: Path | None = None
    territories: tuple[str, ...] = ()
    question: str | None = None
    told: str = ""
    listed: bool = False


@dataclass(frozen=True, slots=True)
class Released:
    """What was made: the folder, its facts, the digest of SHA256SUMS, and what differs from the release before."""

    folder: Path
    facts: Facts
    digest: str
    changes: checking.Changes | None
    files: int = 0
    warnings: list[str] = field(default_factory=list)


def make(run: Run, steps: Sequence[Step], wanted: Wanted) -> Released:
    """Makes a release of the clips that a run keeps.

    Args:
        run: the run.
        steps: its measures and rules.
        wanted: what is asked for.

    Raises UsageError that names every reason at once where the stated licence would not allow it, and for other bad
    input; nothing is written then.
    """
    licence = _checked(wanted)
    noted = cutnote.read(wanted.clips) if wanted.clips is not None else None
    blurred = cutnote.FACES.get(noted[0], "") if noted is not None else ""
    own = rights.own_sources(wanted.sources) if wanted.sources is not None else {}
    taken = removals.in_force(run)
    if wanted.since is not None:
        before = checking.check(wanted.since)  # what a release says is only worth something when it is whole
        if before.name == wanted.name and checking.order(wanted.version) <= checking.order(before.version):
            raise UsageError(
                f"--version {wanted.version}: not after {before.version}, the version of --since {wanted.since}"
            )
        known = {row.given_out for row in taken}
        taken += [row for row in removals.read(wanted.since) if row.given_out not in known]
    fresh, ahead = removals.asked(wanted.remove, run) if wanted.remove is not None else ([], [])
    taken = list(dict.fromkeys([*taken, *fresh]))
    with decide.connect(run, steps, taken=taken) as con:
        try:
            found = index.gather(con, run, steps, own, listed=wanted.listed)
        except index.AllRemoved as error:
            if fresh:  # who asked for it must not be in the next export, release or not
                removals.write(run.path, taken)
                raise UsageError(f"{error}; what --remove asks for is kept in {run.path / removals.FILE}") from None
            raise
        words = {} if wanted.listed else caption_facts(run) or {}
        models = uses.joined(uses.recorded(run.facts().get("models")), uses.recorded(words.get("models")))
        refused = rights.refusals(
            licence,
            [(name, many, some) for name, (many, some) in found.licences.items()],
            models,
            media=wanted.clips is not None,
            territories=wanted.territories,
            places=[(name, many, some) for name, (many, some) in found.territories.items()],
        )
        if refused:
            lines = "\n  ".join(map(str, refused))
            raise UsageError(f"--licence {licence.id} does not allow this release:\n  {lines}")
        files = _files(con, run, wanted.clips) if wanted.clips is not None else {}
        pending = decide.counts(con).get("pending", 0)
        funnel = decide.funnel(con, steps, run=run.path)
        kinds = {
            name: kind for name, kind, *_ in con.execute("describe indexed").fetchall() if not name.startswith("_")
        }
        facts = Facts(
            name=wanted.name, version=wanted.version, date=f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}",
            licence=licence.id, licence_page=licence.source, creator=wanted.creator, contact=wanted.contact,
            index=found, media=wanted.clips is not None, blurred=blurred,
            funnel={stage.name: (stage.came, stage.dropped, stage.failed) for stage in funnel.stages},
            measured=[step.name for step in steps], models=models, review=_review(con, run, wanted),
            removals=len({row.given_out for row in taken}), hoigen=metadata.version("hoigen"), kinds=kinds,
        )  # fmt: skip
        if taken and set(taken) != set(removals.read(run.path)):
            removals.write(run.path, taken)  # first: what is asked for holds even if this is cut short
        made = _written(con, run, wanted, facts, files, taken)
    if pending:
        waits, goes = plural(pending, "clip is", "clips are"), f"hoigen curate {run.recipe_file} goes on"
        made.warnings.insert(0, f"{waits} not decided yet, and not in it: {goes}")
    made.warnings[:0] = [f"{line}; it is kept, and holds for what comes" for line in ahead]
    if told := removals.unnamed(run, taken):
        made.warnings.insert(0, told)
    return made


def _checked(wanted: Wanted) -> rights.Licence:
    """The licence that is stated. Raises UsageError for names, folders and licences that will not do."""
    for name, value, form, what in (
        ("name", wanted.name, NAME, "letters, digits, dots, hyphens and _, not longer than 96"),
        ("version", wanted.version, VERSION, "three numbers, such as 1.0.0"),
    ):
        if not form.fullmatch(value):
            raise UsageError(f"--{name}: {what}; it came as {value!r}")
    for name, value in (("creator", wanted.creator), ("contact", wanted.contact)):
        if not value.strip():
            raise UsageError(f"--{name}: a text; it came as {value!r}")
    if wanted.out.exists() and (not wanted.out.is_dir() or any(wanted.out.iterdir())):
        raise UsageError(
            f"--out {wanted.out} is there already; a release is never written over: give another --version"
        )
    if wanted.since is not None and not (wanted.since / checking.FACTS).is_file():
        raise UsageError(f"--since {wanted.since}: no release (it has no {checking.FACTS})")
    if wanted.clips is not None and not wanted.clips.is_dir():
        raise UsageError(f"--clips {wanted.clips}: no such folder; hoigen cut makes one")
    return rights.licence_named(wanted.licence)


def _files(con: duckdb.DuckDBPyConnection, run: Run, folder: Path) -> dict[str, Path]:
    """Clip -> its file of `hoigen cut`. Raises UsageError for clips of another run, and where one is missing, is no
    video or is shorter than its clip."""
    _, runs = cutnote.read(folder) or ("", [])
    if run.address not in runs and (others := [name for name in runs if Path(name).is_dir()]):
        raise UsageError(  # ids are the same in all runs over the same videos, also over what took their place
            f"--clips {folder}: it holds clips of another run ({others[0]}); hoigen cut makes those of {run.path}"
        )
    found, lacking, wrong = {}, [], []
    for clip, seconds in con.execute('select id, "end" - start from indexed order by _video, _n').fetchall():
        there = [path for suffix in cutnote.SUFFIXES if (path := folder / f"{clip}{suffix}").is_file()]
        if not there:
            lacking.append(clip)
        elif why := _not_it(there[0], seconds):
            wrong.append(f"{there[0].name} {why}")
        else:
            found[clip] = there[0]
    if lacking:
        some = ", ".join(lacking[:3]) + (", …" if len(lacking) > 3 else "")
        raise UsageError(
            f"--clips {folder}: {plural(len(lacking), 'clip has', 'clips have')} no file there ({some}); hoigen "
            f"cut makes them"
        )
    if wrong:
        some = "; ".join(wrong[:3]) + ("; …" if len(wrong) > 3 else "")
        raise UsageError(
            f"--clips {folder}: {plural(len(wrong), 'file is not its clip', 'files are not their clips')}: {some}. "
            "Delete them; hoigen cut makes them anew"
        )
    return found


def _not_it(path: Path, seconds: float) -> str | None:
    """Why a file cannot be a clip of so many seconds; by its header alone."""
    from hoigen.video.header import probe

    try:
        length = probe(str(path)).duration
    except VideoError as error:
        return str(error)
    return f"is {length:.2f} s long, and its clip {seconds:.2f} s" if length < seconds - SHORTER else None


def _review(con: duckdb.DuckDBPyConnection, run: Run, wanted: Wanted) -> Review | None:
    found = verdicts(run.path, wanted.question)
    if found is None:
        return None
    kept = {clip for (clip,) in con.execute("select id from indexed").fetchall()}
    said: dict[str, dict[str, str]] = {}
    for clip, values in found.said.items():
        # what adjudication says is nobody's word
        one = {who: value.casefold() for who, value in values.items() if who != ADJUDICATED}
        if clip in kept and one:
            said[clip] = one
    if not said:
        return None
    people = sorted({who for one in said.values() for who in one})
    units: list[tuple[str, Ratings]] = [(clip, one) for clip, one in sorted(said.items()) if len(one) > 1]
    words = "nobody said something of a clip that somebody else had"
    if units:
        agreed = agreement(units, Draws(draws=1000), between=people)
        words = (
            f"Krippendorff's alpha {agreed.alpha}, AC1 {agreed.ac1}, raw {agreed.raw}, over "
            f"{plural(len(units), 'clip')}"
        )
    yes = sum(2 * sum(YES_NO.get(value, False) for value in one.values()) > len(one) for one in said.values())
    return Review(
        question=found.question, people=len(people), clips=len(said), twice=len(units), yes=yes, agreement=words,
        told=wanted.told,
    )  # fmt: skip


def _written(
    con: duckdb.DuckDBPyConnection,
    run: Run,
    wanted: Wanted,
    facts: Facts,
    files: Mapping[str, Path],
    taken: Sequence[removals.Removal],
) -> Released:
    part = wanted.out.with_name(f".{wanted.out.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        media = {}
        for clip, path in files.items():
            name = f"clips/{path.name}"
            (part / "clips").mkdir(exist_ok=True)
            shutil.copyfile(path, part / name)
            media[clip] = (name, checking.sha256(part / name))
        index.write(con, run, facts.index, part, media)
        removals.write(part, {row.given_out for row in taken})
        changes = None
        if wanted.since is not None:
            gone = [clip for (clip,) in con.execute("select id from removed").fetchall()]
            changes = checking.compared(wanted.since, part, facts.index.tables, gone, facts.name)
            facts = dataclasses.replace(facts, changes=changes.lines)
        (part / "README.md").write_text(describe.card(facts), encoding="utf-8")
        (part / "eu_summary.md").write_text(describe.eu_summary(facts), encoding="utf-8")
        digests = {name: (checking.sha256(part / name), (part / name).stat().st_size) for name in facts.index.tables}
        (part / "croissant.json").write_text(describe.croissant(facts, digests), encoding="utf-8")
        (part / checking.FACTS).write_text(_facts_json(facts, changes), encoding="utf-8")
        every = sorted(str(path.relative_to(part)) for path in part.rglob("*") if path.is_file())
        known = dict(media.values())
        lines = [f"{known.get(name) or checking.sha256(part / name)}  {name}" for name in every]
        (part / checking.SUMS).write_text("\n".join(lines) + "\n", encoding="utf-8")
        digest = checking.sha256(part / checking.SUMS)
        if wanted.out.is_dir():
            wanted.out.rmdir()
        part.replace(wanted.out)
    except OSError as error:
        raise UsageError(f"--out {wanted.out} cannot be written: {error.strerror or error}") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    warnings = []
    [(here, some)] = con.execute(
        "select count(*), min(uri) from indexed where not contains(uri, '://') or starts_with(lower(uri), 'file://')"
    ).fetchall()
    if here:
        what = "stand in its tables" if facts.media else "are all that tells where its videos lie, beside their digests"
        which = f"paths of this machine ({plural(here, 'clip')}, such as {some})"
        warnings.append(f"{which} {what}: others cannot open them, and may read names in them")
    if not facts.index.listed and (more := facts.index.in_list):
        warnings.append(
            f"{plural(more, 'clip has', 'clips have')} no caption of hoigen caption and one in the input list: "
            "--captions list gives those of the list"
        )
    if facts.review is None:
        warnings.append("no person has said anything of these clips: the card says `not reviewed`")
    if unknown := facts.index.licences.get(rights.NOT_STATED):
        warnings.append(
            f"the licence of {plural(unknown[0], 'clip')} is not stated; their videos are told by address alone"
        )
    warnings += [f"{one.id}: who may use it for what is not known" for one in facts.models if one.use == "not known"]
    return Released(wanted.out, facts, digest, changes, len(every) + 1, warnings)


def _facts_json(facts: Facts, changes: checking.Changes | None) -> str:
    review = facts.review
    found: dict[str, Any] = {
        "format": 1, "name": facts.name, "version": facts.version, "date": facts.date, "licence": facts.licence,
        "creator": facts.creator, "contact": facts.contact, "hoigen": facts.hoigen, "clips": facts.index.clips,
        "captions": facts.index.captions, "seconds": round(facts.index.seconds, 3), "media": facts.media,
        "faces_blurred": bool(facts.blurred), "faces_by": facts.blurred or None,
        "parts": facts.index.parts, "tables": facts.index.tables, "captioner": facts.index.captioner,
        "licences": {name: many for name, (many, _) in facts.index.licences.items()},
        "sources": {name: many for name, (many, _, _) in facts.index.sources.items()},
        "funnel": facts.funnel, "models": [one.record for one in facts.models], "removals": facts.removals,
        "review": None if review is None else {name: getattr(review, name) for name in Review.__slots__},
        "changes": None if changes is None else changes.record,
    }  # fmt: skip
    return json.dumps(found, ensure_ascii=False, indent=1) + "\n"
