"""What VBench's dimensions cost here and in VBench 0.1.5 itself, on the same videos, one right after the other.

python benchmarks/vbench.py VENV [PAIRS [PART ...]]

VENV: an environment with VBench in it, as `make parity` makes it (.venv-vbench). Each side runs in a process of its own
with one thread of PyTorch; CPU seconds are without imports and the loading of models, ratios are medians of pairs.

flickering: temporal flickering alone, from file to number, video by video. reading: a video read for all seven, without
their models. minute: how much memory a minute of 1080p takes, with all that looks at every frame (tiny models). half:
what float16 moves, on weights from seeds in their published sizes. together: on those, the five dimensions whose models
a CPU can bear.
Videos are rendered: 720p at 24 fps, a picture that wanders, with and without film grain.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tests"), str(HERE.parent / "tests" / "vbench")]

import numpy as np  # noqa: E402
import seeded  # noqa: E402
from machine import headline  # noqa: E402

from render import pan, render, texture  # noqa: E402

GENERATED = HERE.parents[1] / "shared" / "generated"
"""Real generated videos, where they are at hand."""
MODELS = ("dino", "clip_b32", "clip_l14", "laion", "musiq")


def frames(grain: int, size: tuple[int, int], count: int, different: int) -> Iterator[np.ndarray]:
    """A picture that wanders, with grain; after `different` frames the same ones come again."""
    picture = texture(grain, (size[0] + 200, size[1] + 600), octaves=9)
    chance = np.random.default_rng(0)
    noise = [chance.integers(-grain, grain + 1, (*size, 1)) for _ in range(4)]

    def one(at: int) -> np.ndarray:
        shown = pan(np.roll(picture, (-at, -3 * at), (0, 1)), 1, (3.0, 1.0), size)[0]
        return np.clip(shown + noise[at % 4], 0, 255).astype(np.uint8)

    whole = [one(at) for at in range(min(different, count))]
    return (whole[at % len(whole)] for at in range(count))


def video(folder: Path, grain: int, size: tuple[int, int], count: int, different: int = 120) -> str:
    path = folder / f"{count}_{size[0]}_grain{grain}.mp4"
    options = {"preset": "veryfast", "crf": "20"}
    return str(render(path, frames(grain, size, count, different), fps=24, options=options))


def asked(python: str, side: str, what: str, weights: Path, files: list[str]) -> dict[str, Any]:
    command = [python, "-W", "ignore", str(HERE / f"vbench_{side}.py"), what, str(weights), *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:6])}: {done.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def compared(title: str, theirs: str, what: str, weights: Path, files: list[str], pairs: int) -> None:
    runs = []
    for _ in range(pairs):
        runs.append(
            (asked(sys.executable, "ours", what, weights, files), asked(theirs, "theirs", what, weights, files))
        )
    print(f"{title}; {pairs} pairs")
    for at, name in ((1, "VBench 0.1.5"), (0, "hoigen")):
        total, decode, peak = (statistics.median(run[at][key] for run in runs) for key in ("total", "decode", "peak"))
        print(f"  {name:13} {total:7.2f} CPU-s, of which decoding {decode:6.2f}   peak {peak:6.0f} MB")
    for key in ("total", "decode"):
        ratios = sorted(run[1][key] / run[0][key] for run in runs)
        print(f"  {key}: ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")
    for name, said in runs[0][1]["numbers"].items():
        off = max(abs(a - b) for a, b in zip(said, runs[0][0]["numbers"][name], strict=True))
        print(f"  {name}: numbers differ by {off:.1e} at most")
    print(flush=True)


def weights_in(folder: Path, size: str) -> Path:
    import torch

    folder.mkdir()
    for name in MODELS:
        torch.save(seeded.tensors(name, size), folder / f"{name}.pth")
    return folder


class Bench:
    """One way to measure after the other, each with videos and weights of its own."""

    def __init__(self, theirs: str, pairs: int, folder: Path) -> None:
        self.theirs, self.pairs, self.folder = theirs, pairs, folder
        self.none = folder / "none"
        self.none.mkdir()

    def compare(self, title: str, what: str, weights: Path, files: list[str]) -> None:
        compared(title, self.theirs, what, weights, files, self.pairs)

    def long(self) -> list[str]:
        return [video(self.folder, grain, (720, 1280), 120) for grain in (0, 2, 6, 12)]

    def flickering(self) -> None:
        for path in (*self.long(), *sorted(map(str, GENERATED.glob("*.mp4")))):
            size = Path(path).stat().st_size >> 10
            self.compare(f"temporal_flickering, {Path(path).name}, {size} KiB", "flickering", self.none, [path])

    def reading(self) -> None:
        self.compare("reading for all seven, 4 videos of 5 s at 720p", "decode", self.none, self.long())

    def minute(self) -> None:
        tiny = weights_in(self.folder / "tiny", "tiny")
        paths = [video(self.folder, 2, (1080, 1920), count, 48) for count in (48, 1440)]
        peaks = [asked(sys.executable, "ours", "dimensions", tiny, [path])["peak"] for path in paths]
        print(
            f"five dimensions on 1080p with tiny models: peak {peaks[0]:.0f} MB for 2 s, {peaks[1]:.0f} MB for 60 s\n"
        )

    def half(self) -> None:
        paths = [video(self.folder, 6, (720, 1280), 6)]
        moved = asked(sys.executable, "ours", "half", self.full(), paths)["numbers"]
        print(f"float16 moves, published sizes, 6 frames: {', '.join(f'{k} {v[0]:+.1e}' for k, v in moved.items())}\n")

    def together(self) -> None:
        paths = [video(self.folder, 2, (720, 1280), 24)]
        self.compare("five dimensions in published sizes, 1 s at 720p", "dimensions", self.full(), paths)

    def full(self) -> Path:
        folder = self.folder / "full"
        return folder if folder.exists() else weights_in(folder, "full")


PARTS = ("flickering", "reading", "minute", "half", "together")


def main(theirs: str, pairs: int, parts: list[str]) -> None:
    print(headline())
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(theirs, pairs, Path(folder))
        for part in parts or PARTS:
            getattr(bench, part)()


if __name__ == "__main__":
    main(str(Path(sys.argv[1]) / "bin" / "python"), int(sys.argv[2]) if len(sys.argv) > 2 else 3, sys.argv[3:])
