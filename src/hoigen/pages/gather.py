"""A run's folder -> the facts of its report."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hoigen.core import plain_yaml
from hoigen.core.stats import alike
from hoigen.core.words import plural
from hoigen.pages import choose
from hoigen.pages.facts import FailureGroup, ReportFacts, Sheet, Stage, Threshold, thresholds
from hoigen.pages.histogram import histograms
from hoigen.pages.listing import beside_of, list_of
from hoigen.pages.talk import captioning_of, words_of
from hoigen.pages.thumbs import take
from hoigen.pages.words import length

if TYPE_CHECKING:
    from hoigen.data.run import Run
    from hoigen.models.uses import LedgerEntry
    from hoigen.rules.cascade import Step

TILES = 144
"""Dropped clips shown in all; more rules show fewer each."""
GROUPS = 40
ORDER = "from the nearest to its threshold to the farthest"


def gather(run: Run, *, shown: int = 24, page: Path | None = None, beside: Run | None = None) -> ReportFacts:
    """Reads a run: its decisions, its scores, and small pictures of the clips to be shown.

    Args:
        run: the run.
        shown: how many kept clips; each rule shows half as many of those it dropped.
        page: the folder in which the page will lie; that of the run when not given.
        beside: a second run, whose decisions on the same clips are shown, too.

    Raises UsageError when the folder is no run.
    """
    from hoigen.data.parquet import part_rows
    from hoigen.rules.cascade import HUMAN
    from hoigen.rules.decide import connect, funnel
    from hoigen.rules.runfile import steps_of
    from hoigen.stages.children import children_line

    recipe, steps = steps_of(run)
    other = (beside, steps_of(beside)[1]) if beside is not None else None
    with connect(run, steps) as con:
        con.execute("create temp view settled as select * from walked")
        rows = con.execute(
            'select state, count(*), coalesce(sum(greatest("end" - "start", 0)), 0) from settled group by all'
        )
        empty = dict.fromkeys(("kept", "dropped", "failed", "pending"), (0, 0.0))
        states = empty | {state: (int(count), float(seconds)) for state, count, seconds in rows.fetchall()}
        clips = sum(count for count, _ in states.values())
        # the funnel as `hoigen funnel` has it, with the bounds of its rules
        rules = {score: thresholds(rule) for step in steps for score, rule in step.rules.items()}
        shortest = recipe.get("min_length")
        if isinstance(shortest, int | float):  # the one rule with a bound that is no measure's
            rules.setdefault("shot_length", (Threshold("min", float(shortest)),))
        found = funnel(con, steps)
        stages = tuple(
            Stage(
                key=stage.name,
                title=stage.name,
                thresholds=rules.get(stage.name, ()),
                entered=stage.came,
                dropped=stage.dropped,
                failed=stage.failed,
            )
            for stage in found.stages
        )
        pair = beside_of(con, run, *other) if other is not None else None
        kept, sheets = _sheets(con, run, steps, stages, states["kept"][0], shown)
        return ReportFacts(
            title=run.path.resolve().name,
            **provenance(run),
            videos=part_rows(run.videos_file) or 0,
            clips=clips,
            **{state: count for state, (count, _) in states.items()},
            unseen=found.unseen,
            asked=found.missing.get(HUMAN, 0),
            seconds=sum(seconds for _, seconds in states.values()),
            seconds_kept=states["kept"][1],
            stages=stages,
            histograms=histograms(con, run, steps, clips),
            listing=list_of(con, run, steps, page or run.path, other) if clips else None,
            beside=pair,
            kept_sheet=kept,
            dropped_sheets=sheets,
            captioning=captioning_of(con, run),
            **_account(con, {stage.key: stage.dropped for stage in stages}, recipe, steps, children_line(run)),
            models=model_files(run, steps),
        )


def _sheets(
    con: Any, run: Run, steps: Sequence[Step], stages: Sequence[Stage], kept: int, shown: int
) -> tuple[Sheet, tuple[Sheet, ...]]:
    """The contact sheets, with all pictures taken in one go."""
    from hoigen.rules.decide import REMOVED

    ruled = [stage for stage in stages if stage.dropped and stage.key != REMOVED]  # nobody is shown those
    each = max(1, min(shown // 2, TILES // max(1, len(ruled)))) if shown else 0
    measured = {score for step in steps for score in step.emits}
    rows = {None: choose.spread_rows(con, "state = 'kept'", "video, n", kept, shown, {})} | {
        stage.key: choose.dropped_rows(
            con, stage.key, stage.thresholds if stage.key in measured else (), stage.dropped, each
        )
        for stage in ruled
    }
    chosen = [row for some in rows.values() for row in some]
    facts = choose.clip_facts(con, [row["id"] for row in chosen])
    boxes = choose.evidence(con, run, steps, chosen)
    taken = take(choose.wanted(row, facts, boxes) for row in chosen)
    words = words_of(con, run, chosen)
    tiles = {key: [choose.tile(row, steps, facts, taken, words) for row in some] for key, some in rows.items()}
    sheets = tuple(
        Sheet(
            key=stage.key,
            title=stage.title,
            total=stage.dropped,
            order=ORDER if stage.key in measured and stage.dropped > 1 else "",
            thresholds=stage.thresholds,
            tiles=tuple(tiles[stage.key]),
        )
        for stage in ruled
    )
    order = "spread evenly over the input" if len(tiles[None]) < kept else ""
    return Sheet(key="kept", title="Kept", total=kept, order=order, tiles=tuple(tiles[None])), sheets


def _account(
    con: Any, dropped: Mapping[str, int], recipe: Mapping[str, Any], steps: Sequence[Step], children: str
) -> dict[str, Any]:
    """What did not come out: failed clips, those that failed alike together, the most first; and notes on videos and
    shots."""
    from hoigen.rules.people import said

    rows = con.execute(
        "select coalesce(rule, 'reading') as place, "
        f"{alike.kind_sql('reason')} as kind, "
        "min(coalesce(reason, 'no reason given')), count(*) as many, "
        f"coalesce(min(uri, 3) filter ({choose.SHOWN}), []) "
        "from settled where state = 'failed' group by place, kind order by many desc, place, kind"
    ).fetchall()
    groups = [
        FailureGroup(where=place, reason=reason, count=int(count), examples=tuple(uris))
        for place, _, reason, count, uris in rows[:GROUPS]
    ]
    if rest := sum(int(row[3]) for row in rows[GROUPS:]):
        groups.append(FailureGroup(where="", reason="other reasons: see hoigen table", count=rest))
    notes = []
    if short := dropped.get("shot_length", 0):
        (seconds,) = con.execute(
            """select sum("end" - "start") from settled where state = 'dropped' and rule = 'shot_length'"""
        ).fetchone()
        least = recipe.get("min_length")
        notes.append(
            f"{plural(short, 'shot')} shorter than {least:g} s, black, or of one frame that is held too long, "
            f"together {length(seconds)}."
        )
    if copies := dropped.get("duplicate", 0):
        notes.append(f"{plural(copies, 'clip')} the same in content as an earlier one under another name.")
    (bare,) = con.execute(
        "select count(*) from (select uri from settled group by uri having bool_and(state = 'dropped' and "
        "rule = 'shot_length'))"
    ).fetchone()
    if bare:
        notes.append(f"{plural(bare, 'video')} without a shot of the wanted length.")
    if any(step.by_people for step in steps):
        notes.append(f"{said(con)}.")
    notes += [f"{children}."] if children else []
    return {"failures": tuple(groups), "notes": tuple(notes)}


def provenance(run: Run) -> dict[str, Any]:
    """What run.yaml says of when, where and with what."""
    facts = run.facts()
    recipe = plain_yaml.dumped(facts.get("recipe", {}))
    libraries = {name: version for name, version in (facts.get("libraries") or {}).items() if version}
    versions = {"hoigen": str(facts.get("hoigen", "")), "Python": str(facts.get("python", "")), **libraries}
    try:
        at = datetime.datetime.fromisoformat(str(facts.get("written")))
        made = f"{at.day} {at:%B %Y, %H:%M} UTC"
    except ValueError:
        made = ""
    return {
        "made": made,
        "machine": str(facts.get("machine") or platform.platform()),
        "recipe": recipe,
        "versions": {name: str(version) for name, version in versions.items() if version},
    }


def model_files(run: Run, steps: Sequence[Step]) -> tuple[LedgerEntry, ...]:
    """The licence ledger: every model that the run's measures and its captioner use, as noted when they last ran.

    Args:
        run: the run; of captions that note no model, those of the recipe that made them.
        steps: its measures; asked where the run notes no model.
    """
    import contextlib

    from hoigen.core.errors import HoigenError
    from hoigen.models import uses
    from hoigen.stages.captioned import caption_facts

    facts = run.facts()
    if "models" in facts:
        measured = uses.recorded(facts["models"])
    else:
        measured = uses.ledger((step.name, unit) for step in steps for unit in step.units)
    captioned: tuple[LedgerEntry, ...] = ()
    if (words := caption_facts(run)) is not None:
        if "models" in words:
            captioned = uses.recorded(words["models"])
        else:
            from hoigen.stages.captioners._job import job_of, models_of

            with contextlib.suppress(HoigenError):  # of an older hoigen, or with files that lie elsewhere
                captioned = models_of(job_of(words.get("caption") or {}))
    return uses.joined(measured, captioned)
