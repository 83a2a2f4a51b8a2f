"""Precision, recall and F1 of shot detectors on rendered truth and on real footage with known cuts, and their CPU cost.

python benchmarks/shots.py [--peer]     (--peer: PySceneDetect as well, when `scenedetect` is installed)
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
from machine import headline

from hoigen import video, weights
from hoigen.shots import check_detector

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path.insert(0, str(TESTS))
from render import render  # noqa: E402
from shot_cases import FPS, Case, cases, dissolve, joined, matched, through_black  # noqa: E402

Finder = Callable[[Path], list[float]]
HOLD_CUTS = {"0WjR6cSMi2A.3", "AvVDsFBc6bA.0", "Vg7WOOQrErw.28", "a3B-hWLnsTM.7"}
"""Labelled clips whose first two seconds hold cuts of their own, by eye: no material for known truth."""


def real_scenes() -> list[list[np.ndarray]]:
    """Stretches of two seconds out of single-shot footage: samples, and the labelled clips when at hand."""
    shared = Path(os.environ.get("HOIGEN_SHARED", TESTS.parents[1] / "shared")) / "clips"
    files = [path for path in sorted(shared.glob("*.mp4")) if path.stem not in HOLD_CUTS]
    scenes = []
    for path in [str(weights.locate("sample_bigbuckbunny")), *map(str, files)]:
        frames = [image for image, at in video.walk(path, short_side=90) if at < 2.0]
        scenes.append([cv2.resize(f, (160, 90), interpolation=cv2.INTER_AREA) for f in frames[:48]])
    return [scene for scene in scenes if len(scene) >= 40]


def real_cases() -> Iterator[Case]:
    """Real scenes in shuffled order, joined by hard cuts, dissolves and fades."""
    scenes = real_scenes()
    order = np.random.default_rng(5).permutation(len(scenes))
    for at in range(0, len(order) - 3, 6):
        chosen = [scenes[i] for i in order[at : at + 6]]
        yield joined("real, hard cut", chosen)
        yield joined("real, dissolve", chosen, 15, dissolve)
        yield joined("real, fade", chosen, 12, through_black)


def own(name: str) -> Finder:
    def find(path: Path) -> list[float]:
        detector = check_detector(name)
        return list(detector.boundaries(video.walk(str(path), short_side=detector.short_side)))

    return find


def peer(name: str) -> Finder:
    """PySceneDetect's detector with its defaults, over its PyAV backend (its OpenCV one errs on uneven times)."""

    def find(path: Path) -> list[float]:
        import scenedetect

        stream = scenedetect.open_video(str(path), backend="pyav")
        manager = scenedetect.SceneManager()
        manager.add_detector(getattr(scenedetect, name)())
        manager.detect_scenes(stream)
        return [scene[0].seconds for scene in manager.get_scene_list()[1:]]

    return find


def bare(path: Path) -> list[float]:
    import av

    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "NONE"
        for _ in container.decode(video=0):
            pass
    return []


def figures(finders: dict[str, Finder], all_cases: Iterable[Case]) -> None:
    counts: dict[tuple[str, str], np.ndarray] = defaultdict(lambda: np.zeros(3, int))
    spent: dict[str, float] = defaultdict(float)
    with tempfile.TemporaryDirectory() as folder:
        for at, case in enumerate(all_cases):
            path = render(Path(folder) / f"{at}.mp4", case.frames, fps=FPS, times=case.times)
            for name, find in finders.items():
                started = time.process_time()
                found = find(path)
                spent[name] += time.process_time() - started
                hits = matched(case.truth, found)
                counts[name, case.kind] += (hits, len(found), len(case.truth))
                counts[name, "all"] += (hits, len(found), len(case.truth))
    kinds = sorted({kind for _, kind in counts}, key=lambda kind: (kind == "all", kind))
    names = [name for name in finders if name != "bare decode"]
    print("| kind | boundaries | " + " | ".join(f"{n}: P / R / F1" for n in names) + " |")
    print("|---|---|" + "---|" * len(names))
    for kind in kinds:
        cells = [score(*counts[name, kind]) for name in names]
        print(f"| {kind} | {counts[names[0], kind][2]} | " + " | ".join(cells) + " |")
    for name in names:
        print(
            f"\n{name}: {spent[name] / spent['bare decode']:.2f}x the CPU time of a bare decode (160x90 pixels)", end=""
        )
    print()


def score(hits: int, found: int, true: int) -> str:
    if not true:
        return f"{found} false"
    precision, recall = hits / found if found else 0.0, hits / true
    f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
    return f"{precision:.2f} / {recall:.2f} / {f1:.3f}"


def main() -> None:
    print(headline())
    finders: dict[str, Finder] = {"bare decode": bare, "adaptive": own("adaptive")}
    if "--peer" in sys.argv:
        finders |= {f"PySceneDetect {n}": peer(n) for n in ("AdaptiveDetector", "ContentDetector")}
    synthetic = [case for seed in range(1, 5) for case in cases(seed)]
    figures(finders, [*synthetic, *real_cases()])


if __name__ == "__main__":
    main()
