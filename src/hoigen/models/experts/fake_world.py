"""Simulated experts for clips whose facts are made up: to rehearse a run, and to see when checking helps."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from hoigen.core.clip import Sampling
from hoigen.core.registry import expert
from hoigen.core.settings import Setting
from hoigen.models.experts._fake_facts import PARTS, SLOTS, chance, facts_of, read, tell, told, wrong
from hoigen.models.experts.call import Answer, Request

POINT = re.compile(r"^\s*(\d+)\. ([^:\n]+):", re.MULTILINE)
LETTERS_A_TOKEN = 4


@expert("fake_world")
class FakeWorld:
    """A simulated expert; it looks at no picture. What it says of a clip has nothing to do with that clip.

    Each clip has eight made-up facts (person, object, colour, action, next action, end state, place, camera), the same
    for all experts of one `seed`. The expert answers the captioners' own prompts, reading what is written in them, and
    errs at set rates; all chances are fixed by seed, model and question. With it a run can be rehearsed end to end
    without a server, and a captioner can be measured against facts that are known (benchmarks/mixture.py).
    """

    seed: Annotated[int, Setting("of the world")] = 0
    model: Annotated[str, Setting("its name; two experts of one name and the same settings say the same")] = (
        "fake_world"
    )
    error: Annotated[float, Setting("share of the facts it tells wrongly when it describes")] = 0.2
    says: Annotated[float, Setting("share of the facts that it mentions")] = 1.0
    shares: Annotated[
        float,
        Setting(
            "how much its errors are those of the others, 0..1. For a share of the facts it errs where a common "
            "chance says so, and with the common wrong value; two experts with s and t make errors that are "
            "correlated by s * t"
        ),
    ] = 0.0
    looks: Annotated[
        float | None,
        Setting("share of the points it answers wrongly when it is asked about them alone; null: as when it describes"),
    ] = None
    notices: Annotated[float, Setting("share of the contradictions between two descriptions that it notices")] = 1.0
    alarms: Annotated[
        float, Setting("share of the points on which two descriptions agree and that it takes for contradictions")
    ] = 0.0
    steady: Annotated[
        float,
        Setting("share of the points about which it judges the same when the descriptions come in the other order"),
    ] = 0.5
    first_bias: Annotated[
        float, Setting("share of the choices in which it takes the description shown first, whatever is in it")
    ] = 0.0
    slips: Annotated[float, Setting("share of the facts that it gets wrong while rewriting")] = 0.0
    slots: Annotated[int, Setting("clips under way at once")] = 64

    sampling = Sampling(frames=0)
    scripted = True  # it says what it was told to, so that it describes clips without being shown any

    def __post_init__(self) -> None:
        for name in ("error", "says", "shares", "looks", "notices", "alarms", "steady", "first_bias", "slips"):
            share = getattr(self, name)
            if share is not None and not 0 <= share <= 1:
                raise ValueError(f"{name}: a share, 0 to 1; it came as {share!r}")

    @property
    def identity(self) -> Mapping[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "slots"}

    async def open(self) -> None:
        return None

    async def close(self) -> None:
        return None

    async def answer(self, request: Request) -> Answer:
        ways: dict[str, Callable[[Request], str]] = {
            "same": self._same,
            "claims": self._claims,
            "third": self._third,
            "rewrite": lambda request: self._rewrite(request, majority=False),
            "rewrite_majority": lambda request: self._rewrite(request, majority=True),
            "richer": self._richer,
        }
        way = ways.get(request.template.split("@")[0])
        if way is None and not request.media:
            reason = f"fake_world describes clips and knows {', '.join(ways)}; it was asked {request.template!r}"
            return Answer(outcome="failed", reason=reason)
        if way is not None:
            text = way(request)
        else:
            facts, media = facts_of(self.seed, request.media), request.media
            mentioned = [slot for slot in SLOTS if chance("says", self._me, media, slot) < self.says]
            mentioned = mentioned or list(SLOTS)[:1]
            text = tell({slot: self._view(media, slot, facts[slot], self.error) for slot in mentioned})
        tokens_in = len(request.system + request.text) // LETTERS_A_TOKEN
        return Answer(outcome="answered", text=text, tokens_in=tokens_in, tokens_out=len(text) // LETTERS_A_TOKEN)

    # what it sees

    def _view(self, media: str, slot: str, truth: str, error: float) -> str:
        """The value that it sees. Whether it errs, and how, is the common chance's or its own."""
        common = chance("shares", self._me, media, slot) < self.shares
        keys = (self.seed, "common" if common else self._me, media, slot)
        return wrong(slot, truth, "value", *keys) if chance("error", *keys) < error else truth

    @property
    def _me(self) -> str:
        return f"{self.seed} {self.model}"

    def _third(self, request: Request) -> str:
        facts = facts_of(self.seed, request.media)
        error = self.error if self.looks is None else self.looks
        lines = []
        for number, aspect in POINT.findall(_between(request.text, "points")):
            for slot in _slots_of(aspect):
                if slot in SLOTS:
                    lines.append(f"{number}. {told(slot, self._view(request.media, slot, facts[slot], error))}")
                else:
                    lines.append(f"{number}. cannot be seen")
        return "\n".join(lines) or "cannot be seen"

    # what it decides

    def _contradicts(self, slot: str, one: str, other: str, texts: tuple[str, str]) -> bool:
        """Whether it takes two values for a contradiction. texts: both descriptions, as they were shown."""
        whole = tuple(sorted(texts))
        steady = chance("steady", self._me, slot, *whole) < self.steady
        drawn = chance("notices", self._me, slot, *(whole if steady else texts))
        return drawn < (self.notices if one != other else self.alarms)

    def _same(self, request: Request) -> str:
        texts = _between(request.text, "first"), _between(request.text, "second")
        first, second = (read(text) for text in texts)
        points = [
            {"aspect": slot, "first": told(slot, first[slot]), "second": told(slot, second[slot])}
            for slot in SLOTS
            if slot in first and slot in second and self._contradicts(slot, first[slot], second[slot], texts)
        ]
        named = {point["aspect"] for point in points}
        same = {f"same_{part}": named.isdisjoint(slots) for part, slots in PARTS.items()}
        return json.dumps({**same, "disagreements": points})

    def _claims(self, request: Request) -> str:
        texts = _between(request.text, "description"), _between(request.text, "other")
        own, other = (read(text) for text in texts)
        claims = []
        for slot, value in own.items():
            verdict, said = "supported", ""
            if slot not in other:
                verdict = "unmentioned"
            elif self._contradicts(slot, value, other[slot], texts):
                verdict, said = "contradicted", told(slot, other[slot])
            claims.append({"aspect": slot, "claim": told(slot, value), "verdict": verdict, "other": said})
        return json.dumps({"claims": claims})

    def _richer(self, request: Request) -> str:
        texts = [_between(request.text, name) for name in ("first", "second")]
        first, second = (len(read(text)) for text in texts)
        biased = chance("first", self._me, *texts) < self.first_bias
        better = "first" if biased or first >= second else "second"
        return json.dumps({"richer": better, "reason": f"{first} and {second} facts"})

    def _rewrite(self, request: Request, *, majority: bool) -> str:
        texts = [_between(request.text, name) for name in ("first", "second", "third")]
        first, second, third = (read(text) for text in texts)
        points = POINT.findall(_between(request.text, "points"))
        asked = {slot for _, aspect in points for slot in _slots_of(aspect)}
        final = {}
        for slot in SLOTS:
            views = [said[slot] for said in (first, second, third) if slot in said]
            if not views or (slot in asked and slot not in third):
                continue
            value: str | None = views[-1] if slot in asked else views[0]  # the third's is the last
            if slot in asked and majority and len(views) > 2:
                value = next((view for view in views if views.count(view) > 1), None)
            if value is None:
                continue
            slipped = chance("slips", self._me, slot, *texts) < self.slips
            final[slot] = wrong(slot, value, "slip", self._me, slot, *texts) if slipped else value
        return tell(final)


def _slots_of(aspect: str) -> tuple[str, ...]:
    """The slots that a point is about; its own name where it is about none."""
    return (aspect,) if aspect in SLOTS else PARTS.get(aspect, (aspect,))


def _between(text: str, name: str) -> str:
    """What a prompt holds between <name> and </name>."""
    match = re.search(rf"<{name}>\n(.*?)\n</{name}>", text, re.DOTALL)
    return match.group(1) if match else ""
