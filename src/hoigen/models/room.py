"""The models' room: all that is loaded, once a process, whoever asks; and the handles by which it is asked.

    Network   a frozen description of a network (`uses.Network`): what builds it, its files, device, precision, batch
    handle    what answers for a description: `Loaded` in this process, `RemoteNetwork` of the process that owns them
    once      small models of the CPU and other things that a process makes once

Measures and experts are settings and hold nothing of this. In a worker whose run has a process that owns the models
(`hoigen.models.host`), `handle` gives what asks that process; elsewhere it loads here.
"""

from __future__ import annotations

import contextlib
import contextvars
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
from hoigen.models.arena import Rows
from hoigen.models.client import Client
from hoigen.models.uses import Network

T = TypeVar("T")
QUESTION = 24 << 20
"""Bytes of a worker's question, about: a fifth of what it shares with the process of the models."""
MOST_TOGETHER = 32
"""Rows of one."""
DTYPES = ("auto", "float32", "float16", "bfloat16")

# Settings that measures with such a network have.
Device = Annotated[str, Setting("auto, cpu or cuda")]
Dtype = Annotated[
    str,
    Setting(
        "auto: float16 on a graphics card, float32 on a CPU (docs/gpu.md says how far they are apart); or float32, "
        "float16, bfloat16. float32 is strict on a card, too: no TF32"
    ),
]
Batch = Annotated[
    int | None,
    Setting(
        "frames in one batch, of whatever clips; it changes no number. null: as many as suit network and device",
        least=1,
    ),
]


class Look(Protocol):
    """How a network is asked of arrays that are prepared where it is: pictures go there as uint8. One that equals
    another once it was sent (a frozen dataclass of a module)."""

    def kind(self, *shapes: Any, **none: Any) -> Hashable:
        """What arrays of these shapes have in common with all whose rows, once they are prepared, go with theirs."""
        ...

    def prepare(self, *arrays: Any, **none: Any) -> tuple[Any, ...]:
        """What the network takes of `arrays` of one shape, a row of a row."""
        ...

    def __call__(self, *prepared: Any, **none: Any) -> Any:
        """The answer of the model, which comes first, to what was `prepared`."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked of a network: a method and its arrays. A method that is given one list takes items of any size,
    and gives a result for each; all others take arrays whose first axis counts the rows.

    Args:
        method: of the network, or a look at it.
        inputs: its arguments in order.
        named: its arguments by name.
        most: rows that may go together on a CPU.
    """

    method: str | Look
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
        if not isinstance(self.method, str):
            return self.method, self.method.kind(*(tuple(each.shape) for each in self.inputs))
        kinds = tuple((tuple(each.shape[1:]), str(each.dtype)) for each in self.arrays)
        return self.method, len(self.inputs), tuple(self.named), kinds

    @property
    def parts(self) -> bool:
        """Whether its rows may be asked apart."""
        return self.rows > 1 and not isinstance(self.alike, int)

    def split(self, most: int) -> list[Call]:
        """This, as calls of `most` rows and fewer."""

        def some(start: int) -> Call:
            mine = slice(start, start + most)
            named = {name: each[mine] for name, each in self.named.items()}
            return replace(self, inputs=tuple(each[mine] for each in self.inputs), named=named)

        return [some(start) for start in range(0, self.rows, most)]


@runtime_checkable
class _HasFacts(Protocol):
    """A torch module of which a measure has to know plain values."""

    facts: Mapping[str, Any]


@runtime_checkable
class _HasLedger(Protocol):
    """A torch module made of more than its files and models; empty where they are all."""

    ledger: Sequence[Mapping[str, str]]


@runtime_checkable
class _Lowers(Protocol):
    """A torch module that knows which of its parts may be of lower precision on a card."""

    def lower(self, dtype: Any) -> None:
        """Holds its weights as `dtype` from now on, and takes inputs of float32 all the same."""


@dataclass(slots=True)
class _Bound:
    """Rows for which the memory of a card has sufficed so far; None as long as it always has."""

    rows: int | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """A network of this process, asked by calling it.

    Args:
        model: a torch module.
        device: where it is.
        dtype: of the computation.
        facts: what its builder says of it.
        ledger: name, digest and licence of each of its files; and the type that it computes with, where that is not
            float32.
        most: rows that may go through it at once.
        bound: fewer, once memory did not suffice.
    """

    model: Any
    device: str
    dtype: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    ledger: tuple[Mapping[str, str], ...] = ()
    most: int = 1
    bound: _Bound = field(default_factory=_Bound)

    def __call__(self, *inputs: Any, method: str | Look = "forward", **named: Any) -> Any:
        """What a method returns: tensors on the CPU, float32 for all that is no whole number, in the shape of its
        answer (one tensor, a tuple or a list of them).

        Args:
            inputs, named: tensors or arrays, or one list of items.
            method: of the network, or a look at it.
        """
        return self._on_cpu([Call(method, inputs, named)])()

    def together(self, size: int) -> int:
        """How many rows of so many bytes a question should have."""
        return self.most

    def submit(self, *inputs: Any, method: str | Look = "forward", **named: Any) -> Later:
        """As a call, whose answer is asked for later (`Later`); here it is there at once."""
        return _Known(self(*inputs, method=method, **named))

    def run(self, what: Callable[..., Any], *inputs: Any, **named: Any) -> Any:
        """Calls the model or a part of it, without gradients and in `dtype`; returns its answer as it is, where it is.

        Args:
            what: the model, or a method or module of it.
            inputs, named: its arguments; arrays and tensors are moved to the device.
        """
        with self._computing():
            moved = functools.partial(_mapped, change=self._moved)
            return what(*moved(inputs), **moved(named))

    @contextlib.contextmanager
    def _computing(self) -> Iterator[None]:
        import torch

        kind, dtype = torch.device(self.device).type, getattr(torch, self.dtype)
        own = kind == "cuda" and isinstance(self.model, _Lowers)
        strict = kind == "cuda" and self.dtype == "float32"
        with contextlib.ExitStack() as stack:
            stack.enter_context(torch.inference_mode())
            stack.enter_context(torch.autocast(kind, dtype, enabled=self.dtype != "float32" and not own))
            if strict:  # by default convolutions take TF32, which has ten bits
                cudnn = torch.backends.cudnn
                allowed, cudnn.allow_tf32 = cudnn.allow_tf32, False
                stack.callback(setattr, cudnn, "allow_tf32", allowed)
            yield

    def _moved(self, array: Any) -> Any:
        """On the device. What is pinned goes there beside what the card computes."""
        import torch

        tensor = _tensor(array)
        if torch.device(self.device).type != "cuda":
            return tensor.to(self.device)
        lane = once(_lane, self.device)
        with torch.cuda.stream(lane):
            there = tensor.to(self.device, non_blocking=True)
        now = torch.cuda.current_stream(there.device)
        now.wait_stream(lane)
        there.record_stream(now)
        return there

    def answers(self, calls: Sequence[Call]) -> list[Any]:
        """The answer to each of several `calls` that are alike; an exception where one fails. What fails in company is
        tried in halves, so that it fails alone, and so is what has no room: rows of one call, too. Raises
        DeviceLostError when this process can use its card no more."""
        return self.started(calls)()

    def started(self, calls: Sequence[Call]) -> Callable[[], list[Any]]:
        """As `answers`, of which a card is at work when this returns: the answers are what is returned, called. So the
        next batch is begun before this one is waited for."""
        try:
            coming = self._on_cpu(calls)
        except Exception as error:
            failed = error  # the name of the exception ends with its clause
            return lambda: self._halved(calls, failed)

        def answers() -> list[Any]:
            try:
                answer = coming()
                return _parted(answer, [call.rows for call in calls]) if len(calls) > 1 else [answer]
            except Exception as error:
                return self._halved(calls, error)

        return answers

    def _halved(self, calls: Sequence[Call], error: Exception) -> list[Any]:
        if devices.lost(error):
            raise devices.DeviceLostError(f"{type(error).__name__}: {error}") from error
        rows = sum(call.rows for call in calls)
        if no_room := devices.no_room(error):
            error.__traceback__ = None  # its frames hold tensors
            devices.let_go()
            if rows > 1:
                self.bound.rows = min(self.bound.rows or rows, max(1, rows // 2))
        if len(calls) > 1:
            half = len(calls) // 2
            return [*self.answers(calls[:half]), *self.answers(calls[half:])]
        if no_room and rows > 1 and calls[0].parts:
            said = [self.answers([part])[0] for part in calls[0].split(rows - rows // 2)]
            return [next((each for each in said if isinstance(each, Exception)), None) or joined(said)]
        return [error]

    def _on_cpu(self, calls: Sequence[Call]) -> Callable[[], Any]:
        """Begins with `calls` that are alike, as one; what is returned gives the answer to all of them, on the CPU."""
        import torch

        with self._computing():
            answer = self._together(calls)
            if torch.device(self.device).type != "cuda":
                plain = _mapped(answer, lambda each: _plain(each).cpu())
                return lambda: plain
            with torch.cuda.device(self.device):
                coming = _mapped(answer, lambda each: _pinned(_plain(each)))
                done = torch.cuda.Event()
                done.record()

        def arrived() -> Any:
            done.synchronize()
            return _mapped(coming, lambda each: each.clone())  # pinned memory is for what comes next

        return arrived

    def _together(self, calls: Sequence[Call]) -> Any:
        import torch

        first = calls[0]
        if isinstance(first.method, str):
            what = self.model if first.method == "forward" else getattr(self.model, first.method)
            if len(calls) == 1:
                moved = functools.partial(_mapped, change=self._moved)
                return what(*moved(first.inputs), **moved(first.named))
            if isinstance(first.arrays[0], list):
                return list(what([_mapped(item, self._moved) for call in calls for item in call.inputs[0]]))
            columns = zip(*(call.inputs for call in calls), strict=True)
            inputs = [torch.cat([self._moved(each) for each in column]) for column in columns]
            named = {name: torch.cat([self._moved(call.named[name]) for call in calls]) for name in first.named}
            return what(*inputs, **named)
        prepared = self._prepared(first.method, calls)
        return first.method(self.model, *(torch.cat(column) for column in zip(*prepared, strict=True)))

    def _prepared(self, look: Look, calls: Sequence[Call]) -> list[tuple[Any, ...]]:
        """What the network takes of each of `calls`, in parts. Neighbours of one shape are prepared together on a card,
        on a CPU each row alone: there it costs nothing, and takes less memory."""
        import torch

        on_card = torch.device(self.device).type == "cuda"
        groups: list[list[Call]] = []
        for call in calls:
            shapes = [tuple(each.shape[1:]) for each in call.inputs]  # numpy's, or rows
            if on_card and groups and shapes == [tuple(each.shape[1:]) for each in groups[-1][0].inputs]:
                groups[-1].append(call)
            else:
                groups.append([call])
        found = []
        for group in groups:
            columns = zip(*(call.inputs for call in group), strict=True)
            inputs = [torch.cat([self._moved(each) for each in column]) for column in columns]
            for start in range(0, len(inputs[0]), len(inputs[0]) if on_card else 1):
                some = inputs if on_card else [each[start : start + 1] for each in inputs]
                found.append(look.prepare(*some))
        return found


def _lane(device: str) -> Any:
    """The stream of a card on which data come."""
    import torch

    return torch.cuda.Stream(device)


def _plain(value: Any) -> Any:
    tensor = _tensor(value)
    return (tensor.float() if tensor.is_floating_point() else tensor).detach()


def _pinned(tensor: Any) -> Any:
    """A copy of a `tensor` of a card that is on its way to the CPU."""
    import torch

    return torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True).copy_(tensor, non_blocking=True)


class Later(Protocol):
    """An answer that comes."""

    def result(self) -> Any:
        """The answer, or what was raised for it. Waits."""
        ...


@dataclass(frozen=True, slots=True)
class _Known:
    """An answer that is there (`Later`)."""

    answer: Any

    def result(self) -> Any:
        return self.answer


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


def joined(answers: Sequence[Any]) -> Any:
    """One answer of those to the parts of a call."""
    import torch

    first = answers[0]
    if isinstance(first, tuple):
        made = [joined(column) for column in zip(*answers, strict=True)]
        return type(first)(*made) if hasattr(first, "_fields") else tuple(made)
    if isinstance(first, Mapping):
        return {name: joined([each[name] for each in answers]) for name in first}
    if isinstance(first, list):
        return [row for each in answers for row in each]
    return torch.cat([_tensor(each) for each in answers])


def _tensor(value: Any) -> Any:
    import torch

    if isinstance(value, Rows):
        value = value.stacked()
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
_owner: contextvars.ContextVar[str] = contextvars.ContextVar("owner", default="")


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
    """Within this, networks are asked at the process that listens there; with an empty address they are loaded here.
    It holds for this thread: a worker may have several clips under way."""
    before = _owner.set(address)
    try:
        yield
    finally:
        _owner.reset(before)


def handle(network: Network) -> Handle:
    """What answers for a `network`: here, or in the process that owns the models of this run."""
    owner = _owner.get()
    return once(RemoteNetwork, owner, network) if owner else load(network)


class RemoteNetwork:
    """A network that the process at that address has loaded; asked as one that is loaded here (`Loaded`)."""

    def __init__(self, address: str, network: Network) -> None:
        import torch  # noqa: F401  (answers are tensors: read in while a worker is set up, not in a clip's time)

        self.client, self.network = Client(address), network

    @functools.cached_property
    def _about(self) -> tuple[Mapping[str, Any], Sequence[Mapping[str, str]], str]:
        """Facts, ledger and device."""
        found: tuple[Mapping[str, Any], Sequence[Mapping[str, str]], str] = self.client.wait(self.network.name, None)
        return found

    @property
    def device(self) -> str:
        return self._about[2]

    @property
    def facts(self) -> Mapping[str, Any]:
        return self._about[0]

    @property
    def ledger(self) -> Sequence[Mapping[str, str]]:
        return self._about[1]

    def __call__(self, *inputs: Any, method: str | Look = "forward", **named: Any) -> Any:
        """As `Loaded`."""
        return self.submit(*inputs, method=method, **named).result()

    def together(self, size: int) -> int:
        """How many rows of so many bytes a question should have: a batch is made of the questions of all workers, of
        which several of each are to be under way."""
        return max(1, min(MOST_TOGETHER, QUESTION // max(1, size)))

    def submit(self, *inputs: Any, method: str | Look = "forward", **named: Any) -> Later:
        """As `Loaded`; waits only where the memory for what was asked is full."""
        call = Call(method, as_arrays(inputs), as_arrays(named), self.network.batch)
        return self.client.submit(self.network.name, call, _tensors)


def _tensors(answer: Any) -> Any:
    return _mapped(answer, _tensor)


Handle = Loaded | RemoteNetwork
"""What answers for a network, wherever it is. `facts` is what its builder says of it, `ledger` name, digest and licence
of each of its files."""


def load(network: Network) -> Loaded:
    """The `network` in this process, loaded if it is not yet.

    Raises SetupError or UsageError for what cannot be loaded, NoRoomError where memory does not suffice.
    """
    named = [*(name for name, _ in network.files), *network.models]
    loading.needed(f"the model of {', '.join(named)}", *([] if network.models else ["torch"]))
    device = loading.device_of(network.device)
    dtype = network.dtype
    if dtype == "auto":
        dtype = "float16" if device.startswith("cuda") else "float32"
    placed = replace(network, device=device, dtype=dtype)
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
    on_card = network.device.startswith("cuda")
    if network.dtype != "float32":
        ledger = [{**each, "dtype": network.dtype} for each in ledger]
        if on_card and isinstance(model, _Lowers):
            import torch

            model.lower(getattr(torch, network.dtype))
    most = network.on_card if on_card and network.on_card else network.batch
    return Loaded(model, network.device, network.dtype, facts, tuple(ledger), most)


# what the measures with networks share


def check_settings(dtype: str, batch: int | None) -> None:
    if dtype not in DTYPES:
        raise ValueError(f"dtype: {', '.join(DTYPES[:-1])} or {DTYPES[-1]}; it came as {dtype!r}")
    if batch is not None and batch < 1:
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
        "dtype": "float32" if measure.dtype == "auto" else measure.dtype,  # apart by less than docs/gpu.md says
        "checkpoints": {use.id: uses.content_of(use) for use in uses.of_files(files)},
    }


def network_of(thing: Any, build: str, batch: int = 1, on_card: int = 0) -> Network:
    """The network of a measure or finder, as its settings describe it.

    Args:
        thing: has `device` and `dtype`, and `files` (a card's id -> a file of one's own) or `name`, a model of the hub;
            and `batch`, where a person may say how many rows go through it at once.
        build: `module:function` that makes the network.
        batch: rows that may go through it at once on a CPU, where nobody says it.
        on_card: likewise on a graphics card.
    """
    files = tuple(thing.files.items()) if isinstance(thing, uses.HasFiles) else ()
    models = () if isinstance(thing, uses.HasFiles) else (thing.name,)
    said = getattr(thing, "batch", None)
    return Network(
        build=build,
        files=files,
        models=models,
        device=thing.device,
        dtype=thing.dtype,
        batch=said or batch,
        on_card=said or on_card,
    )
