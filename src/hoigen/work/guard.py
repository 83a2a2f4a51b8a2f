"""Stands between hoigen and a program that is not its own, and ends the program with all that it has started, when
hoigen says so or is gone, even by `kill -9`.

A process by itself, run as a file that needs the standard library alone, so that nothing of the program's folder and
environment comes into it: `python -I -S guard.py SOCKET FOLDER WORDS...`. The other end of SOCKET is hoigen's; that it
closes is what ends the program. What the program ended with is written there, as a line of JSON.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
GRACE = 5.0
"""Seconds between the request to end and the end, in which a program may write what it has."""


def _prctl(option: int, value: int) -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _below(process: int) -> list[int]:
    """Processes that `process` has started, and those that these have, zombies left out; empty where there is no
    /proc."""
    of: dict[int, list[int]] = {}
    names = os.listdir("/proc") if os.path.isdir("/proc/self") else []
    for name in filter(str.isdigit, names):
        with contextlib.suppress(OSError):
            with open(f"/proc/{name}/stat", "rb") as file:
                state, parent = file.read().rpartition(b")")[2].split()[:2]
            if state != b"Z":
                of.setdefault(int(parent), []).append(int(name))
    found, ahead = [], [process]
    while ahead:
        children = of.get(ahead.pop(), [])
        found += children
        ahead += children
    return found


def _end(group: int, *, grace: float) -> None:
    """Ends the program's group and all else that it has started, whose orphans are this process's.

    Args:
        group: of the program.
        grace: seconds from the request to the end; 0 for at once.
    """
    if grace:
        _tell(group, signal.SIGTERM)
        until = time.monotonic() + grace
        while time.monotonic() < until and _left(group):
            time.sleep(0.05)
    _tell(group, signal.SIGKILL)
    for _ in range(50):  # what starts others faster than they are ended is not waited for
        if not _left(group):
            return
        _tell(group, signal.SIGKILL)
        time.sleep(0.01)


def _left(group: int) -> bool:
    """Whether anything of a program is left; where there is no /proc, anything of its group."""
    if os.path.isdir("/proc/self"):
        return bool(_below(os.getpid()))
    try:
        os.killpg(group, 0)
    except OSError:
        return False
    return True


def _tell(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(OSError):
        os.killpg(group, number)
    for each in _below(os.getpid()):
        with contextlib.suppress(OSError):
            os.kill(each, number)


def main() -> None:
    link, folder, words = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    connection = socket.socket(fileno=link)
    connection.set_inheritable(False)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    ended = threading.Lock()

    def prepared() -> None:
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # should somebody kill this process first

    try:
        program = subprocess.Popen(
            words,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=prepared,  # no thread runs yet
        )
    except OSError as error:
        connection.sendall(json.dumps({"cannot": error.strerror or str(error)}).encode())
        return

    def end_all() -> None:
        with ended:
            _end(program.pid, grace=GRACE)
            os._exit(1)

    def watch() -> None:
        with contextlib.suppress(OSError):
            while connection.recv(1):
                pass
        end_all()

    # a cluster ends all processes of a job
    signal.signal(signal.SIGTERM, lambda number, frame: threading.Thread(target=end_all).start())
    threading.Thread(target=watch, daemon=True).start()
    code = program.wait()
    with ended:
        _end(program.pid, grace=0)
        with contextlib.suppress(OSError):
            connection.sendall(json.dumps({"code": code}).encode())
        os._exit(0)


if __name__ == "__main__":
    main()
