"""Can the small models tell a broken interaction from a real one? Everything that they say, held out by generator:
python benchmarks/generated/broken.py SEEN.jsonl

SEEN.jsonl: what `score.py` has left beside its run (`RUN_seen.jsonl`). Twelve numbers of each clip say how surely, how
steadily and how long person, hand and thing are seen. A logistic (ridge of 30, each number over its spread) is fitted
on all families of generators but one, and ranks the clips of that one; so is another on the length and the short side
of the video alone, which know nothing of what it shows. AUC of real against broken, 2,000 resamples of clips, seed 0.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import sys
from pathlib import Path

import numpy as np

from hoigen.measures.fine.unnamed import THETA
from hoigen.measures.handling import surest, touches
from hoigen.observe.frame import ObservedFrame, SeenHand
from hoigen.observe.geometry import over
from hoigen.observe.lines import frame_of

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
from hoi_lite import fit  # noqa: E402  (a script in the folder above)
from machine import headline  # noqa: E402
from score import area, rows_of  # noqa: E402  (a script beside this one)

RIDGE = 30.0
NEAR = 1.5
"""Of a hand's longer side: how far away it may be a look later, and be the same."""
SIGNS = (
    "touch: mean", "touch: share of looks", "person: belief", "person: share of looks", "person: agreed on by a face",
    "body: score", "body: spread of bodies", "person: box stays", "hand: score", "palm: score", "hand: found again",
    "hands: spread of their number",
)  # fmt: skip


def signs(frames: list[ObservedFrame]) -> list[float]:
    """The twelve numbers of a clip, in the order of SIGNS; NaN where there is nothing to say."""
    touch = [max((pair.score for pair in touches(frame)), default=0.0) for frame in frames]
    trust = [surest(frame) or 0.0 for frame in frames]
    bodies = [[person.score for person in frame.persons or () if person.points] for frame in frames]
    hands = [list(frame.hands or ()) for frame in frames]
    boxes = [max(frame.somebody or (), key=lambda each: each.score, default=None) for frame in frames]
    stays = [over(one.box, other.box) for one, other in itertools.pairwise(boxes) if one and other]
    every = [hand for some in hands for hand in some]
    again = [any(_near(hand, other) for other in later) for now, later in itertools.pairwise(hands) for hand in now]
    faces = [any("face" in each.by for each in frame.somebody or ()) for frame in frames]
    return [
        float(np.mean(touch)),
        float(np.mean(np.array(touch) > THETA)),
        float(np.mean(trust)),
        float(np.mean(np.array(trust) > 0)),
        float(np.mean(faces)),
        float(np.mean([max(some, default=0.0) for some in bodies])),
        float(np.std([len(some) for some in bodies])),
        float(np.mean(stays)) if stays else math.nan,
        float(np.mean([hand.score for hand in every])) if every else math.nan,
        float(np.mean([hand.palm for hand in every])) if every else math.nan,
        float(np.mean(again)) if again else math.nan,
        float(np.std([len(some) for some in hands])),
    ]


def _near(one: SeenHand, other: SeenHand) -> bool:
    a, b = one.box, other.box
    return math.dist(a[:2], b[:2]) < NEAR * max(a[2] - a[0], a[3] - a[1])


def held_out(numbers: np.ndarray, labels: np.ndarray, families: np.ndarray) -> np.ndarray:
    """Of each clip, what a logistic says that has seen no clip of its family."""
    said = np.zeros(len(labels))
    for family in np.unique(families):
        mine = families == family
        means, spreads = np.nanmean(numbers[~mine], axis=0), np.nanstd(numbers[~mine], axis=0) + 1e-9
        scaled = np.nan_to_num((numbers - means) / spreads)
        weights = fit(scaled[~mine], labels[~mine].astype(float), RIDGE)
        said[mine] = scaled[mine] @ weights[: scaled.shape[1]]  # without the bias, which each fit has its own of
    return said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seen", type=Path)
    seen: Path = parser.parse_args().seen
    labels = {row["id"]: row["interaction"] for row in rows_of(HERE / "labels.jsonl")}
    clips = {row["id"]: row for row in rows_of(HERE / "clips.jsonl")}
    frames: dict[str, list[ObservedFrame]] = {}
    with seen.open(encoding="utf-8") as lines:
        next(lines)
        for line in lines:
            row = json.loads(line)
            clip = Path(row["video"]).stem
            if labels[clip] in ("real", "broken"):
                row.pop("objects", None)
                frames.setdefault(clip, []).append(frame_of(row, clip, row["size"], row["time"], own=True))
    ids = sorted(frames)
    real = np.array([labels[each] == "real" for each in ids])
    families = np.array([clips[each]["family"] for each in ids])
    told = np.array([signs(frames[each]) for each in ids])
    shape = np.array(
        [[clips[each]["seconds"], min(clips[each]["width"], clips[each]["height"])] for each in ids], float
    )
    print(headline())
    print(
        f"{real.sum()} real, {(~real).sum()} broken, of {len(np.unique(families))} families; AUC of real against broken"
    )
    for name, column in zip(SIGNS, told.T, strict=True):
        print(f"  {name:32}{area(column, real, ~real)}")
    print(f"  {'all twelve, held out':32}{area(held_out(told, real, families), real, ~real)}")
    print(f"  {'length and size, held out':32}{area(held_out(shape, real, families), real, ~real)}")


if __name__ == "__main__":
    main()
