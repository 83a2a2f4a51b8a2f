"""The split of the clips into a working half and a closed half, by family of generators; writes split.json.

python benchmarks/generated/split.py

Made before any label or score. Families (all of one maker's line: Pika 2023, 1.0 and 2.1, ...) stay whole. They are
shuffled within three classes of size with a fixed seed; in each, the next one goes to the half that has fewer clips.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).parent
SEED = 20261126


def main() -> None:
    clips = defaultdict(list)
    for line in (HERE / "clips.jsonl").read_text().splitlines():
        row = json.loads(line)
        clips[row["family"]].append(row["id"])
    classes: dict[int, list[str]] = {0: [], 1: [], 2: []}
    for family in sorted(clips):
        classes[0 if len(clips[family]) >= 9 else 1 if len(clips[family]) >= 5 else 2].append(family)
    drawn = random.Random(SEED)
    halves: dict[str, list[str]] = {"working": [], "closed": []}
    counts = dict.fromkeys(halves, 0)
    for families in classes.values():
        drawn.shuffle(families)
        for family in families:
            half = min(halves, key=lambda name: (counts[name], len(halves[name])))
            halves[half].append(family)
            counts[half] += len(clips[family])
    split = {
        "seed": SEED,
        "families": {half: sorted(families) for half, families in halves.items()},
        "clips": {half: sorted(i for family in families for i in clips[family]) for half, families in halves.items()},
    }
    (HERE / "split.json").write_text(json.dumps(split, indent=1) + "\n")
    print({half: (len(halves[half]), counts[half]) for half in halves})


if __name__ == "__main__":
    main()
