"""How many faces `hoigen cut --blur-faces` misses, on faces that were labelled by hand before it looked, and what else
it hides, there and on clips of which no face was labelled.

python benchmarks/face_blur.py [--by recall] [--others 3]   the web clips must be at hand (HOIGEN_SHARED); some minutes

faces_labelled.csv has three moments (at 20, 50 and 80 %) of each of 14 of the 48 clips: those that show people from so
near that a face is 3 % of the picture's height or more. Labelled is what is seen of a face, profiles too, by eye; not
the backs of heads, nor faces behind hands or cameras. A face counts as hidden when three quarters of its box lie in
what is blurred at that moment. The bounds of `hoigen.video.faces.BY` were chosen on these clips. --others: each third
(or so) of the 34 other clips, whose people are further off, at the same moments; no bound was chosen on them.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
from machine import headline

from hoigen import video
from hoigen.core.clip import Clip
from hoigen.core.stats.resample import wilson
from hoigen.data.cutnote import By
from hoigen.video.faces import BY, Box, Faces, faces_of

SHARED = Path(os.environ.get("HOIGEN_SHARED", Path(__file__).resolve().parents[2] / "shared")) / "clips"
LABELS = Path(__file__).with_name("faces_labelled.csv")
GRID = 1000
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)
HIDDEN = 0.75
SIZES = ((0.03, 0.08), (0.08, 1.0))


def covered(box: Box, hidden: list[Box]) -> float:
    """The share of a box that lies in any of others."""
    left, top, right, bottom = (round(side * GRID) for side in box)
    inside = np.zeros((bottom - top, right - left), bool)
    for x0, y0, x1, y1 in ([round(side * GRID) for side in other] for other in hidden):
        inside[max(0, y0 - top) : max(0, y1 - top), max(0, x0 - left) : max(0, x1 - left)] = True
    return float(inside.mean())


def interval(rows: np.ndarray) -> tuple[float, float]:
    """95 % interval of a share, clips drawn anew: faces of one clip are missed together. rows: (clip, missed)."""
    dice = np.random.default_rng(0)
    clips = [rows[rows[:, 0] == at, 1] for at in np.unique(rows[:, 0])]
    drawn = [np.concatenate([clips[at] for at in dice.integers(0, len(clips), len(clips))]).mean() for _ in range(2000)]
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)


def found_in(name: str, by: By) -> tuple[Faces, float]:
    """The faces that are found in a clip, and its seconds."""
    path = str(SHARED / f"{name}.mp4")
    header = video.probe(path)
    about = {"width": header.width, "height": header.height, "fps": float(header.fps)}
    return faces_of(Clip(id=name, uri=path, end=header.duration, **about), by), header.duration


def others(labelled: Collection[str], by: By, every: int) -> None:
    """What is hidden in clips of which no face was labelled."""
    names = sorted({path.stem for path in SHARED.glob("*.mp4")} - {*labelled})[::every]
    places, areas = [], []
    for name in names:
        found, duration = found_in(name, by)
        moments = [found.at(share * duration) for share in (0.2, 0.5, 0.8)]
        places += [len(boxes) for boxes in moments]
        areas += [covered(WHOLE, boxes) for boxes in moments]
        print(f"{by}, {name:20} {places[-3:]} places", flush=True)
    print(f"{by}: {len(names)} other clips, {sum(places)} blurred places at {len(places)} moments")
    print(f"{by}: {np.mean(areas):.1%} of the picture is blurred")


def labelled(labels: Mapping[str, Mapping[float, list[Box]]], by: By) -> None:
    """How many of the labelled faces are missed, and what else is hidden."""
    shares: list[tuple[int, float, float]] = []  # clip, height, share that is hidden
    nobody = moments = 0
    areas: list[tuple[float, float]] = []  # of the picture that is blurred: all, and where no face is labelled
    began, seconds = time.process_time(), 0.0
    for number, (name, each) in enumerate(labels.items()):
        found, duration = found_in(name, by)
        seconds += duration
        missed = 0
        for at, boxes in each.items():
            hidden = found.at(at)
            moments += 1
            elsewhere = [one for one in hidden if all(covered(box, [one]) == 0 for box in boxes)]
            nobody += len(elsewhere)
            areas.append((covered(WHOLE, hidden), covered(WHOLE, elsewhere)))
            for box in boxes:
                shares.append((number, box[3] - box[1], covered(box, hidden)))
                missed += shares[-1][2] < HIDDEN
        print(f"{by}, {name:20} {sum(map(len, each.values())):3} faces, {missed:3} missed", flush=True)
    cost = (time.process_time() - began) / seconds
    for least, most in (*SIZES, (0.0, 1.0)):
        some = np.array([(at, share < HIDDEN) for at, high, share in shares if least <= high < most])
        low, high = interval(some)
        few, many = wilson(int(some[:, 1].sum()), len(some))  # a clean sheet is no certainty
        low, high = min(low, few), max(high, many)
        missed, total = int(some[:, 1].sum()), len(some)
        share = f"{missed / total:.0%} [{low:.0%}, {high:.0%}]"
        print(f"{by}, height {least:.0%} to {most:.0%}: {missed} of {total} missed, {share}")
    whole, elsewhere_ = np.mean(areas, axis=0)
    print(f"{by}: {nobody} blurred places at {moments} moments where no face is labelled")
    print(f"{by}: {whole:.1%} of the picture is blurred, {elsewhere_:.1%} where no face is labelled")
    print(f"{by}: {cost:.1f} s of CPU for a second of video")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--by", choices=BY, help="only one of them")
    parser.add_argument("--others", type=int, default=0)
    options = parser.parse_args()
    labels: dict[str, dict[float, list[Box]]] = defaultdict(lambda: defaultdict(list))
    with LABELS.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            boxes = labels[row["clip"]][float(row["time"])]
            if row["left"]:
                boxes.append((float(row["left"]), float(row["top"]), float(row["right"]), float(row["bottom"])))
    print(headline())
    for by in (options.by,) if options.by else BY:
        if options.others:
            others(labels, by, options.others)
        else:
            labelled(labels, by)


if __name__ == "__main__":
    main()
