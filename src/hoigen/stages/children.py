"""clips that people trimmed or cropped -> clips of their own, in a run of their own within the run.

The first clip stays as it is, counted where it was. A child is a row of the list `RUN/children-files/list.jsonl` with
its `parent` and what was done to it; trimmed, it is another stretch of the same video, and nothing is encoded; cropped,
it is a file (H.264, CRF 18) of exactly the parent's frames. `hoigen children` has all of them measured as their parents
were. A child whose parent is kept no more, or is not to be trimmed any more, is dropped by what people say of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hoigen.core.clip import Clip, Seconds
from hoigen.core.errors import UsageError
from hoigen.core.words import plural
from hoigen.data.annotations import Annotation, Annotations
from hoigen.data.files import write_text
from hoigen.data.run import Run
from hoigen.data.tables import digest_of
from hoigen.rules.cascade import HUMAN, Step
from hoigen.rules.people import ASKED_FOR
from hoigen.work.stage import Item, Stage
from hoigen.work.task import Emit, Failure, Handler

if TYPE_CHECKING:
    from hoigen.data.columns import Row
    from hoigen.video.faces import Box

TRIM, CROP = f"{HUMAN}.trim", f"{HUMAN}.crop"
"""Questions of annotations: `0.5-2.25`, seconds from the clip's start; `0.1,0,0.9,1`, left, top, right and bottom of
the picture."""
LIST = "list.jsonl"


@dataclass(frozen=True, slots=True)
class Child:
    """A clip out of another.

    Args:
        parent: the clip that it comes of.
        trim: seconds from the parent's start, or None.
        crop: left, top, right, bottom of the picture, 0..1, or None.
    """

    parent: Clip
    trim: tuple[Seconds, Seconds] | None
    crop: Box | None

    @property
    def clip(self) -> Clip:
        """The stretch of the parent's video."""
        import dataclasses

        if self.trim is None:
            return self.parent
        start = self.parent.start
        return dataclasses.replace(self.parent, start=start + self.trim[0], end=start + self.trim[1])

    @property
    def edit(self) -> str:
        """What was done, in words that tell children of one parent apart."""
        parts = [f"trim {self.trim[0]:g}-{self.trim[1]:g}"] if self.trim else []
        parts += [f"crop {','.join(f'{side:g}' for side in self.crop)}"] if self.crop else []
        return ", ".join(parts)

    @property
    def key(self) -> tuple[str, str]:
        return self.parent.id, self.edit

    def file(self, folder: Path) -> Path:
        """The file of a cropped one."""
        made_of = digest_of([self.parent.id, self.parent.meta.get("digest"), self.edit])[:8]
        return folder / f"{self.parent.id}-{made_of}.mp4"

    def row(self, folder: Path) -> dict[str, Any]:
        """Its row of the list."""
        clip = self.clip
        where: dict[str, Any] = {"uri": clip.uri, "start": round(clip.start, 6), "end": round(clip.end, 6)}
        if self.crop is not None:
            where = {"uri": str(self.file(folder).resolve())}
        row = where | {"parent": self.parent.id, "edit": self.edit, "source": self.parent.source}
        return row | ({"caption": self.parent.prompt} if self.parent.prompt else {})


def children_of(run: Run, steps: Sequence[Step]) -> list[Child]:
    """What people have trimmed and cropped, of the clips that the run's measures keep; in the order of the input.

    Args:
        run: the run.
        steps: its measures and rules; what people say of whether a clip stays does not count here.

    Raises UsageError for an annotation that is no stretch of its clip, or no part of a picture.
    """
    from hoigen.rules.cascade import measured
    from hoigen.stages.kept import KeptClip, kept_clips

    said: dict[str, dict[tuple[str, str], dict[str, str]]] = {}
    for row in Annotations(run).latest():
        if row.question in (TRIM, CROP) and row.value is not None:
            said.setdefault(row.clip, {}).setdefault((row.clip, row.who), {})[row.question] = row.value
    found: dict[tuple[str, str], Child] = {}
    for name in gone(run) if said else ():
        said.pop(name, None)
    if not said:
        return []
    steps = measured(steps)
    for shard, ids in kept_clips(run, steps):
        for kept in KeptClip.read(run, steps, shard, list(dict.fromkeys(name for name in ids if name in said))):
            for (name, who), words in said[kept.clip.id].items():
                where = f"{run.annotations.uri}, clip {name}, {who}"
                trim, crop = _trim(words.get(TRIM), kept.clip, where), _crop(words.get(CROP), where)
                child = Child(kept.clip, trim, crop)
                found.setdefault(child.key, child)
    return list(found.values())


def _trim(text: str | None, clip: Clip, where: str) -> tuple[Seconds, Seconds] | None:
    if text is None:
        return None
    try:
        begin, end = (float(part) for part in text.split("-"))
        right = 0 <= begin < end <= clip.duration + 0.1
    except ValueError:
        right = False
    if not right:
        raise UsageError(
            f"{where}, question {TRIM}: two moments of the clip's {clip.duration:g} seconds, such as 0.5-2.25; it came "
            f"as {text!r}"
        )
    return begin, min(end, clip.duration)


def _crop(text: str | None, where: str) -> Box | None:
    if text is None:
        return None
    try:
        left, top, right, bottom = (float(part) for part in text.split(","))
        fine = 0 <= left < right <= 1 and 0 <= top < bottom <= 1
    except ValueError:
        fine = False
    if not fine:
        raise UsageError(
            f"{where}, question {CROP}: left, top, right and bottom, 0 to 1, such as 0.1,0,0.9,1; it came as {text!r}"
        )
    return left, top, right, bottom


def write_list(folder: Path, children: Iterable[Child]) -> int:
    """Writes the list of all children that there ever were: a run's list only grows at its end.

    Returns how many are new.
    """
    file = folder / LIST
    there = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []
    known = {(row["parent"], row["edit"]) for row in there}
    new = [child.row(folder) for child in children if child.key not in known]
    if new:
        lines = [json.dumps(row, ensure_ascii=False) for row in (*there, *new)]
        write_text(file, "\n".join(lines) + "\n")
    return len(new)


def settle(folder: Path, children: Iterable[Child]) -> tuple[int, int]:
    """Says of each child of the run whether it is one still. Returns how many are, and how many are not.

    Args:
        folder: of the children's run.
        children: those that there are now.
    """
    now = {child.key for child in children}
    run = Run(folder)
    rows: list[Annotation] = []
    there = gone = 0
    for shard in run.clips.shards():
        for row in run.clips.read(shard, ["id", "meta", "state"]):
            meta = json.loads(row["meta"] or "{}")
            stays = (meta.get("parent"), meta.get("edit")) in now
            there, gone = there + stays, gone + (not stays)
            note = "" if stays else "its parent is kept no more, or is not to be trimmed or cropped so any more"
            value = "yes" if stays else "no"
            rows.append(
                Annotation(clip=row["id"], question=HUMAN, value=value, who=ASKED_FOR, tool=ASKED_FOR, note=note)
            )
    table = Annotations(run)
    unique = {row.clip: row for row in sorted(rows, key=lambda row: row.value or "")}
    # of versions that spoke in the review's name, over what people had said there
    older = [row for row in table.latest(HUMAN) if row.tool == ASKED_FOR != row.who and row.value is not None]
    back = [Annotation(clip=row.clip, question=HUMAN, value=None, who=row.who, tool=ASKED_FOR) for row in older]
    table.append([*back, *table.only_new(unique.values())])
    return there, gone


def gone(run: Run) -> set[str]:
    """Clips of a run of children that are none any more; of another run, none."""
    if HUMAN not in (run.recipe().get("keep") or {}):
        return set()
    said = Annotations(run).latest(HUMAN)
    return {row.clip for row in said if row.who == ASKED_FOR and row.value == "no"}


def children_line(run: Run) -> str:
    """What became of the children of a run, in a line; empty where it has none."""
    from hoigen.rules import decide
    from hoigen.rules.runfile import steps_of

    child = Run(run.children_folder)
    if not child.recipe_file.is_file():
        return ""
    _, steps = steps_of(child)
    with decide.connect(child, steps) as con:
        counts = decide.counts(con)
    ends = ", ".join(f"{counts[state]} {state}" for state in decide.STATES if counts.get(state))
    return (
        f"children: {plural(sum(counts.values()), 'trimmed or cropped clip')} beside these ({ends}); "
        f"hoigen funnel {child.path}"
    )


class CropStage(Stage):
    """Cropped children -> their files. failures: (parent, edit) -> why there is no file."""

    name = "crop"

    def __init__(self, children: Sequence[Child], folder: Path) -> None:
        super().__init__()
        self.children, self.folder = children, folder
        self.failures: dict[tuple[str, str], str] = {}

    def setup(self) -> Callable[[], Handler]:
        return setup_crop

    def plan(self, shard: int) -> Iterator[Item | str]:
        for child in self.children:
            file = child.file(self.folder)
            if child.crop is not None and not file.exists():
                yield Item(file.name, (child, file))

    def answer(self, item: Item, part: str | None) -> Iterable[Row]:
        if part is not None:
            self.failures[item.payload[0].key] = part
        return ()

    def lost(self, item: Item, failure: Failure) -> Iterable[Row]:
        self.failures[item.payload[0].key] = failure.reason
        return ()


def setup_crop() -> Handler:
    """Runs once in each worker."""
    from hoigen import video

    video.warm()

    def handle(job: tuple[Child, Path], emit: Emit) -> None:
        from hoigen.core.errors import VideoError
        from hoigen.stages.showing import check_unchanged
        from hoigen.video.cutting import cut_clip

        child, file = job
        emit.doing("crop")
        try:
            check_unchanged(child.parent, emit.progress)
            cut_clip(child.clip, file, progress=emit.progress, crop=child.crop)
        except VideoError as error:
            emit(str(error))
        else:
            emit(None)

    return handle
