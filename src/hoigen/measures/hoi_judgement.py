"""Caption and judge: an MLLM describes the clip, an LLM says whether somebody acts on something."""

from __future__ import annotations

import functools
from dataclasses import field
from typing import TYPE_CHECKING, Annotated, Any

from hoigen.core.clip import Clip, Frames, Sampling
from hoigen.core.registry import measure
from hoigen.core.score import Number, Score
from hoigen.core.settings import Setting
from hoigen.models import uses
from hoigen.models.experts._waiting import answered, waiting_of
from hoigen.recipe.build import make

if TYPE_CHECKING:
    from hoigen.models.experts.call import Expert
    from hoigen.models.experts.desk import Conversation
    from hoigen.models.uses import AnyUse


@measure(
    "hoi_judgement",
    numbers=(
        Number(
            name="hoi_judgement",
            label="HOI judgement",
            better="more",
            share=True,
            about="Whether an LLM finds an interaction of a person with an object in an MLLM's caption: 1 yes, 0 no. "
            "Needs extra [experts] for served models, or extra [models] for models in this process.",
        ),
        Number(
            name="hoi_likely",
            label="HOI judgement, likelihood of yes",
            better="more",
            share=True,
            about="How likely the yes was to the LLM, 0 to 1, out of its server's log-probabilities; no value where "
            "the server gives none. Its threshold can be tuned (hoigen suggest), that of a yes cannot.",
        ),
        Number(
            name="hoi_conspicuous",
            label="HOI judgement, conspicuous",
            better="more",
            share=True,
            about="1 when the interaction is what the clip mainly shows, else 0.",
        ),
        Number(
            name="hoi_triplets",
            label="HOI judgement, triplets",
            about="How many interactions the caption tells of. detail holds the caption, the triplets and the judge's "
            "reason.",
        ),
    ),
)
class HoiJudgement:
    """Whether an LLM finds an interaction of a person with an object in an MLLM's caption: 1 yes, 0 no.
    Needs extra [experts] for served models, or extra [models] for models in this process.

    detail holds the caption, the triplets and the judge's reason. Every answer is kept in the run's `calls/` and
    is never asked for twice. An expert that does not answer makes the clip `failed`, never 0.

    Source: HOIGen-1M, section 3.1, "LLM Evaluation" (PLLaVA captions, Qwen2.5 judges).
    """

    describer: Annotated[Any, Setting("the expert that sees the clip, as a recipe names experts", plugin="expert")] = (
        field(default_factory=lambda: {"open_model": {"model": "Qwen/Qwen3-VL-8B-Instruct"}})
    )
    judge: Annotated[Any, Setting("the expert that reads the caption", plugin="expert")] = field(
        default_factory=lambda: {"open_model": {"model": "Qwen/Qwen2.5-7B-Instruct", "sees": False}}
    )
    describe_prompt: Annotated[str, Setting("a prompt's name, or a file that ends in .md")] = "describe"
    judge_prompt: Annotated[str, Setting("likewise the judge's")] = "judge"

    def __post_init__(self) -> None:
        if not self.experts[0].sampling.needs_frames:
            raise ValueError("describer: it is to look at clips, and is shown no frames: sampling: frames 1 or more")

    @property
    def sampling(self) -> Sampling:
        return self.experts[0].sampling

    @property
    def identity(self) -> dict[str, Any]:
        """What the score depends on: experts and prompts, not where the experts are served."""
        from hoigen.models.experts.prompts import digest

        return {
            "describer": dict(self.experts[0].identity),
            "judge": dict(self.experts[1].identity),
            "prompts": [digest(self.describe_prompt), digest(self.judge_prompt)],
        }

    @functools.cached_property
    def experts(self) -> tuple[Expert, Expert]:
        """Who is asked: describer and judge, as the settings say them."""
        where = "measures.hoi_judgement"
        return make("expert", self.describer, f"{where}.describer"), make("expert", self.judge, f"{where}.judge")

    @property
    def models(self) -> tuple[AnyUse, ...]:
        """Those of the experts."""
        return uses.of_all(self.experts)

    def load(self) -> None:
        """Opens both experts, unless another process has. Raises SetupError when one cannot be reached or loaded."""
        waiting_of(self).load()

    def __call__(self, clip: Clip, frames: Frames) -> Score:
        from hoigen.models.experts.desk import Conversation

        if not len(frames):
            return Score(None, {"reason": "no frame to look at"})
        talk = Conversation(clip, waiting_of(self).desk, frames={self.sampling: frames})
        return waiting_of(self).wait(self._judge(talk))

    async def _judge(self, talk: Conversation) -> Score:
        from hoigen.measures._judgement import Judgement
        from hoigen.models.experts.prompts import render

        describer, judge = self.experts
        caption = await talk.ask("describer", describer, render(self.describe_prompt), sees=True, describes=True)
        answered("describer", caption)
        words = str((caption.data or {})["words"])
        prompt = render(self.judge_prompt, caption=words)
        verdict = await talk.ask("judge", judge, prompt, schema=Judgement, likely="interaction")
        answered("judge", verdict)
        found = dict(verdict.data or {})
        detail = {"caption": words, **found, "calls": [call["key"] for call in talk.trace]}
        parts = {
            "hoi_likely": verdict.likely.get("yes"),
            "hoi_conspicuous": float(found["interaction"] == found["conspicuous"] == "yes"),
            "hoi_triplets": float(len(found["triplets"])),
        }
        return Score(float(found["interaction"] == "yes"), detail, parts)
