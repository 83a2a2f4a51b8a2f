"""What people said of videos, and how each number of a run agrees with it.

They said ratings (a number for a video) or votes (which of two is better).

Files are CSV, TSV, JSONL, JSON or Parquet. Ratings have the columns `video` and `rating`, votes `first`, `second` and
`winner` (first, second or tie); both may name the `rater`. A video is named by its path, its file's name, or
`model/file name`; votes may name two models and the `prompt` instead, and then count for every sample of theirs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hoigen.core.errors import UsageError, nearest
from hoigen.core.score import Number
from hoigen.core.stats import ranks
from hoigen.core.stats.resample import Draws, Estimate, Floats, undefined
from hoigen.core.words import plural
from hoigen.data.rows import Row, rows_of
from hoigen.evaluation.models.grid import Cell, Table, reasons
from hoigen.evaluation.models.videos import Video

WINNERS = ("first", "second", "tie")
VOTES_ONLY = "votes put two videos in order, not all of them"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Vote:
    """Which of two videos of one prompt is better.

    Args:
        first, second: the two.
        share: of those asked, how many prefer the first, 0..1; of one person 1, 0, or 0.5 for a tie.
        rater: who said it; "" where nobody is named.
    """

    first: Video
    second: Video
    share: float
    rater: str = ""

    @property
    def value(self) -> int:
        """1: the first, -1: the second, 0: neither."""
        return (self.share > 0.5) - (self.share < 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What people said.

    Args:
        ratings: uri -> mean over raters; empty when there are votes.
        votes: empty when there are ratings.
        raters: how many people; 0 when none is named.
        rows: of the file.
        strays: videos of the file that the run does not have.
        each: uri -> rater -> rating, of ratings with raters.
    """

    ratings: Mapping[str, float]
    votes: Sequence[_Vote]
    raters: int
    rows: int
    strays: Sequence[str]
    each: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


class _Finder:
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
            raise UsageError(
                f"{row.place}, column {column}: {name!r} may be one of {plural(len(found), 'video')}: write {some}"
            )
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
        from hoigen.data.annotations import answers

        given = answers(path, question, "--ratings-question").numbers()
        by_clip = {video.clip: video for video in videos if video.clip}
        known = {clip: by_clip[clip] for clip in given if clip in by_clip}
        if not known:
            raise UsageError(f"{path}: none of its {plural(len(given), 'annotated clip')} is a video of the run")
        twice = [uri for uri, count in Counter(video.uri for video in known.values()).items() if count > 1]
        if twice:
            raise UsageError(f"{path}: several clips of {twice[0]} are annotated; ratings are of whole videos")
        return Told(
            ratings={video.uri: sum(given[clip].values()) / len(given[clip]) for clip, video in known.items()},
            votes=(),
            raters=len({who for values in given.values() for who in values}),
            rows=sum(map(len, given.values())),
            strays=[clip for clip in given if clip not in known],
            each={video.uri: given[clip] for clip, video in known.items()},
        )
    if (told := _public(path, _Finder(videos), question)) is not None:
        return _of_the_run(told, path, videos)
    if question is not None:
        raise UsageError(f"--ratings-question is of the annotations of a run, or of a public set; {path} is neither")
    first = next(iter(rows_of(path, (), ("video", "rating", "rater", "first", "second", "winner", "prompt"))), None)
    if first is None:
        raise UsageError(f"{path} holds no rows")
    finder = _Finder(videos)
    told = _votes(path, finder) if "winner" in first.cells else _ratings(path, finder)
    return _of_the_run(told, path, videos)


def _of_the_run(told: Told, path: Path, videos: Sequence[Video]) -> Told:
    """Raises UsageError when nothing that was said is of a video of the run."""
    if not told.ratings and not told.votes:
        here = [Path(video.uri).name for video in videos]
        raise UsageError(
            f"{path}: none of its {plural(told.rows, 'row')} is about a video of the run; they name "
            f"{', '.join(told.strays[:3])}, and the run has {', '.join(here[:3])}"
        )
    return told


def _public(path: Path, finder: _Finder, question: str | None) -> Told | None:
    """What people said in a public set; None where the file is none that is known."""
    from hoigen.evaluation.models.ratingsets import columns_of, feedback, preferences

    columns = columns_of(path)
    if (found := preferences(path, columns, question)) is not None:
        votes: list[_Vote] = []
        strays: Counter[str] = Counter()
        for each in found:
            sides = [finder.by_model.get((name, each.prompt), []) for name in (each.first, each.second)]
            if not all(sides):
                strays[f"{each.first} and {each.second} of {each.prompt!r}"] += 1
            votes += [_Vote(first=one, second=other, share=each.share) for one in sides[0] for other in sides[1]]
        return Told(ratings={}, votes=votes, raters=0, rows=len(found), strays=list(strays))
    if (rated := feedback(path, columns, question)) is not None:
        by_video = {each.video: finder.by_name.get(each.video, []) for each in rated}
        if twice := next((name for name, here in by_video.items() if len(here) > 1), None):
            raise UsageError(f"{path}: {twice!r} may be one of {plural(len(by_video[twice]), 'video')} of the run")
        return Told(
            ratings={by_video[each.video][0].uri: each.rating for each in rated if by_video[each.video]},
            votes=(),
            raters=0,
            rows=len(rated),
            strays=[name for name, here in by_video.items() if not here],
        )
    return None


def _ratings(path: Path, finder: _Finder) -> Told:
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
    return Told(ratings=means, votes=(), raters=len(raters - {""}), rows=len(rows), strays=list(strays), each=given)


def _votes(path: Path, finder: _Finder) -> Told:
    votes: list[_Vote] = []
    raters: set[str] = set()
    seen: set[tuple[str, frozenset[str]]] = set()
    strays: Counter[str] = Counter()
    rows = list(rows_of(path, ("first", "second", "winner"), ("rater", "prompt")))
    for row in rows:
        winner = row.one_of("winner", WINNERS)
        if not winner:
            raise UsageError(f"{row.place}, column winner: one of {', '.join(WINNERS)}; it is empty")
        raters.add(row.text("rater"))
        if row.text("prompt") and row.need("first") in finder.models:  # all samples of two models
            for name in ("first", "second"):
                if row.need(name) not in finder.models:
                    raise UsageError(
                        f"{row.place}, column {name}: a model of the run; it came as {row.text(name)!r}"
                        f"{nearest(row.text(name), finder.models)}"
                    )
            sides = [finder.by_model.get((row.text(name), row.text("prompt")), []) for name in ("first", "second")]
        else:
            named = [finder.one(row, name) for name in ("first", "second")]
            sides = [[video] if video else [] for video in named]
            prompts = [video.prompt for video in named if video is not None]
            if len(set(prompts)) > 1:
                raise UsageError(
                    f"{row.place}: {row.text('first')} and {row.text('second')} are of two prompts "
                    f"({', '.join(prompts)}); a vote is about two videos of one prompt"
                )
        if row.text("first") == row.text("second") or (sides[0] and sides[0] == sides[1]):
            raise UsageError(f"{row.place}: first and second are both {row.text('first')}; a vote is about two")
        rater = row.text("rater")
        pair = rater, frozenset((row.text("first"), row.text("second"), f"prompt {row.text('prompt')}"))
        if rater and pair in seen:  # a person who is named says it once
            who = f"{rater!r} has voted on {row.text('first')} and {row.text('second')}"
            raise UsageError(f"{row.place}: {who} before in this file")
        seen.add(pair)
        strays.update(row.text(name) for name, side in zip(("first", "second"), sides, strict=True) if not side)
        share = {"first": 1.0, "second": 0.0, "tie": 0.5}[winner]
        votes += [_Vote(first=one, second=other, share=share, rater=rater) for one in sides[0] for other in sides[1]]
    return Told(ratings={}, votes=votes, raters=len(raters - {""}), rows=len(rows), strays=list(strays))


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """One number against people. Of one of which less is better the sign is turned: more is always better agreement.

    Args:
        name: of the number.
        videos: how many have it and were rated (or voted on).
        pairs: of videos that people put in order.
        spearman: rho, -1..1.
        kendall: tau-b, -1..1.
        accuracy: the share of pairs that the number puts in the same order, 0..1; chance is 0.5.
    """

    name: str
    videos: int
    pairs: int
    spearman: Estimate
    kendall: Estimate
    accuracy: Estimate


def agreement(videos: Sequence[Video], told: Told, column: Number, draws: Draws) -> Agreement:
    """Spearman, Kendall and pairwise accuracy of one number; undefined, with the reason, where videos lack it.

    Args:
        videos: of the run, as they count: one in which a number was looked for and is not there ranks lowest.
        told: what people said of them.
        column: the number.
        draws: resamples of prompts, for intervals.
    """
    if told.votes:
        by_uri = {video.uri: video for video in videos}
        sign = -1.0 if column.better == "less" else 1.0
        sums: dict[str, Floats] = {}
        seen: set[str] = set()
        for vote in told.votes:
            one, other = (by_uri[side.uri].values.get(column.name) for side in (vote.first, vote.second))
            if one is None or other is None or vote.value == 0:
                continue
            seen |= {vote.first.uri, vote.second.uri}
            same = (1 + vote.value * sign * float(np.sign(one - other))) / 2
            sums[vote.first.prompt] = sums.get(vote.first.prompt, np.zeros(2)) + np.array([same, 1.0])
        if not sums:
            return _nothing(column, "no vote for one of two videos that both have this number")
        sums_ = np.stack([sums[prompt] for prompt in sorted(sums)])
        return Agreement(
            name=column.name,
            videos=len(seen),
            pairs=int(sums_[:, 1].sum()),
            spearman=undefined(VOTES_ONLY),
            kendall=undefined(VOTES_ONLY),
            accuracy=ranks.accuracy(sums_[:, 0], sums_[:, 1], draws),
        )
    sign = -1.0 if column.better == "less" else 1.0
    both = [
        (video.prompt, sign * value, told.ratings[video.uri])
        for video in videos
        if video.uri in told.ratings and (value := video.values.get(column.name)) is not None
    ]
    if not both:
        return _nothing(column, "no rated video has this number")
    clusters = np.unique([prompt for prompt, _, _ in both], return_inverse=True)[1].astype(np.int64)
    x, y = (np.array([each[at] for each in both], float) for at in (1, 2))
    right, pairs = ranks.pairs_within(x, y, clusters)
    return Agreement(
        name=column.name,
        videos=len(both),
        pairs=int(pairs.sum()),
        spearman=ranks.spearman(x, y, clusters, draws),
        kendall=ranks.kendall(x, y, clusters, draws),
        accuracy=ranks.accuracy(right, pairs, draws),
    )


def _nothing(column: Number, reason: str) -> Agreement:
    none = undefined(reason)
    return Agreement(name=column.name, videos=0, pairs=0, spearman=none, kendall=none, accuracy=none)


def table_of(found: Sequence[Agreement], columns: Sequence[Number], draws: Draws, notes: Sequence[str]) -> Table:
    """A row for each number, the best agreement first.

    Args:
        found: the numbers against people.
        columns: what those numbers are.
        draws: the resamples behind the intervals.
        notes: sentences below the table.
    """
    labels = {column.name: column.heading + (", sign turned" if column.better == "less" else "") for column in columns}

    def worth(each: Agreement) -> tuple[float, float]:
        """Spearman's rho where there is one (votes have none), else the share of pairs in the right order."""
        rho, right = each.spearman.value, each.accuracy.value
        return -2.0 if rho is None else rho, -1.0 if right is None else right

    rows: list[list[str | Cell]] = []
    named = []
    for each in sorted(found, key=worth, reverse=True):
        cells = [Cell(estimate=estimate, percent=False) for estimate in (each.spearman, each.kendall)]
        cells.append(Cell(estimate=each.accuracy, percent=True))
        rows.append([labels[each.name], str(each.videos), str(each.pairs), *cells])
        names = ("Spearman", "Kendall", "accuracy")
        named += [(labels[each.name], name, cell) for name, cell in zip(names, cells, strict=True)]
    told = (
        f"in brackets 95 % intervals, {draws.draws:,} resamples of prompts with all their videos; pairwise accuracy: "
        "over pairs of videos of one prompt that people put in order, 50 % is chance, a tie of the number counts half"
    )
    return Table(
        name="agreement",
        title="Agreement with people",
        header=["number", "videos", "pairs", "Spearman", "Kendall tau-b", "pairwise accuracy, %"],
        rows=rows,
        names={column.heading: column.name for column in columns},
        notes=[told, *notes, *reasons(named)],
    )
