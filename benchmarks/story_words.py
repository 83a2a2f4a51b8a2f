"""A captioner of one's own, for `make story`: the words of somebody who looked at the clips. No model has part in it.

    hoigen caption RUN --set 'captioner={"./story_words.py": {"table": "notes.csv"}}' --trust story_words.py

It stands where a mixture of vision models stands in a real run, and is named for what it is in every caption's record.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from hoigen.core.clip import Clip
from hoigen.core.registry import captioner
from hoigen.core.score import Caption
from hoigen.core.settings import Setting


@dataclass(frozen=True, slots=True)
class Looked:
    """What somebody says of a stretch of a video. start, end: seconds; answer: keep or drop; reason: of a drop."""

    file: str
    start: float
    end: float
    answer: str
    reason: str
    words: str


def read(table: Path) -> list[Looked]:
    """The rows of a table with the columns of `Looked`."""
    with table.open(encoding="utf-8", newline="") as lines:
        return [
            Looked(row["file"], float(row["start"]), float(row["end"]), row["answer"], row["reason"], row["words"])
            for row in csv.DictReader(lines)
        ]


def of_clip(rows: list[Looked], uri: str, start: float, end: float) -> Looked | None:
    """What is said of the stretch that more than half of a clip lies in.

    Args:
        rows: of the table.
        uri: of the clip's video.
        start: of the clip, seconds.
        end: of the clip, seconds.
    """
    for row in rows:
        common = min(end, row.end) - max(start, row.start)
        if row.file == Path(uri).name and common > (end - start) / 2:
            return row
    return None


@captioner("story_words")
class StoryWords:
    """The words of a table: written by hand, by somebody who looked at the clips."""

    table: Annotated[str, Setting("a CSV with columns file, start, end, answer, reason, words")]

    @property
    def experts(self) -> Mapping[str, Any]:
        return {}

    @property
    def settings(self) -> dict[str, Any]:
        """What a caption depends on: the words themselves."""
        return {"table": Path(self.table).read_text(encoding="utf-8")}

    async def __call__(self, talk: Any) -> Caption:
        clip: Clip = talk.clip
        row = of_clip(read(Path(self.table)), clip.uri, clip.start, clip.end)
        if row is None or not row.words:
            return Caption(text=None, reason="the table says nothing of it")
        return Caption(text=row.words, path="written by hand")
