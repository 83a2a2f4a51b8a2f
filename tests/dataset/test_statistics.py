"""What is counted of a dataset, against a run of which everything is known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from counted import CLIPS, STEPS, caption, counted, listed

from hoigen.commands.cli import main
from hoigen.commands.clip_stats import clip_stats
from hoigen.commands.release import release
from hoigen.core.errors import UsageError
from hoigen.core.score import Rule
from hoigen.data import side
from hoigen.data.annotations import Annotation, Annotations
from hoigen.dataset.statistics import as_json, nice, paper_rows, short, statistics
from hoigen.rules import sets
from run_folders import step


def test_figure_3(tmp_path: Path) -> None:
    found = statistics(counted(tmp_path), STEPS)
    assert (found.asked, found.clips, found.videos, found.seconds) == (6, 5, 4, 30.0)
    assert found.interactions == {"close-up": 1, "one person": 2, "several people": 1, "none found": 1}
    assert found.resolutions == {"720p": 2, "1080p": 2, "2160p": 1}
    assert (found.durations.count, found.durations.mean, found.durations.median) == (5, 6.0, 6.0)
    assert sum(found.durations.bars) == 5
    assert found.motion is not None
    assert found.motion.mean == pytest.approx(0.3)
    assert list(found.interactions)[-1] == "none found", "what is missing is counted, last"


def test_figure_5(tmp_path: Path) -> None:
    found = statistics(counted(tmp_path), STEPS)
    assert found.captions == 4
    assert found.lengths is not None
    assert found.lengths.mean == pytest.approx((9 + 7 + 4 + 5) / 4)
    assert found.objects is not None
    assert found.objects.commonest == (("cup", 3), ("bread", 1), ("knife", 1)), "the dropped clip's sword is not in it"
    assert (found.objects.kinds, found.objects.once) == (3, 2)
    assert found.actions is not None
    assert found.actions.commonest == (("hold", 3), ("carry", 1), ("cut", 1))
    assert found.words is not None
    assert dict(found.words.commonest)["cup"] == 3
    assert "the" not in dict(found.words.commonest)
    assert found.pairs == 4


def test_growth_ends_with_all_and_never_falls(tmp_path: Path) -> None:
    growth = statistics(counted(tmp_path), STEPS).growth
    assert growth[-1] == (5, 3, 3, 4)
    assert [point[0] for point in growth] == [1, 2, 3, 4, 5]
    for column in zip(*growth, strict=True):
        assert list(column) == sorted(column)


def test_the_matrix_counts_clips(tmp_path: Path) -> None:
    matrix = statistics(counted(tmp_path), STEPS).matrix
    assert matrix == (("hold", "carry", "cut"), ("cup", "bread", "knife"), ((2, 0, 1), (1, 0, 0), (0, 1, 0)))


def test_sources_and_licences_are_whole(tmp_path: Path) -> None:
    found = statistics(counted(tmp_path), STEPS)
    assert found.sources == {"own": (2, 18.0), "pexels": (2, 6.0), "not named": (1, 6.0)}
    assert found.licences == {"CC-BY-4.0": 2, "Pexels License": 2, "not stated": 1}


def test_table_1_has_the_papers_rows_and_ours(tmp_path: Path) -> None:
    table = statistics(counted(tmp_path), STEPS).table
    assert len(table) == 12
    paper = Path(__file__).parents[3] / "shared" / "hoigen1m_paper.txt"
    if paper.exists():
        printed = paper.read_text(encoding="utf-8")
        for row in paper_rows():
            cells = [row["videos"], row["hours"], row["resolution"], row["scenario"], row["caption"]]
            assert "\t".join(cells) in printed, row
    ours = table[-1]
    assert (ours["videos"], ours["resolution"], ours["caption"], ours["checked"]) == (
        "5",
        "720p+",
        "Short (6 words)",
        "no",
    )
    assert ours["hours"] == short(30 / 3600)


def test_checked_by_people_is_a_share_of_all(tmp_path: Path) -> None:
    run = counted(tmp_path)
    said = {"a": "yes", "b": "no", "c": "yes", "f": "yes"}
    Annotations(run).append(
        [Annotation(clip=name, question="hoi", value=value, who="ann", tool="test") for name, value in said.items()]
    )
    found = statistics(run, STEPS)
    assert found.verified == (2, 3), "f is dropped"
    assert found.table[-1]["checked"] == "40 % of the clips"
    Annotations(run).append([Annotation(clip="a", question="sharp", value="yes", who="ann", tool="test")])
    with pytest.raises(UsageError, match="annotations of 2 questions"):
        statistics(run, STEPS)
    assert statistics(run, STEPS, "hoi").verified == (2, 3)


def test_after_a_review_stats_and_release_go_by_the_same_question(tmp_path: Path) -> None:
    run = counted(tmp_path / "hands")
    said = [("keep", {"a": "keep", "b": "drop", "c": "yes"}, "ann"), ("human", {"a": "yes", "c": "no"}, "review"),
            ("keep.reason", {"b": "blurred"}, "ann"), ("good", {"a": "yes"}, "ben")]  # fmt: skip
    Annotations(run).append(
        [
            Annotation(clip=clip, question=question, value=value, who=who, tool="test")
            for question, values, who in said
            for clip, value in values.items()
        ]
    )
    assert statistics(run, STEPS).verified == (2, 3)
    assert statistics(run, STEPS, "human").verified == (1, 2)
    made = release(run.path, licence="CC-BY-NC-4.0", creator="The team", contact="team@example.org").made
    review = made.facts.review
    assert review is not None
    assert (review.question, review.yes, review.clips) == ("keep", 2, 3)
    for command in (lambda: statistics(run, STEPS, "hoi"), lambda: release(
        run.path, licence="CC-BY-NC-4.0", creator="x", contact="y", version="2.0.0", question="hoi"
    )):  # fmt: skip
        with pytest.raises(UsageError, match="--question 'hoi': nobody was asked that"):
            command()


def test_what_is_not_known_is_told(tmp_path: Path) -> None:
    found = statistics(counted(tmp_path, captions=False, categories=False), STEPS)
    assert (found.captions, found.lengths, found.objects, found.interactions) == (0, None, None, None)
    assert [line.partition(":")[0] for line in found.missing] == ["captions", "interactions, objects, actions"]
    assert "hoigen caption" in found.missing[0]
    assert json.loads(as_json(found))["clips"] == 5


def test_captions_that_lack_are_told(tmp_path: Path) -> None:
    run = counted(tmp_path)
    failed = f"1 of 5 kept clips have none (1 failed: hoigen caption {run.path} --retry asks again)"
    assert failed in " ".join(statistics(run, STEPS).missing)
    run.captions("single", "0" * 12).write(1, [caption("e", "A cup.")])
    asked = f"1 of 5 kept clips have none (hoigen caption {run.path})"
    assert asked in " ".join(statistics(run, STEPS).missing)


def test_captions_of_the_list_are_told_and_counted_where_they_are_asked_for(tmp_path: Path) -> None:
    run = counted(tmp_path / "run", captions=False)
    listed(run, {"a": "A man holds a cup.", "d": " A man holds a cup of cocoa. ", "e": " ", "f": "It is dropped."})
    ways = f"none yet (hoigen caption {run.path}; 2 of the list: hoigen stats {run.path} --captions list counts those)"
    assert f"captions: {ways}" in statistics(run, STEPS).missing
    found = statistics(run, STEPS, listed=True)
    assert found.captions == 2
    assert found.lengths is not None
    assert found.lengths.mean == (5 + 7) / 2
    assert found.words is not None
    assert dict(found.words.commonest)["cocoa"] == 1
    assert "captions: 3 of 5 kept clips have none in the input list" in found.missing
    assert main(["stats", str(run.path), "--captions", "list"]) == 0
    assert json.loads((run.path / "stats" / "stats.json").read_text())["captions"] == 2


def test_markup_is_no_word(tmp_path: Path) -> None:
    run = counted(tmp_path)
    marked = 'Two <b class="spoon">men</b> carry a cup&nbsp;&amp; saucer: https://example.org/fork'
    run.captions("single", "0" * 12).write(1, [caption("e", marked)])
    found = statistics(run, STEPS)
    assert found.words is not None
    words = dict(found.words.commonest)
    assert words["saucer"] == words["men"] == 1
    assert not {"b", "nbsp", "amp", "class", "spoon", "https", "fork"} & words.keys()
    assert found.lengths is not None
    assert found.lengths.mean == pytest.approx((9 + 7 + 4 + 7) / 4), "Two men carry a cup & saucer:"


def test_nothing_kept_is_one_error(tmp_path: Path) -> None:
    none = [STEPS[0], step("motion", fingerprint="0" * 12, motion=Rule(min=99))]
    with pytest.raises(UsageError, match="keeps no clip: hoigen funnel"):
        statistics(counted(tmp_path), none)
    waiting = [STEPS[0], step("motion", fingerprint="1" * 12)]
    with pytest.raises(UsageError, match=r"keeps no clip: \d clips are not decided yet.* says what they wait for"):
        statistics(counted(tmp_path / "two"), waiting)


def test_the_balance_is_explained(tmp_path: Path) -> None:
    run = counted(tmp_path)
    rows = [{"id": name, "grp": "hold cup", "place": at, "quota": 1, "words": ""} for at, name in enumerate("ac")]
    sets.write(run, "balance", rows, {"came": 5, "by": "interaction", "how": "plain", "seed": 0})
    found = statistics(run, STEPS)
    assert found.clips == 4
    assert found.balance == (("hold cup", 2, 1),)
    assert found.groups["balance"]["by"] == "interaction"


def test_the_command_writes_page_figures_and_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib", reason="extra [stats]: make test brings it")
    counted(tmp_path)
    assert main(["stats", str(tmp_path)]) == 0
    names = {path.name for path in (tmp_path / "stats").iterdir()}
    figures = {name.partition(".")[0] for name in names if name.endswith(".png")}
    assert figures == {"figure3", "caption_length", "figure5", "words", "long_tail", "growth", "matrix", "sources"}
    assert names == {"stats.html", "stats.json"} | {f"{name}.{kind}" for name in figures for kind in ("svg", "png")}
    assert json.loads((tmp_path / "stats" / "stats.json").read_text())["clips"] == len(CLIPS) - 1
    assert "5 clips of 4 videos" in capsys.readouterr().out
    before = {path.name: path.read_bytes() for path in (tmp_path / "stats").iterdir()}
    clip_stats(tmp_path)
    assert {path.name: path.read_bytes() for path in (tmp_path / "stats").iterdir()} == before, "the same every time"


def test_growth_is_drawn_from_two_clips_on_and_names_lie_apart(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="extra [stats]: make test brings it")
    from hoigen.pages import plots

    found = statistics(counted(tmp_path), STEPS)
    drawn = plots.drawn(found, "growth", "svg").decode()
    assert "3 objects, actions" in drawn, "two lines end at 3"
    assert "4 pairs" in drawn
    assert "growth" not in plots.figures(replace(found, growth=found.growth[:1])), "one clip is a point"


def test_letters_that_a_font_lacks_are_looked_for_in_others(monkeypatch: pytest.MonkeyPatch) -> None:
    matplotlib = pytest.importorskip("matplotlib", reason="extra [stats]: make test brings it")
    from hoigen.pages import plots

    monkeypatch.setattr(plots, "ALSO", ("no such font", "STIXGeneral"))
    with plots._styled("png"):
        assert matplotlib.rcParams["font.family"] == ["DejaVu Sans", "STIXGeneral"]
    with plots._styled("page"):
        assert matplotlib.rcParams["font.family"] == ["DejaVu Sans"]


def test_without_matplotlib_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    run = counted(tmp_path)
    monkeypatch.setitem(sys.modules, "hoigen.pages.plots", None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises((UsageError, ModuleNotFoundError)):
        clip_stats(run.path)
    assert not (tmp_path / "stats").exists()


@pytest.mark.parametrize(("width", "expected"), [(0.013, 0.02), (1.0, 1.0), (2.1, 2.5), (7, 10), (0.25, 0.25)])
def test_bars_have_widths_that_people_use(width: float, expected: float) -> None:
    assert nice(width) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("number", "text"), [(35_000, "35K"), (1_100_000, "1.1M"), (0.25, "0.25"), (2200, "2.2K"), (11, "11")]
)
def test_numbers_are_written_as_in_table_1(number: float, text: str) -> None:
    assert short(number) == text


def test_statistics_of_a_run_in_a_store_name_no_folder_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib", reason="extra [stats]: make test brings it")
    monkeypatch.setenv("HOIGEN_HOME", str(tmp_path))
    monkeypatch.setenv("HOIGEN_SCHEMES", "memory")
    run = counted(side.place_of("memory://stats/run"), captions=False)
    assert main(["stats", "memory://stats/run"]) == 0
    for name in ("stats.json", "stats.html"):
        said = (run.path / "stats" / name).read_text()
        assert "hoigen caption memory://stats/run" in said
        assert str(tmp_path) not in said
