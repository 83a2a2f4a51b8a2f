"""What a run of very many clips comes to, simulated from measured figures: files, bytes, queries, hours, money.

python benchmarks/scale.py [--clips 80000000] [--recipe NAME ...] [--card-hour PRICE] [--core-hour PRICE]

Nothing is run. Files follow from how shards and parts are made; bytes and CPU seconds are those that
`benchmarks/large_run.py` measured at 5 million clips with ten measures (docs/benchmarks.md), times the clips; hours are
those of `hoigen plan`. Prices are what is given: an assumption, and left out where it is not.
"""

from __future__ import annotations

import argparse
import math

from machine import headline

from hoigen.commands.plan import Plan, plan
from hoigen.data.tables import MERGE_SHARDS
from hoigen.stages.clips import SHARD_CLIPS

MEASURED, MEASURES = 5_000_000, 10
FILES, MEGABYTES, COPIES = 222, 4235, 1097
"""At 5 M: Parquet files and their size, and the copies of the joined parts (docs/benchmarks.md, "A large run")."""
QUERIES = {
    "funnel, the first time": (74.1, 703),
    "funnel again": (2.3, 178),
    "table --out x.parquet": (47.8, 755),
    "report --shown 0": (62.3, 268),
    "caption, until the first clip is planned": (4.3, 211),
}
"""Command -> CPU seconds and peak megabytes at 5 M, same place."""


def files(clips: int, measures: int) -> tuple[int, int, int]:
    """Shards; files as they are written; files after merging, the list and the table of shards among them."""
    shards, tables = math.ceil(clips / SHARD_CLIPS), 1 + measures
    return shards, shards * tables, math.ceil(shards / MERGE_SHARDS) * tables + 2


def tables(clips: int) -> None:
    known = files(MEASURED, MEASURES)
    assert known[2] == FILES, f"{known[2]} files by rule, {FILES} were there"
    print("| clips, ten measures | shards | files as written | after merging | GB | GB of joined copies |")
    print("|---|---|---|---|---|---|")
    for count in dict.fromkeys((MEASURED, clips)):
        shards, written, merged = files(count, MEASURES)
        share = count / MEASURED / 1000
        size = f"{MEGABYTES * share:,.1f} | {COPIES * share:,.1f}"
        print(f"| {count:,} | {shards:,} | {written:,} | {merged:,} | {size} |")
    shards = files(clips, MEASURES)[0]
    print(
        f"\nlisting: a folder of scores has {math.ceil(shards / MERGE_SHARDS):,} names after merging, and no more than"
    )
    print(
        f"{shards:,} before; merging reads and writes every byte of the tables once, {MERGE_SHARDS} shards at a time\n"
    )
    print(f"| command | CPU s at {MEASURED:,} | by the clip, at {clips:,} | MB at {MEASURED:,} |")
    print("|---|---|---|---|")
    for name, (cpu, memory) in QUERIES.items():
        print(f"| `{name}` | {cpu} | {cpu * clips / MEASURED:,.0f} | {memory} |")


def stages(found: Plan, card_hour: float | None, core_hour: float | None) -> None:
    """Hours of each step, and what they cost."""
    priced = card_hour is not None and core_hour is not None
    print(f"\n{found.recipe}: {found.clips:,} clips of {found.seconds:g} s, {found.size}")
    print("| step | on | hours |" + (" money |" if priced else ""))
    print("|---|---|---|" + ("---|" if priced else ""))
    price = {"card": card_hour or 0.0, "core": core_hour or 0.0}
    total = 0.0
    for cost in found.costs:
        if cost.seconds is None:
            print(f"| {cost.step} | {cost.on} | not measured |" + (" not measured |" if priced else ""))
            continue
        hours = found.clips * cost.seconds / 3600
        total += hours * price[cost.on]
        print(f"| {cost.step} | {cost.on} | {hours:,.0f} |" + (f" {hours * price[cost.on]:,.0f} |" if priced else ""))
    work = f"{found.hours_of('card'):,.0f} card-hours, {found.hours_of('core'):,.0f} core-hours"
    least = "at least " if found.lower_bound else ""
    print(f"\n{least}{work}" + (f", {total:,.0f} in money" if priced else ""))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--clips", type=int, default=80_000_000)
    parser.add_argument("--recipe", action="append")
    parser.add_argument("--card-hour", type=float)
    parser.add_argument("--core-hour", type=float)
    given = parser.parse_args()
    print(headline())
    tables(given.clips)
    for name in given.recipe or ("lite", "paper"):
        stages(plan(name, clips=given.clips, cards=1, cores=16), given.card_hour, given.core_hour)


if __name__ == "__main__":
    main()
