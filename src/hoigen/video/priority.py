"""The priority of a process that encodes stays what it was."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def kept_priority() -> Iterator[None]:
    """How the system schedules this process is afterwards what it was before the block.

    SVT-AV1, run by root, makes the process that opens it real-time (SCHED_FIFO, 99), and so all that it starts later:
    one that computes then keeps a core to itself, and whoever would end it never gets its turn. Source: SVT-AV1,
    Source/Lib/Globals/enc_handle.c, `svt_av1_enc_init`; seen with 4.1.0 in the wheel of PyAV 18.1.
    """
    if not hasattr(os, "sched_getscheduler"):  # no Linux
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        if os.sched_getscheduler(0) != policy:
            for thread in Path("/proc/self/task").iterdir():
                with contextlib.suppress(OSError, ValueError):  # one that has ended since
                    os.sched_setscheduler(int(thread.name), policy, parameters)
