"""Clips out of others: trimmed and cropped, with scores of their own; the first ones stay as they are."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hoigen
from hoigen import video
from hoigen.core.clip import Clip, Sampling
from hoigen.core.errors import UsageError
from hoigen.data.annotations import Annotation, Annotations
from hoigen.data.run import Run
from hoigen.pages.gather import gather
from hoigen.review import project
from hoigen.review import tables as t
from hoigen.rules import decide, removals, sets
from hoigen.video.cutting import cut_clip
from hoigen.video.plan import Turn
from render import counting, index_of, pan, render, texture
from run_folders import curated, in_this_process


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("children")
    for at in range(4):
        render(folder / f"v{at}.mp4", pan(texture(at, (300, 200)), 72, (1, 0), (160, 96)), fps=24)
    curated(videos=str(folder / "*.mp4"), run=folder / "run", keep={"duration": {"min": 1.2}})
    return folder / "run"


@pytest.fixture
def run(begun: Path, tmp_path: Path) -> Path:
    shutil.copytree(begun, tmp_path / "run")
    return tmp_path / "run"


def ids(run: Path) -> list[str]:
    return [row[0] for row in decide.connect(Run(run), ()).execute("select id from decided order by uri").fetchall()]


def say(run: Path, clip: str, question: str, value: str | None) -> None:
    Annotations(run).append([Annotation(clip=clip, question=question, value=value, who="review", tool="test")])


def children(run: Path) -> Any:
    with in_this_process():
        return hoigen.children(run, quiet=True)


def table(run: Path) -> list[dict[str, Any]]:
    import csv

    from hoigen.commands.cli import main

    out = run / "t.csv"
    assert main(["table", str(run), "--out", str(out)]) == 0
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    out.unlink()
    return rows


def test_children_are_clips_of_their_own_and_parents_stay(run: Path) -> None:
    names = ids(run)
    say(run, names[0], "human.trim", "0.5-2.25")
    say(run, names[1], "human.crop", "0.25,0,1,0.5")
    say(run, names[2], "human.trim", "1-1.5")
    say(run, names[2], "human.crop", "0,0,0.5,1")
    before = hoigen.funnel(run).counts
    made = children(run)
    assert (made.parents, made.new, made.gone, made.failed) == (3, 3, 0, {})
    assert made.funnel.clips == 3
    rows = {row["parent"]: row for row in table(run / "children")}
    trimmed, cropped, both = (rows[name] for name in names[:3])
    assert (float(trimmed["start"]), float(trimmed["end"])) == (0.5, 2.25)
    assert trimmed["uri"].endswith("v0.mp4"), "nothing is encoded where nothing has to be"
    assert float(trimmed["duration"]) == pytest.approx(1.75)
    assert (trimmed["state"], both["state"], both["rule"]) == ("kept", "dropped", "duration"), "measured again"
    assert (cropped["width"], cropped["height"]) == ("72", "80")
    assert (both["width"], both["height"]) == ("48", "160")
    assert {row["human"] for row in rows.values()} == {"1.0"}
    assert len({row["id"] for row in rows.values()} | set(names)) == 7
    found = hoigen.funnel(run)
    assert found.counts == before, "the first ones are counted where they were"
    assert "children: 3 trimmed or cropped clips beside these (2 kept, 1 dropped)" in str(found)
    assert any("children: 3" in note for note in gather(Run(run)).notes)
    again = children(run)
    assert (again.new, again.funnel.clips) == (0, 3)


def test_a_removed_parent_removes_its_children(run: Path) -> None:
    names = ids(run)
    for name in names[:3]:
        say(run, name, "human.trim", "0.5-2.25")
    assert children(run).funnel.counts["kept"] == 3
    say(run, names[0], "human.trim", None)
    say(run, names[1], "human.trim", "0-2")
    made = children(run)
    assert (made.parents, made.new, made.gone) == (2, 1, 2)
    assert made.funnel.counts == {"kept": 2, "dropped": 2, "failed": 0, "pending": 0}
    rows = table(run / "children")
    gone = [row for row in rows if row["state"] == "dropped"]
    assert {row["parent"] for row in gone} == set(names[:2])
    assert {row["rule"] for row in gone} == {"human"}
    assert "said: human no" in str(hoigen.show(run / "children", gone[0]["id"]))
    with in_this_process():  # now the machine drops all parents
        from hoigen.commands.cli import main

        main(["curate", str(run / "run.yaml"), "--run", str(run), "--quiet", "--set", "keep.duration.min=9"])
    assert children(run).funnel.counts == {"kept": 0, "dropped": 4, "failed": 0, "pending": 0}


def test_what_was_asked_of_a_clip_holds_for_its_children_at_once_and_the_other_way_round(run: Path) -> None:
    names = ids(run)
    say(run, names[0], "human.trim", "0.5-2.25")
    say(run, names[1], "human.crop", "0.25,0,1,0.5")
    say(run, names[2], "human.crop", "0,0,0.5,1")
    assert children(run).funnel.counts["kept"] == 3
    below = run / "children"
    rows = {row["parent"]: row["id"] for row in table(below)}
    asked = run / "asked.csv"
    asked.write_text(f"kind,value\nclip,{names[0]}\nclip,{names[1]}\n")
    removals.write(run, removals.asked(asked, Run(run))[0])
    assert [row["parent"] for row in table(below)] == [names[2]], "no verb had to run in between"
    assert hoigen.funnel(below).counts["kept"] == 1
    assert {row["id"] for row in table(run)} == {*ids(run)} - {*names[:2]}
    (run / removals.FILE).unlink()
    asked.write_text(f"kind,value\nclip,{rows[names[2]]}\n")  # a child, which shows less than its parent does
    removals.write(below, removals.asked(asked, Run(below))[0])
    assert {row["parent"] for row in table(below)} == {*names[:2]}
    assert names[2] not in {row["id"] for row in table(run)}
    sets.write(Run(run), "near_duplicates", [
        {"id": name, "grp": "g", "place": at, "quota": 1, "words": ""} for at, name in enumerate(names[1:3])
    ], {"came": 4})  # fmt: skip
    assert {row["parent"] for row in table(below)} == {names[0]}, "and for those of clips that show the same"


def test_people_who_drop_the_whole_clip_keep_its_child(run: Path) -> None:
    """A clip that is to be trimmed is not kept as it is; its child is."""
    name = ids(run)[0]
    say(run, name, "human", "no")
    say(run, name, "human.trim", "0.5-2.25")
    with in_this_process():
        from hoigen.commands.cli import main

        assert (
            main(["curate", str(run / "run.yaml"), "--run", str(run), "--quiet", "--set", "keep.human.above=0.5"]) == 0
        )
    assert hoigen.funnel(run).counts == {"kept": 0, "dropped": 1, "failed": 0, "pending": 3}
    assert children(run).funnel.counts["kept"] == 1


@pytest.mark.parametrize(
    ("question", "value"),
    [
        ("human.trim", "2-1"),
        ("human.trim", "0.5"),
        ("human.trim", "0-99"),
        ("human.crop", "0,0,1"),
        ("human.crop", "0.5,0,0.2,1"),
    ],
)
def test_what_is_no_stretch_and_no_part_of_a_picture_is_named(run: Path, question: str, value: str) -> None:
    name = ids(run)[0]
    say(run, name, question, value)
    with pytest.raises(UsageError, match=rf"clip {name}, review, question {question}: .*; it came as '{value}'"):
        children(run)
    assert not (run / "children").exists(), "nothing is half-written"


def test_without_children_it_says_so(run: Path) -> None:
    with pytest.raises(UsageError, match="nobody has trimmed or cropped"):
        children(run)


def test_a_parent_whose_video_is_gone_costs_its_child(run: Path, tmp_path: Path) -> None:
    names = ids(run)
    say(run, names[0], "human.crop", "0,0,0.5,1")
    say(run, names[1], "human.trim", "0-2")
    moved = Path(hoigen.show(run, names[0]).row["uri"])
    moved.rename(tmp_path / "away.mp4")
    try:
        made = children(run)
    finally:
        (tmp_path / "away.mp4").rename(moved)
    assert (made.parents, made.incomplete, made.partial, made.funnel.clips) == (1, False, True, 1)
    assert names[0] in next(iter(made.failed))
    assert children(run).funnel.clips == 2, "the next time it is made"


# cropping


def quadrants(size: tuple[int, int]) -> np.ndarray:
    image = np.zeros((*size, 3), np.uint8)
    high, wide = size[0] // 2, size[1] // 2
    image[:high, :wide], image[:high, wide:] = (220, 40, 40), (40, 200, 40)
    image[high:, :wide], image[high:, wide:] = (40, 40, 220), (128, 128, 128)
    return image


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("size", [(96, 160), (97, 161)])
def test_the_part_that_is_shown_is_cropped_however_the_picture_is_turned(
    tmp_path: Path, rotation: int, size: tuple[int, int]
) -> None:
    pixels = "yuv444p" if size[0] % 2 else "yuv420p"
    source = render(
        tmp_path / "in.mkv" if size[0] % 2 else tmp_path / "in.mp4",
        [quadrants(size)] * 6,
        fps=6,
        rotation=rotation,
        pix_fmt=pixels,
    )
    header = video.probe(str(source))
    clip = Clip(id="x", uri=str(source), end=1.0, width=header.width, height=header.height, fps=6.0)
    whole = next(iter(video.decode(clip, [Sampling(frames=1, short_side=None)]).values())).images[0]
    high, wide = whole.shape[:2]
    for box in ((0.0, 0.0, 0.5, 0.5), (0.5, 0.0, 1.0, 0.5), (0.25, 0.5, 0.75, 1.0)):
        out = cut_clip(clip, tmp_path / "out.mp4", crop=box)
        shown = next(
            iter(
                video.decode(
                    Clip(id="y", uri=str(out), end=1.0, width=0, height=0, fps=6.0),
                    [Sampling(frames=1, short_side=None)],
                ).values()
            )
        ).images[0]
        left, top, right, bottom = (round(side * of) for side, of in zip(box, (wide, high, wide, high), strict=True))
        want = whole[top:bottom, left:right]
        assert abs(shown.shape[0] - want.shape[0]) <= 2
        assert abs(shown.shape[1] - want.shape[1]) <= 2
        both = tuple(min(a, b) for a, b in zip(shown.shape[:2], want.shape[:2], strict=True))
        off = np.abs(shown[: both[0], : both[1]].astype(int) - want[: both[0], : both[1]].astype(int))
        assert np.median(off) < 6
        assert off.mean() < 12


def test_a_cropped_clip_has_its_frames_at_their_times(tmp_path: Path) -> None:
    source = render(tmp_path / "in.mp4", counting(60, (96, 128)), fps=20, options={"qp": "0"}, pix_fmt="yuv444p")
    clip = Clip(id="x", uri=str(source), start=1.0, end=2.0, width=128, height=96, fps=20.0)
    out = cut_clip(clip, tmp_path / "out.mp4", crop=(0.25, 0.25, 0.75, 0.75))
    assert [index_of(image) for image, _ in video.walk(str(out), short_side=None)] == list(range(20, 40))
    with pytest.raises(ValueError, match="cannot be changed"):
        cut_clip(clip, tmp_path / "copy.mp4", copy=True, crop=(0, 0, 0.5, 1))


def test_a_box_goes_to_where_it_is_stored_and_back() -> None:
    image = np.arange(24 * 40).reshape(24, 40)
    for turn in (Turn(a, b, c) for a in (False, True) for b in (False, True) for c in (False, True)):
        shown = turn.shown(image)
        high, wide = shown.shape
        part = shown[: high // 4, : wide // 2]
        left, top, right, bottom = turn.stored((0, 0, 0.5, 0.25))
        stored = image[round(top * 24) : round(bottom * 24), round(left * 40) : round(right * 40)]
        assert sorted(stored.ravel()) == sorted(part.ravel()), turn


def test_what_people_say_of_a_child_stands_when_children_are_made_again(run: Path) -> None:
    names = ids(run)
    for name in names[:2]:
        say(run, name, "human.trim", "0.5-2.25")
    assert children(run).funnel.counts["kept"] == 2
    below = run / "children"
    rows = {row["parent"]: row["id"] for row in table(below)}
    say(below, rows[names[0]], "human", "no")
    assert children(run).funnel.counts["kept"] == 1
    say(below, rows[names[0]], "human", "yes")
    assert children(run).funnel.counts["kept"] == 2
    asked = project.begin(Run(below))
    assert asked.counts("keep") == {t.OPEN: 2}
    asked.db.close()
    say(run, names[0], "human.trim", None)  # whatever people say of it: it is asked for no more
    assert children(run).funnel.counts["kept"] == 1
    asked = project.begin(Run(below))
    assert asked.counts("keep") == {t.OPEN: 1, t.UNKEPT: 1}
    asked.db.close()
    # as an older version wrote it, in the name of the review
    older = Annotation(clip=rows[names[1]], question="human", value="no", who="review", tool="hoigen children")
    Annotations(below).append([older])
    assert children(run).funnel.counts["kept"] == 1


def test_children_of_children_go_with_them(run: Path) -> None:
    name = ids(run)[0]
    say(run, name, "human.trim", "0.2-2.9")
    children(run)
    below = run / "children"
    [child] = table(below)
    say(below, child["id"], "human.trim", "0.1-2.5")
    say(below, child["id"], "human", "no")  # as it is
    assert children(below).funnel.counts["kept"] == 1
    assert children(run).funnel.counts["kept"] == 0
    assert children(below).funnel.counts["kept"] == 1
    say(run, name, "human.trim", None)
    children(run)
    assert children(below).funnel.counts == {"kept": 0, "dropped": 1, "failed": 0, "pending": 0}
