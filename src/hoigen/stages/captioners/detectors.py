"""The small detectors of hoi_lite as an expert: a witness that knows no words but its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from hoigen.core.clip import Clip, Frames, Sampling, Seconds
from hoigen.core.errors import PROGRAM_FAULTS
from hoigen.core.registry import expert
from hoigen.core.settings import Setting
from hoigen.models import uses
from hoigen.models.experts.call import Answer, Request

if TYPE_CHECKING:
    from hoigen.measures.hoi_lite import HoiLite
    from hoigen.models.uses import AnyUse


@expert("detectors")
class Detectors:
    """Says what small detectors see (persons, hands, the likeliest object, contact), whatever it is asked. No model of
    language: runs on any machine, and makes nothing up that was not detected.

    As a third expert of a mixture it is a witness of another kind than an MLLM; as first or second it says too little.
    It reads no questions, so a request for JSON has failed.
    """

    sampling: Annotated[Sampling, Setting("the frames that it is shown")] = Sampling(frames=8, short_side=360)
    slots: Annotated[int, Setting("clips under way at once")] = 1

    @property
    def identity(self) -> Mapping[str, Any]:
        from hoigen.models.fingerprint import fingerprint

        measure = self._measure()
        return {
            "kind": "detectors",
            "model": "hoi_lite",
            "revision": fingerprint(measure),
            "sampling": repr(self.sampling),
        }

    @property
    def models(self) -> tuple[AnyUse, ...]:
        return uses.of(self._measure().looking.observer)

    def _measure(self) -> HoiLite:
        from hoigen.measures.hoi_lite import HoiLite

        return HoiLite(sampling=self.sampling)

    async def open(self) -> None:
        await asyncio.to_thread(self._measure().looking.observer.load)

    async def close(self) -> None:
        return None

    async def answer(self, request: Request) -> Answer:
        if request.schema is not None:
            return Answer(outcome="failed", reason="detectors say what they see, and answer no questions")
        if request.frames is None or not len(request.frames):
            return Answer(outcome="failed", reason="the clip's frames are not there to be looked at")
        began = time.monotonic()
        try:
            text = await asyncio.to_thread(self._look, request.frames)
        except PROGRAM_FAULTS:
            raise  # would fail on every clip: the stage stops for that, with the traceback
        except Exception as error:
            return Answer(outcome="failed", reason=f"{type(error).__name__}: {error}")
        # sentences of hoigen's own: no model of language wrote them, which might have said nothing in many words
        words = {"words": text, "doubts": []}
        return Answer(outcome="answered", text=text, data=words, seconds=time.monotonic() - began)

    def _look(self, frames: Frames) -> str:
        from hoigen.observe.observation import observe
        from hoigen.stages.captioners import _seen, _sentences

        length: Seconds = float(frames.times[-1]) + 1.0
        height, width = frames.images.shape[1:3]
        clip = Clip(id="", uri="", end=length, width=width, height=height, fps=1.0)
        measure = self._measure()
        score = measure.read(clip, observe(measure.looking, clip, list(frames.images), frames.times.tolist()))
        seen = _seen.seen_in({"hoi_lite": {"detail": score.detail}})
        return _sentences.caption_of(seen) if seen is not None and seen.somebody else "Nobody is seen."
