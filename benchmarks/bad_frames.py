"""Whether `bad_frames` finds what was done to frames: precision and recall on made truth, with intervals.

python benchmarks/bad_frames.py [CLIPS]

Each of CLIPS (40) clips of half a second is a texture of its own, through H.264 at a random quality, with faults drawn
at random: a border of 2 to 15 % on some sides, 5 to 30 % of the pixels burnt out or crushed, or no colour. True by
the definition that the measure claims: a border of 3 % or more, more than 12 % clipped, no colour. Made truth says
nothing of night scenes, titles on black and films without colour, in which these are no faults.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path.append(str(REPO / "tests"))

import numpy as np  # noqa: E402
from machine import headline  # noqa: E402

from hoigen import video  # noqa: E402
from hoigen.core.clip import Clip  # noqa: E402
from hoigen.measures.bad_frames import NAMES, BadFrames  # noqa: E402
from render import render, texture  # noqa: E402

SIZE = 360, 640


def made(chance: np.random.Generator, seed: int) -> tuple[np.ndarray, tuple[bool, bool, bool]]:
    """A picture, and which faults it has."""
    image = texture(seed, SIZE, low=float(chance.uniform(10, 60)), high=float(chance.uniform(150, 240)))
    grey = chance.random() < 0.3
    if grey:
        image = image.mean(axis=2, keepdims=True).repeat(3, 2).astype(np.uint8)
    if chance.random() < 0.5:
        share, value = chance.uniform(0.05, 0.3), chance.choice([0, 255])
        rows = round(share * 360 * 640 / 400)
        image[80 : 80 + rows, 120:520] = value
    border = False
    if chance.random() < 0.4:
        for side in chance.choice(4, chance.integers(1, 5), replace=False):
            turned = image if side < 2 else image.swapaxes(0, 1)
            count = round(chance.uniform(0.02, 0.15) * len(turned))
            turned[(slice(0, count) if side % 2 == 0 else slice(len(turned) - count, None))] = 0
            border |= count >= round(0.03 * len(turned))
    luma = image.astype(float) @ (0.299, 0.587, 0.114)
    clipped = float(((luma > 250) | (luma < 5)).mean())
    return image, (border, clipped > 0.12, bool(grey))


def interval(right: int, of: int) -> str:
    """A share with its 95 % interval by Wilson."""
    if not of:
        return "none"
    share, z = right / of, 1.96
    middle, half = share + z * z / (2 * of), z * np.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    low, high = (middle - half) / (1 + z * z / of), (middle + half) / (1 + z * z / of)
    return f"{share:.3f} ({low:.3f} to {high:.3f})"


def main() -> None:
    count, chance, measure = int(sys.argv[1]) if sys.argv[1:] else 40, np.random.default_rng(0), BadFrames()
    print(headline())
    hits, said, true = np.zeros(3, int), np.zeros(3, int), np.zeros(3, int)
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(count):
            image, faults = made(chance, seed)
            path = render(Path(folder) / "v.mp4", [image] * 12, options={"crf": str(chance.integers(18, 36))})
            end = video.probe(str(path)).duration
            clip = Clip(id="0", uri=str(path), end=end, width=640, height=360, fps=25)
            score = measure(clip, video.decode(clip, [measure.sampling])[measure.sampling])
            found = np.array([(score.parts[name] or 0) > 0.05 for name in NAMES])
            hits, said, true = hits + (found & faults), said + found, true + np.array(faults)
    print(f"{count} clips")
    for at, name in enumerate(NAMES):
        precision, recall = interval(hits[at], said[at]), interval(hits[at], true[at])
        print(f"{name:18} {true[at]:4} true   precision {precision}   recall {recall}")


if __name__ == "__main__":
    main()
