"""What moves fine_hoi on scenes whose truth is known: faults, frame rate, scale, and what real clips get.

python benchmarks/fine_hoi.py                    the tables of docs/fine_hoi.md
python benchmarks/fine_hoi.py --figures FOLDER   also the curve over the frame rate, as fine_hoi_fps.svg
python benchmarks/fine_hoi.py --clips ../shared  what the small models see in real clips and in generated ones
python benchmarks/fine_hoi.py --cost FILE...     CPU seconds a frame, observer and score: every frame, and 8 a second

Scenes come from tests/hoi_world.py: a figure that moves, a ball in its hand, faults in what a detector says of them.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from machine import headline

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from hoi_world import World, breaks, seen_in  # noqa: E402
from hoigen.core.clip import Clip, Sampling  # noqa: E402
from hoigen.core.score import Score  # noqa: E402
from hoigen.measures.fine_hoi import FineHoi  # noqa: E402
from hoigen.observe.observation import written  # noqa: E402
from hoigen.video import decode, probe  # noqa: E402

RATES = (8, 10, 12, 16, 24, 30, 60)
SEEDS = 12
KINDS: dict[str, dict[str, Any]] = {
    "steady": {"touching": breaks(0, 5.0), "jitter": 0.015},
    "usual": {"touching": breaks(2, 5.0), "jitter": 0.015, "dropped": 0.03},
    "poor": {"touching": breaks(5, 5.0), "jitter": 0.02, "dropped": 0.08},
}
"""Three makes of video of 5 s: breaks of contact, jitter over the figure's height, share of lost detections."""
COLOURS = {"steady": "#0b7a68", "usual": "#6a4fb3", "poor": "#c2571c"}
ASKED: dict[str, tuple[str | None, str | None]] = {
    "7axksThlAok.79": ("dribble", "sports_ball"),
    "An1biDTot5Q.16": ("hold", "cake"),
    "ArHJWrnn7Yw.22": ("hold", "cat"),
    "DY6EvKeXpoo.15": ("ride", "skateboard"),
    "H2y15JUfSIQ.0": ("ride", "horse"),
    "ONhUIKHX_4.4": ("cook", "hot_dog"),
    "S-1NdEjjg7c.58": ("dribble", "sports_ball"),
    "nrAkn1DNorc.18": ("row", "boat"),
    "nzXctrl4S9w.13": ("repair", "boat"),
    "vGmnTxev7bo.3": ("hit", "sports_ball"),
    "vsMjj2Pu9TM.99": ("ride", "bicycle"),
    "0WjR6cSMi2A.3": ("hold", None),
    "5QQrqobDAG4.54": ("hold", None),
    "AvVDsFBc6bA.0": ("hold", None),
    "GH7Jlmx3riU.98": ("repair", None),
    "MJao9o7ROs0.1": ("hold", None),
    "Vg7WOOQrErw.28": ("hold", None),
    "aIFfzBnvUVE.80": ("hold", None),
    "rIy9npvL0uw.16": ("hold", None),
    "vE7ciKU5KM4.4": ("squeeze", None),
}
"""The clips of ../shared/clips in which somebody acts on something; an object where COCO has it, or nearly."""


def score_of(world: World, **settings: Any) -> Score:
    clip = Clip(
        id="0",
        uri="",
        end=world.seconds,
        width=world.size[0],
        height=world.size[1],
        fps=world.fps,
        meta={"verb": "hold", "object": world.label},
    )
    return FineHoi(**settings).read(clip, seen_in(world))


def mean(settings: dict[str, Any], part: str = "", seeds: int = SEEDS, **measure: Any) -> float:
    """Mean over seeds of the score or of one of its parts, in per cent."""
    scores = [score_of(World(seconds=5.0, **settings, seed=seed), **measure) for seed in range(seeds)]
    values = [score.parts[part] if part else score.value for score in scores]
    return 100 * float(np.mean([value for value in values if value is not None]))


def rates() -> dict[tuple[str, str], list[float]]:
    """The score by kind of video, native and at 8 frames a second, over RATES."""
    parts = {"native": "", "at 8 fps": "fine_hoi_8fps"}
    return {
        (kind, name): [mean({**settings, "fps": float(fps)}, part) for fps in RATES]
        for kind, settings in KINDS.items()
        for name, part in parts.items()
    }


def faults() -> None:
    tables: dict[str, list[tuple[str, dict[str, Any]]]] = {
        "breaks of contact in 5 s": [(str(n), {"touching": breaks(n, 5.0)}) for n in (0, 1, 2, 4, 8)],
        "jitter, % of height": [(f"{j:.1%}", {"jitter": j}) for j in (0.0, 0.005, 0.01, 0.02, 0.03, 0.04, 0.06)],
        "detections lost": [(f"{d:.0%}", {"dropped": d}) for d in (0.0, 0.05, 0.1, 0.2, 0.4)],
        "size of the figure": [
            (f"{tall:.0%} of {size[1]}p", {**KINDS["usual"], "tall": tall, "size": size})
            for tall, size in ((0.7, (640, 360)), (0.35, (640, 360)), (0.7, (320, 180)), (0.7, (1920, 1080)))
        ],
        "landmarks of hands": [("no", KINDS["usual"]), ("yes", {**KINDS["usual"], "hands": True})],
    }
    for title, rows in tables.items():
        print(f"\n{title:<26}    gap  binary  diagonal   contact  flips/s")
        for name, settings in rows:
            found = [mean(settings, seeds=4, variant=variant) for variant in ("gap", "binary", "diagonal")]
            contact, flips = (mean(settings, part, seeds=4) for part in ("fine_contact", "fine_flips"))
            print(f"{name:>26}  {found[0]:5.1f}  {found[1]:6.1f}  {found[2]:8.1f}  {contact:8.1f}  {flips / 100:7.2f}")


def real(shared: Path) -> None:
    """Presence and score of the small models on the labelled clips in which somebody acts on something."""
    clips = [(shared / "clips" / f"{name}.mp4", *asked) for name, asked in ASKED.items()]
    clips += [(path, None, None) for path in sorted((shared / "generated").glob("*.mp4"))]
    measure = FineHoi(sampling=Sampling(fps=8, short_side=480))
    measure.looking.observer.load()
    print(f"\n{'clip':<22}{'asked':<22}presence  score  contact  cpu s")
    found: dict[str, list[bool]] = {}
    for path, verb, thing in clips:
        score, seconds = watched(measure, path, verb, thing)
        number = f"{score.value:5.3f}" if score.value is not None else "    -"
        contact = score.parts["fine_contact"]
        shown = f"{contact:7.2f}" if contact is not None else "      -"
        presence = score.parts["fine_presence"] or 0.0
        asked = f"{verb or 'any'} {thing or 'anything'}"
        print(f"{path.stem:<22}{asked:<22}{presence:8.2f}  {number}  {shown}  {seconds:5.1f}", flush=True)
        kind = "generated" if path.parent.name == "generated" else "object asked" if thing else "anything"
        found.setdefault(kind, []).append(score.value is not None)
    for kind, defined in found.items():
        print(f"{kind}: defined in {sum(defined)} of {len(defined)}")


def watched(measure: FineHoi, path: Path, verb: str | None, thing: str | None) -> tuple[Score, float]:
    """The score of a file and the CPU seconds that it took."""
    header = probe(str(path))
    size = {"width": header.width, "height": header.height, "fps": header.fps}
    clip = Clip(id="0", uri=str(path), end=header.duration, meta={"verb": verb, "object": thing}, **size)
    began = time.process_time()
    observer, sampling = measure.looking.observer, measure.looking.sampling
    watching = observer.begin(clip, sampling)
    decode(clip, (), [(sampling, watching.see)])
    seen = written(observer, clip, watching.finish()).read()
    return measure.read(clip, seen), time.process_time() - began


def cost(files: list[Path]) -> None:
    """CPU seconds of the bundled observer and the score, a frame that is looked at; without loading the models."""
    print(f"\n{'file':<24}{'size':>10}{'frames a s':>12}{'frames':>8}{'cpu s':>8}{'a frame':>9}")
    spent: dict[str, list[float]] = {}
    for name, sampling in (("every frame", FineHoi().sampling), ("8 a second", Sampling(fps=8, short_side=480))):
        measure = FineHoi(sampling=sampling)
        measure.looking.observer.load()
        for path in files:
            header = probe(str(path))
            score, seconds = watched(measure, path, None, None)
            frames = int(score.detail["frames"])
            spent.setdefault(name, []).append(seconds / frames)
            size, fps = f"{header.width}x{header.height}", f"{frames / header.duration:.1f}"
            print(f"{path.stem:<24}{size:>10}{fps:>12}{frames:>8}{seconds:>8.1f}{seconds / frames:>9.3f}", flush=True)
    for name, each in spent.items():
        print(f"{name}: {np.mean(each):.3f} CPU s a frame ({min(each):.3f} to {max(each):.3f})")


def draw(curves: dict[tuple[str, str], list[float]]) -> str:
    """The frame rate against the score, as SVG: full lines native, dashed ones at 8 frames a second."""
    low, width, height, left, top = 70.0, 560, 300, 60, 80

    def place(fps: float, value: float) -> str:
        x = left + width * np.log2(fps / RATES[0]) / np.log2(RATES[-1] / RATES[0])
        return f"{x:.1f},{top + height * (100 - value) / (100 - low):.1f}"

    title = "The frame rate alone moves the score"
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{title}" viewBox="0 0 780 430" '
        'width="780" height="430"><style>svg { background: #fff; font: 13px Inter, "Helvetica Neue", "Segoe UI", '
        '"Liberation Sans", Arial, sans-serif; } text { fill: #565d66; } .title { font-size: 20px; font-weight: 700; '
        "fill: #15181b; } .grid { stroke: #ecece7; } polyline { fill: none; stroke-width: 2.2; }</style>",
        f'<text class="title" x="{left}" y="30">{title}</text>',
        f'<text x="{left}" y="52">The same movement, filmed at other rates. fine_hoi in per cent; '
        "full: all frames, dashed: 8 a second</text>",
    ]
    for value in range(int(low), 101, 5):
        y = place(RATES[0], value).split(",")[1]
        out.append(f'<line class="grid" x1="{left}" x2="{left + width}" y1="{y}" y2="{y}"/>')
        out.append(f'<text x="{left - 8}" y="{float(y) + 4:.1f}" text-anchor="end">{value}</text>')
    for fps in RATES:
        x = place(fps, low).split(",")[0]
        out.append(f'<text x="{x}" y="{top + height + 22}" text-anchor="middle">{fps}</text>')
    out.append(f'<text x="{left + width / 2}" y="{top + height + 42}" text-anchor="middle">frames a second</text>')
    for (kind, name), values in curves.items():
        dash = ' stroke-dasharray="6 4"' if name != "native" else ""
        points = " ".join(place(fps, value) for fps, value in zip(RATES, values, strict=True))
        out.append(f'<polyline points="{points}" stroke="{COLOURS[kind]}"{dash}/>')
        y = float(place(RATES[-1], values[-1]).split(",")[1])
        if kind != "steady" or name == "native":  # both of steady end at one place
            label = f"{kind}, {name}" if kind != "steady" else "steady, both"
            down = y + (-2 if kind == "steady" else 4)
            out.append(f'<text x="{left + width + 8}" y="{down:.1f}" style="fill: {COLOURS[kind]}">{label}</text>')
    return "\n".join([*out, "</svg>\n"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--figures", type=Path)
    parser.add_argument("--clips", type=Path)
    parser.add_argument("--cost", type=Path, nargs="+")
    arguments = parser.parse_args()
    print(headline())
    if arguments.cost:
        cost(arguments.cost)
        return
    if arguments.clips:
        real(arguments.clips)
        return
    curves = rates()
    print("frames a second        " + "".join(f"{fps:7d}" for fps in RATES))
    for (kind, name), values in curves.items():
        print(f"{kind + ', ' + name:<23}" + "".join(f"{value:7.1f}" for value in values))
    if arguments.figures:
        (arguments.figures / "fine_hoi_fps.svg").write_text(draw(curves), encoding="utf-8")
    faults()


if __name__ == "__main__":
    main()
