"""What reads persons and objects off a clip for fine_hoi, by name: small models, models of the hub, a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from hoigen.hoi.scene import SceneReader


class Settings(Protocol):
    """What fine_hoi is told about its reader."""

    @property
    def reader(self) -> str: ...
    @property
    def recording(self) -> Path | None: ...
    @property
    def boxes(self) -> str: ...
    @property
    def masks(self) -> str: ...
    @property
    def points(self) -> str: ...
    @property
    def threshold(self) -> float: ...
    @property
    def device(self) -> str: ...
    @property
    def dtype(self) -> str: ...
    @property
    def batch(self) -> int: ...
    @property
    def propagate(self) -> bool: ...


def check(settings: Settings) -> None:
    """Raises ValueError for settings that cannot be."""
    from hoigen.models.load import DTYPES

    if (settings.recording is not None) != (settings.reader == "recorded"):
        raise ValueError("reader: recorded and recording: FILE go together")
    for name in ("boxes", "masks", "points"):
        if not getattr(settings, name):
            raise ValueError(f"{name}: a folder, or an id of the Hugging Face hub (owner/name)")
    if settings.propagate and settings.masks == "grabcut":
        raise ValueError("propagate: needs SAM 2 as masks; GrabCut has no memory")
    if not 0 < settings.threshold < 1:
        raise ValueError(f"threshold: between 0 and 1; it came as {settings.threshold}")
    if settings.dtype not in DTYPES:
        raise ValueError(f"dtype: {', '.join(DTYPES)}; it came as {settings.dtype!r}")
    if settings.batch < 1:
        raise ValueError(f"batch: 1 or more; it came as {settings.batch}")


def made(settings: Settings) -> SceneReader:
    """The reader that the settings ask for; its models load later."""
    if settings.reader == "models":
        from hoigen.hoi.readers.models import ModelsReader

        return ModelsReader(
            settings.boxes,
            settings.masks,
            settings.points,
            settings.device,
            settings.dtype,
            settings.batch,
            settings.threshold,
            settings.propagate,
        )
    if settings.recording is not None:
        from hoigen.hoi.readers.recorded import RecordedReader

        return RecordedReader(settings.recording)
    from hoigen.hoi.light import LightReader

    return LightReader()
