"""Trackers of the field against `hoigen.measures.fine.tracks.link`: ByteTrack, OC-SORT and SORT of `trackers`, Norfair,
and SciPy's assignment in place of the greedy one.

PYTHONPATH=tests python benchmarks/libraries_tracker.py

Cases: the situations of tests/observe/test_tracks.py, and scenes of tests/hoi_world.py, where a hand lets a ball go and
grasps it, at several frame rates, with jitter, with detections that are missing. A case is passed when each thing has
one track, each track one thing, and every box is in a track; the first box of a thing may be in none, since some
libraries begin a track with its second.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from libraries_venv import environment, lines, megabytes, start, version, with_source

TESTS = Path(__file__).resolve().parents[1] / "tests"
BASE = ("numpy", "pyyaml", "fsspec", "opencv-python-headless>=5.0")
LIBRARIES = {  # environment: (packages, what is measured, import)
    "trackers": (("trackers==2.6.1",), ("ByteTrack", "OC-SORT", "SORT"), "import trackers"),
    "norfair": (("norfair==2.3.0",), ("Norfair, IoU", "Norfair, distance"), "import norfair"),
    "scipy": (("scipy==1.17.1",), ("ours", "ours with SciPy"), "import scipy.optimize"),
}
SEEDS = 10
REMEMBERED = 2.0
Frames = Sequence[Sequence[Sequence[float]]]
Tracks = list[dict[int, int]]
"""Frame -> number of its box in that frame, for each track."""


# cases: boxes of each frame, times, how far things roam, and which boxes are one thing


def situations() -> list[tuple[str, Frames, list[float], float, list[list[int]]]]:
    def box(x: float, y: float = 0, side: float = 10) -> tuple[float, float, float, float]:
        return x, y, x + side, y + side

    crossing = [[box(at), box(100 - at)] if at % 2 else [box(100 - at), box(at)] for at in range(40)]
    return [
        ("cross", crossing, [at / 24 for at in range(40)], 0.5, [[0, 1] if at % 2 else [1, 0] for at in range(40)]),
        ("fast ball", [[box(9 * at)] if at not in (4, 5) else [] for at in range(10)],
         [at / 24 for at in range(10)], 2.0, [[0] if at not in (4, 5) else [] for at in range(10)]),
        ("thrown", [[box(0)], [box(30)], [box(0)]], [0, 0.125, 0.25], 2.0, [[0], [0], [0]]),
        ("persons do not jump", [[box(0)], [box(30)]], [0, 0.04], 0.5, [[0], [1]]),
        ("gone for long", [[box(0)], [], [], [box(0)]], [0, 1, 2, 3], 0.5, [[0], [], [], [1]]),
        ("gone for a while", [[box(0)], [], [], [box(0)]], [0, 0.5, 1, 1.5], 0.5, [[0], [], [], [0]]),
        ("another size", [[box(0)], [box(25, side=40)]], [0, 0.1], 0.5, [[0], [1]]),
    ]  # fmt: skip


def scenes() -> list[tuple[str, Frames, list[float], float, list[list[int]]]]:
    import numpy as np

    from hoi_world import World

    breaks = tuple((at, at + 0.6) for at in (0.0, 1.2, 2.4))
    kinds: dict[str, dict[str, Any]] = {
        "held, 24 fps": {},
        "held, 8 fps": {"fps": 8},
        "let go and grasped": {"touching": breaks},
        "let go, 12 fps": {"touching": breaks, "fps": 12},
        "let go, 8 fps": {"touching": breaks, "fps": 8},
        "jitter, a tenth missing": {"jitter": 0.015, "dropped": 0.1, "touching": breaks},
        "gone for a second": {"drops": ((1.0, 2.0),)},
        "three persons": {"bystanders": 2, "jitter": 0.015},
    }
    found = []
    for name, given in kinds.items():
        for seed in range(SEEDS):
            world = World(seconds=4.0, seed=seed, **given)
            times = [float(at) for at in world.times]
            seen = list(world.scenes())
            if name == "three persons":
                rng = np.random.default_rng(seed)
                order = [rng.permutation(len(scene.persons)).tolist() for scene in seen]
                boxes = [[scene.persons[at].box for at in mine] for scene, mine in zip(seen, order, strict=True)]
                found.append((name, boxes, times, 0.5, order))
            else:
                boxes = [[thing.box for thing in scene.things] for scene in seen]
                found.append((name, boxes, times, 2.0, [[0] * len(each) for each in boxes]))
    return found


def right(tracks: Tracks, truth: list[list[int]]) -> tuple[bool, float]:
    """Whether all is right; and the share of boxes that are in the longest track of their thing, or nearly so."""
    owner = {(frame, number): at for at, track in enumerate(tracks) for frame, number in track.items()}
    things: dict[int, list[int | None]] = {}
    for frame, mine in enumerate(truth):
        for number, thing in enumerate(mine):
            things.setdefault(thing, []).append(owner.get((frame, number)))
    begun = [each[1:] if each[0] is None else each for each in things.values()]
    pure = all(None not in each and len(set(each)) <= 1 for each in begun)
    first = [each[0] for each in begun if each]
    apart = len(set(first)) == len(first)
    held = sum(max((each.count(at) for at in set(each) if at is not None), default=0) for each in things.values())
    return pure and apart, held / max(1, sum(map(len, things.values())))


# trackers


def ours(frames: Frames, times: Sequence[float], roams: float) -> Tracks:
    from hoigen.measures.fine.tracks import link

    return link(frames, times, roams)  # type: ignore[arg-type]


def ours_with_scipy(frames: Frames, times: Sequence[float], roams: float) -> Tracks:
    """`link` with the assignment that is best in sum, in place of the best bid first."""
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    from hoigen.measures.fine import tracks as own

    tracks: list[own._Track] = []
    for frame, (boxes, moment) in enumerate(zip(frames, times, strict=True)):
        alive = [track for track in tracks if moment - track.time <= own.REMEMBERED]
        worth = np.array([[own._bid(track, box, moment, roams) for box in boxes] for track in alive])  # type: ignore[arg-type]
        taken = set()
        if worth.size:
            for a, b in zip(*linear_sum_assignment(worth, maximize=True), strict=True):
                if worth[a, b] > 0:
                    taken.add(b)
                    alive[a].at[frame], alive[a].last, alive[a].time = b, boxes[b], moment  # type: ignore[assignment]
        tracks += [own._Track({frame: b}, box, moment) for b, box in enumerate(boxes) if b not in taken]  # type: ignore[arg-type]
    return [track.at for track in tracks]


def of_trackers(name: str) -> Callable[[Frames, Sequence[float], float], Tracks]:
    import numpy as np
    import supervision as sv
    import trackers

    kinds = {"ByteTrack": trackers.ByteTrackTracker, "OC-SORT": trackers.OCSORTTracker, "SORT": trackers.SORTTracker}

    def follow(frames: Frames, times: Sequence[float], roams: float) -> Tracks:
        rate = 1 / max(1e-3, float(np.median(np.diff(times))))
        given: dict[str, Any] = {"frame_rate": rate, "lost_track_buffer": round(REMEMBERED * 30)}
        tracker = kinds[name](minimum_consecutive_frames=1, minimum_iou_threshold=0.2, **given)
        found: dict[int, dict[int, int]] = {}
        for frame, boxes in enumerate(frames):
            detections = sv.Detections(
                xyxy=np.array(boxes, np.float32).reshape(-1, 4),
                confidence=np.full(len(boxes), 0.9, np.float32),
                class_id=np.zeros(len(boxes), int),
                data={"number": np.arange(len(boxes))},
            )
            answer = tracker.update(detections)
            if len(answer):
                for number, key in zip(answer.data["number"], answer.tracker_id, strict=True):
                    if key >= 0:
                        found.setdefault(int(key), {})[frame] = int(number)
        return list(found.values())

    return follow


def of_norfair(name: str) -> Callable[[Frames, Sequence[float], float], Tracks]:
    import norfair
    import numpy as np

    def follow(frames: Frames, times: Sequence[float], roams: float) -> Tracks:
        rate = 1 / max(1e-3, float(np.median(np.diff(times))))
        size = np.median([math.dist(box[:2], box[2:]) for boxes in frames for box in boxes])
        how = ("iou", 0.8) if name == "Norfair, IoU" else ("mean_euclidean", (roams + 3 * min(1, 10 / rate)) * size)
        tracker = norfair.Tracker(*how, hit_counter_max=max(1, round(REMEMBERED * rate)), initialization_delay=0)
        found: dict[int, dict[int, int]] = {}
        for frame, boxes in enumerate(frames):
            given = [norfair.Detection(np.array(box, float).reshape(2, 2), data=at) for at, box in enumerate(boxes)]
            tracker.update(given)
            for thing in tracker.tracked_objects:
                last = thing.last_detection
                if any(last is each for each in given):
                    found.setdefault(thing.id, {})[frame] = last.data
        return list(found.values())

    return follow


def way(name: str) -> Callable[[Frames, Sequence[float], float], Tracks]:
    if name in ("ByteTrack", "OC-SORT", "SORT"):
        return of_trackers(name)
    if name.startswith("Norfair"):
        return of_norfair(name)
    return ours if name == "ours" else ours_with_scipy


def measured(names: Sequence[str], cases: Sequence[Any]) -> None:
    for name in names:
        follow = way(name)
        passed: dict[str, list[bool]] = {}
        shares = []
        began = time.process_time()
        for kind, frames, times, roams, truth in cases:
            good, share = right(follow(frames, times, roams), truth)
            passed.setdefault(kind, []).append(good)
            shares.append(share)
        took = time.process_time() - began
        total = sum(map(sum, passed.values()))
        number, share = sum(len(case[1]) for case in cases), sum(shares) / len(shares)
        print(f"{name}: {total} of {len(cases)} cases right, {share:.1%} of boxes in the longest track of their thing,")
        print(f"    {1e6 * took / number:.0f} µs of CPU a frame")
        failed = {kind: f"{sum(good)} of {len(good)}" for kind, good in passed.items() if not all(good)}
        print(f"    not all right: {failed or 'none'}", flush=True)


def main() -> None:
    if "--inside" in sys.argv:
        measured(sys.argv[2:], json.loads(sys.stdin.read()))
        return
    sys.path.insert(0, str(TESTS))
    from machine import headline

    print(headline())
    cases = [*situations(), *scenes()]
    print(f"lines of tracks.py: {lines('src/hoigen/measures/fine/tracks.py')}; {len(cases)} cases", flush=True)
    given = {**with_source(), "PYTHONPATH": os.pathsep.join((with_source()["PYTHONPATH"], str(TESTS)))}
    for name, (packages, names, statement) in LIBRARIES.items():
        base = BASE[:3] if name == "norfair" else BASE  # Norfair wants NumPy 1
        python = environment(f"tracker-{name}", (*base, *packages))
        size = megabytes(python, ("numpy", "pyyaml", "fsspec", "opencv-python-headless"))
        took = start(python, statement) - start(python, "import numpy")
        print(f"\n{name} {version(python, name)}: {size:.0f} MB beyond NumPy and OpenCV, import {took:.0f} ms of CPU")
        sys.stdout.flush()
        command = [str(python), "-W", "ignore", __file__, "--inside", *names]
        subprocess.run(command, check=True, env=given, input=json.dumps(cases), text=True)


if __name__ == "__main__":
    main()
