from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hoigen.errors import UsageError, VideoError
from hoigen.shots import check_detector, find_shots
from hoigen.video import walk
from render import render
from shot_cases import FPS, cases, joined, matched, scene


def found_in(path: Path) -> list[float]:
    detector = check_detector("adaptive")
    return list(detector.boundaries(walk(str(path), short_side=detector.short_side)))


@pytest.mark.parametrize("case", list(cases(11, 4)), ids=lambda case: case.kind)
def test_boundaries_of_each_kind(case: object, tmp_path: Path) -> None:
    path = render(tmp_path / "case.mp4", case.frames, fps=FPS, times=case.times)  # type: ignore[attr-defined]
    truth, kind = case.truth, case.kind  # type: ignore[attr-defined]
    found = found_in(path)
    hits = matched(truth, found)
    if kind in ("hard cut", "vfr", "dark", "fast motion", "fade", "no cut: fast pan", "flash"):
        assert (hits, len(found)) == (len(truth), len(truth)), (truth, found)
    else:
        assert hits >= len(truth) - 1, (truth, found)
        assert len(found) <= len(truth) + 1, (truth, found)


def test_shots_leave_no_gap_and_short_ones_say_so(tmp_path: Path) -> None:
    case = joined("hard cut", [scene(1, 60), scene(2, 10), scene(3, 100)])
    path = render(tmp_path / "a.mp4", case.frames, fps=FPS)
    shots = find_shots(str(path), "adaptive", 1.0, None)
    assert [shot.state for shot in shots] == ["ok", "short", "ok"]
    assert shots[1].reason == "shot of 0.40 s is shorter than min_length 1 s"
    assert [round(shot.start, 3) for shot in shots] == [0.0, 2.4, 2.8]
    assert [a.end for a in shots[:-1]] == [b.start for b in shots[1:]]
    assert shots[-1].end == pytest.approx(170 / FPS, abs=0.001)


@pytest.mark.parametrize("longest", [0.8, 1.0, 1.5, 2.0, 3.96, 4.0])
def test_long_shots_are_split_into_equal_parts_at_frame_times(tmp_path: Path, longest: float) -> None:
    path = render(tmp_path / "a.mp4", scene(4, 100), fps=FPS)
    shots = find_shots(str(path), "adaptive", 0.3, longest)
    lengths = [shot.end - shot.start for shot in shots]
    assert max(lengths) <= longest + 1e-6
    assert max(lengths) - min(lengths) <= 2 / FPS + 1e-6
    assert all(abs(shot.start * FPS - round(shot.start * FPS)) < 1e-3 for shot in shots)
    assert sum(lengths) == pytest.approx(4.0, abs=0.001)


def test_a_file_that_is_cut_short_is_no_shorter_video(tmp_path: Path) -> None:
    path = render(tmp_path / "a.mp4", scene(5, 100), fps=FPS, container_options={"movflags": "+faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(VideoError):
        find_shots(str(path), "adaptive", 1.0, None)


def test_one_frame_and_still_pictures_are_one_shot(tmp_path: Path) -> None:
    grey = np.full((48, 64, 3), 128, np.uint8)
    for count in (1, 30):
        path = render(tmp_path / f"{count}.mp4", [grey] * count, fps=FPS)
        assert len(find_shots(str(path), "adaptive", 0.0, None)) == 1


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("adaptiv", "did you mean 'adaptive'"),
        ({"adaptive": {"ratoi": 2}}, "did you mean 'ratio'"),
        ({"adaptive": {"ratio": "x"}}, "shots.adaptive.ratio: a number; it came as 'x'"),
        ({}, "unknown detector"),
    ],
)
def test_what_is_wrong_is_named(spec: object, said: str) -> None:
    with pytest.raises(UsageError) as error:
        check_detector(spec)  # type: ignore[arg-type]
    assert said in str(error.value)
