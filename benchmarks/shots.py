"""Precision, recall and F1 of shot detectors on raw, rendered and joined footage, and their CPU cost.

python benchmarks/shots.py --get FOLDER       fetches the raw footage that shots_raw.jsonl names, as far as it can;
                                              --mirror PLACE takes git copies (PLACE/OWNER+NAME/repo) at hand
python benchmarks/shots.py --raw FOLDER       raw footage: labelled by eye, half of it never used for tuning
python benchmarks/shots.py                    rendered and joined footage

--peer: PySceneDetect as well (pip install scenedetect-headless); --transnet: TransNetV2 as well, by the detector
`transnet` (extra [models]; slow without a graphics card). --seeds A B: rendered footage of these seeds alone, for seeds
that nobody has looked at while tuning. --found FILE: boundaries found in raw footage are kept there, a line per video
and detector, and not looked for again: hours of TransNetV2 may be stopped. --half test: the held-out half alone.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from machine import headline

from hoigen import video
from hoigen.core.stats import resample
from hoigen.models.files import locate
from hoigen.video.shots import check_detector

TESTS = Path(__file__).resolve().parents[1] / "tests"
SHARED = Path(os.environ.get("HOIGEN_SHARED", TESTS.parents[1] / "shared")) / "clips"
RAW = Path(__file__).with_name("shots_raw.jsonl")
"""A row per video: where it lies, its boundaries (`cuts` at a moment, `fades` and `dissolves` as spans), `either` (in
which a boundary is neither right nor wrong: wipes, whip pans, titles) and its half of the set."""
SLACK = 0.1
sys.path.insert(0, str(TESTS))
from render import render  # noqa: E402
from shot_cases import FPS, Case, cases, dissolve, joined, matched, through_black  # noqa: E402

Finder = Callable[[Path], list[float]]
HOLD_CUTS = {"0WjR6cSMi2A.3", "AvVDsFBc6bA.0", "Vg7WOOQrErw.28", "a3B-hWLnsTM.7"}
"""Labelled clips whose first two seconds hold cuts of their own, by eye: no material for known truth."""


def real_scenes() -> list[list[np.ndarray]]:
    """Stretches of two seconds out of single-shot footage: samples, and the labelled clips when at hand."""
    files = [path for path in sorted(SHARED.glob("*.mp4")) if path.stem not in HOLD_CUTS]
    scenes = []
    for path in [str(locate("sample_bigbuckbunny").path), *map(str, files)]:
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


def get(folder: Path, mirror: Path | None = None) -> None:
    """Fetches what lies in public repositories; the labelled web clips and the sample are found where they are."""
    rows = [row for row in map(json.loads, RAW.read_text().splitlines()) if "repo" in row]
    folder.mkdir(parents=True, exist_ok=True)
    kept, clone = 0, ["git", "clone", "--quiet", "--filter=blob:none", "--bare"]
    for repo in sorted({row["repo"] for row in rows}):
        with tempfile.TemporaryDirectory() as place:
            if mirror is not None:
                place = str(mirror / repo.replace("/", "+") / "repo")
            elif subprocess.run([*clone, f"https://github.com/{repo}", place], check=False).returncode:
                continue
            for row in (row for row in rows if row["repo"] == repo):
                blob = subprocess.run(["git", "-C", place, "cat-file", "blob", row["blob"]], capture_output=True)
                if blob.returncode == 0:
                    (folder / row["file"]).write_bytes(blob.stdout)
                    kept += 1
    print(f"{kept} of {len(rows)} in {folder}")


def place_of(row: dict[str, Any], folder: Path) -> Path:
    if "weights" in row:
        return Path(locate(row["weights"]).path)
    return SHARED / row["file"] if row.get("clips") else folder / row["file"]


def judged(row: dict[str, Any], found: list[float]) -> np.ndarray:
    """Boundaries found, boundaries reported (but for those that are neither right nor wrong), boundaries there are."""
    soft = [*row.get("fades", []), *row.get("dissolves", [])]
    spans = sorted([*([at, at] for at in row.get("cuts", [])), *soft], key=lambda span: span[1] - span[0])
    left = list(found)
    hits = 0
    for start, end in spans:
        inside = [at for at in left if start - SLACK <= at <= end + SLACK]
        if inside:
            left.remove(min(inside, key=lambda at: abs(at - (start + end) / 2)))
            hits += 1
    loose = [*soft, *row.get("either", [])]
    false = [at for at in left if not any(start - SLACK <= at <= end + SLACK for start, end in loose)]
    return np.array([hits, hits + len(false), len(spans)])


def raw(folder: Path, finders: dict[str, Finder], kept: Path | None = None, half: str | None = None) -> None:
    rows = [json.loads(line) for line in RAW.read_text().splitlines()]
    rows = [row for row in rows if half in (None, row["half"])]
    there = [row for row in rows if place_of(row, folder).exists()]
    print(f"{len(there)} of {len(rows)} videos at hand\n", flush=True)
    parts = {
        "held out": lambda row: row["half"] == "test",
        "tuned on": lambda row: row["half"] == "tune",
        "single shots of both": lambda row: not any(row.get(kind) for kind in ("cuts", "fades", "dissolves")),
    }
    counts: dict[tuple[str, str], list[np.ndarray]] = defaultdict(list)
    known = dict(before(kept))
    for row in sorted(there, key=lambda row: row["half"] != "test"):
        for name, find in finders.items():
            if (row["file"], name) not in known:
                known[row["file"], name] = find(place_of(row, folder))
                if kept is not None:
                    line = {"file": row["file"], "detector": name, "found": known[row["file"], name]}
                    with kept.open("a") as out:
                        out.write(json.dumps(line) + "\n")
            result = judged(row, known[row["file"], name])
            for part, holds in parts.items():
                if holds(row):
                    counts[part, name].append(result)
    print("| half | videos | boundaries | " + " | ".join(f"{name}: P / R / F1" for name in finders) + " |")
    print("|---|---|---|" + "---|" * len(finders))
    for part, holds in parts.items():
        if not any(map(holds, there)):
            continue
        cells = [score(*sum(counts[part, name])) + interval(counts[part, name]) for name in finders]
        true = sum(counts[part, next(iter(finders))])[2]
        print(f"| {part} | {sum(map(holds, there))} | {true} | " + " | ".join(cells) + " |")


def before(kept: Path | None) -> Iterator[tuple[tuple[str, str], list[float]]]:
    """What an earlier start has found: (file, detector) and its boundaries."""
    if kept is not None and kept.exists():
        for line in map(json.loads, kept.read_text().splitlines()):
            yield (line["file"], line["detector"]), line["found"]


def interval(results: list[np.ndarray]) -> str:
    """95 % of F1 over draws of whole videos, since boundaries of one video err together; "" where there is none."""

    def f1(totals: np.ndarray) -> np.ndarray:
        return resample.ratio(2 * totals[..., 0], totals[..., 1] + totals[..., 2])

    columns = np.array(results, float)
    found = resample.estimate_of(columns, resample.Draws().totals(columns), f1, "no boundaries")
    return "" if found.low is None or not columns[:, 2].any() else f" [{found.low:.2f}, {found.high:.2f}]"


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--raw", type=Path)
    parser.add_argument("--get", type=Path)
    parser.add_argument("--mirror", type=Path)
    parser.add_argument("--peer", action="store_true")
    parser.add_argument("--transnet", action="store_true")
    parser.add_argument("--seeds", type=int, nargs="+")
    parser.add_argument("--found", type=Path)
    parser.add_argument("--half", choices=("test", "tune"))
    return parser.parse_args()


def main() -> None:
    chosen = options()
    if chosen.get:
        get(chosen.get, chosen.mirror)
        return
    print(headline())
    finders: dict[str, Finder] = {"adaptive": own("adaptive")}
    if chosen.peer:
        finders |= {f"PySceneDetect {n}": peer(n) for n in ("AdaptiveDetector", "ContentDetector")}
    if chosen.transnet:
        finders["transnet"] = own("transnet")
    if chosen.raw:
        raw(chosen.raw, finders, chosen.found, chosen.half)
        return
    synthetic = (case for seed in chosen.seeds or range(1, 5) for case in cases(seed))
    figures({"bare decode": bare, **finders}, itertools.chain(synthetic, () if chosen.seeds else real_cases()))


if __name__ == "__main__":
    main()
