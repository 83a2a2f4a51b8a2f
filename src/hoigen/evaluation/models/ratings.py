"""What people said of videos: ratings (a number for a video) or votes (which of two is better).

Files are CSV, TSV, JSONL, JSON or Parquet. Ratings have the columns `video` and `rating`, votes `first`, `second` and
`winner` (first, second or tie); both may name the `rater`. A video is named by its path, its file's name, or
`model/file name`; votes may name two models and the `prompt` instead, and then count for every sample of theirs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hoigen.core.errors import UsageError, nearest
from hoigen.data.rows import Row, rows_of
from hoigen.evaluation.models.videos import Video

WINNERS = ("first", "second", "tie")


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """Which of two videos of one prompt is better. value: 1 the first, -1 the second, 0 neither."""

    first: Video
    second: Video
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What people said. ratings: uri -> mean over raters; empty when there are votes. raters: 0 when none is named.

    strays: videos of the file that the run does not have.
    """

    ratings: Mapping[str, float]
    votes: Sequence[Vote]
    raters: int
    rows: int
    strays: Sequence[str]


class Finder:
    """Videos of a run by the names that people give them."""

    def __init__(self, videos: Sequence[Video]) -> None:
        self.by_name: dict[str, list[Video]] = {}
        self.by_model: dict[tuple[str, str], list[Video]] = {}
        self.models = sorted({video.model for video in videos})
        for video in videos:
            path = Path(video.uri)
            for name in {video.uri, path.name, path.stem, f"{video.model}/{path.name}", f"{video.model}/{path.stem}"}:
                self.by_name.setdefault(name, []).append(video)
            for prompt in {video.prompt, video.text}:
                self.by_model.setdefault((video.model, prompt), []).append(video)

    def one(self, row: Row, column: str) -> Video | None:
        """The video that a cell names; None when the run has none. Raises UsageError when it may be one of several."""
        name = row.need(column)
        found = self.by_name.get(name) or self.by_name.get(str(Path(name).absolute())) or []
        if len(found) > 1:
            some = ", ".join(f"{video.model}/{Path(video.uri).name}" for video in found[:2])
            raise UsageError(f"{row.place}, column {column}: {name!r} may be one of {len(found)} videos: write {some}")
        return found[0] if found else None


def read_told(path: Path, videos: Sequence[Video], question: str | None = None) -> Told:
    """The ratings or votes of a file, or the ratings among the annotations of a run.

    Args:
        path: the file, or the folder of the run.
        videos: those that may be meant.
        question: of the run's annotations; may be None where there is only one.

    Raises UsageError that names the file, the line, the column and what came.
    """
    if path.is_dir():
        return _of_run(path, videos, question)
    if question is not None:
        raise UsageError(f"--ratings-question is of the annotations of a run; {path} is no folder")
    first = next(iter(rows_of(path, (), ("video", "rating", "rater", "first", "second", "winner", "prompt"))), None)
    if first is None:
        raise UsageError(f"{path} holds no rows")
    finder = Finder(videos)
    told = _votes(path, finder) if "winner" in first.cells else _ratings(path, finder)
    if not told.ratings and not told.votes:
        known = [Path(video.uri).name for video in videos]
        raise UsageError(
            f"{path}: none of its {told.rows} rows is about a video of the run; they name "
            f"{', '.join(told.strays[:3])}, and the run has {', '.join(known[:3])}"
        )
    return told


def _of_run(run: Path, videos: Sequence[Video], question: str | None) -> Told:
    """A number of each person for a clip; of a question of yes and no, 1 and 0."""
    from hoigen.data.annotations import answers

    given = answers(run, question, "--ratings-question").numbers()
    by_clip = {video.clip: video for video in videos if video.clip}
    known = {clip: by_clip[clip] for clip in given if clip in by_clip}
    if not known:
        raise UsageError(f"{run}: none of its {len(given)} annotated clips is a video of the run")
    twice = [uri for uri, count in Counter(video.uri for video in known.values()).items() if count > 1]
    if twice:
        raise UsageError(f"{run}: several clips of {twice[0]} are annotated; ratings are of whole videos")
    return Told(
        ratings={video.uri: sum(given[clip].values()) / len(given[clip]) for clip, video in known.items()},
        votes=(),
        raters=len({who for values in given.values() for who in values}),
        rows=sum(map(len, given.values())),
        strays=[clip for clip in given if clip not in known],
    )


def _ratings(path: Path, finder: Finder) -> Told:
    given: dict[str, dict[str, float]] = {}
    raters: set[str] = set()
    strays: Counter[str] = Counter()
    rows = list(rows_of(path, ("video", "rating"), ("rater",)))
    for row in rows:
        video, value, rater = finder.one(row, "video"), row.number("rating"), row.text("rater")
        if value is None:
            raise UsageError(f"{row.place}, column rating: a number; it is empty")
        raters.add(rater)
        if video is None:
            strays[row.text("video")] += 1
            continue
        by_rater = given.setdefault(video.uri, {})
        if rater in by_rater:
            who = f"by {rater!r} " if rater else ""
            raise UsageError(f"{row.place}: {row.text('video')} is rated {who}twice; a column rater tells people apart")
        by_rater[rater] = value
    means = {uri: sum(each.values()) / len(each) for uri, each in given.items()}
    return Told(ratings=means, votes=(), raters=len(raters - {""}), rows=len(rows), strays=list(strays))


def _votes(path: Path, finder: Finder) -> Told:
    votes: list[Vote] = []
    raters: set[str] = set()
    seen: set[tuple[str, frozenset[str]]] = set()
    strays: Counter[str] = Counter()
    rows = list(rows_of(path, ("first", "second", "winner"), ("rater", "prompt")))
    for row in rows:
        winner = row.one_of("winner", WINNERS)
        if not winner:
            raise UsageError(f"{row.place}, column winner: one of {', '.join(WINNERS)}; it is empty")
        raters.add(row.text("rater"))
        sides = _sides(row, finder)
        _check_vote(row, sides, seen)
        missing = [row.text(name) for name, side in zip(("first", "second"), sides, strict=True) if not side]
        strays.update(missing)
        value = {"first": 1, "second": -1, "tie": 0}[winner]
        votes += [Vote(first=one, second=other, value=value) for one in sides[0] for other in sides[1]]
    return Told(ratings={}, votes=votes, raters=len(raters - {""}), rows=len(rows), strays=list(strays))


def _check_vote(row: Row, sides: tuple[list[Video], list[Video]], seen: set[tuple[str, frozenset[str]]]) -> None:
    """A video is not better than itself, and a person who is named says it once."""
    if row.text("first") == row.text("second") or (sides[0] and sides[0] == sides[1]):
        raise UsageError(f"{row.place}: first and second are both {row.text('first')}; a vote is about two")
    pair = row.text("rater"), frozenset((row.text("first"), row.text("second"), f"prompt {row.text('prompt')}"))
    if pair[0] and pair in seen:
        raise UsageError(
            f"{row.place}: {pair[0]!r} has voted on {row.text('first')} and {row.text('second')} before in this file"
        )
    seen.add(pair)


def _sides(row: Row, finder: Finder) -> tuple[list[Video], list[Video]]:
    """The videos of either side: one each, or all samples of a model where models and a prompt are named."""
    prompt = row.text("prompt")
    if prompt and row.need("first") in finder.models:
        for name in ("first", "second"):
            if row.need(name) not in finder.models:
                raise UsageError(
                    f"{row.place}, column {name}: a model of the run; it came as {row.text(name)!r}"
                    f"{nearest(row.text(name), finder.models)}"
                )
        one, other = (finder.by_model.get((row.text(name), prompt), []) for name in ("first", "second"))
        return one, other
    first, second = finder.one(row, "first"), finder.one(row, "second")
    if first is not None and second is not None and first.prompt != second.prompt:
        raise UsageError(
            f"{row.place}: {row.text('first')} and {row.text('second')} are of two prompts ({first.prompt}, "
            f"{second.prompt}); a vote is about two videos of one prompt"
        )
    return [first] if first else [], [second] if second else []
