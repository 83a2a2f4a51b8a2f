"""What VBench's dimensions cost here and in VBench 0.1.5 itself, on the same videos, one right after the other.

python benchmarks/vbench.py VENV [PAIRS]

VENV: an environment with VBench in it, as `make parity` makes it. First temporal flickering alone, from file to number,
in CPU seconds of the process without what importing costs; the ratio is the median of the pairs. Then how many bytes a
minute of 1080p takes. Clips are rendered: 1280x720, 5 s at 24 fps, with and without film grain.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path.append(str(REPO / "tests"))

import numpy as np  # noqa: E402
from machine import headline  # noqa: E402

from hoigen import video  # noqa: E402
from hoigen.clip import Clip  # noqa: E402
from hoigen.measures.temporal_flickering import TemporalFlickering  # noqa: E402
from render import pan, render, texture  # noqa: E402

ASK_VBENCH = """
import json, resource, sys, time, torch
library = torch.library.Library("torchvision", "DEF")
library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
from vbench.temporal_flickering import cal_score
import cv2
cv2.setNumThreads(1)
started = time.process_time()
said = [cal_score(path) for path in sys.argv[1:]]
spent = time.process_time() - started
print(json.dumps([spent, said, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


def rendered(folder: Path, name: str, grain: int, size: tuple[int, int] = (720, 1280), count: int = 120) -> Path:
    picture = texture(grain, (size[0] + 200, size[1] + 600), octaves=9)
    chance = np.random.default_rng(0)
    noise = [chance.integers(-grain, grain + 1, (*size, 1)) for _ in range(4)]
    frames = (
        np.clip(pan(np.roll(picture, (-at, -3 * at), (0, 1)), 1, (3.0, 1.0), size)[0] + noise[at % 4], 0, 255).astype(
            np.uint8
        )
        for at in range(count)
    )
    return render(folder / f"{name}.mp4", frames, fps=24, options={"preset": "veryfast", "crf": "20"})


def flickering(path: Path) -> float:
    header = video.probe(str(path))
    clip = Clip(id="0", uri=str(path), end=header.duration, width=header.width, height=header.height, fps=header.fps)
    measure = TemporalFlickering()
    stream = measure.begin(clip)
    video.decode(clip, (), [(measure.sampling, stream.see)])
    value = stream.score().value
    assert value is not None
    return value


def own(paths: list[Path]) -> tuple[float, list[float]]:
    started = time.process_time()
    said = [flickering(path) for path in paths]
    return time.process_time() - started, said


def vbench(python: Path, paths: list[Path]) -> tuple[float, list[float], float]:
    done = subprocess.run([str(python), "-c", ASK_VBENCH, *map(str, paths)], capture_output=True, text=True, check=True)
    spent, said, peak = json.loads(done.stdout.splitlines()[-1])
    return spent, said, peak


def high_water() -> float:
    """Peak memory of this process in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def main(python: Path, pairs: int) -> None:
    print(headline())
    with tempfile.TemporaryDirectory() as folder:
        paths = [rendered(Path(folder), f"grain{grain}", grain) for grain in (0, 2, 6, 12)]
        own(paths[:1])
        before = high_water()
        runs = []
        for _ in range(pairs):
            mine, said = own(paths)
            theirs, told, peak = vbench(python, paths)
            runs.append((theirs / mine, mine, theirs))
        off = max(abs(a - b) for a, b in zip(said, told, strict=True))
        ratio = statistics.median(run[0] for run in runs)
        ratios = sorted(run[0] for run in runs)
        print(f"temporal_flickering, {len(paths)} clips of 120 frames, 720p, {pairs} pairs")
        print(f"  VBench 0.1.5  {min(run[2] for run in runs):6.2f} CPU-s   peak {peak:6.0f} MB")
        print(f"  hoigen        {min(run[1] for run in runs):6.2f} CPU-s   peak {max(before, high_water()):6.0f} MB")
        print(f"  ratio {ratio:.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}); numbers differ by {off:.1e} at most")
        long = rendered(Path(folder), "minute", 2, (1080, 1920), 60)
        before = high_water()
        flickering(long)
        print(f"  1080p: peak {high_water():.0f} MB ({high_water() - before:+.0f} MB against before)")


if __name__ == "__main__":
    main(Path(sys.argv[1]) / "bin" / "python", int(sys.argv[2]) if len(sys.argv) > 2 else 5)
