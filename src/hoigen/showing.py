"""What a worker process does for a captioner: a clip -> the frames that its experts are shown, from one decode."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

from hoigen.clip import Clip, Sampling
from hoigen.errors import VideoError
from hoigen.executors.task import Emit, Handler


def setup_frames(samplings: Sequence[Sampling]) -> Handler:
    """Runs once in each worker."""

    def handle(clip: Clip, emit: Emit) -> None:
        from hoigen import video

        _check_same(clip)
        emit.doing("decode")
        emit(video.decode(clip, samplings))

    return handle


def _check_same(clip: Clip) -> None:
    """Raises VideoError for a file that was replaced since it was measured: its frames are of another clip."""
    from hoigen.videofile import is_local, local_path

    before = clip.meta.get("digest")
    if not before or not is_local(clip.uri):
        return
    if _digest(clip.uri, Path(local_path(clip.uri)).stat().st_mtime_ns) != before:
        raise VideoError("the file has changed since it was measured: run hoigen curate again, in a run of its own")


@functools.lru_cache(maxsize=64)
def _digest(uri: str, changed: int) -> str:
    from hoigen import video

    return video.content_digest(uri)
