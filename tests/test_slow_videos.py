"""A deadline is for what does not move on: slow passes over long videos come to their end, hanging ones are ended."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fake_decoder
import fake_talk
import hoigen
from hoigen import video
from hoigen.data.run import Run
from hoigen.rules.decide import connect
from hoigen.rules.runfile import steps_of
from hoigen.stages.captioned import caption_rows
from render import counting, render

pytestmark = pytest.mark.timeout(120)
HOURS = 2
PAUSE = 0.08
SHORTER = 2.5
"""Seconds; the 50 frames of the tiny video take 4 s at PAUSE each."""
HASTY = 2.0
REAL = {
    "hoigen.stages.clips.setup_ingest": "hoigen.stages.ingest:setup_ingest",
    "hoigen.stages.scores.setup_scorer": "hoigen.stages.engine:setup_scorer",
    "hoigen.stages.captions.setup_frames": "hoigen.stages.showing:setup_frames",
    "hoigen.commands.cut.setup_cut": "hoigen.commands.cut:setup_cut",
}
SHOTS, SCORES, CAPTIONS, CUT = REAL


def decoder(monkeypatch: pytest.MonkeyPatch, where: str, fault: str, pause: float = PAUSE) -> None:
    """Workers of one stage get a decoder with this fault."""
    monkeypatch.setattr(where, functools.partial(fake_decoder.setup, fault, pause, REAL[where]))


def curate(video: Path, run: Path, **changes: Any) -> dict[str, str | None]:
    """State of the clips, with the reason of those that failed."""
    given: dict[str, Any] = {"shots": "none", "measures": ["metadata"], "min_length": 0.1, "max_length": None}
    given |= {"workers": 1, "report": False, "quiet": True, **changes}
    hoigen.curate(videos=video, run=run, **given)
    rows = connect(Run(run), steps_of(Run(run))[1]).execute("select state, reason from decided").fetchall()
    return dict(rows)


def test_the_shots_of_a_two_hour_film_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def frames() -> Iterator[np.ndarray]:
        scenes = [np.random.default_rng(seed).integers(0, 255, (90, 160, 3), np.uint8) for seed in range(HOURS * 60)]
        for at in range(HOURS * 3600):
            yield scenes[at // 60]  # a cut every minute

    film = render(tmp_path / "film.mp4", frames(), fps=1, options={"preset": "ultrafast", "crf": "40", "g": "60"})
    decoder(monkeypatch, SHOTS, "slow", pause=0.0005)  # more than 3.6 s in all
    funnel = hoigen.curate(
        videos=film,
        run=tmp_path / "run",
        measures=["metadata"],
        keep={"duration": {"min": 1}},
        deadline=SHORTER,
        workers=1,
        report=False,
        quiet=True,
    )
    assert (funnel.counts["kept"], funnel.counts["failed"]) == (HOURS * 60, 0)


def test_a_slow_decoder_costs_time_and_no_clip(
    tmp_path: Path, tiny_video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder(monkeypatch, SHOTS, "slow")
    decoder(monkeypatch, SCORES, "slow")
    run = tmp_path / "run"
    found = curate(tiny_video, run, shots="adaptive", measures=["motion", "technical_quality"], deadline=SHORTER)
    assert found == {"kept": None}


def test_a_slow_decoder_costs_no_caption(tmp_path: Path, tiny_video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_talk.write(tmp_path)
    curate(tiny_video, tmp_path / "run", caption=fake_talk.spec(tmp_path))
    decoder(monkeypatch, CAPTIONS, "slow")
    result: Any = hoigen.caption(tmp_path / "run", deadline=SHORTER, workers=1, report=False, quiet=True)
    assert dict(result.paths) == {"two": 1}


@pytest.mark.parametrize("copy", [False, True])
def test_a_slow_decoder_costs_no_file(
    tmp_path: Path, tiny_video: Path, monkeypatch: pytest.MonkeyPatch, copy: bool
) -> None:
    curate(tiny_video, tmp_path / "run")
    decoder(monkeypatch, CUT, "slow")
    result = hoigen.cut(tmp_path / "run", copy=copy, deadline=SHORTER, workers=1, quiet=True)
    assert (result.cut, result.failed) == (1, {})


NO_PROGRESS = "made no progress for 2 s"


@pytest.mark.parametrize("fault", ["hangs", "same"])
@pytest.mark.parametrize("where", [SHOTS, SCORES])
def test_a_decoder_that_does_not_move_on_is_ended(
    tmp_path: Path, tiny_video: Path, monkeypatch: pytest.MonkeyPatch, where: str, fault: str
) -> None:
    decoder(monkeypatch, where, fault)
    found = curate(tiny_video, tmp_path / "run", shots="adaptive", measures=["motion"], deadline=HASTY)
    at = "shots" if where == SHOTS else "decode"
    assert found == {"failed": f"{NO_PROGRESS} (while at {at}, 2 tries)"}


@pytest.mark.parametrize("fault", ["hangs", "same"])
def test_a_caption_waits_for_no_decoder_that_does_not_move_on(
    tmp_path: Path, tiny_video: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    fake_talk.write(tmp_path)
    curate(tiny_video, tmp_path / "run", caption=fake_talk.spec(tmp_path))
    decoder(monkeypatch, CAPTIONS, fault)
    hoigen.caption(tmp_path / "run", deadline=HASTY, workers=1, report=False, quiet=True)
    [row] = caption_rows(Run(tmp_path / "run"))
    assert NO_PROGRESS in row["reason"]


@pytest.mark.parametrize(("fault", "copy"), [("hangs", False), ("same", False), ("hangs", True)])
def test_a_file_waits_for_no_decoder_that_does_not_move_on(
    tmp_path: Path, tiny_video: Path, monkeypatch: pytest.MonkeyPatch, fault: str, copy: bool
) -> None:
    curate(tiny_video, tmp_path / "run")
    decoder(monkeypatch, CUT, fault)
    result = hoigen.cut(tmp_path / "run", copy=copy, deadline=HASTY, workers=1, quiet=True)
    [reason] = result.failed.values()
    assert reason == f"{tiny_video}: {NO_PROGRESS}"


def test_a_video_that_never_ends_is_given_up(tmp_path: Path, tiny_video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoder(monkeypatch, SHOTS, "later")
    [(state, reason)] = curate(tiny_video, tmp_path / "run", shots="adaptive", deadline=5.0).items()
    assert (state, "where its header claims 2.00 s: it has no end" in str(reason)) == ("failed", True)


def test_a_file_whose_clock_begins_again_moves_on_by_its_bytes(tmp_path: Path) -> None:
    once = render(tmp_path / "once.ts", counting(50, (48, 64)))
    twice = tmp_path / "twice.ts"
    twice.write_bytes(once.read_bytes() * 2)
    said: list[int] = []
    for path in (once, twice):
        said.append(0)
        for _ in video.walk(str(path), progress=lambda: said.append(said.pop() + 1)):
            pass
    assert said[1] >= said[0] + 50, "frames that come too late are passed over, for as long as there are any"


SLOW_STREAM = '''
import time
from hoigen import Clip, Score, measure
from hoigen.core.clip import EveryFrame, Sampling

class Seen:
    def __init__(self, pause, end):
        self.pause, self.end, self.count = pause, end, 0

    def see(self, image, at):
        time.sleep(self.pause)
        self.count += 1

    def score(self):
        time.sleep(self.end)
        return Score(float(self.count))

@measure("slow_stream")
class SlowStream:
    """Takes its time over each frame."""
    sampling: Sampling = EveryFrame(short_side=16)
    pause: float = 0.0
    end: float = 0.0

    def begin(self, clip: Clip) -> Seen:
        return Seen(self.pause, self.end)
'''


@pytest.mark.parametrize(
    ("settings", "ends"),
    [
        ({"pause": PAUSE}, {"kept": None}),
        ({"end": 1000.0}, {"failed": "made no progress for 2.5 s (while at slow_stream, 2 tries)"}),
    ],
)
def test_a_measure_may_take_long_over_many_frames_and_not_over_its_answer(
    tmp_path: Path, tiny_video: Path, settings: dict[str, float], ends: dict[str, str | None]
) -> None:
    (tmp_path / "slow_stream.py").write_text(SLOW_STREAM)
    measures = [{"./slow_stream.py": settings}]
    assert curate(tiny_video, tmp_path / "run", measures=measures, beside=tmp_path, deadline=SHORTER) == ends
