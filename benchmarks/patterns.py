"""Every regular expression of hoigen against texts that are made to be slow for it.

    python benchmarks/patterns.py [--markdown docs/figures/patterns.txt]

The patterns are found in the source by its syntax tree: what `re.compile`, `re.search` and their like are given, where
it is a text without holes. For each, texts are made of what stands in it: pieces of the pattern and common letters, one
after the other, n times. Time is taken for n and 4 n letters; a linear pattern takes 4 times as long, a quadratic one
16 times. What takes more than `SLOW` milliseconds for `LETTERS` letters, or grows faster than `STEEP`, is marked.
"""

from __future__ import annotations

import argparse
import ast
import datetime
import platform
import re
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

from hoigen.core.harmless import plain

SOURCE = Path(__file__).resolve().parents[1] / "src" / "hoigen"
CALLS = {"compile", "search", "match", "fullmatch", "sub", "split", "findall", "finditer"}
LETTERS, SLOW, STEEP = 8_000, 20.0, 9.0
COMMON = (
    "a",
    "A",
    "0",
    " ",
    "-",
    "_",
    ".",
    ",",
    ":",
    "/",
    "\\",
    "'",
    '"',
    "<",
    "{",
    "[",
    "(",
    "\n",
    "\t",
    "é",
    "::",
    "a-",
    "1.",
)
LIMIT = 5.0
"""Seconds for one text; what takes longer is not tried with more letters."""


def patterns() -> Iterator[tuple[str, int, str, int, str]]:
    """(file, line, pattern, flags, how it is used) of each in the source; `match` only looks at the beginning."""
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(SOURCE.rglob("*.py"))}
    everything = "\n".join(texts.values())
    for path, source in texts.items():
        tree = ast.parse(source)
        named = {
            id(n.value): n.targets[0].id
            for n in ast.walk(tree)
            if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Name)
        }
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CALLS):
                continue
            if not (isinstance(node.func.value, ast.Name) and node.func.value.id == "re" and node.args):
                continue
            try:
                text = ast.literal_eval(node.args[0])
            except ValueError:
                continue  # put together at run time
            words = [each for part in [*node.args[1:], *(k.value for k in node.keywords)] for each in ast.walk(part)]
            flags = re.RegexFlag(0)
            for each in words:
                if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and each.value.id == "re":
                    flags |= found if isinstance(found := getattr(re, each.attr), re.RegexFlag) else 0
            uses = {node.func.attr}
            if node.func.attr == "compile" and (name := named.get(id(node))):
                uses = set(re.findall(rf"\b{name}\.(match|fullmatch|search|sub|split|findall|finditer)\b", everything))
            how = next((each for each in ("match", "fullmatch") if uses == {each}), "search")
            if isinstance(text, str):
                yield str(path.relative_to(SOURCE)), node.lineno, text, int(flags), how


def pieces(pattern: str) -> list[str]:
    """What texts are made of: runs of letters of the pattern, each also behind a space, and common letters."""
    words = {word for word in re.findall(r"[^\W\d_]+|<[a-z/!]+>?|[:/.\"'-]+", pattern) if len(word) < 40}
    return [*COMMON, *sorted(words), *(f"{word} " for word in sorted(words)), *(f"{word}>" for word in sorted(words))]


def seconds(compiled: re.Pattern[str], text: str, how: str) -> float:
    """Of the processor, the better of two: others use the machine, too."""
    times = []
    for _ in range(2):
        began = time.process_time()
        if how in ("match", "fullmatch"):
            getattr(compiled, how)(text)
        else:
            for _ in compiled.finditer(text):
                if time.process_time() - began > LIMIT:
                    break
        times.append(time.process_time() - began)
    return min(times)


def worst(pattern: str, flags: int, how: str) -> tuple[float, float, str]:
    """Milliseconds for `LETTERS` letters, how many times that of a quarter, and the piece that the text was made of."""
    compiled = re.compile(pattern, flags)
    found = (0.0, 1.0, "")
    for piece in pieces(pattern):
        for head in ("", "x", pattern[:1] if pattern[:1].isalpha() else ""):
            short, long = (head + piece * (count // len(piece)) + "\x01" for count in (LETTERS // 4, LETTERS))
            first = seconds(compiled, short, how)
            second = seconds(compiled, long, how)
            found = max(found, (1000 * second, second / max(first, 1e-4), piece))
            if second * 1000 > 5 * SLOW:
                return found  # it is slow: other texts need not be tried
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--markdown", type=Path, help="a file to write the table to")
    asked = parser.parse_args()
    warnings.simplefilter("ignore", FutureWarning)
    rows, slow = [], 0
    for file, line, pattern, flags, how in patterns():
        took, times, piece = worst(pattern, flags, how)
        mark = "**slow**" if took > SLOW or (times > STEEP and took > 10) else ""
        slow += bool(mark)
        rows.append((f"{file}", pattern, took, times, piece, mark))
        print(f"{file}:{line}  {took:8.2f} ms  x{times:5.1f}  {piece!r:12} {mark}  {pattern[:60]!r}", flush=True)
    print(f"{len(rows)} patterns, {slow} slow")
    if asked.markdown is not None:
        machine = platform.machine()
        lines = [
            "# Regular expressions, and the slowest text of each",
            "",
            f"Every pattern of `src/hoigen` against texts of {LETTERS:,} letters that are made to be slow for it; by",
            "`python benchmarks/patterns.py --markdown docs/figures/patterns.txt` on",
            f"{datetime.date.today()}, {machine},",
            f"Python {platform.python_version()}, two shared cores. ms: of the slowest text. times: as long as for a",
            "quarter of it; 4 is linear, 16 quadratic.",
            "",
            "| file | pattern | ms | times | text of | |",
            "|---|---|---|---|---|---|",
        ]
        for file, pattern, took, times, piece, mark in rows:
            shown = pattern if len(pattern) <= 60 else f"{pattern[:57]}..."
            shown, made = (
                "`` " + plain(each.replace("|", "\\|").replace("\n", "\\n").replace("\t", "\\t")) + " ``"
                for each in (shown, piece)
            )
            lines.append(f"| {file} | {shown} | {took:.1f} | {times:.0f} | {made} | {mark} |")
        asked.markdown.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
