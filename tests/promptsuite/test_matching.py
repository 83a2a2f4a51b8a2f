"""Which prompt a video's file is of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hoigen.errors import UsageError
from hoigen.promptsuite import choose
from hoigen.promptsuite.matching import Names, find_videos
from hoigen.promptsuite.suite import Prompt, Suite

SUITE = choose.suite("all")
NAMES = Names(SUITE)


@pytest.mark.parametrize(
    ("stem", "prompt", "sample"),
    [
        ("ride_bicycle", "ride_bicycle", ""),
        ("ride_bicycle-0", "ride_bicycle", "0"),
        ("ride_bicycle_12", "ride_bicycle", "12"),
        ("Ride-Bicycle-0001", "ride_bicycle", "0001"),
        ("ride_bicycle-seed42-3", "ride_bicycle", "seed42-3"),
        ("ride_bicycle_seed_42", "ride_bicycle", "seed_42"),
        ("ride_bicycle sample=3", "ride_bicycle", "sample=3"),
        ("A person is riding a bicycle.-0", "ride_bicycle", "0"),
        ("A person is riding a bicycle-4", "ride_bicycle", "4"),
        ("a_person_is_riding_a_bicycle_4", "ride_bicycle", "4"),
        ("carry_couch_by_two-0", "carry_couch_by_two", "0"),
        ("carry_couch-0", "carry_couch", "0"),
        ("ride_bicycle_gear", None, ""),
        ("ride_bicycles-0", None, ""),
        ("my_ride_bicycle-0", None, ""),
        ("0001", None, ""),
        ("", None, ""),
    ],
)
def test_names(stem: str, prompt: str | None, sample: str) -> None:
    found, rest = NAMES.find(stem)
    assert (found.id if found else None, rest) == (prompt, sample)


def test_every_prompt_is_found_by_its_id_and_by_its_words() -> None:
    for prompt in SUITE.prompts:
        for name in (f"{prompt.id}-1", f"{prompt.short}-1"):
            found, sample = NAMES.find(name)
            assert found is prompt
            assert sample == "1"


def test_long_prompts_that_a_file_system_cut_short() -> None:
    long = "A cyclist in a red jacket is riding a bicycle along a quiet lane lined with old oaks while the sun sets"
    other = long.replace("sun sets", "rain falls")
    prompts = (Prompt(id="a", short="One.", long=long), Prompt(id="b", short="Two.", long=other))
    names = Names(Suite(name="s", prompts=prompts))
    assert names.find(long[:-3] + "-2") == (prompts[0], "2")
    assert names.find(long[:70] + "-2")[0] is None, "both begin so"
    assert names.find(long[:40] + "-2")[0] is None, "too little is left"


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


def test_sub_folders_are_models(tmp_path: Path) -> None:
    folder = touch(tmp_path / "out", "a/ride_bicycle-0.mp4", "b/deep/hold_cup.webm", "eat_apple.mp4", "a/stray.mp4")
    found = find_videos([folder], SUITE, None)
    assert [(each.model, each.prompt and each.prompt.id) for each in found] == [
        ("a", "ride_bicycle"), ("a", None), ("b", "hold_cup"), ("out", "eat_apple"),
    ]  # fmt: skip
    assert {each.model for each in find_videos([folder], SUITE, "m")} == {"m"}


def test_no_video_of_any_prompt_is_one_error(tmp_path: Path) -> None:
    folder = touch(tmp_path / "out", "0001.mp4", "0002.mp4")
    with pytest.raises(UsageError) as error:
        find_videos([folder], replace(SUITE, name="mine"), None)
    for words in ("none of the 2 videos", "'mine'", "0001.mp4", "board_airplane-0.mp4"):
        assert words in str(error.value)
    with pytest.raises(UsageError, match="no such folder"):
        find_videos([tmp_path / "none"], SUITE, None)
    with pytest.raises(UsageError, match="no videos in"):
        find_videos([touch(tmp_path / "empty", "notes.txt")], SUITE, None)
