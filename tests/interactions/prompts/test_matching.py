"""Which prompt a video's file is of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hoigen.core.errors import UsageError
from hoigen.data.sources import Source
from hoigen.interactions.prompts import choose
from hoigen.interactions.prompts import suite as suite_module
from hoigen.interactions.prompts.matching import Names, find_listed, find_videos, suite_of
from hoigen.interactions.prompts.suite import Prompt, Suite, read_suite

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


def test_prompts_in_other_scripts_have_names_of_their_own() -> None:
    prompts = [
        Prompt(id=name, short=words) for name, words in (("a", "一个人骑自行车"), ("b", "Человек держит чашку."))
    ]
    names = Names(Suite(name="s", prompts=tuple(prompts)))
    assert names.find("一个人骑自行车-0") == (prompts[0], "0")
    assert names.find("человек держит чашку-1") == (prompts[1], "1")
    assert names.find("随便-0") == (None, "")
    assert names.find("!!!-0") == (None, "")


def test_an_id_is_never_taken_for_another_prompts_words_and_shared_words_name_nobody() -> None:
    one, other = Prompt(id="hold_cup", short="A cup."), Prompt(id="b", short="Hold cup")
    assert Names(Suite(name="s", prompts=(one, other))).find("hold_cup-0") == (one, "0")
    same = (Prompt(id="a", short="A man waves."), Prompt(id="b", short="a man, waves"))
    names = Names(Suite(name="s", prompts=same))
    assert names.find("A man waves.-0") == (same[0], "0"), "capitals and signs tell them apart"
    assert names.find("A_MAN_WAVES-0") == (None, "")
    assert names.find("b-3") == (same[1], "3")


def test_capitals_and_signs_tell_prompts_apart(tmp_path: Path) -> None:
    """As a card, VBench and a tool that writes `_` for spaces name the files."""
    lines = ["A green vase", "a green vase", "A cup is warmed to 10 C.", "A cup is warmed to -10 C."]
    (tmp_path / "list.txt").write_text("\n".join(lines))
    suite = read_suite(tmp_path / "list.txt")
    assert [prompt.short for prompt in suite.prompts] == lines
    assert len({prompt.id for prompt in suite.prompts}) == 4
    names = Names(suite)
    for prompt in suite.prompts:
        for name in (prompt.short, prompt.short.replace(" ", "_"), prompt.id, prompt.id.upper()):
            assert names.find(f"{name}-3") == (prompt, "3"), name
    backwards = tmp_path / "other.txt"
    backwards.write_text("\n".join(reversed(lines)))
    assert {prompt.id for prompt in read_suite(backwards).prompts} == {prompt.id for prompt in suite.prompts}


LONG = "A cyclist in a red jacket: she is riding a bicycle along a quiet lane / lined with old oaks at sunset, slowly"


@pytest.mark.parametrize("words", [LONG, "A green vase", "a green vase", "一个人骑自行车"])
def test_names_that_scripts_write(words: str) -> None:
    """Made as HunyuanVideo's sample_video.py, Wan2GP, Wan's generate.py, diffusers' training scripts, VBench and
    ComfyUI (where the prefix is an id) do."""
    every = [LONG, LONG.replace("red jacket", "blue coat"), "A green vase", "a green vase", "A green", "一个人骑自行车"]
    suite = Suite(name="s", prompts=suite_module.by_text(every))
    wanted = next(prompt for prompt in suite.prompts if prompt.short == words)
    safe = "".join("_" if sign in '/\\:*?"<>|' else sign for sign in words)
    scripts = [
        f"2025-03-01-14:05:09_seed42_{words[:100].replace('/', '')}",
        f"2025-03-01-14h05m09s_seed42_{safe[:50].strip()}",
        f"2025-03-01-14h05m09s_seed-1_{safe[:100].strip()}",
        f"t2v-14B_1280x720_1_1_{words.replace(' ', '_').replace('/', '_')[:50]}_20250301_140509",
        f"t2v-1.3B_832*480_{words.replace(' ', '_').replace('/', '_')[:50]}_20250301_140509",
        f"validation_video_0_{words[:25].replace(' ', '_').replace('/', '_')}",
        f"{words.replace('/', '')}-0",
        f"{wanted.id}_00001_",
        f"0007_{safe}",
    ]
    for name in scripts:
        found, sample = Names(suite).find(name)
        assert found is wanted, name
        assert any(sign.isdigit() for sign in sample)
    assert Names(suite).find("ComfyUI_00001_") == (None, "")
    both = Suite(name="s", prompts=suite_module.by_text([LONG, f"{LONG} and then"]))
    assert Names(both).find(scripts[3])[0] is None, "two prompts begin so"


def videos_in(*folders: Path) -> None:
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "ride_bicycle-0.mp4").write_bytes(b"v")


def test_a_video_is_one_however_often_its_folder_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    videos_in(tmp_path / "gen" / "a")
    assert len(find_videos([tmp_path / "gen", tmp_path / "gen"], SUITE, None)) == 1
    assert len(find_videos([tmp_path / "gen", tmp_path / "gen" / "a"], SUITE, None)) == 1
    videos_in(tmp_path / "gen" / "a" / "seed1")
    with pytest.raises(UsageError, match="lies in two of the folders, as a video of 'a' and of 'seed1'"):
        find_videos([tmp_path / "gen", tmp_path / "gen" / "a"], SUITE, None)
    monkeypatch.chdir(tmp_path / "gen" / "a" / "seed1")
    assert {each.model for each in find_videos([Path(".."), Path(".")], SUITE, "m")} == {"m"}
    assert find_videos([Path(".")], SUITE, None)[0].model == "seed1"


def test_two_folders_of_one_name_are_not_made_one_model(tmp_path: Path) -> None:
    videos_in(tmp_path / "x" / "out", tmp_path / "y" / "out")
    with pytest.raises(UsageError, match="are both named 'out', which would be one model"):
        find_videos([tmp_path / "x" / "out", tmp_path / "y" / "out"], SUITE, None)
    with pytest.raises(UsageError, match="are both sample 'out/0' of 'm' for the prompt 'ride_bicycle'"):
        find_videos([tmp_path / "x" / "out", tmp_path / "y" / "out"], SUITE, "m")
    (tmp_path / "y" / "out" / "ride_bicycle-0.mp4").rename(tmp_path / "y" / "out" / "ride_bicycle-1.mp4")
    assert len(find_videos([tmp_path / "x" / "out", tmp_path / "y" / "out"], SUITE, "m")) == 2
    assert len(find_videos([tmp_path / "x", tmp_path / "y"], SUITE, None)) == 2, "shares of one model's folder"


def test_samples_of_one_number_are_told_apart_by_their_folder(tmp_path: Path) -> None:
    videos_in(tmp_path / "m" / "seed1", tmp_path / "m" / "seed2")
    found = find_videos([tmp_path], SUITE, None)
    assert {(each.model, each.sample) for each in found} == {("m", "seed1/0"), ("m", "seed2/0")}


def test_vowel_signs_are_letters() -> None:
    names = Names(Suite(name="s", prompts=(Prompt(id="a", short="आदमी किताब"), Prompt(id="b", short="आदमी कोताब"))))
    assert [names.find(f"{words}-0")[0] is not None for words in ("आदमी किताब", "आदमी कोताब")] == [True, True]
    assert names.find("आदमी कोताब-0")[0] is not names.find("आदमी किताब-0")[0]


def test_names_that_differ_in_capitals_or_signs_alone_are_prompts_of_their_own(tmp_path: Path) -> None:
    """Without prompts, no video is left out, and two models' videos of exactly one name are of one prompt."""
    stems = ["cup at 5 C", "cup at -5 C", "Cup at 5 C", "a_b", "a-b", "a b", "杯子", "瓶子", "!", "caf\u00e9"]
    touch(tmp_path, *(f"m/{stem}.mp4" for stem in stems), "n/a-b.mp4", "n/A-b.mp4", "n/cafe\u0301.mp4")
    rows = [Source(str(path)) for path in sorted(tmp_path.glob("*/*.mp4"))]
    suite, bare = suite_of(rows)
    assert len(suite.prompts) == len(stems) + 1
    for found in (find_videos([tmp_path], suite, None, bare), find_listed(rows, suite, None, bare)):
        prompts = {(each.model, Path(each.path).stem): each.prompt for each in found}
        assert len(prompts) == len(rows)
        assert None not in prompts.values()
        assert len({prompts["m", stem] for stem in stems}) == len(stems)
        assert prompts["n", "a-b"] is prompts["m", "a-b"] is not prompts["n", "A-b"]
        assert prompts["n", "cafe\u0301"] is prompts["m", "caf\u00e9"], "one name, written in two ways"


def test_a_row_without_words_whose_file_is_named_by_the_words_of_another_is_of_that_prompt() -> None:
    rows = [Source("a/x.mp4", caption="A cup"), Source("b/a_cup.mp4")]
    suite, bare = suite_of(rows)
    assert [each.prompt for each in find_listed(rows, suite, None, bare)] == [*suite.prompts] * 2
