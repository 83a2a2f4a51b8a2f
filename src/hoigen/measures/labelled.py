"""Frames of which people said whether there is an interaction, and what an observer says of them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hoigen.core.errors import UsageError, VideoError
from hoigen.core.words import plural
from hoigen.data.rows import rows_of
from hoigen.observe.detections import as_name

if TYPE_CHECKING:
    import numpy as np

    from hoigen.core.clip import Clip
    from hoigen.measures.coarse_hoi import CoarseHoi
    from hoigen.observe.observation import Observation

Question = Literal["any", "pair", "prompt"]
NUMBERS: dict[Question, str] = {"any": "coarse_any", "pair": "coarse_pair", "prompt": "coarse_hoi"}
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
FRAMES = 8
"""Frames of a video that is labelled whole, at the middles of as many equal stretches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """One frame, picture or whole video. time: seconds; None for a picture, or for all of a video."""

    where: str
    file: Path
    time: float | None
    said: bool
    verb: str | None = None
    object: str | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """What an observer says of one labelled frame. score: 0..1, None with the reason."""

    label: Labelled
    time: float
    score: float | None
    reason: str = ""


def read_labelled(path: Path) -> list[Labelled]:
    """Reads a table with the columns file and label, maybe time (seconds), verb, object.

    Args:
        path: CSV, TSV, JSONL, JSON or Parquet; the files that it names lie beside it.

    Raises UsageError that names the file, the line, the column, what came and what is allowed.
    """
    rows = rows_of(path, ("file", "label"), ("time", "verb", "object"), others=False)
    found = []
    for row in rows:
        said = row.yes_no("label")
        file = path.parent / row.need("file")
        if not file.is_file():
            raise UsageError(f"{row.place}, column file: no such file {file}")
        time = row.number("time", "seconds, 0 or more", least=0)
        if time is not None and file.suffix.lower() in PICTURES:
            told = f"{file.name} is a picture, so it is left empty; it came as {row.text('time')!r}"
            raise UsageError(f"{row.place}, column time: {told}")
        verb, thing = as_name(row.text("verb") or None), as_name(row.text("object") or None)
        found.append(Labelled(where=row.place, file=file, time=time, said=said, verb=verb, object=thing))
    if not found:
        raise UsageError(f"{path} holds no labels")
    return found


def labelled_of_run(run: Path, question: str | None = None) -> tuple[list[Labelled], list[str]]:
    """The annotations of a run as labelled frames: eight of each clip, at the middles of as many equal stretches.

    Args:
        run: the folder of the run that has the annotations and the clips; the clips' files are on this machine.
        question: which question's answers are the labels; may be None where there is only one.

    Returns them, with the verb and the object of the clip's prompt where it has them, and notes on what was left out.
    Raises UsageError when there are none, an answer is neither yes nor no, or a file is not there.
    """
    from hoigen.data.annotations import answers
    from hoigen.data.run import Run

    found = answers(run, question, "--labels-question")
    said, split = found.yes_no()
    notes = (
        [f"{plural(len(split), 'clip is', 'clips are')} left out: as many people say yes as no, such as {split[0]}"]
        if split
        else []
    )
    labels = []
    left = dict(said)
    made = Run(run)
    for shard in made.in_force()[0]:
        for row in made.clips.read(shard, ["id", "uri", "start", "end", "meta", "state"]):
            if row["id"] not in left or row["state"] != "ok":
                continue
            yes, meta, length = left.pop(row["id"]), json.loads(row["meta"] or "{}"), row["end"] - row["start"]
            where, file = f"{run}, annotations of clip {row['id']}", Path(row["uri"])
            if not file.is_file():
                raise UsageError(f"{where}: no such file {file} on this machine")
            for at in range(FRAMES):
                time = row["start"] + (at + 0.5) * length / FRAMES
                verb, thing = as_name(meta.get("verb")), as_name(meta.get("object"))
                labels.append(Labelled(where=where, file=file, time=time, said=yes, verb=verb, object=thing))
    if left:
        notes.append(f"{len(left)} of {plural(len(said), 'annotated clip')} are not clips that {run} measures")
    if not labels:
        raise UsageError(f"{run}: no annotation of question {found.question} is of a clip that it measures")
    return labels, notes


def by_file(labels: Sequence[Labelled]) -> dict[Path, list[Labelled]]:
    """The labels of each file, since a file is decoded once."""
    found: dict[Path, list[Labelled]] = {}
    for label in labels:
        found.setdefault(label.file, []).append(label)
    return found


def judged(
    labels: Sequence[Labelled], measure: CoarseHoi, question: Question, progress: Callable[[], None] = lambda: None
) -> Iterator[Judged]:
    """What the measure's observer says of the labelled frames of one file.

    Asked for `any`, it is told of no verb and object, as in clips without a prompt; else of the label's.

    Args:
        labels: of one file, at least one.
        measure: its observer is loaded.
        question: what is asked.
        progress: called when decoding, or the observer, has moved on.

    Raises UsageError when the file cannot be read or has no frame at a labelled time.
    """
    file = labels[0].file
    try:
        for each in _of_file(file, labels, measure, question, progress):
            progress()
            yield each
    except VideoError as error:
        raise UsageError(f"{labels[0].where}: {file}: {error}") from None


def _of_file(
    file: Path, labels: Sequence[Labelled], measure: CoarseHoi, question: Question, progress: Callable[[], None]
) -> Iterator[Judged]:
    from hoigen import video
    from hoigen.core.clip import Clip
    from hoigen.measures.coarse_hoi import ANY, answers, paired

    picture = file.suffix.lower() in PICTURES
    if picture:
        clip = Clip(id=file.name, uri=str(file), end=1.0, width=0, height=0, fps=1.0)
    else:
        head = video.probe(str(file), progress)
        width, height = head.width, head.height
        clip = Clip(id=file.name, uri=head.uri, end=head.duration, width=width, height=height, fps=head.fps)
    wanted: list[tuple[Labelled, float]] = []
    for label in labels:
        if label.time is not None and label.time > clip.duration:
            beyond = f"time {label.time:g} is beyond the end of {clip.uri}, {clip.duration:.2f} s"
            raise UsageError(f"{label.where}: {beyond}")
        spread = [0.0] if picture else [(at + 0.5) * clip.duration / FRAMES for at in range(FRAMES)]
        wanted += [(label, time) for time in (spread if label.time is None else [label.time])]
    images = _images(clip, [time for _, time in wanted], measure, progress) if measure.looking.observer.sees else {}
    for label, time in wanted:
        seen = _seen(clip, label, time, images.get(time), measure, question)
        if seen.reason:
            yield Judged(label, time, None, seen.reason)
            continue
        frames = paired(seen.frames, None if question == "any" else label.object)
        found = answers(frames, seen.about.knows or ANY, label.verb, label.object)[NUMBERS[question]]
        yield Judged(label, time, None, found) if isinstance(found, str) else Judged(label, time, found[0])


def _seen(
    clip: Clip, label: Labelled, time: float, image: np.ndarray | None, measure: CoarseHoi, question: Question
) -> Observation:
    """One frame as the observer sees it; of a file, the line that is as near as where the measure looks at the clip."""
    from hoigen.core.clip import Sampling
    from hoigen.observe.observation import Looking, observe

    looking = measure.looking
    meta = {} if question == "any" else {"verb": label.verb, "object": label.object}
    if image is not None:
        return observe(looking, dataclasses.replace(clip, meta=meta), [image], [time])
    near = clip.duration / measure.frames / 2
    moment = dataclasses.replace(clip, start=clip.start + time - near, end=clip.start + time + near, meta=meta)
    one = Sampling(frames=1, short_side=looking.sampling.short_side)
    return observe(Looking(looking.observer, one), moment, [], [])


def _images(
    clip: Clip, times: Iterable[float], measure: CoarseHoi, progress: Callable[[], None]
) -> dict[float, np.ndarray]:
    """The frame nearest to each time, as large as the observer is shown frames."""
    from hoigen.measures.coarse_hoi import SHORT_SIDE

    short = measure.looking.sampling.short_side or SHORT_SIDE
    if Path(clip.uri).suffix.lower() in PICTURES:
        import cv2
        import numpy as np

        picture = cv2.imdecode(np.fromfile(clip.uri, np.uint8), cv2.IMREAD_COLOR)
        if picture is None:
            raise VideoError("cannot be read as a picture")
        scale = min(1.0, short / min(picture.shape[:2]))
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[..., ::-1]
        return dict.fromkeys(times, np.ascontiguousarray(small))
    from hoigen import video
    from hoigen.core.clip import Sampling

    best: dict[float, tuple[float, np.ndarray]] = {}
    wanted = set(times)

    def see(image: np.ndarray, at: float) -> None:
        for time in wanted:
            if time not in best or abs(at - time) < best[time][0]:
                best[time] = abs(at - time), image

    every = Sampling(fps=max(1.0, min(60.0, clip.fps or 25.0)), short_side=short, max_frames=10**9)
    video.decode(clip, (), [(every, see)], progress=progress)
    return {time: image for time, (_, image) in best.items()}
