"""Boxes by any detector of the hub, then what each person does with each thing by a model of pictures and sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from hoigen.core.registry import observer
from hoigen.core.settings import Setting
from hoigen.interactions import hico
from hoigen.models import uses
from hoigen.observe.boxes import BoxFinder, Candidate, candidates
from hoigen.observe.detections import Knows, Pair, asked, question_of
from hoigen.observe.frame import ObservedFrame
from hoigen.observe.geometry import in_shares
from hoigen.observe.observation import About, Collecting
from hoigen.observe.verbs import VerbScorer, allowed, crop

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
            models=[*self._boxes.loaded.ledger, *self._verbs.loaded.ledger],
        )

    @property
    def networks(self) -> tuple[Network, ...]:
        """What is asked."""
        return self._boxes.network, self._verbs.network

    @property
    def models(self) -> tuple[ModelUse, ...]:
        return uses.of_hub(self.boxes), uses.of_hub(self.verbs)

    def load(self) -> None:
        """Reads both models, once per process."""
        self._boxes.load()
        self._verbs.load()

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
        rows = self._boxes(images, self._wanted(thing)) if len(images) else []
        found = [pair for at, row in enumerate(rows) for pair in candidates(at, row, self.threshold, 0, self.most)]
        seen = self._verbs.seen([crop(images[pair.frame], pair.around) for pair in found]) if found else []
        added = verb if self._adds(verb, thing) else None
        pairs: list[list[Pair]] = [[] for _ in times]
        for each, picture in zip(found, seen, strict=True):
            mine = added if thing in (None, each.thing.label) else None
            size = images[each.frame].shape[1], images[each.frame].shape[0]
            pairs[each.frame].append(self._pair(each, picture, size, mine))
        return [
            ObservedFrame(time=at, size=(image.shape[1], image.shape[0]), pairs=mine)
            for at, image, mine in zip(times, images, pairs, strict=True)
        ]

    def _pair(self, found: Candidate, picture: Any, size: tuple[int, int], verb: str | None) -> Pair:
        """verb: one that is scored besides those of the thing."""
        chances = self._verbs.chances(picture, found.thing.label, allowed(found.thing.label, verb))
        both = found.sure**self.power
        return Pair(
            person=in_shares(found.person.box, size),
            box=in_shares(found.thing.box, size),
            object=found.thing.label,
            score=found.sure,
            verbs={name: chance * both for name, chance in chances.items()},
        )

    def _wanted(self, thing: str | None) -> list[str]:
        """What is looked for: HICO-DET's objects; by a detector of words, what was asked alone."""
        classes = self._boxes.classes
        if classes is None:
            return ["person", *([thing] if thing and thing != "person" else [])] if thing else list(hico.objects())
        return [name for name in classes if name in hico.objects()]

    @property
    def _boxes(self) -> BoxFinder:
        return BoxFinder(self.boxes, self.device, self.dtype, self.threshold)

    @property
    def _verbs(self) -> VerbScorer:
        return VerbScorer(self.verbs, self.device, self.dtype, self.batch)
