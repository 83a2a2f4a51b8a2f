"""How much memory a worker has, and the stops against too much."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time

from hoigen.clip import Seconds
from hoigen.work.wire import EXIT_MEMORY

LOOK_EVERY: Seconds = 0.1
RESERVED_MB, RESERVED_PER_CORE_MB = 1024, 48
"""What libraries reserve and never touch (thread stacks, BLAS buffers) counts for the hard cap."""


def resident_mb(process: int) -> float:
    """Resident memory of a process; 0 where /proc does not say."""
    try:
        with open(f"/proc/{process}/statm", "rb") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
    except (OSError, IndexError):
        return 0.0


def cap_own(memory_mb: int) -> None:
    """The worker's own stops: a hard one behind the parent's polling, so that one huge allocation becomes a
    MemoryError; and a thread that watches the peak where the parent cannot see it.

    Args:
        memory_mb: resident memory that the worker may have.
    """
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        cap = (memory_mb + RESERVED_MB + RESERVED_PER_CORE_MB * (os.cpu_count() or 1)) << 20
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        if hard == resource.RLIM_INFINITY or cap < hard:
            resource.setrlimit(resource.RLIMIT_DATA, (cap, cap))
    no_core_files()
    if not os.path.exists("/proc/self/statm"):
        threading.Thread(target=watch_own_peak, args=(memory_mb,), daemon=True).start()


def no_core_files() -> None:
    """A crash writes no image of its memory to the disk: those of models are large."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def watch_own_peak(memory_mb: int) -> None:
    """Ends the process when its peak has passed `memory_mb`."""
    import resource

    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    while resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit <= memory_mb:
        time.sleep(LOOK_EVERY)
    os._exit(EXIT_MEMORY)
