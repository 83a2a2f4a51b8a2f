"""hoigen watch: how a run that is at work is getting on."""

from __future__ import annotations

import dataclasses
import json
import re
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from hoigen.commands.options import RunFolder
from hoigen.core.clip import Seconds
from hoigen.core.errors import SetupError, UsageError
from hoigen.core.settings import Setting
from hoigen.core.words import plural
from hoigen.data import side

RECENT: Seconds = 60.0
"""What a rate is taken over."""
SILENT = 3.0
"""Beats that may be missed before a part counts as silent: it was killed, its machine is gone, or its disk hangs."""
MARKER = r".+-[0-9a-f]+-(\d+)-of-(\d+)"
"""What parts leave in `ranks/` at the end of a stage (work/ranks.py)."""
MOST = 20
"""Parts that are listed one by one, those that need somebody first; and reasons."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedPart:
    """The stage that one part of a run was last at.

    Args:
        part: which, as of `hoigen work --part`: 3/16.
        stage: clips, scores, captions and so on.
        host, pid: the process.
        state: `at work`, `silent` (it should have been heard since), `done` or `stopped`.
        why: it was stopped.
        heard: when it last wrote, UTC.
        silence: seconds since.
        done: rows of this part that have ended, those of earlier processes too.
        total: its rows in all; 0 where that is not known.
        out: rows that workers have at the moment.
        rate: rows a second over the last minute of its work.
        rows: how rows have ended since the process began: kept, dropped, failed, captioned.
        faults: tries that failed, by kind: error, crash, device, deadline, memory, bystander.
        reasons: of rows that failed, and how often each came.
        cards: of its machine, at the last beat: `card`, `busy` (0..1), `used` and `memory` in bytes.
    """

    part: str
    stage: str
    host: str
    pid: int
    state: str
    why: str
    heard: str
    silence: Seconds
    done: int
    total: int
    out: int
    rate: float
    rows: Mapping[str, int]
    faults: Mapping[str, int]
    reasons: Mapping[str, int]
    cards: tuple[Mapping[str, Any], ...]

    @property
    def left(self) -> Seconds | None:
        """Seconds to its end at this rate; None where it is not at work, or nothing ends."""
        return (
            max(0, self.total - self.done) / self.rate if self.state == "at work" and self.rate and self.total else None
        )

    @property
    def line(self) -> str:
        """Of a listing."""
        of = f" of {self.total:,}" if self.total else ""
        told = [f"{self.part:>9}  {self.stage:<10}{self.host:<14} {self.done:,}{of}"]
        if self.state == "at work":
            told.append(f"{self.rate:.3g} a second" + (f", {_long(self.left)} left" if self.left is not None else ""))
            told.append(f"{self.out} out")
        else:
            told.append(
                {"silent": f"SILENT for {_long(self.silence)}", "stopped": f"STOPPED: {self.why}"}.get(
                    self.state, self.state
                )
            )
        if failed := self.rows.get("failed"):
            told.append(f"{failed:,} failed")
        if self.faults:
            told.append(", ".join(f"{count} {kind}" for kind, count in sorted(self.faults.items())))
        told += [f"card {card['card']}: {card['busy']:.0%}, {card['used'] / (1 << 30):.0f} GiB" for card in self.cards]
        return "; ".join(told)


@dataclass(frozen=True, slots=True)
class Watched:
    """How a run is getting on, by what its processes have written into `events/`.

    Args:
        run: its folder.
        parts: those of the division that was heard last, each with the stage that it was last at, in the order of their
            numbers. What was left undone when a run was shared among another number is among the rows of these.
        missing: parts of that division that have never said anything and have not come to the end of the stage (2/3):
            they were not started, or write elsewhere. No total has their rows.
    """

    run: Path
    parts: tuple[WatchedPart, ...]
    missing: tuple[str, ...] = ()

    def __str__(self) -> str:
        if not self.parts:
            return f"{self.run}: nothing was done yet by a process that says what it does"
        lines = [f"{self.run}, {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"]
        for stage in dict.fromkeys(part.stage for part in self.parts):
            alike = [part for part in self.parts if part.stage == stage]
            states = Counter(part.state for part in alike)
            done, total = sum(part.done for part in alike), sum(part.total for part in alike)
            rate = sum(part.rate for part in alike if part.state == "at work")
            left = max((part.left for part in alike if part.left is not None), default=None)
            lines.append(
                f"{stage}: {done:,}{f' of {total:,}' if total else ''}"
                + (f"; {rate:.3g} a second" if states["at work"] else "")
                + (f", {_long(left)} left" if left is not None else "")
                + f"; {plural(len(alike), 'part')}: "
                + ", ".join(f"{count} {state}" for state, count in states.items())
            )
        if self.missing:
            some = ", ".join(self.missing[:MOST]) + (", …" if len(self.missing) > MOST else "")
            lines.append(
                f"NOT HEARD OF: {plural(len(self.missing), 'part')} ({some}), whose rows are in no total above: "
                f"hoigen work {self.run} --part {self.missing[0]}"
            )
        urgent = sorted(self.parts, key=lambda part: ("stopped", "silent", "at work", "done").index(part.state))
        lines += [part.line for part in urgent[:MOST]]
        if len(urgent) > MOST:
            lines.append(f"and {plural(len(urgent) - MOST, 'more part')}")
        reasons: Counter[str] = Counter()
        for part in self.parts:
            reasons.update(part.reasons)
        lines += [f"{count:,} x {reason}" for reason, count in reasons.most_common(MOST)]
        return "\n".join(lines)

    def record(self) -> dict[str, Any]:
        """As JSON has it."""
        parts = [dataclasses.asdict(part) | {"left": part.left} for part in self.parts]
        return {"run": str(self.run), "parts": parts, "missing": list(self.missing)}


class _File:
    """One part's file, read on from where it was."""

    def __init__(self, path: Path, late: Seconds) -> None:
        self.path, self.part, self.at, self.late = path, path.stem.replace("-of-", "/"), 0, late
        self.first: dict[str, Any] = {}
        self.last: dict[str, Any] = {}
        self.beat: dict[str, Any] = {}
        self.counts: dict[str, Counter[str]] = {}
        self.recent: deque[tuple[Seconds, int]] = deque()
        self.ever: Counter[tuple[str, str, str]] = Counter()  # (stage, rows or faults, kind): of all processes

    def read_on(self) -> None:
        with self.path.open("rb") as file:
            file.seek(self.at)
            whole, end, _ = file.read().rpartition(b"\n")
        self.at += len(whole) + len(end)
        for line in whole.splitlines():
            try:
                row = json.loads(line)
            except ValueError:  # torn by a kill
                continue
            if isinstance(row, dict) and {"at", "event", "stage"} <= row.keys():
                self._take(row)

    def _take(self, row: dict[str, Any]) -> None:
        if row["event"] == "began":
            self.first, self.beat, self.counts = row, {}, {name: Counter() for name in ("rows", "faults", "reasons")}
            self.recent.clear()
        self.last = row
        if row["event"] != "beat" or not self.first:
            return
        self.beat = row
        for name, counter in self.counts.items():
            counter.update(row.get(name, {}))
            if name != "reasons":
                self.ever.update({(row["stage"], name, kind): count for kind, count in row.get(name, {}).items()})
        self.recent.append((row["seconds"], sum(row.get("rows", {}).values())))
        while len(self.recent) > 1 and sum(seconds for seconds, _ in self.recent) - self.recent[0][0] >= RECENT:
            self.recent.popleft()

    def seen(self) -> WatchedPart | None:
        if not self.first:
            return None
        silence = (datetime.now(UTC) - datetime.fromisoformat(self.last["at"])).total_seconds()
        why = str(self.last.get("why", ""))
        state = "at work" if silence <= SILENT * self.first["every"] + self.late else "silent"
        if self.last["event"] == "ended":
            state = "stopped" if why else "done"
        seconds = sum(each for each, _ in self.recent)
        return WatchedPart(
            part=self.part,
            stage=self.first["stage"],
            host=self.first["host"],
            pid=self.first["pid"],
            state=state,
            why=why,
            heard=self.last["at"],
            silence=max(0.0, silence),
            done=self.beat.get("done", 0),
            total=self.first["total"],
            out=self.beat.get("out", 0),
            rate=sum(rows for _, rows in self.recent) / seconds if seconds else 0.0,
            rows=dict(self.counts["rows"]),
            faults=dict(self.counts["faults"]),
            reasons=dict(self.counts["reasons"]),
            cards=tuple(self.beat.get("cards", ())),
        )


class _Watcher:
    """Reads a run again and again, each time only what has come since."""

    def __init__(self, run: Path) -> None:
        from hoigen.data.run import Run
        from hoigen.work.events import FOLDER

        Run(run).check_folder()
        if not run.is_dir():
            raise UsageError(f"{run} is no folder of a run")
        self.run, self.folder = run, run / FOLDER
        self.late = 0.0 if side.address_of(run) is None else side.EVERY
        self.files: dict[str, _File] = {}

    def look(self) -> Watched:
        side.fetch(self.run, "*")
        for path in self.folder.glob("*-of-*.jsonl"):
            self.files.setdefault(path.name, _File(path, self.late)).read_on()
        order = sorted(self.files.values(), key=lambda file: [int(each) for each in file.part.split("/")][::-1])
        seen = [part for part in (file.seen() for file in order) if part is not None]
        if not seen:
            return Watched(self.run, ())
        last = max(seen, key=lambda part: part.heard)
        of = _division(last.part)
        parts = tuple(part for part in seen if _division(part.part) == of)
        there = {part.part for part in parts} | self._arrived(last.stage)
        missing = (name for name in (f"{at}/{of}" for at in range(of)) if name not in there)
        return Watched(self.run, parts, tuple(missing))

    def _arrived(self, stage: str) -> set[str]:
        """Parts that have left their marker at the end of a stage: one that has no row of it says nothing else."""
        from hoigen.data.run import Run

        names = Run(self.run).folder.child("ranks").names()
        markers = (re.fullmatch(MARKER, name) for name in names if name.startswith(f"{stage}-"))
        return {f"{found[1]}/{found[2]}" for found in markers if found}

    def collect(self) -> Iterator[Any]:
        """For Prometheus, as `prometheus_client` asks a collector."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        watched, of_part = self.look(), ("part", "stage")
        rows = CounterMetricFamily("hoigen_rows", "Rows that ended, by how.", labels=(*of_part, "state"))
        faults = CounterMetricFamily(
            "hoigen_faults", "Tries of workers that failed, by kind.", labels=(*of_part, "kind")
        )
        for file in self.files.values():
            for (stage, name, kind), count in file.ever.items():
                (rows if name == "rows" else faults).add_metric((file.part, stage, kind), count)
        yield from (rows, faults)
        gauges: Iterable[tuple[str, str, Any]] = (
            ("done", "Rows of the stage that have ended.", lambda part: part.done),
            ("total", "Rows of the stage in all.", lambda part: part.total),
            ("out", "Rows that workers have.", lambda part: part.out),
            ("rate", "Rows a second over the last minute.", lambda part: part.rate),
            ("silence_seconds", "Since the part last wrote.", lambda part: part.silence),
            ("at_work", "1 while it is at work.", lambda part: int(part.state == "at work")),
        )
        for name, about, value in gauges:
            family = GaugeMetricFamily(f"hoigen_part_{name}", about, labels=of_part)
            for part in watched.parts:
                family.add_metric((part.part, part.stage), value(part))
            yield family
        cards = {(part.host, str(card["card"])): card for part in watched.parts for card in part.cards}
        for key, name, about in (
            ("busy", "busy_ratio", "Share of the last moment in which the card was busy."),
            ("used", "memory_used_bytes", "Memory of the card in use."),
        ):
            family = GaugeMetricFamily(f"hoigen_card_{name}", about, labels=("host", "card"))
            for labels, card in cards.items():
                family.add_metric(labels, card[key])
            yield family


def _division(part: str) -> int:
    """How many parts there are: 3 of 2/3."""
    return int(part.partition("/")[2])


def watch(run: RunFolder) -> Watched:
    """Says how a run that is at work is getting on: rates, queues, failures by reason, cards, and who is silent.

    Returns what it is at the moment. Raises UsageError for what is no folder of a run.
    """
    return _Watcher(Path(run)).look()


def command(
    run: RunFolder,
    *,
    every: Annotated[Seconds, Setting("seconds between two looks", above=0)] = 5.0,
    once: Annotated[bool, Setting("look once")] = False,
    json: Annotated[bool, Setting("print JSON, one line a look")] = False,
    prometheus: Annotated[
        str,
        Setting(
            "HOST:PORT at which Prometheus finds the numbers, at /metrics (127.0.0.1:9464); without a terminal's "
            "listing. Needs extra [watch]"
        ),
    ] = "",
) -> Watched | str:
    """`watch` as it is typed: again and again, until it is stopped."""
    if not every > 0:
        raise UsageError(f"--every: more than 0 seconds; it came as {every!r}")
    watcher = _Watcher(Path(run))
    if prometheus:
        _serve(watcher, prometheus)
    try:
        while True:
            watched = watcher.look()
            shown = _json(watched) if json else watched
            if once:
                return shown
            if not prometheus:
                print(shown, end="\n" if json else "\n\n", flush=True)
            time.sleep(every)
    except KeyboardInterrupt:
        return ""


def _json(watched: Watched) -> str:
    return json.dumps(watched.record(), ensure_ascii=False)


def _serve(watcher: _Watcher, where: str) -> None:
    """Serves the numbers from a thread. Raises UsageError for an address that cannot be, SetupError without the
    package."""
    try:
        from prometheus_client import CollectorRegistry, start_http_server
    except ImportError:
        raise SetupError("--prometheus needs extra [watch]: pip install 'hoigen[watch]'") from None
    host, _, port = where.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise UsageError(f"--prometheus {where}: HOST:PORT, as 127.0.0.1:9464")
    registry = CollectorRegistry()
    registry.register(watcher)
    try:
        start_http_server(int(port), host.strip("[]"), registry)
    except OSError as error:
        raise UsageError(f"--prometheus {where}: {error.strerror or error}") from None


def _long(seconds: Seconds | None) -> str:
    """A time as people say it."""
    seconds = seconds or 0.0
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
