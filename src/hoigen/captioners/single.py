"""One expert describes the clip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Annotated, Any

from hoigen.captioners import _answers, _roles
from hoigen.registry import captioner
from hoigen.score import Caption
from hoigen.settings import Setting

if TYPE_CHECKING:
    from hoigen.contracts import Expert
    from hoigen.experts.desk import Conversation


@captioner("single")
class Single:
    """One expert looks at the clip and describes it; nothing checks what it says. One call per clip.

    Source: HOIGen-1M, section 3.2, whose baseline is a single expert (PLLaVA) with the structured prompt.
    """

    expert: Annotated[Any, Setting("who looks, as a recipe names experts")]
    describe: Annotated[str, Setting("the prompt; a file of one's own ends in .md")] = "describe"
    _built: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._built.update(
            experts=_roles.experts_of({"expert": self.expert}), digest=_roles.check_prompt(self.describe)
        )
        _roles.check_sees(self.experts, "expert")

    @property
    def experts(self) -> Mapping[str, Expert]:
        experts: dict[str, Expert] = self._built["experts"]
        return experts

    @property
    def settings(self) -> dict[str, Any]:
        """What a caption depends on besides the experts."""
        return {"describe": self._built["digest"]}

    async def __call__(self, talk: Conversation) -> Caption:
        from hoigen.experts.prompts import render

        answer = await talk.ask("expert", self.experts["expert"], render(self.describe), sees=True)
        try:
            return Caption(text=_answers.words_of("expert", answer), path="single")
        except _answers.NoCaption as none:
            return Caption(text=None, reason=str(none))
