"""One judge that watches the whole video: which act, from when to when it touches, what changed, what cannot be."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Annotated, Any

from hoigen.core.clip import Clip, Frames, Sampling
from hoigen.core.registry import measure
from hoigen.core.score import NOT_ASKED, Number, Score
from hoigen.core.settings import Setting
from hoigen.interactions import hico
from hoigen.interactions.contact import told
from hoigen.models import uses
from hoigen.models.experts._waiting import answered, waiting_of
from hoigen.observe.detections import asked
from hoigen.observe.verbs import sentence, with_article
from hoigen.recipe.build import make

if TYPE_CHECKING:
    from hoigen.models.experts.call import Expert
    from hoigen.models.uses import AnyUse

LETTERS = "ABCDEFGH"
NEAR = len(LETTERS) - 1
"""Verbs beside the asked one: those that HICO-DET has for the thing are the near misses."""
COMMON = ("hold", "carry", "push", "wash", "repair", "look_at", "throw", "open")
"""Near misses for a thing that HICO-DET lacks, or has few verbs for."""
HANDS = 2


def _share(name: str, label: str, place: int, about: str, better: Any = "more") -> Number:
    return Number(name=name, label=label, better=better, share=True, headline=True, place=place, about=about)


@measure(
    "hoi_judge",
    numbers=(
        _share("hoi_judge", "Judge, asked act", 14, "Whether any person does what was asked, by the judge: 0 or 1."),
        _share("judge_touch", "Judge, touch", 15, "Share of the video between the first and the last touch, 0..1."),
        _share("judge_same", "Judge, same thing", 16, "Whether the thing stays the same one, 0 or 1."),
        _share(
            "judge_flaws",
            "Judge, flaws",
            17,
            "Whether the thing vanishes, floats, passes through something or changes, or a person has a hand too many, "
            "0 or 1.",
            "less",
        ),
    ),
)
class HoiJudge:
    """Whether any person does what was asked of the video, by one judge that watches all of it, 0 or 1. Needs extra
    [experts] for a served model, or extra [models] for one here.

    The judge is shown frames in order, with their seconds, and says of each person which acts of a list are done: the
    asked one among near misses (other verbs that HICO-DET has for the thing), in an order that depends on the prompt
    alone, several of them or none. It says whether, from when and until when the thing is touched, what changed from
    before to after, how many hands a person has, and whether the thing stays the same, vanishes, floats or passes
    through something.

    One judge is chosen, and stays: detail names it (`judge`), with its answer; another judge, or another question, is
    another fingerprint, and tables say whose numbers do not compare. A judge that does not answer makes the video
    failed, with the reason. No accuracy is known of any: none was run where hoigen was made.

    Source: CrossHOI-Bench (arXiv 2508.18753) for the form of the question: multiple choice among near misses, several
    acts at once, person by person.
    """

    judge: Annotated[Any, Setting("the expert that watches, as a recipe names experts", plugin="expert")] = field(
        default_factory=lambda: {"open_model": {"model": "Qwen/Qwen3-VL-8B-Instruct"}}
    )
    prompt: Annotated[str, Setting("the name of a prompt, or a file that ends in .md")] = "watched"
    frames: Annotated[int, Setting("frames that the judge is shown, evenly spread", least=2)] = 16
    short_side: Annotated[int, Setting("of the frames", least=16, unit="pixels")] = 360

    revision = 1
    prompted = True
    """What the prompt asks for counts: another verb or object is another question."""

    def __post_init__(self) -> None:
        _ = self.experts

    @property
    def sampling(self) -> Sampling:
        return Sampling(frames=self.frames, short_side=self.short_side)

    @property
    def identity(self) -> dict[str, Any]:
        """What the score depends on: the judge, the question and the frames, not where the judge is served."""
        from hoigen.models.experts.prompts import digest

        return {
            "judge": dict(self.experts[0].identity),
            "prompt": digest(self.prompt),
            "frames": self.frames,
            "short_side": self.short_side,
        }

    @functools.cached_property
    def experts(self) -> tuple[Expert]:
        """Who is asked."""
        return (make("expert", self.judge, "measures.hoi_judge.judge"),)

    @property
    def models(self) -> tuple[AnyUse, ...]:
        """Those of the judge."""
        return uses.of_all(self.experts)

    def load(self) -> None:
        """Opens the judge, unless another process has. Raises SetupError when it cannot be reached or loaded."""
        waiting_of(self).load()

    def __call__(self, clip: Clip, frames: Frames) -> Score:
        verb, thing = asked(clip)
        if verb is None or verb == hico.NO_INTERACTION:
            why = f"{NOT_ASKED}the prompt names no verb: it asks for no act"
            return Score(None, {"reason": why}, dict.fromkeys(PARTS))
        if not len(frames):
            return Score(None, {"reason": "no frame to look at"}, dict.fromkeys(PARTS))
        return waiting_of(self).wait(self._watch(clip, frames, verb, thing))

    async def _watch(self, clip: Clip, frames: Frames, verb: str, thing: str | None) -> Score:
        from hoigen.measures._watched import Watched
        from hoigen.models.experts.desk import Conversation
        from hoigen.models.experts.prompts import render

        [judge] = self.experts
        offered = choices(verb, thing)
        lines = [f"{letter}: {said(each, thing)}" for letter, each in offered.items()]
        prompt = render(
            self.prompt,
            seconds=f"{clip.duration:.1f}",
            times=", ".join(f"{float(at):.1f}" for at in frames.times),
            object=with_article(thing) if thing else "the thing that people act on",
            choices="\n".join(lines),
        )
        talk = Conversation(clip, waiting_of(self).desk, frames={judge.sampling: frames})
        answer = await talk.ask("judge", judge, prompt, sees=True, schema=Watched)
        answered("judge", answer)
        found = dict(answer.data or {})
        return self._score(clip, verb, thing, offered, found, [call["key"] for call in talk.trace], prompt.template)

    def _score(
        self,
        clip: Clip,
        verb: str,
        thing: str | None,
        offered: Mapping[str, str],
        found: Mapping[str, Any],
        calls: list[Any],
        template: str,
    ) -> Score:
        asked_for = next(letter for letter, each in offered.items() if each == verb)
        done = {act.strip().upper()[:1] for person in found["people"] for act in person["acts"]}
        flaws = {
            "vanishes": found["vanishes"] == "yes",
            "floats": found["floats"] == "yes",
            "passes_through": found["passes_through"] == "yes",
            "another_one": found["present"] == "yes" and found["same"] == "no",
            "hands": found["most_hands"] > HANDS,
        }
        parts: dict[str, float | None] = {
            "judge_touch": touched_share(found, clip.duration),
            "judge_same": float(found["present"] == "yes" and found["same"] == "yes"),
            "judge_flaws": float(any(flaws.values())),
        }
        undefined = {}
        if told(clip.meta.get("contact") or (), verb, thing).kind == "none":
            parts["judge_touch"] = None
            undefined["judge_touch"] = f"{NOT_ASKED}the prompt asks for no contact with the thing"
        detail = {
            "judge": {"is": dict(self.experts[0].identity), "prompt": template},
            "asked": {"verb": verb, "object": thing},
            "offered": dict(offered),
            "answer": dict(found),
            "flaws": [name for name, there in flaws.items() if there],
            "undefined": undefined,
            "calls": calls,
        }
        return Score(float(asked_for in done), detail, parts)


PARTS = ("judge_touch", "judge_same", "judge_flaws")


def choices(verb: str, thing: str | None) -> dict[str, str]:
    """Letter -> verb: the asked one and near misses, in an order that depends on the two words alone."""
    own = [pair.verb for pair in hico.pairs() if pair.object == thing and pair.verb != hico.NO_INTERACTION]
    near = [each for each in (*sorted(own, key=lambda each: _mixed(verb, thing, each)), *COMMON) if each != verb]
    picked = [verb, *list(dict.fromkeys(near))[:NEAR]]
    return dict(zip(LETTERS, sorted(picked, key=lambda each: _mixed(verb, thing, f"place of {each}")), strict=True))


def said(verb: str, thing: str | None) -> str:
    """A choice as words: `A person is riding a bicycle.`"""
    return sentence(verb, thing) if thing else f"A person can be seen to {hico.words(verb)} something."


def _mixed(*words: str | None) -> str:
    return hashlib.sha256(" ".join(map(str, words)).encode()).hexdigest()


def touched_share(found: Mapping[str, Any], duration: float) -> float:
    """Share of the video between the first and the last touch, by what the judge says; 0 when nothing is touched."""
    start, end = found["touch_from"], found["touch_to"]
    if found["touched"] == "no" or start is None or end is None or duration <= 0:
        return 0.0
    return max(0.0, min(float(end), duration) - min(float(start), duration)) / duration
