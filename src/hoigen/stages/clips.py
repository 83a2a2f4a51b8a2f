"""videos -> clips."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

from hoigen.data import tables
from hoigen.data.run import Run
from hoigen.data.tables import Row
from hoigen.ingest import VideoJob, failed_row, setup_ingest, stamp
from hoigen.stages.book import Book, Share, evidence, is_program_fault, told
from hoigen.stats import alike
from hoigen.work import local
from hoigen.work.breaker import Breaker
from hoigen.work.progress import Progress
from hoigen.work.task import Failure, Limits, Task


def make_clips(
    run: Run, shots: Any, min_length: float, max_length: float | None, share: Share, limits: Limits, quiet: bool
) -> None:
    """Finds the clips of all videos of this process's shards."""
    fingerprint = tables.digest_of({"shots": shots, "min": min_length, "max": max_length, "size": share.size})
    with Progress("clips", tables.part_rows(run.videos_file) or 0, " videos", quiet=quiet) as progress:
        stage = ClipStage(run, fingerprint, share, Breaker(), progress)
        try:
            local.run(stage.tasks(), partial(setup_ingest, shots, min_length, max_length), stage, limits)
        finally:
            stage.close()
    if stage.changed:
        some = ", ".join(list(stage.changed)[:3])
        print(
            f"{len(stage.changed)} videos have changed or are gone since they were measured ({some}): this run has the "
            "clips and scores of what they were. Another --run measures them anew",
            file=sys.stderr,
        )


def shards_of_videos(run: Run, share: Share) -> Iterator[tuple[int, list[VideoJob]]]:
    """The input list, shard by shard, without holding it."""
    import pyarrow.parquet as pq

    rows: list[VideoJob] = []
    at = 0
    with tables.named(run.videos_file), pq.ParquetFile(run.videos_file) as videos:
        for batch in videos.iter_batches(batch_size=share.size):
            for row in batch.to_pylist():
                rows.append(VideoJob(video=at, **row))
                at += 1
                if len(rows) == share.size:
                    yield at // share.size - 1, rows
                    rows = []
    if rows:
        yield at // share.size, rows


class ClipStage(Book):
    """videos -> clips."""

    def __init__(self, run: Run, fingerprint: str, share: Share, breaker: Breaker, progress: Progress) -> None:
        super().__init__(run, "clips")
        self.fingerprint, self.share, self.breaker, self.progress = fingerprint, share, breaker, progress
        self.jobs: dict[str, tuple[int, VideoJob]] = {}
        self.changed: dict[str, None] = {}
        self.own_faults = Breaker(after=3, share=1.0)  # no video can be read: the first ones tell

    def tasks(self) -> Iterator[Task]:
        for shard, videos in shards_of_videos(self.run, self.share):
            if not self.share.mine(shard):
                continue
            state = self.open(shard)
            done = {row["video"] for row in self._look(self._rows(shard))}
            for job in videos:
                if job.video in done:
                    self.progress.count("done", already=True)
                    continue
                key = str(job.video)
                self.jobs[key] = (shard, job)
                state.out += 1
                yield Task(key, job)
            self.handed_out(shard)

    def _look(self, rows: list[Row]) -> list[Row]:
        """Notes files that are no longer those that were measured."""
        for row in rows:
            before = json.loads(row["header"]).get("stamp") if row["header"] else None
            if before is not None and stamp(row["uri"]) != before:
                self.changed.setdefault(row["uri"])
        return rows

    def _rows(self, shard: int) -> list[Row]:
        """What is known of a shard: its part, when it was made with the same settings, then its journal."""
        part = self.run.clip_part(shard)
        rows = tables.read_part(part) if tables.part_fingerprint(part) == self.fingerprint else []
        known = {row["video"] for row in rows}
        for entry in self.shards[shard].journal.rows():
            if entry.get("fingerprint") == self.fingerprint and entry["video"] not in known:
                known.add(entry["video"])
                rows += entry["rows"]
        return rows

    def finish(self, shard: int) -> None:
        rows = sorted(self._rows(shard), key=lambda row: (row["video"], row["n"]))
        part = self.run.clip_part(shard)
        if not (
            part.exists() and tables.part_fingerprint(part) == self.fingerprint and tables.part_rows(part) == len(rows)
        ):
            schema = tables.schema_of(tables.CLIP_COLUMNS)
            tables.write_part(part, rows, schema, {"fingerprint": self.fingerprint})

    def part(self, task: Task, part: list[Row]) -> None:
        self._record(task, part)
        if part[0]["state"] == "failed":
            uri, reason = part[0]["uri"], part[0]["reason"]
            self.breaker.saw_failure("reading videos", alike.kind(reason), f"{uri}: {reason}", data_fault=True)
        else:
            self.breaker.saw_ok("reading videos")
        self.own_faults.saw_ok("reading videos")

    def _record(self, task: Task, rows: list[Row]) -> None:
        shard, job = self.jobs[task.key]
        self.shards[shard].journal.append({"video": job.video, "fingerprint": self.fingerprint, "rows": rows})

    def done(self, task: Task) -> None:
        shard, _ = self.jobs.pop(task.key)
        self.progress.count("done")
        self.returned(shard)

    def retry(self, task: Task, failure: Failure) -> Task:
        return task

    def failed(self, task: Task, failure: Failure) -> Task | None:
        _, job = self.jobs[task.key]
        self._record(task, [failed_row(job, told(failure))])
        if is_program_fault(failure):
            self.own_faults.saw_failure("reading videos", failure.reason, evidence(failure), data_fault=False)
        self.breaker.saw_failure("reading videos", failure.kind, evidence(failure), data_fault=False)
        self.done(task)
        return None
