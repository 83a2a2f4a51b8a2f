"""Two raters' labels -> how far they agree, and one label a clip: python benchmarks/generated/labels.py

Reads labels_a.jsonl and labels_b.jsonl, each made from the sheets alone, and writes labels.jsonl. Where the two
differ, a clip is `doubtful` and counts on no side; who is right is not decided afterwards. Prints raw agreement,
Cohen's kappa, Gwet's AC1 and Krippendorff's alpha with intervals (2,000 resamples of clips, seed 0).
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from hoigen.core.stats.agreement import agreement
from hoigen.core.stats.resample import Draws, Estimate

HERE = Path(__file__).resolve().parent
VALUES = {"interaction": ("real", "broken", "none", "doubtful"), "person": ("yes", "no", "doubtful")}


def read(path: Path) -> dict[str, dict[str, Any]]:
    """The labels of one rater by clip. Raises ValueError for a clip twice and for words that the guide has not."""
    found: dict[str, dict[str, Any]] = {}
    for at, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        row = json.loads(line)
        if row["id"] in found:
            raise ValueError(f"{path.name}: line {at}: {row['id']} stands there twice")
        for key, allowed in VALUES.items():
            if row[key] not in allowed:
                raise ValueError(f"{path.name}: line {at}: {key}: one of {', '.join(allowed)}; it came as {row[key]!r}")
        found[row["id"]] = row
    return found


def said(name: str, found: Estimate) -> str:
    """A number with its interval."""
    if found.value is None:
        return f"{name} undefined ({found.reason})"
    return f"{name} {found.value:.2f}" + (f" [{found.low:.2f}, {found.high:.2f}]" if found.low is not None else "")


def main() -> None:
    raters = {name: read(HERE / f"labels_{name}.jsonl") for name in ("a", "b")}
    clips = [json.loads(line) for line in (HERE / "clips.jsonl").read_text(encoding="utf-8").splitlines()]
    halves = json.loads((HERE / "split.json").read_text(encoding="utf-8"))["families"]
    half_of = {family: half for half, families in halves.items() for family in families}
    lacking = {name: [c["id"] for c in clips if c["id"] not in rows] for name, rows in raters.items()}
    for name, ids in lacking.items():
        if ids:
            print(f"rater {name} lacks {len(ids)} clips: {', '.join(ids[:8])}{', …' if len(ids) > 8 else ''}")
    both = [c for c in clips if not any(c["id"] in ids for ids in lacking.values())]
    for key, order in VALUES.items():
        units = [(c["id"], {name: rows[c["id"]][key] for name, rows in raters.items()}) for c in both]
        found = agreement(units, Draws(draws=2_000), order=order)
        print(f"\n{key}, {found.units} clips: " + ", ".join(map(said, found.numbers, found.numbers.values())))
        for one, others in found.confusion.items():
            print(f"  a {one:9}" + "".join(f"  b {other} {count:3}" for other, count in others.items()))
    rows = []
    for clip in both:
        a, b = (labels[clip["id"]] for labels in raters.values())
        agreed = {key: a[key] if a[key] == b[key] else "doubtful" for key in VALUES}
        rows.append({"id": clip["id"], **agreed, "verb": a["verb"], "object": a["object"]})
    (HERE / "labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    counts = Counter((half_of[clip["family"]], row["interaction"]) for clip, row in zip(both, rows, strict=True))
    print()
    for half in ("working", "closed"):
        print(f"{half}: " + ", ".join(f"{counts[half, value]} {value}" for value in VALUES["interaction"]))


if __name__ == "__main__":
    main()
