"""Boxes by any detector of the hub, then what each person does with each thing by a model of pictures and sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hoigen import hico
from hoigen.hoi.detections import Knows, Look, Pair, asked
from hoigen.models import uses
from hoigen.registry import hoi_detector

if TYPE_CHECKING:
    import numpy as np

    from hoigen.clip import Clip
    from hoigen.hoi.detectors._pairing import Candidate
    from hoigen.hoi.detectors._verbs import VerbScorer
    from hoigen.hoi.readers.boxes import BoxFinder
    from hoigen.models.uses import ModelUse, Network


@hoi_detector("two_stage")
class TwoStage:
    """Persons and things, and for each pair the chances of HICO-DET's verbs for the thing, without any training.
    Needs extra [models].

    A verb's score is its chance times (the person's score times the thing's) to the power of `power`. The chance is
    what a model of pictures and sentences makes of the square around both, against one sentence for each verb and one
    for no interaction. Nothing of this was calibrated on labelled interactions: set theta with `hoigen calibrate`.

    boxes: RT-DETR, D-FINE or DETR with COCO's classes, or Grounding DINO for any word (docs/fine_hoi.md lists them).
    verbs: CLIP or SigLIP. Both by their name on the hub, `owner/name@revision`, or a folder. threshold: a less sure box
    is left out. most: persons, and things, of a frame. batch: crops at a time.

    Source: the pairing, and the power 2.8, of two-stage detectors (UPT, arXiv 2112.01838; ADA-CM, arXiv 2309.03696).
    """

    boxes: str = "PekingU/rtdetr_r50vd_coco_o365"
    verbs: str = "openai/clip-vit-base-patch32"
    threshold: float = 0.2
    most: int = 8
    power: float = 2.8
    batch: int = 64
    device: str = "auto"
    dtype: str = "float32"

    theta = 0.2
    sees = True

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
    def knows(self) -> Knows:
        """A detector of fixed classes has those of HICO-DET's objects; one that takes words has any."""
        classes = self._boxes.classes
        objects = None if classes is None else frozenset(classes) & frozenset(hico.objects())
        return Knows(objects=objects, verbs=frozenset(hico.verbs()), any_verb=True)

    @property
    def identity(self) -> Mapping[str, Any]:
        from hoigen.models.load import identity

        settings = {name: getattr(self, name) for name in ("threshold", "most", "power", "dtype")}
        models = {"boxes": identity(self.boxes), "verbs": identity(self.verbs)}
        return {"detector": "two_stage", "revision": 1, **settings, **models}

    @property
    def ledger(self) -> list[Mapping[str, str]]:
        """Name, revision and licence of both models."""
        return [*self._boxes.loaded.ledger, *self._verbs.loaded.ledger]

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

    def detect(self, clip: Clip, images: Sequence[np.ndarray], times: Sequence[float]) -> list[Look]:
        """images: all of one size."""
        from hoigen.hoi.detectors._pairing import candidates
        from hoigen.hoi.detectors._verbs import crop

        verb, thing = asked(clip)
        frames = self._boxes(images, self._wanted(thing)) if len(images) else []
        pairs = [
            pair for at, found in enumerate(frames) for pair in candidates(at, found, self.threshold, 0, self.most)
        ]
        seen = self._verbs.seen([crop(images[pair.frame], pair.around) for pair in pairs]) if pairs else []
        looks: list[list[Pair]] = [[] for _ in times]
        for pair, picture in zip(pairs, seen, strict=True):
            looks[pair.frame].append(self._pair(pair, picture, images[pair.frame], verb))
        return [Look(time=at, pairs=found) for at, found in zip(times, looks, strict=True)]

    def _pair(self, pair: Candidate, picture: Any, image: np.ndarray, verb: str | None) -> Pair:
        from hoigen.hoi.detectors._pairing import scaled
        from hoigen.hoi.detectors._verbs import allowed

        height, width = image.shape[:2]
        chances = self._verbs.chances(picture, pair.thing.label, allowed(pair.thing.label, verb))
        both = pair.sure**self.power
        return Pair(
            person=scaled(pair.person.box, width, height),
            box=scaled(pair.thing.box, width, height),
            object=pair.thing.label,
            score=pair.sure,
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
        from hoigen.hoi.readers.boxes import BoxFinder

        return BoxFinder(self.boxes, self.device, self.dtype, self.threshold)

    @property
    def _verbs(self) -> VerbScorer:
        from hoigen.hoi.detectors._verbs import VerbScorer

        return VerbScorer(self.verbs, self.device, self.dtype, self.batch)
