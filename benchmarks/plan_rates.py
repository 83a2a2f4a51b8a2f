"""What measures without a network on a card take of a core, as rows of `src/hoigen/stages/rates.csv`.

python benchmarks/plan_rates.py [FOLDER] [CLIPS] [MEASURE ...]

CPU seconds of one process, threads of libraries included, over a rendered clip of 5 s at 720p, and the first CLIPS (12)
of FOLDER for what depends on who is in the picture. Each measure is scored alone, after once to warm up; decoding alone
is its own row and is taken off the others.
"""

from __future__ import annotations

import datetime
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from decode import rendered
from machine import headline

from hoigen import video
from hoigen.core.clip import Clip, Sampling
from hoigen.rules.cascade import Step, build_steps
from hoigen.stages import rates
from hoigen.stages.engine import Scorer, load

ANY = ("damage", "text_boxes", "technical_quality", "motion", "perceptual_hash", "temporal_flickering")
"""What takes as long whatever is shown, nearly."""
PEOPLE = ("hoi_lite", "coarse_hoi", "fine_hoi")
"""What looks for persons, hands and things, and at what it finds."""


def clip_of(path: Path) -> Clip:
    header = video.probe(str(path))
    return Clip(
        id=path.stem, uri=str(path), end=header.duration, width=header.width, height=header.height, fps=header.fps
    )


def spent(work: Callable[[Clip], Any], clips: Sequence[Clip]) -> float:
    """CPU seconds in all; the less of two times."""
    work(clips[0])
    took = []
    for _ in range(2):
        began = time.process_time()
        for clip in clips:
            work(clip)
        took.append(time.process_time() - began)
    return min(took)


def prepared(name: str) -> tuple[Step, Scorer]:
    [step] = build_steps([name], {})
    for unit in step.units:
        load(unit, name)
    return step, Scorer([step], score_all=True)


def measured(names: Sequence[str], clips: Sequence[Clip], what: str) -> None:
    alone = spent(lambda clip: video.decode(clip, [Sampling(frames=1, short_side=90)]), clips)
    frames = sum(clip.duration * clip.fps for clip in clips)
    size = min(clip.short_side for clip in clips)
    print(row("decode", "", frames / alone, size, what), flush=True)
    for name in names:
        step, scorer = prepared(name)
        units = sum(rates.units_of("frames", step.sampling, footage(clip)) for clip in clips)
        own = spent(scorer.score_one, clips) - alone
        print(
            row(name, step.looking.observer.name if step.looking else "", units / max(own, 1e-3), size, what),
            flush=True,
        )


def footage(clip: Clip) -> Any:
    return rates.Footage(seconds=clip.duration, width=clip.width, height=clip.height, fps=clip.fps)


def row(step: str, network: str, rate: float, size: int, what: str) -> str:
    today = datetime.datetime.now(datetime.UTC).date()
    return f"{step},{network},frames,{rate:.4g},core,{size},MACHINE,,{today},benchmarks/plan_rates.py,{what}"


def main() -> None:
    print(headline())
    print(",".join(rates.COLUMNS))
    asked = sys.argv[3:] or (*ANY, *PEOPLE)
    with tempfile.TemporaryDirectory() as folder:
        measured([name for name in ANY if name in asked], [clip_of(rendered(Path(folder), 720))], "5 s rendered")
    if len(sys.argv) > 1:
        most = int(sys.argv[2]) if len(sys.argv) > 2 else 12
        clips = [clip_of(path) for path in sorted(Path(sys.argv[1]).glob("*.mp4"))[:most]]
        measured([name for name in PEOPLE if name in asked], clips, f"{len(clips)} web clips")


if __name__ == "__main__":
    main()
