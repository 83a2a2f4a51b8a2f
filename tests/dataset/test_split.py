"""hoigen split: no scene on both sides, and training clips that a test asks for are named."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from counted import STEPS, counted

from hoigen.commands.split import split
from hoigen.core.errors import UsageError
from hoigen.core.score import Rule
from hoigen.data.run import Run
from hoigen.dataset import split as splits
from hoigen.rules import sets
from hoigen.rules.cascade import Known
from run_folders import Given, step, write_recipe, write_run


def parts(run: Run) -> dict[str, str]:
    return {row["id"]: row["part"] for row in pq.read_table(splits.path_of(run)).to_pylist()}


def many(folder: Path, videos: int, each: int) -> Run:
    """Clips `v3_1`: the second of video 3."""
    steps = [step("motion", motion=Rule(min=0))]
    given = [
        Given(
            f"v{video}_{at}", {"motion": Known("ok", {"motion": 1.0})}, uri=f"/videos/{video}.mp4", start=at, end=at + 1
        )
        for video in range(videos)
        for at in range(each)
    ]
    run = write_run(folder, steps, [given])
    write_recipe(run, {"measures": ["motion"], "keep": {}})
    return run


def make(run: Run, **how: object) -> splits.Split:
    return splits.make(run, [step("motion", motion=Rule(min=0))], **{"share": 0.2, "seed": 0, **how})  # type: ignore[arg-type]


def test_no_video_is_on_both_sides_and_the_share_is_right(tmp_path: Path) -> None:
    run = many(tmp_path, 40, 5)
    found = make(run)
    assert found.clips == {"train": 160, "validation": 40}
    sides = {(name.split("_")[0], part) for name, part in parts(run).items()}
    assert len(sides) == 40


def test_the_seed_decides(tmp_path: Path) -> None:
    run = many(tmp_path, 40, 2)
    drawn = []
    for seed in (0, 1, 0):
        make(run, seed=seed)
        drawn.append(parts(run))
    assert drawn[0] == drawn[2] != drawn[1]


def test_videos_that_show_the_same_are_one_scene_though_one_clip_was_dropped(tmp_path: Path) -> None:
    run = many(tmp_path, 20, 3)
    pairs = [(f"v{at}_0", f"v{at + 1}_2") for at in range(0, 20, 2)]
    rows = [
        {"id": name, "grp": lead, "place": place, "quota": 1, "words": ""}
        for lead, other in pairs
        for place, name in enumerate((lead, other))
    ]
    sets.write(run, "near_duplicates", rows, {"came": 60})
    found = make(run)
    side = parts(run)
    assert found.joined == 10
    assert len(side) == 50, "ten clips are dropped"
    for at in range(0, 20, 2):
        assert len({side[f"v{video}_{n}"] for video in (at, at + 1) for n in range(3) if f"v{video}_{n}" in side}) == 1


def test_parts_of_before_duplicates_were_found_are_told_and_the_way_to_others(tmp_path: Path) -> None:
    run = many(tmp_path, 20, 3)
    make(run, share=0.3, seed=4)
    assert len(splits.parts_of(run, ["v0_0", "v9_2"])) == 2
    rows = [{"id": f"v{at}_0", "grp": "v0_0", "place": at, "quota": 1, "words": ""} for at in (0, 1)]
    sets.write(run, "near_duplicates", rows, {"came": 60})
    said = f"was run since, and one scene may be in both parts; hoigen split {run.path} --validation 0.3 --seed 4 parts"
    with pytest.raises(UsageError, match=said):
        splits.parts_of(run, ["v0_0"])
    sets.path_of(run, "near_duplicates").rename(tmp_path / "off")
    assert splits.parts_of(run, ["v0_0"]), "without the rule parts are as whole as they were"
    (tmp_path / "off").rename(sets.path_of(run, "near_duplicates"))
    make(run, share=0.3, seed=4)
    assert splits.parts_of(run, ["v0_0"])


def test_videos_of_one_source_are_one_scene(tmp_path: Path) -> None:
    run = many(tmp_path, 20, 2)
    rows = run.clips.read(0)
    for row in rows:
        row["meta"] = f'{{"youtube": "{row["video"] // 8}"}}'
    run.clips.write(0, rows)
    make(run, column="youtube")
    side = parts(run)
    assert all(len({side[row["id"]] for row in rows if row["video"] // 8 == source}) == 1 for source in range(5))
    with pytest.raises(UsageError, match="--column tube: no clip has such a column"):
        make(run, column="tube")


def test_files_with_the_same_content_are_one_scene(tmp_path: Path) -> None:
    run = many(tmp_path, 4, 2)
    rows = run.clips.read(0)
    for row in rows:
        row["digest"] = "same" if row["uri"] in ("/videos/0.mp4", "/videos/1.mp4") else row["uri"]
    run.clips.write(0, rows)
    for seed in range(6):
        make(run, share=0.5, seed=seed)
        side = parts(run)
        assert len({side[f"v{video}_{n}"] for video in (0, 1) for n in range(2)}) == 1


def test_one_scene_alone_cannot_be_parted(tmp_path: Path) -> None:
    run = many(tmp_path, 1, 9)
    with pytest.raises(UsageError, match="9 clips are of 1 scene, the largest of 9 clips"):
        make(run)
    assert not splits.path_of(run).exists()


def test_training_clips_that_a_suite_asks_for_are_named(tmp_path: Path) -> None:
    run = counted(tmp_path / "run")
    path = run.path / "categories" / "categories.parquet"
    rows = pq.read_table(path).to_pylist()
    for row in rows:
        row["hico_verb"], row["hico_object"] = row["action"], row["object"]
    pq.write_table(pa.Table.from_pylist(rows, schema=pq.read_schema(path)), path)
    suite = tmp_path / "suite.csv"
    suite.write_text(
        "id,prompt_short,verb,object\nhold_cup,A person holds a cup.,hold,cup\n"
        "cut_bread,A person cuts bread.,cut,bread\nswing_sword,x,swing,sword\nfree,A person dances.,,\n"
    )
    result = split(run.path, validation=0.2, prompts=suite, out=tmp_path / "leaks.csv")
    side = parts(run)
    expected = {
        (clip, prompt)
        for clip, prompt in (("a", "hold_cup"), ("c", "hold_cup"), ("b", "cut_bread"))
        if side[clip] == "train"
    }
    assert result.found.leaks is not None
    assert {(leak.clip, leak.prompt) for leak in result.found.leaks} == expected != set()
    assert result.found.unasked == 1
    with (tmp_path / "leaks.csv").open() as file:
        assert {(row["id"], row["prompt"]) for row in csv.DictReader(file)} == expected
    assert "training clips show what" in str(result)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"validation": 0.0}, "--validation: more than 0"),
        ({"validation": 0.9}, "--validation: more than 0, at most 0.5; it came as 0.9"),
        ({"seed": -1}, "--seed: 0 or more"),
        ({"out": Path("x.csv")}, "--out goes with --prompts"),
        ({"prompts": Path("/no/suite.json")}, "suite.json"),
    ],
)
def test_bad_input_writes_nothing(tmp_path: Path, words: dict[str, object], said: str) -> None:
    run = counted(tmp_path)
    with pytest.raises(UsageError, match=said):
        split(run.path, **words)  # type: ignore[arg-type]
    assert not (run.path / "split").exists()
    assert STEPS
