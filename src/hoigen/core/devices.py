"""What a graphics card does to a process: errors that stay in it, and memory that does not suffice.

After a failed assertion on the card, an illegal address or a memory fault, CUDA refuses every further call of that
process, whatever the input ("the process must be terminated and relaunched", CUDA Runtime API, cudaErrorAssert). An
error of that kind is the process's state, not the next clip's fault.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from hoigen.core.errors import HoigenError, NoRoomError

STAYS = re.compile(
    r"\b(cuda|cudnn|cublas|cufft|curand|cusolver|cusparse|nccl|tensorrt)\b\W{0,3}"
    r"((driver|runtime|unknown)\W{0,3})?(error|failure)\b"
    r"|\[(tensorrt|cuda)\]\W{0,3}(cuda\W{0,3})?(error|failure)\b|\btriton error \[cuda\]|\bcudaError[A-Z]\w+"
    r"|\bCUDA_ERROR_[A-Z]\w+|\bhipError[A-Z]\w+|\bhip (error: |failure \d)|\bmiopen failure \d|\bHSA_STATUS_ERROR_\w+"
    r"|memory access fault by gpu|device-side assert triggered|an illegal (memory access|instruction) was encountered"
    r"|uncorrectable (ecc|nvlink) error|gpu (has fallen off the bus|is lost)"
    r"|\bcu(dnn|blas|fft|rand|solver|sparse)_(status_)?(exec(ution)?_failed|internal_error|mapping_error|launch_failure)",
    re.I,
)
"""Words by which libraries report what the card has done. Only looked at where the card itself cannot be asked."""
PASSES = re.compile(
    r"invalid[ _](argument|configuration|device|value|resource handle)|no kernel image|not[ _]supported|bad_param"
    r"|insufficient|no cuda-capable|unsupported",
    re.I,
)
"""Words of errors that are the call's own: a wrong argument, a card that cannot do it."""
NO_ROOM = re.compile(
    r"out[ _]?of[ _]?memory|not enough (gpu |device |free )?memory|\balloc(ate)? .{0,40}memory|(not|n't) be allocated"
    r"|memory ?allocation\b|bad_alloc|_?alloc(ation)?_?failed|status_not_initialized|rocblas_status_memory_error"
    r"|available memory of \d|no available memory",
    re.I,
)
"""Words for too little memory. On a full card cuBLAS and cuDNN have no room for their handles and
are `not initialized`."""


class DeviceLostError(Exception):
    """This process can use its card no more; only a new process can."""


def chain(error: BaseException) -> Iterator[BaseException]:
    """An `error`, what it is a group of, and all that it came from; the outermost first."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += one.exceptions if isinstance(one, BaseExceptionGroup) else ()
        waiting += [one.__cause__, one.__context__]


def no_room(error: BaseException) -> bool:
    """Whether an `error` says that memory did not suffice, of the card or of the machine."""
    return any(_is_no_room(one) for one in chain(error))


def _is_no_room(one: BaseException) -> bool:
    if isinstance(one, MemoryError | NoRoomError):
        return True
    if isinstance(one, OSError):
        return one.errno == errno.ENOMEM
    return NO_ROOM.search(_text(one)) is not None


def lost(error: BaseException) -> bool:
    """Whether, after this `error`, the process can use its card no more.

    Where PyTorch has begun to use a card, that card is asked: an error that stays answers every later call too, and an
    error that does not (too large a launch, too little memory) is the call's own. Elsewhere (other libraries, other
    runtimes) the words decide.
    """
    if any(isinstance(one, DeviceLostError) for one in chain(error)):
        return True
    answers = _card_answers()
    if answers is not None:
        return not answers
    for one in chain(error):  # the last word counts: an error that stays may come while one of memory is handled
        if isinstance(one, HoigenError | OSError | ImportError):  # what they quote are names of files, and answers
            continue
        if _is_no_room(one):
            return False
        if STAYS.search(_text(one)) is not None:
            return PASSES.search(_text(one)) is None
    return False


def _card_answers() -> bool | None:
    """Whether the cards that PyTorch uses in this process still work; None where it uses none."""
    torch = sys.modules.get("torch")
    try:
        if torch is None or not torch.cuda.is_initialized():
            return None
    except Exception:  # half imported, or built without CUDA
        return None
    try:
        # only cards that this process has begun to use: asking another one would take memory there
        has_begun = getattr(torch._C, "_cuda_hasPrimaryContext", None)
        cards = range(torch.cuda.device_count()) if has_begun else [torch.cuda.current_device()]
        for card in cards:
            if has_begun is None or has_begun(card):
                torch.cuda.synchronize(card)
    except Exception as error:
        return "out of memory" in _text(error).lower()
    return True


def there() -> bool:
    """Whether this machine has a graphics card that PyTorch may use, as far as that is known without it."""
    shown = os.environ.get("CUDA_VISIBLE_DEVICES")
    return shown not in ("", "-1") and any(Path("/dev").glob("nvidia[0-9]*"))


def let_go() -> None:
    """Gives memory that PyTorch keeps for later back to the card."""
    torch = sys.modules.get("torch")
    if torch is None or _card_answers() is not True:
        return
    import gc

    gc.collect()
    torch.cuda.empty_cache()


def _text(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return type(error).__name__


def cards_here() -> list[str]:
    """Names of this machine's graphics cards, by what NVIDIA's driver says in /proc; none where it is not there."""
    from pathlib import Path

    found = []
    for file in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        try:
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        found += [line.partition(":")[2].strip() for line in lines if line.startswith("Model:")]
    return found
