"""Numbers, times and names as a person reads them."""

from __future__ import annotations

import math
import re
from pathlib import PurePosixPath

from hoigen.core.score import Better


def count(number: int) -> str:
    return f"{number:,}"


def arrow(better: Better | None) -> str:
    """Behind a number's name, in the same line: which way is better; nothing where neither is."""
    return {"more": "\N{NO-BREAK SPACE}↑", "less": "\N{NO-BREAK SPACE}↓", None: ""}[better]


def share(part: int, whole: int) -> str:
    """A percentage that never says 0 or 100 when it is not so."""
    if not whole:
        return "–"
    percent = 100 * part / whole
    if part and percent < 0.1:
        return "< 0.1 %"
    if part < whole and percent > 99.9:
        return "> 99.9 %"
    return f"{percent:.0f} %" if percent in (0, 100) else f"{percent:.1f} %"


def number(value: float | None) -> str:
    """Three significant digits, no exponent where one can be helped."""
    if value is None:
        return "no value"
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{digits}f}".rstrip("0").rstrip(".") if digits <= 7 else f"{value:.3g}"


def clock(seconds: float) -> str:
    """`1:02:03.4`, `0:07.5`."""
    tenths = round(max(0.0, seconds) * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    tail = f"{rest // 10:02d}.{rest % 10}"
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"


def length(seconds: float) -> str:
    """`5.6 s`, `12 min`, `3 h 20 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds else "none"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min" if minutes else f"{hours:,} h"


def short_name(uri: str, limit: int = 44) -> str:
    """The file name, its middle left out when it is long.

    Args:
        uri: of the file.
        limit: the most characters.
    """
    name = PurePosixPath(uri).name or uri
    if len(name) <= limit:
        return name
    tail = limit // 3
    return f"{name[: limit - tail - 1]}…{name[-tail:]}"


def anchor(kind: str, key: str) -> str:
    """An id for links: words and digits only."""
    return f"{kind}-{re.sub(r'[^A-Za-z0-9_]+', '-', key)}"
