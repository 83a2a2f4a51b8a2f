"""Persons, hands and the asked thing by SAM 3: words in, masks over time out; what is absent is absent."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from hoigen.core.registry import observer
from hoigen.core.settings import Setting
from hoigen.interactions import hico
from hoigen.models import load as loading
from hoigen.models import room, uses
from hoigen.models.load import DTYPES
from hoigen.models.uses import Network
from hoigen.observe.detections import Box, Knows, asked, question_of
from hoigen.observe.frame import MOST, ObservedFrame, Person, Thing
from hoigen.observe.geometry import area, shared
from hoigen.observe.hub_model import HubModel
from hoigen.observe.masks import Mask, cropped
from hoigen.observe.observation import About, FrameRows
from hoigen.observe.poses import find_points, person_of
from hoigen.observe.propagate import forget

if TYPE_CHECKING:
    import numpy as np

    from hoigen.core.clip import Clip, Sampling, Seconds
    from hoigen.models.uses import ModelUse

PERSON, HAND = "person", "hand"
HELD = "object held in a hand"
"""What is looked for where the prompt names no thing."""
THING = "thing"
"""The label of such a thing."""
LANDMARKS = 21
"""Points of a hand's outline that stand for its landmarks, of which as many are known to every observer."""
LENGTH = 32
"""Tokens of a prompt, as SAM 3 was trained with."""


@observer("sam3")
class Sam3:
    """Persons with points, hands, and the asked thing with masks and identities, by SAM 3 and ViTPose of the Hugging
    Face hub; needs extra [models], and a graphics card is wanted.

    SAM 3 is asked for "person", "hand" and the prompt's thing, any word; what it sees it follows by its memory, and
    what it does not see is not there. Hands are outlines: points along them stand for landmarks. Where the prompt names
    no thing, what is held in a hand is looked for. It is kept by the prompt's thing.

    Its weights are gated, under the SAM License of 2025-11-19. They were not run where hoigen was made.

    Source: Carion et al., "SAM 3: Segment Anything with Concepts", 2025, as a stream of frames.
    """

    model: Annotated[str, Setting("SAM 3 for video: an id of the hub (owner/name), or a folder")] = "facebook/sam3"
    points: Annotated[str, Setting("ViTPose")] = "usyd-community/vitpose-base-simple"
    device: Annotated[str, Setting("auto, cpu or cuda")] = "auto"
    dtype: Annotated[str, Setting("float32, bfloat16 or float16")] = "float32"
    batch: Annotated[int, Setting("frames at once for points; what is seen stays the same", least=1)] = 8

    sees = True
    gives = frozenset(("persons", "things"))

    def __post_init__(self) -> None:
        for name in ("model", "points"):
            if not getattr(self, name):
                raise ValueError(f"{name}: a folder, or an id of the Hugging Face hub (owner/name)")
        if self.dtype not in DTYPES:
            raise ValueError(f"dtype: {', '.join(DTYPES)}; it came as {self.dtype!r}")
        if self.batch < 1:
            raise ValueError(f"batch: 1 or more; it came as {self.batch}")

    @property
    def identity(self) -> Mapping[str, Any]:
        return {"models": [loading.identity(name) for name in (self.model, self.points)], "dtype": self.dtype}

    @property
    def models(self) -> tuple[ModelUse, ...]:
        return uses.of_hub(self.model), uses.of_hub(self.points)

    @functools.cached_property
    def of_masks(self) -> HubModel:
        return HubModel("concepts", self.model, self.device, self.dtype, self.batch)

    @functools.cached_property
    def of_points(self) -> HubModel:
        return HubModel("points", self.points, self.device, self.dtype, self.batch)

    @property
    def networks(self) -> tuple[Network, ...]:
        """What is asked. SAM 3's memory of a clip stays in the process that looks at it."""
        return (self.of_points.network,)

    @property
    def about(self) -> About:
        ledger = [*room.load(self.of_masks.network).ledger, *self.of_points.loaded.ledger]
        return About(observer="sam3", knows=Knows(objects=None, verbs=None), models=ledger)

    def load(self) -> None:
        _ = room.load(self.of_masks.network).facts, self.of_points.loaded.facts, self.tokenizer

    @functools.cached_property
    def tokenizer(self) -> Any:
        return loading.processor("tokenizer", room.load(self.of_masks.network).facts["found"])

    def question(self, clip: Clip) -> str:
        return question_of(None, asked(clip)[1])

    def begin(self, clip: Clip, sampling: Sampling) -> _Watching:
        return _Watching(self, asked(clip)[1])


class _Watching:
    """One clip: SAM 3's memory of it. wanted: the thing that is looked for; None for what is held."""

    def __init__(self, settings: Sam3, wanted: str | None) -> None:
        import torch
        from transformers.models.sam3_video.modeling_sam3_video import Sam3VideoInferenceSession

        self.settings = settings
        self.loaded = room.load(settings.of_masks.network)
        self.session = Sam3VideoInferenceSession(inference_device=self.loaded.device, dtype=torch.float32)
        thing = HELD if wanted is None else hico.words(wanted)
        self.labels = {PERSON: PERSON, HAND: HAND, thing: THING if wanted is None else wanted}
        self.wanted = self.labels[thing]
        for text in self.labels:
            prompt = self.session.add_prompt(text)
            tokens = settings.tokenizer(
                text, return_tensors="pt", padding="max_length", max_length=LENGTH, truncation=True
            )
            self.session.prompt_input_ids[prompt] = tokens["input_ids"].to(self.loaded.device)
            self.session.prompt_attention_masks[prompt] = tokens["attention_mask"].to(self.loaded.device)
        self.waiting: list[tuple[np.ndarray, Seconds, list[tuple[str, float, Mask]]]] = []
        self.frames = FrameRows()

    def see(self, image: np.ndarray, time: Seconds) -> None:
        self.waiting.append((image.copy(), time, self._masks(image)))
        if len(self.waiting) >= self.settings.batch:
            self.finish()

    def _masks(self, image: np.ndarray) -> list[tuple[str, float, Mask]]:
        """(label, score, mask) of all that is there in the next frame."""
        import torch

        network = self.loaded.model
        pixels = self.loaded.run(network.pixels, [image])[0]
        said = self.loaded.run(network.model, inference_session=self.session, frame=pixels)
        hidden = {*(said.suppressed_obj_ids or ()), *(said.removed_obj_ids or ())}
        found = []
        for number in sorted(said.obj_id_to_mask):
            if number in hidden:
                continue
            logits = said.obj_id_to_mask[number].float()[None]
            whole = torch.nn.functional.interpolate(logits, image.shape[:2], mode="bilinear", align_corners=False)
            inside = (whole[0, 0] > 0).cpu().numpy()
            mask = cropped(inside, self.loaded.facts["found"].name)
            if mask is not None:
                text = self.session.prompts[self.session.obj_id_to_prompt_id[number]]
                score = min(1.0, max(0.0, float(said.obj_id_to_score.get(number, 0.0))))
                found.append((self.labels[text], score, mask))
        forget(self.session, self.loaded.model.model.config.tracker_config, int(said.frame_idx))
        return found

    def finish(self) -> FrameRows:
        """All frames; those that wait get their points."""
        if not self.waiting:
            return self.frames
        waiting, self.waiting = self.waiting, []
        who = [surest(found, PERSON) for _, _, found in waiting]
        boxes = [[box_of(mask) for _, mask in row] for row in who]
        places = find_points(self.settings.of_points, [image for image, _, _ in waiting], boxes)
        for (image, time, found), row, mine, points in zip(waiting, who, boxes, places, strict=True):
            made = [person_of(at, box, score) for at, box, (score, _) in zip(points, mine, row, strict=True)]
            persons = with_hands([person for person in made if person is not None], surest(found, HAND))
            things = [
                Thing(label=self.wanted, score=score, box=box_of(mask), mask=mask)
                for score, mask in surest(found, self.wanted)
            ]
            size = image.shape[1], image.shape[0]
            self.frames.append(ObservedFrame(time=time, size=size, persons=persons, things=things))
        return self.frames


def surest(found: Sequence[tuple[str, float, Mask]], label: str) -> list[tuple[float, Mask]]:
    """Scores and masks of one label, the surest first, MOST at most."""
    mine = [(score, mask) for name, score, mask in found if name == label]
    return sorted(mine, key=lambda each: -each[0])[:MOST]


def box_of(mask: Mask) -> Box:
    """Around a mask, in pixels of the picture."""
    height, width = mask.pixels.shape
    return float(mask.left), float(mask.top), float(mask.left + width), float(mask.top + height)


def with_hands(persons: Sequence[Person], hands: Sequence[tuple[float, Mask]]) -> list[Person]:
    """Persons with the hands that lie in their boxes; a hand that lies in nobody's is a person of its own."""
    from dataclasses import replace

    mine: list[list[Any]] = [list(person.hands) for person in persons]
    alone = []
    for score, mask in hands:
        box, outline = box_of(mask), outline_of(mask)
        if outline is None:
            continue
        inside = [shared(box, person.box) / max(1e-9, area(box)) for person in persons]
        best = max(range(len(inside)), key=inside.__getitem__, default=None)
        if best is not None and inside[best] > 0.5:
            mine[best].append(outline)
        else:
            alone.append(Person(box=box, hands=[outline], score=score))
    return [*(replace(person, hands=own) for person, own in zip(persons, mine, strict=True)), *alone]


def outline_of(mask: Mask) -> np.ndarray | None:
    """(21, 2) points along the outline of a hand, pixels; the first is an end of its length. None for a speck."""
    import cv2
    import numpy as np

    pieces, _ = cv2.findContours(mask.pixels.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    largest = max(pieces, key=len, default=None)
    if largest is None or len(largest) < 3:
        return None
    edge = largest[:, 0].astype(float)
    middle = edge.mean(axis=0)
    far = int(np.hypot(*(edge - middle).T).argmax())
    turned = np.roll(edge, -far, axis=0)
    picked = turned[np.linspace(0, len(turned) - 1, LANDMARKS).round().astype(int)]
    return np.asarray(picked + np.array([mask.left + 0.5, mask.top + 0.5]))
