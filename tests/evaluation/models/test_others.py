"""Results of WorldFoundry and lmms-eval, VBench's leaderboard, and the score card: on made files of their layouts."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from made_runs import PROMPTS, Made, make_run

from hoigen.commands.compare import Compared, compare
from hoigen.core.errors import UsageError
from hoigen.evaluation.models.read import read_source
from hoigen.evaluation.models.scorecard import UNKNOWN, card_of, not_comparable
from hoigen.evaluation.models.vbench import LEADERBOARD

IDS = list(PROMPTS)


def foundry(folder: Path, model: str, values: dict[str, float | None], **card: Any) -> Path:
    """As WorldFoundry 0.2 writes it: a card, and a line for each sample."""
    (folder / "metrics").mkdir(parents=True)
    head = {
        "schema_version": "worldfoundry-scorecard",
        "model": {"model_id": model, "model_name": model},
        "metrics": {"per_metric": {"physics/score": {"mean": 0.5, "higher_is_better": True}, "drift": {
            "higher_is_better": False}}},
        "samples_ref": "metrics/per_sample.jsonl", **card,
    }  # fmt: skip
    (folder / "scorecard.json").write_text(json.dumps(head))
    lines = []
    for name, value in values.items():
        row: dict[str, Any] = {
            "sample_id": name,
            "status": "succeeded",
            "metrics": {"physics/score": value, "drift": 0.1},
        }
        if value is None:
            row = {"sample_id": name, "status": "skipped", "metrics": {}, "error": "generation failed"}
        lines.append(json.dumps(row))
    (folder / "metrics" / "per_sample.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def test_worldfoundry_is_read_with_its_directions_and_failures(tmp_path: Path) -> None:
    one = foundry(tmp_path / "a", "wan", {f"p{at}": 0.8 for at in range(10)})
    other = foundry(tmp_path / "b", "ltx", {f"p{at}": None if at < 5 else 0.9 for at in range(10)})
    source = read_source(one / "scorecard.json")
    assert {number.name: number.better for number in source.numbers} == {"physics_score": "more", "drift": "less"}
    lacking = read_source(other).videos[0]
    assert lacking.values == {"physics_score": None, "drift": None}
    assert "generation failed" in lacking.reasons["drift"]
    result = compare([one, other])
    text = str(result)
    assert "(5/10)" in text
    assert "ranks nothing" in text, "half of ltx is not there, and nobody can say what it would have had"
    assert all(each.p is None for each in result.differences)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema_version": "x"}, "schema_version is 'worldfoundry-scorecard'"),
        ({"samples_ref": "../../etc/passwd"}, "samples_ref lies beside the card"),
        ({"samples_ref": "metrics/none.jsonl"}, "none.jsonl"),
    ],
)
def test_bad_cards_are_named(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as error:
        read_source(foundry(tmp_path / "a", "m", {"p": 0.5}, **change))
    assert words in str(error.value)


def test_bad_lines_are_named(tmp_path: Path) -> None:
    folder = foundry(tmp_path / "a", "m", {"p": 0.5})
    for line, words in (
        ("[1]", "line 1: an object"),
        ('{"sample_id": 3}', "line 1: sample_id is a text"),
        ('{"sample_id": "p", "metrics": {"x": "good"}}', "x is a number; it came as 'good'"),
        ("{", "line 1 is no JSON"),
        ("", "holds no video"),
    ):
        (folder / "metrics" / "per_sample.jsonl").write_text(line)
        with pytest.raises(UsageError, match=words.replace("[", r"\[")):
            read_source(folder)


def test_lmms_evals_samples_are_read(tmp_path: Path) -> None:
    rows = [
        {"doc_id": at, "input": PROMPTS[name].short, "target": "", "resps": "x.mp4", "generated": 1.0, "doc_hash": 7}
        for at, name in enumerate(IDS[:4])
    ]
    file = tmp_path / "wan2_2" / "20260901_samples_vbench.jsonl"
    file.parent.mkdir()
    file.write_text("\n".join(map(json.dumps, rows)))
    source = read_source(file)
    assert [number.name for number in source.numbers] == ["generated"]
    assert (source.videos[0].model, source.videos[0].prompt) == ("wan2_2", "a_person_is_boarding_an_airplane")
    file.write_text('{"input": "x"}')
    with pytest.raises(UsageError, match="a line of lmms-eval has doc_id"):
        read_source(file)


def as_their_script(content: bytes) -> dict[str, float]:
    """What scripts/cal_final_score.py reads of a submission."""
    found = dict.fromkeys((name.replace("_", " ") for name in LEADERBOARD), 0.0)
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        for name in opened.namelist():
            assert name.endswith(".json")
            for key, value in json.loads(opened.read(name)).items():
                found[key.replace("_", " ")] = value[0]
    return found


def test_a_submission_to_vbenchs_leaderboard(tmp_path: Path) -> None:
    videos = [Made("m", name, {"temporal_flickering": 0.9, "hoi_lite": 0.4}) for name in IDS[:5]]
    videos.append(Made("m", IDS[5], failed="broken"))
    run = make_run(tmp_path / "r", videos, ["temporal_flickering", "hoi_lite"])
    result = compare([run], vbench=tmp_path / "out")
    content = (tmp_path / "out" / "m.zip").read_bytes()
    scores = as_their_script(content)
    assert scores["temporal flickering"] == pytest.approx(0.9 * 5 / 6), "a file that failed is no way up the board"
    assert len(scores) == 16, "hoi_lite is none of VBench's"
    assert any("m: 15 of VBench's 16 dimensions are not here" in told for told in result.warnings)
    compare([run], vbench=tmp_path / "again")
    assert (tmp_path / "again" / "m.zip").read_bytes() == content


def noted(run: Path, **facts: Any) -> Path:
    file = run / "run.yaml"
    found = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump(found | facts))
    return run


def test_the_score_card_says_what_keeps_runs_apart(tmp_path: Path) -> None:
    def run(name: str, av: str, card: str, form: str) -> Path:
        videos = [Made(name, one, {"hoi_lite": 0.5}) for one in IDS[:3]]
        made = make_run(tmp_path / name, videos, ["hoi_lite"], suite={"name": "hico", "digest": "d"}, held_against=form)
        return noted(made, libraries={"av": av, "torch": "2.13.0"}, cards=[card])

    one = run("one", "18.1.0", "NVIDIA H100", "short prompts")
    same = run("same", "18.1.0", "NVIDIA H100", "short prompts")
    other = run("other", "17.0.0", "NVIDIA A100", "long prompts")
    sources = [read_source(path) for path in (one, same, other)]
    card = card_of(sources[0])
    assert (card["decoder"], card["card"], card["prompts are"]) == ("av 18.1.0", "NVIDIA H100", "short prompts")
    assert card["seeds"] == UNKNOWN
    assert not_comparable(sources[:2]) == []
    told = "\n".join(not_comparable([sources[0], sources[2]]))
    for words in ("decoder (av 18.1.0: one; av 17.0.0: other)", "card (NVIDIA H100", "prompts are (short prompts"):
        assert words in told
    result: Compared = compare([one, other], card=True)
    assert any("differ in decoder" in warning for warning in result.warnings)
    table = next(each for each in result.tables if each.name == "scorecard")
    assert {row[0]: row[-1] for row in table.rows}["decoder"] == "differs"
    assert {row[0]: row[-1] for row in table.rows}["torch"] == ""
    assert "Score card" in str(result)


def test_a_number_of_a_judge_is_told_with_its_name(tmp_path: Path) -> None:
    def run(name: str, model: str) -> Path:
        judge = {"chat_server": {"url": "http://localhost:9/v1", "model": model}}
        videos = [Made(name, one, {"hoi_judge": 1.0}) for one in IDS[:3]]
        return make_run(tmp_path / name, videos, [{"hoi_judge": {"judge": judge}}], suite={"name": "x", "digest": "d"})

    one, other = run("one", "org/judge-8b"), run("other", "org/judge-70b")
    alone = str(compare([one]))
    assert "hoi_judge: judged by org/judge-8b" in alone
    both = compare([one, other])
    assert "org/judge-8b (one); org/judge-70b (other)" in str(both)
    assert any("hoi_judge was measured with other settings" in told for told in both.warnings)
