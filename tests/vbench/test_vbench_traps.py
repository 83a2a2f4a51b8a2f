"""Each way in which VBench is easily misread moves a number: the videos and weights of the tests would show it.

What VBench says stands next to what comes out when the trap is stepped into on purpose.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import seeded
from sides import score_of, vbench_said

from hoigen.core.clip import EveryFrame
from hoigen.measures.aesthetic_quality import AestheticQuality
from hoigen.measures.background_consistency import BackgroundConsistency
from hoigen.measures.imaging_quality import ImagingQuality
from hoigen.measures.overall_consistency import OverallConsistency
from hoigen.measures.subject_consistency import SubjectConsistency

torch = pytest.importorskip("torch")
torch.set_num_threads(1)
F = torch.nn.functional

from hoigen.measures.vbench import pictures  # noqa: E402
from hoigen.models.nets.dino import Dino  # noqa: E402
from hoigen.models.nets.laion import Predictor  # noqa: E402

PROMPT = "a person riding a bicycle"
MEASURES: dict[str, tuple[type, str, dict[str, str]]] = {
    "subject_consistency": (SubjectConsistency, "dino", {}),
    "background_consistency": (BackgroundConsistency, "clip_b32", {}),
    "aesthetic_quality": (AestheticQuality, "clip_l14", {"head": "laion"}),
    "imaging_quality": (ImagingQuality, "musiq", {}),
    "overall_consistency": (OverallConsistency, "viclip", {}),
}
TOLERANCE = 3e-7


@dataclass(frozen=True)
class Trap:
    """step: puts what is wrong in place. settings: of the measure, where the trap is one of its settings."""

    dimension: str
    video: str
    step: Callable[[pytest.MonkeyPatch], None] = lambda patch: None
    settings: tuple[tuple[str, Any], ...] = ()


def smoothed(patch: pytest.MonkeyPatch) -> None:
    def scaled(frames: Any, size: tuple[int, int], mode: str) -> Any:
        return F.interpolate(frames, size, mode=mode, align_corners=False, antialias=True)

    patch.setattr(pictures, "scaled", scaled)


def rounded_size(patch: pytest.MonkeyPatch) -> None:
    def shorter_to(frames: Any, side: int, mode: str) -> Any:
        height, width = frames.shape[-2:]
        factor = side / min(height, width)
        return pictures.scaled(frames, (round(height * factor), round(width * factor)), mode)

    patch.setattr(pictures, "shorter_to", shorter_to)


def rounded_large(patch: pytest.MonkeyPatch) -> None:
    def musiq(image: Any, resize: str) -> Any:
        frames = pictures.floats(image)
        factor = 512 / max(frames.shape[-2:])
        return pictures.scaled(frames, tuple(round(factor * side) for side in frames.shape[-2:]), "bilinear") / 255

    patch.setattr(pictures, "musiq", musiq)


def half_down(patch: pytest.MonkeyPatch) -> None:
    def middle(frames: Any, side: int) -> Any:
        top, left = ((length - side) // 2 for length in frames.shape[-2:])
        return frames[..., top : top + side, left : left + side]

    patch.setattr(pictures, "middle", middle)


def cropped(patch: pytest.MonkeyPatch) -> None:
    whole = pictures.dino
    patch.setattr(pictures, "dino", lambda image: pictures.middle(whole(image), 224))


def wrong_mode(patch: pytest.MonkeyPatch) -> None:
    scaled = pictures.scaled
    other = {"bilinear": "bicubic", "bicubic": "bilinear"}
    patch.setattr(pictures, "scaled", lambda frames, size, mode: scaled(frames, size, other[mode]))


def whole_greys(patch: pytest.MonkeyPatch) -> None:
    scaled = pictures.scaled
    patch.setattr(pictures, "scaled", lambda *given: scaled(*given).clamp(0, 255).round())


def broken_greys(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(pictures, "clip_rounded", pictures.clip)


def wanted_size(patch: pytest.MonkeyPatch) -> None:
    """The position embedding brought to the size itself, without the tenth of a patch."""

    def positions(self: Any, height: int, width: int) -> Any:
        square = self.pos_embed[:, 1:].reshape(1, self.grid, self.grid, -1).permute(0, 3, 1, 2)
        made = F.interpolate(square, (height // self.patch, width // self.patch), mode="bicubic")
        return torch.cat([self.pos_embed[:, :1], made.flatten(2).transpose(1, 2)], dim=1)

    patch.setattr(Dino, "positions", positions)


def any_length(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Predictor, "forward", lambda self, frames: self.head(self.clip(frames)).squeeze(-1))


IGNORED_TAGS = (("sampling", EveryFrame(untagged=True)),)
TRAPS = {
    "subject: colour tags ignored": Trap("subject_consistency", "bt709", settings=IGNORED_TAGS),
    "background: full range ignored": Trap("background_consistency", "full", settings=IGNORED_TAGS),
    "aesthetic: full range ignored": Trap("aesthetic_quality", "full", settings=IGNORED_TAGS),
    "imaging: colour tags ignored": Trap("imaging_quality", "bt709", settings=IGNORED_TAGS),
    "overall: full range ignored": Trap("overall_consistency", "full", settings=IGNORED_TAGS),
    "subject: smoothed before scaling": Trap("subject_consistency", "large", smoothed),
    "background: smoothed before scaling": Trap("background_consistency", "large", smoothed),
    "imaging: smoothed before scaling": Trap("imaging_quality", "large", smoothed),
    "overall: smoothed before scaling": Trap("overall_consistency", "large", smoothed),
    "subject: long side rounded": Trap("subject_consistency", "wide", rounded_size),
    "background: long side rounded": Trap("background_consistency", "wide", rounded_size),
    "imaging: large frames rounded": Trap("imaging_quality", "wide", rounded_large),
    "imaging: large frames as they are": Trap("imaging_quality", "large", settings=(("resize", "none"),)),
    "background: half a pixel down": Trap("background_consistency", "wide", half_down),
    "subject: the middle alone": Trap("subject_consistency", "plain", cropped),
    "subject: bicubic": Trap("subject_consistency", "plain", wrong_mode),
    "background: bilinear": Trap("background_consistency", "plain", wrong_mode),
    "background: whole grey levels": Trap("background_consistency", "plain", whole_greys),
    "imaging: whole grey levels": Trap("imaging_quality", "large", whole_greys),
    "overall: broken grey levels": Trap("overall_consistency", "plain", broken_greys),
    "subject: positions by size": Trap("subject_consistency", "plain", wanted_size),
    "subject: as many patches as trained, not square": Trap("subject_consistency", "nearly", wanted_size),
    "aesthetic: embeddings of any length": Trap("aesthetic_quality", "plain", any_length),
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    for _, model, others in MEASURES.values():
        for name in (model, *others.values()):
            torch.save(seeded.tensors(name), folder / f"{name}.pth")
    return folder


def value_of(weights: Path, dimension: str, video: str, settings: dict[str, Any]) -> float:
    make, model, others = MEASURES[dimension]
    files = {key: str(weights / f"{name}.pth") for key, name in others.items()}
    measure = make(checkpoint=str(weights / f"{model}.pth"), device="cpu", **files, **settings)
    value = score_of(measure, video, PROMPT).value
    assert value is not None
    return value


@pytest.mark.parametrize("name", TRAPS)
def test_it_would_show(weights: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    trap = TRAPS[name]
    said = vbench_said()[trap.dimension][trap.video] / (100 if trap.dimension == "imaging_quality" else 1)
    assert value_of(weights, trap.dimension, trap.video, {}) == pytest.approx(said, abs=TOLERANCE)
    trap.step(monkeypatch)
    assert abs(value_of(weights, trap.dimension, trap.video, dict(trap.settings)) - said) > 3 * TOLERANCE
