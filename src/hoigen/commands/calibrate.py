"""hoigen calibrate: theta for an observer of interactions, from frames that people have labelled."""

from __future__ import annotations

import contextlib
import functools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from hoigen.commands.options import write_out
from hoigen.core.errors import UsageError
from hoigen.core.settings import Setting
from hoigen.core.words import plural
from hoigen.measures.labelled import Question
from hoigen.work.stage import Item, Stage

if TYPE_CHECKING:
    from hoigen.core.stats.thresholds import Point
    from hoigen.data.columns import Row
    from hoigen.measures.labelled import Judged, Labelled
    from hoigen.observe.observation import About
    from hoigen.work.task import Emit, Failure, Handler, Task

FEW = 50
"""Below so many frames of either kind a theta is hardly known; people are told."""


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A theta and what it does on the labelled frames.

    chosen: it, as a threshold that a score must exceed. now: what the theta that stands in the settings, or the
    observer's own, does there; None where neither is there. auc: area under the ROC curve of the scores. frames, yes:
    how many have a score, and how many of them are labelled yes.
    """

    observer: str
    question: Question
    settings: Mapping[str, Any]
    chosen: Point
    now: Point | None
    auc: float
    frames: int
    yes: int
    notes: Sequence[str] = ()
    table: Path | None = None

    def __str__(self) -> str:
        rows = [("chosen", self.chosen), *([("as it is", self.now)] if self.now is not None else [])]
        lines = [
            f"{self.observer}, question {self.question}: {plural(self.frames, 'frame')}, {self.yes} with an "
            f"interaction; "
            f"AUC {self.auc:.3f}",
            "            theta  precision  recall  false alarms     F1",
        ]
        for name, each in rows:
            precision = "–" if each.precision is None else f"{each.precision:.3f}"
            rates = f"{precision:>9}  {each.recall:6.3f}  {each.false_positives:12.3f}  {each.f1:5.3f}"
            lines.append(f"{name:<10} {each.threshold:7.4g}  {rates}")
        lines += [f"note: {note}" for note in self.notes]
        lines += [f"every theta: {self.table}"] if self.table else []
        return "\n".join([*lines, "", "# for your recipe", self.yaml])

    @property
    def yaml(self) -> str:
        """The measure with this theta, as a line of a recipe's measures."""
        import yaml

        settings = {**self.settings, "theta": float(f"{self.chosen.threshold:.6g}")}
        return str(
            yaml.safe_dump([{"coarse_hoi": settings}], default_flow_style=None, sort_keys=False, width=1000)
        ).strip()


def calibrate(
    labels: Annotated[
        Path,
        Setting(
            "a table (CSV, TSV, JSONL, JSON, Parquet) with the columns file (a video or a picture, beside the table)"
            " and label (yes, no), and maybe time (seconds; a video without one has its label on eight frames), verb"
            " and object; or the folder of a run with annotations, of which eight frames of each clip have its label"
        ),
    ],
    *,
    labels_question: Annotated[
        str | None,
        Setting("of annotations, which question's answers are the labels; not needed where there is only one"),
    ] = None,
    set: Annotated[
        list[str] | None,
        Setting("a setting of coarse_hoi, as key=value (observer=two_stage); may be given more than once"),
    ] = None,
    question: Annotated[
        Question,
        Setting(
            "any (is there any interaction?), pair (person and object, whatever the verb) or prompt (the label's "
            "verb and object)"
        ),
    ] = "any",
    most_false: Annotated[
        float | None,
        Setting("at most this share of the frames labelled no may be above theta; the best F1 when not given"),
    ] = None,
    out: Annotated[Path | None, Setting("a CSV to write with every theta that tells the frames apart")] = None,
) -> Calibrated:
    """Sets coarse_hoi's theta from labelled frames: the best F1, or the lowest theta with few false alarms.

    Returns theta and what it does. Raises UsageError that names the file, the line and the column at fault.
    """
    from hoigen.core.stats.thresholds import auc, choose, curve, point
    from hoigen.measures.labelled import labelled_of_run, read_labelled
    from hoigen.models import uses
    from hoigen.recipe.build import make
    from hoigen.recipe.yaml import apply_sets

    if most_false is not None and not 0 <= most_false < 1:
        raise UsageError(f"--most-false: a share, 0 or more and below 1; it came as {most_false}")
    settings = apply_sets({}, set or [])
    if Path(labels).is_dir():
        said, left_out = labelled_of_run(Path(labels), labels_question)
    elif labels_question is not None:
        raise UsageError(f"--labels-question is of the annotations of a run; {labels} is no folder")
    else:
        said, left_out = read_labelled(Path(labels)), []
    measure = make("measure", {"coarse_hoi": dict(settings)} if settings else "coarse_hoi", "--set")
    looks = measure.looking.observer
    uses.prepare([looks])
    found, about = _looked_at(said, [{"coarse_hoi": dict(settings)} if settings else "coarse_hoi"], question)
    scored = [each for each in found if each.score is not None]
    if not scored:
        raise UsageError(f"{labels}: the observer says nothing of any labelled frame: {found[0].reason}")
    scores, yes = [float(each.score or 0.0) for each in scored], [each.label.said for each in scored]
    if len({*yes}) < 2:
        raise UsageError(
            f"{labels}: theta needs frames labelled yes and frames labelled no; all {len(yes)} that have a score are "
            f"labelled {'yes' if yes[0] else 'no'}"
        )
    points = curve(scores, yes, "above")
    at = choose(points, most_false=most_false)
    assert at is not None, "the last point keeps nothing, and so no false alarm"
    chosen = points.point(at)
    if chosen.threshold >= 1:
        raise UsageError(
            f"{labels}: no theta below 1 leaves at most {most_false:g} of the frames labelled no: one of them scores 1"
        )
    if out is not None:
        lines = ["theta,precision,recall,false_alarms,f1"]
        for row in map(points.point, range(len(points.thresholds))):
            precision = "" if row.precision is None else f"{row.precision:.6f}"
            lines.append(f"{row.threshold:.9g},{precision},{row.recall:.6f},{row.false_positives:.6f},{row.f1:.6f}")
        write_out(Path(out), "\n".join(lines) + "\n")
    own = measure.theta if measure.theta is not None else about.theta
    return Calibrated(
        observer=about.observer,
        question=question,
        settings={key: value for key, value in settings.items() if key != "theta"},
        chosen=chosen,
        now=point(scores, yes, "above", own) if own is not None else None,
        auc=auc(scores, yes),
        frames=len(scores),
        yes=sum(yes),
        notes=[*left_out, *_notes(found, yes)],
        table=Path(out) if out is not None else None,
    )


def _looked_at(said: Sequence[Labelled], measures: Sequence[Any], question: Question) -> tuple[list[Judged], About]:
    """What the observer says of the labelled frames, and of itself. Files are decoded in a worker process, as
    everywhere: a broken one ends that worker, a slow one is given up, and neither ends this command without a word."""
    from hoigen.measures.labelled import by_file
    from hoigen.work.task import Limits

    files = list(by_file(said).values())
    stage = _Looks(files, measures, question)
    stage.go(Limits(workers=1, breaker=False))
    for at, labels in enumerate(files):
        if isinstance(found := stage.found[at], str):
            raise UsageError(found if found.startswith(labels[0].where) else f"{labels[0].where}: {found}")
    return [each for at in range(len(files)) for each in stage.found[at][0]], stage.found[0][1]


class _Looks(Stage):
    """Labelled files -> what an observer says of their frames. found: by the number of the file; words for one that
    could not be looked at."""

    name = "calibrate"
    unit = " files"

    def __init__(self, files: Sequence[Sequence[Labelled]], measures: Sequence[Any], question: Question) -> None:
        super().__init__()
        self.files, self.measures, self.question = files, measures, question
        self.found: dict[int, Any] = {}

    @contextlib.contextmanager
    def around(self, tasks: Iterator[Task]) -> Iterator[tuple[Iterator[Task], Callable[[], Handler]]]:
        """Networks and experts are in a process of their own, as in a run."""
        from hoigen.models.host import Host
        from hoigen.rules.cascade import build_steps
        from hoigen.stages.engine import models_of, patience, setup_models
        from hoigen.work.task import DEADLINE, LOAD_DEADLINE

        steps = build_steps(self.measures, {})
        if not models_of(steps):
            yield tasks, functools.partial(setup_looks, self.measures, self.question, "")
            return
        how = {"load_deadline": LOAD_DEADLINE, "deadline": max(DEADLINE, patience(steps))}
        with Host(functools.partial(setup_models, self.measures), **how) as host:
            yield host.before(tasks), functools.partial(setup_looks, self.measures, self.question, host.address)

    def plan(self, shard: int) -> Iterator[Item | str]:
        return (Item(str(at), list(labels)) for at, labels in enumerate(self.files))

    def answer(self, item: Item, part: Any) -> Iterable[Row]:
        self.found[int(item.key)] = part
        return ()

    def lost(self, item: Item, failure: Failure) -> Iterable[Row]:
        self.found[int(item.key)] = f"{item.payload[0].file}: {failure.reason}"
        return ()

    def ended(self, item: Item) -> str:
        return "done"


def setup_looks(measures: Sequence[Any], question: Question, models: str) -> Handler:
    """Runs once in the worker: makes the measure, and its observer ready."""
    from hoigen import video
    from hoigen.measures.labelled import judged
    from hoigen.models import room
    from hoigen.rules.cascade import build_steps
    from hoigen.stages.engine import load

    video.warm()
    [step] = build_steps(measures, {})
    for unit in step.units:
        load(unit, step.name, None, models)

    def handle(labels: Sequence[Labelled], emit: Emit) -> None:
        emit.doing("calibrate")
        try:
            with room.owned_by(models):
                found = list(judged(labels, step.measure, question, emit.progress))
                emit((found, step.measure.looking.observer.about))
        except UsageError as error:  # the file's fault: another try would end alike
            emit(str(error))

    return handle


def _notes(found: Sequence[Judged], yes: Sequence[bool]) -> list[str]:
    notes = []
    without = Counter(each.reason for each in found if each.score is None)
    for reason, count in without.most_common(3):
        notes.append(f"{count} of {plural(len(found), 'frame')} have no score and are left out: {reason}")
    if min(sum(yes), len(yes) - sum(yes)) < FEW:
        notes.append(
            f"{plural(sum(yes), 'frame')} labelled yes and {len(yes) - sum(yes)} labelled no: take it as a first guess"
        )
    if len({each.label.file for each in found}) < len(found):
        notes.append("frames of one video are alike: they tell less than as many frames of different videos")
    return notes
