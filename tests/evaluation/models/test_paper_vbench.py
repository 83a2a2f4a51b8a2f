"""The paper's tables, and VBench's files in and out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conftest import SHARED
from hoigen.commands.prompts import prompts
from hoigen.core.errors import UsageError
from hoigen.core.registry import own_numbers
from hoigen.evaluation.models import paper
from hoigen.evaluation.models.vbench import read_vbench, vbench_text
from hoigen.evaluation.models.videos import Video


def test_the_papers_tables_are_as_printed() -> None:
    rows = paper.rows()
    assert [sum(row.table == table for row in rows) for table in (2, 3, 4)] == [10, 2, 6]
    assert all(len(row.values) == 9 for row in rows)
    text = SHARED / "hoigen1m_paper.txt"
    if not text.is_file():
        pytest.skip(f"no {text}")
    printed = {tuple(line.split("\t")[1:]) for line in text.read_text().splitlines() if line.count("%") == 9}
    assert {tuple(f"{100 * value:.2f}%" for value in row.values.values()) for row in rows} <= printed


def result(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def item(name: str, value: Any) -> dict[str, Any]:
    return {"video_path": f"/v/{name}.mp4", "video_results": value}


def test_imaging_quality_is_a_share_here_and_0_to_100_there(tmp_path: Path) -> None:
    videos = [item("A person is riding a bicycle.-0", 72.9), item("A person is riding a bicycle.-1", 50)]
    source = read_vbench(result(tmp_path / "m_eval_results.json", {"imaging_quality": [0.6145, videos]}), None)
    assert [video.values["imaging_quality"] for video in source.videos] == [pytest.approx(0.729), 0.5]
    assert {video.model for video in source.videos} == {"m"}
    assert len({video.prompt for video in source.videos}) == 1
    written = json.loads(vbench_text(source.videos, [own_numbers()["imaging_quality"]]))
    assert written["imaging_quality"][0] == pytest.approx(0.6145)
    assert [each["video_results"] for each in written["imaging_quality"][1]] == [pytest.approx(72.9), 50]


def test_what_older_versions_wrote_is_undefined_with_the_reason(tmp_path: Path) -> None:
    videos = [item("a-0", 10.98), item("b-0", None), item("c-0", float("nan")), item("d-0", 0.9)]
    found = {"subject_consistency": [0.9, videos], "motion_smoothness": [0.9, [item("a-0", 0.97)]]}
    source = read_vbench(result(tmp_path / "x.json", found), None)
    by_name = {video.text: video for video in source.videos}
    assert by_name["a"].values == {"subject_consistency": None, "motion_smoothness": 0.97}
    assert "10.98" in by_name["a"].reasons["subject_consistency"]
    assert by_name["c"].values["subject_consistency"] is None
    assert by_name["d"].reasons["motion_smoothness"] == "not asked: not in the result file"


def test_a_suite_tells_verb_and_object_and_names_strays(tmp_path: Path) -> None:
    prompts(tmp_path / "suite.json")
    good = {"aesthetic_quality": [0.5, [item("ride_bicycle-0", 0.5), item("A person is riding a bicycle.-1", 0.4)]]}
    source = read_vbench(result(tmp_path / "m_eval_results.json", good), tmp_path / "suite.json")
    assert {(video.prompt, video.verb) for video in source.videos} == {("ride_bicycle", "ride")}
    bad = {"aesthetic_quality": [0.5, [item("nothing-0", 0.5)]]}
    with pytest.raises(UsageError, match=r"1 video is named after no prompt"):
        read_vbench(result(tmp_path / "b.json", bad), tmp_path / "suite.json")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not valid JSON"),
        ([], "not a result file"),
        ({"a": 1}, "[overall, list of videos]"),
        ({"a": [1, [{"video": "x"}]]}, "video 0"),
        ({"a": [1, []]}, "holds no video"),
    ],
)
def test_another_shape_is_named(tmp_path: Path, content: Any, words: str) -> None:
    with pytest.raises(UsageError, match=r"r\.json") as error:
        read_vbench(result(tmp_path / "r.json", content), None)
    assert words in str(error.value)


def test_videos_without_a_number_are_not_written() -> None:
    videos = [Video(model="m", prompt="p", uri="/p-0.mp4", values={"fine_hoi": None, "coarse_hoi": 0.5})]
    found = json.loads(vbench_text(videos, [own_numbers()["fine_hoi"], own_numbers()["coarse_hoi"]]))
    assert list(found) == ["coarse_hoi"]


def test_numbers_that_are_none_and_videos_that_come_twice(tmp_path: Path) -> None:
    text = '{"my_own": [0.5, [{"video_path": "a-0.mp4", "video_results": Infinity}, {"video_path": "b-0.mp4", '
    text += '"video_results": 1' + "0" * 400 + "}]]}"
    (tmp_path / "m_eval_results.json").write_text(text)
    source = read_vbench(tmp_path / "m_eval_results.json", None)
    assert [video.values for video in source.videos] == [{"my_own": None}] * 2
    assert all("no number" in video.reasons["my_own"] for video in source.videos)
    twice = {"motion_smoothness": [0.5, [item("a-0", 0.5), item("a-0", 0.6)]]}
    with pytest.raises(UsageError, match=r"motion_smoothness: .*a-0\.mp4 comes twice"):
        read_vbench(result(tmp_path / "x.json", twice), None)


def test_prompts_in_other_scripts_are_prompts_of_their_own(tmp_path: Path) -> None:
    videos = [item("一个人-0.mp4", 0.5), item("两个人-0.mp4", 0.6)]
    source = read_vbench(result(tmp_path / "m_eval_results.json", {"motion_smoothness": [0.55, videos]}), None)
    assert len({video.prompt for video in source.videos}) == 2
