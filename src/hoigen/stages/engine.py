"""What a worker process does with one clip: decode once, call the measures, say each score as it is done."""

from __future__ import annotations

import dataclasses
import json
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hoigen.core import devices
from hoigen.core.clip import Clip, Frames, Sampling
from hoigen.core.contracts import FrameStream, Loads, StreamingMeasure
from hoigen.core.errors import AnswerError, GaveUpError, ModelsGoneError, NoRoomError, SetupError, VideoError
from hoigen.core.score import Score, why_undefined
from hoigen.models import batcher, room
from hoigen.models.experts._waiting import waiting_of
from hoigen.models.experts.call import AsksExperts, Expert
from hoigen.models.uses import HasNetworks
from hoigen.rules import cascade
from hoigen.work.task import Emit, Handler

if TYPE_CHECKING:
    from hoigen.models.host import Service
    from hoigen.observe.observation import Watching, Written

TRIES = 2
"""How often a measure that raises is called on a clip before the clip is given up."""


class Job(NamedTuple):
    """One clip's work: the measures to run, and what is known already.

    careful: after a crash: say which measure each frame goes to. seen: what observers have seen before, by the
    fingerprint of the observation.
    """

    clip: Clip
    todo: tuple[str, ...]
    careful: bool = False
    seen: Mapping[str, Written] = {}


class Seen(NamedTuple):
    """What an observer saw in a clip; a row of its part. fingerprint: of the observation."""

    id: str
    observer: str
    fingerprint: str
    seconds: float
    written: Written


class Outcome(NamedTuple):
    """What one measure came to on one clip; a row of its part."""

    id: str
    measure: str
    state: str
    reason: str | None
    tries: int
    seconds: float
    detail: str
    values: dict[str, float | None]
    where: str | None = None  # of a failure: exception type and place, for the breaker
    traceback: str | None = None
    data_fault: bool = False


def setup_scorer(
    measures: Sequence[cascade.MeasureSpec],
    keep: Mapping[str, Any],
    score_all: bool,
    run: Path | None = None,
    models: str = "",
) -> Handler:
    """Builds the measures and loads their models; runs once in each worker.

    run: where measures keep what they keep. Without one nothing is loaded: for clips of which everything that measures
        go by was written before.
    models: where the process is asked that owns the models of all measures (their experts and networks); without one
        they are loaded here.
    """
    steps = cascade.build_steps(measures, keep)
    if run is not None:
        if any(step.needs_frames for step in steps):
            from hoigen import video

            video.warm()
        for step in steps:
            for unit in step.units:
                load(unit, step.name, run, models)
    return Scorer(steps, score_all, models).run


def load(unit: Any, name: str, run: Path | None = None, models: str = "") -> None:
    """Makes a measure, or the observer of one, ready for its first clip. Raises SetupError or NoRoomError.

    name: of the measure, for messages. run: where it keeps what it keeps; models: as of `setup_scorer`.
    """
    if isinstance(unit, AsksExperts):
        waiting = waiting_of(unit)
        waiting.run = run
        if models:
            waiting.reach(models)
    try:
        with room.owned_by(models):
            for network in unit.networks if isinstance(unit, HasNetworks) else ():
                room.handle(network)
            if isinstance(unit, Loads):
                unit.load()
    except Exception as error:
        kind = NoRoomError if devices.no_room(error) else SetupError
        said = str(error) or type(error).__name__
        raise kind(f"measure {name!r} could not load its model: {said}") from error


def experts_of(steps: Iterable[cascade.Step]) -> dict[str, Expert]:
    """All experts that measures ask, by the name under which they are served; each once, whoever asks it."""
    from hoigen.models.client import name_of

    asking = [unit for step in steps for unit in step.units if isinstance(unit, AsksExperts)]
    return {name_of(expert): expert for unit in asking for expert in unit.experts}


def patience(steps: Sequence[cascade.Step]) -> float:
    """Seconds that an expert may take for one answer by its own settings (a server's timeout, all its tries)."""
    served = [getattr(expert, "expert", expert) for expert in experts_of(steps).values()]
    return max((getattr(each, "timeout", 0.0) * getattr(each, "tries", 1) for each in served), default=0.0)


def models_of(steps: Sequence[cascade.Step]) -> dict[str, Service]:
    """All that measures ask and that one process owns, by the name under which it is served: experts and networks,
    each once, whoever asks it. None of it is loaded."""
    networks: dict[str, Service] = {}
    for step in steps:
        for unit in step.units:
            for network in unit.networks if isinstance(unit, HasNetworks) else ():
                networks.setdefault(network.name, batcher.NetworkService(network, step.name))
    return {**networks, **experts_of(steps)}


def setup_models(measures: Sequence[cascade.MeasureSpec]) -> dict[str, Service]:
    """What the process of the models serves for a recipe; runs once, in it."""
    return models_of(cascade.build_steps(measures, {}))


class Scorer:
    """Scores clips one after the other with the same loaded measures. models: where the process is asked that owns
    their models; empty where they are here."""

    def __init__(self, steps: Sequence[cascade.Step], score_all: bool, models: str = "") -> None:
        self.steps = steps
        self.score_all = score_all
        self.models = models

    def run(self, job: Job, emit: Emit) -> None:
        with room.owned_by(self.models):
            todo = [step for step in self.steps if step.name in job.todo]
            by_row = [step for step in todo if not step.needs_frames]
            by_frames = [step for step in todo if step.needs_frames]
            looked = _Looked({}, {}, dict(job.seen))
            if not self._call_all(by_row, job.clip, looked, emit) or not by_frames:
                return
            unseen = [step for step in by_frames if step.observation not in looked.seen]
            if unseen:
                emit.doing("decode")
                for tried in range(1, TRIES + 1):
                    try:
                        self._decode(unseen, job, looked, emit)
                        break
                    except VideoError as error:
                        if tried == TRIES:
                            for step in unseen:
                                emit(_failed(job.clip, step, error, tried))
                            by_frames = [step for step in by_frames if self.score_all and step not in unseen]
            self._call_all(by_frames, job.clip, looked, emit)

    def score_one(self, clip: Clip) -> Score:
        """The score of the first step, with what it raises; for trying a measure out."""
        step, looked = self.steps[0], _Looked({}, {}, {})
        if step.needs_frames:
            self._decode([step], Job(clip, (step.name,)), looked, None)
        return self._score(step, clip, looked, again=False, emit=None)

    def _call_all(self, steps: Sequence[cascade.Step], clip: Clip, looked: _Looked, emit: Emit) -> bool:
        """Calls the steps in order; False once the clip's fate is known and the rest need not run.

        Frames that no later step looks at are let go at once: whole ones are large.
        """
        alive = True
        for at, step in enumerate(steps):
            emit.doing(step.name)
            emit.progress()  # each measure has the whole deadline
            outcome = self._call(step, clip, looked, emit)
            emit(outcome)
            kept = all(rule.passes(outcome.values.get(score)) for score, rule in step.rules.items())
            alive = alive and outcome.state == "ok" and kept
            if not alive and not self.score_all:
                return False
            for sampling in set(looked.frames) - {later.sampling for later in steps[at + 1 :]}:
                del looked.frames[sampling]
        return True

    def _call(self, step: cascade.Step, clip: Clip, looked: _Looked, emit: Emit) -> Outcome:
        started = time.perf_counter()
        stream = looked.streams.get(step.observation or step.name)
        spent = stream.seconds if stream else 0.0
        for tried in range(1, TRIES + 1):
            try:
                score = self._score(step, clip, looked, again=tried > 1, emit=emit)
                seconds = spent + time.perf_counter() - started
                if not isinstance(score, Score):
                    raise TypeError(f"measure {step.name!r} returned {type(score).__name__}; a measure returns a Score")
                detail = dict(score.detail)
                seen = looked.frames.get(step.sampling)
                if seen is not None and seen.decode_errors:
                    detail.setdefault("decode_errors", seen.decode_errors)
                values = values_of(step, score)
                reason = detail.get("reason") if score.value is None else None
                if lacking := [name for name, value in values.items() if value is None]:
                    reason = why_undefined(detail, lacking)
                text = json.dumps(detail, default=_plain, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
                return Outcome(clip.id, step.name, "ok", reason, tried, seconds, text, values)
            except (MemoryError, ModelsGoneError):
                raise
            except Exception as error:
                if devices.lost(error):  # this process is of no use any more; another one tries again
                    raise
                if tried == TRIES or isinstance(error, VideoError | GaveUpError):
                    return _failed(clip, step, error, tried)
                if devices.no_room(error):
                    devices.let_go()
        raise AssertionError("unreachable")

    def _score(self, step: cascade.Step, clip: Clip, looked: _Looked, *, again: bool, emit: Emit | None) -> Score:
        """What the measure says. again: it, or its observer, has raised before: streams are decoded once more."""
        import numpy as np

        score: Score
        if step.looking is not None:
            score = step.measure.read(clip, self._seen(step, clip, looked, again=again, emit=emit).read())
        elif (stream := looked.streams.get(step.name)) is not None:
            score = stream.result(clip, again=again)
        elif step.needs_frames:
            score = step.measure(clip, looked.frames[step.sampling])
        else:
            score = step.measure(clip, Frames(np.empty((0, 0, 0, 3), np.uint8), np.empty(0)))
        return score

    def _seen(self, step: cascade.Step, clip: Clip, looked: _Looked, *, again: bool, emit: Emit | None) -> Written:
        """What the step's observer has seen; said at once when that was just now."""
        from hoigen.observe.observation import written

        if (found := looked.seen.get(step.observation)) is not None:
            return found
        assert step.looking is not None
        started, observer = time.perf_counter(), step.looking.observer
        stream = looked.streams.get(step.observation)
        said = (
            stream.result(clip, again=again)
            if stream is not None
            else observer.begin(clip, step.looking.sampling).finish()
        )
        found = looked.seen[step.observation] = written(observer, clip, said)
        spent = (stream.seconds if stream is not None else 0.0) + time.perf_counter() - started
        if emit is not None:
            emit(Seen(clip.id, observer.name, step.observation, spent, found))
        return found

    def _decode(self, steps: Sequence[cascade.Step], job: Job, looked: _Looked, emit: Emit | None) -> None:
        """One pass over the clip, for all steps that need its frames."""
        from hoigen import video

        doing, progress = emit.doing if emit and job.careful else None, emit.progress if emit else None
        streams: dict[str, _Stream] = {}
        for step in steps:
            key = step.observation or step.name
            together = step.looking is None and not isinstance(step.measure, StreamingMeasure)
            if key not in streams and not together:
                streams[key] = _Stream(step, job.clip, doing, progress)
        samplings = {step.sampling for step in steps if (step.observation or step.name) not in streams}
        watchers = [(stream.step.sampling, stream.see) for stream in streams.values()]
        looked.streams.update(streams)
        looked.frames.update(video.decode(job.clip, samplings, watchers, progress=progress))


class _Looked(NamedTuple):
    """What there is of a clip while it is scored. frames: whole ones, by sampling. streams: by measure, or by the
    fingerprint of an observation; seen: by that fingerprint too."""

    frames: dict[Sampling, Frames]
    streams: dict[str, _Stream]
    seen: dict[str, Written]


class _Stream:
    """A streaming measure, or an observer, on one clip. What it raises is kept until its turn, so that it costs no
    other measure."""

    def __init__(
        self,
        step: cascade.Step,
        clip: Clip,
        doing: Callable[[str], None] | None,
        progress: Callable[[], None] | None = None,
    ) -> None:
        self.step, self.doing, self.progress = step, doing, progress
        self.seconds = 0.0
        self.error: Exception | None = None
        self.stream: FrameStream | Watching | None = None
        self._begin(clip)

    def _begin(self, clip: Clip) -> None:
        self.error = None
        try:
            looking = self.step.looking
            self.stream = (
                self.step.measure.begin(clip) if looking is None else looking.observer.begin(clip, looking.sampling)
            )
        except Exception as error:
            self.error = error

    def see(self, image: Any, at: float) -> None:
        if self.error is not None or self.stream is None:
            return
        if self.doing:
            self.doing(self.step.name)
        started = time.perf_counter()
        try:
            self.stream.see(image, at)
        except MemoryError:
            raise
        except Exception as error:
            if devices.lost(error):
                raise
            self.error = error
        self.seconds += time.perf_counter() - started
        if self.doing:
            self.doing("decode")

    def result(self, clip: Clip, *, again: bool) -> Any:
        """The score, or what was seen, or what was raised. `again` decodes once more for this one alone."""
        if again:
            from hoigen import video

            self._begin(clip)
            video.decode(clip, (), [(self.step.sampling, self.see)], progress=self.progress)
        if self.error is not None:
            raise self.error
        assert self.stream is not None
        return self.stream.score() if hasattr(self.stream, "score") else self.stream.finish()


def values_of(step: cascade.Step, score: Score) -> dict[str, float | None]:
    """The numbers of a score by the names that the measure emits.

    Raises ValueError when the measure gave a name that it does not list, so that no number gets lost.
    """
    given = dict(score.parts)
    if step.name in step.emits:
        given[step.name] = score.value
    if unknown := set(given) - set(step.emits):
        raise ValueError(f"{step.name} gave {sorted(unknown)}, which is not in its emits {step.emits}")
    return {name: None if given.get(name) is None else float(given[name]) for name in step.emits}  # type: ignore[arg-type]


def _plain(thing: Any) -> Any:
    """numpy scalars and arrays as JSON types; detail is small, so a list is fine."""
    if hasattr(thing, "tolist"):
        return thing.tolist()
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        return dataclasses.asdict(thing)
    raise TypeError(f"detail holds JSON types only; it came with {type(thing).__name__}")


def _failed(clip: Clip, step: cascade.Step, error: Exception, tries: int) -> Outcome:
    from hoigen.work.breaker import signature

    data_fault = isinstance(error, VideoError)
    reason = (
        str(error) if data_fault or isinstance(error, GaveUpError | AnswerError) else f"{type(error).__name__}: {error}"
    )
    return Outcome(
        id=clip.id,
        measure=step.name,
        state="failed",
        reason=reason,
        tries=tries,
        seconds=0.0,
        detail="{}",
        values={},
        where=signature(error),
        traceback="".join(traceback.format_exception(error)),
        data_fault=data_fault,
    )
