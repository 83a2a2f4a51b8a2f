"""hoigen relocate: the videos of a run lie elsewhere now."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from hoigen.commands.options import RunFolder
from hoigen.core.errors import UsageError, VideoError
from hoigen.core.settings import Setting
from hoigen.core.words import plural
from hoigen.data.sources.source import absolute

if TYPE_CHECKING:
    from hoigen.data.run import Run
    from hoigen.data.tables import Table

NAMED = 3
FOUND, MISSING, OTHER = "found", "missing", "other"


@dataclass(frozen=True, slots=True)
class Relocated:
    """What became of the places of a run's videos.

    moved: videos that are known by their new place now. there: videos that stay where they are. missing: those that are
    at neither place. other: those at whose new place lies something else, by its content.
    """

    run: Path
    moved: int
    there: int
    missing: Sequence[str]
    other: Sequence[str]

    @property
    def incomplete(self) -> bool:
        """Whether no video was found; the command then exits with 1."""
        return self.partial and not self.moved + self.there

    @property
    def partial(self) -> bool:
        """Whether some videos were not found; the command then exits with 3."""
        return bool(self.missing or self.other)

    def __str__(self) -> str:
        lines = [
            (f"{self.run}: {plural(self.moved, 'video has', 'videos have')} moved, {self.there} stay where they are")
        ]
        for many, why in ((self.missing, "were not found"), (self.other, "hold other content than was measured")):
            if many:
                some = ", ".join(many[:NAMED]) + (", …" if len(many) > NAMED else "")
                lines.append(f"{len(many)} {why} and are left as they were: {some}")
        return "\n".join(lines)


def relocate(
    run: RunFolder,
    *,
    root: Annotated[
        list[str] | None,
        Setting("OLD=NEW: what lay below the folder or address OLD lies below NEW; may be given more than once"),
    ] = None,
    videos: Annotated[
        list[str] | None, Setting("a folder, glob or list in which videos are looked for by their content, by any name")
    ] = None,
) -> Relocated:
    """Tells a run that its videos lie elsewhere, on this machine or another; nothing is measured again.

    A video counts as found when its content is that which was measured. Clips keep their ids.

    Returns what has moved and what was not found. Raises UsageError when neither way is named.
    """
    from hoigen.data.run import Run
    from hoigen.work.ranks import Rank, held

    if not (root or videos):
        raise UsageError("--root OLD=NEW or --videos FOLDER: one of them says where the videos are")
    folder = Run(Path(run))
    folder.recipe()
    roots = [_pair(text) for text in root or ()]
    with held(folder, Rank()):
        search = _Search(roots, folder, videos or ())
        for table in (folder.clips, folder.found):
            for shard in table.shards():
                _move_rows(table, shard, search)
        _move_list(folder, search)
        _move_recipe(folder, roots, strewn=bool(videos))
    ends: dict[str, list[str]] = {FOUND: [], MISSING: [], OTHER: []}
    for uri, (end, _) in search.seen.items():
        ends[end].append(uri)
    moved = sum(search.seen[uri][1] != uri for uri in ends[FOUND])
    return Relocated(folder.path, moved, len(ends[FOUND]) - moved, ends[MISSING], ends[OTHER])


def _pair(text: str) -> tuple[str, str]:
    old, mark, new = text.partition("=")
    if not mark or not old.strip("/") or not new:
        raise UsageError(f"--root {text}: OLD=NEW, two folders or addresses")
    # as the list of videos has them: folders of this machine by their whole path
    one, other = (each.rstrip("/") if "://" in each else os.path.normpath(absolute(each)) for each in (old, new))
    return one, other


def _digests(uri: str) -> set[str]:
    """The digests that a video of this content may have been filed under: as of a disk, and as of a store."""
    from hoigen.video.file import content_digest

    found = set()
    with contextlib.suppress(VideoError):
        found = {content_digest(uri, local=local) for local in (True, False)}
    return found


class _Search:
    """Where videos are now; each is looked for once.

    Args:
        roots: old and new folder or address.
        run: whose videos they are.
        videos: where videos of their content are looked for.

    seen: place in the run -> how the search ended, and the place that holds now.
    """

    def __init__(self, roots: Sequence[tuple[str, str]], run: Run, videos: Sequence[str]) -> None:
        from hoigen.data.sources import read_sources
        from hoigen.stages.ingest import stamp

        self.roots = roots
        self.seen: dict[str, tuple[str, str]] = {}
        self.given: set[str] = set()
        self.digests: dict[str, str] = {}  # of each place that was measured; rows that failed have none of their own
        self.contents: dict[str, list[str]] = {}  # digest -> places
        sizes = set()
        for table in (run.clips, run.found):
            for shard in table.shards():
                for row in table.read(shard, ["uri", "digest", "header"]):
                    if row["digest"] is not None:
                        self.digests[row["uri"]] = row["digest"]
                        before = json.loads(row["header"]).get("stamp") if row["header"] else None
                        sizes.add(before[0] if before else None)
        for source in read_sources(list(videos), say=lambda text: None) if videos else ():
            now = stamp(source.uri)
            if now is None or now[0] in sizes or None in sizes:
                for digest in _digests(source.uri):  # what cannot be read has none
                    self.contents.setdefault(digest, []).append(source.uri)

    def place(self, uri: str) -> str:
        """Where a video is now; as it was when it is not found. One that was never read is taken at its name.

        Args:
            uri: where it was.
        """
        from hoigen.stages.ingest import stamp
        from hoigen.video.file import is_local

        if uri in self.seen:
            return self.seen[uri][1]
        digest = self.digests.get(uri)
        tries = [new + uri[len(old) :] for old, new in self.roots if uri.startswith(old + "/")]
        here = stamp(uri) is not None
        alike = [] if here else self.contents.get(digest or "", [])
        if alike := [each for each in alike if each not in self.digests and each not in self.given] or alike[:1]:
            named = [each for each in alike if Path(each).name == Path(uri).name]
            tries.append((named or alike)[0])
            self.given.add(tries[-1])  # of several with one content each stands for one video, while there are enough
        stays = here or (not tries and not is_local(uri))
        end, where = (FOUND if stays else MISSING), uri
        for new in tries:
            found = _digests(new) if digest is not None else ()
            if digest in found or (digest is None and stamp(new) is not None):
                end, where = FOUND, new
                break
            if found:
                end = FOUND if stays else OTHER
        self.seen[uri] = end, where
        return where


def _move_rows(table: Table, shard: int, search: _Search) -> None:
    """Rows of a shard with the places that hold now, also of what a duplicate is one of, and the time of the files."""
    from hoigen.stages.clips import SAME_AS
    from hoigen.stages.ingest import stamp

    rows, changed = table.read(shard), False
    for row in rows:
        where = search.place(row["uri"])
        if where != row["uri"]:
            header = json.loads(row["header"]) | {"stamp": stamp(where)} if row["header"] else None
            row |= {"uri": where, "header": None if header is None else json.dumps(header, ensure_ascii=False)}
            changed = True
        if (reason := row.get("reason") or "").startswith(SAME_AS):
            first = search.place(reason.removeprefix(SAME_AS))
            changed = changed or SAME_AS + first != reason
            row["reason"] = SAME_AS + first
    if changed:
        table.write(shard, rows, table.facts_of(shard))


def _move_list(run: Run, search: _Search) -> None:
    """The list follows the clips, and goes last: cut short before, the same command does what is missing."""
    from hoigen.data import videolist

    clips = (row for table in (run.clips, run.found) for n in table.shards() for row in table.read(n, ["video", "uri"]))
    known = {row["video"]: row["uri"] for row in clips}
    places = itertools.count()

    def moved(row: dict[str, Any]) -> dict[str, Any]:
        return row | {"uri": known.get(next(places)) or search.place(row["uri"])}

    videolist.rewrite(run.videos_file, moved)


def _move_recipe(run: Run, roots: Sequence[tuple[str, str]], *, strewn: bool) -> None:
    """`hoigen curate RUN/run.yaml` goes on with the run's own list where its `videos` are not there, or are strewn."""
    from hoigen.core import plain_yaml
    from hoigen.data.files import write_text
    from hoigen.data.sources.folders import is_glob

    facts = run.facts()
    given = facts["recipe"]["videos"]
    items = [given] if isinstance(given, str) else list(given)
    moved = []
    for item in items:
        fits = [(old, new) for old, new in roots if item == old or item.startswith(old + "/")]
        moved.append(fits[0][1] + item[len(fits[0][0]) :] if fits else item)
    gone = [item for item in moved if "://" not in item and not is_glob(item) and not Path(item).exists()]
    kept: Any = run.list_address if gone or strewn else moved[0] if isinstance(given, str) else moved
    if kept != given:
        facts["recipe"]["videos"] = kept
        write_text(run.recipe_file, plain_yaml.dumped(facts))
