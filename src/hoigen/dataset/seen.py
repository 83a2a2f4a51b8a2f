"""What observers of a run saw in the clips of an export: frame by frame, in the exported picture and at its times."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hoigen.core.clip import Seconds
from hoigen.core.errors import UsageError, nearest
from hoigen.data.run import Run
from hoigen.dataset.contract import Sample
from hoigen.observe.detections import Box
from hoigen.observe.frame import ObservedFrame
from hoigen.observe.lines import frame_of
from hoigen.video.retime import Fit, scale_of


@dataclass(frozen=True, slots=True)
class Looked:
    """What was seen in a sample.

    Args:
        by: the observer, as it calls itself.
        frames: in order of time, which counts from the sample's first frame; those outside of it are left out.
    """

    by: str
    frames: tuple[ObservedFrame, ...]


class Looks:
    """The observations of a run, by clip.

    Args:
        run: the run.
        measure: of which measure; "" where all measures go by one observer, or by one that gives pairs.

    `observer` is its name, with the fingerprint of what it was shown.

    Raises UsageError for a run without observations, and where several could be meant.
    """

    def __init__(self, run: Run, measure: str = "") -> None:
        told: Mapping[str, str] = run.facts().get("observations") or {}
        if not told:
            raise UsageError(
                f"{run.path}: none of its measures goes by what an observer saw (coarse_hoi, fine_hoi, hoi_lite do)"
            )
        if measure and measure not in told:
            raise UsageError(
                f"--set measure={measure}: no measure of the run that goes by observations{nearest(measure, told)}"
            )
        found = {told[measure]} if measure else set(told.values())
        if len(found) > 1 and "coarse_hoi" in told:
            found = {told["coarse_hoi"]}
        if len(found) > 1:
            raise UsageError(f"--set measure=NAME: whose observations; one of {', '.join(sorted(told))}")
        self.observer = found.pop()
        name, _, fingerprint = self.observer.partition("/")
        self.table, self.run = run.observations(name, fingerprint), run
        self._shard_of: dict[str, int] | None = None
        self._held: tuple[int, dict[str, dict[str, Any]]] = (-1, {})

    def of(self, sample: Sample, fit: Fit) -> Looked | str:
        """What was seen in a sample; or why nothing is known of it.

        Args:
            sample: the sample.
            fit: how its picture came of the video's.
        """
        row = self._row(sample.id)
        if row is None or row["reason"]:
            return (row or {}).get("reason") or "not looked at"
        frames = []
        for at, told in enumerate(json.loads(row["frames"])):
            time = float(told["time"]) + sample.clip_start - sample.start
            if -0.5 / sample.fps <= time < sample.seconds:
                where = f"{self.table.folder.uri}: clip {sample.id}, frame {at}"
                size = sample.source_width, sample.source_height
                frame = frame_of(told, where, size, float(told["time"]), own=True)
                frames.append(placed(replace(frame, time=max(0.0, time)), sample, fit))
        return Looked(str(json.loads(row["about"] or "{}").get("observer") or self.observer), tuple(frames))

    def _row(self, name: str) -> dict[str, Any] | None:
        if self._shard_of is None:
            clips = self.run.clips
            self._shard_of = {row["id"]: shard for shard in clips.shards() for row in clips.read(shard, ["id"])}
        shard = self._shard_of.get(name, -1)
        if self._held[0] != shard:
            rows = self.table.read(shard) if shard >= 0 else []
            self._held = shard, {row["id"]: row for row in reversed(rows)}
        return self._held[1].get(name)


def placed(frame: ObservedFrame, sample: Sample, fit: Fit) -> ObservedFrame:
    """A frame with everything in 0..1 of the sample's picture, cut off at its edges; what lies outside goes.

    Masks and poses are left out: `boxes`, `pairs` and `hands` are what is kept, persons and things as boxes.

    Args:
        frame: as it was observed, of the whole picture of the video.
        sample: the sample.
        fit: how its picture came of the video's.
    """
    from hoigen.observe.frame import Detection
    from hoigen.observe.geometry import in_shares

    to = _To(sample, fit)
    boxes = [replace(each, box=box) for each in frame.boxes or () if (box := to.box(each.box))]
    for person in frame.persons or ():
        if box := to.box(in_shares(person.box, frame.size)):
            boxes.append(Detection(label="person", score=person.score, box=box))
    for thing in frame.things or ():
        if thing.label != "person" and (box := to.box(in_shares(thing.box, frame.size))):
            boxes.append(Detection(label=thing.label, score=thing.score, box=box))
    pairs = []
    for pair in frame.pairs or ():
        if pair.person and pair.box and (person_box := to.box(pair.person)) and (thing_box := to.box(pair.box)):
            pairs.append(replace(pair, person=person_box, box=thing_box))
    hands = []
    for hand in frame.hands or ():
        points = [to.point(point) for point in hand.points]
        if any(0 <= x <= 1 and 0 <= y <= 1 for x, y in points):
            hands.append(replace(hand, points=points))
    return ObservedFrame(
        time=frame.time,
        size=(sample.width, sample.height),
        pairs=pairs if frame.pairs is not None else None,
        boxes=boxes,
        hands=hands if frame.hands is not None else None,
    )


class _To:
    """From shares of the video's picture to shares of the sample's."""

    def __init__(self, sample: Sample, fit: Fit) -> None:
        source = float(sample.source_width), float(sample.source_height)
        size = sample.width, sample.height
        scale = scale_of(source, size, fit)
        self.scale = source[0] * scale / size[0], source[1] * scale / size[1]
        self.shift = (1 - self.scale[0]) / 2, (1 - self.scale[1]) / 2

    def point(self, at: tuple[float, float]) -> tuple[float, float]:
        return at[0] * self.scale[0] + self.shift[0], at[1] * self.scale[1] + self.shift[1]

    def box(self, box: Box) -> Box | None:
        """Cut off at the edges; None for one that lies outside."""
        (x0, y0), (x1, y1) = self.point(box[:2]), self.point(box[2:])
        x0, y0, x1, y1 = max(0.0, x0), max(0.0, y0), min(1.0, x1), min(1.0, y1)
        return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def number_of(time: Seconds, sample: Sample) -> int:
    """The number of the frame of a sample that is shown at a time.

    Args:
        time: seconds from its first frame.
        sample: the sample.
    """
    return min(sample.frames - 1, max(0, int(time * sample.fps + 0.5)))
