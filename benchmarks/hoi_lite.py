"""How well hoi_lite tells handling from not handling: AUC, cross-validated, on labelled clips; what a clip costs.

python benchmarks/hoi_lite.py [FOLDER]              a folder with clips and labels.jsonl ({"file", "has_hoi"})
python benchmarks/hoi_lite.py --other FOLDER        also on a second such folder, with weights from the first alone
python benchmarks/hoi_lite.py --fit --other FOLDER  the weights in hoigen/measures/hoi_lite.py: from both folders
python benchmarks/hoi_lite.py --fit --table RUN.parquet  the same; the second set is the working half of the generated
                                                    clips, real against none, as generated/score.py has measured it
python benchmarks/hoi_lite.py --robust              AUC on changed copies: mirrored, darker, smaller, other frames ...
python benchmarks/hoi_lite.py --get FOLDER          fetches the second set: hoi_lite_other.jsonl beside this script

Nothing is fitted on what it is tested on: the weights of a fold come from the other clips. Ridge 1 on all weights.
Of long videos the middle six seconds are seen; a picture is a clip of one frame.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import duckdb
import numpy as np
from machine import headline

from hoigen import video
from hoigen.core.clip import Clip, Frames, Sampling
from hoigen.measures.hoi_lite import BIAS, WEIGHTS, HoiLite
from hoigen.observe.observation import observe

PARTS = tuple(WEIGHTS)
MANIFEST = Path(__file__).with_name("hoi_lite_other.jsonl")
Change = Callable[[np.ndarray], np.ndarray]
ROOT = Path(__file__).resolve().parents[1]


def load(folder: Path) -> tuple[list[str], np.ndarray]:
    rows = [json.loads(line) for line in (folder / "labels.jsonl").read_text().splitlines() if line.strip()]
    return [row["file"] for row in rows], np.array([bool(row["has_hoi"]) for row in rows])


def look(path: Path, sampling: Sampling) -> tuple[Clip, Frames]:
    """A clip and its frames: the middle six seconds of a video, or a picture."""
    if path.suffix.lower() in (".jpg", ".jpeg", ".png"):
        image = cv2.imread(str(path))[..., ::-1]
        scale = min(1.0, (sampling.short_side or 10_000) / min(image.shape[:2]))
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        clip = Clip(id=path.name, uri=str(path), end=1, width=image.shape[1], height=image.shape[0], fps=1)
        return clip, Frames(image[None], np.zeros(1))
    header = video.probe(str(path))
    start = max(0.0, (header.duration - 6) / 2) if header.duration > 6.5 else 0.0
    end = min(header.duration, start + 6)
    size = {"width": header.width, "height": header.height, "fps": header.fps}
    clip = Clip(id=path.name, uri=header.uri, start=start, end=end, **size)
    return clip, video.decode(clip, [sampling])[sampling]


def features(folder: Path, files: list[str], change: Change | None = None, frames: int = 8) -> tuple[np.ndarray, float]:
    """Features of all clips, (N, features), and CPU seconds a clip without decoding."""
    measure = HoiLite(sampling=Sampling(frames=frames, short_side=480))
    measure.looking.observer.load()
    found, spent = [], 0.0
    for name in files:
        clip, seen = look(folder / name, measure.sampling)
        if change is not None:
            seen = Frames(np.stack([change(image) for image in seen.images]), seen.times)
        started = time.process_time()
        parts = measure.read(clip, observe(measure.looking, clip, seen.images, seen.times.tolist())).parts
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
    print(f"right at 0.5, held out         {np.mean(right):.3f}")
    for bound in (0.5, 0.4):
        passed = [scores > np.log(bound / (1 - bound)) for scores in repeats]
        found = np.mean([each[labels == 1].mean() for each in passed])
        precise = np.mean([labels[each].mean() for each in passed if each.any()])
        print(f"interactions from {bound} on        {found:.3f} pass, precision {precise:.3f} (held out)")
    print()
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


def compare(files: list[str], labels: np.ndarray, x: np.ndarray, weights: np.ndarray) -> None:
    """The second set, with weights that never saw it."""
    print(f"\nsecond set                     {len(labels)}, {labels.sum()} with an interaction")
    scores = x @ weights[:-1] + weights[-1]
    print(f"AUC, weights of the first set  {auc(labels, scores):.3f}")
    print(f"AUC, person alone              {auc(labels, x[:, 0]):.3f}")
    print(f"right at 0.5                   {((scores > 0) == labels).mean():.3f}")


def joined(x: np.ndarray, labels: np.ndarray, more: np.ndarray, more_labels: np.ndarray) -> None:
    """The first set's clips, each scored by weights from the other folds and the second set: as shipped."""
    figures, right = [], []
    for seed in range(50):
        groups, scores = stratified(labels, 5, seed), np.zeros(len(labels))
        for group in np.unique(groups):
            test = groups == group
            weights = fit(np.vstack([x[~test], more]), np.concatenate([labels[~test], more_labels]))
            scores[test] = x[test] @ weights[:-1] + weights[-1]
        figures.append(auc(labels, scores))
        right.append(((scores > 0) == labels).mean())
    print(f"AUC of the first set, 5 folds, second set in training too {np.mean(figures):.3f}")
    print(f"right at 0.5, likewise                                    {np.mean(right):.3f}")


def measured(table: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names, labels (a real interaction, or none) and features of generated clips that were scored."""
    rows = (ROOT / "benchmarks" / "generated" / "labels.jsonl").read_text(encoding="utf-8").splitlines()
    said = {row["id"]: row["interaction"] for row in map(json.loads, rows)}
    query = f"select uri, {', '.join(PARTS)} from '{table}' order by uri"
    found = [(Path(uri).stem, parts) for uri, *parts in duckdb.connect().sql(query).fetchall()]
    found = [(name, parts) for name, parts in found if said[name] in ("real", "none")]
    names = [name for name, _ in found]
    return names, np.array([said[name] == "real" for name in names]), np.array([parts for _, parts in found], float)


def get(folder: Path) -> None:
    """Fetches the second set from the public repositories it lies in, and writes its labels.jsonl."""
    rows = [json.loads(line) for line in MANIFEST.read_text().splitlines()]
    folder.mkdir(parents=True, exist_ok=True)
    kept = []
    for repo in sorted({row["repo"] for row in rows}):
        with tempfile.TemporaryDirectory() as place:
            source = f"https://github.com/{repo}"
            subprocess.run(["git", "clone", "--quiet", "--filter=blob:none", "--bare", source, place], check=True)
            for row in (row for row in rows if row["repo"] == repo):
                blob = subprocess.run(["git", "-C", place, "cat-file", "blob", row["blob"]], capture_output=True)
                if blob.returncode == 0:
                    (folder / row["file"]).write_bytes(blob.stdout)
                    kept.append({"file": row["file"], "has_hoi": row["has_hoi"]})
    (folder / "labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in kept))
    print(f"{len(kept)} of {len(rows)} in {folder}")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--other", type=Path)
    parser.add_argument("--table", type=Path)
    parser.add_argument("--get", type=Path)
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--robust", action="store_true")
    return parser.parse_args()


def main() -> None:
    chosen = options()
    if chosen.get:
        get(chosen.get)
        return
    folder = chosen.folder or Path(os.environ.get("HOIGEN_SHARED", ROOT.parent / "shared")) / "clips"
    if not (folder / "labels.jsonl").exists():
        sys.exit(f"{folder} has no labels.jsonl")
    print(headline())
    files, labels = load(folder)
    if chosen.robust:
        for name, (change, frames) in CHANGES.items():
            x, _ = features(folder, files, change, frames)
            print(f"{name:18} AUC with the shipped weights {auc(labels, x @ np.array(list(WEIGHTS.values()))):.3f}")
        return
    x, spent = features(folder, files)
    report(files, labels, x)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\ncost: {spent:.2f} CPU s a clip of 8 frames beyond decoding; peak RSS of this process {peak:.0f} MB")
    if chosen.table:
        more_files, more_labels, more = measured(chosen.table)
    elif chosen.other:
        more_files, more_labels = load(chosen.other)
        more, _ = features(chosen.other, more_files)
    if chosen.table or chosen.other:
        compare(more_files, more_labels, more, fit(x, labels))
        joined(x, labels, more, more_labels)
        x, labels = np.vstack([x, more]), np.concatenate([labels, more_labels])
    if chosen.fit:
        *weights, bias = fit(x, labels)
        print(dict(zip(PARTS, np.round(weights, 2).tolist(), strict=True)), "bias", round(float(bias), 2))


if __name__ == "__main__":
    main()
