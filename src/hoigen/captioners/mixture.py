"""MoME: two experts describe, one decides whether they agree, a third looks where they do not."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from hoigen.captioners import _parts, _seen, _sentences
from hoigen.captioners._parts import ROLES, NoCaption, Panel
from hoigen.core.registry import captioner
from hoigen.core.score import Caption
from hoigen.core.settings import Setting
from hoigen.experts import prompts
from hoigen.experts.call import FINAL
from hoigen.experts.desk import together
from hoigen.experts.prompts import render

if TYPE_CHECKING:
    from hoigen.experts.call import Expert
    from hoigen.experts.desk import Conversation


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
    alone: Annotated[
        Literal["fail", "keep"],
        Setting(
            "when only one of the two drafts came out, `fail` gives no caption, since nothing could be checked; "
            "`keep` takes the other draft unchecked (path `alone: ...`), where asking again would not help"
        ),
    ] = "fail"
    describe: Annotated[str, Setting("the prompt of first and second; a file of one's own ends in .md")] = "describe"

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
        names = ("swapped", "agreement", "believe", "evidence", "alone")
        return {**{name: getattr(self, name) for name in names}, "describe": prompts.digest(self.describe)}

    async def __call__(self, talk: Conversation) -> Caption:
        notes: dict[str, Any] = {"options": self.settings}
        try:
            text, path = await _Mixing(self, talk, notes).caption()
        except NoCaption as none:
            return Caption(text=None, reason=str(none), detail=notes)
        return Caption(text=text, path=path, detail=notes)


@dataclass(frozen=True, slots=True)
class _Mixing:
    """One clip on its way. notes fill up as it goes, and become the caption's detail."""

    settings: Mixture
    talk: Conversation
    notes: dict[str, Any]

    async def caption(self) -> tuple[str, str]:
        """Text and path. Raises NoCaption."""
        evidence = self._evidence()
        drafts = await self._drafts()
        if len(drafts) == 1:
            [(role, text)] = drafts.items()
            return text, f"alone: {role}"
        panel = Panel(
            talk=self.talk,
            decision=self.settings.experts["decision"],
            drafts=drafts,
            order=_parts.order_of(self.talk.clip.id),
            swapped=self.settings.swapped,
            evidence=evidence,
        )
        finding = await (panel.claims() if self.settings.agreement == "claims" else panel.verdict())
        self.notes.update(order=list(panel.order), **finding.record)
        self.notes.update(same=not finding.differ, disagreements=finding.points)
        if finding.differ:
            return await self._corrected(panel, finding), "rewritten"
        role, how = await panel.richer()
        self.notes["pick"] = {"richer": role, **how}
        return drafts[role], f"agreed: {role}"

    def _evidence(self) -> str:
        """The block of the prompts. Asked for and not there, nothing is asked of anybody."""
        if not self.settings.evidence:
            return ""
        seen = _seen.seen_in(self.talk.facts)
        if seen is None:
            raise NoCaption("evidence needs what hoi_lite saw: add hoi_lite to the run's measures")
        self.notes["evidence"] = _sentences.evidence_of(seen)
        return "\n" + render("evidence", detected=self.notes["evidence"]).text + "\n"

    async def _drafts(self) -> dict[str, str]:
        """Both drafts; one alone only where the settings take it. Raises NoCaption."""
        prompt = render(self.settings.describe)
        experts = self.settings.experts
        answers = await together(*(self.talk.ask(role, experts[role], prompt, sees=True) for role in ROLES))
        drafts: dict[str, str] = {}
        missing: list[str] = []
        for role, answer in zip(ROLES, answers, strict=True):
            try:
                drafts[role] = _parts.words_of(role, answer)
            except NoCaption as none:
                missing.append(str(none))
        self.notes.update(drafts=dict(drafts), missing=missing)
        lasting = all(answer.outcome in FINAL for answer in answers)
        if len(drafts) == 2 or (len(drafts) == 1 and self.settings.alone == "keep" and lasting):
            return drafts
        raise NoCaption("; ".join(missing))

    async def _corrected(self, panel: Panel, finding: _parts.Finding) -> str:
        """What the decision expert writes after the third has looked. Raises NoCaption."""
        points = _parts.lines_of(finding.points, panel.order)
        experts = self.settings.experts
        looked = await self.talk.ask("third", experts["third"], render("third", points=points), sees=True)
        _parts.words_of("third", looked)
        self.notes["third"] = looked.text.strip()
        first, second = (panel.drafts[role] for role in panel.order)
        prompt = render(
            "rewrite" if self.settings.believe == "third" else "rewrite_majority",
            first=first,
            second=second,
            points=points,
            third=self.notes["third"],
            evidence=panel.evidence,
        )
        return _parts.words_of("decision", await self.talk.ask("decision", experts["decision"], prompt))
