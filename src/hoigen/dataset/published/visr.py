"""ViSR: videos of social relations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from hoigen.dataset.mapping import videos_below
from hoigen.dataset.published.source import Published, Recording, ids_of


def recordings(folders: Sequence[Path], fps: float | None) -> Iterator[Recording]:
    """Each video file, whole, by its name without suffix. Which relation it shows is not read.

    Args:
        folders: looked through with all that is below them.
        fps: not used: there are no frames.
    """
    for folder, path in videos_below(folders):
        yield Recording(id=path.relative_to(folder).with_suffix("").as_posix(), video=path)


SOURCE = Published(
    name="ViSR",
    place=5,
    what="videos of social relations (Liu et al., CVPR 2019)",
    where="https://openaccess.thecvf.com/content_CVPR_2019/html/Liu_Social_Relation_Recognition_From_Videos_via_Multi-Scale_Spatial-Temporal_Reasoning_CVPR_2019_paper.html",
    how=(
        "no page of the data set was found: ask its authors. At least some of its videos are of movies; whose they are "
        "decides what may be done with them"
    ),
    index="every video file below the folder, whole; --index FILE, one name a line, names what is missing",
    layout="UNVERIFIED: no description of its files was found; nothing but files of videos is assumed",
    recordings=recordings,
    expected=ids_of,
)
