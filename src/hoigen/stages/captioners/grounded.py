"""A few sentences from what small detectors saw; no language model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from hoigen.core.registry import captioner
from hoigen.core.score import Caption
from hoigen.stages.captioners import _seen, _sentences

if TYPE_CHECKING:
    from hoigen.models.experts.call import Expert
    from hoigen.models.experts.desk import Conversation


@captioner("grounded")
class Grounded:
    """Says in two or three sentences what `hoi_lite` and `motion` detected; asks no model and sends nothing anywhere.

    For machines without an MLLM, and as a floor that other captioners are compared with: it tells of persons, hands,
    the likeliest object, contact and the camera, never of an action. Its words are as cautious as the detectors are
    weak. A clip in which neither a person nor a hand was seen in two frames gets no caption, with that reason.
    """

    @property
    def experts(self) -> Mapping[str, Expert]:
        return {}

    @property
    def settings(self) -> dict[str, Any]:
        """What a caption depends on: nothing but the revision of the sentences."""
        return {"revision": 1}

    async def __call__(self, talk: Conversation) -> Caption:
        seen = _seen.seen_in(talk.facts)
        if seen is None:
            return Caption(text=None, reason="grounded needs what hoi_lite saw: add hoi_lite to the run's measures")
        if not seen.somebody:
            return Caption(text=None, reason="no person was seen", detail={"seen": asdict(seen)})
        return Caption(text=_sentences.caption_of(seen), path="grounded", detail={"seen": asdict(seen)})
