"""The models' room: all that is loaded, once a process, whoever asks; and the handles by which it is asked.

    Network   a frozen description of a network (`uses.Network`): what builds it, its files, device, precision, batch
    handle    what answers for a description: `Loaded` in this process, `RemoteNetwork` of the process that owns them
    once      small models of the CPU and other things that a process makes once

Measures and experts are settings and hold nothing of this. In a worker whose run has a process that owns the models
(`hoigen.models.host`), `handle` gives what asks that process; elsewhere it loads here.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import threading
import weakref
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Protocol, TypeVar, runtime_checkable

from hoigen.core import devices
from hoigen.core.errors import SetupError
from hoigen.core.settings import Setting
from hoigen.models import files, tensors, uses
from hoigen.models import load as loading
from hoigen.models.client import Client
from hoigen.models.uses import Network

T = TypeVar("T")
DTYPES = ("float32", "float16")
"""Of the networks whose files are named checkpoints; those of the hub know bfloat16 too (`load.DTYPES`)."""

# Settings that measures with such a network have.
Device = Annotated[str, Setting("auto, cpu or cuda")]
Dtype = Annotated[str, Setting("float32, or float16")]
Batch = Annotated[int, Setting("frames in one batch; it changes no number", least=1)]


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked of a network: a method and its arrays. A method that is given one list takes items of any size,
    and gives a result for each; all others take arrays whose first axis counts the rows.

    Args:
        method: of the network.
        inputs: its arguments in order.
        named: its arguments by name.
        most: rows that may go together.
    """

    method: str
    inputs: tuple[Any, ...]
    named: Mapping[str, Any]
    most: int = 1

    @property
    def arrays(self) -> tuple[Any, ...]:
        return (*self.inputs, *self.named.values())

    @property
    def rows(self) -> int:
        counts = self.arrays and (isinstance(self.arrays[0], list) or getattr(self.arrays[0], "shape", None))
        return len(self.arrays[0]) if counts else 1

    @property
    def alike(self) -> Hashable:
        """What calls have in common that can go together; one that nothing can go with is itself alone."""
        if len(self.arrays) == 1 and isinstance(self.inputs[0] if self.inputs else None, list):
            return self.method, list
        if not self.arrays or any(not getattr(each, "shape", ()) or len(each) != self.rows for each in self.arrays):
            return id(self)
        kinds = tuple((tuple(each.shape[1:]), str(each.dtype)) for each in self.arrays)
        return self.method, len(self.inputs), tuple(self.named), kinds


@runtime_checkable
class _HasFacts(Protocol):
    """A torch module of which a measure has to know plain values."""

    facts: Mapping[str, Any]


@runtime_checkable
class _HasLedger(Protocol):
    """A torch module made of more than its files and models; empty where they are all."""

    ledger: Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A network of this process, asked by calling it.

    Args:
        model: a torch module.
        device: where it is.
        dtype: of the computation (autocast).
        facts: what its builder says of it.
        ledger: name, digest and licence of each of its files.
    """

    model: Any
    device: str
    dtype: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    ledger: tuple[Mapping[str, str], ...] = ()

    def __call__(self, *inputs: Any, method: str = "forward", **named: Any) -> Any:
        """What a method returns: tensors on the CPU, float32 for all that is no whole number, in the shape of its
        answer (one tensor, a tuple or a list of them).

        Args:
            inputs, named: tensors or arrays, or one list of items.
            method: of the network.
        """

        def on_cpu(array: Any) -> Any:
            tensor = _tensor(array)
            return (tensor.float() if tensor.is_floating_point() else tensor).detach().cpu()

        what = self.model if method == "forward" else getattr(self.model, method)
        return _mapped(self.run(what, *inputs, **named), on_cpu)

    def run(self, what: Callable[..., Any], *inputs: Any, **named: Any) -> Any:
        """Calls the model or a part of it, without gradients and in `dtype`; returns its answer as it is, where it is.

        Args:
            what: the model, or a method or module of it.
            inputs, named: its arguments; arrays and tensors are moved to the device.
        """
        import torch

        moved = functools.partial(_mapped, change=lambda array: _tensor(array).to(self.device))
        kind, dtype = torch.device(self.device).type, getattr(torch, self.dtype)
        with torch.inference_mode(), torch.autocast(kind, dtype, enabled=self.dtype != "float32"):
            return what(*moved(inputs), **moved(named))

    def answers(self, calls: Sequence[Call]) -> list[Any]:
        """The answer to each of several `calls` that are alike; an exception where one fails. What fails in company is
        tried in halves, so that it fails alone. Raises DeviceLostError when this process can use its card no more."""
        try:
            if len(calls) > 1:
                return self._together(calls)
            return [self(*calls[0].inputs, method=calls[0].method, **calls[0].named)]
        except Exception as error:
            if devices.lost(error):
                raise devices.DeviceLostError(f"{type(error).__name__}: {error}") from error
            if devices.no_room(error):
                devices.let_go()
            if len(calls) == 1:
                return [error]
        half = len(calls) // 2
        return [*self.answers(calls[:half]), *self.answers(calls[half:])]

    def _together(self, calls: Sequence[Call]) -> list[Any]:
        import torch

        first, counts = calls[0], [call.rows for call in calls]
        if isinstance(first.arrays[0], list):
            answer = list(self([item for call in calls for item in call.inputs[0]], method=first.method))
        else:
            columns = zip(*(call.inputs for call in calls), strict=True)
            inputs = [torch.cat([_tensor(each) for each in column]) for column in columns]
            named = {name: torch.cat([_tensor(call.named[name]) for call in calls]) for name in first.named}
            answer = self(*inputs, method=first.method, **named)
        return _parted(answer, counts)


def _parted(answer: Any, counts: Sequence[int]) -> list[Any]:
    """The rows of each call. Raises ValueError for an answer that has not a row for each row that was asked."""
    if isinstance(answer, tuple):
        return list(zip(*(_parted(each, counts) for each in answer), strict=True))
    if isinstance(answer, Mapping):
        columns = {name: _parted(each, counts) for name, each in answer.items()}
        return [{name: column[at] for name, column in columns.items()} for at in range(len(counts))]
    if len(answer) != sum(counts):
        raise ValueError(f"a network was given {sum(counts)} rows and answered {len(answer)}")
    parts, start = [], 0
    for count in counts:
        parts.append(answer[start : start + count])
        start += count
    return parts


def _tensor(value: Any) -> Any:
    import torch

    if any(step < 0 for step in getattr(value, "strides", ())):
        value = value.copy()  # reversed, as `images[..., ::-1]`: torch has no such steps
    return torch.as_tensor(value)


def _mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """A value with every array in it changed: in tuples, lists and mappings."""
    if isinstance(value, Mapping):
        return {name: _mapped(each, change) for name, each in value.items()}
    if isinstance(value, tuple | list):
        mapped = [_mapped(each, change) for each in value]
        return type(value)(*mapped) if hasattr(value, "_fields") else type(value)(mapped)
    return change(value) if hasattr(value, "dtype") and hasattr(value, "shape") else value


def as_arrays(value: Any) -> Any:
    """A `value` with numpy arrays in place of its tensors, to be sent; bfloat16, which numpy lacks, becomes float32."""

    def array_of(array: Any) -> Any:
        if not hasattr(array, "numpy"):
            return array
        known = array.detach().cpu()
        return (known.float() if str(known.dtype) == "torch.bfloat16" else known).numpy()

    return _mapped(value, array_of)


# what this process has


@dataclass(slots=True)
class _Kept:
    """owners: those who took it and have not given it back; None among them keeps it for good."""

    thing: Any
    owners: set[int | None] = field(default_factory=set)


_kept: dict[Hashable, _Kept] = {}
_lock = threading.RLock()
_running: dict[int, Any] = {}
_owner = ""


def take(key: Hashable, owner: object, make: Callable[[], T]) -> T:
    """The thing of that key, made if nobody has it yet.

    Args:
        key: what it is known by in this process.
        owner: it is kept until its last owner gives it back; with None, as long as the process lives.
        make: makes it.
    """
    with _lock:
        if key not in _kept:
            _kept[key] = _Kept(make())
        _kept[key].owners.add(None if owner is None else id(owner))
        thing: T = _kept[key].thing
        return thing


def once(make: Callable[..., T], *arguments: Hashable) -> T:
    """What `make` makes of these `arguments`, once a process."""
    return take((make, arguments), None, lambda: make(*arguments))


def taken(key: Hashable) -> Any:
    """The thing of that key, or None where nobody has it. Waits for nothing that is being loaded."""
    kept = _kept.get(key)
    return None if kept is None else kept.thing


def give_back(key: Hashable, owner: object) -> None:
    """The `owner` of the thing of that `key` lets it go; it is closed when nobody has it any more."""
    with _lock:
        if key not in _kept:
            return
        _kept[key].owners.discard(id(owner))
        if _kept[key].owners:
            return
        thing = _kept.pop(key).thing
    thing.close()


def running(owner: Any, make: Callable[[], T]) -> T:
    """What runs for one description (an event loop, a file of answers), made on first use.

    Args:
        owner: the description; the thing is kept as long as this very object lives. One that is equal has its own.
        make: makes it.
    """
    with _lock:
        if id(owner) not in _running:
            _running[id(owner)] = make()
            weakref.finalize(owner, _running.pop, id(owner), None)
        found: T = _running[id(owner)]
        return found


@contextlib.contextmanager
def owned_by(address: str) -> Iterator[None]:
    """Within this, networks are asked at the process that listens there; with an empty address they are loaded here."""
    global _owner
    before, _owner = _owner, address
    try:
        yield
    finally:
        _owner = before


def handle(network: Network) -> Handle:
    """What answers for a `network`: here, or in the process that owns the models of this run."""
    return once(RemoteNetwork, _owner, network) if _owner else load(network)


class RemoteNetwork:
    """A network that the process at that address has loaded; asked as one that is loaded here (`Loaded`)."""

    def __init__(self, address: str, network: Network) -> None:
        import torch  # noqa: F401  (answers are tensors: read in while a worker is set up, not in a clip's time)

        self.client, self.network = Client(address), network

    @functools.cached_property
    def _about(self) -> tuple[Mapping[str, Any], Sequence[Mapping[str, str]]]:
        """Facts and ledger."""
        found: tuple[Mapping[str, Any], Sequence[Mapping[str, str]]] = self.client.wait(self.network.name, None)
        return found

    @property
    def facts(self) -> Mapping[str, Any]:
        return self._about[0]

    @property
    def ledger(self) -> Sequence[Mapping[str, str]]:
        return self._about[1]

    def __call__(self, *inputs: Any, method: str = "forward", **named: Any) -> Any:
        call = Call(method, as_arrays(inputs), as_arrays(named), self.network.batch)
        return _mapped(self.client.wait(self.network.name, call), _tensor)


Handle = Loaded | RemoteNetwork
"""What answers for a network, wherever it is. `facts` is what its builder says of it, `ledger` name, digest and licence
of each of its files."""


def load(network: Network) -> Loaded:
    """The `network` in this process, loaded if it is not yet.

    Raises SetupError or UsageError for what cannot be loaded, NoRoomError where memory does not suffice.
    """
    named = [*(name for name, _ in network.files), *network.models]
    loading.needed(f"the model of {', '.join(named)}", *([] if network.models else ["torch"]))
    placed = replace(network, device=loading.device_of(network.device))
    return take(placed, None, lambda: _loaded(placed))


def _loaded(network: Network) -> Loaded:
    module, _, function = network.build.partition(":")
    own = [tensors.own(path) if path else files.locate(name) for name, path in network.files]
    models = [loading.resolve(name) for name in network.models]
    for found in models:
        loading.check_memory(found, "float32", network.device)
    try:
        build = getattr(importlib.import_module(module), function)
    except (AttributeError, ModuleNotFoundError, ValueError) as error:
        if isinstance(error, ModuleNotFoundError) and error.name != module:
            raise  # the module is there, and lacks another one
        raise SetupError(f"build: module:function; it came as {network.build!r} ({error})") from None
    built = build(*own, *models, **dict(network.options))
    names = [*(each.name for each in own), *(each.name for each in models)]
    if not callable(getattr(built, "to", None)) or not callable(getattr(built, "eval", None)):
        raise SetupError(f"build: {network.build} gave {type(built).__name__}; it has to give a torch module")
    model = loading.settle(built, network.device, names[0] if names else network.build)
    ledger = (isinstance(model, _HasLedger) and model.ledger) or [
        *(each.ledger for each in own),
        *map(loading.ledger, models),
    ]
    facts = model.facts if isinstance(model, _HasFacts) else {}
    return Loaded(model, network.device, network.dtype, facts, tuple(ledger))


# what the measures with networks share


def check_settings(dtype: str, batch: int) -> None:
    if dtype not in DTYPES:
        raise ValueError(f"dtype: {' or '.join(DTYPES)}; it came as {dtype!r}")
    if batch < 1:
        raise ValueError(f"batch: 1 or more; it came as {batch}")


def identity_of(measure: Any, files: Mapping[str, str]) -> dict[str, Any]:
    """What a score of a `measure` depends on: sampling, precision and the content of the checkpoints.

    Args:
        measure: has `sampling` and `dtype`.
        files: its checkpoints by the ids of their cards, each with a file of one's own in its place, or empty.
    """
    import dataclasses

    return {
        "sampling": dataclasses.asdict(measure.sampling),
        "dtype": measure.dtype,
        "checkpoints": {use.id: uses.content_of(use) for use in uses.of_files(files)},
    }


def network_of(thing: Any, build: str, batch: int = 1) -> Network:
    """The network of a measure or finder, as its settings describe it.

    Args:
        thing: has `device` and `dtype`, and `files` (a card's id -> a file of one's own) or `name`, a model of the hub.
        build: `module:function` that makes the network.
        batch: rows that may go through it at once.
    """
    files = tuple(thing.files.items()) if isinstance(thing, uses.HasFiles) else ()
    models = () if isinstance(thing, uses.HasFiles) else (thing.name,)
    return Network(build=build, files=files, models=models, device=thing.device, dtype=thing.dtype, batch=batch)
