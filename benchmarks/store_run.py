"""What an object store costs: a run on a disk beside the same in a store, and what a video's header and digest fetch.

python benchmarks/store_run.py [CLIPS]

CLIPS (300 unless told) short videos lie in a store, made by a real S3 server of this machine (moto[server], s3fs). They
are curated by two cheap measures, three times each onto a disk and into the store, in turn; then funnel and table are
read. Seconds are of processes of their own, with their start; requests are what a server before S3 has counted, without
those for the videos themselves. The server's time is in the seconds: it is Python on the same cores, and slower by far
than a cloud's, so the ratio is an upper bound where cores are short, and says nothing of the network.
"""

from __future__ import annotations

import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))

import s3fs
from machine import headline

from hoigen import video
from render import pan, render, texture
from s3_server import Between, serving

TIMES = 3
MIB = 1 << 20
MAIN = "import sys; from hoigen.commands.cli import main; sys.exit(main(sys.argv[1:]))"


def seconds(home: Path, *words: str) -> float:
    """Wall time of `hoigen` with these words, on a machine with a disk of its own."""
    place = {"HOIGEN_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)}
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", MAIN, *words], env=os.environ | place, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    clips = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    print(headline())
    with tempfile.TemporaryDirectory() as name, serving() as between:
        folder = Path(name)
        store = s3fs.S3FileSystem()
        store.mkdir("bench")
        clip = render(folder / "a.mp4", pan(texture(1, (240, 180)), 30, (1, 0), (128, 160)), options={"crf": "20"})
        content = clip.read_bytes()
        for at in range(clips):
            store.pipe_file(f"bench/in/{at:05d}.mp4", content + struct.pack(">I4s", 8 + at, b"free") + bytes(at))
        traffic(between, folder, content, store)
        runs(between, folder, clips)


def traffic(between: Between, folder: Path, content: bytes, store: s3fs.S3FileSystem) -> None:
    size = 60 * MIB
    store.pipe_file(
        "bench/long.mp4", content + struct.pack(">I4s", size - len(content), b"free") + bytes(size - len(content) - 8)
    )
    print(f"a video of {size / MIB:.0f} MiB, its index in front      requests   MiB fetched")
    for what, look in (("header", video.probe), ("digest of its content", video.content_digest)):
        between.asked.clear()
        between.came = 0
        look("s3://bench/long.mp4")
        print(f"  {what:42} {len(between.asked):10} {between.came / MIB:13.1f}")


def runs(between: Between, folder: Path, clips: int) -> None:
    recipe = folder / "r.yaml"
    recipe.write_text(
        "videos: s3://bench/in\nshots: none\nmeasures: [metadata, motion]\nkeep: {fps: {min: 1}}\nreport: false\n"
        "workers: 2\n"
    )
    took: dict[tuple[str, str], list[float]] = {}
    asked: dict[str, Counter[str]] = {}
    for turn in range(TIMES):
        for where, run in (("disk", str(folder / f"run{turn}")), ("store", f"s3://bench/runs/{turn}")):
            for verb, words in (
                ("curate", ["curate", str(recipe), "--run", run, "--quiet"]),
                ("curate, nothing to do", ["curate", str(recipe), "--run", run, "--quiet"]),
                ("funnel", ["funnel", run]),
                ("table", ["table", run, "--out", str(folder / "t.parquet")]),
            ):
                between.asked.clear()
                took.setdefault((verb, where), []).append(seconds(folder / "home", *words))
                if where == "store":
                    asked[verb] = Counter(
                        line.split()[0]
                        for line, _ in between.asked
                        if "/bench/in/" not in line and "prefix=in" not in line
                    )
    print(f"\n{clips} clips, {TIMES} times each    disk, s    store, s    ratio    requests of the run (last time)")
    for verb, counts in asked.items():
        disk, there = (statistics.median(took[verb, where]) for where in ("disk", "store"))
        ratios = [b / a for a, b in zip(took[verb, "disk"], took[verb, "store"], strict=True)]
        told = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
        print(f"{verb:25} {disk:9.1f} {there:11.1f}    {min(ratios):.1f}-{max(ratios):.1f}    {told}")


if __name__ == "__main__":
    main()
