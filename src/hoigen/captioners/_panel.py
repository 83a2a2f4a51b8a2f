"""The decision expert's side of a mixture: do two drafts agree, and which is the richer one?"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hoigen.captioners import _answers
from hoigen.experts.desk import together

if TYPE_CHECKING:
    from hoigen.contracts import Expert
    from hoigen.experts.desk import Conversation

Order = tuple[str, str]
ROLES: Order = ("first", "second")
ASPECTS = ("object", "interaction", "scene")


def order_of(clip: str) -> Order:
    """Which draft is shown first, by the clip's name: over many clips a liking for one place favours neither expert."""
    odd = hashlib.sha256(clip.encode()).digest()[0] % 2
    return (ROLES[1], ROLES[0]) if odd else ROLES


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether drafts differ, on which points (aspect, first, second: by role, not as shown), and what was answered."""

    differ: bool
    points: list[dict[str, str]]
    record: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Asks the decision expert about the drafts of one clip.

    order: the draft shown first, then the other. swapped: asks both ways round. evidence: the block of the prompts
    that tells what was detected, or "".
    """

    talk: Conversation
    decision: Expert
    drafts: Mapping[str, str]
    order: Order
    swapped: bool = False
    evidence: str = ""

    @property
    def orders(self) -> list[Order]:
        return [self.order, (self.order[1], self.order[0])] if self.swapped else [self.order]

    async def verdict(self) -> Finding:
        """One question: the same object, interaction and scene? A difference in either order counts."""
        from hoigen.captioners._schemas import Same

        answers = await together(*(self._shown("same", Same, order) for order in self.orders))
        points: list[dict[str, str]] = []
        for answer, order in zip(answers, self.orders, strict=True):
            points += [_by_role(point, order) for point in answer["disagreements"]]
        denied = [aspect for aspect in ASPECTS if not all(answer[f"same_{aspect}"] for answer in answers)]
        named = _distinct(points)
        if denied and not named:
            named = [{"aspect": aspect, "first": "", "second": ""} for aspect in denied]
        asked = [{"shown": list(order), **answer} for answer, order in zip(answers, self.orders, strict=True)]
        return Finding(bool(denied or named), named, {"verdicts": asked})

    async def claims(self) -> Finding:
        """Claim by claim, each draft against the other: only contradicted claims are a difference."""
        from hoigen.captioners._schemas import Claims

        pairs = [(own, other) for own, other in (self.order, (self.order[1], self.order[0]))]
        answers = await together(*(self._against(own, other, Claims) for own, other in pairs))
        found = {own: answer["claims"] for (own, _), answer in zip(pairs, answers, strict=True)}
        points = [
            _by_role({"aspect": claim["aspect"], "first": claim["claim"], "second": claim["other"]}, pair)
            for pair in pairs
            for claim in found[pair[0]]
            if claim["verdict"] == "contradicted"
        ]
        named = _distinct(points)
        return Finding(bool(named), named, {"claims": {role: found[role] for role in ROLES}})

    async def richer(self) -> tuple[str, dict[str, Any]]:
        """The draft that says more, and how it was chosen.

        Asked both ways round, a draft must win both; when each order has its own winner the place decided, and the
        draft with more words is taken.
        """
        from hoigen.captioners._schemas import Richer

        answers = await together(*(self._shown("richer", Richer, order) for order in self.orders))
        votes = [order[ROLES.index(answer["richer"])] for answer, order in zip(answers, self.orders, strict=True)]
        reasons = [answer["reason"] for answer in answers]
        if len(set(votes)) == 1:
            return votes[0], {"votes": votes, "by": "decision", "reasons": reasons}
        longer = max(ROLES, key=lambda role: len(self.drafts[role].split()))
        return longer, {"votes": votes, "by": "more words", "reasons": reasons}

    async def _shown(self, prompt: str, schema: Any, order: Order) -> dict[str, Any]:
        from hoigen.experts.prompts import render

        first, second = (self.drafts[role] for role in order)
        role = "decision" if order == self.order else "decision, swapped"
        rendered = render(prompt, first=first, second=second, evidence=self.evidence)
        return _answers.data_of(role, await self.talk.ask(role, self.decision, rendered, schema=schema))

    async def _against(self, own: str, other: str, schema: Any) -> dict[str, Any]:
        from hoigen.experts.prompts import render

        rendered = render("claims", description=self.drafts[own], other=self.drafts[other], evidence=self.evidence)
        role = f"decision, claims of {own}"
        return _answers.data_of(role, await self.talk.ask(role, self.decision, rendered, schema=schema))


def _by_role(point: Mapping[str, str], order: Order) -> dict[str, str]:
    """A point as it was shown -> as the roles said it."""
    said = dict(zip(order, (point["first"], point["second"]), strict=True))
    clean = {"aspect": point["aspect"], **{role: said[role] for role in ROLES}}
    return {key: " ".join(words.split()) for key, words in clean.items()}


TELLING = 3
"""Words from which a statement says itself what it is about."""


def _distinct(points: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """Points without those that say the same in the same words; of a few words (yes and no), also about the same."""
    found: dict[tuple[str, ...], dict[str, str]] = {}
    for point in points:
        said = [point[role].casefold().strip(" .") for role in ROLES]
        about = "" if max(len(words.split()) for words in said) >= TELLING else point["aspect"].casefold().strip(" .")
        found.setdefault((*said, about), point)
    return list(found.values())


def lines_of(points: Sequence[Mapping[str, str]], order: Order) -> str:
    """Points as numbered lines for an expert; it is not told which expert said what, and sides are as shown."""
    lines = []
    for number, point in enumerate(points, 1):
        one, other = (point[role] for role in order)
        if one or other:
            sides = f'one says "{one or "nothing of it"}", the other says "{other or "nothing of it"}"'
        else:
            sides = "they do not tell of the same"
        lines.append(f"{number}. {point['aspect'] or 'a point'}: {sides}")
    return "\n".join(lines)
