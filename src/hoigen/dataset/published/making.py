"""What one has of a source -> the list that `hoigen curate` takes, and what is missing."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from hoigen.core.clip import Seconds
from hoigen.core.errors import UsageError, VideoError
from hoigen.data.files import Folder
from hoigen.dataset import mapping
from hoigen.dataset.mapping import Files, Mapped
from hoigen.dataset.published.source import Published, Recording

LIKE: Seconds = 0.5
"""By so much the clock of an annotation may differ from the file's before it is stretched to it."""

_Row = tuple[str, dict[str, object]]
_Lost = tuple[Seconds | None, Seconds | None, str]


def make(source: Published, folders: Sequence[Path], index: str | None, out: Path, fps: float | None) -> Mapped:
    """Writes the list of a source, and beside it what is missing.

    Frames become videos in the folder `NAME-videos` beside the list, whose names say `fps`; those that are there stay.

    Args:
        source: whose.
        folders: where its files are.
        index: of a list of the source, or what its `expected` reads.
        out: the file to write, JSON lines; it is not there.
        fps: of frames; None for the source's own.

    Raises UsageError for a list that cannot be read, and where there is nothing of the source, before anything is
    written.
    """
    if source.rows is not None:
        if index is None:
            raise UsageError(f"--index LIST: {source.name} is a list of clips; {source.index}")
        files = Files(folders)
        if not files.all:
            raise UsageError(f"--files {', '.join(map(str, folders))}: no video files there")
        return mapping.map_rows(source.rows(index, "stop"), files, out)
    assert source.recordings is not None
    expected = _expected(source, index)
    coming = source.recordings(folders, fps)
    if (first := next(coming, None)) is None:
        raise UsageError(
            f"--files {', '.join(map(str, folders))}: nothing there is laid out like {source.name}: {source.index}"
        )
    missing_out = mapping.missing_beside(out)
    found: Counter[str] = Counter()
    missing: Counter[str] = Counter()
    seen: set[str] = set()
    files_seen = 0
    with Folder(str(out.parent)).writing(out.name) as good, Folder(str(out.parent)).writing(missing_out.name) as bad:
        told = mapping.missing_writer(bad)
        for each in (each for group in ((first,), coming) for each in group):
            seen |= {each.id, str(each.meta.get("sequence", ""))}
            why = each.why
            rows: list[_Row] = []
            lost: list[_Lost] = []
            if not why:
                files_seen += 1
                try:
                    rows, lost = _rows(source, each, out, fps)
                except VideoError as error:
                    why = str(error)
            for how, row in rows:
                found[how] += 1
                mapping.write_row(good, row)
            if why:
                lost.append((None, None, why))
            for start, end, what in lost:
                # without what is different in each: paths and numbers
                missing[re.sub(r"\d[\d.]*", "…", re.sub(r"/\S+", "…", what))] += 1
                told([each.id, "", start, end, what])
        for name in expected:
            if name not in seen:
                missing["no folder or file of its name"] += 1
                told([name, "", None, None, "no folder or file of its name"])
    rows_in_all = sum(found.values()) + sum(missing.values())
    note = "its layout is not verified: look at some rows" if "UNVERIFIED" in source.layout else ""
    ordered = dict(found.most_common()), dict(missing.most_common())
    return Mapped(out, missing_out, rows_in_all, *ordered, files_seen, 0, note)


def _expected(source: Published, index: str | None) -> Sequence[str]:
    if index is None:
        return ()
    path = Path(index).expanduser()
    if source.expected is None or not path.is_file():
        raise UsageError(f"--index {index}: no such file; {source.index}")
    return source.expected(path)


def _rows(source: Published, each: Recording, out: Path, fps: float | None) -> tuple[list[_Row], list[_Lost]]:
    """How each clip was found, and its row; and from when to when is annotated what is no clip, with why. Raises
    VideoError for a recording that cannot be read."""
    from hoigen.video.header import probe
    from hoigen.video.writing import video_of_pictures

    how = "a video of it"
    video = each.video
    if video is None:
        how = "its frames, as a video"
        folder = out.with_name(f"{out.stem}-videos")
        rate = "" if fps is None else f"_{fps:g}fps"  # what was made at another rate is another video
        video = folder / f"{re.sub(r'[^A-Za-z0-9._-]', '_', each.id)}{rate}.mp4"
        if not video.exists():
            folder.mkdir(exist_ok=True)
            video_of_pictures(each.frames, each.fps, video)
    common: dict[str, object] = {"uri": str(video), "source": source.name, "id": each.id, **each.meta}
    if not each.stretches:
        return [(how, common)], []
    seconds = probe(str(video)).duration
    scale = seconds / each.span if each.span and abs(each.span - seconds) > LIKE else 1.0
    rows: list[_Row] = []
    lost: list[_Lost] = []
    for stretch in each.stretches:
        start, end = stretch.start * scale, min(stretch.end * scale, seconds)
        if not 0 <= stretch.start < stretch.end < math.inf:
            lost.append((stretch.start, stretch.end, f"{stretch.action}: its times are none"))
        elif end <= start:
            why = f"{stretch.action}: the video ends at {seconds:.2f} s, before it begins"
            lost.append((stretch.start, stretch.end, why))
        else:
            rows.append((f"{how}, by its annotation", common | {"start": start, "end": end, "action": stretch.action}))
    return rows, lost
