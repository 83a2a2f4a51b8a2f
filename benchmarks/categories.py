"""How well rules read interactions out of captions, against labels by hand, and how fast.

python benchmarks/categories.py [--vbench FILE] [--show]

Sets: 60 captions written for this (categories_captions.jsonl), half of which the rules were developed on, and 40 short
ones, labelled before anything was run on them; the 48
published captions of ../shared/clips (labels: categories_clips.json); and, when given, VBench's
human_action_longer.txt, a caption per line, of which categories_vbench.json labels all 99: the rules were mended after
looking at lines 1 to 50 and never after looking at the rest.

A pair (action, object) is right when the label has both, after both were normalised. action, object: the same for each
alone. Intervals are of 95 %, over captions.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from machine import headline

from hoigen.interactions.categories import normal
from hoigen.interactions.categories.rows import by_rules

HERE = Path(__file__).resolve().parent
SHARED = HERE.parents[1] / "shared" / "clips" / "labels.jsonl"
RESAMPLES = 2000

Pair = tuple[str, str]
Case = tuple[str, str, list[Pair], str | None]
"""Name, caption, labels, kind of interaction."""


def own(part: str) -> list[Case]:
    rows = [json.loads(line) for line in (HERE / "categories_captions.jsonl").read_text().splitlines()]
    return [(r["id"], r["text"], named(r["pairs"]), r["interaction"]) for r in rows if r["part"] == part]


def clips() -> list[Case]:
    labels = json.loads((HERE / "categories_clips.json").read_text())
    rows = [json.loads(line) for line in SHARED.read_text().splitlines()]
    return [(r["file"], r["caption"], named(labels[r["file"]]), None) for r in rows]


def vbench(file: Path, first: int, last: int) -> list[Case]:
    labels = json.loads((HERE / "categories_vbench.json").read_text())
    lines = file.read_text(encoding="utf-8").splitlines()
    return [(str(n), lines[n - 1], named(labels[str(n)]), None) for n in range(first, last + 1)]


def named(pairs: Sequence[Sequence[str]]) -> list[Pair]:
    """Labels under the names that rows have."""
    actions = [normal.action(action) for action, _ in pairs]
    return [(action, normal.object_name(thing, action)) for action, (_, thing) in zip(actions, pairs, strict=True)]


def measure(title: str, cases: Sequence[Case], show: bool) -> None:
    counts: list[dict[str, tuple[int, int, int]]] = []
    right = kinds = 0
    for name, text, labels, kind in cases:
        rows = list(by_rules([(name, text)]))
        found, wanted = {(row.action, row.object) for row in rows}, set(labels)
        counts.append({what: counted(cut(found), cut(wanted)) for what, cut in CUTS.items()})
        if kind is not None:
            kinds, right = kinds + 1, right + (bool(rows) and rows[0].interaction == kind)
        if show and found != wanted:
            print(f"    {name}: missed {sorted(wanted - found)}, wrong {sorted(found - wanted)}")
    print(f"{title}: {len(cases)} captions, {sum(len(labels) for _, _, labels, _ in cases)} labels")
    for what in CUTS:
        print(f"    {what:<8} {told([one[what] for one in counts])}")
    if kinds:
        print(f"    kind of interaction right: {right} of {kinds}")


CUTS: dict[str, Callable[[set[Pair]], set[object]]] = {
    "both": lambda pairs: set(pairs),
    "action": lambda pairs: {action for action, _ in pairs},
    "object": lambda pairs: {thing for _, thing in pairs},
}


def counted(found: set[object], wanted: set[object]) -> tuple[int, int, int]:
    return len(found & wanted), len(found), len(wanted)


def told(counts: Sequence[tuple[int, int, int]]) -> str:
    rng = random.Random(0)
    resampled = [rates(rng.choices(counts, k=len(counts))) for _ in range(RESAMPLES)]
    parts = []
    for at, name in enumerate(("precision", "recall", "F1")):
        spread = sorted(values[at] for values in resampled)
        low, high = spread[int(0.025 * RESAMPLES)], spread[int(0.975 * RESAMPLES)]
        parts.append(f"{name} {rates(counts)[at]:.2f} ({low:.2f}-{high:.2f})")
    return "  ".join(parts)


def rates(counts: Sequence[tuple[int, int, int]]) -> tuple[float, float, float]:
    hit, found, wanted = (sum(values) for values in zip(*counts, strict=True))
    return hit / max(found, 1), hit / max(wanted, 1), 2 * hit / max(found + wanted, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vbench", type=Path, help="VBench's human_action_longer.txt")
    parser.add_argument("--show", action="store_true", help="print what was missed and what was wrong")
    options = parser.parse_args()
    print(headline())
    measure("own, developed on", own("developed on"), options.show)
    measure("own, held out at first", own("held out"), options.show)
    measure("short, labelled before any run", own("short"), options.show)
    if SHARED.is_file():
        measure("published captions of the web clips", clips(), options.show)
    if options.vbench:
        measure("VBench 1-50, seen", vbench(options.vbench, 1, 50), options.show)
        measure("VBench 51-75, never seen", vbench(options.vbench, 51, 75), options.show)
        measure("VBench 76-99, labelled before any run", vbench(options.vbench, 76, 99), options.show)
    texts = [(name, text) for name, text, _, _ in [*own("developed on"), *own("held out")]]
    began = time.perf_counter()
    list(by_rules(texts * 5))
    print(f"speed: {len(texts) * 5 / (time.perf_counter() - began):.0f} captions of 118 words a second, one process")


if __name__ == "__main__":
    main()
