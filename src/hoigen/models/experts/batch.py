"""Calls as OpenAI batches: questions out to JSON lines, answers back in (`vllm run-batch`, hosted batch services)."""

from __future__ import annotations

import glob
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, runtime_checkable

from hoigen.core.errors import UsageError
from hoigen.core.words import plural
from hoigen.models.experts.call import FINAL, Answer, Request, call_key
from hoigen.models.experts.calls import Asked, Calls
from hoigen.models.experts.chat import wire
from hoigen.models.experts.chat.client import Reply
from hoigen.models.experts.desk import Desk, NotKept

if TYPE_CHECKING:
    from hoigen.models.experts.call import Expert

MOST_BYTES = 100_000_000
MOST_LINES = 50_000
"""What hosted batch services take in one file (OpenAI: 200 MB, 50,000 requests)."""

URL = "/v1/chat/completions"
KEY = re.compile(r"[0-9a-f]{64}")


class BatchFiles:
    """Writes requests to OUT.MODEL.jsonl, OUT.MODEL.2.jsonl and so on: a batch is for one model, and limited in size.

    Files get their names on `close`: one that is there is whole.

    Args:
        out: the path whose stem all names begin with.
        most_bytes: of one file.
        most_lines: of one file.

    Raises UsageError when files of that name are there
    already, since answers to them may still come; processes that share a run need a name each.
    """

    def __init__(self, out: Path, *, most_bytes: int = MOST_BYTES, most_lines: int = MOST_LINES) -> None:
        self.out, self.most_bytes, self.most_lines = out, most_bytes, most_lines
        self.open: dict[str, _Part] = {}
        self.done: list[_Part] = []
        self.stem = out.name.removesuffix(".jsonl")
        there = sorted(out.parent.glob(f"{glob.escape(self.stem)}.*.jsonl")) if out.parent.is_dir() else []
        if there:
            raise UsageError(f"{there[0]} is there already: give another name, or delete it when it is of no more use")

    def add(self, model: str, key: str, body: Mapping[str, Any]) -> None:
        """Writes one request.

        Args:
            model: the name under which it is served.
            key: of the call (`call_key`), by which its answer is known.
            body: as for /v1/chat/completions.

        Raises UsageError when it is larger than a file may be.
        """
        facts = {"custom_id": key, "method": "POST", "url": URL, "body": body}
        line = json.dumps(facts, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        if len(line) > self.most_bytes:
            raise UsageError(
                f"a request to {model} takes {len(line):,} bytes, a batch file {self.most_bytes:,}: show fewer or "
                "smaller frames (the expert's sampling)"
            )
        part = self.open.get(model)
        if part is not None and (part.size + len(line) > self.most_bytes or part.lines >= self.most_lines):
            self.done.append(part.closed())
            part = None
        if part is None:
            number = 1 + sum(part.model == model for part in self.done)
            slug = re.sub(r"[^A-Za-z0-9._-]+", "-", model).strip("-.") or "model"
            path = self.out.with_name(f"{self.stem}.{slug}{f'.{number}' if number > 1 else ''}.jsonl")
            if any(part.path == path for part in [*self.done, *self.open.values()]):
                raise UsageError(f"two models would both be written to {path}: give them names that differ in letters")
            self.out.parent.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_name(f"{path.name}.{os.getpid()}.unfinished")
            part = self.open[model] = _Part(model, path, unfinished, unfinished.open("wb"))
        part.file.write(line)
        part.lines += 1
        part.size += len(line)

    def close(self) -> list[Path]:
        """Gives the files their names; their paths, in order."""
        parts = [*self.done, *(part.closed() for part in self.open.values())]
        taken = next((part.path for part in parts if part.path.exists()), None)
        if taken is not None:
            self.discard()
            raise UsageError(f"{taken} came there meanwhile: processes that share a run write to names of their own")
        self.open, self.done = {}, []
        for part in parts:
            part.unfinished.replace(part.path)
        return sorted(part.path for part in parts)

    def discard(self) -> None:
        """Leaves nothing behind."""
        for part in [*self.done, *self.open.values()]:
            part.file.close()
            part.unfinished.unlink(missing_ok=True)
        self.open, self.done = {}, []


@dataclass(slots=True)
class _Part:
    model: str
    path: Path
    unfinished: Path
    file: BinaryIO
    lines: int = 0
    size: int = 0

    def closed(self) -> _Part:
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        return self


@runtime_checkable
class Batched(Protocol):
    """An expert that can be asked by batch, since a server has it."""

    def body(self, request: Request) -> dict[str, Any]:
        """The JSON of /v1/chat/completions. Raises ValueError where these settings have no server."""
        ...


class CollectingDesk(Desk):
    """Gives kept answers; what is missing is written to a batch, once, and then raises NotKept.

    A captioner stops at its first missing answer; what builds on it comes with the next batch.

    Args:
        calls: the table of answers.
        files: where requests are written.

    `keys` are those of the requests that were written. Raises UsageError for an expert that no batch can ask (one that
    runs in this process).
    """

    def __init__(self, calls: Calls, files: BatchFiles) -> None:
        super().__init__(calls, may_ask=False)
        self.files = files
        self.keys: set[str] = set()

    async def ask(self, expert: Expert, request: Request, asked: Asked) -> tuple[str, Answer, bool]:
        key = call_key(expert.identity, request)
        kept = self.kept(key, request)
        if kept is not None:
            return key, kept, True
        if key not in self.keys:
            if not isinstance(expert, Batched):
                raise UsageError(f"{asked.role} ({asked.expert}): only chat_server experts can be asked by batch")
            if request.lacks_frames:
                raise NotKept(f"{asked.clip}: the clip has no frames to show")
            try:
                body = expert.body(request)
            except ValueError as error:
                raise UsageError(f"{asked.role}: {error}") from None
            self.files.add(asked.expert, key, body)
            self.calls.await_batch(key, asked)
            self.keys.add(key)
        raise NotKept(key)


def take(calls: Calls, paths: Sequence[Path]) -> str:
    """Keeps the answers of a batch; says in words what came. JSON is validated when it is used, so a repair round comes
    with the next batch; it also asks again what failed.

    Args:
        calls: the table of answers.
        paths: files that batches wrote.

    Raises UsageError that names file and line, and then keeps nothing.
    """
    for _ in read_answers(paths):
        pass
    outcomes: Counter[str] = Counter()
    known = strange = 0
    taken: set[str] = set()
    with calls.together():
        for key, answer in read_answers(paths):
            asked = calls.awaited(key)
            if key in taken or calls.get(key) is not None:
                known += 1
            elif asked is None:
                strange += 1
            else:
                calls.put(key, asked, answer)
                taken.update((key,) if answer.outcome in FINAL else ())
                outcomes[answer.outcome] += 1
    if strange and not outcomes and not known:
        raise UsageError(
            f"{', '.join(map(str, paths))}: none of its {plural(strange, 'line')} answers a question that "
            "this run has written to a batch"
        )
    parts = [f"{count} {outcome}" for outcome, count in sorted(outcomes.items())]
    parts += [f"{known} known already"] if known else []
    parts += [f"{strange} that answer no question of this run"] if strange else []
    return "batch: " + (", ".join(parts) or "no answers")


def read_answers(paths: Iterable[Path]) -> Iterator[tuple[str, Answer]]:
    """(key, answer) of each line, as OpenAI's batches and `vllm run-batch` write them, files of errors included.

    Raises UsageError that names file and line for what is no such line.
    """
    for path in paths:
        try:
            with path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    if line.strip():
                        yield _answer_in(line, path, f"{path}, line {number}")
        except OSError as error:
            raise UsageError(f"cannot read {path}: {error.strerror}") from None


def _answer_in(line: bytes, path: Path, where: str) -> tuple[str, Answer]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise UsageError(f"{where}: not JSON: {error}") from None
    key = found.get("custom_id") if isinstance(found, Mapping) else None
    if not isinstance(key, str):
        raise UsageError(f"{where}: a batch's answer has a custom_id; it came as {line[:80].decode(errors='replace')}")
    if not KEY.fullmatch(key):
        raise UsageError(f"{where}: custom_id {key[:80]!r} is none that hoigen wrote (64 hex digits)")
    if "response" not in found and "error" not in found:
        what = "a request, not an answer" if "body" in found else "neither response nor error"
        raise UsageError(f"{where}: {what}: give the file that the batch wrote")
    response = found.get("response")
    response = response if isinstance(response, Mapping) else {}
    status, body = response.get("status_code"), response.get("body")
    if found.get("error") and not (isinstance(body, Mapping) and "choices" in body):
        body = {"error": wire.error_in(found["error"]) or found["error"]}
    read = wire.read(Reply(status if isinstance(status, int) else 0, body))
    if not isinstance(read, Answer):
        read = Answer(outcome=read.outcome, reason=read.reason)
    return key, replace(read, endpoint=f"batch {path.name}")
