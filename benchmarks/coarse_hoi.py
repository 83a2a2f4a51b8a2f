"""How well coarse_hoi's bundled detector puts clips with an interaction before clips without one.

python benchmarks/coarse_hoi.py FOLDER [VIDEO ...]

FOLDER has clips and labels.jsonl ({"file", "has_hoi"}). AUC of coarse_any over clips, once as the share of frames above
theta and once as the mean score (where theta plays no part), with the 95 % interval of 2,000 resamples; then the share
of frames above each theta. Single VIDEOs, such as generated ones, are told one by one. Nothing is fitted here.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
from machine import headline

from hoigen import video
from hoigen.core.clip import Clip
from hoigen.core.score import Score
from hoigen.core.stats.thresholds import SWEEP, auc
from hoigen.measures.coarse_hoi import CoarseHoi
from hoigen.observe.observation import observe

SHOWN = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)


def score_of(measure: CoarseHoi, path: Path) -> Score:
    header = video.probe(str(path))
    size = {"width": header.width, "height": header.height, "fps": header.fps}
    clip = Clip(id=path.name, uri=header.uri, end=header.duration, **size)
    sampling = measure.looking.sampling
    frames = video.decode(clip, [sampling])[sampling]
    return measure.read(clip, observe(measure.looking, clip, frames.images, frames.times.tolist()))


def interval(scores: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    chance = np.random.default_rng(0)
    found = []
    while len(found) < 2000:
        at = chance.integers(0, len(scores), len(scores))
        if 0 < labels[at].sum() < len(at):
            found.append(auc(scores[at].tolist(), labels[at].tolist()))
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)


def main(folder: Path, videos: list[Path]) -> None:
    print(headline())
    rows = [json.loads(line) for line in (folder / "labels.jsonl").read_text().splitlines() if line.strip()]
    labels = np.array([bool(row["has_hoi"]) for row in rows])
    measure = CoarseHoi()
    measure.looking.observer.load()
    started = time.process_time()
    found = [score_of(measure, folder / row["file"]) for row in rows]
    spent = (time.process_time() - started) / len(rows)
    kinds = {
        "share of frames above theta": [score.parts["coarse_any"] for score in found],
        "mean score of the frames": [score.detail["area"]["coarse_any"] for score in found],
    }
    print(f"{len(rows)} clips, {labels.sum()} with an interaction; {spent:.2f} CPU s a clip with decoding")
    for name, values in kinds.items():
        scores = np.array(values, float)
        low, high = interval(scores, labels)
        yes, no = scores[labels].mean(), scores[~labels].mean()
        print(
            f"{name:<28} AUC {auc(values, labels.tolist()):.3f} [{low:.3f}, {high:.3f}]   mean {yes:.3f} and {no:.3f}"
        )
    frames = [[frame["coarse_any"] for frame in score.detail["frames"]] for score in found]
    each = [score for row in frames for score in row]
    of_clip = [bool(label) for label, row in zip(labels, frames, strict=True) for _ in row]
    print(f"{len(each)} single frames, labelled as their clip  AUC {auc(each, of_clip):.3f}")
    sweeps = np.array([score.detail["sweep"]["coarse_any"] for score in found])
    print("theta                        " + "".join(f"{theta:7.2f}" for theta in SHOWN))
    for name, part in (("with an interaction", sweeps[labels]), ("without one", sweeps[~labels])):
        print(f"{name:<29}" + "".join(f"{part[:, SWEEP.index(theta)].mean():7.2f}" for theta in SHOWN))
    for path in videos:
        score = score_of(measure, path)
        frames = " ".join(f"{frame['coarse_any']:.2f}" for frame in score.detail["frames"])
        print(f"{path.name}: coarse_any {score.parts['coarse_any']:.3f}; frames {frames}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(each) for each in sys.argv[2:]])
