"""FineHOIScore: how steadily do the person and the object stay in contact, or out of it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hoigen.clip import Clip, Frames, Sampling, check_sees
from hoigen.hoi import readers
from hoigen.hoi.contact import told
from hoigen.hoi.detections import asked
from hoigen.hoi.sketch import Sketches
from hoigen.registry import measure
from hoigen.score import Number, Score

if TYPE_CHECKING:
    import numpy as np

    from hoigen.hoi.fine import FineScore, Rules, Track
    from hoigen.hoi.scene import Candidate, Frame, Scene, SceneReader
    from hoigen.models.uses import ModelUse, Network

Follow = Literal["pair", "nearest", "several"]
OWN = ("variant", "follow", "people", "bridge", "least_presence", "undefined")
"""Settings that are not the reader's."""


@measure(
    "fine_hoi",
    numbers=(
        Number(name="fine_hoi", label="FineHOIScore", better="more", share=True, place=21, rank=6),
        Number(name="fine_hoi_8fps", label="Fine, 8 fps", better="more", share=True, headline=True, place=22, rank=5),
        Number(name="fine_contact", label="Fine, contact", better="more", share=True, headline=True, place=23),
        Number(name="fine_flips", label="Fine, flips", unit="1/s", better="less", place=26),
        Number(name="fine_presence", label="Fine, presence", better="more", share=True, place=25),
        Number(name="fine_longest", label="Fine, longest contact", unit="s", better="more", place=27),
        Number(name="fine_gap", label="Fine, gap", better="less", share=True, place=28),
        Number(
            name="fine_whole",
            label="Fine x contact x presence",
            better="more",
            share=True,
            headline=True,
            place=24,
            rank=3,
        ),
    ),
)
class FineHoi:
    """Steadiness of contact, 0..1: one minus the mean change, from frame to frame, of how far the touching part of the
    person is from the object. More is better; read it beside fine_contact: a still video without contact has 1.

    The distance from the points of the body that the asked verb touches with (`meta["verb"]`, `meta["object"]`) to the
    object's mask, over the contact range of the person, at most 1: 0 is touch, 1 is out of reach or not detected. One
    person and one object are followed. Undefined, with the reason: verbs without contact, person and object detected
    together in less than `least_presence` of the frames, a single frame.

    fine_hoi_8fps: the same with 8 frames a second, 0..1. Compare models that differ in frame rate by this one.
    fine_contact: share of frames in contact, 0..1.
    fine_flips: changes between contact and no contact, a second; less is steadier.
    fine_presence: share of frames in which both are detected, 0..1.
    fine_longest: the longest contact, seconds.
    fine_gap: the mean distance over the contact range, 0..1.
    fine_whole: fine_hoi x fine_contact x fine_presence, 0..1; this project's own, high for steady contact alone.

    variant: `gap`; `binary` (contact or not); `diagonal` (distance over the picture's diagonal, without a range). All
    three are in detail. follow: `pair` follows one pair; `nearest` takes the closest pair in every frame; `several`
    means over the best `people` pairs of different persons (`meta["people"]`, when the prompt says how many).
    bridge: seconds without a detection that are filled in. undefined: what a video gets in which the two are hardly
    detected: `exclude`, `zero`, or `one`, which the bare formula would give. Frames beyond the sampling's `max_frames`
    are left out evenly, and `detail["thinned"]` says so.

    reader: `light`: small models on this CPU: COCO boxes, carried on for a second where they are missed, cut out by
    GrabCut (detail counts `mask_source`), MediaPipe bodies and hands; their own tremor is in the score. `models`: those
    of the Hugging Face hub, with extra [models]. `recorded`: what a pipeline run elsewhere has written into `recording`
    (docs/fine_hoi.md); nothing is decoded then, and `sampling` does not count.
    boxes, masks, points: for `models`: ids (`owner/name`, `owner/name@revision`) or folders of Grounding DINO, RT-DETR,
    D-FINE or DETR, of SAM 2 (or `grabcut`), of ViTPose. propagate: SAM 2 carries a mask from its first detection on,
    instead of one for each frame's box. threshold: a less sure box is not there, 0..1. device: auto, cpu or cuda.
    dtype: float32, bfloat16 or float16. batch: frames at once; the scores stay the same.

    Source: HOIGen-1M, section 4.1, equation 2. No code of it is public: what the paper leaves open is argued in
    docs/fine_hoi.md, and `detail["definition"]` names the version.
    """

    sampling: Sampling = Sampling(fps=60, short_side=480, max_frames=600)
    variant: Literal["gap", "binary", "diagonal"] = "gap"
    follow: Follow = "pair"
    people: int = 1
    bridge: float = 0.25
    least_presence: float = 0.2
    undefined: Literal["exclude", "zero", "one"] = "exclude"
    reader: Literal["light", "models", "recorded"] = "light"
    recording: Path | None = None
    boxes: str = "IDEA-Research/grounding-dino-tiny"
    masks: str = "facebook/sam2.1-hiera-small"
    points: str = "usyd-community/vitpose-base-simple"
    propagate: bool = False
    threshold: float = 0.3
    device: str = "auto"
    dtype: str = "float32"
    batch: int = 8

    revision = 4

    def __post_init__(self) -> None:
        check_sees(self.sampling)
        if self.sampling.gray or self.sampling.pairs:
            raise ValueError(
                "sampling: gray and pairs do not go with this measure, which looks at coloured frames in turn"
            )
        if self.people < 1:
            raise ValueError(f"people: 1 or more; it came as {self.people}")
        _ = self.rules
        readers.check(self)
        if self.reader == "recorded":
            object.__setattr__(self, "sampling", Sampling(frames=0))  # so that nothing is decoded

    @property
    def identity(self) -> Mapping[str, Any]:
        """All that a score depends on; of the reader's settings those that it uses."""
        own = {name: getattr(self, name) for name in OWN}
        return {**own, "sampling": asdict(self.sampling), "reader": self._reader.identity}

    @property
    def models(self) -> tuple[ModelUse, ...]:
        return self._reader.models

    @property
    def rules(self) -> Rules:
        from hoigen.hoi.fine import Rules

        return Rules(bridge=self.bridge, least_presence=self.least_presence, undefined=self.undefined)

    def load(self) -> None:
        """Reads the models, once per worker."""
        self._reader.load()

    def begin(self, clip: Clip) -> FineStream:
        return FineStream(self, clip, self._reader)

    def __call__(self, clip: Clip, frames: Frames) -> Score:
        stream = self.begin(clip)
        if self.recording is not None:
            stream.replay()
        for image, at in zip(frames.images, frames.times, strict=True):
            stream.see(image, float(at))
        return stream.score()

    @property
    def networks(self) -> Sequence[Network]:
        """What the reader asks."""
        return getattr(self._reader, "networks", ())

    @property
    def _reader(self) -> SceneReader:
        return readers.made(self)


class FineStream:
    """One clip under way: distances are kept, pictures and masks are not."""

    def __init__(self, settings: FineHoi, clip: Clip, reader: SceneReader) -> None:
        self.settings, self.clip, self.reader = settings, clip, reader
        self.verb, self.thing = asked(clip)
        self.contact = told(clip.meta.get("contact") or (), self.verb, self.thing)
        self.lacks = reader.lacks(self.thing)
        self.waiting: list[tuple[np.ndarray, float]] = []
        self.frames: list[Frame] = []
        self.sketches = Sketches(clip.duration)
        self.reading = reader.begin()

    def see(self, image: np.ndarray, time: float) -> None:
        if self._never():
            return
        self.waiting.append((image.copy() if self.reader.batch > 1 else image, time))
        if len(self.waiting) >= self.reader.batch:
            self._flush()

    def _flush(self) -> None:
        waiting, self.waiting = self.waiting, []
        if waiting:
            images, times = zip(*waiting, strict=True)
            self.take(times, self.reading.read(images, times, self.thing))

    def take(self, times: Sequence[float], scenes: Sequence[Scene]) -> None:
        """Scenes in order of time."""
        from hoigen.hoi.scene import measured

        for time, scene in zip(times, scenes, strict=True):
            self.sketches.offer(scene, time, len(self.frames))
            self.frames.append(measured(scene, time, self.contact))

    def replay(self) -> None:
        """Takes what a recording has of the clip."""
        from hoigen.hoi.readers.recorded import RecordedReader

        assert isinstance(self.reader, RecordedReader)
        if self._never():
            return
        found = self.reader.scenes(self.clip, self.thing)
        if isinstance(found, str):
            self.lacks = found
            return
        for time, scene in found:
            self.take([time], [scene])

    def _never(self) -> str:
        """Why no frame can say anything; empty when frames can."""
        if self.contact.kind == "none":
            return f"{self.verb or 'what was asked'!r} is no contact: there is nothing that could be steady"
        return self.lacks

    def score(self) -> Score:
        if reason := self._never():
            return self._none(reason)
        self._flush()
        if not self.frames:
            return self._none("no frame to look at")
        from hoigen.hoi.scene import candidates

        found = candidates(self.frames, self.contact)
        if not found:
            return self._unseen()
        return self._scored(found)

    def _none(self, reason: str) -> Score:
        names = [name for name in FineHoi.emits if name != "fine_hoi"]  # type: ignore[attr-defined]
        return Score(None, {**self._facts(), "reason": reason}, dict.fromkeys(names))

    def _unseen(self) -> Score:
        """Never a person and the object in one frame: the policy for hardly any, at a presence of 0."""
        import numpy as np

        from hoigen.hoi.fine import Track

        times = np.array([frame.time for frame in self.frames])
        empty = np.full(len(times), np.nan)
        return self._filed([Track(times=times, reach=empty, diagonal=empty)], [])

    def _scored(self, found: list[Candidate]) -> Score:
        from hoigen.hoi.fine import choose, nearest_of

        tracks = [each.track for each in found]
        order = choose(tracks, self.settings.bridge)
        if self.settings.follow == "nearest":
            return self._filed([nearest_of(tracks)], [found[order[0]]])
        picked: list[Candidate] = []
        for at in order:
            if all(found[at].person != other.person for other in picked) and len(picked) < self._people():
                picked.append(found[at])
        return self._filed([each.track for each in picked], picked)

    def _people(self) -> int:
        if self.settings.follow != "several":
            return 1
        said = self.clip.meta.get("people")
        return said if isinstance(said, int) and said >= 1 else self.settings.people

    def _filed(self, tracks: Sequence[Track], pairs: Sequence[Candidate]) -> Score:
        from hoigen.hoi.fine import fine_score

        rules = self.settings.rules
        by = {name: [fine_score(track, name, rules) for track in tracks] for name in ("gap", "binary", "diagonal")}
        mine = by[self.settings.variant]
        detail = {
            **self._facts(),
            "variants": {name: _mean([score.native for score in scores]) for name, scores in by.items()},
            "pairs": [
                {**_pair(score, track, pair), "shown": self.sketches.of(pair.persons, pair.things)}
                for score, track, pair in zip(mine, tracks, pairs, strict=False)
            ],
        }
        if reason := mine[0].reason:
            detail["reason"] = reason
        return Score(
            _mean([score.native for score in mine]),
            detail,
            {
                "fine_hoi_8fps": _mean([score.at_fps for score in mine]),
                "fine_contact": _mean([score.contact_rate for score in mine]),
                "fine_flips": _mean([score.flips for score in mine]),
                "fine_presence": _mean([score.presence for score in mine]),
                "fine_longest": _mean([score.longest for score in mine]),
                "fine_gap": _mean([score.mean_gap for score in mine]),
                "fine_whole": _mean([score.whole for score in mine]),
            },
        )

    def _facts(self) -> dict[str, Any]:
        import numpy as np

        from hoigen.hoi.fine import DEFINITION, rate

        times = np.array([frame.time for frame in self.frames])
        shown = rate(times)
        return {
            "definition": f"{DEFINITION}, {self.settings.variant}, {self.settings.follow}",
            "reader": self.reader.name,
            "models": [dict(each) for each in self.reader.ledger],
            "asked": {"verb": self.verb, "object": self.thing},
            "contact": {"kind": self.contact.kind, "parts": self.contact.parts, "reach": self.contact.reach},
            "frames": len(times),
            "fps": round(shown, 3),
            "thinned": bool(len(times) > 1 and self.clip.fps > 0 and shown < 0.9 * self.clip.fps),
        }


def _mean(values: Sequence[float | None]) -> float | None:
    """Mean of those that are known."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _pair(score: FineScore, track: Track, pair: Candidate) -> dict[str, Any]:
    """The curve of a pair as the report draws it; boxes in pixels of the frames that were looked at. `shown`: outlines
    and points of a few frames."""
    boxes = {
        "person": [_box(pair.persons.get(at)) for at in range(len(track.times))],
        "object": [_box(pair.things.get(at)) for at in range(len(track.times))],
    }
    return {
        "object": pair.label,
        "mask_source": dict(pair.sources),
        "times": [round(float(at), 3) for at in track.times],
        "gap": [round(float(gap), 4) for gap in score.gap],
        "contact": [bool(touches) for touches in score.contact],
        "seen": [bool(seen) for seen in track.seen],
        "boxes": boxes,
    }


def _box(box: Sequence[float] | None) -> list[float] | None:
    return None if box is None else [round(side, 1) for side in box]
