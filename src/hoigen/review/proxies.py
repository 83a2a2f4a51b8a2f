"""The files that the browser plays: made ahead for all clips, or on demand for those that are lent next."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hoigen.core.clip import Clip
from hoigen.core.errors import HoigenError
from hoigen.data.run import Run
from hoigen.review import tables as t
from hoigen.review.database import Database
from hoigen.stages.previews import Files, Previewed, clip_of_row, files_of, preview
from hoigen.work.task import Limits

BLOCK = 500
"""Clips that are read from the database at a time."""
TOGETHER = 20
"""Clips that are made between two looks at what is wanted first: a loan."""


def folder_of(run: Run) -> Path:
    """Where the files of a run's review lie; they may be deleted at any time, and are made again."""
    return run.review_folder / "media"


def files(run: Run, row: Mapping[str, Any]) -> Files:
    """Where the video and the strip of a clip lie, or would.

    Args:
        run: the run.
        row: of the table `clip`.
    """
    return files_of(folder_of(run), clip_of_row(row))


def ready(run: Run, row: Mapping[str, Any]) -> Path | None:
    """The video of a clip as browsers play it; None where it is not made yet.

    Args:
        run: the run.
        row: of the table `clip`.
    """
    found = files(run, row)
    return found.video if found.ready else None


def render_ahead(run: Run, db: Database, limits: Limits, *, quiet: bool = False) -> Previewed:
    """Makes the files of all clips that are in the review, in the order in which they are lent.

    Args:
        run: the run.
        db: its review database.
        limits: of the workers.
        quiet: no bar.
    """
    run.check_links()
    with db.read() as con:
        total = con.execute(sa.select(sa.func.count()).where(t.clip.c.uri != "")).scalar_one()
    return preview(_clips(db), folder_of(run), limits, total=total, quiet=quiet)


def _clips(db: Database) -> Iterator[Clip]:
    """All clips, those that are lent first at the front; a block at a time is held, and no transaction."""
    done: tuple[float, int] = (float("-inf"), -1)
    seen: set[str] = set()
    while True:
        with db.read() as con:
            query = sa.select(t.clip, t.item.c.priority, t.item.c.id.label("number"), t.item.c.other)
            query = query.join(t.item, t.item.c.clip == t.clip.c.id)
            query = query.where(sa.tuple_(t.item.c.priority, t.item.c.id) > done)
            rows = con.execute(query.order_by(t.item.c.priority, t.item.c.id).limit(BLOCK)).mappings().all()
            others = [row["other"] for row in rows if row["other"] is not None]
            pairs = con.execute(sa.select(t.clip).where(t.clip.c.id.in_(others))).mappings().all()
        if not rows:
            return
        done = rows[-1]["priority"], rows[-1]["number"]
        for row in (*rows, *pairs):
            if row["id"] not in seen and row["uri"]:
                seen.add(row["id"])
                yield clip_of_row(dict(row))


class Renderer:
    """Makes files while the server runs: what was asked for last comes first. Its methods may be called by any thread.

    Args:
        run: the run.
        workers: processes that decode.
        deadline: seconds without progress after which a clip is given up.
    """

    def __init__(self, run: Run, workers: int = 1, deadline: float = 120.0) -> None:
        self.run = run
        self.limits = Limits(workers=workers, deadline=deadline, breaker=False)
        self._wanted: dict[str, Clip] = {}
        self._failed: dict[str, str] = {}
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def want(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Asks for the files of some clips; those that are there, under way or have failed are not asked for again.

        Args:
            rows: of the table `clip`, in the order in which they are looked at.
        """
        clips = [clip_of_row(row) for row in rows]
        lacking = {clip.id: clip for clip in clips if not files_of(folder_of(self.run), clip).ready}
        with self._change:
            lacking = {name: clip for name, clip in lacking.items() if name not in self._failed}
            if not lacking or self._closed:
                return
            self._wanted = lacking | {name: clip for name, clip in self._wanted.items() if name not in lacking}
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="previews", daemon=True)
                self._thread.start()
            self._change.notify()

    def failed(self, clip: str) -> str:
        """Why a clip has no file and will have none; empty where it has one, or will.

        Args:
            clip: its id.
        """
        with self._change:
            return self._failed.get(clip, "")

    def wait(self, row: Mapping[str, Any], timeout: float) -> Path | None:
        """The video of a clip, waited for; None when it has failed or takes longer.

        Args:
            row: of the table `clip`.
            timeout: seconds.
        """
        self.want([row])
        with self._change:
            self._change.wait_for(
                lambda: self._closed or row["id"] in self._failed or ready(self.run, row) is not None, timeout
            )
        return ready(self.run, row)

    def close(self) -> None:
        """Nothing further is begun. Files under way are left to end with the process."""
        with self._change:
            self._closed = True
            self._wanted.clear()
            self._change.notify_all()

    def _work(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._closed or bool(self._wanted))
                if self._closed:
                    return
                batch = dict(list(self._wanted.items())[:TOGETHER])
                for name in batch:
                    del self._wanted[name]
            failed: dict[str, str] = {}
            try:
                failed = preview(_told(batch.values(), self._change), folder_of(self.run), self.limits).failed
            except HoigenError as error:  # a full disk: the page says it, and the server goes on
                failed = dict.fromkeys(batch, str(error))
            with self._change:
                self._failed |= failed
                self._change.notify_all()


def _told(clips: Iterable[Clip], change: threading.Condition) -> Iterator[Clip]:
    """The clips, while who waits for one of them is woken now and then."""
    for clip in clips:
        with change:
            change.notify_all()
        yield clip
