"""Whether a process that left its mark somewhere is still there, as far as this machine can say."""

from __future__ import annotations

import os
import secrets
from functools import cache


def mark() -> str:
    """What tells this process from all others: its machine, its number, and when it began, parted by spaces."""
    return f"{machine()} {os.getpid()} {_began(os.getpid())}"


def ended(mark: str) -> bool | None:
    """Whether the process of a mark is no more; None where that cannot be seen from here: it is another machine's, or
    no mark.

    Args:
        mark: of `mark()`; what follows its three words does not count.
    """
    where, number, began, *_ = [*mark.split(), "", "", ""]
    if where != machine() or not number.isdecimal():
        return None
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass
    now = _began(int(number))  # in a container that is started again, the next has the same number
    return "?" not in (began, now) and now != began


def _began(pid: int) -> str:
    """When a process began, in ticks since its machine did; `?` where that cannot be seen."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return str(int(file.read().rpartition(b")")[2].split()[19]))
    except (OSError, IndexError, ValueError):
        return "?"


@cache
def machine() -> str:
    """What tells this machine since its start, and this container, from all others; this process from all others where
    that is unknown."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return f"{file.read().strip()}/{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return secrets.token_hex(8)
