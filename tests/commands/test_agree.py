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

CASES = json.loads((Path(__file__).parents[1] / "core" / "stats" / "ranks_scipy.json").read_text())["cases"]
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
    assert "1 video of" in str(result)
    assert "c/other.mp4" in str(result)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("video,rating\n", "holds no rows"),
        ("video,score\na/x.mp4,3\n", "no column rating"),
        (f"video,rating\na/{IDS[0]}-0.mp4,good\n", "line 2, column rating: a number; it came as 'good'"),
        (f"video,rating\na/{IDS[0]}-0.mp4,nan\n", "column rating: a number"),
        (f"video,rating\n{IDS[0]}-0.mp4,3\n", "may be one of 2 videos"),
        ("video,rating\nx.mp4,3\n", "none of its 1 row is about a video of the run"),
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


# models, people among themselves, public sets


def four_models(folder: Path) -> Path:
    """Better in hoi_lite from a to d, and the other way round in text boxes (fewer is better, so alike)."""
    videos = [
        Made(m, name, {"hoi_lite": 0.2 * at + 0.001 * k, "text_boxes": 9.0 - at, "technical_quality": 0.9 - 0.2 * at})
        for k, name in enumerate(IDS[:12])
        for at, m in enumerate("abcd")
    ]
    return make_run(folder, videos)


def test_models_as_people_rank_them(tmp_path: Path) -> None:
    run = four_models(tmp_path / "r")
    rows = []
    for at, name in enumerate(IDS[:12]):
        for one, other in (("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")):
            for who in ("ann", "ben", "eve"):
                right = not (who == "eve" and at % 3 == 0)  # eve errs in a third
                rows.append(f"{name},{one},{other},{'second' if right else 'first'},{who}")
    (tmp_path / "votes.csv").write_text("prompt,first,second,winner,rater\n" + "\n".join(rows))
    result = agree(run, tmp_path / "votes.csv", draws=300)
    said = result.opinion
    assert [each.model for each in said.models] == ["d", "c", "b", "a"]
    assert said.among.value == pytest.approx((8 * 4 * 3 + 4 * 4 * 1) / (12 * 4 * 3)), "of three pairs of people, one"
    by = {each.name: each for each in said.ranked}
    assert by["hoi_lite"].rho.value == pytest.approx(1.0)
    assert by["text_boxes"].rho.value == pytest.approx(1.0), "fewer is better there"
    assert by["technical_quality"].rho.value == pytest.approx(-1.0)
    text = str(result)
    for words in ("Models as people rank them", "people among themselves", "Which number ranks models as people do"):
        assert words in text
    rate = next(each for each in said.models if each.model == "a").rate
    assert rate.value == pytest.approx(24 * (1 / 3) * (1 / 3) / 72 * 3, abs=0.02)


def test_two_models_are_ranked_and_no_table_of_undefined_follows(tmp_path: Path) -> None:
    run = four_models(tmp_path / "r")
    rows = [f"{name},a,b,second,ann" for name in IDS[:12]]
    (tmp_path / "votes.csv").write_text("prompt,first,second,winner,rater\n" + "\n".join(rows))
    text = str(agree(run, tmp_path / "votes.csv", draws=300))
    people = text[text.index("Models as people rank them") :]
    assert "which number ranks models as people do is not known: 2 models: there is no order of fewer than 3" in people
    assert "Which number ranks" not in people


def test_ratings_of_several_people_are_votes_on_models(tmp_path: Path) -> None:
    run = four_models(tmp_path / "r")
    rows = [
        f"{m}/{name}-0,{at + (who == 'ben')},{who}"
        for name in IDS[:12]
        for at, m in enumerate("abcd")
        for who in ("ann", "ben")
    ]
    (tmp_path / "ratings.csv").write_text("video,rating,rater\n" + "\n".join(rows))
    said = agree(run, tmp_path / "ratings.csv", draws=300).opinion
    assert [each.model for each in said.models] == ["d", "c", "b", "a"]
    assert said.among.value == 1.0
    assert [each.games for each in said.models] == [72.0] * 4, "12 prompts, 3 others, 2 people"
    nameless = [row.rpartition(",")[0] for row in rows if row.endswith("ann")]
    (tmp_path / "one.csv").write_text("video,rating\n" + "\n".join(nameless))
    alone = agree(run, tmp_path / "one.csv", draws=300).opinion
    assert "by two people" in alone.among.reason
    assert [each.model for each in alone.models] == ["d", "c", "b", "a"]


def preferences(folder: Path, **more: object) -> Path:
    """Made rows in the layout of datapointai's and Rapidata's sets."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [
        {
            "prompt": PROMPTS[name].short, "video1": b"\0" * 50, "video2": b"\0" * 50, "model1": one, "model2": other,
            "weighted_results1_Coherence": 0.2, "weighted_results2_Coherence": 0.8,
            "weighted_results1_Prompt_Adherence": 0.7, "weighted_results2_Prompt_Adherence": 0.3, **more,
        }
        for name in IDS[:12]
        for one, other in (("a", "b"), ("b", "c"), ("c", "d"))
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), folder / "train.parquet")
    return folder / "train.parquet"


def test_a_public_set_of_preferences_is_read_as_it_is(tmp_path: Path) -> None:
    run = four_models(tmp_path / "r")
    file = preferences(tmp_path)
    result = agree(run, file, ratings_question="Coherence", draws=300)
    assert [each.model for each in result.opinion.models] == ["d", "c", "b", "a"]
    assert by_name(result)["hoi_lite"].accuracy.value == 1.0
    assert result.opinion.among.value == pytest.approx(0.2**2 + 0.8**2), "that two of those asked agree"
    other = agree(run, file, ratings_question="prompt_adherence", draws=300)
    assert [each.model for each in other.opinion.models] == ["a", "b", "c", "d"]
    with pytest.raises(UsageError, match="several questions"):
        agree(run, file)
    with pytest.raises(UsageError, match="no such question"):
        agree(run, file, ratings_question="colour")
    with pytest.raises(UsageError, match=r"row 1.*weighted_results1_coherence: a share"):
        agree(run, preferences(tmp_path, weighted_results1_Coherence=1.4), ratings_question="coherence")
    with pytest.raises(UsageError, match="nobody preferred either"):
        nobody = {"weighted_results1_Coherence": 0.0, "weighted_results2_Coherence": 0.0}
        agree(run, preferences(tmp_path, **nobody), ratings_question="coherence")


def test_videofeedback_is_read_as_it_is(tmp_path: Path) -> None:
    run = make_run(tmp_path / "r", [Made(f"m{at}", IDS[0], {"hoi_lite": 0.1 * at}) for at in range(8)])
    rows = [
        {
            "id": f"m{at}/{IDS[0]}-0",
            "text prompt": "x",
            "video link": "",
            "visual quality": at // 2,
            "dynamic degree": 1,
        }
        for at in range(8)
    ]
    (tmp_path / "data_annotated.json").write_text(json.dumps(rows))
    found = agree(run, tmp_path / "data_annotated.json", ratings_question="visual quality", draws=200)
    assert by_name(found)["hoi_lite"].videos == 8
    assert (by_name(found)["hoi_lite"].spearman.value or 0) > 0.9
