"""What measures declare of their numbers, and that all which reads a run goes by what the run says of them."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent / "evaluation" / "models"))

from made_runs import Made, make_run

import hoigen
from hoigen.commands.cli import main
from hoigen.commands.compare import compare
from hoigen.core.errors import UsageError
from hoigen.core.registry import find_measure, measure, measure_names, own_numbers
from hoigen.core.score import Number
from hoigen.core.trusted import grant
from hoigen.data.run import Run
from hoigen.evaluation.models import paper
from hoigen.evaluation.models.columns import chosen
from hoigen.evaluation.models.read import source_of
from hoigen.measures.fine.failures import KINDS
from hoigen.pages.evalfacts import EvaluationFacts
from hoigen.pages.evalgather import gather_evaluation
from hoigen.pages.evalpage import render
from hoigen.recipe.build import recipe_of
from hoigen.recipe.recipe import Recipe
from hoigen.rules.cascade import build_steps
from hoigen.rules.runfile import steps_of, write_run_file

SHARE = "%"
RANKED = (
    "coarse_hoi", "fine_act", "hoi_act", "fine_whole", "coarse_pair", "coarse_any", "fine_hoi_8fps", "fine_hoi",
    "hoi_lite",
)  # fmt: skip
"""Of the numbers that a run is ranked by, those before all others first (docs/which_number.md)."""
WRITTEN = {
    # The paper, section 4 and tables 2 to 4: "higher is better" for all nine.
    "subject_consistency": ("more", SHARE),
    "background_consistency": ("more", SHARE),
    "motion_smoothness": ("more", SHARE),
    "aesthetic_quality": ("more", SHARE),
    "imaging_quality": ("more", SHARE),
    "temporal_flickering": ("more", SHARE),
    "overall_consistency": ("more", SHARE),
    "coarse_hoi": ("more", SHARE),
    "fine_hoi": ("more", SHARE),
    # docs/coarse_hoi.md, docs/fine_hoi.md
    "coarse_any": ("more", SHARE),
    "coarse_pair": ("more", SHARE),
    "fine_hoi_8fps": ("more", SHARE),
    "fine_contact": ("more", SHARE),
    "fine_flips": ("less", "1/s"),
    "fine_presence": ("more", SHARE),
    "fine_longest": ("more", "s"),
    "fine_gap": ("less", SHARE),
    "fine_fit": ("more", SHARE),
    "fine_whole": ("more", SHARE),
    "fine_unnamed": ("more", SHARE),
    "fine_act": ("more", SHARE),
    "hoi_act": ("more", SHARE),
    # docs/hoi_lite.md: positive weights of five features, each 0..1
    "hoi_lite": ("more", SHARE),
    "hoi_person": ("more", SHARE),
    "hoi_hands": ("more", SHARE),
    "hoi_objects": ("more", SHARE),
    "hoi_named": ("more", SHARE),
    "hoi_held": ("more", SHARE),
    # The paper, section 3.1: by these it curates
    "hoi_judgement": ("more", SHARE),
    "hoi_likely": ("more", SHARE),
    "hoi_conspicuous": ("more", SHARE),
    "hoi_triplets": (None, ""),
    "duration": (None, "s"),
    "short_side": (None, "px"),
    "fps": (None, "fps"),
    "has_audio": (None, ""),
    "vfr": (None, ""),
    "clock_jumps": ("less", ""),
    "matching_score": ("more", ""),
    "desirable": ("more", ""),
    "listed_shots": ("less", ""),
    "hdr": (None, ""),
    "interlaced": (None, ""),
    "torn_frames": ("less", ""),
    "lost_packets": ("less", ""),
    "looks": (None, ""),
    "hash_change": (None, SHARE),
    "motion": (None, "diagonals/s"),
    "camera_motion": (None, "diagonals/s"),
    "subject_motion": (None, "diagonals/s"),
    "unimatch_flow": (None, "diagonals/s"),
    "aesthetics": ("more", ""),
    # docs/recipe.md: UltraVideo's bad frames
    "bordered_frames": ("less", "%"),
    "clipped_frames": ("less", "%"),
    "grey_frames": ("less", "%"),
    "bits_per_pixel": (None, ""),
    "text_boxes": ("less", ""),
    "text_area": ("less", SHARE),
    # what goes wrong: measures/fine/failures.py
    "hoi_failures": ("less", SHARE),
    **{f"fails_{kind}": ("less", SHARE) for kind in KINDS},
    # docs/coarse_hoi.md, what a judge says of the whole video
    "hoi_judge": ("more", SHARE),
    "judge_touch": ("more", SHARE),
    "judge_same": ("more", SHARE),
    "judge_flaws": ("less", SHARE),
    # What docs/experts and the sources that technical_quality names say of each
    "technical_quality": ("more", SHARE),
    "sharpness": ("more", SHARE),
    "exposure": ("more", SHARE),
    "contrast": ("more", ""),
    "colourfulness": (None, ""),
    "blockiness": ("less", ""),
}
"""Number -> which end is better, and its unit: from the pages and the paper, by hand."""


def test_direction_and_unit_of_every_number() -> None:
    found = {name: (number.better, SHARE if number.share else number.unit) for name, number in own_numbers().items()}
    assert found == WRITTEN
    given = [name for spec in measure_names() for name in find_measure(spec).emits]
    assert len(given) == len(set(given)) == len(WRITTEN), "no two measures give a number of one name"


def test_tables_begin_as_the_papers_do_and_runs_are_ranked_by_interactions() -> None:
    numbers = list(own_numbers().values())
    headlines = [number.name for number in chosen(numbers)]
    assert [name for name in headlines if name in paper.names()] == list(paper.names())
    ranked = sorted((number for number in numbers if number.rank), key=lambda number: number.rank or 0)
    assert [(number.name, number.rank) for number in ranked] == [(name, at) for at, name in enumerate(RANKED, 1)]
    page = (Path(__file__).parents[1] / "docs" / "compare.md").read_text(encoding="utf-8")
    assert ", ".join(f"`{name}`" for name in RANKED) in " ".join(page.split())


MINE = '''
from hoigen import Clip, Frames, Number, Sampling, Score, measure

@measure("grade", numbers=(
    Number(name="grade", label="Grade", better={better!r}, share=True),
    Number(name="haste", label="Haste", unit="m/s", better="less", headline=True),
))
class Grade:
    """What the file's name says, 0..1."""

    sampling: Sampling = Sampling(frames=0)

    def __call__(self, clip: Clip, frames: Frames) -> Score:
        at = ("drink", "hold", "ride").index(clip.uri.rpartition("/")[2].partition("-")[0])
        return Score((1 + at + 3 * ("/b/" in clip.uri)) / 8, {{}}, {{"haste": float(at)}})
'''
PROMPTS = [{"id": name, "prompt_short": f"A man {name}s.", "verb": name} for name in ("drink", "hold", "ride")]


def evaluated(folder: Path, video: Path, better: str | None, measures: str = "[motion, ./grade.py]") -> Run:
    """A run of three prompts and two models, of a measure of one's own that is asked for beside one of hoigen's."""
    folder.mkdir()
    for model in ("a", "b"):
        (folder / "videos" / model).mkdir(parents=True)
        for prompt in PROMPTS:
            shutil.copy(video, folder / "videos" / model / f"{prompt['id']}-0.mp4")
    (folder / "suite.json").write_text(json.dumps({"suite": "mine", "version": 1, "prompts": PROMPTS}))
    (folder / "grade.py").write_text(MINE.format(better=better))
    grant(folder / "grade.py")
    (folder / "recipe.yaml").write_text(f"measures: {measures}\nworkers: 1\n")
    told = hoigen.evaluate(
        videos=[folder / "videos"], prompts=folder / "suite.json", run=folder / "run", recipe=folder / "recipe.yaml",
        report=False, quiet=True,
    )  # fmt: skip
    arrow = {"more": " ↑", "less": " ↓", None: ""}[better]
    assert f"| Grade{arrow} " in told.table
    assert "| Haste, m/s ↓ |" in told.table
    return Run(folder / "run")


def shown(run: Run) -> tuple[str, str]:
    """What compare prints, and the page, without the day on it."""
    facts = gather_evaluation(run, shown=0)
    return str(compare([run.path], by=["verb"], draws=200)), render(facts)


def prompts_of(text: str, title: str) -> list[str]:
    """The first column of a table that compare printed."""
    lines = text.partition(f"### {title}\n")[2].partition("###")[0].splitlines()
    return [line.split("|")[1].strip() for line in lines if line.startswith("| ")][1:]


def test_reading_a_run_needs_no_measure(tmp_path: Path, tiny_video: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = evaluated(tmp_path / "x", tiny_video, "more")

    def read() -> list[Any]:
        capsys.readouterr()
        main(["table", str(run.path)])
        printed = capsys.readouterr().out
        suggested = str(hoigen.suggest(run.path, measure=["grade"], keep_share=0.5))
        return [*shown(run), printed, str(hoigen.funnel(run.path)), suggested]

    before = read()
    (tmp_path / "x" / "grade.py").unlink()
    assert read() == before
    text, page, printed, funnel, suggested = before
    assert "| Grade ↑ " in text
    assert "| Haste, m/s ↓ |" in text
    assert "62.50" in text, "b's 4, 5 and 6 eighths, in per cent"
    assert "no best in Grade" in text, "three prompts tell nobody apart"
    assert prompts_of(text, "Best interactions in Grade")[0] == "A man rides."
    assert "Grade\N{NO-BREAK SPACE}↑" in page
    assert '<option value="grade" selected>' in page
    assert "0.125" in printed, "for programs shares stay 0..1"
    assert "6 clips: 6 kept" in funnel
    assert "grade: {min: 0.5}" in suggested
    with pytest.raises(UsageError, match=r"grade\.py"):
        steps_of(run, ["measures.motion.slow=2"])


def test_a_flipped_declaration_turns_arrow_best_and_ranking(tmp_path: Path, tiny_video: Path) -> None:
    more, less = (evaluated(tmp_path / str(better), tiny_video, better) for better in ("more", "less"))
    (up, page_up), (down, page_down) = shown(more), shown(less)
    assert ("| Grade ↑ " in up, "| Grade ↓ " in down) == (True, True)
    assert ("test does not tell b and a apart" in up, "test does not tell a and b apart" in down) == (True, True)
    for title in ("Best", "Worst"):
        one, other = (prompts_of(text, f"{title} interactions in Grade") for text in (up, down))
        assert sorted(one) == sorted(other)
        assert one == other[::-1]
    assert prompts_of(up, "Best interactions in Grade") == ["A man rides.", "A man holds.", "A man drinks."]
    assert prompts_of(up, "Grade by verb") == ["ride", "hold", "drink"]
    assert prompts_of(down, "Grade by verb") == ["drink", "hold", "ride"]
    assert "Grade\N{NO-BREAK SPACE}↑" in page_up
    assert "Grade\N{NO-BREAK SPACE}↓" in page_down
    first = [_cards(gather_evaluation(run)) for run in (more, less)]
    assert first[0] == sorted(first[0]), "the worst first"
    assert first[1] == sorted(first[1], reverse=True)
    assert [gather_evaluation(run).rank for run in (more, less)] == ["grade", "grade"]
    gains = [render(gather_evaluation(run, Run(run.path))) for run in (more, less)]
    assert [(page.count('class="gain"') > 0, page.count('class="loss"') > 0) for page in gains] == [
        (True, False),
        (False, True),
    ]

    rows = [f"a/{prompt['id']}-0.mp4,{at}" for at, prompt in enumerate(PROMPTS, 1)]
    (tmp_path / "ratings.csv").write_text("\n".join(["video,rating", *rows]))
    for run, rho in ((more, 1.0), (less, -1.0)):
        agreed = hoigen.agree(run.path, tmp_path / "ratings.csv", measures=["grade"], draws=100)
        assert agreed.numbers[0].spearman.value == pytest.approx(rho)


def _cards(facts: EvaluationFacts) -> list[float]:
    return [float(card.takes[0].values["grade"] or 0) for card in facts.cards]


def test_neither_end_is_marked_where_none_is_declared(tmp_path: Path, tiny_video: Path) -> None:
    run = evaluated(tmp_path / "x", tiny_video, None, "[./grade.py]")
    text, _ = shown(run)
    assert "| 25.00 " in text
    assert "| 62.50 " in text
    assert gather_evaluation(run).rank == "haste", "of the two the one that has a better end"
    assert "Best interactions in Haste, m/s" in text
    assert "give --bound" in str(hoigen.suggest(run.path, measure=["grade"]))


def test_a_run_of_before_has_hoigens_own_declarations(tmp_path: Path) -> None:
    (tmp_path / "plain.py").write_text(
        MINE.replace("numbers=(", "emits=('grade', 'haste'), **dict(x=")
        .replace("{{", "{")
        .replace("}}", "}")
        .split("@measure")[0]
        + '@measure("grade", emits=("grade", "haste"))\nclass Grade:\n    """A grade."""\n\n'
        "    sampling: Sampling = Sampling(frames=0)\n\n"
        "    def __call__(self, clip, frames):\n        return Score(1.0)\n"
    )
    grant(tmp_path / "plain.py")
    videos = [Made(model, "ride_bicycle", {"technical_quality": 0.5, "grade": 0.5}) for model in ("a", "b")]
    run = Run(make_run(tmp_path / "run", videos, ["technical_quality", str(tmp_path / "plain.py")]))
    assert "measured" not in yaml.safe_load(run.recipe_file.read_text())
    text = str(compare([run.path], draws=100))
    assert "| Technical Quality ↑ |" in text
    assert "| grade " in text
    assert "| 0.5 " in text, "nothing is known of it: not in per cent"
    numbers = {number.name: number for number in source_of(run.path).numbers}
    assert (numbers["grade"].declared, numbers["technical_quality"].declared) == (False, True)


def test_compare_and_the_page_rank_a_run_by_the_same_number(tmp_path: Path) -> None:
    suite = {"suite": {"name": "mine", "digest": "1", "file": "/none.json"}, "prompts": ["ride_bicycle"], "models": {}}
    for at in range(len(RANKED) + 1):
        values = dict.fromkeys(RANKED[at:], 0.5) | {"technical_quality": 0.4, "motion": 1.0}
        videos = [Made("a", name, values) for name in ("ride_bicycle", "hold_dog")]
        measures = ["motion", "hoi_lite", "technical_quality", "coarse_hoi", "fine_hoi", "hoi_act"]
        run = Run(make_run(tmp_path / str(at), videos, measures, **suite))
        facts = gather_evaluation(run, shown=0)
        expected = [*RANKED, "technical_quality"][at]
        assert facts.rank == expected
        heading = own_numbers()[expected].heading
        assert f"### Best interactions in {heading}\n" in str(compare([run.path], draws=100))


def test_runs_that_declare_a_number_otherwise_are_warned_of(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / name, [Made(name, "hold_dog", {"technical_quality": 0.5})]) for name in ("a", "b", "c")]
    for at, path in enumerate(runs[:2]):
        run = Run(path)
        recipe, steps = steps_of(run)
        write_run_file(run, recipe_of({**recipe, "run": str(path)}, "run.yaml"), steps)
        text = run.recipe_file.read_text()
        changed = text.replace(
            "label: Technical Quality\n      better: more", "label: Technical Quality\n      better: less"
        )
        assert changed != text
        run.recipe_file.write_text(changed if at else text)
    told = (
        "technical_quality is declared otherwise (direction, unit or share) in {} and {}: it is shown as the first says"
    )
    for one, other, arrow in ((0, 1, "↑"), (1, 0, "↓"), (2, 1, "↑")):
        result = compare([runs[one], runs[other]], draws=100)
        assert told.format(runs[one], runs[other]) in result.warnings
        assert f"| Technical Quality {arrow} |" in str(result)
    assert not any("declared" in each for each in compare([runs[0], runs[2]], draws=100).warnings)


def test_columns_of_one_heading_are_told_apart() -> None:
    numbers = [Number(name="motion", label="Motion", headline=True), Number(name="mine", label="Motion", headline=True)]
    assert [number.heading for number in chosen(numbers)] == ["Motion (motion)", "Motion (mine)"]
    bare = [Number(name="x", headline=True), Number(name="y", label="x", headline=True)]
    assert [number.heading for number in chosen(bare)] == ["x", "x (y)"]


def own(**more: Any) -> Callable[[], Any]:
    def made() -> Any:
        @measure("mine", **more)
        class Mine:
            """How fine it is."""

        return Mine

    return made


def test_a_class_has_names_and_declarations() -> None:
    plain, named = own()(), own(emits=("mine", "fast"))()
    assert (plain.emits, named.emits) == (("mine",), ("mine", "fast"))
    assert [number.declared for number in (*plain.numbers, *named.numbers)] == [False] * 3
    assert [number.headline for number in named.numbers] == [True, False]
    assert [number.about for number in named.numbers] == ["How fine it is."] * 2
    told = own(numbers=(Number(name="fast", label="Speed", unit="m/s", better="more", about="Fast."),))()
    assert (told.emits, told.numbers[0].about, told.numbers[0].heading) == (("fast",), "Fast.", "Speed, m/s")


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (own(numbers=(Number(name="a"),), emits=("b",)), "emits: left out beside numbers"),
        (own(numbers=(Number(name="a"), Number(name="a"))), "each name once"),
        (lambda: Number(name="a", better="high"), "better: more, less or None; it came as 'high'"),  # type: ignore[arg-type]
        (lambda: Number(name="a", share=True, unit="s"), "unit: a share is shown in per cent"),
        (lambda: Number(name="a", rank=1), "rank: of a number of which one end is better"),
        (lambda: Number(name="a", rank=0, better="more"), "rank: a whole number, 1 or more"),
        (lambda: Number(name="a", place=1.5), "place: a whole number; it came as 1.5"),  # type: ignore[arg-type]
        (lambda: Number(name="a", share=1), "share: true or false; it came as 1"),  # type: ignore[arg-type]
        (lambda: Number(name="a", label=None), "label: a text; it came as None"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_declared(made: Callable[[], Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        made()


def test_a_method_of_that_name_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Mine\.numbers: that name holds what @measure declares"):

        @measure("mine")
        class Mine:
            def numbers(self) -> int:
                return 1


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("numbers", [{"name": "motion", "better": "up"}], "measured.motion.numbers[0].better"),
        ("numbers", [{"name": "motion", "sort": 1}], "measured.motion.numbers[0]"),
        ("numbers", [{"name": "id"}], "gives a score named 'id'"),
        ("numbers", [], "measured.motion: sampling and a list of numbers"),
        ("sampling", {"frames": -1}, "measured.motion.sampling"),
        ("fingerprint", "../../other", "fingerprints.motion: 12 hex digits; it came as '../../other'"),
    ],
)
def test_a_damaged_declaration_is_named(tmp_path: Path, key: str, value: Any, words: str) -> None:
    run = written(tmp_path / "run", ["motion"])
    facts = yaml.safe_load(run.recipe_file.read_text())
    if key == "fingerprint":
        facts["fingerprints"]["motion"] = value
    else:
        facts["measured"]["motion"][key] = value
    run.recipe_file.write_text(yaml.safe_dump(facts))
    with pytest.raises(UsageError) as error:
        steps_of(run)
    assert words in str(error.value)


def written(folder: Path, measures: list[Any]) -> Run:
    run = Run(folder)
    recipe = Recipe(videos="x", run=folder, measures=measures, keep={})
    write_run_file(run, recipe, build_steps(measures, {}))
    return run


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    measures = ["metadata", "hoi_lite", "motion_smoothness", "fine_hoi"]
    built = build_steps(measures, {"fps": {"min": 20}})
    run = written(tmp_path / "run", measures)
    _, read = steps_of(run, ["keep.fps.min=20"])
    for one, other in zip(built, read, strict=True):
        assert (one.name, one.numbers, one.rules, one.fingerprint, one.needs_frames) == (
            other.name,
            other.numbers,
            other.rules,
            other.fingerprint,
            other.needs_frames,
        )


@pytest.mark.parametrize(("revision", "kept"), [("", True), ("a" * 40, False)])
def test_a_machine_without_the_models_keeps_the_fingerprint_that_was_noted(
    tmp_path: Path, revision: str, kept: bool
) -> None:
    pinned = {"revision": revision} if revision else {}
    model = {"open_model": {"model": "none/such", **pinned}}
    judge = {"open_model": {"model": "none/other", "sees": False, **pinned}}
    measures: list[Any] = [{"hoi_judgement": {"describer": model, "judge": judge}}]
    run = written(tmp_path / "run", measures)
    facts = yaml.safe_load(run.recipe_file.read_text())
    facts["fingerprints"]["hoi_judgement"] = "0123456789ab"
    run.recipe_file.write_text(yaml.safe_dump(facts))
    [step] = steps_of(written(tmp_path / "run", measures))[1]
    assert (step.fingerprint == "0123456789ab") == kept
