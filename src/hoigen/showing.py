"""What a worker process does for a captioner: a clip -> the frames that its experts are shown, from one decode."""

from __future__ import annotations

from collections.abc import Sequence

from hoigen.clip import Clip, Sampling
from hoigen.executors.task import Emit, Handler


def setup_frames(samplings: Sequence[Sampling]) -> Handler:
    """Runs once in each worker."""

    def handle(clip: Clip, emit: Emit) -> None:
        from hoigen import video

        emit.doing("decode")
        emit(video.decode(clip, samplings))

    return handle
