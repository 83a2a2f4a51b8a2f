"""How well near-duplicates are told from other shots, and what comparing many clips costs.

python benchmarks/near_duplicates.py --quality          made pairs and other shots of the same scenes (some minutes)
python benchmarks/near_duplicates.py --clips 10000000   time and memory of the join alone, on made hashes
python benchmarks/near_duplicates.py --clips 10000000 --slices 1   of so many slices of each order of the looks, and
                                                        the time of all, extrapolated from these

--quality changes each source video in the ways that copies differ and counts how many are found; other stretches and
other shots of the same video, and other videos, are what must not be found. Sources: the sample footage, and the
labelled clips where they are at hand (HOIGEN_SHARED). The defaults were chosen on these: on others, expect less.
"""

from __future__ import annotations

import argparse
import itertools
import os
import resource
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from machine import headline

from hoigen import video
from hoigen.commands.duplicates import LEAST
from hoigen.core.clip import Clip
from hoigen.core.stats.resample import share_interval
from hoigen.dataset import near
from hoigen.measures.perceptual_hash import PerceptualHash, mirror_mask
from hoigen.models.files import locate
from hoigen.video.shots import check_detector

SHARED = Path(os.environ.get("HOIGEN_SHARED", Path(__file__).resolve().parents[2] / "shared")) / "clips"
SECONDS = 5.0
STEPS = (0.9, 0.8, 0.7, LEAST, 0.5, 0.4, 0.0)
"""How alike pairs are asked to be, the most first: the more, the fewer looks are candidates."""
Frames = list[np.ndarray]


def frames_of(path: Path) -> tuple[Frames, float]:
    header = video.probe(str(path))
    return [image for image, at in video.walk(str(path), short_side=360) if at < SECONDS], float(header.fps)


def cropped(frames: Frames, share: float) -> Frames:
    height, width = frames[0].shape[:2]
    y, x = round(height * share / 2), round(width * share / 2)
    return [frame[y : height - y, x : width - x] for frame in frames]


def with_logo(frames: Frames) -> Frames:
    found = []
    for frame in frames:
        height, width = frame.shape[:2]
        made = frame.copy()
        made[round(height * 0.06) : round(height * 0.2), round(width * 0.72) : round(width * 0.96)] = (250, 250, 250)
        place = (round(width * 0.74), round(height * 0.17))
        cv2.putText(made, "LOGO", place, cv2.FONT_HERSHEY_SIMPLEX, height / 400, (200, 30, 30), 2)
        found.append(made)
    return found


def recoloured(frames: Frames) -> Frames:
    table = np.clip(255 * (np.arange(256) / 255) ** 0.7 * 0.9 + 12, 0, 255).astype(np.uint8)
    warm = np.array([1.12, 1.0, 0.85], np.float32)
    return [np.clip(table[frame].astype(np.float32) * warm, 0, 255).astype(np.uint8) for frame in frames]


def boxed(frames: Frames) -> Frames:
    height = frames[0].shape[0] // 8
    return [cv2.copyMakeBorder(frame, height, height, 0, 0, cv2.BORDER_CONSTANT) for frame in frames]


def sized(frames: Frames, short_side: int) -> Frames:
    scale = short_side / min(frames[0].shape[:2])
    return [cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) for frame in frames]


CHANGES: dict[str, tuple[Callable[[Frames, float], Frames], int]] = {
    "re-encoded, small file": (lambda frames, fps: frames, 38),
    "scaled to 180 lines": (lambda frames, fps: sized(frames, 180), 26),
    "5 % cut off": (lambda frames, fps: cropped(frames, 0.05), 23),
    "10 % cut off": (lambda frames, fps: cropped(frames, 0.10), 23),
    "20 % cut off": (lambda frames, fps: cropped(frames, 0.20), 23),
    "trimmed by 0.7 and 0.6 s": (lambda frames, fps: frames[round(0.7 * fps) : -round(0.6 * fps)], 23),
    "mirrored": (lambda frames, fps: [frame[:, ::-1] for frame in frames], 23),
    "logo added": (lambda frames, fps: with_logo(frames), 23),
    "colours changed": (lambda frames, fps: recoloured(frames), 23),
    "black bars": (lambda frames, fps: boxed(frames), 23),
    "mirrored, trimmed, small file": (lambda frames, fps: [f[:, ::-1] for f in frames[round(0.7 * fps) :]], 36),
}
"""What is done -> how, and the quality (CRF) that it is encoded with."""


def encoded(path: Path, frames: Frames, fps: float, crf: int) -> Path:
    with av.open(str(path), "w") as container:
        options = {"crf": str(crf), "preset": "ultrafast"}
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001), options=options)
        stream.height, stream.width = (side // 2 * 2 for side in frames[0].shape[:2])
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            even = np.ascontiguousarray(frame[: stream.height, : stream.width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(even, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def details(path: Path, start: float = 0.0, end: float | None = None) -> tuple[str, list[int] | None]:
    """The hashes of a stretch, as the measure writes them."""
    header = video.probe(str(path))
    end = min(header.duration, SECONDS) if end is None else end
    clip = Clip(
        id="c", uri=str(path), start=start, end=end, width=header.width, height=header.height, fps=header.fps or 25.0
    )
    measure = PerceptualHash()
    stream = measure.begin(clip)
    video.decode(clip, [], [(measure.sampling, stream.see)])
    detail = stream.score().detail
    return str(detail["hashes"]), detail.get("at")  # type: ignore[return-value]


Look = tuple[str, "list[int] | None"]


def shots_in(path: Path) -> list[tuple[float, float]]:
    detector = check_detector("adaptive")
    cuts = [0.0, *detector.boundaries(video.walk(str(path), short_side=detector.short_side))]
    cuts.append(min(video.probe(str(path)).duration, 60.0))
    return [(a + 0.05, b - 0.05) for a, b in itertools.pairwise(cuts) if b - a >= 1.0]


def material(folder: Path) -> Iterator[tuple[str, dict[str, Look], list[Look], list[Look]]]:
    """Of each source: its name, the original and its changed copies, its two halves, its shots."""
    sources = [Path(locate(name).path) for name in ("sample_bikes", "sample_bigbuckbunny")]
    sources += sorted(SHARED.glob("*.mp4"))
    for path in sources:
        frames, fps = frames_of(path)
        spans = shots_in(path)
        one_shot = len(spans) == 1
        looks = {"original": details(path)}
        for name, (change, crf) in CHANGES.items():
            looks[name] = details(encoded(folder / "made.mp4", change(frames, fps), fps, crf))
        end = min(video.probe(str(path)).duration, SECONDS)
        halves = [details(path, 0.0, end / 2 - 0.05), details(path, end / 2 + 0.05, end)] if one_shot else []
        yield path.stem, looks, halves, [details(path, *span) for span in spans] if not one_shot else []


def alike(one: Look, two: Look) -> float:
    """How alike two stretches are, as the join of a run's clips finds them that is asked for pairs so alike or more."""
    looks = near.looks_of([one[0], two[0]], [one[1], two[1]])
    for least in STEPS:
        if len(pairs := near.pairs_of(looks, least, mirror_mask())):
            return float(pairs.alike[0])
    return 0.0


def quality(least: float) -> None:
    found: dict[str, list[float]] = defaultdict(list)
    originals: list[Look] = []
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, looks, halves, shots) in enumerate(material(Path(folder))):
            print(f"\r{number + 1} {name}", end="", file=sys.stderr, flush=True)
            for change in CHANGES:
                found[change].append(alike(looks["original"], looks[change]))
            if halves:
                found["other half of the same shot"].append(alike(*halves))
            found["other shot of the same video"] += [alike(*pair) for pair in itertools.combinations(shots, 2)]
            found["another video"] += [alike(other, looks["original"]) for other in originals]
            originals.append(looks["original"])
    for title, counts in (("all sources", found),):
        print(f"\n{title}: found at {least:g}, with 95 % intervals")
        for name, values in counts.items():
            yes = sum(value >= least for value in values)
            low, high = share_interval(yes, len(values))
            print(f"  {name:32} {yes:5} of {len(values):5}  {yes / len(values):6.1%}  [{low:.1%}, {high:.1%}]")
        good = sum(value >= least for name in CHANGES for value in counts[name])
        others = [value for name, values in counts.items() if name not in CHANGES for value in values]
        bad = sum(value >= least for value in others)
        for name, yes, of in (("recall of made pairs", good, sum(len(counts[name]) for name in CHANGES)),
                              ("precision among all of these", good, good + bad)):  # fmt: skip
            low, high = share_interval(yes, max(1, of))
            print(f"  {name:32} {yes:5} of {of:5}  {yes / max(1, of):6.1%}  [{low:.1%}, {high:.1%}]")
    print("\nby threshold: recall, and the share found of halves, shots, other videos")
    for at in sorted(STEPS[:-1]):
        good = [value >= at for name in CHANGES for value in found[name]]
        rest = [
            f"{np.mean([value >= at for value in values]):.1%}" for name, values in found.items() if name not in CHANGES
        ]
        print(f"  {at:.2f}  {np.mean(good):.1%}  {'  '.join(rest)}")


def made(clips: int, looks: int, seed: int = 1) -> tuple[near.Looks, int]:
    """Hashes as of footage: neighbours in time differ by a few bits; one clip in ten is a changed copy of another.

    Bits are no coins: real hashes have some that are mostly alike, so one in four is set with a chance of 0.2.
    """
    chance = np.random.default_rng(seed)
    base = np.zeros(clips, np.uint64)
    for bit in range(64):
        share = 0.2 if bit % 4 == 0 else 0.5
        base |= (chance.random(clips, np.float32) < share).astype(np.uint64) << np.uint64(bit)
    copies = clips // 10
    base[clips - copies :] = base[:copies]
    every = np.empty((clips, looks), np.uint64)
    every[:, 0] = base
    for at in range(1, looks):  # three bits a step, the same for a copy
        step = np.zeros(clips, np.uint64)
        for _ in range(3):
            step |= np.uint64(1) << chance.integers(0, 64, clips, np.uint64)
        step[clips - copies :] = step[:copies]
        every[:, at] = every[:, at - 1] ^ step
    for _ in range(4):  # what encoding changed in the copies
        noise = np.uint64(1) << chance.integers(0, 64, (copies, looks), np.uint64)
        every[clips - copies :] ^= noise
    starts = np.arange(clips + 1, dtype=np.int64) * looks
    return near.Looks(starts, every.ravel(), np.ones(clips * looks, bool)), copies


def scale(clips: int, looks: int, least: float, slices: int) -> None:
    data, copies = made(clips, looks)
    print(f"made: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2:.1f} GiB so far", flush=True)
    whole = done = 0
    inside = [0.0]
    every, one = near._Search.sliced, near._Search.slice

    def some(self: near._Search, band: int, width: int) -> Iterator[tuple[int, tuple[np.ndarray, ...]]]:
        nonlocal whole, done
        each = list(every(self, band, width))
        chosen = each[:: max(1, len(each) // slices)][:slices]
        whole, done = whole + len(each), done + len(chosen)
        yield from chosen

    def timed(self: near._Search, *of: Any, **more: Any) -> tuple[np.ndarray, int]:
        began = time.thread_time()
        found = one(self, *of, **more)
        inside.append(time.thread_time() - began)
        return found

    if slices:
        near._Search.sliced, near._Search.slice = some, timed  # type: ignore[method-assign]
    before = resource.getrusage(resource.RUSAGE_SELF)
    at = time.monotonic()
    pairs = near.pairs_of(data, least, mirror_mask())
    members = sum(1 for member in near.groups(pairs) if member.clip != member.group)
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    right = int(np.sum((pairs.second - pairs.first == clips - copies) & ~pairs.mirrored))
    print(
        f"{clips} clips of {looks} looks, {copies} of them copies: {len(pairs)} pairs, {right} of them copies, "
        f"{members} clips follow another; {cpu:.0f} CPU s, {time.monotonic() - at:.0f} s, "
        f"{after.ru_maxrss / 1024**2:.1f} GiB at most ({data.hashes.nbytes / 1024**3:.2f} GiB of it the hashes)"
    )
    if slices:
        rest = cpu - sum(inside)
        print(
            f"{done} of {whole} slices: {sum(inside):.0f} CPU s, {rest:.0f} s beside them; all slices would take "
            f"{rest + sum(inside) * whole / done:.0f} CPU s"
        )


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quality", action="store_true")
    parser.add_argument("--clips", type=int, default=0)
    parser.add_argument("--looks", type=int, default=28, help="looks of a clip; 28 are 7 seconds")
    parser.add_argument("--slices", type=int, default=0, help="only so many of each order; 0: all")
    parser.add_argument("--least", type=float, default=LEAST)
    options = parser.parse_args(argv)
    print(headline())
    if options.quality:
        quality(options.least)
    if options.clips:
        scale(options.clips, options.looks, options.least, options.slices)


if __name__ == "__main__":
    main()
