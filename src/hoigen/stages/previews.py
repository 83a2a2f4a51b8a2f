"""clips -> what people look at: a small video that every browser plays, and a strip of frames, in files of the run.

A file's name has the clip's id and a digest of all that it shows: the content of the video, the stretch, how files are
made. So what was replaced since, or is made otherwise now, is made anew, and never shown for what it is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hoigen.core.clip import Clip
from hoigen.core.words import plural
from hoigen.data.tables import digest_of
from hoigen.video import proxy
from hoigen.work.stage import Item, Stage
from hoigen.work.task import Emit, Failure, Handler

if TYPE_CHECKING:
    from hoigen.data.columns import Row
    from hoigen.work.task import Limits


class Files(NamedTuple):
    """What people look at of a clip. Where the video is, the strip is."""

    video: Path
    strip: Path

    @property
    def ready(self) -> bool:
        return self.video.is_file() and self.strip.is_file()


def files_of(folder: Path, clip: Clip) -> Files:
    """Where the files of a clip lie, or would. Nothing is made.

    Args:
        folder: of such files.
        clip: with the digest of its video in `meta`, or else its stamp there (size and time).
    """
    seen = clip.meta.get("digest") or clip.meta.get("stamp") or (clip.meta.get("header") or {}).get("stamp") or clip.uri
    key = digest_of([clip.id, seen, f"{clip.start:.6f}", f"{clip.end:.6f}", proxy.VERSION])[:12]
    return Files(folder / f"{clip.id}-{key}.mp4", folder / f"{clip.id}-{key}.jpg")


@dataclass(slots=True)
class Previewed:
    """What became of clips. made: files that were made now. already: that were there. failed: clip id -> reason."""

    made: int = 0
    already: int = 0
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def incomplete(self) -> bool:
        """Whether there are no files of those that were asked for; the command then exits with 1."""
        return bool(self.failed) and not self.made + self.already

    @property
    def partial(self) -> bool:
        """Whether some files could not be made; the command then exits with 3."""
        return bool(self.failed)

    def __str__(self) -> str:
        lines = [
            f"{plural(self.made, 'clip')} made ready to be looked at, {self.already} were, {len(self.failed)} failed"
        ]
        return "\n".join([*lines, *(f"failed {name}: {reason}" for name, reason in self.failed.items())])


def preview(clips: Iterable[Clip], folder: Path, limits: Limits, *, total: int = 0, quiet: bool = True) -> Previewed:
    """Makes the files of clips that lack them, in supervised workers: a clip that cannot be read costs that clip.

    Args:
        clips: in the order in which they are wanted.
        folder: where files go; made when absent.
        limits: of the workers.
        total: how many clips there are, for the bar.
        quiet: no bar.

    Raises SetupError when files cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stage = PreviewStage(clips, folder)
    stage.go(limits, total=total, quiet=quiet)
    return stage.result


def setup_preview() -> Handler:
    """Runs once in each worker."""
    import cv2

    from hoigen import video

    video.warm()
    cv2.setNumThreads(1)

    def handle(job: tuple[Clip, Files], emit: Emit) -> None:
        from hoigen.core.errors import VideoError
        from hoigen.stages.showing import check_unchanged

        clip, files = job
        emit.doing("preview")
        try:
            check_unchanged(clip, emit.progress)
            proxy.write_proxy(clip, files.video, files.strip, emit.progress)
        except VideoError as error:
            emit(str(error))  # the file's fault: another try would end alike
        else:
            emit(None)

    return handle


class PreviewStage(Stage):
    """Clips -> their files. A file that is there is done."""

    name = "previews"

    def __init__(self, clips: Iterable[Clip], folder: Path) -> None:
        super().__init__()
        self.clips, self.folder, self.result = clips, folder, Previewed()

    def setup(self) -> Callable[[], Handler]:
        return setup_preview

    def plan(self, shard: int) -> Iterator[Item | str]:
        seen = set()
        for clip in self.clips:
            files = files_of(self.folder, clip)
            if clip.id in seen:
                continue
            seen.add(clip.id)
            if files.ready:
                self.result.already += 1
                yield "ready"
            else:
                yield Item(clip.id, (clip, files))

    def answer(self, item: Item, part: str | None) -> Iterable[Row]:
        if part is None:
            self.result.made += 1
        else:
            self.result.failed[item.key] = f"{item.payload[0].uri}: {part}"
        return ()

    def lost(self, item: Item, failure: Failure) -> Iterable[Row]:
        self.result.failed[item.key] = f"{item.payload[0].uri}: {failure.reason}"
        return ()

    def ended(self, item: Item) -> str:
        return "failed" if item.key in self.result.failed else "ready"


def clip_of_row(row: Mapping[str, Any]) -> Clip:
    """The clip of a row that has its columns, its `digest`, and its `stamp` as JSON or none."""
    import json

    stamp = row["stamp"]
    meta = {"digest": row["digest"], "stamp": json.loads(stamp) if isinstance(stamp, str) and stamp else stamp or None}
    names = ("id", "uri", "start", "end", "width", "height", "fps")
    return Clip(**{name: row[name] for name in names}, source=row.get("source") or "", meta=meta)
