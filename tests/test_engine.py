"""What a worker does with one clip: memory that it promises to let go."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import pytest

from hoigen.core import trusted
from hoigen.core.clip import Clip
from hoigen.stages.engine import Job, setup_scorer

LOOKS = '''
import weakref
from hoigen import Sampling, Score, measure

@measure("{name}")
class Looks:
    """How many frames it was shown; SEEN has weak references to those of all measures."""

    sampling: Sampling = Sampling(frames={frames}, short_side=None)

    def __call__(self, clip, frames):
        import gc
        gc.collect()
        alive = sum(each() is not None for each in clip.meta["seen"])
        clip.meta["seen"].append(weakref.ref(frames.images))
        return Score(float(alive))
'''


def test_frames_are_let_go_once_no_later_measure_looks_at_them(tmp_path: Path, tiny_video: Path) -> None:
    """Whole frames are large: a clip's memory is that of the samplings still wanted."""
    files = []
    for name, frames in (("first", 3), ("second", 3), ("third", 5)):
        path = tmp_path / f"{name}.py"
        path.write_text(LOOKS.format(name=name, frames=frames))
        trusted.grant(path)
        files.append(str(path))
    handle = setup_scorer(files, {}, True, tmp_path)
    seen: list[weakref.ref[Any]] = []
    clip = Clip(id="c", uri=str(tiny_video), end=2.0, width=64, height=48, fps=25.0, meta={"seen": seen})
    said: list[Any] = []

    class Emit:
        def __call__(self, part: Any) -> None:
            said.append(part)

        def doing(self, what: str) -> None: ...

        def progress(self) -> None: ...

    handle(Job(clip, ("first", "second", "third")), Emit())
    assert [(each.measure, each.reason, each.values) for each in said] == [
        ("first", None, {"first": 0.0}),
        ("second", None, {"second": 1.0}),  # the same frames as the first
        ("third", None, {"third": 0.0}),  # those of the others are gone
    ]


@pytest.mark.parametrize("score_all", [False, True])
def test_a_clip_that_a_rule_drops_costs_nothing_further(tmp_path: Path, tiny_video: Path, score_all: bool) -> None:
    path = tmp_path / "later.py"
    path.write_text(LOOKS.format(name="later", frames=1))
    trusted.grant(path)
    handle = setup_scorer(["metadata", str(path)], {"fps": {"min": 100}}, score_all, tmp_path)
    clip = Clip(id="c", uri=str(tiny_video), end=2.0, width=64, height=48, fps=25.0, meta={"seen": []})
    measured: list[str] = []

    class Emit:
        def __call__(self, part: Any) -> None:
            measured.append(part.measure)

        def doing(self, what: str) -> None: ...

        def progress(self) -> None: ...

    handle(Job(clip, ("metadata", "later")), Emit())
    assert measured == (["metadata", "later"] if score_all else ["metadata"])
