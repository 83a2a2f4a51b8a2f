from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hoigen.core.errors import UsageError, VideoError
from hoigen.video import walk
from hoigen.video.shots import check_detector, find_shots
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
    if kind == "no cut: banner":  # known: what covers a third of a moving picture is taken for a cut
        assert len(found) <= 2
    elif kind not in ("dissolve", "low contrast", "shake"):
        assert (hits, len(found)) == (len(truth), len(truth)), (truth, found)
    else:
        assert hits >= len(truth) - 1, (truth, found)
        assert len(found) <= len(truth) + 1, (truth, found)


def black(count: int) -> list[np.ndarray]:
    return [np.zeros((90, 160, 3), np.uint8)] * count


@pytest.mark.parametrize(
    ("before", "length", "after", "found"),
    [
        (60, 10, 60, [2.4]),  # short: its hard side
        (60, 50, 60, [2.4, 4.4]),  # long: a shot of its own
        (0, 30, 60, [1.2]),
        (60, 30, 0, [2.4]),
    ],
)
def test_black_stretches(before: int, length: int, after: int, found: list[float], tmp_path: Path) -> None:
    frames = scene(21, before) + black(length) + scene(22, after)
    assert found_in(render(tmp_path / "a.mp4", frames, fps=FPS)) == pytest.approx(found, abs=0.001)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_few_black_frames_within_a_shot_are_no_boundary(count: int, tmp_path: Path) -> None:
    frames = scene(21, 80)
    frames[40 : 40 + count] = black(count)
    path = render(tmp_path / "a.mp4", frames, fps=FPS)
    assert found_in(path) == []
    faded = [(frame * min(1.0, abs(at - 40) / 10)).astype(np.uint8) for at, frame in enumerate(scene(21, 80))]
    found = found_in(render(tmp_path / "b.mp4", faded, fps=FPS))
    assert found == pytest.approx([1.6], abs=0.081), "a fade out and in again is one"
    assert found[0] * FPS == pytest.approx(round(found[0] * FPS), abs=1e-3), "at a frame"


def test_a_dark_scene_begins_and_ends_where_it_is_cut(tmp_path: Path) -> None:
    frames = scene(23) + scene(24, 60, low=0, high=8) + scene(25)
    assert found_in(render(tmp_path / "a.mp4", frames, fps=FPS)) == pytest.approx([2.0, 4.4], abs=0.001)


def test_frames_of_another_shape_are_no_error() -> None:
    frames = [np.random.default_rng(at).integers(0, 255, (36, 48 + at % 2 * 16, 3), np.uint8) for at in range(60)]
    assert list(check_detector("adaptive").boundaries((frame, at / 25) for at, frame in enumerate(frames))) == []


def test_shots_leave_no_gap_and_short_ones_say_so(tmp_path: Path) -> None:
    case = joined("hard cut", [scene(1, 60), scene(2, 10), scene(3, 100)])
    path = render(tmp_path / "a.mp4", case.frames, fps=FPS)
    _, shots = find_shots(str(path), "adaptive", 1.0, None)
    assert [shot.state for shot in shots] == ["ok", "short", "ok"]
    assert shots[1].reason == "shot of 0.40 s is shorter than min_length 1 s"
    assert [round(shot.start, 3) for shot in shots] == [0.0, 2.4, 2.8]
    assert [a.end for a in shots[:-1]] == [b.start for b in shots[1:]]
    assert shots[-1].end == pytest.approx(170 / FPS, abs=0.001)


@pytest.mark.parametrize("longest", [0.8, 1.0, 1.5, 2.0, 3.96, 4.0])
def test_long_shots_are_split_into_equal_parts_at_frame_times(tmp_path: Path, longest: float) -> None:
    path = render(tmp_path / "a.mp4", scene(4, 100), fps=FPS)
    _, shots = find_shots(str(path), "adaptive", 0.3, longest)
    lengths = [shot.end - shot.start for shot in shots]
    assert max(lengths) <= longest + 1e-6
    assert max(lengths) - min(lengths) <= 2 / FPS + 1e-6
    assert all(abs(shot.start * FPS - round(shot.start * FPS)) < 1e-3 for shot in shots)
    assert sum(lengths) == pytest.approx(4.0, abs=0.001)


@pytest.mark.parametrize(("length", "fade"), [(1, 0), (8, 0), (40, 0), (6, 12)])
def test_black_belongs_to_neither_shot(length: int, fade: int, tmp_path: Path) -> None:
    one, other = scene(31, 60), scene(32, 60)
    for n in range(fade):
        one[59 - n] = (one[59 - n] * ((n + 1) / (fade + 1))).astype(np.uint8)
        other[n] = (other[n] * ((n + 1) / (fade + 1))).astype(np.uint8)
    path = render(tmp_path / "a.mp4", [*one, *black(length), *other], fps=FPS)
    _, shots = find_shots(str(path), "adaptive", 1.0, None)
    assert [shot.state for shot in shots if shot.state != "black"] == ["ok", "ok"]
    first, *between, last = shots
    assert first.end == pytest.approx(60 / FPS, abs=0.041 if fade else 0.001)
    assert last.start == pytest.approx((60 + length) / FPS, abs=0.041 if fade else 0.001)
    assert {shot.state for shot in between} == {"black"}
    assert [a.end for a in shots[:-1]] == [b.start for b in shots[1:]]
    assert (between[0].reason or "").startswith("black for ")


def test_black_at_both_ends_of_a_video(tmp_path: Path) -> None:
    path = render(tmp_path / "a.mp4", [*black(10), *scene(33, 50), *black(5)], fps=FPS)
    _, shots = find_shots(str(path), "adaptive", 1.0, None)
    assert [(round(s.start, 2), round(s.end, 2), s.state) for s in shots] == [
        (0.0, 0.4, "black"),
        (0.4, 2.4, "ok"),
        (2.4, 2.6, "black"),
    ]


def test_a_file_that_is_cut_short_is_no_shorter_video(tmp_path: Path) -> None:
    path = render(tmp_path / "a.mp4", scene(5, 100), fps=FPS, container_options={"movflags": "+faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(VideoError):
        find_shots(str(path), "adaptive", 1.0, None)


def test_one_frame_and_still_pictures_are_one_shot(tmp_path: Path) -> None:
    grey = np.full((48, 64, 3), 128, np.uint8)
    for count in (1, 30):
        path = render(tmp_path / f"{count}.mp4", [grey] * count, fps=FPS)
        assert len(find_shots(str(path), "adaptive", 0.0, None)[1]) == 1


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
