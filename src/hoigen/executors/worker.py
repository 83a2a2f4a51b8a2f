"""The child's side: a fresh interpreter that sets up once and then takes one task after the other."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import pickle
import signal
import sys
import threading
import traceback
from multiprocessing.connection import Connection
from typing import Any

PR_SET_PDEATHSIG = 1


class Channel:
    """What a handler says of the task under way. `__call__` sends a part at once."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def __call__(self, part: Any) -> None:
        self.connection.send(("part", part))

    def doing(self, what: str) -> None:
        self.connection.send(("doing", what))


def serve(connection: Connection) -> None:
    """Answers until the parent closes its end."""
    path, setup, memory_mb = connection.recv()
    sys.path[:] = path
    _cap_memory(memory_mb)
    try:
        handle = pickle.loads(setup)()
    except BaseException as error:
        connection.send(("unready", f"{type(error).__name__}: {error}", traceback.format_exc()))
        return
    connection.send(("ready",))
    emit = Channel(connection)
    while True:
        payload = connection.recv()
        connection.send(("started",))
        try:
            handle(payload, emit)
        except BaseException as error:
            reason = f"{type(error).__name__}: {error}"
            connection.send(("error", reason, traceback.format_exc(), isinstance(error, MemoryError)))
        else:
            connection.send(("done",))


def _cap_memory(memory_mb: int) -> None:
    """A hard stop behind the parent's polling: one huge allocation becomes a MemoryError."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        cap = (memory_mb + 1024) << 20  # data segments count reserved pages too, of which libraries hold some
        resource.setrlimit(resource.RLIMIT_DATA, (cap, cap))


def _end_with_parent(parent: int) -> None:
    with contextlib.suppress(OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)

    def watch() -> None:  # where there is no prctl
        import time

        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    if not sys.platform.startswith("linux"):
        threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()
    _end_with_parent(int(sys.argv[2]))
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        serve(Connection(int(sys.argv[1])))
    os._exit(0)  # libraries' exit handlers have been seen to hang


if __name__ == "__main__":
    main()
