"""Scenes out of a file: as good as the scenes that it was written from, and errors that name the line."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hoi_world import World, breaks, seen_in
from hoigen import Clip, Score
from hoigen.core.errors import UsageError
from hoigen.measures.fine_hoi import FineHoi
from hoigen.models.fingerprint import fingerprint
from hoigen.observe import recordings, rle
from hoigen.observe.masks import Mask
from hoigen.observe.poses import COCO
from looking import score_of as look

HEAD = {"hoigen_scenes": 1, "pipeline": "by hand"}
WORLD = World(size=(320, 180), fps=12, seconds=3, touching=breaks(2, 3.0), jitter=0.015, dropped=0.1, tall=0.8)
Row = dict[str, Any]


def in_picture(mask: Mask, size: tuple[int, int]) -> np.ndarray:
    picture = np.zeros((size[1] + 200, size[0] + 200), bool)
    height, width = mask.pixels.shape
    picture[mask.top + 100 : mask.top + 100 + height, mask.left + 100 : mask.left + 100 + width] = mask.pixels
    return picture[100:-100, 100:-100]


def counts(pixels: np.ndarray) -> list[int]:
    """Run lengths down the columns, the plain way."""
    runs = [(bool(value), len(list(same))) for value, same in itertools.groupby(pixels.T.ravel())]
    return ([0] if runs[0][0] else []) + [length for _, length in runs]


def by_runs(mask: Mask, world: World) -> Any:
    return {"size": [world.size[1], world.size[0]], "counts": counts(in_picture(mask, world.size))}


def by_polygon(mask: Mask, world: World) -> Any:
    """The ball as a polygon of 90 corners."""
    rows, columns = np.nonzero(mask.pixels)
    x, y = mask.left + columns.mean() + 0.5, mask.top + rows.mean() + 0.5
    angle = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    radius = 0.06 * world.height
    return [np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1).ravel().tolist()]


def rows_of(world: World, mask: Callable[[Mask, World], Any] = by_runs) -> list[Row]:
    rows = []
    for time, scene in zip(world.times, world.scenes(), strict=True):
        persons: list[Row] = []
        for person in scene.persons:
            points = [[*person.points.get(name, (0.0, 0.0)), 0.9 * (name in person.points)] for name in COCO]
            persons.append({"points": points, "box": list(person.box), "score": 0.9})
        things = [{"class": "Sports ball", "mask": mask(thing.mask, world), "score": 0.9} for thing in scene.things]
        rows.append({"video": "a.mp4", "time": float(time), "size": list(world.size), "persons": persons})
        rows[-1]["objects"] = things
    return rows


def written(folder: Path, rows: list[Row], **head: Any) -> Path:
    path = folder / "scenes.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in [{**HEAD, **head}, *rows]) + "\n")
    return path


def clip_of(world: World = WORLD, **facts: Any) -> Clip:
    given: Row = {"id": "0", "uri": "/some/where/a.mp4", "end": world.seconds, "fps": world.fps}
    given |= {"width": world.size[0], "height": world.size[1], "meta": {"verb": "hold", "object": world.label}}
    return Clip(**given | facts)


def score_of(path: Path, clip: Clip | None = None, **settings: Any) -> Score:
    return look(by_file(path, **settings), clip or clip_of())


def by_file(path: Path, **settings: Any) -> FineHoi:
    return FineHoi(observer={"recorded": {"file": path}}, **settings)


def truth() -> Score:
    return FineHoi().read(clip_of(), seen_in(WORLD))


@pytest.mark.parametrize(("mask", "near"), [(by_runs, 1e-9), (by_polygon, 0.02)])
def test_a_file_scores_as_what_it_was_written_from(tmp_path: Path, mask: Any, near: float) -> None:
    expected, score = truth(), score_of(written(tmp_path, rows_of(WORLD, mask)))
    assert expected.value is not None
    assert 0.5 < expected.value < 0.99
    assert score.value == pytest.approx(expected.value, abs=near)
    assert score.parts == {name: pytest.approx(value, abs=max(0.03, near)) for name, value in expected.parts.items()}
    assert score.detail["observer"] == "by hand"
    assert set(score.detail["pairs"][0]["mask_source"]) == {"recorded"}
    assert score.detail["frames"] == len(WORLD.times)


def test_packed_runs_are_those_of_pycocotools() -> None:
    """Texts by pycocotools 2.0.11 (mask.encode) of pictures that a formula gives."""
    y, x = np.mgrid[0:60, 0:80]
    picture = ((x - 30) ** 2 + (y - 28) ** 2 < 20**2) | (x * y > 60 * 70)
    text = "Ze0=]14L4M2M4M2N2O0O2N2O0O2O0O2O000000000000000000000001N101N101N2N101N2N3L3N3L4L_Z1DneN1O100O1O1O100"
    assert rle.runs(text) == counts(picture)
    assert (rle.runs("i0"), rle.runs("0i0")) == ([25], [0, 25])
    mask = rle.from_runs(rle.runs(text), (60, 80), "recorded")
    assert mask is not None
    assert (in_picture(mask, (80, 60)) == picture).all()
    assert rle.from_runs([25], (5, 5), "recorded") is None


def test_polygons() -> None:
    square = rle.from_polygons([[2, 3, 7, 3, 7, 9, 2, 9]], "recorded")
    assert square is not None
    assert (square.left, square.top, square.pixels.shape, square.pixels.sum()) == (2, 3, (6, 5), 30)
    both = rle.from_polygons([[0, 0, 4, 0, 4, 4, 0, 4], [2, 2, 6, 2, 6, 6, 2, 6]], "recorded")
    assert both is not None
    assert both.pixels.sum() == 16 + 16 - 4, "where they overlap is no hole"
    beyond = rle.from_polygons([[-5, -5, 5, -5, 5, 5, -5, 5]], "recorded")
    assert beyond is not None
    assert (beyond.left, beyond.top, beyond.pixels.sum()) == (-5, -5, 100)
    assert rle.from_polygons([[0.6, 0.6, 0.9, 0.6, 0.9, 0.9]], "recorded") is None


def test_a_clip_takes_its_own_lines(tmp_path: Path) -> None:
    """Times are the video's; a clip that begins later counts from its start. Frame numbers do as well."""
    rows = rows_of(WORLD)
    part = clip_of(start=1.0, end=2.0)
    by_time = score_of(written(tmp_path, rows), part)
    assert by_time.detail["frames"] == 12
    assert by_time.detail["pairs"][0]["times"][0] == 0
    numbered = [{**row, "frame": at} for at, row in enumerate(rows)]
    for row in numbered:
        del row["time"]
    by_number = score_of(written(tmp_path, numbered), part)
    assert by_number.value == by_time.value
    assert score_of(written(tmp_path, rows[::-1]), part).value == by_time.value, "lines may come in any order"
    assert "frame rate" in score_of(written(tmp_path, numbered), clip_of(fps=0.0)).detail["reason"]


def test_a_box_alone_is_its_ellipse_and_hands_alone_a_person(tmp_path: Path) -> None:
    rows = [
        {
            "video": "a.mp4",
            "time": at / 12,
            "persons": [{"hands": [[[100 + k, 50] for k in range(21)]]}, {"box": [200, 10, 250, 170]}],
            "objects": [{"class": "sports_ball", "box": [110, 40, 140, 60]}, {"class": "cup", "box": [0, 0, 9, 9]}],
        }
        for at in range(36)
    ]
    score = score_of(written(tmp_path, rows))
    assert (score.value, score.parts["fine_contact"]) == (1, 1)
    [pair] = score.detail["pairs"]
    assert (pair["object"], pair["mask_source"]) == ("sports_ball", {"ellipse": 36})
    assert pair["boxes"]["person"][0][0] == 100


def test_what_is_not_in_the_file_is_undefined(tmp_path: Path) -> None:
    path = written(tmp_path, rows_of(WORLD), objects=["Sports ball"])
    assert "b.mp4 has no lines" in score_of(path, clip_of(uri="b.mp4")).detail["reason"]
    assert "no line of a.mp4 is from 9.000" in score_of(path, clip_of(start=9.0, end=10.0)).detail["reason"]
    other = score_of(path, clip_of(meta={"verb": "hold", "object": "cup"}), undefined="one")
    assert other.value is None
    assert "no object 'cup'" in other.detail["reason"]
    twice = written(tmp_path, [{**row, "video": f"{folder}/a.mp4"} for folder in "xy" for row in rows_of(WORLD)])
    assert "2 videos of that name" in score_of(twice).detail["reason"]
    assert score_of(twice, clip_of(uri="x/a.mp4")).value == truth().value


def test_nothing_is_decoded_and_the_file_is_the_fingerprint(tmp_path: Path) -> None:
    looking = by_file(written(tmp_path, rows_of(WORLD))).looking
    assert not looking.observer.sees
    first = looking.observer
    (tmp_path / "moved").mkdir()
    same = by_file(written(tmp_path / "moved", rows_of(WORLD))).looking.observer
    assert fingerprint(first) == fingerprint(same)
    models = [{"name": "facebook/sam2.1-hiera-large", "licence": "Apache-2.0"}]
    other = by_file(written(tmp_path / "moved", rows_of(WORLD), models=models)).looking.observer
    assert fingerprint(first) != fingerprint(other)
    detail = score_of(tmp_path / "moved" / "scenes.jsonl").detail
    assert [each["name"] for each in detail["models"]] == ["by hand", "facebook/sam2.1-hiera-large"]


POINTS = [[1.0, 2.0, 0.9]] * 17
GOOD: Row = {"video": "a.mp4", "time": 0.0, "persons": [], "objects": []}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"video": 3}, "line 2: video: a text; it came as 3"),
        ({"tme": 0}, "line 2: unknown key 'tme'; did you mean 'time'"),
        ({"frame": 1}, "line 2: either time"),
        ({"time": -1}, "line 2: time: seconds, 0 or more; it came as -1"),
        ({"persons": None}, "line 2: persons: a list"),
        ({"size": [640]}, r"line 2: size: \[width, height\]"),
        ({"persons": [{}]}, r"line 2: persons\[0\]: points, hands or a box"),
        ({"persons": [{"points": POINTS[:5]}]}, r"persons\[0\].points: 17 or 23 or 133 points .* shape \(5, 3\)"),
        ({"persons": [{"points": [[1, 2], [3]]}]}, r"persons\[0\].points: .* not of one length"),
        ({"persons": [{"points": POINTS, "score": 2}]}, r"persons\[0\].score: a number from 0 to 1; it came as 2"),
        ({"persons": [{"box": [5, 5, 1, 9]}]}, r"persons\[0\].box: x0 is left of x1"),
        ({"objects": [{"class": "sports_ball"}]}, r"objects\[0\]: a mask, or at least a box"),
        ({"objects": [{"box": [1, 1, 9, 9]}]}, r"objects\[0\].class: a text"),
        ({"objects": [{"class": "sports_ball", "mask": [[1, 2, 3]]}]}, r"mask\[0\]: a polygon x0, y0"),
        ({"objects": [{"class": "sports_ball", "mask": "x"}]}, r"objects\[0\].mask: COCO's"),
        (
            {"objects": [{"class": "sports_ball", "mask": {"size": [9, 9], "counts": [81]}}]},
            r"mask.size: \[180, 320\], as the line's picture; it came as \[9, 9\]",
        ),
        (
            {"objects": [{"class": "sports_ball", "mask": {"size": [180, 320], "counts": [81]}}]},
            "mask.counts: runs fill 180 x 320 = 57600 pixels; these are 81",
        ),
        (
            {"objects": [{"class": "sports_ball", "mask": {"size": [180, 320], "counts": "é"}}]},
            "mask.counts: 'é' is no letter of packed run lengths",
        ),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, change: Row, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        score_of(written(tmp_path, [{**GOOD, **change}]), clip_of(end=0.5))


def test_two_lines_for_one_moment(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"line 3: a second line for second 0 of a\.mp4"):
        score_of(written(tmp_path, [GOOD, GOOD]))


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ('{"hoigen_scenes": 2}', "line 1: the first line has hoigen_scenes: 1"),
        ('{"hoigen_scenes": 1}', "line 1: pipeline: what made the file"),
        ('{"hoigen_scenes": 1, "pipeline": "x", "objects": "cup"}', "line 1: objects: a list of classes"),
        ('{"hoigen_scenes": 1, "pipeline": "x", "models": [{}]}', "line 1: models: a list of"),
        ("nonsense", "line 1: is not JSON"),
        ("", "is empty; its first line has hoigen_detections"),
    ],
)
def test_a_wrong_first_line_is_named(tmp_path: Path, head: str, said: str) -> None:
    path = tmp_path / "scenes.jsonl"
    path.write_text(head)
    with pytest.raises(UsageError, match=said):
        score_of(path)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.jsonl: No such file"):
        by_file(tmp_path / "none.jsonl")


def test_a_stretch_of_which_nothing_is_written_is_undefined(tmp_path: Path) -> None:
    rows = rows_of(WORLD)
    end = WORLD.seconds
    for kept, hole in (
        ([row for row in rows if not 0.5 < row["time"] < 1.5], "0.500 to 1.500"),
        ([row for row in rows if row["time"] < end - 1], f"to {end:.3f} s"),
        ([row for row in rows if row["time"] > 1], "from 0.000"),
    ):
        reason = score_of(written(tmp_path, kept)).detail["reason"]
        assert "no line of a.mp4 from" in reason
        assert hole in reason
    assert score_of(written(tmp_path, rows[::2])).value is not None, "every second frame is no hole"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"objects": [{"class": "sports_ball", "mask": {"size": 5, "counts": [81]}}]}, r"mask\.size: \[180, 320\]"),
        ({"objects": [{"class": "sports_ball", "box": [1, 1, 1e9, 9]}]}, r"objects\[0\]\.box: a box"),
        ({"objects": [{"class": "sports_ball", "mask": [[1, 1, 1e9, 1, 1e9, 9]]}]}, r"mask\[0\]: a polygon"),
        ({"objects": [{"class": "sports_ball", "box": [1, 1, 9, 9], "score": 10**400}]}, "score: a number from 0 to 1"),
    ],
)
def test_masks_that_cannot_be_are_named(tmp_path: Path, change: Row, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        score_of(written(tmp_path, [{**GOOD, **change}]), clip_of(end=0.5))


def test_a_recording_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder.jsonl").mkdir()
    for name, said in (("folder.jsonl", "Is a directory"), ("none.jsonl", "No such file or directory")):
        with pytest.raises(UsageError, match=f"{name}: {said}"):
            recordings.read(tmp_path / name)
