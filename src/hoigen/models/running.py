"""Settings that the measures with models share, and frames through a model in batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hoigen.models import files as model_files
from hoigen.models import uses

DTYPES = ("float32", "float16")
_loaded: dict[tuple[str, ...], Loaded] = {}


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model of this process. ledger: name, digest and licence of each of its files."""

    model: Any
    device: str
    dtype: str
    ledger: tuple[Mapping[str, str], ...]

    def __call__(self, *inputs: Any, call: Callable[..., Any] | None = None) -> Any:
        """What the model says of inputs, as float32 on the CPU."""
        import torch

        inputs = tuple(each.to(self.device) for each in inputs)
        kind = torch.device(self.device).type
        with torch.inference_mode(), torch.autocast(kind, torch.float16, enabled=self.dtype == "float16"):
            return (call or self.model)(*inputs).float().cpu()


def check_settings(dtype: str, batch: int) -> None:
    if dtype not in DTYPES:
        raise ValueError(f"dtype: {' or '.join(DTYPES)}; it came as {dtype!r}")
    if batch < 1:
        raise ValueError(f"batch: 1 or more; it came as {batch}")


def loaded(module: str, files: Mapping[str, str], device: str, dtype: str) -> Loaded:
    """The model that a module's `built` makes of found checkpoints, loaded once a process and setting.

    files: the checkpoint's name -> a file of one's own, or empty for the published one.
    """
    import importlib

    from hoigen.models.load import device_of, needed, settle

    needed(f"the model of {', '.join(files)}")
    device = device_of(device)
    key = (module, device, dtype, *files, *files.values())
    if key not in _loaded:
        found = [model_files.locate(name, own) for name, own in files.items()]
        built = importlib.import_module(module).built(*found)
        model = settle(built, device, found[0].name)
        _loaded[key] = Loaded(model, device, dtype, tuple(each.ledger for each in found))
    return _loaded[key]


def identity_of(measure: Any, files: Mapping[str, str]) -> dict[str, Any]:
    """What a score of a measure depends on: sampling, precision and the content of the checkpoints."""
    import dataclasses

    return {
        "sampling": dataclasses.asdict(measure.sampling),
        "dtype": measure.dtype,
        "checkpoints": {use.id: uses.content_of(use) for use in uses.of_files(files)},
    }


class Batches:
    """Collects inputs of one size and hands them to a model many at a time; results come in order."""

    def __init__(self, model: Callable[[Any], Any], size: int, take: Callable[[Any], None]) -> None:
        self.model, self.size, self.take = model, size, take
        self.waiting: list[Any] = []

    def add(self, item: Any) -> None:
        """item: (1, ...); `take` is called with (1, ...) of the results, now or later."""
        self.waiting.append(item)
        if len(self.waiting) >= self.size:
            self.flush()

    def flush(self) -> None:
        if not self.waiting:
            return
        import torch

        waiting, self.waiting = torch.cat(self.waiting), []
        for result in self.model(waiting).split(1):
            self.take(result)
