"""videos -> clips: found block by block, then sealed into shards.

The stage writes what it finds of the videos into `found/`, in blocks of so many videos. Once all blocks of all ranks
are there, one process seals them: it marks duplicates over the whole run and cuts the videos that are in no shard yet
into shards of about equal work, `clips/`. A shard's range of videos never changes afterwards: what is found anew of its
videos (another try, other shot settings) takes the place of what was there.
"""

from __future__ import annotations

import bisect
import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from hoigen.core.errors import RanksOpen, SetupError
from hoigen.core.stats import alike
from hoigen.core.words import plural
from hoigen.data import tables, videolist
from hoigen.data.columns import CLIP_COLUMNS, Row
from hoigen.data.parquet import named, part_rows, quoted
from hoigen.data.run import SHARDS_FILE, Run, ShardRange
from hoigen.models import uses
from hoigen.stages.ingest import VideoJob, any_readable, failed_row, setup_ingest, shots_wanted, stamp
from hoigen.video.shots import check_detector
from hoigen.work.breaker import Breaker
from hoigen.work.ranks import Barrier, Rank
from hoigen.work.stage import Item, Stage
from hoigen.work.task import Failure, Handler, Limits

SHARD_CLIPS = 4096
SHARD_BYTES = 32 << 30
"""What a shard holds at most, unless it is a single video's."""
SHARDS_OF_A_RUN = 64
"""Shards are smaller in a run that would have fewer than these, down to `shard_size` clips: ranks share them out."""
SPREAD = 16
"""Videos that are tried before a run is stopped because none of the first ones can be read."""
SEALED = "sealed.json"
WANTED = ("video", "uri", "state", "reason", "header")


def make_clips(
    run: Run,
    shots: Any,
    min_length: float,
    max_length: float | None,
    size: int,
    rank: Rank,
    limits: Limits,
    quiet: bool,
    *,
    by_content: bool,
    retry: bool = False,
) -> None:
    """Finds the clips of all videos of this rank's blocks, and seals them when it was the last.

    Args:
        run: the run; its videos are listed.
        shots: the detector of a recipe's `shots:`, or `none`.
        min_length: seconds; shorter shots are dropped.
        max_length: seconds; longer shots are split. None: none is.
        size: videos in a block.
        rank: this process among those that share the run.
        limits: of the workers.
        quiet: no bar.
        by_content: the same content under another name is a duplicate; else only the same row given twice is.
        retry: videos that failed count as missing.

    Raises RanksOpen when other ranks have blocks to do, or one of them is sealing.
    """
    if shots_wanted(shots):
        uses.prepare([check_detector(shots)], quiet=quiet)
    # a run of before there was `shards.parquet` keeps the shards that it has
    if not run.folder.exists(SHARDS_FILE) and not run.found.shards() and (shards := run.shards()):
        run.write_shards(shards)
    fingerprint = tables.digest_of({"shots": shots, "min": min_length, "max": max_length, "size": size})
    videos = part_rows(run.videos_file) or 0
    made_of = tables.digest_of({"fingerprint": fingerprint, "videos": videos, "by_content": by_content})
    barrier = Barrier(run.folder, rank, "clips", made_of)
    setup = partial(setup_ingest, shots, min_length, max_length)
    stage = ClipStage(run, setup, fingerprint, size, rank, barrier, retry=retry)
    mine = sum(min(size, videos - at) for at in range(0, videos, size) if rank.mine(at // size))
    stage.go(limits, total=mine, quiet=quiet)
    if stage.changed:
        some = ", ".join(list(stage.changed)[:3])
        print(
            f"{plural(len(stage.changed), 'video has changed or is', 'videos have changed or are')} gone since "
            f"{'it was' if len(stage.changed) == 1 else 'they were'} measured ({some}): this run has the "
            "clips and scores of what they were. Another --run measures them anew",
            file=sys.stderr,
        )
    if sealed_as(run).get("of") != made_of or run.found.shards():
        seal(run, fingerprint, size, barrier, by_content=by_content)


def sealed_as(run: Run) -> dict[str, Any]:
    """What was sealed last: `of` (a digest of list and settings) and `times`, how often there was something to seal, so
    that what depends on the clips knows when they have changed. Nothing when the run was not sealed yet."""
    folder = run.folder.child("ranks")
    try:
        found = json.loads(folder.read(SEALED)) if folder.exists(SEALED) else {}
    except ValueError:  # damaged: sealing once more changes nothing
        return {}
    return found if isinstance(found, dict) else {}


def blocks_of_videos(run: Run, size: int, mine: Callable[[int], bool]) -> Iterator[tuple[int, list[VideoJob]]]:
    """Blocks of the input list with their numbers, without holding the list.

    Args:
        run: the run.
        size: videos in a block.
        mine: whether a block, by its number, is this process's; others are passed over.
    """
    import pyarrow.parquet as pq

    rows: list[VideoJob] = []
    at = 0
    with named(run.videos_file), pq.ParquetFile(run.videos_file) as videos:
        for batch in videos.iter_batches(batch_size=max(size, 1024)):
            begin = 0
            while begin < batch.num_rows:
                count = min(batch.num_rows - begin, size - at % size)
                if mine(at // size):
                    found = batch.slice(begin, count).to_pylist()
                    rows += [VideoJob(video=at + place, **row) for place, row in enumerate(found)]
                at, begin = at + count, begin + count
                if rows and at % size == 0:
                    yield at // size - 1, rows
                    rows = []
    if rows:
        yield at // size, rows


class ClipStage(Stage):
    """videos -> found clips, in blocks."""

    name = "clips"
    unit = " videos"

    def __init__(
        self,
        run: Run,
        handler: Callable[[], Handler],
        fingerprint: str,
        size: int,
        rank: Rank,
        barrier: Barrier,
        *,
        retry: bool,
    ) -> None:
        super().__init__(run, rank, barrier)
        self.clips, self.found, self.handler = run.clips, run.found, handler
        self.fingerprint, self.size, self.once_more = fingerprint, size, retry
        self.changed: dict[str, None] = {}
        self.own_faults = Breaker(after=3, share=1.0)  # no video can be read: the first ones tell
        self.there = set(self.found.shards())  # of these blocks; no other process writes them
        self.ranges: list[ShardRange] = []
        self.ranges_of: tuple[Any, ...] | None = None
        self.videos: list[VideoJob] = []
        self.read: tuple[int, list[Row]] = (-1, [])

    def setup(self) -> Callable[[], Handler]:
        return self.handler

    def shards(self) -> Iterator[int]:
        assert self.run is not None
        for block, videos in blocks_of_videos(self.run, self.size, self.rank.mine):
            self.videos = videos
            yield block

    def plan(self, shard: int) -> Iterator[Item | str]:
        # What was made with these settings: found rows, else sealed ones. Found first: what is sealed meanwhile is in
        # clips/ before it is gone here.
        found = self._found(shard, WANTED)
        first, end = shard * self.size, (shard + 1) * self.size
        sealed: dict[int, list[Row]] = {}
        for each in self._sealed(first, end):
            if first <= each["video"] < end:
                sealed.setdefault(each["video"], []).append(each)
        known = sealed | found
        journalled = {entry["video"]: entry["rows"] for entry in self._journalled(self.journal(shard).rows())}
        for job in self.videos:
            rows = journalled.get(job.video) or known.get(job.video, [])
            if rows and rows[0]["uri"] != job.uri:  # videos.parquet was lost and is in another order now
                rows = []
            for row in rows:  # files that are no longer those that were measured
                before = json.loads(row["header"]).get("stamp") if row["header"] else None
                if before is not None and stamp(row["uri"]) != before:
                    self.changed.setdefault(row["uri"])
            if not rows or (self.once_more and rows[0]["state"] == "failed"):
                yield Item(str(job.video), job)
            else:
                failed = rows[0]["state"] == "failed"
                self.breaker.saw_before("reading videos", alike.kind(rows[0]["reason"] or "") if failed else "")
                yield "done"

    def _found(self, block: int, columns: Sequence[str] | None = None) -> dict[int, list[Row]]:
        rows: dict[int, list[Row]] = {}
        if block in self.there and self.found.facts_of(block).get("fingerprint") == self.fingerprint:
            for row in self.found.read(block, columns):
                rows.setdefault(row["video"], []).append(row)
        return rows

    def _sealed(self, first: int, end: int) -> Iterator[Row]:
        """Rows of the shards that have a video from `first` up to, and without, `end`."""
        assert self.run is not None
        now = self.run.folder.stamp(SHARDS_FILE) if self.run.folder.exists(SHARDS_FILE) else None
        if now != self.ranges_of:
            self.ranges, self.ranges_of = sorted(self.run.shards(), key=lambda each: each.begin), now
        at = max(0, bisect.bisect_right(self.ranges, first, key=lambda each: each.begin) - 1)
        for each in self.ranges[at:]:
            if each.begin >= end:
                return
            if each.end <= first:
                continue
            if self.read[0] != each.shard:
                same = self.clips.facts_of(each.shard).get("fingerprint") == self.fingerprint
                self.read = (each.shard, self.clips.read(each.shard, WANTED) if same else [])
            yield from self.read[1]

    def _journalled(self, rows: Iterable[Row]) -> Iterator[Row]:
        return (row for row in rows if row.get("fingerprint") == self.fingerprint)

    def answer(self, item: Item, part: list[Row]) -> Iterator[Row]:
        yield self._entry(item, part)
        if part[0]["state"] == "failed":
            uri, reason = part[0]["uri"], part[0]["reason"]
            try:
                self.breaker.saw_failure("reading videos", alike.kind(reason), f"{uri}: {reason}", data_fault=True)
            except SetupError:
                assert self.run is not None
                if not any_readable(videolist.spread(self.run.videos_file, SPREAD)):
                    raise
                self.breaker.saw_ok("reading videos")  # these videos are at fault, not how the list is mounted
        else:
            self.breaker.saw_ok("reading videos")
        self.own_faults.saw_ok("reading videos")

    def lost(self, item: Item, failure: Failure) -> Iterator[Row]:
        yield self._entry(item, [failed_row(item.payload, failure.words)])
        if failure.is_program_fault:
            self.own_faults.saw_failure("reading videos", failure.reason, failure.evidence, data_fault=False)
        self.breaker.saw_failure("reading videos", failure.kind, failure.evidence, data_fault=False)

    def _entry(self, item: Item, rows: list[Row]) -> Row:
        return {"video": item.payload.video, "fingerprint": self.fingerprint, "rows": rows}

    def write(self, shard: int, rows: Iterator[Row]) -> None:
        fresh = {entry["video"]: entry["rows"] for entry in self._journalled(rows)}
        if fresh:
            every = self._found(shard) | fresh
            ordered = [row for video in sorted(every) for row in sorted(every[video], key=lambda row: row["n"])]
            self.found.write(shard, ordered, {"fingerprint": self.fingerprint})


# sealing


def seal(run: Run, fingerprint: str, size: int, barrier: Barrier, *, by_content: bool) -> None:
    """Turns what was found into the clips of shards. Killed at any moment, it is done once more; clips of shards that
    are not listed yet, and found rows of videos that are in a shard, count for nobody.

    Args:
        run: the run.
        fingerprint: of the settings by which clips were found.
        size: videos in a block of `found/`.
        barrier: the end of the stage, which all ranks have come to.
        by_content: as of `make_clips`.

    Raises RanksOpen when another process is at it, or when clips of a rank are not there after all.
    """
    with barrier.last_step():
        before = sealed_as(run)
        if before.get("of") == barrier.digest and not run.found.shards():
            return
        folder, names = run.found.folder, run.found.layout().homes
        stamps = {name: folder.stamp(name) for name in names.values()}
        sealing = _Sealing(run, fingerprint, size)
        with contextlib.closing(sealing.con):
            if missing := sealing.missing_blocks():
                owners = sorted({block % barrier.rank.of for block in missing})
                barrier.reopen(owners)
                raise RanksOpen(owners)
            sealing.mark(by_content)
            sealing.write()
        for name, stamped in stamps.items():  # sealed now, or of other settings
            if folder.exists(name) and folder.stamp(name) == stamped:  # else it was found anew meanwhile
                folder.remove(name)
        facts = {"of": barrier.digest, "times": before.get("times", 0) + 1}
        run.folder.child("ranks").write(SEALED, json.dumps(facts).encode())


class _Sealing:
    """Views of a connection: `found` (what is new), `sealed` (the shards there are), `every` (what holds of each
    video: found, else sealed), `ranges`; the table `marks` (which clips are duplicates, of what)."""

    def __init__(self, run: Run, fingerprint: str, size: int) -> None:
        import pyarrow as pa

        from hoigen.rules.joined import connection

        self.run, self.fingerprint, self.size = run, fingerprint, size
        self.found, self.clips = run.found.layout(), run.clips.layout()
        of_found = {block: run.found.facts_of(block).get("fingerprint") for block in self.found.homes}
        self.blocks = frozenset(block for block, of in of_found.items() if of == fingerprint)
        self.shards = {each.shard: each for each in run.shards()}
        self.listed = frozenset(self.shards)
        self.videos = part_rows(run.videos_file) or 0
        self.con = connection()
        names = ", ".join(quoted(name) for name in CLIP_COLUMNS)
        self._view("found", f"select {names} from {self.found.relation(only=self.blocks)}")
        self._view("sealed", f"select {names} from {self.clips.relation(only=self.listed)}")
        self._view("every", f"select {names} from found union all select {names} from sealed {NOT_FOUND}")
        every = [(each.shard, each.begin, each.end) for each in self.shards.values()]
        columns = [pa.array([each[at] for each in every], pa.int64()) for at in range(3)]
        self.con.register("ranges_given", pa.table(columns, names=["shard", "first", "past"]))
        self.con.execute("create or replace temp table ranges as select * from ranges_given")

    def _view(self, name: str, query: str) -> None:
        self.con.execute(f"create or replace temp view {name} as {query}")

    def missing_blocks(self) -> list[int]:
        """Blocks with a video of which nothing was found with these settings: there are none, unless parts went."""
        files: dict[str, list[int]] = {}
        for shard, name in self.clips.homes.items():
            if shard in self.listed:
                files.setdefault(name, []).append(shard)
        same = [f for f in files.values() if self.run.clips.facts_of(f[0]).get("fingerprint") == self.fingerprint]
        good = frozenset(shard for shards in same for shard in shards)
        covered = f"select video from found union all select video from {self.clips.relation(only=good)}"
        rows = self.con.execute(
            f"""select distinct every_one.video // {self.size} from range({self.videos}) every_one(video)
            anti join ({covered}) there on there.video = every_one.video order by 1 limit 1000"""
        ).fetchall()
        return [block for (block,) in rows]

    def mark(self, by_content: bool) -> None:
        """Marks clips whose very stretch of the very content came earlier in the list.

        The same row given twice is always one clip; the same content under two names counts when `by_content`. Where it
        did before and does not now, clips are no duplicates any more: they have a mark without a first.
        """
        from hoigen.video.file import is_local

        no_more = "" if by_content else "or (place = 1 and state <> 'ok')"
        same = "case when uri in (from gone) then uri else coalesce(digest, uri) end" if by_content else "uri"
        self.con.execute("create or replace temp table gone (uri varchar)")
        while True:
            self.con.execute(
                f"""create or replace temp table marks as
                with placed as (
                    select video, n, uri, state, first_value(uri) over same as first, row_number() over same as place
                    from every where state = 'ok' or rule = 'duplicate'
                    window same as (partition by {same}, start, "end" order by video, n))
                select video, n, case when place > 1 then first end as first, uri = first as again
                from placed where (place > 1 and state = 'ok') {no_more}"""
            )
            names = self.con.execute("select distinct first from marks where first is not null and not again")
            gone: list[str] = []
            while rows := names.fetchmany(4096):
                gone += [first for (first,) in rows if is_local(first) and not os.path.exists(first)]
            if not gone:
                return
            for at in range(0, len(gone), 4096):  # those were moved: the first under a new name is no copy of them
                self.con.execute("insert into gone select unnest(?)", [gone[at : at + 4096]])

    def write(self) -> None:
        """Writes the shards of which something is new, then the list of all."""
        touched = self.con.execute(
            """select distinct shard from ranges
            join (select video from found union all select video from marks) fresh
            on fresh.video >= ranges.first and fresh.video < ranges.past order by shard"""
        ).fetchall()
        cut = list(self._cut())
        for shard in [*(self.shards[number] for (number,) in touched), *cut]:
            self.shards[shard.shard] = replace(shard, clips=self._write_shard(shard))
        self.run.write_shards(sorted(self.shards.values(), key=lambda each: (each.begin, each.shard)))

    def _write_shard(self, shard: ShardRange) -> int:
        names = [f"every.{quoted(name)}" for name in CLIP_COLUMNS]
        marked = {
            "state": ("'ok'", "'dropped'"),
            "rule": ("null", "'duplicate'"),
            "reason": ("null", f"if(marks.again, 'the same row again', '{SAME_AS}' || marks.first)"),
        }
        for name, (no_more, value) in marked.items():
            cases = f"when marks.video is null then every.{name} when marks.first is null then {no_more} else {value}"
            names[list(CLIP_COLUMNS).index(name)] = f"case {cases} end as {name}"
        first, last = shard.begin // self.size, (shard.end - 1) // self.size
        found = f"select * exclude (shard) from {self.found.relation(first, last, self.blocks)}"
        # a part that is listed nowhere is left of a sealing that was killed
        sealed = f"select * exclude (shard) from {self.clips.relation(shard.shard, shard.shard, self.listed)}"
        rows = self.con.sql(
            f"""with found as ({found}), sealed as ({sealed}),
                every as (select * from found union all select * from sealed {NOT_FOUND})
            select {", ".join(names)} from every left join marks on marks.video = every.video and marks.n = every.n
            where every.video >= {shard.begin} and every.video < {shard.end} order by every.video, every.n"""
        ).to_arrow_table()
        self.run.clips.write_arrow(shard.shard, rows, {"fingerprint": self.fingerprint})
        count: int = rows.num_rows
        return count

    def _cut(self) -> Iterator[ShardRange]:
        """New shards over the videos that are in none, each of videos that follow one another."""
        free = """every anti join ranges on every.video >= ranges.first and every.video < ranges.past"""
        (total,) = self.con.execute(f"select count(*) from {free}").fetchone() or (0,)
        most = min(SHARD_CLIPS, max(self.size, -(-total // SHARDS_OF_A_RUN)))
        videos = self.con.execute(
            f"""select video, count(*), coalesce(sum((header ->> '$.bytes')::double * least(1,
                ("end" - start) / nullif((header ->> '$.duration')::double, 0))), 0)::bigint
            from {free} group by video order by video"""
        )
        number = max(self.shards, default=-1) + 1
        now: ShardRange | None = None
        while rows := videos.fetchmany(4096):
            for video, clips, size in rows:
                if now is not None and not (
                    video == now.end and now.clips + clips <= most and now.bytes + size <= SHARD_BYTES
                ):
                    yield now
                    number, now = number + 1, None
                now = now or ShardRange(number, video, video, 0, 0)
                now = replace(now, end=video + 1, clips=now.clips + clips, bytes=now.bytes + size)
        if now is not None:
            yield now


SAME_AS = "same content as "
"""Why a clip is a duplicate; what follows is where the first one lies."""
NOT_FOUND = "anti join (select distinct video from found) again on again.video = sealed.video"
