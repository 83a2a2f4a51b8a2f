"""Interactions as an MLLM sees them: it is shown frame after frame and answers in JSON."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Annotated, Any

from hoigen.core.clip import Clip, Frames
from hoigen.core.registry import observer
from hoigen.core.settings import Setting
from hoigen.interactions import hico
from hoigen.models import uses
from hoigen.models.experts._waiting import answered, waiting_of
from hoigen.observe.detections import Knows, Pair, as_name, asked, question_of
from hoigen.observe.frame import ObservedFrame
from hoigen.observe.observation import About, Collecting
from hoigen.observe.verbs import sentence, with_article
from hoigen.recipe.build import make

if TYPE_CHECKING:
    import numpy as np

    from hoigen.core.clip import Sampling, Seconds
    from hoigen.models.experts.call import Expert
    from hoigen.models.experts.prompts import Prompt
    from hoigen.models.uses import AnyUse

SURE: Mapping[str, float] = {"yes": 1.0, "probably": 0.7, "hardly": 0.3, "no": 0.0}
"""Words instead of per cent: models hold to words, and what they call 85 % is no share of anything."""
THETA = 0.5
"""The threshold that its pairs are used with, where a recipe names none."""
ACT, THING = "act", "object"
"""An act whose verb, and a thing whose name the model did not say."""
NONE = ("none", "no", "nothing", "nobody")


@observer("mllm")
class Mllm:
    """An MLLM is asked of every frame whether it shows what was asked, whether person and object are together in it,
    and whether anybody acts on anything. Needs extra [experts] for a served model, or extra [models] for one here.

    It answers yes (1.0), probably (0.7), hardly (0.3) or no (0.0), so that theta has three places to be. There are no
    boxes. Every answer is kept in the run's `calls/` and is never asked for twice; a clip that gets none for a
    frame has failed, with the reason, and is not 0.

    What is seen is kept by the prompt's verb and object, which the questions name.
    """

    expert: Annotated[
        Any,
        Setting(
            "who is asked, as a recipe names experts; the frames are the measure's, not those of its own sampling",
            plugin="expert",
        ),
    ] = field(default_factory=lambda: {"open_model": {"model": "Qwen/Qwen3-VL-8B-Instruct"}})
    asked_prompt: Annotated[
        str, Setting("with a prompt's interaction: the name of a prompt, or a file that ends in .md")
    ] = "frame_asked"
    any_prompt: Annotated[str, Setting("the same without one")] = "frame_any"

    sees = True
    gives = frozenset(("pairs",))

    def __post_init__(self) -> None:
        _ = self.experts  # what cannot be is told at once

    @property
    def about(self) -> About:
        knows = Knows(objects=None, verbs=frozenset(hico.verbs()), any_verb=True)
        return About(observer="mllm", theta=THETA, knows=knows)

    @property
    def identity(self) -> Mapping[str, Any]:
        from hoigen.models.experts.prompts import digest

        prompts = [digest(self.asked_prompt), digest(self.any_prompt)]
        return {"expert": dict(self.experts[0].identity), "prompts": prompts}

    @functools.cached_property
    def experts(self) -> tuple[Expert]:
        """Who is asked."""
        return (make("expert", self.expert, "observer.mllm.expert"),)

    @property
    def models(self) -> tuple[AnyUse, ...]:
        """Those of the expert."""
        return uses.of(self.experts[0])

    def load(self) -> None:
        """Opens the expert, unless another process has. Raises SetupError when it cannot be reached or loaded."""
        waiting_of(self).load()

    def question(self, clip: Clip) -> str:
        return question_of(*asked(clip))

    def begin(self, clip: Clip, sampling: Sampling) -> Collecting:
        return Collecting(lambda images, times: waiting_of(self).wait(self._frames(clip, images, times)))

    async def _frames(self, clip: Clip, images: Sequence[np.ndarray], times: Sequence[Seconds]) -> list[ObservedFrame]:
        from hoigen.models.experts.prompts import render

        verb, thing = asked(clip)
        if not (verb or thing):
            prompt = render(self.any_prompt)
        else:
            named = with_article(thing) if thing else "an object"
            if verb and thing:
                told = sentence(verb, thing)
            else:
                told = (
                    f"A person can be seen to {hico.words(verb)} something." if verb else f"A person acts on {named}."
                )
            prompt = render(self.asked_prompt, sentence=told, object=named)
        frames = (self._look(clip, prompt, image, at) for image, at in zip(images, times, strict=True))
        return list(await asyncio.gather(*frames))

    async def _look(self, clip: Clip, prompt: Prompt, image: np.ndarray, time: Seconds) -> ObservedFrame:
        import numpy as np

        from hoigen.models.experts.desk import Conversation
        from hoigen.observe.frame_answers import Seen, SeenAndAsked

        verb, thing = asked(clip)
        [expert] = self.experts
        content = f"{clip.meta.get('digest', clip.uri)}, {min(image.shape[:2])} lines at {time:.4f} s"
        shown = {expert.sampling: Frames(image[None], np.array([time]))}
        talk = Conversation(clip, waiting_of(self).desk, content, frames=shown)
        schema = SeenAndAsked if verb or thing else Seen
        answer = await talk.ask("detector", expert, prompt, sees=True, schema=schema)
        answered(f"the frame at {time:.2f} s: detector", answer)
        size = image.shape[1], image.shape[0]
        return ObservedFrame(time=time, size=size, pairs=pairs_of(dict(answer.data or {}), verb, thing))


def pairs_of(said: Mapping[str, Any], verb: str | None, thing: str | None) -> list[Pair]:
    """What a frame's answer says: the act that the model names, and the answer to what was asked."""
    act, name = _word(said["action"]) or ACT, _word(said["object"]) or THING
    together = SURE[said["together"]]
    if "asked" not in said:
        return [Pair(object=name, score=together, verbs={act: SURE[said["any"]]})]
    if verb in (None, act) and thing in (None, name):
        act, name = ACT, THING  # the same act: what the model says of it outright is what counts
    answer = Pair(object=thing or name, score=together, verbs={verb or ACT: SURE[said["asked"]]})
    score = together if thing in (None, name) else SURE[said["any"]]
    return [answer, Pair(object=name, score=score, verbs={act: SURE[said["any"]]})]


def _word(said: str) -> str | None:
    name = as_name(said)
    return None if name in NONE else name
