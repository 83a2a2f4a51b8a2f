"""What a run that is at work says of itself, for others to read: JSON lines in `events/`, one file for each part.

`began`, then a `beat` every ten seconds, then `ended`. A beat has what was since the one before it, so that any stretch
of the file can be added up; a process that is killed leaves its last beat. Nothing reads them but `hoigen watch`.
"""

from __future__ import annotations

import contextlib
import os
import platform
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from hoigen.core import devices
from hoigen.core.clip import Seconds
from hoigen.data.files import Folder
from hoigen.data.journal import Journal
from hoigen.work.ranks import Rank

FOLDER = "events"
BEAT: Seconds = 10.0
MOST = 20
"""Reasons of one beat that are written word by word; of further ones only how many."""
LONG = 200
"""Characters of a reason."""
OTHERS = "other reasons"


class Events:
    """The lines of one stage under way. Counts come from the thread that works, beats from one of its own.

    Args:
        folder: of the run.
        rank: this process among those that share the run.
        stage: its name.
        facts: what stands in the first line besides: total (rows of all parts, 0 where that is not known), workers.
        now: what each beat has besides: done (rows of this part that have ended, those of earlier processes too), out
            (rows that are handed out and have not come back).
    """

    def __init__(
        self, folder: Folder, rank: Rank, stage: str, facts: Mapping[str, Any], now: Callable[[], Mapping[str, int]]
    ) -> None:
        self.stage, self.now = stage, now
        self._journal = Journal(folder.child(FOLDER), self.file_of(rank))
        self._rows: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._lock, self._over = threading.Lock(), threading.Event()
        self._since = time.monotonic()
        self._write("began", **facts, host=platform.node(), pid=os.getpid(), every=BEAT)
        self._thread = threading.Thread(target=self._beats, name="events", daemon=True)
        self._thread.start()

    @staticmethod
    def file_of(rank: Rank) -> str:
        """The name of a part's file. rank: the part."""
        return f"{rank.number}-of-{rank.of}.jsonl"

    def count(self, state: str) -> None:
        """A row ended. state: how."""
        with self._lock:
            self._rows[state] += 1

    def fault(self, kind: str) -> None:
        """A worker's try failed. kind: as of `Failure`."""
        with self._lock:
            self._faults[kind] += 1

    def failed(self, reason: str) -> None:
        """A row failed for a `reason`."""
        reason = reason[:LONG]
        with self._lock:
            self._reasons[reason if reason in self._reasons or len(self._reasons) < MOST else OTHERS] += 1

    def end(self, why: str) -> None:
        """The last lines. why: it ended; empty when all was done."""
        self._over.set()
        self._thread.join()
        with contextlib.suppress(OSError):  # a full disk is told by what matters
            self._beat()
            self._write("ended", why=why)
            self._journal.close()

    def _beats(self) -> None:
        while not self._over.wait(BEAT):
            with contextlib.suppress(OSError):
                self._beat()

    def _beat(self) -> None:
        with self._lock:
            counts = {"rows": self._rows, "faults": self._faults, "reasons": self._reasons}
            self._rows, self._faults, self._reasons = Counter(), Counter(), Counter()
            now = time.monotonic()
            seconds, self._since = now - self._since, now
        cards = cards_in_use()
        told: dict[str, Any] = {name: dict(count) for name, count in counts.items() if count}
        self._write("beat", seconds=round(seconds, 3), **self.now(), **told, **({"cards": cards} if cards else {}))

    def _write(self, event: str, **facts: Any) -> None:
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._journal.append({"at": at, "event": event, "stage": self.stage, **facts})


def cards_in_use() -> list[dict[str, Any]]:
    """This machine's graphics cards, by `nvidia-smi`: number, share of the last moment that they were busy (0..1),
    bytes in use and in all. Empty where there is none, or the program is not there."""
    if not devices.cards_here():
        return []
    asked = ["--query-gpu=index,utilization.gpu,memory.used,memory.total", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(["nvidia-smi", *asked], capture_output=True, text=True, timeout=5, check=True).stdout
        rows = [[float(cell) for cell in line.split(",")] for line in said.splitlines() if line.strip()]
        return [
            {"card": int(card), "busy": busy / 100, "used": int(used) << 20, "memory": int(memory) << 20}
            for card, busy, used, memory in rows
        ]
    except (OSError, subprocess.SubprocessError, ValueError):  # `[N/A]` under MIG
        return []
