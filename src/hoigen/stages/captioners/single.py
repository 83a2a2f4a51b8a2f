"""One expert describes the clip."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from hoigen.core.registry import captioner
from hoigen.core.score import Caption
from hoigen.core.settings import Setting
from hoigen.models.experts import prompts
from hoigen.stages.captioners import _parts

if TYPE_CHECKING:
    from hoigen.models.experts.call import Expert
    from hoigen.models.experts.desk import Conversation


@captioner("single")
class Single:
    """One expert looks at the clip and describes it; nothing checks what it says. One call per clip.

    Source: HOIGen-1M, section 3.2, whose baseline is a single expert (PLLaVA) with the structured prompt.
    """

    expert: Annotated[Any, Setting("who looks, as a recipe names experts")]
    describe: Annotated[str, Setting("the prompt; a file of one's own ends in .md")] = "describe"
    language: Annotated[str, Setting("two letters, of the captions; nothing for that of the prompt")] = ""

    def __post_init__(self) -> None:
        experts = self.experts
        _parts.check_prompt(self.describe)
        _parts.check_sees(experts, "expert")

    @functools.cached_property
    def experts(self) -> Mapping[str, Expert]:
        """The experts by their role: one, `expert`."""
        return _parts.experts_of({"expert": self.expert})

    @property
    def settings(self) -> dict[str, Any]:
        """What a caption depends on besides the experts."""
        return {"describe": prompts.digest(self.describe), "language": self.language}

    async def __call__(self, talk: Conversation) -> Caption:
        prompt, expert = prompts.render(self.describe), self.experts["expert"]
        answer = await talk.ask("expert", expert, prompt, sees=True, describes=True, language=self.language)
        try:
            words, doubts = _parts.words_of("expert", answer)
            return Caption(text=words, path="single", doubts=doubts)
        except _parts.NoCaption as none:
            return Caption(text=None, reason=str(none))
