"""Programs that are not hoigen's: each is given up when it makes no progress, and ends with the process that started
it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from hoigen.core.clip import Seconds
from hoigen.work import guard

LOOKS = 5.0
"""Seconds between two looks at what a program has done, at most."""


def files_of(folder: Path, pattern: str = "**/*") -> Callable[[], object]:
    """A sign of progress: names, sizes and times of the files of a folder.

    Args:
        folder: that a program writes to.
        pattern: which of them, as a glob.
    """

    def look() -> object:
        seen = []
        for path in folder.glob(pattern):
            with contextlib.suppress(OSError):  # gone meanwhile
                state = path.lstat()
                seen.append((str(path), state.st_size, state.st_mtime_ns))
        return sorted(seen)

    return look


def ended(
    words: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    output: IO[bytes] | None = None,
    patience: Seconds | None = None,
    signs: Sequence[Callable[[], object]] = (),
) -> int | None:
    """Runs a program to its end, and ends whatever it leaves running.

    Args:
        words: of the command.
        folder: that it runs in.
        environment: its variables.
        output: what it prints is written there; None: where this process prints.
        patience: seconds that it may go without one of the signs; None for no limit.
        signs: what changes as long as it makes progress; beside them the size of `output`.

    Returns its exit status, of one that a signal has ended minus its number; None where patience was at an end. Raises
    OSError when it cannot be started.
    """

    def look() -> list[object]:
        return [os.fstat(output.fileno()).st_size if output is not None else 0, *(sign() for sign in signs)]

    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", guard.__file__, str(theirs.fileno()), str(folder), *words],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={"PYTHONUNBUFFERED": "1", **environment},  # or a Python prints nothing for hours
                start_new_session=True,  # Ctrl-C is this process's, which then ends it
            )
        try:
            if not _waited(process, patience, look):
                return None
            said = b"".join(iter(lambda: ours.recv(4096), b""))
        finally:
            with contextlib.suppress(OSError):
                ours.shutdown(socket.SHUT_RDWR)
            process.wait()
    told = json.loads(said) if said else {"code": process.returncode}
    if "cannot" in told:
        raise OSError(0, told["cannot"], words[0])
    return int(told["code"])


def _waited(process: subprocess.Popen[bytes], patience: Seconds | None, look: Callable[[], object]) -> bool:
    """Whether a process came to its end before patience did."""
    every = None if patience is None else min(LOOKS, patience / 4)
    seen, since = look(), time.monotonic()
    while True:
        try:
            process.wait(every)
            return True
        except subprocess.TimeoutExpired:
            now = look()
            if now != seen:
                seen, since = now, time.monotonic()
            elif patience is not None and time.monotonic() - since > patience:
                return False
