"""How well hoi_lite tells handling from not handling: AUC, cross-validated, on labelled clips; what a clip costs.

python benchmarks/hoi_lite.py [FOLDER]      a folder with clips and labels.jsonl ({"file": ..., "has_hoi": ...})
python benchmarks/hoi_lite.py --fit         the weights that stand in hoigen/measures/hoi_lite.py
python benchmarks/hoi_lite.py --robust      AUC on changed copies: mirrored, darker, smaller, cropped, other frames

Nothing is fitted on what it is tested on: the weights of a fold come from the other clips. Ridge 1 on all weights.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from machine import headline

from hoigen import video
from hoigen.clip import Clip, Frames, Sampling
from hoigen.measures.hoi_lite import BIAS, WEIGHTS, HoiLite

PARTS = ("hoi_person", "hoi_hands", "hoi_objects")
Change = Callable[[np.ndarray], np.ndarray]
ROOT = Path(__file__).resolve().parents[1]


def load(folder: Path) -> tuple[list[str], np.ndarray]:
    rows = [json.loads(line) for line in (folder / "labels.jsonl").read_text().splitlines() if line.strip()]
    return [row["file"] for row in rows], np.array([bool(row["has_hoi"]) for row in rows])


def features(folder: Path, files: list[str], change: Change | None = None, frames: int = 8) -> tuple[np.ndarray, float]:
    """Features of all clips, (N, 3), and CPU seconds a clip without decoding."""
    measure = HoiLite(sampling=Sampling(frames=frames, short_side=360))
    measure.load()
    found, spent = [], 0.0
    for name in files:
        header = video.probe(str(folder / name))
        clip = Clip(
            id=name, uri=header.uri, end=header.duration, width=header.width, height=header.height, fps=header.fps
        )
        seen = video.decode(clip, [measure.sampling])[measure.sampling]
        if change is not None:
            seen = Frames(np.stack([change(image) for image in seen.images]), seen.times)
        started = time.process_time()
        parts = measure(clip, seen).parts
        spent += time.process_time() - started
        found.append([parts[part] for part in PARTS])
    return np.array(found, float), spent / len(files)


def auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Share of (yes, no) pairs in the right order; ties count half."""
    yes, no = scores[labels][:, None], scores[~labels][None]
    return float(((yes > no) + 0.5 * (yes == no)).mean())


def fit(x: np.ndarray, labels: np.ndarray, ridge: float = 1.0) -> np.ndarray:
    """Logistic weights and bias by Newton's method; the bias is not held back."""
    design = np.hstack([x, np.ones((len(x), 1))])
    hold = np.diag([ridge] * x.shape[1] + [0.0])
    weights = np.zeros(design.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-design @ weights))
        step = np.linalg.solve(design.T * (p * (1 - p)) @ design + hold, design.T @ (labels - p) - hold @ weights)
        weights += step
    return weights


def held_out(x: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    scores = np.zeros(len(labels))
    for group in np.unique(groups):
        test = groups == group
        weights = fit(x[~test], labels[~test])
        scores[test] = x[test] @ weights[:-1] + weights[-1]
    return scores


def stratified(labels: np.ndarray, folds: int, seed: int) -> np.ndarray:
    chance, groups = np.random.default_rng(seed), np.zeros(len(labels), int)
    for value in (True, False):
        index = chance.permutation(np.flatnonzero(labels == value))
        groups[index] = np.arange(len(index)) % folds
    return groups


def report(files: list[str], labels: np.ndarray, x: np.ndarray) -> None:
    shipped = x @ np.array(list(WEIGHTS.values())) + BIAS
    repeats = [held_out(x, labels, stratified(labels, 5, seed)) for seed in range(50)]
    folds = [auc(labels, scores) for scores in repeats]
    alone = auc(labels, held_out(x, labels, np.arange(len(labels))))
    chance = np.random.default_rng(0)
    draws = [chance.integers(0, len(labels), len(labels)) for _ in range(2000)]
    mean = np.mean(repeats, axis=0)
    boot = [auc(labels[d], mean[d]) for d in draws if 0 < labels[d].sum() < len(d)]
    print(f"clips                          {len(labels)}, {labels.sum()} with an interaction")
    middle = np.percentile(folds, [5, 95])
    bounds = np.percentile(boot, [2.5, 97.5])
    print(f"AUC, 5 folds, 50 repeats       {np.mean(folds):.3f} (5-95 %: {middle[0]:.3f}-{middle[1]:.3f})")
    print(f"AUC, leave one out             {alone:.3f}")
    print(f"AUC, bootstrap over clips      {bounds[0]:.3f}-{bounds[1]:.3f} (95 %)")
    print(f"AUC, shipped weights           {auc(labels, shipped):.3f} (they were fitted to these clips)")
    print(f"AUC, plain sum, nothing fitted {auc(labels, x.sum(axis=1)):.3f}")
    right = [((scores > 0) == labels).mean() for scores in repeats]
    print(f"right at 0.5, held out         {np.mean(right):.3f}\n")
    print("wrong at 0.5, held out (mean of repeats):")
    for at in np.argsort(mean):
        if (mean[at] > 0) != labels[at]:
            values = ", ".join(f"{part[4:]} {value:.2f}" for part, value in zip(PARTS, x[at], strict=True))
            print(f"  {'yes' if labels[at] else 'no ':3} {1 / (1 + np.exp(-mean[at])):.2f} {files[at]:24} {values}")


def cropped(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    return np.ascontiguousarray(image[height // 10 : -height // 10, width // 10 : -width // 10])


CHANGES: dict[str, tuple[Change | None, int]] = {
    "as it is": (None, 8),
    "mirrored": (lambda image: np.ascontiguousarray(image[:, ::-1]), 8),
    "darker by half": (lambda image: image // 2, 8),
    "brighter": (lambda image: np.clip(image.astype(int) * 1.4 + 10, 0, 255).astype(np.uint8), 8),
    "240 pixels": (lambda image: cv2.resize(image, (426, 240), interpolation=cv2.INTER_AREA), 8),
    "cropped by 10 %": (cropped, 8),
    "4 frames": (None, 4),
    "12 frames": (None, 12),
}


def main() -> None:
    options = [word for word in sys.argv[1:] if word.startswith("--")]
    places = [word for word in sys.argv[1:] if not word.startswith("--")]
    folder = Path(places[0] if places else Path(os.environ.get("HOIGEN_SHARED", ROOT.parent / "shared")) / "clips")
    if not (folder / "labels.jsonl").exists():
        sys.exit(f"{folder} has no labels.jsonl")
    print(headline())
    files, labels = load(folder)
    if "--robust" in options:
        for name, (change, frames) in CHANGES.items():
            x, _ = features(folder, files, change, frames)
            print(f"{name:18} AUC with the shipped weights {auc(labels, x @ np.array(list(WEIGHTS.values()))):.3f}")
        return
    x, spent = features(folder, files)
    if "--fit" in options:
        *weights, bias = fit(x, labels)
        print(dict(zip(WEIGHTS, np.round(weights, 2).tolist(), strict=True)), "bias", round(float(bias), 2))
        return
    report(files, labels, x)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\ncost: {spent:.2f} CPU s a clip of 8 frames beyond decoding; peak RSS of this process {peak:.0f} MB")


if __name__ == "__main__":
    main()
