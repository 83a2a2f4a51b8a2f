"""Boxes by any detector of the hub, then what each person does with each thing by a model of pictures and sentences."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from hoigen.core.registry import observer
from hoigen.core.settings import Setting
from hoigen.interactions import hico
from hoigen.models import uses
from hoigen.observe.boxes import BoxFinder, candidates
from hoigen.observe.detections import Knows, Pair, asked, question_of
from hoigen.observe.frame import ObservedFrame
from hoigen.observe.geometry import around, in_shares
from hoigen.observe.hub_model import HubModel
from hoigen.observe.observation import About, Collecting
from hoigen.observe.verbs import allowed, chances, crop, seen

if TYPE_CHECKING:
    import numpy as np

    from hoigen.core.clip import Clip, Sampling, Seconds
    from hoigen.models.uses import ModelUse, Network

THETA = 0.2
"""The threshold that its pairs are used with, where a recipe names none."""


@observer("two_stage")
class TwoStage:
    """Persons and things, and for each pair the chances of HICO-DET's verbs for the thing, without any training.
    Needs extra [models].

    A verb's score is its chance times (the person's score times the thing's) to the power of `power`. The chance is
    what a model of pictures and sentences makes of the square around both, against one sentence for each verb and one
    for no interaction. Nothing of this was calibrated on labelled interactions: set theta with `hoigen calibrate`.

    With boxes of fixed classes it looks without being asked, unless the prompt's verb is not HICO-DET's for the
    prompt's object (or there is no object): that verb is scored too, and what is seen is kept by verb and object. With
    boxes by words it looks for persons and the prompt's object, and what is seen is kept by that.

    Source: the pairing, and the power 2.8, of two-stage detectors (UPT, arXiv 2112.01838; ADA-CM, arXiv 2309.03696).
    """

    boxes: Annotated[
        str,
        Setting(
            "RT-DETR, D-FINE, DETR with COCO's classes, or Grounding DINO for any word (docs/fine_hoi.md lists them), "
            "owner/name@revision of the hub, or a folder"
        ),
    ] = "PekingU/rtdetr_r50vd_coco_o365"
    verbs: Annotated[str, Setting("CLIP or SigLIP, named alike")] = "openai/clip-vit-base-patch32"
    threshold: Annotated[float, Setting("a less sure box is left out, between 0 and 1")] = 0.2
    most: Annotated[int, Setting("persons, and things, of a frame", least=1)] = 8
    power: Annotated[float, Setting("of the boxes' scores, by which a verb's chance is multiplied", least=0)] = 2.8
    batch: Annotated[int, Setting("crops at a time", least=1)] = 64
    device: Annotated[str, Setting("auto, cpu or cuda")] = "auto"
    dtype: Annotated[str, Setting("float32, bfloat16 or float16")] = "float32"

    sees = True
    gives = frozenset(("pairs",))
    revision = 2

    def __post_init__(self) -> None:
        from hoigen.models.load import DTYPES

        if not 0 < self.threshold < 1:
            raise ValueError(f"threshold: above 0 and below 1; it came as {self.threshold}")
        if self.power < 0:
            raise ValueError(f"power: 0 or more; it came as {self.power}")
        for name in ("most", "batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: 1 or more; it came as {getattr(self, name)}")
        if self.dtype not in DTYPES:
            raise ValueError(f"dtype: {', '.join(DTYPES)}; it came as {self.dtype!r}")

    @property
    def identity(self) -> Mapping[str, Any]:
        from hoigen.models.load import identity

        settings = {name: getattr(self, name) for name in ("threshold", "most", "power", "dtype")}
        models = {"boxes": identity(self.boxes), "verbs": identity(self.verbs)}
        return {**settings, **models}

    @property
    def about(self) -> About:
        """A detector of fixed classes has those of HICO-DET's objects; one that takes words has any."""
        classes = self._boxes.classes
        objects = None if classes is None else frozenset(classes) & frozenset(hico.objects())
        return About(
            observer="two_stage",
            theta=THETA,
            knows=Knows(objects=objects, verbs=frozenset(hico.verbs()), any_verb=True),
            models=[*self._boxes.model.loaded.ledger, *self._verbs.loaded.ledger],
        )

    @property
    def networks(self) -> tuple[Network, ...]:
        """What is asked."""
        return self._boxes.model.network, self._verbs.network

    @property
    def models(self) -> tuple[ModelUse, ...]:
        return uses.of_hub(self.boxes), uses.of_hub(self.verbs)

    @functools.cached_property
    def _boxes(self) -> BoxFinder:
        return BoxFinder(HubModel("boxes", self.boxes, self.device, self.dtype), self.threshold)

    @functools.cached_property
    def _verbs(self) -> HubModel:
        return HubModel("words", self.verbs, self.device, self.dtype, self.batch)

    def load(self) -> None:
        """Reads both models, once per process."""
        self._boxes.load()
        _ = self._verbs.processor("images"), self._verbs.processor("tokenizer")

    def question(self, clip: Clip) -> str:
        verb, thing = asked(clip)
        if not self._adds(verb, thing):
            return question_of(None, thing) if self._boxes.asks_words else ""
        return question_of(verb, thing)

    def _adds(self, verb: str | None, thing: str | None) -> bool:
        """Whether the prompt's verb is one that would not be scored by itself: not HICO-DET's for the prompt's object.
        Asked without an object, it is scored for all things, of which some do not have it."""
        return verb not in (None, hico.NO_INTERACTION) and (thing is None or verb not in allowed(thing))

    def begin(self, clip: Clip, sampling: Sampling) -> Collecting:
        return Collecting(lambda images, times: self._frames(images, times, *asked(clip)))

    def _frames(
        self, images: Sequence[np.ndarray], times: Sequence[Seconds], verb: str | None, thing: str | None
    ) -> list[ObservedFrame]:
        """images: all of one size."""
        if not len(images):
            return []
        size = images[0].shape[1], images[0].shape[0]
        classes = self._boxes.classes
        if classes is not None:
            wanted = [name for name in classes if name in hico.objects()]
        else:
            wanted = list(dict.fromkeys(["person", thing])) if thing else list(hico.objects())
        rows = [candidates(row, self.threshold, 0, self.most) for row in self._boxes(images, wanted)]
        crops = [
            crop(image, around(person.box, other.box))
            for image, row in zip(images, rows, strict=True)
            for person, other in row
        ]
        pictures = iter(seen(self._verbs, crops) if crops else ())
        added = verb if self._adds(verb, thing) else None
        frames = []
        for time, row in zip(times, rows, strict=True):
            pairs = []
            for person, other in row:
                told = allowed(other.label, added if thing in (None, other.label) else None)
                sure = person.score * other.score
                scores = chances(self._verbs, next(pictures), other.label, told)
                pairs.append(
                    Pair(
                        person=in_shares(person.box, size),
                        box=in_shares(other.box, size),
                        object=other.label,
                        score=sure,
                        verbs={name: chance * sure**self.power for name, chance in scores.items()},
                    )
                )
            frames.append(ObservedFrame(time=time, size=size, pairs=pairs))
        return frames
