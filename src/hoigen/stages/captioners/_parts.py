"""What captioners are made of: experts by role, words out of answers, and the panel that judges two drafts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hoigen.core.errors import UsageError
from hoigen.models.experts import answers
from hoigen.models.experts.call import FINAL
from hoigen.models.experts.desk import together
from hoigen.recipe.build import make

if TYPE_CHECKING:
    from hoigen.models.experts.call import Answer, Expert
    from hoigen.models.experts.desk import Conversation

Order = tuple[str, str]
ROLES: Order = ("first", "second")
ASPECTS = ("object", "interaction", "scene")
TELLING = 3
"""Words from which a statement says itself what it is about."""


# experts by role


def experts_of(specs: Mapping[str, Any]) -> dict[str, Expert]:
    """Role -> expert. Equal entries are one expert, so that a model with two roles is loaded once.

    Args:
        specs: role -> a name, one name with its settings, or an expert that is built already.

    Raises ValueError whose text begins with the key at fault: `build` puts the captioner's own key before it.
    """
    made: list[tuple[Any, Expert]] = []
    found: dict[str, Expert] = {}
    for role, spec in specs.items():
        known = [expert for entry, expert in made if entry == spec]
        if known:
            found[role] = known[0]
            continue
        try:
            found[role] = spec if hasattr(spec, "answer") else make("expert", spec, role)
        except UsageError as error:
            text = str(error)
            raise ValueError(text if text.startswith(role) else f"{role}: {text}") from None
        made.append((spec, found[role]))
    return found


def loaded_here(experts: Mapping[str, Expert]) -> dict[str, Expert]:
    """Those that load a model of the hub or of a folder where they are opened, by the name under which they are served.
    The others ask a server, or have small models of the CPU or none."""
    from hoigen.models import uses
    from hoigen.models.client import name_of

    own = [each for each in experts.values() if any(use.kind == "hub" for use in uses.decided([each]))]
    return {name_of(expert): expert for expert in own}


def setup_models(captioner: Any) -> dict[str, Expert]:
    """What the process of the models serves for a captioner, as a recipe names it; runs once, in it
    (`hoigen.models.host.Host`). Asked by a desk: `Desk(calls, asking=asking(address, loaded_here(experts)))`."""
    return loaded_here(make("captioner", captioner, "caption.captioner").experts)


def check_sees(experts: Mapping[str, Expert], *roles: str) -> None:
    """Raises ValueError for an expert that is to describe clips and is shown none: it would make all of it up. One that
    says what it was told to (`scripted`, a simulation) may.

    Args:
        experts: by role.
        roles: those that look at clips.
    """
    for role in roles:
        expert = experts[role]
        if not expert.sampling.needs_frames and not getattr(expert, "scripted", False):
            raise ValueError(
                f"{role}: it is to look at clips, and {expert.identity.get('model', 'it')} is shown no frames: take a "
                "model that sees, with sampling: frames 1 or more, or fps"
            )


def check_prompt(name: str) -> None:
    """Raises ValueError when a template cannot be read, or wants values: it is shown as it is."""
    from hoigen.models.experts import prompts

    try:
        prompts.render(name)
    except UsageError as error:
        raise ValueError(f"describe: {error}") from None


# words out of answers


class NoCaption(Exception):
    """There is no caption; says which expert is the cause, and why. lasting: asking again would not help."""

    def __init__(self, reason: str, *, lasting: bool = False) -> None:
        super().__init__(reason)
        self.lasting = lasting


def words_of(role: str, answer: Answer) -> tuple[str, tuple[str, ...]]:
    """The paragraph that an expert wrote when it was asked to describe the clip, and why it should be looked at. Raises
    NoCaption for every other outcome.

    Args:
        role: of the expert, for the reason.
        answer: of the expert.
    """
    if not answer.ok:
        reason = f"{role} {answer.outcome}" + (f": {answer.reason}" if answer.reason else "")
        raise NoCaption(reason, lasting=answer.outcome in FINAL)
    said = answer.data or {"words": answers.paragraph(answer.text)}  # a dry run supposes words and checks none
    return said["words"], tuple(said.get("doubts", ()))


def lines_seen(role: str, answer: Answer) -> str:
    """What an expert that was asked about points saw of them. That a point cannot be seen is an answer. That it
    will not look is none: raises NoCaption, as for all other outcomes.

    Args:
        role: of the expert, for the reason.
        answer: of the expert.
    """
    words_of(role, answer)
    if why := answers.declines(answer.text):
        raise NoCaption(f"{role} refused: {why}", lasting=True)
    return answers.without_thoughts(answer.text)


def data_of(role: str, answer: Answer) -> dict[str, Any]:
    """The fields that an expert answered. Raises NoCaption for every other outcome.

    Args:
        role: of the expert, for the reason.
        answer: of the expert, to a request with a schema.
    """
    words_of(role, replace(answer, data={"words": ""}) if answer.ok else answer)
    return dict(answer.data or {})


# two drafts


def order_of(clip: str) -> Order:
    """Which draft is shown first, by the clip's name: over many clips a liking for one place favours neither expert."""
    odd = hashlib.sha256(clip.encode()).digest()[0] % 2
    return (ROLES[1], ROLES[0]) if odd else ROLES


Finding = tuple[bool, list[dict[str, str]], dict[str, Any]]
"""Whether two drafts differ; on what (aspect, first, second; by role, not in the order in which they were shown); and
what was answered, for the caption's detail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Asks the decision expert about the drafts of one clip.

    Args:
        talk: about the clip.
        decision: the expert.
        drafts: by role.
        order: the draft shown first, then the other.
        swapped: asks both ways round.
        evidence: the block of the prompts that tells what was detected, or "".
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

    @property
    def longer(self) -> str:
        """The role whose draft has more words."""
        return max(ROLES, key=lambda role: len(self.drafts[role].split()))

    async def verdict(self) -> Finding:
        """One question: the same object, interaction and scene? A difference in either order counts."""
        from hoigen.stages.captioners._schemas import Same

        answers = await together(*(self._shown("same", Same, order) for order in self.orders))
        points: list[dict[str, str]] = []
        for answer, order in zip(answers, self.orders, strict=True):
            points += [_by_role(point, order) for point in answer["disagreements"]]
        denied = [aspect for aspect in ASPECTS if not all(answer[f"same_{aspect}"] for answer in answers)]
        named = _distinct(points)
        if denied and not named:
            named = [{"aspect": aspect, "first": "", "second": ""} for aspect in denied]
        asked = [{"shown": list(order), **answer} for answer, order in zip(answers, self.orders, strict=True)]
        return bool(denied or named), named, {"verdicts": asked}

    async def claims(self) -> Finding:
        """Claim by claim, each draft against the other: only contradicted claims are a difference."""
        from hoigen.stages.captioners._schemas import Claims

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
        return bool(named), named, {"claims": {role: found[role] for role in ROLES}}

    async def richer(self) -> tuple[str, dict[str, Any]]:
        """The draft that says more, and how it was chosen.

        Asked both ways round, a draft must win both; when each order has its own winner the place decided, and the
        draft with more words is taken.
        """
        from hoigen.stages.captioners._schemas import Richer

        answers = await together(*(self._shown("richer", Richer, order) for order in self.orders))
        votes = [order[ROLES.index(answer["richer"])] for answer, order in zip(answers, self.orders, strict=True)]
        reasons = [answer["reason"] for answer in answers]
        if len(set(votes)) == 1:
            return votes[0], {"votes": votes, "by": "decision", "reasons": reasons}
        return self.longer, {"votes": votes, "by": "more words", "reasons": reasons}

    async def _shown(self, prompt: str, schema: Any, order: Order) -> dict[str, Any]:
        from hoigen.models.experts.prompts import render

        first, second = (self.drafts[role] for role in order)
        role = "decision" if order == self.order else "decision, swapped"
        rendered = render(prompt, first=first, second=second, evidence=self.evidence)
        return data_of(role, await self.talk.ask(role, self.decision, rendered, schema=schema))

    async def _against(self, own: str, other: str, schema: Any) -> dict[str, Any]:
        from hoigen.models.experts.prompts import render

        rendered = render("claims", description=self.drafts[own], other=self.drafts[other], evidence=self.evidence)
        role = f"decision, claims of {own}"
        return data_of(role, await self.talk.ask(role, self.decision, rendered, schema=schema))


def _by_role(point: Mapping[str, str], order: Order) -> dict[str, str]:
    """A point as it was shown -> as the roles said it."""
    said = dict(zip(order, (point["first"], point["second"]), strict=True))
    clean = {"aspect": point["aspect"], **{role: said[role] for role in ROLES}}
    return {key: " ".join(words.split()) for key, words in clean.items()}


def _distinct(points: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """Points without those that say the same in the same words; of a few words (yes and no), also about the same."""
    found: dict[tuple[str, ...], dict[str, str]] = {}
    for point in points:
        said = [point[role].casefold().strip(" .") for role in ROLES]
        about = "" if max(len(words.split()) for words in said) >= TELLING else point["aspect"].casefold().strip(" .")
        found.setdefault((*said, about), point)
    return list(found.values())


def lines_of(points: Sequence[Mapping[str, str]], order: Order) -> str:
    """Points as numbered lines for an expert; it does not learn which expert said what.

    Args:
        points: aspect, first, second.
        order: the role whose side comes first, then the other.
    """
    lines = []
    for number, point in enumerate(points, 1):
        one, other = (point[role] for role in order)
        if one or other:
            sides = f'one says "{one or "nothing of it"}", the other says "{other or "nothing of it"}"'
        else:
            sides = "they do not tell of the same"
        lines.append(f"{number}. {point['aspect'] or 'a point'}: {sides}")
    return "\n".join(lines)
