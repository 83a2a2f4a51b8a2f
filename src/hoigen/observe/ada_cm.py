"""ADA-CM, the detector that HOIGen-1M scores with: its published weights, or its memory without any training."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from hoigen.core.registry import observer
from hoigen.core.settings import Setting
from hoigen.interactions import hico
from hoigen.models import room, uses
from hoigen.observe.detections import Knows, Pair
from hoigen.observe.frame import ObservedFrame
from hoigen.observe.observation import About, Collecting

if TYPE_CHECKING:
    import numpy as np

    from hoigen.core.clip import Clip, Sampling, Seconds
    from hoigen.models.uses import AnyUse, Network

OF_SIZE = "the published CLIP of that size"
THETA = 0.2
"""The threshold that its pairs are used with, where a recipe names none."""
FEWEST, MOST = 3, 15
"""Persons, and things, of a frame: so many at least, however unsure, and at most."""


@observer("ada_cm")
class AdaCm:
    """ADA-CM on HICO-DET's 117 verbs and 80 objects, with a DETR that was trained on it. Needs extra [models].
    Looks without being asked; pairs with all verbs of a thing.

    A verb's score is its chance times (the person's score times the thing's) to the power of `power`.

    Either trained weights (`checkpoint`), which hold DETR too, or the mode that needs no training: `detr` and `memory`.
    None of these files can be fetched by a program: docs/coarse_hoi.md says where they are.

    Source: Lei et al., arXiv 2309.03696; upt_tip_cache_model_free_finetune_distill3.py (trained) and
    upt_tip_cache_model_free_ye.py (not trained) of github.com/ltttpku/ADA-CM, whose scores these equal.
    """

    checkpoint: Annotated[Path | None, Setting("trained weights of its authors (ResNet-50 with ViT-B or ViT-L)")] = None
    detr: Annotated[Path | None, Setting("without training: detr-r50-hicodet.pth")] = None
    memory: Annotated[
        Path | None,
        Setting(
            "without training: the features of HICO-DET's training set, "
            "union_embeddings_cachemodel_crop_padding_zeros_vitb16.p"
        ),
    ] = None
    clip: Annotated[
        str,
        Setting(
            "the CLIP that it was trained with, by its name on the hub or a folder; empty for the published one of "
            "that size"
        ),
    ] = ""
    threshold: Annotated[
        float, Setting("a less sure box is left out where there are more than three, between 0 and 1")
    ] = 0.2
    power: Annotated[float, Setting("of the boxes' scores, by which a verb's chance is multiplied", least=0)] = 2.8
    shots: Annotated[int, Setting("features of each pair that are kept of the memory", least=1)] = 8
    temperature: Annotated[
        float, Setting("without training: how likeness is shared among the verbs of a thing", above=0)
    ] = 0.05
    batch: Annotated[int, Setting("frames at once", least=1)] = 4
    device: Annotated[str, Setting("auto, cpu or cuda")] = "auto"

    sees = True
    gives = frozenset(("pairs",))
    short_side = 800
    """Of the frames: what DETR looks at."""

    def __post_init__(self) -> None:
        untrained = self.detr is not None and self.memory is not None
        if (self.checkpoint is not None) == (self.detr is not None or self.memory is not None) or (
            self.checkpoint is None and not untrained
        ):
            raise ValueError(
                "either checkpoint (trained), or detr and memory (not trained); docs/coarse_hoi.md says more"
            )
        if not 0 < self.threshold < 1:
            raise ValueError(f"threshold: above 0 and below 1; it came as {self.threshold}")
        if self.power < 0 or self.temperature <= 0:
            raise ValueError(f"power: 0 or more, temperature: above 0; came: {self.power}, {self.temperature}")
        if self.shots < 1 or self.batch < 1:
            raise ValueError(f"shots and batch: 1 or more; they came as {self.shots} and {self.batch}")

    @property
    def identity(self) -> Mapping[str, Any]:
        from hoigen.models import tensors
        from hoigen.models.load import identity

        given = {"checkpoint": self.checkpoint, "detr": self.detr, "memory": self.memory}
        files = {name: tensors.own(str(path)).sha256[:16] for name, path in given.items() if path is not None}
        settings = {"threshold": self.threshold, "power": self.power}
        if self.checkpoint is None:
            settings |= {"shots": self.shots, "temperature": self.temperature}
        clip = identity(self.clip) if self.clip else "as published"
        return {**settings, **files, "clip": clip}

    @property
    def knows(self) -> Knows:
        """Its words, before it is loaded."""
        return Knows(objects=frozenset(hico.objects()), verbs=frozenset(hico.verbs()))

    @property
    def about(self) -> About:
        boxes, verbs = map(room.handle, self.networks)
        return About(
            observer="ada_cm",
            theta=THETA,
            knows=self.knows,
            models=[*verbs.ledger] if self.checkpoint is not None else [*boxes.ledger, *verbs.ledger],
        )

    @property
    def networks(self) -> tuple[Network, Network]:
        """What is asked: for boxes, and for verbs."""
        from hoigen.observe.adacm import reading

        files = self.checkpoint, self.detr, self.memory
        return reading.networks(*files, clip=self.clip, device=self.device, shots=self.shots, batch=self.batch)

    @property
    def models(self) -> tuple[AnyUse, ...]:
        """Its own files, which a person brings, and CLIP; which one, where it is not named, those files say."""
        from hoigen.observe.adacm.reading import clip_for

        given = {"ada_cm": self.checkpoint, "ada_cm_detr": self.detr, "ada_cm_memory": self.memory}
        files = uses.of_files({card: str(path) for card, path in given.items() if path is not None})
        published = functools.partial(clip_for, self.checkpoint, self.memory, self.shots)
        return (*files, uses.of_hub(self.clip) if self.clip else uses.Undecided(OF_SIZE, published))

    def load(self) -> None:
        """Reads the weights, once per process."""
        for network in self.networks:
            _ = room.handle(network).facts

    def question(self, clip: Clip) -> str:
        return ""

    def begin(self, clip: Clip, sampling: Sampling) -> Collecting:
        return Collecting(self._frames)

    def _frames(self, images: Sequence[np.ndarray], times: Sequence[Seconds]) -> list[ObservedFrame]:
        """images: all of one size."""
        from hoigen.observe.adacm import reading

        boxes, half = map(room.handle, self.networks)
        if self.checkpoint is not None:
            verbs = functools.partial(reading.trained_verbs, half)
        else:
            verbs = functools.partial(reading.shot_verbs, half, self.temperature)
        size, frames = (images[0].shape[1], images[0].shape[0]) if images else (0, 0), []
        for start in range(0, len(images), self.batch):
            some = images[start : start + self.batch]
            for at, found in enumerate(reading.read(boxes, verbs, some, self.threshold, FEWEST, MOST), start):
                pairs = []
                for person, thing, chances in found:
                    sure = person.score * thing.score
                    scores = {verb: chance * sure**self.power for verb, chance in chances.items()}
                    pairs.append(Pair(person=person.box, box=thing.box, object=thing.label, score=sure, verbs=scores))
                frames.append(ObservedFrame(time=times[at], size=size, pairs=pairs))
        return frames
