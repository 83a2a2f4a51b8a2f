"""What an export makes of a run: decided by rows alone, clip by clip, before any work; and the notes that it keeps."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hoigen.core.clip import Clip, Seconds
from hoigen.core.errors import UsageError, shown
from hoigen.data.cutnote import BLURRED, By
from hoigen.data.files import Folder
from hoigen.data.journal import Journal
from hoigen.data.run import Run
from hoigen.data.tables import Table
from hoigen.dataset import split, wording
from hoigen.dataset.contract import CLIPS, Export, Format, Sample
from hoigen.dataset.shape import Cut, Shape
from hoigen.rules import removals
from hoigen.rules.cascade import Step
from hoigen.video.cutting import check_name
from hoigen.video.retime import Codec

NOTE = ".export"
"""The folder of what hoigen notes of an export: how it was made, which clips, what was left out."""
PARTS = f"{NOTE}/parts"
"""The folder of files that are not whole yet."""
COLUMNS: Mapping[str, str] = {
    "id": "string",
    "name": "string",
    "file": "string",
    "frames": "int64",
    "fps": "float64",
    "width": "int32",
    "height": "int32",
    "seconds": "float64",
    "digest": "string",
    "bytes": "int64",
    "uri": "string",
    "start": "float64",
    "end": "float64",
    "clip_start": "float64",
    "source_width": "int32",
    "source_height": "int32",
    "source": "string",
    "repeated": "int32",
}
Planned = tuple[Clip, str, list[Cut] | str]
"""A kept clip, its caption, and the files that come of it, or why none does."""
PATH = 400
"""Characters of a path that a message shows: its end tells it from others."""
HELD = 20_000
"""Runs of so many kept clips are walked through once; of larger ones, a shard at a time is held."""
BITS_A_PIXEL = 0.02
"""What H.264 takes of the quietest footage, about; a disk that has not even that is full before the end."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be made of a run, known before any work.

    Args:
        kept: clips that the run's rules keep.
        files: how many files they give.
        left_out: why clips are left out -> how many.
        sizes: (width, height, frames) -> files; None where the clip's own stays.
        cropped: shares of the picture that are cropped, or black: of how many files more than a hundredth, and the
            greatest one.
        long: captions with more tokens than the trainer takes.
        tokens: the greatest number of tokens of a caption.
        pending: clips that are not decided yet.
        pixels: of all frames of all files.
    """

    kept: int
    files: int
    left_out: Counter[str]
    sizes: Counter[tuple[int, int, int] | None]
    cropped: tuple[int, float]
    long: int
    tokens: int
    pending: int
    pixels: int


@dataclass(frozen=True, slots=True)
class Task:
    """All that an export goes by.

    Args:
        run: the run.
        steps: its measures and rules.
        format: what it is exported to.
        shape: how clips are made.
        out: the folder.
        codec: of the files.
        link: files that need no encoding are linked.
        listed: the captions are those of the input list, not those of the run.
        counter: counts tokens.
        part: of `hoigen split`, whose clips are wanted; None: all.
        faces: by what faces are found that are made unknowable (`hoigen.video.faces.BY`), not with `link`; None: as
            they are.
    """

    run: Run
    steps: Sequence[Step]
    format: Format
    shape: Shape
    out: Folder
    codec: Codec
    link: bool
    listed: bool
    counter: wording.Counter
    part: str | None = None
    faces: By | None = None
    _held: list[tuple[int, list[Planned]]] = field(default_factory=list, compare=False, repr=False)

    @property
    def notes(self) -> Folder:
        return self.out.child(NOTE)

    @property
    def made(self) -> Table:
        """The clips that were made, by the run's shards."""
        return Table("exported clips", self.notes.child("made"), COLUMNS)

    @property
    def clips(self) -> str:
        """The folder of the clips in `out`."""
        return f"{NOTE}/{CLIPS}" if self.format.packed else CLIPS

    @property
    def settings(self) -> dict[str, Any]:
        """How clips are made: what may not change between two calls that write into one folder."""
        shape = self.shape
        return {
            "format": self.format.name,
            "run": self.run.address,
            "fps": shape.fps,
            "frames": list(shape.frames),
            "sizes": [f"{w}x{h}" for w, h in shape.sizes],
            "fit": shape.fit,
            "take": shape.take,
            "enlarge": shape.enlarge,
            "repeat": shape.repeat,
            "codec": self.codec,
            "part": self.part,
            "faces": BLURRED[self.faces] if self.faces is not None else None,
        }

    def journal(self, stage: str, shard: int) -> Journal:
        """Of clips that were made of a shard under way."""
        return Journal(self.notes.child("journal"), f"{stage}-{shard:05d}.jsonl")

    # what there is to do

    def planned(self) -> Iterator[tuple[int, list[Planned]]]:
        """Shard by shard, each kept clip with its caption and with what comes of it, or why nothing does."""
        if self._held:
            yield from self._held
            return
        yield from self._walked()

    def _walked(self) -> Iterator[tuple[int, list[Planned]]]:
        from hoigen.stages.kept import kept_clips
        from hoigen.stages.scores import clip_of

        seen: set[str] = set()
        for shard, ids in kept_clips(self.run, self.steps):
            wanted = set(ids)
            texts = self._texts(shard)
            parts = split.parts_of(self.run, ids) if self.part is not None else {}
            clips = (row for row in self.run.clips.read(shard) if row["state"] == "ok")
            rows = {row["id"]: row for row in clips if row["id"] in wanted}
            found: list[Planned] = []
            for name in ids:
                check_name(name, f"{self.run.clips.folder.uri}, shard {shard}")
                clip = clip_of(rows[name])
                text = wording.one_line((clip.prompt if self.listed else texts.get(name)) or "")
                made: list[Cut] | str
                if self.part is not None and parts[name] != self.part:
                    made = f"of the part {parts[name]}"
                elif name in seen:
                    made = "the same stretch is listed twice"
                elif self.format.captioned and not text:
                    made = "no caption"
                else:
                    made = self.shape.cuts(clip)
                seen.add(name)
                found.append((clip, text, made))
            yield shard, found

    def _texts(self, shard: int) -> dict[str, str]:
        from hoigen.stages.captioned import captions_in_force

        if self.listed or (table := captions_in_force(self.run)) is None:
            return {}
        return {row["id"]: row["text"] or "" for row in table.read(shard, ["id", "text"])}

    def _listed_captions(self) -> int:
        """How many kept clips have a caption in the input list."""
        return sum(bool(clip.prompt and clip.prompt.strip()) for _, found in self.planned() for clip, _, _ in found)

    def plan(self) -> Plan:
        """What would be made; nothing is decoded and nothing written."""
        from hoigen.rules import decide

        left_out: Counter[str] = Counter()
        sizes: Counter[tuple[int, int, int] | None] = Counter()
        kept = files = long = tokens = cropped = pixels = 0
        worst = 0.0
        self._held.clear()
        held: list[tuple[int, list[Planned]]] = []
        for shard, found in self._walked():
            held.append((shard, found if kept + len(found) <= HELD else []))
            for clip, text, made in found:
                kept += 1
                if isinstance(made, str):
                    left_out[made] += 1
                    continue
                count = self.counter.count(text) if text else 0
                tokens, limit = max(tokens, count), self.format.wants.tokens
                for cut in made:
                    files += 1
                    long += limit is not None and count > limit
                    size = cut.size or (clip.width, clip.height)
                    frames = cut.frames or round(clip.duration * clip.fps)
                    pixels += frames * size[0] * size[1]
                    sizes[(*cut.size, cut.frames) if cut.size and cut.frames else None] += 1
                    lost = self.shape.lost(clip, cut.size) if cut.size and self.shape.sizes else 0.0
                    cropped += lost > 0.01
                    worst = max(worst, lost)
        if kept <= HELD:
            self._held.extend(held)
        with decide.connect(self.run, self.steps) as con:
            pending = decide.counts(con).get("pending", 0)
            if removed := decide.removed_count(con):
                left_out[removals.WHY] = removed
                kept += removed
        return Plan(kept, files, left_out, sizes, (cropped, worst), long, tokens, pending, pixels)

    def check(self, plan: Plan) -> None:
        """Raises UsageError where the export cannot be what was asked for; nothing was written."""
        if not plan.kept:
            waiting = f"; {plan.pending} are not decided yet: run hoigen curate again" if plan.pending else ""
            raise UsageError(f"{self.run.path}: its rules keep no clip, so that there is nothing to export{waiting}")
        if not plan.files:
            before = self.out.is_local and self.notes.exists("export.json") and self.made.shards()
            still = f"; what {self.out.uri} has of it from before is still there: delete that folder" if before else ""
            why = "; ".join(f"{count} {reason}" for reason, count in plan.left_out.most_common())
            if set(plan.left_out) == {"no caption"}:
                way = "none has one in the input list" if self.listed else "hoigen caption writes them"
                if not self.listed and (words := self._listed_captions()):
                    way += f"; {words} of them have one in the input list: --captions list takes those"
                raise UsageError(f"{self.run.path}: no caption of any of its {plan.kept} kept clips: {way}{still}")
            raise UsageError(f"{self.run.path}: of {plan.kept} kept clips none can be exported so: {why}{still}")
        suits = getattr(self.format, "suits", None)  # one's own may be older
        if suits is not None and (wrong := suits(self.shape)) is not None:
            raise UsageError(f"--frames, --size: {wrong}")
        if (wrong := self.format.check(self.out, self.run)) is not None:
            raise UsageError(f"--out {self.out.uri}: {wrong}")
        if self.out.is_local:
            place = Path(self.out.uri).resolve()
            there = next(each for each in (place, *place.parents) if each.exists())
            if not there.is_dir():
                raise UsageError(f"--out {place}: {there} is a file")
            least, free = int(plan.pixels * BITS_A_PIXEL / 8), shutil.disk_usage(there).free
            if not self.link and least > free:
                raise UsageError(
                    f"--out {place}: the disk has {free / 1e9:.1f} GB left, and {plan.files} clips take at least "
                    f"{least / 1e9:.1f} GB"
                )
        self._check_folder()

    def _check_folder(self) -> None:
        """Raises UsageError for a folder of other things, and for one that was made otherwise."""
        try:
            note = json.loads(self.notes.read("export.json"))
            before = dict(note["settings"])
        except FileNotFoundError:
            names = self.out.names() + self.out.names("directory")
            if names:
                some = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
                raise UsageError(f"--out {self.out.uri} holds other files ({some}): give a new folder") from None
            return
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{self.notes.path('export.json')} is damaged ({error}): give a new folder") from None
        for key, value in self.settings.items():
            if key == "run" and self._is_moved(before.get(key)):
                continue
            if before.get(key) != value:
                raise UsageError(
                    f"--out {self.out.uri} was made with {key} {shown(before.get(key), PATH)}, and now it is "
                    f"{shown(value, PATH)}: give another folder, or ask for the same"
                )

    def _is_moved(self, before: object) -> bool:
        """Whether a noted run may be this one, before it was moved: it is there no more, and what was made is of clips
        that this one has."""
        if not isinstance(before, str) or Path(before).exists():
            return False
        for shard in self.made.shards():
            mine = {row["id"] for row in self.run.clips.read(shard, ["id"])}
            if not {row["id"] for row in self.made.read(shard, ["id"])} <= mine:
                return False
        return True

    # the doing

    def begin(self) -> None:
        """Notes how the folder is made, before the first clip is."""
        from importlib import metadata

        note = {"settings": self.settings, "hoigen": metadata.version("hoigen")}
        try:
            if self.out.is_local:
                for folder in (self.clips, PARTS):
                    Path(self.out.path(folder)).mkdir(parents=True, exist_ok=True)
            self.notes.write("export.json", json.dumps(note, indent=1).encode())
        except OSError as error:
            raise UsageError(f"--out {self.out.uri}: {error.strerror or error}") from None

    def sweep(self, deadline: Seconds) -> None:
        """Takes away what killed workers left half-written."""
        from hoigen.video.cutting import sweep

        if self.out.is_local:
            for folder in (PARTS, self.clips):  # beside the clips lay those of earlier versions
                sweep(Path(self.out.path(folder)), deadline)

    def samples(self) -> Iterator[Sample]:
        """What was made and is wanted now, in the order of the run, with its caption."""
        for shard, found in self.planned():
            made = {row["name"]: row for row in self.made.read(shard)}
            for _, text, cuts in found:
                for cut in cuts if not isinstance(cuts, str) else ():
                    if (row := made.get(cut.name)) is not None:
                        yield Sample(**{name: row[name] for name in COLUMNS}, text=text)

    def finish(self) -> tuple[int, list[str]]:
        """Writes what lies beside the clips, then takes away clips of before that are not wanted now.

        Returns how many samples were written, and the names of what was taken away.
        """
        count = sum(1 for _ in self.samples())
        if count:
            self.format.write(Export(self.out, self.run.path, self.shape, self.samples, count))
        self._write_left_out()
        return count, self._prune()

    def _write_left_out(self) -> None:
        import csv
        import io

        from hoigen.core.harmless import cell

        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["id", "uri", "start", "end", "why"])
        for _, found in self.planned():
            for clip, _, made in found:
                if isinstance(made, str):
                    writer.writerow([clip.id, cell(clip.uri), clip.start, clip.end, made])
        self.notes.write("left_out.csv", text.getvalue().encode("utf-8"))

    def _prune(self) -> list[str]:
        gone: list[str] = []
        wanted = {shard: {cut.name for _, _, cuts in found if not isinstance(cuts, str) for cut in cuts}
                  for shard, found in self.planned()}  # fmt: skip
        for shard in self.made.shards():
            rows = self.made.read(shard)
            left = [row for row in rows if row["name"] in wanted.get(shard, ())]
            if len(left) < len(rows):
                for row in rows:
                    if row["name"] not in wanted.get(shard, ()):
                        self.out.remove(row["file"])
                        gone.append(row["name"])
                self.made.write(shard, left)
        return gone
