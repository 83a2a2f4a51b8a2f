"""hoigen agree: against people whose opinion is known."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "evaluation" / "models"))

from made_runs import PROMPTS, Made, make_run

from hoigen.commands.agree import Agreed, agree
from hoigen.core.errors import UsageError
from hoigen.evaluation.models.ratings import Agreement

CASES = json.loads((Path(__file__).parents[1] / "stats" / "ranks_scipy.json").read_text())["cases"]
IDS = list(PROMPTS)


def by_name(result: Agreed) -> dict[str, Agreement]:
    return {each.name: each for each in result.numbers}


def test_ratings_give_what_scipy_gives(tmp_path: Path) -> None:
    case = CASES[2]
    low = min(case["x"])
    videos = [
        Made(f"m{at}", IDS[cluster], {"hoi_lite": x - low, "text_boxes": x - low})
        for at, (x, cluster) in enumerate(zip(case["x"], case["clusters"], strict=True))
    ]
    run = make_run(tmp_path / "r", videos)
    rows = [f"m{at}/{IDS[c]}-0.mp4,{y}" for at, (c, y) in enumerate(zip(case["clusters"], case["y"], strict=True))]
    (tmp_path / "ratings.csv").write_text("video,rating\n" + "\n".join(rows))
    found = by_name(agree(run, tmp_path / "ratings.csv", draws=300))
    assert found["hoi_lite"].spearman.value == pytest.approx(case["spearman"])
    assert found["hoi_lite"].kendall.value == pytest.approx(case["kendall"])
    assert found["hoi_lite"].spearman.low is not None
    assert found["text_boxes"].spearman.value == pytest.approx(-case["spearman"]), "fewer is better there"
    assert found["technical_quality"].spearman.reason == "no rated video has this number"


def two_models(folder: Path) -> Path:
    """Of each prompt, `b` does better than `a` in hoi_lite, and has more text."""
    videos = [Made(m, name, {"hoi_lite": v, "text_boxes": v}) for name in IDS[:10] for m, v in (("a", 0.2), ("b", 0.6))]
    return make_run(folder, videos)


def test_votes(tmp_path: Path) -> None:
    run = two_models(tmp_path / "r")
    rows = [f"a/{name}-0.mp4,b/{name}-0.mp4,{'first' if at < 3 else 'second'},x" for at, name in enumerate(IDS[:10])]
    rows.append(f"a/{IDS[0]}-0.mp4,b/{IDS[0]}-0.mp4,tie,y")
    (tmp_path / "votes.csv").write_text("first,second,winner,rater\n" + "\n".join(rows))
    result = agree(run, tmp_path / "votes.csv", draws=300)
    found = by_name(result)
    assert found["hoi_lite"].accuracy.value == pytest.approx(0.7)
    assert found["text_boxes"].accuracy.value == pytest.approx(0.3)
    assert found["hoi_lite"].pairs == 10
    assert found["hoi_lite"].spearman.value is None
    assert "11 rows of 2 raters" in str(result)


def test_votes_by_model_and_prompt(tmp_path: Path) -> None:
    run = two_models(tmp_path / "r")
    rows = [f"{PROMPTS[name].short},b,a,first" for name in IDS[:4]] + [f"{IDS[5]},b,a,second"]
    (tmp_path / "votes.csv").write_text("prompt,first,second,winner\n" + "\n".join(rows))
    assert by_name(agree(run, tmp_path / "votes.csv", draws=300))["hoi_lite"].accuracy.value == pytest.approx(0.8)


def test_several_raters_are_averaged_and_strays_named(tmp_path: Path) -> None:
    run = two_models(tmp_path / "r")
    rows = []
    for at, name in enumerate(IDS[:10]):
        rows += [f"a/{name}-0,{at},x", f"a/{name}-0,{at + 2},y", f"b/{name}-0,{at + 4},x"]
    rows.append("c/other.mp4,5,x")
    (tmp_path / "ratings.csv").write_text("video,rating,rater\n" + "\n".join(rows))
    result = agree(run, tmp_path / "ratings.csv", draws=300)
    assert by_name(result)["hoi_lite"].accuracy.value == 1.0
    assert by_name(result)["hoi_lite"].videos == 20
    assert "1 videos of" in str(result)
    assert "c/other.mp4" in str(result)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("video,rating\n", "holds no rows"),
        ("video,score\na/x.mp4,3\n", "no column rating"),
        (f"video,rating\na/{IDS[0]}-0.mp4,good\n", "line 2, column rating: a number; it came as 'good'"),
        (f"video,rating\na/{IDS[0]}-0.mp4,nan\n", "column rating: a number"),
        (f"video,rating\n{IDS[0]}-0.mp4,3\n", "may be one of 2 videos"),
        ("video,rating\nx.mp4,3\n", "none of its 1 rows is about a video of the run"),
        (f"video,rating\na/{IDS[0]}-0.mp4,3\na/{IDS[0]}-0,4\n", "twice"),
        (f"first,second,winner\na/{IDS[0]}-0,b/{IDS[0]}-0,left\n", "one of first, second, tie"),
        (f"first,second,winner\na/{IDS[0]}-0,b/{IDS[0]}-0,\n", "it is empty"),
        (f"first,second,winner\na/{IDS[0]}-0,b/{IDS[1]}-0,first\n", "of two prompts"),
        (f"prompt,first,second,winner\n{IDS[0]},a,c,first\n", "a model of the run; it came as 'c'"),
        (f"prompt,first,second,winner\n{IDS[0]},a,a,first\n", "first and second are both a; a vote is about two"),
        (f"first,second,winner\na/{IDS[0]}-0,a/{IDS[0]}-0.mp4,tie\n", "a vote is about two"),
        (
            f"first,second,winner,rater\na/{IDS[0]}-0,b/{IDS[0]}-0,tie,x\nb/{IDS[0]}-0,a/{IDS[0]}-0,first,x\n",
            "line 3: 'x' has voted on b/",
        ),
    ],
)
def test_bad_files_are_named_by_line_and_column(tmp_path: Path, content: str, words: str) -> None:
    run = two_models(tmp_path / "r")
    (tmp_path / "people.csv").write_text(content)
    with pytest.raises(UsageError, match=r"people\.csv") as error:
        agree(run, tmp_path / "people.csv")
    assert words in str(error.value)
