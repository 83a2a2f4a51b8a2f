"""Which errors stay with a process, and which mean that memory did not suffice."""

from __future__ import annotations

import types

import pytest

from hoigen.core import devices
from hoigen.core.errors import NoRoomError, SetupError, VideoError

STAY = [
    "CUDA error: device-side assert triggered\nCUDA kernel errors might be asynchronously reported",
    "CUDA error: an illegal memory access was encountered",
    "CUDA error: uncorrectable ECC error encountered",
    "CUDA error: unspecified launch failure",
    "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED",
    "CUBLAS error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm`",
    "HIP error: an illegal memory access was encountered",
    "Triton Error [CUDA]: misaligned address",
    "[TensorRT] CUDA failure 700: an illegal memory access was encountered",
    "CUDA driver error: unknown error",
    "HIP failure 700: an illegal memory access",
    "Memory access fault by GPU node-1 (Agent handle: 0x1)",
    "CURAND_STATUS_LAUNCH_FAILURE",
    "CUSPARSE_STATUS_EXECUTION_FAILED",
    "CUDA unknown error - this may be due to an incorrectly set up environment",
    "cuFFT error: CUFFT_EXEC_FAILED",
    "INTERNAL: CUDA_ERROR_ILLEGAL_ADDRESS",
    "cudaErrorIllegalAddress: an illegal memory access was encountered",
]
PASS = [
    "CUDA out of memory. Tried to allocate 270.00 MiB",
    "CUDA error: out of memory",
    "shape mismatch: value tensor of shape [3] cannot be broadcast",
    "index 9 is out of bounds for axis 0 with size 3",
    "the relationship error of both is large",
    "Triton error: model qwen is not ready",
    "triton failure mode",
    "CUDA error: invalid argument",
    "CUDA error: no kernel image is available for execution on the device",
    "cuDNN error: CUDNN_STATUS_NOT_SUPPORTED",
    "[CUDA_ERROR_OUT_OF_MEMORY] Call to cuMemAlloc results in CUDA_ERROR_OUT_OF_MEMORY",
    "hipErrorOutOfMemory",
    "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    "a misaligned address label on a parcel",
    "ownership failure",
    "a chip_error came back",
    "browser launch timed out",
    "cannot open /data/cuda_errors/x.mp4",
    "the prompt does not fit into the context of 4096 tokens",
]


class Odd(Exception):
    """Has an attribute of the name that groups have, and none of what they hold."""

    exceptions = None


@pytest.fixture(autouse=True)
def without_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where other libraries than PyTorch use the card: words decide."""
    monkeypatch.setitem(devices.sys.modules, "torch", None)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", STAY)
def test_errors_that_stay_are_known_by_their_words_also_as_a_cause(text: str) -> None:
    assert devices.lost(RuntimeError(text))
    with pytest.raises(ValueError, match="wrapped") as wrapped:
        try:
            raise RuntimeError(text)
        except RuntimeError as error:
            raise ValueError("wrapped") from error
    assert devices.lost(wrapped.value)


def test_the_last_word_counts_and_groups_are_looked_into() -> None:
    with pytest.raises(RuntimeError) as raised:
        try:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
        except RuntimeError:
            raise RuntimeError("CUDA error: device-side assert triggered")  # noqa: B904  (as code does)
    assert devices.lost(raised.value)
    group = ExceptionGroup("unhandled errors in a TaskGroup", [ValueError("x"), RuntimeError(STAY[0])])
    assert devices.lost(group)
    assert not devices.lost(ExceptionGroup("unhandled errors in a TaskGroup", [ValueError("x")]))


@pytest.mark.parametrize("text", PASS)
def test_other_errors_leave_the_process_as_it_is(text: str) -> None:
    assert not devices.lost(RuntimeError(text))


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA out of memory. Tried to allocate 270.00 MiB"),
        RuntimeError("cuBLAS: CUBLAS_STATUS_ALLOC_FAILED"),
        MemoryError(),
        RuntimeError("Failed to allocate memory for requested buffer of size 1048576"),
        RuntimeError("cudaMalloc failed: cudaErrorMemoryAllocation"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
        OSError(12, "Cannot allocate memory"),
        RuntimeError("[CUDA_ERROR_OUT_OF_MEMORY] Call to cuMemAlloc results in CUDA_ERROR_OUT_OF_MEMORY"),
        RuntimeError("hipErrorOutOfMemory"),
        RuntimeError("cuDNN error: CUDNN_STATUS_NOT_INITIALIZED"),
        RuntimeError("Error Code 2: OutOfMemory (no further information)"),
        RuntimeError("Requested amount of GPU memory (1024 bytes) could not be allocated"),
        RuntimeError("Available memory of 0 is smaller than requested bytes of 4096"),
        ValueError("No available memory for the cache blocks"),
        RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"),
        RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 8 bytes."),
        NoRoomError("model 'x' needs about 15 GiB on cuda, where 3 GiB are free"),
    ],
)
def test_too_little_memory(error: Exception) -> None:
    assert devices.no_room(error)
    assert not devices.no_room(SetupError("no such model"))
    assert not devices.no_room(SetupError("the prompt does not fit into the context of 4096 tokens"))
    assert not devices.lost(FileNotFoundError(2, "No such file", "/data/cuda error/x.mp4"))
    assert not devices.lost(SetupError("describer refused: it wrote 'CUDA error: device-side assert triggered'"))
    assert not devices.lost(Odd())
    assert not devices.lost(VideoError("CUDA error: device-side assert triggered.mp4 is empty"))


class FakeCard:
    """Stands in for torch.cuda: a card that works, or one whose process is spoilt."""

    def __init__(self, works: bool) -> None:
        self.works = works

    def is_initialized(self) -> bool:
        return True

    def current_device(self) -> int:
        return 0

    def synchronize(self, card: int) -> None:
        if not self.works:
            raise RuntimeError("CUDA error: device-side assert triggered")


@pytest.mark.parametrize("works", [True, False])
def test_where_the_card_can_be_asked_its_answer_counts(monkeypatch: pytest.MonkeyPatch, works: bool) -> None:
    torch = types.SimpleNamespace(cuda=FakeCard(works), _C=types.SimpleNamespace())
    monkeypatch.setitem(devices.sys.modules, "torch", torch)  # type: ignore[arg-type]
    assert devices.lost(RuntimeError("CUDA error: invalid configuration argument")) is not works
    assert devices.lost(ValueError("what came of it")) is not works
