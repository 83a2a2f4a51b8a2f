"""hoigen calibrate: theta for an observer of interactions, from frames that people have labelled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from hoigen.commands.options import write_out
from hoigen.core.errors import UsageError
from hoigen.core.settings import Setting
from hoigen.measures.labelled import Question

if TYPE_CHECKING:
    from hoigen.measures.labelled import Judged
    from hoigen.stats.thresholds import Point

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
            f"{self.observer}, question {self.question}: {self.frames} frames, {self.yes} with an interaction; "
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
    from hoigen.measures.labelled import judged, labelled_of_run, read_labelled
    from hoigen.models import uses
    from hoigen.recipe.build import make
    from hoigen.recipe.yaml import apply_sets
    from hoigen.stats.thresholds import auc, choose, curve, point

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
    looks.load()
    found = list(judged(said, measure, question))
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
    own = measure.theta if measure.theta is not None else looks.about.theta
    return Calibrated(
        observer=looks.about.observer,
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


def _notes(found: Sequence[Judged], yes: Sequence[bool]) -> list[str]:
    notes = []
    without = Counter(each.reason for each in found if each.score is None)
    for reason, count in without.most_common(3):
        notes.append(f"{count} of {len(found)} frames have no score and are left out: {reason}")
    if min(sum(yes), len(yes) - sum(yes)) < FEW:
        notes.append(f"{sum(yes)} frames labelled yes and {len(yes) - sum(yes)} labelled no: take it as a first guess")
    if len({each.label.file for each in found}) < len(found):
        notes.append("frames of one video are alike: they tell less than as many frames of different videos")
    return notes
