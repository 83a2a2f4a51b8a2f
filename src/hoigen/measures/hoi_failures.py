"""What goes wrong between person and thing, and when."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, Annotated, Any

from hoigen.core.clip import Clip, Sampling
from hoigen.core.registry import measure
from hoigen.core.score import NOT_ASKED, NOT_MEASURABLE, Number, Score
from hoigen.core.settings import Setting
from hoigen.interactions.contact import Contact, told
from hoigen.measures.fine.failures import KINDS, SCANT, Glimpse
from hoigen.measures.fine_hoi import GIVEN_BY, LITE, NEEDS
from hoigen.measures.handling import believed, nobody, surest
from hoigen.observe.detections import asked
from hoigen.observe.observation import Looking, Observation, observer_of

if TYPE_CHECKING:
    from hoigen.measures.fine.failures import Failure
    from hoigen.measures.fine.pairs import Candidate, Frame


@measure(
    "hoi_failures",
    numbers=(
        Number(
            name="hoi_failures",
            label="Videos with a failure",
            better="less",
            share=True,
            place=30,
            about="Whether anything goes wrong that can be told from what was observed, 0 or 1; of videos the share.",
        ),
        *(
            Number(
                name=f"fails_{kind}",
                label=f"Fails: {kind}",
                better="less",
                share=True,
                place=place,
                about=f"Whether it happens in a video, 0 or 1: {told}. Over videos, the share of them.",
            )
            for place, (kind, told) in enumerate(KINDS.items(), start=31)
        ),
    ),
)
class HoiFailures:
    """Whether anything goes wrong between person and thing that can be told from what was observed, 0 or 1; less is
    better.

    Kinds: the thing is not there; it is never touched; it vanishes inside of the picture; there are more of it than
    usual; it changes its size at once; another thing is in its place; there is a hand too many; nothing moves; nobody
    is there. Persons are believed as in fine_hoi. Each kind has its times in detail (`failures`), which the page of an
    evaluation shows over the strip. An observer that loses things makes failures of its own: with the bundled one, look
    at them before you count them.

    It goes by the observation of fine_hoi: with the same `observer` and `sampling` nothing is looked at twice. Floating
    and passing through cannot be told from boxes and masks.
    """

    sampling: Annotated[Sampling, Setting("the frames that are looked at, as those of fine_hoi")] = Sampling(
        fps=60, short_side=480, max_frames=600
    )
    observer: Annotated[
        Any, Setting("who looks: a name of hoigen list, or one name with its settings", plugin="observer")
    ] = field(default_factory=lambda: dict(LITE))

    revision = 3
    prompted = True
    """What the prompt asks for counts: another verb or object makes other scores of the same observation."""

    def __post_init__(self) -> None:
        _ = self.looking

    @functools.cached_property
    def looking(self) -> Looking:
        return Looking(observer_of(self.observer, "hoi_failures", NEEDS, GIVEN_BY), self.sampling)

    @property
    def identity(self) -> Mapping[str, Any]:
        return {}

    def read(self, clip: Clip, seen: Observation) -> Score:
        from hoigen.measures.fine.failures import failures
        from hoigen.measures.fine.pairs import candidates, measured
        from hoigen.measures.fine.profile import states
        from hoigen.measures.fine.score import choose, gaps

        verb, thing = asked(clip)
        contact: Contact = told(clip.meta.get("contact") or (), verb, thing)
        knows = seen.about.knows
        lacks = knows.lacks(thing) if knows is not None else ""
        reason = f"{NOT_MEASURABLE}{lacks}" if lacks else seen.reason
        glimpses: list[Glimpse] = []
        frames: list[Frame] = []
        trusted: list[float | None] = []
        for raw in () if reason else seen.frames:
            trusted.append(surest(raw))
            frame = believed(raw)
            glimpses.append(
                Glimpse(
                    time=frame.time,
                    size=frame.size,
                    things=[(each.label, each.box) for each in frame.things or ()],
                    persons=len(frame.persons or ()),
                    hands=None if frame.hands is None else len(frame.hands),
                )
            )
            frames.append(measured(frame.only(thing), contact))
        if reason or not frames:
            why = reason or "no frame to look at"
            return Score(None, {"reason": why}, dict.fromkeys(NAMES))
        if nobody(trusted):
            glimpses = [replace(glimpse, persons=0) for glimpse in glimpses]
            frames = [replace(frame, persons=(), apart={}) for frame in frames]
        found: list[Candidate] = candidates(frames, contact)
        tracks = [each.track for each in found]
        order = choose(tracks)
        best = found[order[0]] if order else None
        followed = best.things if best is not None else _alone(glimpses, thing)
        label = best.label if best is not None else thing or ""
        touching = (gaps(best.track) < 1.0).tolist() if best is not None else [False] * len(frames)
        lasting = best is None or contact.profile == "lasting"
        away = [False] * len(frames) if lasting or best is None else (~states(best.track.reach)).tolist()
        moves = best.track.moves if best is not None else 1.0
        wrong = failures(glimpses, followed, label, touching, contact, away, moves)
        if verb is None:
            wrong = [each for each in wrong if each.kind != "nobody"]
        return self._score(wrong, contact, verb, thing, len(followed) / len(frames))

    def _score(
        self, wrong: Sequence[Failure], contact: Contact, verb: str | None, thing: str | None, share: float
    ) -> Score:
        kinds = {each.kind for each in wrong}
        parts: dict[str, float | None] = {f"fails_{kind}": float(kind in kinds) for kind in KINDS}
        undefined = {}
        if contact.kind == "none":
            parts["fails_untouched"] = None
            undefined["fails_untouched"] = f"{NOT_ASKED}the prompt asks for no contact with the thing"
        if verb is None:
            parts["fails_nobody"] = None
            undefined["fails_nobody"] = f"{NOT_ASKED}the prompt names no verb, and so nobody who does it"
        detail = {
            "failures": [
                {
                    "kind": each.kind,
                    "said": KINDS[each.kind],
                    "start": round(float(each.start), 3),
                    "end": round(float(each.end), 3),
                }
                for each in wrong
            ],
            "object": thing,
            "seen": round(share, 4),
            "undefined": undefined,
        }
        return Score(float(bool(wrong)), detail, parts)


NAMES = tuple(f"fails_{kind}" for kind in KINDS)


def _alone(frames: Sequence[Glimpse], thing: str | None) -> dict[int, Any]:
    """A thing that is never seen together with a person: where the first of the asked ones is."""
    found = {}
    for at, frame in enumerate(frames):
        here = [box for label, box in frame.things if label == thing or (thing is None and label != "person")]
        if here:
            found[at] = here[0]
    return found if len(found) >= SCANT * len(frames) else {}
