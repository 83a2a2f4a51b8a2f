"""Two raters' labels -> how far they agree, and one label a clip.

python benchmarks/generated/labels.py               labels_a.jsonl, labels_b.jsonl -> labels.jsonl
python benchmarks/generated/labels.py --list FILE   of .../clips_3.jsonl: labels_3_a, labels_3_b -> labels_3.jsonl,
                                                    and of .../clips_4.jsonl, clips_5.jsonl likewise

The label files lie beside the list and have its name with labels for clips; each was made from the sheets alone. Where
the two differ, a clip is `doubtful` and counts on no side; who is right is not decided afterwards. Prints agreement,
Cohen's kappa, Gwet's AC1 and Krippendorff's alpha with intervals (2,000 resamples of clips, seed 0).
"""

from __future__ import annotations

import argparse
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", type=Path, default=HERE / "clips.jsonl", metavar="FILE", help="the labelled clips")
    listed: Path = parser.parse_args().list
    if not listed.name.startswith("clips"):
        parser.error(f"--list: a file named clips*.jsonl, since its labels are labels*.jsonl; it came as {listed}")
    stem = listed.stem.replace("clips", "labels", 1)
    raters = {name: read(listed.with_name(f"{stem}_{name}.jsonl")) for name in ("a", "b")}
    clips = [json.loads(line) for line in listed.read_text(encoding="utf-8").splitlines()]
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
    listed.with_name(f"{stem}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    parts = [half_of.get(clip["family"], "all") for clip in both]  # only the first list is split into halves
    counts = Counter((part, row["interaction"]) for part, row in zip(parts, rows, strict=True))
    print()
    for part in sorted(set(parts), reverse=True):
        print(f"{part}: " + ", ".join(f"{counts[part, value]} {value}" for value in VALUES["interaction"]))


if __name__ == "__main__":
    main()
