"""pycocotools against `hoigen.observe.rle`: run lengths, packed text, polygons, and texts that are broken.

python benchmarks/libraries_masks.py

Makes an environment with pycocotools and runs itself there. Every broken text is given to pycocotools in a process of
its own: its C code does not check what it reads.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any

from libraries_venv import environment, lines, megabytes, start, version, with_source

PACKAGES = ("numpy", "pyyaml", "fsspec")
PUBLISHED = (
    # text, (height, width), where it is published
    ("nYW31n>2N2FNbA48Kf=?XBDe=m0OM3M4YOPB8_>L4JXao5", (480, 640), "MMDetection, test of OccludedSeparatedCocoDataset"),
    ("e`V39V9m1H5N10000000001O2O01O2M4K`ce3", (360, 640), "masks of Segment Anything"),
    ("724;MG2MN16", (9, 5), "kwcoco, Mask.from_polygons"),
    ("b04500N2", (9, 5), "kwcoco, Mask.from_polygons"),
    ("06", (2, 3), "TorchMetrics, mean average precision"),
)
SHAPES = ((60, 80), (180, 320), (480, 640))
MASKS, POLYGONS, BROKEN = 200, 300, 2000


def measured() -> None:
    import numpy as np
    from pycocotools import mask as coco

    from hoigen.observe import rle

    def whole(found: Any, shape: tuple[int, int]) -> Any:
        picture = np.zeros(shape, bool)
        if found is not None:
            height, width = found.pixels.shape
            picture[found.top : found.top + height, found.left : found.left + width] = found.pixels
        return picture

    def ours(text: str, shape: tuple[int, int]) -> Any:
        return whole(rle.from_runs(rle.runs(text), shape, "recorded"), shape)

    def theirs(text: str, shape: tuple[int, int]) -> Any:
        return coco.decode({"size": list(shape), "counts": text.encode()}).astype(bool)

    rng = np.random.default_rng(7)
    texts = []
    for shape in SHAPES:
        for at in range(MASKS):
            picture = _blobs(rng, shape) if at % 2 else rng.random(shape) < rng.random()
            texts.append((coco.encode(np.asfortranarray(picture.astype(np.uint8)))["counts"].decode(), shape))
    same = sum((ours(*each) == theirs(*each)).all() for each in texts)
    print(f"packed texts of random pictures, half of them noise: the same picture in {same} of {len(texts)}")
    same = sum((ours(text, shape) == theirs(text, shape)).all() for text, shape, _ in PUBLISHED)
    print(f"published texts: the same picture in {same} of {len(PUBLISHED)}")
    blobs = texts[1:MASKS:2] + texts[MASKS + 1 : 2 * MASKS : 2] + texts[2 * MASKS + 1 :: 2]
    for way, decode in (("ours", ours), ("pycocotools", theirs)):
        print(f"{way}: {1000 * min(_seconds(decode, blobs) for _ in range(3)) / len(blobs):.3f} ms of CPU a mask")

    apart, off, empty = [], [], 0
    for _ in range(POLYGONS):
        corners, shape = rng.integers(3, 20), SHAPES[1]
        angle = np.sort(rng.random(corners)) * 2 * np.pi
        radius = rng.uniform(5, 60) * rng.uniform(0.5, 1, corners)
        ring = np.stack([160 + radius * np.cos(angle), 90 + radius * np.sin(angle)], 1).round(2)
        mine = whole(rle.from_polygons([ring.ravel().tolist()], "recorded"), shape)
        packed = coco.frPyObjects([ring.ravel().tolist()], *shape)
        other = coco.decode(coco.merge(packed)).astype(bool)
        x, y = ring.T
        area = abs((x * np.roll(y, -1) - y * np.roll(x, -1)).sum()) / 2
        if not mine.any() or not other.any():
            empty += 1
            continue
        apart.append((mine & other).sum() / (mine | other).sum())
        off.append((mine.sum() / area - 1, other.sum() / area - 1))
    by_us, by_them = np.abs(np.array(off)).mean(0)
    print(f"{POLYGONS} polygons: IoU of the two {np.mean(apart):.3f} on average, least {min(apart):.3f}; {empty} empty")
    print(f"area beside the polygon's own: ours off by {by_us:.1%}, pycocotools by {by_them:.1%} on average")
    broken = [_spoiled(rng, *texts[rng.integers(len(texts))]) for _ in range(BROKEN)]
    broken += [("1" * 1_000_000, SHAPES[0]), ("o" * 1000, SHAPES[0])]
    refused = [_is_refused(rle, *each) for each in broken]
    answers = _in_a_process(broken)
    wrongly = [answer for mine, answer in zip(refused, answers, strict=True) if mine and answer != "refused"]
    print(
        f"{len(broken)} spoiled texts (a letter changed, left out or put in): ours refuses {sum(refused)} of them;",
        end=" ",
    )
    print(f"of those pycocotools takes {wrongly.count('taken') + wrongly.count('nonsense')}, ", end="")
    print(
        f"{wrongly.count('nonsense')} as pictures with values other than 0 and 1, and dies of {wrongly.count('dead')}"
    )


def _spoiled(rng: Any, text: str, shape: tuple[int, int]) -> tuple[str, tuple[int, int]]:
    at, letter = rng.integers(len(text)), chr(48 + rng.integers(64))
    return (text[:at] + rng.choice(["", letter, letter + text[at]]) + text[at + 1 :], shape)


def _blobs(rng: Any, shape: tuple[int, int]) -> Any:
    import numpy as np

    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    picture = np.zeros(shape, bool)
    for _ in range(rng.integers(1, 5)):
        at, radius = rng.random(2) * shape, rng.uniform(0.05, 0.3) * min(shape)
        picture |= (y - at[0]) ** 2 + (x - at[1]) ** 2 < radius**2
    return picture


def _seconds(decode: Any, texts: Any) -> float:
    began = time.process_time()
    for each in texts:
        decode(*each)
    return time.process_time() - began


def _is_refused(rle: Any, text: str, shape: tuple[int, int]) -> bool:
    try:
        rle.from_runs(rle.runs(text), shape, "recorded")
    except ValueError:
        return True
    return False


def _in_a_process(broken: Any) -> list[str]:
    """What pycocotools makes of each, in processes that may die of it."""
    code = (
        "import sys, json\nfrom pycocotools import mask\n"
        "for line in sys.stdin:\n"
        "    text, size = json.loads(line)\n"
        "    try: print('nonsense' if mask.decode({'size': size, 'counts': text.encode()}).max() > 1 else 'taken')\n"
        "    except ValueError: print('refused')\n"
        "    sys.stdout.flush()\n"
    )
    answers: list[str] = []
    while len(answers) < len(broken):
        given = "".join(json.dumps(each) + "\n" for each in broken[len(answers) :])
        done = subprocess.run([sys.executable, "-c", code], input=given, capture_output=True, text=True)
        answers += done.stdout.split() + ["dead"] * (done.returncode < 0)
    return answers


def main() -> None:
    if "--inside" in sys.argv:
        measured()
        return
    from machine import headline

    print(headline())
    python = environment("masks", (*PACKAGES, "pycocotools==2.0.11"))
    size = megabytes(python, PACKAGES)
    took = start(python, "import pycocotools.mask") - start(python, "import numpy")
    print(f"pycocotools {version(python, 'pycocotools')}: {size:.1f} MB, import {took:.0f} ms of CPU beyond NumPy")
    print(f"lines of ours: {lines('src/hoigen/observe/rle.py')}", flush=True)
    subprocess.run([str(python), __file__, "--inside"], check=True, env=with_source())


if __name__ == "__main__":
    main()
