"""Memory that a worker and the process of the models share: arrays are written there once, and read where they lie.

    Arena    the worker's: a piece of it for each question, given back with the answer; who asks waits where it is full
    opened   in the process of the models: a question with its arrays again

The memory has no name in the file system: it goes with the last process that has it, however that ends. Where there is
no such memory (not on Linux), and for what is larger than the whole of it, arrays travel within the question.
"""

from __future__ import annotations

import contextlib
import math
import mmap
import os
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

SIZE = 128 << 20
"""Bytes of a worker: 46 frames of 720p. Only what is used takes memory."""
LEAST = 1 << 12
"""Smaller arrays travel within the question."""
ALIGNED = 64
LOOK_EVERY = 0.2


@dataclass(frozen=True, slots=True)
class Piece:
    """An array that lies in an arena: whose, under which descriptor and number there, and where in it."""

    process: int
    descriptor: int
    serial: int
    start: int
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, slots=True)
class Rows:
    """Arrays of one shape that are asked of together: stacked where they go, and not before.

    Args:
        arrays: at least one.
    """

    arrays: tuple[np.ndarray, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.arrays), *self.arrays[0].shape)

    @property
    def dtype(self) -> Any:
        return self.arrays[0].dtype

    @property
    def nbytes(self) -> int:
        return len(self.arrays) * int(self.arrays[0].nbytes)

    @property
    def size(self) -> int:
        return len(self.arrays) * int(self.arrays[0].size)

    def __len__(self) -> int:
        return len(self.arrays)

    def __getitem__(self, some: slice) -> Rows:
        return Rows(self.arrays[some])

    def stacked(self, where: np.ndarray | None = None) -> np.ndarray:
        import numpy as np

        return np.stack(self.arrays, out=where)


class Arena:
    """A worker's. Raises OSError or AttributeError where there is no such memory. size: bytes."""

    def __init__(self, size: int = SIZE) -> None:
        self.descriptor = os.memfd_create("hoigen arena", os.MFD_CLOEXEC)
        os.ftruncate(self.descriptor, size)
        self.memory = mmap.mmap(self.descriptor, size)
        self.size, self.serial = size, int.from_bytes(os.urandom(7))  # process ids come again
        self.taken: dict[int, int] = {}  # where a question's arrays begin, and end
        self.read: bool | None = None  # whether the process of the models can; None until it was asked
        self.news = threading.Condition()

    def put(
        self, arrays: Sequence[np.ndarray | Rows], waiting: Callable[[], None]
    ) -> tuple[list[Piece], Callable[[], None]]:
        """Writes `arrays` side by side. Returns where they lie, and what gives their place back.

        Args:
            arrays: of less than half of the arena, together.
            waiting: called again and again while there is no room.
        """
        import numpy as np

        starts = [0]
        for array in arrays:
            starts.append(starts[-1] + math.ceil(array.nbytes / ALIGNED) * ALIGNED)
        at = self._take(starts[-1], waiting)
        pieces = []
        for start, array in zip(starts, arrays, strict=False):
            place = np.frombuffer(self.memory, array.dtype, array.size, at + start).reshape(array.shape)
            if isinstance(array, Rows):
                array.stacked(place)
            else:
                np.copyto(place, array)
            where = os.getpid(), self.descriptor, self.serial, at + start
            pieces.append(Piece(*where, array.shape, array.dtype.str))
        return pieces, lambda: self._give_back(at)

    def _take(self, size: int, waiting: Callable[[], None]) -> int:
        with self.news:
            while True:
                end = 0
                for start in sorted(self.taken):
                    if start - end >= size:
                        break
                    end = self.taken[start]
                if self.size - end >= size or any(start >= end + size for start in self.taken):
                    self.taken[end] = end + size
                    return end
                self.news.wait(LOOK_EVERY)
                waiting()

    def _give_back(self, at: int) -> None:
        with self.news:
            self.taken.pop(at, None)
            self.news.notify_all()


_open: dict[tuple[int, int, int], mmap.mmap] = {}
_lock = threading.Lock()


def array_of(piece: Piece) -> np.ndarray:
    """The array where it lies. It is what the worker writes there, for as long as that waits for its answer. Raises
    OSError when the worker is gone."""
    import numpy as np

    with _lock:
        key = piece.process, piece.descriptor, piece.serial
        memory = _open.get(key)
        if memory is None:
            for gone in [each for each in _open if not os.path.exists(f"/proc/{each[0]}")]:
                del _open[gone]  # those of workers that were replaced
            descriptor = os.open(f"/proc/{piece.process}/fd/{piece.descriptor}", os.O_RDWR)
            try:
                memory = _open[key] = mmap.mmap(descriptor, os.fstat(descriptor).st_size)
            finally:
                os.close(descriptor)
            _pin(memory)
        count = math.prod(piece.shape)
        return np.frombuffer(memory, piece.dtype, count, piece.start).reshape(piece.shape)


def _pin(memory: mmap.mmap) -> None:
    """Tells CUDA, where it is in use, of a memory, so that a card reads it without a copy on the way."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return
    import numpy as np

    address = np.frombuffer(memory, np.uint8).ctypes.data
    with contextlib.suppress(Exception):  # it is a matter of speed alone
        runtime = torch.cuda.cudart()
        if int(runtime.cudaHostRegister(address, len(memory), 0)) == 0:
            weakref.finalize(memory, runtime.cudaHostUnregister, address)


def packed(arrays: Sequence[Any], arena: Arena | None, waiting: Callable[[], None]) -> tuple[list[Any], Any]:
    """`arrays` as they are sent: those that are worth it as pieces of the `arena`; and what gives their place back.

    Args:
        arrays: numpy's, or rows of them; other things stay what they are.
        arena: None where there is none.
        waiting: called again and again while there is no room.
    """
    import numpy as np

    large = [
        at
        for at, each in enumerate(arrays)
        if isinstance(each, np.ndarray | Rows) and each.nbytes >= LEAST and not each.dtype.hasobject
    ]
    total = sum(arrays[at].nbytes + ALIGNED for at in large)
    if arena is None or not large or total > arena.size // 2:
        return list(arrays), None
    pieces, give_back = arena.put([arrays[at] for at in large], waiting)
    found = list(arrays)
    for at, piece in zip(large, pieces, strict=True):
        found[at] = piece
    return found, give_back
