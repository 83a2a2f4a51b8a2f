"""A lock in an object store: a file that only one process can make, and that tells by a number that it is alive.

A store has no locks that end with a process. What it has is a write that fails where there is a file already. The
holder counts a number in the file up every ten seconds; whoever finds the file watches that number, so that no two
clocks are compared. A holder that was silent for too long has lost it, and is stopped when it finds that out. (A server
that ignores the condition leaves a gap between looking and writing; who was written over there stops at its next beat.)
"""

from __future__ import annotations

import _thread
import contextlib
import json
import os
import platform
import secrets
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from hoigen.core import alive
from hoigen.core.clip import Seconds
from hoigen.core.errors import Locked, RanksOpen, SetupError
from hoigen.data.files import Folder

BEAT: Seconds = 10.0
"""Between two numbers of a holder."""
SILENT: Seconds = 35.0
"""A holder whose number has not changed for so long is taken for dead."""
LOOK: Seconds = 1.0
"""Between two looks at a number that is watched."""
GRAVES = "graves"


class Lease:
    """A file of a store that one process holds.

    Args:
        folder: where the file lies, in a store.
        name: of the file.
        facts: what it says of its holder besides host and process.
    """

    def __init__(self, folder: Folder, name: str, facts: Mapping[str, Any] | None = None) -> None:
        self.folder, self.name = folder, name
        me = {"holder": secrets.token_hex(8), "host": platform.node(), "pid": os.getpid(), "process": alive.mark()}
        self.said: dict[str, Any] = {**(facts or {}), **me, "beat": 0}
        self._over = threading.Event()
        self._lost = False

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Holds it until the block ends; waits as long as it takes to see whether a holder is alive.

        Raises Locked when another process holds it, SetupError in a store that cannot make a file only where there is
        none, and RanksOpen out of the block when another one has taken it over: what is done is done, and the same
        command goes on.
        """
        while not self._made():
            if (found := self.read()) is None:
                continue
            if not self._dead(found):
                raise Locked(
                    f"{self.folder.path(self.name)} is held by process {found.get('pid')} of {found.get('host')}"
                )
            self._bury(found)
        beats = threading.Thread(target=self._beats, name=f"lease {self.name}", daemon=True)
        beats.start()
        try:
            yield
        except KeyboardInterrupt:
            if self._lost:
                raise RanksOpen([], f"{self._taken()}; start the same command again") from None
            raise
        finally:
            self._over.set()
            beats.join()
            with contextlib.suppress(Exception):  # a store that cannot be reached: it ends by silence
                if self._is_mine():
                    self.folder.remove(self.name)

    def read(self) -> dict[str, Any] | None:
        """What the file says; None where there is none."""
        try:
            found = json.loads(self.folder.read(self.name))
        except FileNotFoundError:
            return None
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def dead(self) -> bool:
        """Whether nobody holds it; takes as long as it takes to see that. What a dead holder left is taken away."""
        found = self.read()
        if found is None:
            return True
        if not self._dead(found):
            return False
        self._bury(found)
        return True

    def _made(self) -> bool:
        return _make(self.folder, self.name, json.dumps(self.said).encode())

    def _is_mine(self) -> bool:
        found = self.read()
        return found is not None and found.get("holder") == self.said["holder"]

    def _dead(self, found: Mapping[str, Any]) -> bool:
        if (ended := alive.ended(str(found.get("process")))) is not None:
            return ended
        print(
            f"hoigen: {self.folder.path(self.name)} is held by process {found.get('pid')} of {found.get('host')}; "
            f"looking whether it is alive, up to {SILENT:.0f} s",
            file=sys.stderr,
        )
        until = time.monotonic() + SILENT
        while time.monotonic() < until:
            time.sleep(LOOK)
            if self.read() != found:
                return False
        return True

    def _bury(self, found: Mapping[str, Any]) -> None:
        """Takes away what a dead holder left. Of several who would, one does: who first makes a file named after it."""
        grave = f"{GRAVES}/{found.get('holder', 'nobody')}"
        if not _make(self.folder, grave, b""):
            time.sleep(LOOK)  # another one is at it
            if self.read() != found:
                return
            raise Locked(
                f"{self.folder.path(self.name)} was left by a process that is gone, and another one is at it; if there "
                f"is none, delete {self.folder.path(self.name)} and {self.folder.path(grave)}"
            )
        if self.read() == found:
            self.folder.remove(self.name)
        self.folder.remove(grave)

    def _beats(self) -> None:
        while not self._over.wait(BEAT):
            try:
                if not self._is_mine():
                    break
                self.said["beat"] += 1
                self.folder.write(self.name, json.dumps(self.said).encode())
            except Exception as error:  # whatever a store's package raises: the next beat may come through
                print(f"hoigen: {self.folder.path(self.name)}: {type(error).__name__}: {error}", file=sys.stderr)
        else:
            return
        print(f"hoigen: {self._taken()}; it stops here", file=sys.stderr)
        self._lost = True
        _thread.interrupt_main()

    def _taken(self) -> str:
        where = self.folder.path(self.name)
        return f"{where}: this process was silent for too long, and another one has taken its place"


def _make(folder: Folder, name: str, data: bytes) -> bool:
    """Writes a file where there is none; False where there is one.

    It is looked for first: a server that knows no conditions would write over what is there.
    """
    try:
        if folder.exists(name):
            return False
        folder.fs.pipe_file(folder.path(name), data, mode="create")
    except FileExistsError:
        return False
    except Exception as error:  # whatever a store's package raises
        if "ConditionalRequestConflict" in str(error):  # S3: another one is at it this moment
            return False
        said = " ".join(str(error).split()) or type(error).__name__
        raise SetupError(f"{folder.path(name)} cannot be written: {said}") from None
    return True
