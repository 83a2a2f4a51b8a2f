"""MoME: two experts describe, one decides whether they agree, a third looks where they do not."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from hoigen.core.registry import captioner
from hoigen.core.score import Caption
from hoigen.core.settings import Setting
from hoigen.models.experts import prompts
from hoigen.models.experts.desk import together
from hoigen.models.experts.prompts import render
from hoigen.stages.captioners import _parts, _seen, _sentences
from hoigen.stages.captioners._parts import ROLES, NoCaption, Panel

if TYPE_CHECKING:
    from hoigen.models.experts.call import Expert
    from hoigen.models.experts.desk import Conversation


@captioner("mixture")
class Mixture:
    """Mixture of multimodal experts: a caption that two experts agree on, or that a third has corrected.

    Two experts describe the clip, each without the other. The decision expert, which reads only, says whether both tell
    of the same object, interaction and scene. If they do, it picks the description that is richer in interactions,
    actions and scene. If not, a third expert looks at the clip for the points at issue, and the decision expert
    rewrites the description after what the third saw. 4 calls per clip when they agree, 5 when not.

    An expert that is truncated, refuses, or does not answer as asked makes the clip fail with that reason; its words
    are never a caption. Which draft is shown first goes by the clip's id.

    Source: HOIGen-1M, section 3.2 (PLLaVA and Qwen2-VL describe, Llama 3.1 decides, a third MLLM looks).
    """

    first: Annotated[
        Any, Setting("describes the clip; this and all experts as a recipe names them, equal entries are one expert")
    ]
    second: Annotated[Any, Setting("describes the clip as well; another model than first, or the check is empty")]
    third: Annotated[Any, Setting("looks at the points on which the two differ")]
    decision: Annotated[Any, Setting("judges, picks and rewrites; it reads only")]
    swapped: Annotated[
        bool,
        Setting(
            "the decision expert judges and picks with the drafts in both orders, one call more per question. A "
            "difference in either order counts, and a pick must win both; else the draft with more words is taken"
        ),
    ] = False
    agreement: Annotated[
        Literal["verdict", "claims"],
        Setting(
            "asked once for the whole (`verdict`, the paper) or claim by claim (`claims`). Then each claim of "
            "either draft is supported, contradicted or not mentioned by the other, and only contradicted ones "
            "are a difference"
        ),
    ] = "verdict"
    believe: Annotated[
        Literal["third", "majority"],
        Setting(
            "on a point at issue the rewriting follows the `third` expert (the paper), or the `majority` of the "
            "three, and leaves out points on which no two agree"
        ),
    ] = "third"
    evidence: Annotated[
        bool, Setting("what `hoi_lite` and `motion` detected is told to the decision expert, as a hint")
    ] = False
    third_says: Annotated[
        Literal["points", "caption"],
        Setting(
            "what the third expert writes: a line for each of the `points` at issue, or a `caption` of its own that "
            "looks at them (the paper)"
        ),
    ] = "points"
    alone: Annotated[
        Literal["fail", "keep"],
        Setting(
            "when an expert gave no answer and asking again would not help, `fail` gives no caption, since nothing "
            "could be checked; `keep` takes the draft that is there (path `alone: ...`), or of two the one with more "
            "words (path `unchecked: ...`), and marks it as doubtful"
        ),
    ] = "fail"
    describe: Annotated[str, Setting("the prompt of first and second; a file of one's own ends in .md")] = "describe"
    language: Annotated[str, Setting("two letters, of the captions; nothing for that of the prompt")] = ""

    def __post_init__(self) -> None:
        _parts.check_sees(self.experts, "first", "second", "third")
        if dict(self.experts["first"].identity) == dict(self.experts["second"].identity):
            raise ValueError("second: the same model with the same settings as first; they would always agree")
        _parts.check_prompt(self.describe)

    @functools.cached_property
    def experts(self) -> Mapping[str, Expert]:
        """The experts by their role."""
        return _parts.experts_of({role: getattr(self, role) for role in ("first", "second", "third", "decision")})

    @property
    def settings(self) -> dict[str, Any]:
        """What a caption depends on besides the experts."""
        names = ("swapped", "agreement", "believe", "evidence", "third_says", "alone", "language")
        return {**{name: getattr(self, name) for name in names}, "describe": prompts.digest(self.describe)}

    async def __call__(self, talk: Conversation) -> Caption:
        notes: dict[str, Any] = {"options": self.settings}
        try:
            return await _Mixing(self, talk, notes).caption()
        except NoCaption as none:
            return Caption(text=None, reason=str(none), detail=notes)


@dataclass(frozen=True, slots=True)
class _Mixing:
    """One clip on its way. notes fill up as it goes, and become the caption's detail."""

    settings: Mixture
    talk: Conversation
    notes: dict[str, Any]

    async def caption(self) -> Caption:
        """Raises NoCaption."""
        evidence = ""  # the block of the prompts; asked for and not there, nothing is asked of anybody
        if self.settings.evidence:
            seen = _seen.seen_in(self.talk.facts)
            if seen is None:
                raise NoCaption("evidence needs what hoi_lite saw: add hoi_lite to the run's measures")
            self.notes["evidence"] = _sentences.evidence_of(seen)
            evidence = "\n" + render("evidence", detected=self.notes["evidence"]).text + "\n"
        drafts, doubts = await self._drafts()
        if len(drafts) == 1:
            [(role, text)] = drafts.items()
            return self._made(text, f"alone: {role}", (*doubts[role], "unchecked: " + "; ".join(self.notes["missing"])))
        panel = Panel(
            talk=self.talk,
            decision=self.settings.experts["decision"],
            drafts=drafts,
            order=_parts.order_of(self.talk.clip.id),
            swapped=self.settings.swapped,
            evidence=evidence,
        )
        agreed = False
        try:
            differ, points, record = await (panel.claims() if self.settings.agreement == "claims" else panel.verdict())
            self.notes.update(order=list(panel.order), **record, same=not differ, disagreements=points)
            if differ:
                text, written = await self._corrected(panel, points)
                return self._made(text, "rewritten", written)
            agreed = True
            role, how = await panel.richer()
        except NoCaption as none:
            if self.settings.alone != "keep" or not none.lasting:
                raise
            role = panel.longer
            way = "agreed" if agreed else "unchecked"
            return self._made(drafts[role], f"{way}: {role}", (*doubts[role], f"unchecked: {none}"))
        self.notes["pick"] = {"richer": role, **how}
        return self._made(drafts[role], f"agreed: {role}", doubts[role])

    def _made(self, text: str, path: str, doubts: tuple[str, ...]) -> Caption:
        return Caption(text=text, path=path, detail=self.notes, doubts=doubts)

    async def _drafts(self) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
        """Both drafts and why each is doubted; one alone only where the settings take it. Raises NoCaption."""
        prompt, experts = render(self.settings.describe), self.settings.experts
        how: dict[str, Any] = {"sees": True, "describes": True, "language": self.settings.language}
        answers = await together(*(self.talk.ask(role, experts[role], prompt, **how) for role in ROLES))
        drafts: dict[str, str] = {}
        doubts: dict[str, tuple[str, ...]] = {}
        missing: list[NoCaption] = []
        for role, answer in zip(ROLES, answers, strict=True):
            try:
                drafts[role], doubts[role] = _parts.words_of(role, answer)
            except NoCaption as none:
                missing.append(none)
        self.notes.update(drafts=dict(drafts), missing=[str(none) for none in missing])
        lasting = all(none.lasting for none in missing)
        if len(drafts) == 2 or (len(drafts) == 1 and self.settings.alone == "keep" and lasting):
            return drafts, doubts
        raise NoCaption("; ".join(map(str, missing)), lasting=lasting)

    async def _corrected(self, panel: Panel, found: Sequence[Mapping[str, str]]) -> tuple[str, tuple[str, ...]]:
        """What the decision expert writes after the third has looked, and why it is doubted. Raises NoCaption."""
        points, experts = _parts.lines_of(found, panel.order), self.settings.experts
        how: dict[str, Any] = {"describes": True, "language": self.settings.language}
        if self.settings.third_says == "points":
            looked = await self.talk.ask("third", experts["third"], render("third", points=points), sees=True)
            self.notes["third"] = _parts.lines_seen("third", looked)
        else:
            asked = render("third_caption", points=points)
            looked = await self.talk.ask("third", experts["third"], asked, sees=True, **how)
            self.notes["third"], _ = _parts.words_of("third", looked)
        first, second = (panel.drafts[role] for role in panel.order)
        prompt = render(
            "rewrite" if self.settings.believe == "third" else "rewrite_majority",
            first=first,
            second=second,
            points=points,
            third=self.notes["third"],
            evidence=panel.evidence,
        )
        return _parts.words_of("decision", await self.talk.ask("decision", experts["decision"], prompt, **how))
