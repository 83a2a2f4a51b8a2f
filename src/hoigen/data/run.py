"""The only file that knows a run's paths (docs/run_folder.md has every column).

    run.yaml                                      arguments, versions, fingerprints: run it again to repeat the run
    videos.parquet                                the input list, in order
    found/00002.parquet                           clips of a block of videos, until all are found and cut into shards
    shards.parquet                                the shards: from which video to which, clips, bytes
    clips/00017.parquet                           the clips of shard 17
    clips/00000-00063.parquet                     the same of many shards, merged
    observations/<observer>/<fingerprint>/00017.parquet  what an observer saw in them
    scores/<measure>/<fingerprint>/00017.parquet  what a measure said of them
    journal/scores-00017.jsonl                    finished rows of a shard under way
    calls/                                        every answer of an expert, once
    captions/caption.yaml                         the captioner in force, its experts, what it took
    captions/<captioner>/<fingerprint>/00017.parquet   a caption per kept clip, with its trace
    joined/<digest>.parquet                       tables of some shards side by side: a copy, may be deleted
    annotations/<time>-<name>.parquet             what people say of clips; only added to
    review/review.sqlite, media/, export/         hoigen review: its database, small copies of clips, files for others
    sets/<rule>.parquet                           rules about a clip among others, which come last
    split/split.parquet                           which clip is for training, which for validation
    removals.json                                 what somebody asked to be taken out
    report.html

Done means the file exists: parts are written under a temporary name and renamed last. A journal holds what
is finished of a shard whose part is not written yet, one JSON line each, so that a kill at any moment loses
at most the clip under way.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hoigen.core import plain_yaml
from hoigen.core.errors import UsageError, shown
from hoigen.core.uris import on_disk
from hoigen.data.columns import (
    CAPTION_COLUMNS,
    CLIP_COLUMNS,
    OBSERVATION_COLUMNS,
    SCORE_COLUMNS,
    SHARD_COLUMNS,
    schema_of,
)
from hoigen.data.files import Folder
from hoigen.data.journal import Journal
from hoigen.data.parquet import parquet_file
from hoigen.data.side import OWN, address_of
from hoigen.data.tables import Table

SHARDS_FILE = "shards.parquet"
KINDS: Mapping[str, type] = {
    "recipe": dict,
    "libraries": dict,
    "fingerprints": dict,
    "observations": dict,
    "measured": dict,
    "models": list,
}
"""Keys of run.yaml that are no plain words."""
BEFORE_A_RUN = ("videos.parquet", "evaluation.json", "journal", "events", "locks")
"""What may lie in a folder whose run has not begun."""


@dataclass(frozen=True, slots=True)
class ShardRange:
    """A shard: the clips of a stretch of the list of videos.

    Args:
        shard: its number.
        begin: its first video.
        end: the video behind its last.
        clips: how many it has.
        bytes: of their videos, each clip's share of its file; 0 where it is not known.
    """

    shard: int
    begin: int
    end: int
    clips: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Run:
    """A run's folder. Making one touches nothing on disk.

    Args:
        path: the folder; of a run in an object store, that of its files on this machine (`hoigen.data.side`).

    `folder` is where tables, journals, markers and answers lie (for a run in a store: there), `calls` what experts
    answered, `annotations` what people say of the clips (`hoigen.data.annotations`), `caption_file` tells which
    captioner's captions are in force.
    """

    path: Path
    folder: Folder = field(init=False, compare=False, repr=False)
    annotations: Folder = field(init=False, compare=False, repr=False)
    recipe_file: Path = field(init=False, compare=False, repr=False)
    videos_file: Path = field(init=False, compare=False, repr=False)
    calls: Folder = field(init=False, compare=False, repr=False)
    caption_file: Path = field(init=False, compare=False, repr=False)
    report_file: Path = field(init=False, compare=False, repr=False)
    suggest_folder: Path = field(init=False, compare=False, repr=False)
    cut_folder: Path = field(init=False, compare=False, repr=False)
    review_folder: Path = field(init=False, compare=False, repr=False)
    children_folder: Path = field(init=False, compare=False, repr=False)
    children_files: Path = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        on_disk(self.path, "a run's folder")
        folder = Folder(address_of(self.path) or str(self.path))
        there: dict[str, Any] = {
            "folder": folder,
            "annotations": folder.child("annotations"),
            "recipe_file": self.path / "run.yaml",
            "videos_file": self.path / "videos.parquet",
            "calls": folder.child("calls"),
            "caption_file": self.path / "captions" / "caption.yaml",
            "report_file": self.path / "report.html",
            "suggest_folder": self.path / "suggest",
            "cut_folder": self.path / "cut",
            "review_folder": self.path / "review",
            "children_folder": self.path / "children",
            "children_files": self.path / "children-files",
        }
        for name, place in there.items():
            object.__setattr__(self, name, place)

    @property
    def address(self) -> str:
        """By what the run is found from anywhere: its address in a store, or its whole path."""
        return str(self.path.resolve()) if self.folder.is_local else self.folder.uri

    @property
    def list_address(self) -> str:
        """By what the run's own list of videos is found from anywhere."""
        return str(self.videos_file.resolve()) if self.folder.is_local else self.folder.path(self.videos_file.name)

    @property
    def parents(self) -> Run | None:
        """The run of whose clips this one's are children (`hoigen children`); None of another run."""
        above = self.path.resolve().parent
        is_child = self.path.resolve().name == self.children_folder.name and (above / self.recipe_file.name).is_file()
        return Run(above) if is_child else None

    @property
    def clips(self) -> Table:
        """The clips by shard."""
        return Table("clips", self.folder.child("clips"), CLIP_COLUMNS)

    @property
    def found(self) -> Table:
        """Clips as they are found, by blocks of videos, until they are cut into shards."""
        return Table("found", self.folder.child("found"), CLIP_COLUMNS)

    def scores(self, measure: str, fingerprint: str, numbers: Sequence[str] = ()) -> Table:
        """What a measure said of the clips, by shard.

        Args:
            measure: its name.
            fingerprint: names its settings, revision and files.
            numbers: the scores that it gives, a column each.
        """
        facts = {"measure": measure, "fingerprint": fingerprint}
        where = self.folder.child(f"scores/{measure}/{fingerprint}")
        return Table(f"scores of {measure}", where, SCORE_COLUMNS, tuple(numbers), facts)

    def observations(self, observer: str, fingerprint: str) -> Table:
        """What an observer saw in the clips, by shard.

        Args:
            observer: its name.
            fingerprint: names its settings, the frames it was shown, its revision and files.
        """
        facts = {"observer": observer, "fingerprint": fingerprint}
        where = self.folder.child(f"observations/{observer}/{fingerprint}")
        return Table(f"observations of {observer}", where, OBSERVATION_COLUMNS, (), facts)

    def captions(self, captioner: str, fingerprint: str) -> Table:
        """A captioner's captions of the kept clips, by shard.

        Args:
            captioner: its name.
            fingerprint: names its settings, prompts and experts.
        """
        facts = {"captioner": captioner, "fingerprint": fingerprint}
        where = self.folder.child(f"captions/{captioner}/{fingerprint}")
        return Table(f"captions of {captioner}", where, CAPTION_COLUMNS, (), facts)

    def journal(self, stage: str, shard: int) -> Journal:
        """Finished rows of a shard whose part is not written yet.

        Args:
            stage: its name.
            shard: the number of the shard.
        """
        return Journal(self.folder.child("journal"), f"{stage}-{shard:05d}.jsonl")

    def shards(self) -> list[ShardRange]:
        """The shards of the clips, in the order of the videos; none while clips are still being found for the first
        time.

        Without `shards.parquet` (it was lost, or the run was made before there was one) they are what their clips say.
        """
        if not self.folder.exists(SHARDS_FILE):
            if self.found.shards():
                return []
            counts = self.clips.counts()
            size = int(self.recipe().get("shard_size", 256)) if counts and self.recipe_file.exists() else 256
            found = []
            for shard, clips in counts.items():
                videos = [row["video"] for row in self.clips.read(shard, ["video"])] or [shard * size]
                found.append(ShardRange(shard, min(videos), max(videos) + 1, clips, 0))
            return found
        with parquet_file(self.folder, SHARDS_FILE) as file:
            return [ShardRange(**row) for row in file.read(list(SHARD_COLUMNS)).to_pylist()]

    def in_force(self) -> tuple[list[int], list[tuple[int, int | None]]]:
        """What readers count: the shards of `clips`, and the videos (first, past the last; None: all that follow) whose
        clips in `found` count too: those that are in no shard.

        Clips that are not cut into shards yet, or whose cutting was cut short, are thus counted once. Other videos lie
        in `found` only while they are measured anew.
        """
        if not self.folder.exists(SHARDS_FILE):
            return ([], [(0, None)]) if self.found.shards() else (self.clips.shards(), [])
        ranges = self.shards()
        free: list[tuple[int, int | None]] = []
        at = 0
        for one in sorted(ranges, key=lambda one: one.begin):
            if one.begin > at:
                free.append((at, one.begin))
            at = max(at, one.end)
        return sorted(one.shard for one in ranges), [*free, (at, None)]

    def write_shards(self, shards: Sequence[ShardRange]) -> None:
        """Writes which shards there are, whole or not at all."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        rows = pa.Table.from_pylist([asdict(shard) for shard in shards], schema=schema_of(SHARD_COLUMNS))
        with self.folder.writing(SHARDS_FILE) as file:
            pq.write_table(rows, file)

    def joined_file(self, digest: str) -> Path:
        """Clips and scores of some shards side by side, as those lie that `digest` names; may be deleted any time."""
        return self.path / "joined" / f"{digest}.parquet"

    def check_folder(self) -> None:
        """Raises UsageError for a folder of other things: nothing of theirs is to be written over.

        Of a run in a store what lies there counts: on this machine may be copies of parts that are no more."""
        if self.recipe_file.exists() or (self.folder.is_local and not self.path.is_dir()):
            return
        if self.videos_file.exists() and self.folder.exists(SHARDS_FILE):  # a run that has lost its run.yaml
            return
        if self.folder.is_local:
            names = sorted(entry.name for entry in self.path.iterdir())
        else:
            names = sorted({*self.folder.names(), *self.folder.names("directory")})
        others = [name for name in names if name not in BEFORE_A_RUN and not name.startswith(".")]
        if others:
            some = ", ".join(others[:3]) + (", …" if len(others) > 3 else "")
            raise UsageError(
                f"run: {self.path} is no run and holds other files ({some}); give a new or an empty folder"
            )

    def check_links(self) -> None:
        """Raises UsageError when a link, a pipe or a device stands where hoigen writes in this run: what is written
        there would come out elsewhere. The run's folder itself may be a link."""
        for found in _no_files(self.path, top=True):
            kind = "a link" if os.path.islink(found) else "no file and no folder"
            raise UsageError(
                f"{found} is {kind}. hoigen writes there, and follows no links within a run, which may come from "
                "somebody else: put the files themselves there, or delete it"
            )

    def facts(self) -> dict[str, Any]:
        """All of run.yaml, each key of its own kind. Raises UsageError when this is no run, or its file is damaged."""
        import yaml

        if not self.recipe_file.is_file():
            raise UsageError(f"{self.path} is not a run: it has no run.yaml (hoigen curate makes one)")
        try:
            loaded = plain_yaml.loaded(self.recipe_file.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise self.damaged(" ".join(str(error).split())) from None
        if not loaded:
            raise self.damaged("it is empty")
        if not isinstance(loaded, dict) or not isinstance(loaded.get("recipe"), dict):
            raise self.damaged("it has no `recipe` (where hoigen did not write it, this is no run)")
        for key, kind in KINDS.items():
            if not isinstance(loaded.get(key), kind | None):
                what = "a list" if kind is list else "key: value pairs"
                raise UsageError(f"{self.recipe_file}: {key}: {what}; it came as {shown(loaded[key])}")
        return loaded

    def damaged(self, what: str) -> UsageError:
        """The error for a run.yaml that cannot be read, was cut short or lacks something, with the remedy.

        Args:
            what: is wrong with it.
        """
        return UsageError(
            f"{self.recipe_file} is damaged: {what}. Delete that file and give the recipe once more: hoigen curate "
            f"RECIPE --run {self.path}"
        )

    def recipe(self) -> dict[str, Any]:
        """The arguments of the run, as `run.yaml` has them. Raises UsageError when this is no run."""
        return dict(self.facts()["recipe"])


def _no_files(folder: Path | str, *, top: bool) -> Iterator[str]:
    """What is neither a file nor a folder, below a run's folder; at its top only what is hoigen's own."""
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        if top and not entry.name.startswith((".", *OWN)):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _no_files(entry.path, top=False)
        elif not entry.is_file(follow_symlinks=False) and os.path.lexists(entry.path):  # a part may have gone meanwhile
            yield entry.path
