"""What the decode pass of the lite recipe costs against a bare sequential PyAV decode of the same clips.

python benchmarks/decode.py [PAIRS]

CPU seconds of one process, in pairs of runs one right after the other, so that a busy machine weighs on both; the
ratio is the median of the pairs. Limits: 1.3 times for the whole, 500 MB of peak memory at 1080p.
Rendered clips of 5 s (a panned texture with film grain, x264), and the clips of $HOIGEN_SHARED/clips when there.
"""

from __future__ import annotations

import dataclasses
import os
import resource
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
from hoigen.core.clip import Clip, Sampling  # noqa: E402
from render import pan, render, texture  # noqa: E402

SAMPLINGS = Sampling(frames=4, short_side=736), Sampling(frames=8, short_side=360)
WATCHED = Sampling(fps=5, pairs=True, gray=True, short_side=180)


def rendered(folder: Path, short_side: int) -> Path:
    """Five seconds at 30 fps of a moving picture with grain, so that the codec has something to do."""
    size = short_side, short_side * 16 // 9
    picture = texture(3, (size[0] + 200, size[1] + 600), octaves=9)
    chance = np.random.default_rng(0)
    grain = [chance.integers(0, 13, (*size, 1), np.uint8) for _ in range(4)]
    step = 3.0, 1.0
    frames = (
        np.minimum(pan(np.roll(picture, (-at, -3 * at), (0, 1)), 1, step, size)[0], 242) + grain[at % 4]
        for at in range(150)
    )
    return render(folder / f"{short_side}p.mp4", frames, fps=30, options={"preset": "veryfast", "crf": "23"})


def bare(path: Path) -> None:
    """All frames decoded, none converted."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_type = "NONE"
        stream.codec_context.thread_count = 1
        for _ in container.decode(stream):
            pass


def lite(path: Path) -> None:
    """What the worker does with a clip, without its measures: header and frames."""
    header = video.probe(str(path))
    size = {"width": header.width, "height": header.height, "fps": header.fps}
    clip = Clip(id="x", uri=str(path), end=header.duration, **size, meta={"header": dataclasses.asdict(header)})
    video.decode(clip, SAMPLINGS, [(WATCHED, lambda image, at: None)])


def spent(work: object, paths: list[Path]) -> float:
    started = time.process_time()
    for path in paths:
        work(path)  # type: ignore[operator]
    return time.process_time() - started


def compare(name: str, paths: list[Path], pairs: int) -> None:
    spent(bare, paths[:1]), spent(lite, paths[:1])
    runs = [(spent(bare, paths), spent(lite, paths)) for _ in range(pairs)]
    ratios = sorted(b / a for a, b in runs)
    least, most = min(a for a, _ in runs), min(b for _, b in runs)
    megabytes = os.path.getsize(paths[0]) / 1e6 if len(paths) == 1 else sum(map(os.path.getsize, paths)) / 1e6
    print(
        f"{name:26} {megabytes:6.1f} MB  bare {least:6.2f} s  lite {most:6.2f} s  "
        f"ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}, limit 1.30)"
    )


def high_water() -> float:
    """Peak memory of this process in MB; what the kernel counts in ru_maxrss begins with that of the parent."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def peak(path: Path) -> float:
    """Peak memory in MB of a process of its own that decodes one clip."""
    done = subprocess.run([sys.executable, __file__, "--peak", str(path)], capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    print(headline())
    shared = Path(os.environ.get("HOIGEN_SHARED", REPO.parent / "shared")) / "clips"
    with tempfile.TemporaryDirectory() as name:
        clips = [rendered(Path(name), short_side) for short_side in (720, 1080)]
        for clip in clips:
            compare(f"5 s, {clip.stem}30, H.264", [clip], pairs)
        if real := sorted(shared.glob("*.mp4")):
            compare(f"{len(real)} web clips", real, min(pairs, 3))
        print(f"peak memory at {clips[-1].stem}: {peak(clips[-1]):.0f} MB (limit 500 MB)")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peak"]:
        lite(Path(sys.argv[2]))
        print(high_water())
    else:
        main()
