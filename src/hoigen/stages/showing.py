"""What a worker process does for a captioner: a clip -> the frames that its experts are shown, from one decode."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hoigen.core.clip import Clip, Sampling
from hoigen.core.errors import VideoError
from hoigen.work.task import Emit, Handler


def setup_frames(samplings: Sequence[Sampling]) -> Handler:
    """What answers for a clip with its frames, by sampling; called once in each worker.

    Args:
        samplings: which frames experts are shown, and how large.
    """
    from hoigen import video

    video.warm()

    def handle(clip: Clip, emit: Emit) -> None:
        check_same(clip, emit.progress)
        emit.doing("decode")
        emit(video.decode(clip, samplings, progress=emit.progress))

    return handle


def check_same(clip: Clip, progress: Callable[[], None] | None = None) -> None:
    """Raises VideoError for a file that was replaced since it was measured: its frames are of another clip.

    Args:
        clip: with the digest of its video in `meta`.
        progress: called as the file is read.
    """
    from hoigen import video
    from hoigen.core.uris import is_local
    from hoigen.video.file import local_path

    before = clip.meta.get("digest")
    if not before or not is_local(clip.uri):
        return
    check_there(clip)
    kept = _kept(clip.uri, Path(local_path(clip.uri)).stat().st_mtime_ns)
    if not kept:
        kept.append(video.content_digest(clip.uri, progress))
    if kept[0] != before:
        raise VideoError("the file has changed since it was measured: run hoigen curate again, in a run of its own")


def check_unchanged(clip: Clip, progress: Callable[[], None] | None = None) -> None:
    """Raises VideoError for a file that was moved, or replaced since it was measured; a file is read only where its
    size or time is another one now.

    Args:
        clip: with `measured_as` in `meta`.
        progress: called as the file is read.
    """
    check_there(clip)
    if may_be_replaced(clip):
        check_same(clip, progress)


def check_there(clip: Clip) -> None:
    """Raises VideoError for a file of a clip that was measured and that is no longer there.

    Args:
        clip: with the digest of its video in `meta`.
    """
    from hoigen.core.uris import is_local
    from hoigen.video.file import NOT_THERE, local_path

    if clip.meta.get("digest") and is_local(clip.uri):
        try:
            local_path(clip.uri)
        except VideoError as error:
            if str(error) != NOT_THERE:
                raise
            raise VideoError(
                f"{NOT_THERE}: if its video was moved, hoigen relocate tells the run where it is"
            ) from None


def may_be_replaced(clip: Clip) -> bool:
    """Whether the file there is now is of another size or time than the one that was measured; its content tells.

    Args:
        clip: with the file's stamp, as it was measured, in `meta["stamp"]` or in the header there.
    """
    from hoigen.stages.ingest import stamp

    before = clip.meta.get("stamp") or (clip.meta.get("header") or {}).get("stamp")
    now = stamp(clip.uri)
    return before is not None and now is not None and now != before


def measured_as(row: Mapping[str, Any]) -> dict[str, Any]:
    """What `check_same` and `may_be_replaced` ask for in a clip's `meta`, of its row of a run.

    Args:
        row: with `digest` and `header`, which runs of before lack.
    """
    return {"digest": row["digest"], "stamp": json.loads(row["header"] or "{}").get("stamp")}


@functools.lru_cache(maxsize=64)
def _kept(uri: str, changed: int) -> list[str]:
    """Where the digest of a file, as of its last change, is put."""
    return []
