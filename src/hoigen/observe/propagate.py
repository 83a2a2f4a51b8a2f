"""Masks carried from frame to frame by SAM 2's memory, from the box in which an object is first detected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hoigen.models import room
from hoigen.observe.follow import SAME, Held
from hoigen.observe.geometry import over
from hoigen.observe.masks import Mask, cropped

if TYPE_CHECKING:
    import numpy as np

MOST = 6
"""Objects of a clip that are carried, those detected first: each costs a pass of the decoder in every later frame."""
CORNERS = (2, 3)
"""What SAM 2 calls a box: two points that are its upper left and its lower right corner."""


@dataclass(slots=True)
class _Carried:
    """An object that is carried. held: as it was last seen."""

    held: Held
    there: bool = True


@dataclass(frozen=True, slots=True)
class Propagator:
    """SAM 2 with its memory, in this process: what it remembers of a clip would be lost with another one."""

    name: str
    device: str
    dtype: str

    @property
    def loaded(self) -> room.Loaded:
        return room.load(room.network_of(self, "hoigen.observe.networks:carried"))

    def load(self) -> None:
        _ = self.loaded

    def begin(self) -> _Carrier:
        """For one clip."""
        return _Carrier(self.loaded)


class _Carrier:
    """One clip. An object is shown to the model once, by its box; from then on the model says in every frame whether
    and where it is. A detection that lies on no carried object shows a lost one again, or begins another.

    Memory stays bounded, however long the clip.
    Source: Ravi et al., "SAM 2: Segment Anything in Images and Videos", 2024, as a stream.
    """

    def __init__(self, loaded: room.Loaded) -> None:
        self.loaded, self.masks = loaded, loaded.model
        self._session: Any = None
        self._carried: list[_Carried] = []
        self._frame = -1

    def carry(self, image: np.ndarray, time: float, found: Sequence[Held]) -> list[tuple[Held, Mask]]:
        """The objects of the next frame with their masks. found: those detected in it."""
        self._frame += 1
        there = [each.held for each in self._carried if each.there]
        new = [
            held
            for held in found
            if not any(held.label == other.label and over(held.box, other.box) >= SAME for other in there)
        ]
        if not (shown := self._slots(new)) and not self._carried:
            return []
        self._show(shown, image.shape[:2])
        pixels = self.loaded.run(self.masks.pixels, [image])[0]
        said = self.loaded.run(self.masks.model, inference_session=self._session, frame=pixels, frame_idx=self._frame)
        self._forget()
        return self._seen(said, image.shape[:2], time, found)

    def _slots(self, new: Sequence[Held]) -> dict[int, Held]:
        """Which object each new detection is: one of its label that is lost, or the next one while there is room."""
        shown: dict[int, Held] = {}
        for held in new:
            lost = [at for at, each in enumerate(self._carried) if not each.there and each.held.label == held.label]
            free = [at for at in lost if at not in shown]
            if free:
                shown[free[0]] = held
            elif len(self._carried) < MOST:
                shown[len(self._carried)] = held
                self._carried.append(_Carried(held))
        return shown

    def _show(self, shown: Mapping[int, Held], size: tuple[int, int]) -> None:
        """Tells the model of objects in the frame that comes next."""
        import torch
        from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoInferenceSession

        if self._session is None:
            self._session = Sam2VideoInferenceSession(inference_device=self.loaded.device, dtype=torch.float32)
        scale = torch.tensor([self.masks.side / size[1], self.masks.side / size[0]])
        for at, held in shown.items():
            corners = torch.tensor(held.box).reshape(1, 1, 2, 2) * scale
            told = {"point_coords": corners, "point_labels": torch.tensor(CORNERS, dtype=torch.int32).reshape(1, 1, 2)}
            self._session.add_point_inputs(self._session.obj_id_to_idx(at), self._frame, told)
            self._carried[at].held = held
        self._session.obj_with_new_inputs = list(shown)

    def _seen(self, said: Any, size: tuple[int, int], time: float, found: Sequence[Held]) -> list[tuple[Held, Mask]]:
        import torch

        logits = torch.nn.functional.interpolate(said.pred_masks.float(), size, mode="bilinear", align_corners=False)
        inside = (logits[:, 0] > 0).cpu().numpy()
        there = said.object_score_logits.float().flatten().cpu().numpy() > 0
        rows = []
        for each, whole, present in zip(self._carried, inside, there, strict=True):
            mask = cropped(whole, f"{self.loaded.facts['found'].name}, propagated") if present else None
            each.there = mask is not None
            if mask is None:
                continue
            height, width = mask.pixels.shape
            box = (float(mask.left), float(mask.top), float(mask.left + width), float(mask.top + height))
            own = [held.score for held in found if held.label == each.held.label and over(held.box, box) >= SAME]
            score = max(own, default=each.held.score)
            each.held = Held(label=each.held.label, score=score, box=box, seen=time)
            rows.append((each.held, mask))
        return rows

    def _forget(self) -> None:
        """Frames and answers that are older than the model looks back are let go, but for the first of each object."""
        config = self.masks.model.config
        back = max(int(config.num_maskmem), int(config.max_object_pointers_in_encoder)) + 1
        for frame in [frame for frame in self._session.processed_frames if frame < self._frame]:
            del self._session.processed_frames[frame]
        for at in range(len(self._carried)):
            kept = self._session.output_dict_per_obj[at]["non_cond_frame_outputs"]
            tracked = self._session.frames_tracked_per_obj[at]
            for rows in (kept, tracked):
                for frame in [frame for frame in rows if frame < self._frame - back]:
                    del rows[frame]
