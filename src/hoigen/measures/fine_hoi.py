"""FineHOIScore: how steadily do the person and the object stay in contact, or out of it?"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from hoigen.core.clip import Clip, Sampling, check_sees
from hoigen.core.errors import UsageError
from hoigen.core.registry import measure
from hoigen.core.score import NOT_ASKED, NOT_MEASURABLE, Number, Score
from hoigen.core.settings import Setting
from hoigen.interactions.contact import Contact, told
from hoigen.measures.fine.sketch import Sketches
from hoigen.measures.fine.unnamed import Looks, Unnamed
from hoigen.measures.handling import believed, nobody, surest
from hoigen.observe.detections import asked
from hoigen.observe.observation import Looking, Observation, as_setting, observer_of

if TYPE_CHECKING:
    from hoigen.measures.fine.pairs import Candidate, Frame
    from hoigen.measures.fine.score import FineScore, Track

Follow = Literal["pair", "nearest", "several"]
OWN = ("variant", "follow", "people", "bridge", "least_presence", "undefined")
"""Settings that are not the observer's."""
LITE: Mapping[str, Any] = {"lite": {"bodies": True, "masks": True, "names": False}}
NEEDS = (("persons", "things"),)
GIVEN_BY = "{lite: {bodies: true, masks: true}}, models, and recorded with a file of persons and objects"
MOVED = ("boxes", "masks", "points", "propagate", "threshold", "device", "dtype", "batch")
"""Settings of before that are now those of the observer `models`."""


@measure(
    "fine_hoi",
    numbers=(
        Number(
            name="fine_hoi",
            label="FineHOIScore",
            better="more",
            share=True,
            place=21,
            rank=8,
            about="Steadiness of contact, 0..1: one minus the mean change, from frame to frame, of how far the "
            "touching part of the person is from the object. More is better; read it beside fine_contact: a still "
            "video without contact has 1.",
        ),
        Number(
            name="fine_hoi_8fps",
            label="Fine, 8 fps",
            better="more",
            share=True,
            headline=True,
            place=22,
            rank=7,
            about="The same with 8 frames a second, 0..1.",
        ),
        Number(
            name="fine_contact",
            label="Fine, contact",
            better="more",
            share=True,
            headline=True,
            place=23,
            about="Share of frames in contact, 0..1.",
        ),
        Number(
            name="fine_flips",
            label="Fine, flips",
            unit="1/s",
            better="less",
            place=26,
            about="Changes between contact and no contact, a second; less is steadier.",
        ),
        Number(
            name="fine_presence",
            label="Fine, presence",
            better="more",
            share=True,
            place=25,
            about="Share of frames in which both are detected, 0..1.",
        ),
        Number(
            name="fine_longest",
            label="Fine, longest contact",
            unit="s",
            better="more",
            least=0.0,
            place=27,
            about="The longest contact, seconds.",
        ),
        Number(
            name="fine_gap",
            label="Fine, gap",
            better="less",
            share=True,
            place=28,
            about="The mean distance over the contact range, 0..1.",
        ),
        Number(
            name="fine_fit",
            label="Fine, contact as asked",
            better="more",
            share=True,
            place=29,
            about="How well contact goes with the verb, 0..1: of lasting contact the share of frames; of a throw, a "
            "catch, a kick or a dribble whether it ends, begins, or comes and goes.",
        ),
        Number(
            name="fine_whole",
            label="Fine, whole",
            better="more",
            share=True,
            headline=True,
            place=24,
            rank=4,
            about="Steadiness x fine_fit x presence, 0..1, 0 for a still picture, less for a thing that changes its "
            "size; this project's own, high only where contact is as the verb asks for it. The changes that a verb "
            "itself makes are no unsteadiness.",
        ),
        Number(
            name="fine_unnamed",
            label="Fine, unnamed thing",
            better="more",
            share=True,
            place=30,
            about="Share of looks, two a second, in which somebody holds or rides a thing, whatever it is, times how "
            "seldom that begins or ends, 0..1; this project's own. It has no word for the thing: what was asked does "
            "not count.",
        ),
        Number(
            name="fine_act",
            label="Fine, act",
            better="more",
            share=True,
            headline=True,
            place=20,
            rank=2,
            about="Somebody holds or rides a thing as the verb asks for it, 0..1: over two looks a second, how well "
            "touch goes with the verb, times steadiness; half where the asked thing has a word and is not seen, 0 for "
            "a still picture; this project's own.",
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

    Compare models that differ in frame rate by `fine_hoi_8fps`.

    Frames beyond the sampling's `max_frames` are left out evenly, and `detail["thinned"]` says so. All three variants
    are in detail.

    Who looks is an observer. `lite` with bodies and masks, small models on this CPU: COCO boxes, carried on for a
    second where they are missed, cut out by GrabCut (detail counts `mask_source`), MediaPipe bodies and hands; their
    own tremor is in the score. `models`: those of the Hugging Face hub, with extra [models]. `recorded`: what a
    pipeline run elsewhere has written (docs/observations.md); nothing is decoded then.

    Source: HOIGen-1M, section 4.1, equation 2. No code of it is public: what the paper leaves open is argued in
    docs/fine_hoi.md, and `detail["definition"]` names the version.
    """

    sampling: Annotated[Sampling, Setting("the frames that are looked at")] = Sampling(
        fps=60, short_side=480, max_frames=600
    )
    variant: Annotated[
        Literal["gap", "binary", "diagonal"],
        Setting(
            "gap: distance over the contact range; binary: contact or not; diagonal: distance over the picture's "
            "diagonal, without a range"
        ),
    ] = "gap"
    follow: Annotated[
        Follow,
        Setting(
            "pair: one pair; nearest: the closest pair in every frame; several: the mean over the best pairs of "
            "different persons"
        ),
    ] = "pair"
    people: Annotated[
        int, Setting("pairs that several means over, where the prompt (meta's people) does not say it", least=1)
    ] = 1
    bridge: Annotated[float, Setting("time without a detection that is filled in", least=0, unit="seconds")] = 0.25
    least_presence: Annotated[
        float, Setting("share of frames with both, below which a video is undefined", least=0, most=1)
    ] = 0.2
    undefined: Annotated[
        Literal["exclude", "zero", "one"],
        Setting("what a video gets in which the two are hardly detected; one is what the bare formula would give"),
    ] = "exclude"
    observer: Annotated[
        Any, Setting("who looks: a name of hoigen list, or one name with its settings", plugin="observer")
    ] = field(default_factory=lambda: dict(LITE))

    revision = 8
    prompted = True
    """What the prompt asks for counts: another verb or object makes other scores of the same observation."""

    def __post_init__(self) -> None:
        check_sees(self.sampling)
        if self.sampling.gray or self.sampling.pairs:
            raise ValueError(
                "sampling: gray and pairs do not go with this measure, which looks at coloured frames in turn"
            )
        if self.people < 1:
            raise ValueError(f"people: 1 or more; it came as {self.people}")
        _ = self.looking

    @functools.cached_property
    def looking(self) -> Looking:
        return Looking(observer_of(self.observer, "fine_hoi", NEEDS, GIVEN_BY), self.sampling)

    @property
    def identity(self) -> Mapping[str, Any]:
        return {name: getattr(self, name) for name in OWN}

    @classmethod
    def check_moved(cls, settings: Mapping[str, Any], where: str) -> None:
        """Raises UsageError that says how settings of before are written now."""
        moved = {name: settings[name] for name in MOVED if name in settings}
        old = [name for name in ("reader", "recording", *MOVED) if name in settings]
        if not old:
            return
        reader = settings.get("reader", "light")
        if "recording" in settings:
            spec: Any = {"recorded": {"file": settings["recording"]}}
        elif reader == "models":
            spec = {"models": moved} if moved else "models"
        else:
            spec = {"recorded": {"file": "FILE"}} if reader == "recorded" else dict(LITE)
        are = "is now a setting of" if len(old) == 1 else "are now settings of"
        raise UsageError(f"{where}: {', '.join(old)} {are} an observer: {as_setting(spec)}")

    def read(self, clip: Clip, seen: Observation) -> Score:
        return _Reading(self, clip, seen).score()


class _Reading:
    """What was seen of one clip, as numbers: masks are read frame by frame and not kept."""

    def __init__(self, settings: FineHoi, clip: Clip, seen: Observation) -> None:
        self.settings, self.clip, self.seen = settings, clip, seen
        self.verb, self.thing = asked(clip)
        self.contact: Contact = told(clip.meta.get("contact") or (), self.verb, self.thing)
        self.frames: list[Frame] = []
        self.sketches = Sketches(clip.duration)
        self.looks = Looks()
        self.unnamed: Unnamed | None = None

    def score(self) -> Score:
        import numpy as np

        from hoigen.measures.fine.pairs import candidates, measured
        from hoigen.measures.fine.score import Track, choose, nearest_of

        reason = self._never()
        trusted: list[float | None] = []
        for number, frame in enumerate(() if self.seen.reason else self.seen.frames):
            self.looks.offer(frame)
            trusted.append(surest(frame))
            if reason:
                continue
            asked_for = believed(frame).only(self.thing)
            self.sketches.offer(asked_for, number)
            self.frames.append(measured(asked_for, self.contact))
        alone = nobody(trusted)
        self.unnamed = self._looked(alone)
        if reason or alone or not self.frames:
            names = [name for name in FineHoi.emits if name != "fine_hoi"]  # type: ignore[attr-defined]
            detail = {**self._facts(), "reason": reason or alone or "no frame to look at"}
            return Score(None, detail, dict.fromkeys(names) | self._unnamed(detail))
        found = candidates(self.frames, self.contact)
        if not found:
            # never a person and the object in one frame: the policy for hardly any, at a presence of 0
            times = np.array([frame.time for frame in self.frames])
            empty = np.full(len(times), np.nan)
            return self._filed([Track(times=times, reach=empty, diagonal=empty)], [])
        tracks = [each.track for each in found]
        order = choose(tracks, self.settings.bridge)
        if self.settings.follow == "nearest":
            return self._filed([nearest_of(tracks)], [found[order[0]]])
        most = 1
        if self.settings.follow == "several":
            said = self.clip.meta.get("people")
            most = said if isinstance(said, int) and said >= 1 else self.settings.people
        picked: list[Candidate] = []
        for at in order:
            if all(found[at].person != other.person for other in picked) and len(picked) < most:
                picked.append(found[at])
        return self._filed([each.track for each in picked], picked)

    def _looked(self, alone: str) -> Unnamed | None:
        knows = self.seen.about.knows
        worded = self.thing if knows is not None and not knows.lacks(self.thing) else None
        return self.looks.score(self.settings.least_presence, alone, self.contact.profile, worded)

    def _never(self) -> str:
        """Why no frame can say anything; empty when frames can."""
        if self.contact.kind == "none":
            return f"{NOT_ASKED}{self.verb or 'what was asked'!r} is no contact: there is nothing that could be steady"
        knows = self.seen.about.knows
        lacks = knows.lacks(self.thing) if knows is not None else ""
        return f"{NOT_MEASURABLE}{lacks}; of models, Grounding DINO takes any word" if lacks else self.seen.reason

    def _filed(self, tracks: Sequence[Track], pairs: Sequence[Candidate]) -> Score:
        from hoigen.measures.fine.score import FPS, SLOWEST, Variant, fine_score

        own = self.settings
        score_of = functools.partial(
            fine_score,
            bridge=own.bridge,
            least_presence=own.least_presence,
            undefined=own.undefined,
            profile=self.contact.profile,
        )
        by = {name: [score_of(track, name) for track in tracks] for name in get_args(Variant)}
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
        elif mine[0].at_fps is None:
            detail["undefined"] = {
                "fine_hoi_8fps": f"fewer than {SLOWEST:g} frames a second: there are no {FPS:g} to go by"
            }
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
                "fine_fit": _mean([score.fit for score in mine]),
                "fine_whole": _mean([score.whole for score in mine]),
                **self._unnamed(detail),
            },
        )

    def _unnamed(self, detail: dict[str, Any]) -> dict[str, float | None]:
        """The number of the thing without a word; what it is made of goes into the detail."""
        found = self.unnamed
        if found is None:
            silent = f"{NOT_MEASURABLE}the observer does not say what is at hands"
            for name in ("fine_unnamed", "fine_act"):
                detail.setdefault("undefined", {})[name] = self.seen.reason or silent
            return {"fine_unnamed": None, "fine_act": None}
        detail["unnamed"] = {
            "times": [round(time, 3) for time in found.times],
            "touch": [round(touch, 3) for touch in found.touch],
            "contact": round(found.contact, 4),
            "steady": round(found.steady, 4),
        }
        if found.whole is None:
            detail.setdefault("undefined", {}).update(fine_unnamed=found.reason, fine_act=found.reason)
        elif found.act is None:
            detail.setdefault("undefined", {})["fine_act"] = f"{len(found.times)} look: a change needs two"
        act = found.act
        if self.contact.kind == "none":
            detail.setdefault("undefined", {})["fine_act"] = (
                f"{NOT_ASKED}{self.verb or 'what was asked'!r} is no contact"
            )
            act = None
        return {"fine_unnamed": found.whole, "fine_act": act}

    def _facts(self) -> dict[str, Any]:
        import numpy as np

        from hoigen.measures.fine.score import DEFINITION, rate

        times = np.array([frame.time for frame in self.frames])
        shown = rate(times)
        return {
            "definition": f"{DEFINITION}, {self.settings.variant}, {self.settings.follow}",
            "observer": self.seen.about.observer,
            "models": [dict(each) for each in self.seen.about.models],
            "asked": {"verb": self.verb, "object": self.thing},
            "contact": {
                "kind": self.contact.kind,
                "parts": self.contact.parts,
                "reach": self.contact.reach,
                "profile": self.contact.profile,
            },
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
        "sized": round(score.sized, 4),
        "gap": [round(float(gap), 4) for gap in score.gap],
        "contact": [bool(touches) for touches in score.contact],
        "seen": [bool(seen) for seen in track.seen],
        "boxes": boxes,
    }


def _box(box: Sequence[float] | None) -> list[float] | None:
    return None if box is None else [round(side, 1) for side in box]
