"""Boundaries by TransNetV2, a network that was trained on them; for those who have torch."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from hoigen.core.clip import Seconds
from hoigen.core.settings import Setting
from hoigen.models import files, load, uses

if TYPE_CHECKING:
    import numpy as np

    from hoigen.video.shots import Frame

KNOWN = 25
"""Frames on either side of those that are judged in one look, as the network was trained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transnet:
    """Hard cuts, fades and dissolves, as a network finds them; needs extra [models].

    A boundary is the middle of a stretch of frames that the network takes for a transition. It looks at 100 frames of
    48 x 27 pixels at a time, whatever their times, and keeps what it says of the middle 50.

    Source: Souček and Lokoč, TransNet V2, arXiv 2008.04838.
    """

    threshold: Annotated[
        float, Setting("a frame is part of a transition where the network is surer than this, 0..1", above=0)
    ] = 0.5
    device: Annotated[str, Setting("auto, cpu, cuda or cuda:1")] = "auto"
    short_side: Annotated[int, Setting("pixels that frames are brought down to first", least=27)] = 54

    @property
    def models(self) -> tuple[uses.AnyUse, ...]:
        return uses.named("transnet")

    def boundaries(self, frames: Iterable[Frame]) -> Iterator[Seconds]:
        """Times of the first frames of new shots, in seconds, ascending.

        Args:
            frames: (H, W, 3) uint8 RGB, each with its time in seconds.
        """
        within: list[Seconds] = []
        for chance, at in self._chances(frames):
            if chance > self.threshold:
                within.append(at)
            elif within:
                # what is marked is the last frame of a shot, or a transition's: the new one begins behind its middle
                yield [*within, at][len(within) // 2 + len(within) % 2]
                within = []

    def _chances(self, frames: Iterable[Frame]) -> Iterator[tuple[float, Seconds]]:
        """How sure the network is of each frame, in order; the first and the last frame are repeated at the ends."""
        import cv2

        from hoigen.models.nets.transnet import FRAMES, HEIGHT, WIDTH

        kept = FRAMES - 2 * KNOWN
        images: list[np.ndarray] = []
        times: list[Seconds] = []
        for image, at in frames:
            small = cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
            images += [small] * (1 if images else KNOWN + 1)
            times.append(at)
            if len(images) == FRAMES:
                yield from zip(self._look(images), times, strict=False)
                del images[:kept], times[:kept]
        while times:
            padded = images + [images[-1]] * (FRAMES - len(images))
            yield from zip(self._look(padded), times, strict=False)
            images = images[kept:] or images[-1:]
            del times[:kept]

    def _look(self, images: list[np.ndarray]) -> list[float]:
        import numpy as np
        import torch

        network = _network(load.device_of(self.device))
        with torch.inference_mode():
            batch = torch.from_numpy(np.stack(images)[None]).to(next(network.parameters()).device)
            chances: list[float] = network(batch)[0, KNOWN:-KNOWN].tolist()
        return chances


@functools.cache
def _network(device: str) -> Any:
    """The network on a device; loaded once in a process."""
    load.needed("shots: transnet", "torch")
    from hoigen.models.nets import transnet

    return transnet.built(files.locate("transnet")).to(device)
