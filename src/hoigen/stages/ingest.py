"""What a worker process does with one row of the input: header, content digest, shots -> rows of clips."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from hoigen.core.clip import Seconds, clip_id
from hoigen.core.errors import SetupError, UsageError, VideoError
from hoigen.data.columns import Row
from hoigen.data.sources.source import UNREADABLE
from hoigen.work.process import Log, fresh_interpreter
from hoigen.work.task import Emit, Handler

if TYPE_CHECKING:
    from hoigen.video import Header

END_SLACK: Seconds = 0.5
"""How far a manifest's `end` may lie behind the end of the video: lists made from rounded container lengths do."""


class VideoJob(NamedTuple):
    """One row of videos.parquet (docs/run_folder.md).

    Args:
        video: its place in the list, from 0.
        uri: path or address of the video.
        start: seconds where the clip begins; None with `end` None: the whole video, cut into its shots.
        end: seconds where it ends.
        caption: what the list says of it.
        source: the data set it is from.
        licence: what it may be used for.
        meta: what else the list says, as JSON text.
    """

    video: int
    uri: str
    start: Seconds | None = None
    end: Seconds | None = None
    caption: str | None = None
    source: str | None = None
    licence: str | None = None
    meta: str | None = None


def setup_ingest(shots: str | Mapping[str, Any], min_length: Seconds, max_length: Seconds | None) -> Handler:
    """What a worker does with a VideoJob; called once in each worker.

    Args:
        shots: the detector of a recipe's `shots:`, or `none`.
        min_length: seconds, as of `find_shots`.
        max_length: seconds, as of `find_shots`.
    """
    from hoigen import video

    video.warm()

    def handle(job: VideoJob, emit: Emit) -> None:
        emit.doing("shots" if _wants_shots(job, shots) else "header")
        emit(clip_rows(job, shots, min_length, max_length, emit.progress))

    return handle


def shots_wanted(shots: str | Mapping[str, Any] | None) -> bool:
    """Whether a recipe's `shots:` asks for videos to be cut."""
    return shots not in (None, "none", False)


def _wants_shots(job: VideoJob, shots: str | Mapping[str, Any] | None) -> bool:
    return job.start is None and job.end is None and shots_wanted(shots)


def clip_rows(
    job: VideoJob,
    shots: str | Mapping[str, Any],
    min_length: Seconds,
    max_length: Seconds | None,
    progress: Callable[[], None] | None = None,
) -> list[Row]:
    """The clips of one row of the input. A video that cannot be read is one row, `failed` with the reason.

    Args:
        job: the row.
        shots: the detector of a recipe's `shots:`, or `none`.
        min_length: seconds; shorter shots are dropped, with the reason.
        max_length: seconds; longer shots are split. None: none is.
        progress: called when a pass over the file has moved on.

    Returns rows of `columns.CLIP_COLUMNS`.
    """
    from hoigen.video.shots import find_shots

    if unreadable := json.loads(job.meta or "{}").get(UNREADABLE):
        return [failed_row(job, unreadable)]
    try:
        header, digest = _look(job.uri, progress)
        if not _wants_shots(job, shots):
            start, end = job.start or 0.0, header.duration if job.end is None else job.end
            if start >= header.duration:
                raise VideoError(f"the clip starts at {start:g} s, the video ends at {header.duration:g} s")
            if end > header.duration + END_SLACK:
                raise VideoError(f"the clip ends at {end:g} s, the video ends at {header.duration:g} s")
            return [_row(job, 0, start, min(end, header.duration), header, digest)]
        rows = []
        header, found = find_shots(job.uri, shots, min_length, max_length, progress, header=header)
        for n, shot in enumerate(found):
            row = _row(job, n, shot.start, shot.end, header, digest)
            if shot.state != "ok":
                row |= {"state": "dropped", "rule": "shot_length", "reason": shot.reason}
            rows.append(row)
        return rows or [failed_row(job, "no shots were found: the video has no frames")]
    except VideoError as error:
        return [failed_row(job, str(error))]


def _look(uri: str, progress: Callable[[], None] | None = None) -> tuple[Header, str]:
    """Header and digest; kept for a while, since manifests name one video in many rows one after the other."""
    from hoigen import video

    kept = _kept(uri)
    if not kept:
        kept.append((video.probe(uri, progress), video.content_digest(uri, progress)))
    return kept[0]


@functools.lru_cache(maxsize=4)
def _kept(uri: str) -> list[tuple[Header, str]]:
    """Where what was found of a video is put."""
    return []


def _row(job: VideoJob, n: int, start: Seconds, end: Seconds, header: Header, digest: str) -> Row:
    return _bare_row(job, n, start, end) | {
        "width": header.width,
        "height": header.height,
        "fps": header.fps,
        "digest": digest,
        "state": "ok",
        "header": json.dumps(dataclasses.asdict(header) | {"stamp": stamp(job.uri)}, ensure_ascii=False),
    }


def stamp(uri: str) -> list[int] | None:
    """Size in bytes and time of the last change (ns) of a local file: whether it is still the one that was measured.

    Args:
        uri: path or address of a video; None is returned of one that is not local or not there.
    """
    from hoigen.video.file import is_local, local_path

    if not is_local(uri):
        return None
    try:
        found = os.stat(local_path(uri))
    except (OSError, VideoError):
        return None
    return [found.st_size, found.st_mtime_ns]


def failed_row(job: VideoJob, reason: str) -> Row:
    """The row of a video of which no clip could be made.

    Args:
        job: the row of the input.
        reason: why, as a sentence.
    """
    start, end = job.start or 0.0, job.end if job.end is not None else job.start or 0.0
    return _bare_row(job, 0, start, end) | {
        "width": 0,
        "height": 0,
        "fps": 0.0,
        "digest": None,
        "state": "failed",
        "reason": reason,
        "header": None,
    }


def _bare_row(job: VideoJob, n: int, start: Seconds, end: Seconds) -> Row:
    meta = json.loads(job.meta) if job.meta else {}
    if job.licence:
        meta["licence"] = job.licence
    return {
        "video": job.video,
        "n": n,
        "id": clip_id(job.uri, start, end),
        "uri": job.uri,
        "start": start,
        "end": end,
        "source": job.source or "",
        "prompt": job.caption,
        "meta": json.dumps(meta, ensure_ascii=False),
        "rule": None,
        "reason": None,
    }


def check_shots(shots: Any, min_length: Seconds, max_length: Seconds | None) -> None:
    """Raises UsageError for settings that cannot be, before anything is read.

    Args:
        shots: a recipe's `shots:`.
        min_length: seconds, 0 or more.
        max_length: seconds, at least twice `min_length`; None: no limit.
    """
    if min_length < 0:
        raise UsageError(f"min_length: seconds, 0 or more; it came as {min_length:g}")
    if max_length is not None and (max_length <= 0 or max_length < 2 * min_length):
        raise UsageError(
            f"max_length: seconds, at least twice min_length ({min_length:g}), so that a long shot can be split "
            f"into parts that are long enough; it came as {max_length:g}"
        )
    if shots_wanted(shots):
        from hoigen.video.shots import check_detector

        check_detector(shots)


def any_readable(uris: Sequence[str], patience: Seconds = 60.0) -> bool:
    """Whether one of some videos can be opened, in a process of its own, without keys: a broken one may take it down,
    and then another process goes on behind it.

    Args:
        uris: paths or addresses.
        patience: seconds for all of them; one that takes a quarter of it cannot be opened.

    Raises SetupError when it is not a video that took the process down.
    """
    left, end, log = list(uris), time.monotonic() + patience, Log()
    while left and (wait := end - time.monotonic()) > 0:
        log.begin()
        with tempfile.TemporaryFile() as notes:
            notes.write(json.dumps(left).encode() + b"\n")
            notes.seek(0)
            process = fresh_interpreter(
                "hoigen.stages.ingest:try_each",
                [notes.fileno(), patience / 4],
                pass_fds=[notes.fileno()],
                output=log.file,
                threads=1,
                keys=False,
            )
            try:
                ended = process.wait(wait)
            except subprocess.TimeoutExpired:
                return False
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
            notes.seek(0)
            told = notes.read().decode().splitlines()[1:]
        if ended == 0:
            return told[-1:] == ["opened"]
        if not told or (ended > 0 and "Traceback (most recent call last)" in log.last_words()):
            raise SetupError(f"videos could not be tried, an error of hoigen or of a library:\n{log.last_words()}")
        left = left[int(told[-1]) + 1 :]
    return False


def try_each() -> None:
    """A process of `any_readable`: notes each video's place before it opens it, and `opened` behind one that it can.

    Command line: a file descriptor from which the list is read and to which the notes go, and seconds for a video; a
    process that hangs in a library is ended by the system.
    """
    from hoigen import video

    notes, patience = int(sys.argv[1]), float(sys.argv[2])
    with os.fdopen(notes, "rb", closefd=False) as file:
        uris = json.loads(file.readline())
    os.lseek(notes, 0, os.SEEK_END)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    for at, uri in enumerate(uris):
        os.write(notes, b"%d\n" % at)
        signal.setitimer(signal.ITIMER_REAL, patience)
        with contextlib.suppress(VideoError, MemoryError):
            video.probe(uri)
            os.write(notes, b"opened\n")
            return
