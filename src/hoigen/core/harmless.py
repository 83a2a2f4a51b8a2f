"""Texts of strangers, for a terminal and for a spreadsheet: what such a program would do with them is taken out.

Names of files, reasons and captions come from people one does not know. A terminal follows escape sequences (it changes
its title, its clipboard, what stands on it already), and a spreadsheet runs a cell that begins like a formula.
"""

from __future__ import annotations

import re

UNSHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Controls, but for ends of lines and tabs, and marks that turn the direction of what follows."""
FORMULA = re.compile(r"[\s\x00]*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]")
"""How a cell begins that spreadsheets run, wide letters among them."""


def plain(text: str) -> str:
    r"""`text` for a terminal: controls are shown as what they are, `\x1b`, and do nothing."""
    return UNSHOWN.sub(lambda found: f"\\x{ord(found[0]):02x}" if found[0] < "Ā" else f"\\u{ord(found[0]):04x}", text)


def cell(text: str) -> str:
    """`text` for a CSV: what would be a formula begins with an apostrophe, and is text. Numbers stay."""
    if not FORMULA.match(text):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text


def cell_sql(column: str) -> str:
    """`cell`, of a `column` of texts, as an expression of DuckDB."""
    begins = r"^[\s\x00]*[=+\-@\t\r\x{ff1d}\x{ff0b}\x{ff0d}\x{ff20}]"
    return (
        f"case when regexp_matches({column}, '{begins}') and try_cast({column} as double) is null "
        f"then '''' || {column} else {column} end"
    )
