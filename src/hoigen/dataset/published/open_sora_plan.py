"""The lists of Open-Sora-Plan, in which Mixkit, Pexels and Pixabay stand: what the sources of these names share."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from hoigen.core.errors import UsageError, shown
from hoigen.data.sources import manifests
from hoigen.data.sources.source import UNREADABLE, BadRows, Source
from hoigen.dataset.mapping import FRAMES

SITES = ("mixkit", "pexel", "pixabay")
"""How folders of these sites begin: `pexels`, `video_pexel`, `pixabay_v2`."""
SPAN = re.compile(r"(\d+):(\d+)")
LAYOUT = (
    "PKU-YuanGroup/Open-Sora-Plan at f7fa604f4e3a523d6b973e4c89a5620ed1aff65a: docs/Report-v1.0.0.md, "
    "docs/Report-v1.1.0.md, opensora/dataset/t2v_datasets.py (path, cap, fps, num_frames, cut, aesthetic or aes); "
    "names of the lists: the file listings of huggingface.co/datasets/LanguageBind/Open-Sora-Plan-v1.0.0 and -v1.1.0; "
    "frame_idx as copies of the loader of v1.1.0 read it. No list was at hand: not tried on one"
)
INDEX = (
    "--index LIST: each row of this site that is found among files of its name (path; also NAME_resize1080p.mp4), with "
    "caption and scores; stretches by frames (frame_idx, or cut, num_frames and fps) become seconds"
)


def rows_of(path: str, bad_rows: BadRows = "stop", *, site: str, name: str) -> Iterator[Source]:
    """The rows of one site: those whose path names no other one.

    Args:
        path: of the list, JSON: objects with `path` and `cap`, a text or a list of texts.
        bad_rows: what becomes of rows that cannot be read, as of `hoigen.data.sources.manifests.read`.
        site: as of `SITES`.
        name: of the source, for its clips.

    Raises UsageError for rows that cannot be read.
    """
    folder = f"{path.rpartition('/')[0]}/" if "://" in path else f"{Path(path).expanduser().absolute().parent}/"
    for source in manifests.read(path, bad_rows):
        if UNREADABLE in source.meta:
            yield source
            continue
        parts = PurePosixPath(source.uri.removeprefix(folder)).parts[:-1]
        # `/data/mixkit/pexels/a.mp4`: the folder nearest to the file says whose it is
        named = next((each for part in reversed(parts) for each in SITES if each in part.lower()), site)
        if named != site:
            continue
        caption = source.meta.get("cap")
        if isinstance(caption, list):
            caption = caption[0] if caption else None
        meta: dict[str, Any] = {key: value for key, value in source.meta.items() if key != "cap"}
        try:
            meta |= _frames(meta, f"{path}, {source.uri}")
        except UsageError as error:
            if bad_rows == "stop":
                raise
            meta |= {UNREADABLE: str(error)}
        caption = source.caption or (str(caption) if caption else None)
        yield dataclasses.replace(source, caption=caption, source=name, meta=meta)


def _frames(meta: dict[str, Any], where: str) -> dict[str, Any]:
    """The first frame, and the one behind the last, where a row names a part of its video."""
    if (text := meta.get("frame_idx")) is not None:
        if (found := SPAN.fullmatch(str(text).strip())) is None or int(found[1]) >= int(found[2]):
            raise UsageError(f"{where}: frame_idx is FIRST:END, two numbers of frames; it came as {shown(text)}")
        return {FRAMES: [int(found[1]), int(found[2])]}
    if (cut := meta.get("cut")) is not None:
        count = meta.get("num_frames")
        if not (isinstance(cut, list) and cut and isinstance(cut[0], int) and isinstance(count, int) and count > 0):
            raise UsageError(
                f"{where}: cut is a list that begins with a number of a frame, num_frames their number; they came as "
                f"{shown(cut)} and {shown(count)}"
            )
        return {FRAMES: [cut[0], cut[0] + count]}
    return {}
