"""Masks carried from frame to frame by SAM 2's memory, from the box in which an object is first detected."""

from __future__ import annotations

from collections.abc import Sequence
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


class Carrier:
    """SAM 2 with its memory at one clip. An object is shown to the model once, by its box; from then on the model says
    in every frame whether and where it is. A detection that lies on no carried object shows a lost one again, or begins
    another.

    Memory stays bounded, however long the clip. It is in this process: what is remembered of a clip would be lost with
    another one.

    Args:
        loaded: a model that carries masks, in this process.

    Source: Ravi et al., "SAM 2: Segment Anything in Images and Videos", 2024, as a stream.
    """

    def __init__(self, loaded: room.Loaded) -> None:
        self.loaded, self.masks = loaded, loaded.model
        self._session: Any = None
        self._carried: list[_Carried] = []
        self._frame = -1

    def carry(self, image: np.ndarray, time: float, found: Sequence[Held]) -> list[tuple[Held, Mask]]:
        """The objects of the next frame with their masks. found: those detected in it."""
        import torch

        self._frame += 1
        size, there = image.shape[:2], [each.held for each in self._carried if each.there]
        new = [
            held
            for held in found
            if not any(held.label == other.label and over(held.box, other.box) >= SAME for other in there)
        ]
        if not self._show(new, size) and not self._carried:
            return []
        pixels = self.loaded.run(self.masks.pixels, [image])[0]
        said = self.loaded.run(self.masks.model, inference_session=self._session, frame=pixels, frame_idx=self._frame)
        forget(self._session, self.masks.model.config, self._frame)
        logits = torch.nn.functional.interpolate(said.pred_masks.float(), size, mode="bilinear", align_corners=False)
        inside = (logits[:, 0] > 0).cpu().numpy()
        present = said.object_score_logits.float().flatten().cpu().numpy() > 0
        rows = []
        for each, whole, seen in zip(self._carried, inside, present, strict=True):
            mask = cropped(whole, f"{self.loaded.facts['found'].name}, propagated") if seen else None
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

    def _show(self, new: Sequence[Held], size: tuple[int, int]) -> bool:
        """Tells the model of new detections in the frame that comes next; whether there is any to be told of.

        Each is an object of its label that is lost, or the next one while there is room.
        """
        import torch
        from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoInferenceSession

        shown: dict[int, Held] = {}
        for held in new:
            lost = [at for at, each in enumerate(self._carried) if not each.there and each.held.label == held.label]
            free = [at for at in lost if at not in shown]
            if free:
                shown[free[0]] = held
            elif len(self._carried) < MOST:
                shown[len(self._carried)] = held
                self._carried.append(_Carried(held))
        if self._session is None:
            self._session = Sam2VideoInferenceSession(inference_device=self.loaded.device, dtype=torch.float32)
        scale = torch.tensor([self.masks.side / size[1], self.masks.side / size[0]])
        for at, held in shown.items():
            corners = torch.tensor(held.box).reshape(1, 1, 2, 2) * scale
            told = {"point_coords": corners, "point_labels": torch.tensor(CORNERS, dtype=torch.int32).reshape(1, 1, 2)}
            self._session.add_point_inputs(self._session.obj_id_to_idx(at), self._frame, told)
            self._carried[at].held = held
        self._session.obj_with_new_inputs = list(shown)
        return bool(shown)


def forget(session: Any, config: Any, now: int) -> None:
    """Lets go of frames and answers that are older than a model looks back, but for the first of each object: memory
    stays bounded.

    Args:
        session: of transformers, of a model that carries objects through a video.
        config: of the model, or of its tracker, which says how far it looks back.
        now: the number of the latest frame.
    """
    back = max(int(config.num_maskmem), int(config.max_object_pointers_in_encoder)) + 1
    for frame in [frame for frame in session.processed_frames or () if frame < now]:
        del session.processed_frames[frame]
    for at, kept in session.output_dict_per_obj.items():
        for rows in (kept["non_cond_frame_outputs"], session.frames_tracked_per_obj.get(at, {})):
            for frame in [frame for frame in rows if frame < now - back]:
                del rows[frame]
