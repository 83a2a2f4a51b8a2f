"""Videos by the id of a clip, and what is in their pictures. No browser ever names a path."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from hoigen.core.uris import is_local
from hoigen.data.run import Run
from hoigen.review import tables as t
from hoigen.review.people import ADJUDICATOR, Person
from hoigen.review.project import Project

KINDS = {".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/mp4", ".webm": "video/webm", ".mkv": "video/webm"}
"""Kinds of files that browsers play, by the ends of their names."""


class Media(NamedTuple):
    """A file to send, and what kind of file it is."""

    file: Path
    kind: str


class Gone(Exception):
    """The video is not there any more, or is another one; in words for a page."""


def clip_row(project: Project, clip: str, person: Person) -> dict[str, Any] | None:
    """A clip that this person may see: what was lent to them, or any for who decides; None else."""
    with project.db.read() as con:
        found = con.execute(sa.select(t.clip).where(t.clip.c.id == clip)).mappings().one_or_none()
        row = None if found is None else dict(found)
        if row is None or not row["uri"]:  # nobody sees what was removed
            return None
        if person.may(ADJUDICATOR):
            return row
        item, held = t.item.c, t.assignment.c
        lent = sa.select(item.id).join(t.assignment, held.item == item.id)
        lent = lent.where((item.clip == clip) | (item.other == clip), held.person == person.id).limit(1)
        return row if con.execute(lent).first() is not None else None


def plays(row: Mapping[str, Any]) -> bool:
    """Whether browsers may play the video of a clip as it is; by its name alone, the browser finds out the rest."""
    try:
        return source_file(row).suffix.lower() in KINDS
    except Gone:
        return False


def source(row: Mapping[str, Any]) -> Media:
    """The video of a clip itself. Raises Gone."""
    file = source_file(row)
    return Media(file, KINDS.get(file.suffix.lower(), "application/octet-stream"))


def source_file(row: Mapping[str, Any]) -> Path:
    """The video of a clip on this machine, unchanged since it was measured. Raises Gone."""
    from hoigen.stages.ingest import stamp
    from hoigen.video.file import local_path

    if not is_local(row["uri"]):
        raise Gone("The video lies in a store, and there is no copy of the clip here yet.")
    now = stamp(row["uri"])
    if now is None:
        raise Gone("The video is gone from the disk: hoigen relocate RUN --root OLD=NEW says where it lies now.")
    if row["stamp"] and json.loads(row["stamp"]) != now:
        raise Gone(
            "The video has changed on the disk since it was measured, and answers are of what it was: put that back, "
            "or begin with the new one in another run (hoigen curate RUN/run.yaml --run ANOTHER)."
        )
    return Path(local_path(row["uri"]))


def details(run: Run, row: Mapping[str, Any]) -> dict[str, Any]:
    """Scores of a clip, and boxes that measures found in it, for who asks for them."""
    from hoigen.pages.thumbs import evidence_of
    from hoigen.rules.runfile import steps_of
    from hoigen.stages.kept import facts_of

    _, steps = steps_of(run)
    labels = {number.name: number.label or number.name for step in steps for number in step.numbers}
    numbers = json.loads(row["numbers"])
    told = [{"name": labels.get(name, name), "value": value} for name, value in numbers.items()]
    boxes: list[dict[str, Any]] = []
    if row["shard"] is not None:
        known = facts_of(run, steps, row["shard"], {row["id"]}).get(row["id"], {})
        for step in steps:
            if step.name in known and (found := evidence_of(known[step.name]["detail"], step.sampling)):
                boxes = [
                    {"box": [each.left, each.top, each.right, each.bottom], "kind": each.kind, "label": each.label}
                    for each in found.boxes
                ]
    return {"numbers": told, "boxes": boxes, "source": row["source"]}
