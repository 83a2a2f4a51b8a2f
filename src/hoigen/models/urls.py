"""Files over http and out of stores: fetched with a progress bar, gone on with after a break, and put in place whole or
not at all."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hoigen.core import uris
from hoigen.core.clip import Seconds
from hoigen.core.hosts import PrivateAddress

TIMEOUT: Seconds = 60
"""Without a byte."""
TRIES = 4
"""In a row that bring nothing new."""
PAUSE: Seconds = 1.0
"""Before the second try; doubled each time that brings nothing."""
CHUNK = 1 << 20
GONE = frozenset((400, 401, 403, 404, 405, 410, 451))
"""Answers that another try does not change."""


@dataclass(frozen=True, slots=True)
class _Whole:
    """The file that a part is of: another one has another validator. total: its bytes, None where it is not known."""

    url: str
    validator: str
    total: int | None


Opens = Callable[..., Any]
"""`urlopen`, or the `open` of another client of urllib."""


class Throttle:
    """Lets no more than so many bytes a second through.

    Args:
        rate: bytes a second.
        clock: seconds, from any moment on.
        sleep: waits for so many seconds.
    """

    def __init__(
        self, rate: float, clock: Callable[[], Seconds] = time.monotonic, sleep: Callable[[Seconds], None] = time.sleep
    ) -> None:
        self.rate, self.clock, self.sleep = rate, clock, sleep
        self.since, self.sent = clock(), 0

    def passed(self, count: int) -> None:
        """Waits until so many more bytes are due. There is no burst after a pause: what was not used before is no
        credit.

        Args:
            count: bytes that have come.
        """
        self.sent += count
        if (wait := self.sent / self.rate - (self.clock() - self.since)) > 0:
            self.sleep(wait)
        else:
            self.since, self.sent = self.clock(), 0


def download(
    url: str,
    path: Path,
    check: Callable[[Path], None],
    *,
    quiet: bool = False,
    opens: Opens = urllib.request.urlopen,
    throttle: Throttle | None = None,
) -> None:
    """Brings one file to `path`.

    What has come lies in `.NAME.part` next to it, and stays there when the connection breaks: the next call goes on
    where this one ended, if the server still has that very file (`If-Range`), and else begins anew.

    Args:
        url: http, https, or the address of a file in a store (s3://, gs://, hf://, ...).
        path: where it belongs; its folder is there. Only one process at a time may call this for one path.
        check: looks at the whole file before it gets its name; what it raises goes on, and the file is deleted.
        quiet: no progress bar.
        opens: asks a server of the web; for an address out of a list, the `open` of `hosts.opener()`.
        throttle: bounds the rate; one for several files bounds all together.

    Raises OSError, of which urllib's errors are kinds, when it cannot be had, ValueError for what is no file.
    """
    from tqdm import tqdm

    part, note = path.with_name(f".{path.name}.part"), path.with_name(f".{path.name}.part.json")
    bar = tqdm(
        desc=path.name,
        unit="B",
        unit_scale=True,
        unit_divisor=1024,
        dynamic_ncols=True,
        disable=quiet,
        mininterval=0.1 if sys.stderr.isatty() else 10.0,
    )
    with bar:
        _all_of(url, part, note, bar, opens, throttle)
    try:
        check(part)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    finally:
        note.unlink(missing_ok=True)
    part.replace(path)


def _all_of(url: str, part: Path, note: Path, bar: Any, opens: Opens, throttle: Throttle | None) -> None:
    """Tries until the part is the whole file."""
    idle, most = 0, _size(part)
    while True:
        try:
            if uris.is_web(url):
                whole = _more(url, part, note, bar, opens, throttle)
            else:
                whole = _more_of_store(url, part, note, bar, throttle)
            if whole:
                return
            trouble: Exception = ConnectionError("the connection broke off")
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in GONE:
                raise
            trouble = error
        except http.client.InvalidURL as error:
            raise ValueError(f"it is no address: {error}") from None
        except (OSError, http.client.HTTPException) as error:
            if isinstance(getattr(error, "reason", error), PrivateAddress | str):
                raise  # a host that nobody asked to reach, or no address: another try does not change it
            if isinstance(error, OSError) and error.errno and not isinstance(error, ConnectionError | TimeoutError):
                raise  # of this machine's disk, or a store that has no such file
            trouble = error if isinstance(error, OSError) else ConnectionError(f"{type(error).__name__}: {error}")
        idle = 0 if _size(part) > most else idle + 1
        most = max(most, _size(part))  # what begins anew again and again brings nothing new
        if idle >= TRIES:
            raise trouble
        time.sleep(PAUSE * 2 ** max(0, idle - 1))


def _noted(note: Path) -> _Whole | None:
    with contextlib.suppress(OSError, ValueError, TypeError):
        return _Whole(**json.loads(note.read_text(encoding="utf-8")))
    return None


def _more(url: str, part: Path, note: Path, bar: Any, opens: Opens, throttle: Throttle | None) -> bool:
    """One request, for what is missing; whether the file is whole now."""
    have, known = _size(part), _noted(note)
    headers = {"Accept-Encoding": "identity", "User-Agent": "hoigen"}
    if have and known is not None and known.url == url and known.validator:
        if have == known.total:
            return True
        headers |= {"Range": f"bytes={have}-", "If-Range": known.validator}
    try:
        answer = opens(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        error.close()
        note.unlink(missing_ok=True)  # the part is longer than the file: from the beginning
        return False
    with answer:
        begin, total = _place(answer)
        length = _number(answer.headers.get("Content-Length"))
        _check_is_file(answer, length, part)
        short = begin is not None and total is not None and length is not None and begin + length != total
        other = False
        if known is not None:
            tagged = known.validator.startswith('"')
            now = answer.headers.get("ETag" if tagged else "Last-Modified")
            # some servers do not know `If-Range`: of another version is what says so itself, and what has lost the tag
            # that each answer has to bear; a date need not stand in a part
            other = total != known.total or bool(known.validator and (now or tagged) and now != known.validator)
        if begin is None or begin != have or short or (have and other):
            if answer.status == 206:
                note.unlink(missing_ok=True)  # a piece that does not fit to what is here
                return False
            have, total = 0, length
            tag = answer.headers.get("ETag") or ""  # a weak one may stay equal where the file has changed
            validator = tag if tag.startswith('"') else answer.headers.get("Last-Modified") or ""
            note.write_text(json.dumps(asdict(_Whole(url, validator, total))), encoding="utf-8")
        return _take(
            answer.read1, part, have, total, bar, throttle
        )  # what is there: `read` loses it when the rest fails


def _more_of_store(url: str, part: Path, note: Path, bar: Any, throttle: Throttle | None) -> bool:
    """What is missing of a file in a store, from where the part ends if it still is that very file."""
    system, place = uris.store_of(url)
    held = system.info(place)
    if held.get("type") == "directory":
        raise ValueError("it is a folder")
    total = int(held["size"])
    known = _Whole(url, str(system.ukey(place)), total)
    have = _size(part)
    if _noted(note) != known or have > total:
        have = 0
        note.write_text(json.dumps(asdict(known)), encoding="utf-8")
    if have == total and part.exists():
        return True
    with system.open(place, "rb") as file:
        file.seek(have)
        return _take(file.read, part, have, total, bar, throttle)


def _check_is_file(answer: Any, length: int | None, part: Path) -> None:
    """A page that asks to sign in is no model, and would be noted as the first one that came."""
    kind, encoding = answer.headers.get_content_type(), answer.headers.get("Content-Encoding") or "identity"
    if answer.status not in (200, 206) or length == 0:
        raise ValueError(f"it answered {answer.status} without a file")
    if kind == "text/html":
        raise ValueError("it answered with a web page")
    if encoding != "identity" and not part.name.endswith(".gz.part"):
        raise ValueError(f"it answered in the encoding {encoding}, which was not asked for")


def _take(
    read: Callable[[int], bytes], part: Path, have: int, total: int | None, bar: Any, throttle: Throttle | None
) -> bool:
    """Writes what comes behind the first `have` bytes; whether all of it came."""
    bar.reset(total=total)
    bar.update(have)
    with part.open("r+b" if have else "wb") as file:
        file.truncate(have)
        file.seek(have)
        while block := read(CHUNK):
            file.write(block)
            bar.update(len(block))
            have += len(block)
            if throttle is not None:
                throttle.passed(len(block))
        file.flush()
        os.fsync(file.fileno())
    return total is None or have == total


def _place(answer: Any) -> tuple[int | None, int | None]:
    """Of a partial answer, where it begins and how large the whole file is."""
    unit, _, rest = (answer.headers.get("Content-Range") or "").partition(" ")
    span, _, total = rest.partition("/")
    if answer.status != 206 or unit != "bytes":
        return None, None
    return _number(span.partition("-")[0]), _number(total)


def _number(text: str | None) -> int | None:
    return int(text) if text and text.strip().isdigit() else None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
