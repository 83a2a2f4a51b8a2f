"""The page of an evaluation: its facts out of runs, its drawings, and the page in a real browser."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_runs import Made, make_run
from nasty import NASTY, model_file, picture

import hoigen
from browser import CONTRAST, DESKTOP, PHONE, until, visits
from hoigen.commands.report import report
from hoigen.core.errors import UsageError
from hoigen.core.registry import own_numbers
from hoigen.data.run import Run
from hoigen.evaluation.models.grid import Table
from hoigen.pages import takes
from hoigen.pages.evalfacts import Card, ContactCurve, EvaluationFacts, Take
from hoigen.pages.evalgather import gather_evaluation
from hoigen.pages.evalpage import render, write_evaluation
from hoigen.pages.facts import Box, FailureGroup, Picture
from hoigen.pages.overlay import curve, drawn, overlaid

SUITE = {"name": "mine", "digest": "1", "file": "/none.json"}
COLUMNS = [own_numbers()[name] for name in ("coarse_any", "fine_hoi", "text_boxes")]


def values(worth: float) -> dict[str, float]:
    return {"hoi_lite": worth, "technical_quality": 0.5, "text_boxes": 2.0}


def made(folder: Path, *videos: Made, **more: Any) -> Run:
    return Run(make_run(folder, videos, suite=SUITE, prompts=["ride_bicycle", "hold_dog"], models=more))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    videos = [
        Made("a", "ride_bicycle", values(0.9)),
        Made("a", "hold_dog", values(0.2)),
        Made("b", "ride_bicycle", values(0.5), fps=8),
        Made("b", "hold_dog", failed="the decoder broke"),
    ]
    return made(tmp_path / "run", *videos, a={"missing": ["pet_cat"]})


def test_facts_count_every_video_and_the_worst_come_first(run: Run) -> None:
    facts = gather_evaluation(run)
    assert facts.headline == ("4", " videos of 2 models")
    assert [card.takes[0].values["hoi_lite"] for card in facts.cards] == [None, 0.2, 0.5, 0.9]
    assert facts.cards[0].takes[0].counts["hoi_lite"] == 0, "what failed is the worst"
    assert facts.cards[0].takes[0].failure.endswith("the decoder broke")
    assert "the decoder broke" in facts.cards[0].takes[0].reasons["hoi_lite"]
    assert [(group.count, group.examples) for group in facts.failures] == [(1, ("/videos/b/hold_dog-0.mp4",))]
    assert facts.notes == ["a: no video for 1 prompt (pet_cat)"]
    assert any("frame rate" in told for told in facts.warnings)
    assert len(facts.rows) == 4
    assert all(card.takes[0].missing for card in facts.cards), "these videos are not there"


def test_of_many_videos_some_are_shown_from_worst_to_best(tmp_path: Path) -> None:
    videos = [Made("a", "ride_bicycle", values(at / 100), sample=at) for at in range(60)]
    facts = gather_evaluation(made(tmp_path / "run", *videos), shown=5)
    worth = [card.takes[0].values["hoi_lite"] for card in facts.cards]
    assert worth == sorted(worth)
    assert (len(worth), facts.cards_of, len(facts.rows)) == (5, 60, 60)
    assert worth[0] < 0.1
    assert worth[-1] >= 0.5
    assert "5 of 60 videos shown" in render(facts)


def test_two_runs_are_paired_by_prompt(tmp_path: Path, run: Run) -> None:
    after = made(tmp_path / "after", Made("tuned", "ride_bicycle", values(0.8)), Made("tuned", "pet_cat", values(0.7)))
    one = made(tmp_path / "before", Made("base", "ride_bicycle", values(0.6)), Made("base", "hold_dog", values(0.7)))
    facts = gather_evaluation(one, after)
    [card] = facts.cards
    assert [take.model for take in card.takes] == ["base", "tuned"]
    assert [take.values["hoi_lite"] for take in card.takes] == [0.6, 0.8]
    assert any(table.title == "tuned minus base, on the same prompts" for table in facts.tables)
    assert report(one.path, beside=after.path) == one.path / "beside_after.html"
    within = gather_evaluation(run, Run(run.path))
    assert [take.model for take in within.cards[0].takes] == ["a", "b"]
    assert within.cards_of == 2


def test_what_cannot_be_paired_is_refused(tmp_path: Path, run: Run) -> None:
    other = made(tmp_path / "other", Made("c", "pet_cat", values(0.8)))
    with pytest.raises(UsageError, match="pairs with another"):
        gather_evaluation(run, other)
    with pytest.raises(UsageError, match="it has 1: c"):
        gather_evaluation(other, Run(other.path))
    plain = Run(make_run(tmp_path / "plain", [Made("a", "pet_cat", values(0.8))]))
    with pytest.raises(UsageError, match="an evaluation and a curation have nothing to compare"):
        report(other.path, beside=plain.path)


def test_a_real_evaluation_ends_with_its_page(tmp_path: Path, tiny_video: Path) -> None:
    for model in ("a", "b"):
        (tmp_path / "videos" / model).mkdir(parents=True)
        shutil.copy(tiny_video, tmp_path / "videos" / model / "drink-0.mp4")
    suite = {
        "suite": "mine",
        "version": 1,
        "prompts": [{"id": "drink", "prompt_short": "A man drinks.", "verb": "sip"}],
    }
    (tmp_path / "suite.json").write_text(json.dumps(suite))
    sets = ["measures=[temporal_flickering, coarse_hoi]"]
    hoigen.evaluate(
        videos=[tmp_path / "videos"], prompts=tmp_path / "suite.json", run=tmp_path / "run", set=sets, quiet=True
    )
    page = (tmp_path / "run" / "report.html").read_text()
    assert page.count("data:image/webp") == 2 * takes.FRAMES
    assert "the detector knows no verbs" in page
    assert page.count("observer lite, theta 0.3") == 2


LOOKS = '''
from dataclasses import replace
from pathlib import Path
from hoigen import Clip, Frames, Sampling, Score, measure

@measure("looks")
class Looks:
    """Whether the run's page can be made while it is measured, 0 or 1."""
    sampling: Sampling = Sampling(frames=1, short_side=16)

    def __call__(self, clip: Clip, frames: Frames) -> Score:
        from hoigen.commands.report import report
        page = report(Path({run!r}), out=Path({run!r}).parent / "early.html", shown=0)
        return Score(float("1 video of 1 model" in page.read_text()))
'''


def test_a_run_under_way_has_its_page(tmp_path: Path, tiny_video: Path) -> None:
    (tmp_path / "videos").mkdir()
    shutil.copy(tiny_video, tmp_path / "videos" / "A man drinks-0.mp4")
    (tmp_path / "prompts.txt").write_text("A man drinks\n")
    (tmp_path / "looks.py").write_text(LOOKS.format(run=str(tmp_path / "run")))
    hoigen.trust(tmp_path / "looks.py")
    (tmp_path / "recipe.yaml").write_text("measures: [metadata, ./looks.py]\n")
    given = {"videos": [tmp_path / "videos"], "prompts": tmp_path / "prompts.txt", "recipe": tmp_path / "recipe.yaml"}
    hoigen.evaluate(run=tmp_path / "run", report=False, quiet=True, set=["workers=1"], **given)
    facts = gather_evaluation(Run(tmp_path / "run"))
    assert facts.cards[0].takes[0].stills
    with open(tmp_path / "videos" / "A man drinks-0.mp4", "ab") as file:  # another file now, which decodes as well
        file.write(b"\0\0\0\x08free")
    [take] = gather_evaluation(Run(tmp_path / "run")).cards[0].takes
    assert not take.stills
    assert take.missing.startswith("the file has changed since it was measured")
    assert [card.takes[0].values["looks"] for card in facts.cards] == [1.0]
    assert "looks was not measured" not in render(facts)
    assert "not measured yet" in (tmp_path / "early.html").read_text()


def test_overlays_are_those_of_the_followed_pair() -> None:
    points = {"left_shoulder": [0.4, 0.2], "left_elbow": [0.45, 0.4], "right_wrist": [0.6, 0.5]}
    fine = {
        "person": [0.1, 0.1, 0.5, 1.2],
        "object": [0.5, 0.5, 0.6, 0.6],
        "points": points,
        "outline": [[[0.5, 0.5]] * 3],
    }
    coarse = {"pairs": [{"person": [0, 0, 1, 1], "box": [0, 0, 0.5, 0.5], "object": "cell_phone", "score": 0.5}]}
    bare = Picture(source="", time=0.0)
    both = overlaid(bare, {**fine, "hands": [[[at / 30, 0.5] for at in range(21)]]}, coarse)
    assert [box.kind for box in both.boxes] == ["person", "object"]
    assert both.boxes[0].bottom == 1.0
    assert both.bones[0] == ((0.4, 0.2), (0.45, 0.4))
    assert len(both.bones) == 1 + 21
    alone = overlaid(bare, None, coarse)
    assert [box.label for box in alone.boxes] == ["", "cell phone"]
    assert drawn(bare, 1.5) is None
    assert 'points="75.0,50.0 75.0,50.0 75.0,50.0"' in str(drawn(both, 1.5))


def test_the_curve_fills_contact_and_hatches_what_was_not_seen() -> None:
    times = [0.0, 1.0, 2.0, 3.0]
    facts = ContactCurve(
        times=times,
        gap=[1, 0, 0.5, 1],
        contact=[False, True, True, False],
        seen=[True, True, True, False],
        duration=4.0,
    )
    drawing = str(curve(facts, [2.0]))
    assert 'x="125.0" y="4.0" width="500.0" height="68" class="touch"' in drawing
    assert 'x="625.0" y="4.0" width="375.0" height="68" class="notseen"' in drawing
    assert "contact in 50.0 % of 4 frames" in drawing
    assert drawing.count('class="mark"') == 1


def test_only_pairs_above_theta_are_said() -> None:
    pairs = [
        {
            "person": [0, 0, 1, 1],
            "box": [0, 0, 1, 1],
            "object": "cup",
            "score": 0.9,
            "verbs": {"hold": 0.25, "sip": 0.1},
        },
        {"person": [0, 0, 1, 1], "box": [0, 0, 1, 1], "object": "wine_glass", "score": 0.4, "verbs": {"hold": 0.7}},
    ]
    _, said = takes._counted({"time": 0.5, "pairs": pairs}, 0.3)
    assert said == "hold wine glass 0.70"
    assert takes._counted({"time": 0.5, "pairs": pairs}, 0.8)[1] == "no pair"
    assert takes._counted(None, 0.3) == (None, "")


def facts_of(beside: bool = False) -> EvaluationFacts:
    """A page with names that try to break it."""

    def take(at: int, model: str) -> Take:
        box = Box(left=0.1, top=0.2, right=0.5, bottom=0.9, kind="object", label=NASTY[0])
        outline, bone = [(0.2, 0.2), (0.6, 0.2), (0.4, 0.8)], ((0.2, 0.2), (0.4, 0.5))
        source = [picture(90 + 9 * n, n).source for n in range(8)]
        stills = [
            Picture(source=source[n], time=n, boxes=(box,), outlines=[outline], bones=[bone], said="hold cup 0.61")
            for n in range(8)
        ]
        line = ContactCurve(
            times=[0, 1, 2], gap=[0, 0.4, 1], contact=[True, True, False], seen=[True, False, True], duration=3
        )
        return Take(
            name=NASTY[at % len(NASTY)],
            model=model,
            uri=NASTY[at % len(NASTY)],
            width=640,
            height=360 if at % 3 else 1138,
            values={"coarse_any": (at * 7 % 10) / 10, "fine_hoi": None if at == 2 else 0.9 - at / 20, "text_boxes": at},
            reasons={"fine_hoi": "nobody <i>is</i> seen"} if at == 2 else {},
            stills=stills if at != 4 else (),
            missing="gone" if at == 4 else "",
            curve=line if at % 2 else None,
            facts=[("fine_hoi", "contact-gap 1")],
        )

    models = ["one", "<b>two</b>"]
    cards = [
        Card(
            prompt=f"A person <b>opens</b> jar {at}.",
            about="open jar",
            verb="open" if at < 4 else "close",
            takes=[take(at, models[0]), take((at + 3) % 9, models[1])] if beside else [take(at, models[at % 2])],
        )
        for at in range(9)
    ]
    return EvaluationFacts(
        title="run <x>",
        made="23 November 2026",
        machine="box",
        recipe="measures: []",
        versions={"hoigen": "0.1.0"},
        headline=("9", " videos of 2 models"),
        figures=[("prompts", "9 of 306")],
        warnings=["models differ in <frame> rate"],
        tables=[],
        columns=COLUMNS,
        cards=cards,
        rows=cards,
        cards_of=9,
        failures=[FailureGroup(where="", reason="broke", count=1, examples=(NASTY[1],))],
        notes=["a note"],
        models=[model_file("m", "fine_hoi")],
        beside=beside,
    )


@pytest.fixture(scope="module", params=[False, True], ids=["alone", "beside"])
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_evaluation(facts_of(request.param), tmp_path_factory.mktemp("page") / "report.html").as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_it_opens_whole(visit: Any, viewport: dict[str, int], scheme: str) -> None:
    page = visit(viewport, color_scheme=scheme)
    until(page, "[...document.images].every((image) => image.complete)")
    assert page.evaluate("document.images.length") >= 64
    assert page.evaluate("[...document.images].filter((image) => !image.naturalWidth).length") == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert page.locator("article.video").count() == 9
    shots = page.locator(".shot").first.bounding_box()
    assert shots["height"] > 20
    ratios = page.evaluate(
        CONTRAST, "h1, h1 em, h2, h3, small, p, th, td, dt, dd, summary, figcaption, button, .warnings li"
    )
    assert [pair for pair in ratios if pair[0] < 4.5] == []


def shown(page: Any) -> list[str]:
    titles = page.locator("article.video:visible h3").all_inner_texts()
    return [title.split()[-1].strip(".") for title in titles]


def test_cards_are_sorted_by_a_number_undefined_ones_last(chromium: Any, tmp_path: Path) -> None:
    with visits(chromium, write_evaluation(facts_of(), tmp_path / "p.html").as_uri()) as go:
        page = go(DESKTOP)
        page.locator("[data-sort]").select_option("fine_hoi")
        assert shown(page) == ["8", "7", "6", "5", "4", "3", "1", "0", "2"]
        page.locator("[data-turn]").click()
        assert shown(page) == ["0", "1", "3", "4", "5", "6", "7", "8", "2"]
        page.locator("[data-sort]").select_option("text_boxes")
        assert shown(page)[0] == "0", "of text boxes, few are best"


def test_cards_are_found_by_words_and_by_model(chromium: Any, tmp_path: Path) -> None:
    with visits(chromium, write_evaluation(facts_of(), tmp_path / "p.html").as_uri()) as go:
        page = go(DESKTOP)
        page.locator("[data-find]").fill("opens JAR 日本語")
        until(page, "document.querySelectorAll('article.video:not([hidden])').length === 1")
        assert shown(page) == ["2"]
        page.locator("[data-find]").fill("nothing such")
        assert page.locator(".nothing").is_visible()
        page.locator("[data-find]").fill("")
        page.locator("select[data-model]").select_option("<b>two</b>")
        assert shown(page) == ["1", "3", "5", "7"]


def test_cards_are_chosen_by_verb_and_a_row_leads_to_a_hidden_card(chromium: Any, tmp_path: Path) -> None:
    with visits(chromium, write_evaluation(facts_of(), tmp_path / "p.html").as_uri()) as go:
        page = go(DESKTOP)
        page.locator("select[data-verb]").select_option("close")
        assert shown(page) == ["4", "5", "6", "7", "8"]
        page.locator("[data-rows]").fill("JAR 日本語")
        rows = page.locator(".all tbody tr:visible")
        assert rows.count() == 1
        assert page.locator(".rowfind output").inner_text() == "1 of 9"
        rows.locator("a").click()
        assert len(shown(page)) == 9, "what is asked for is no longer filtered out"
        until(page, "document.activeElement.id === 'video-2'")
        until(page, "Math.abs(document.querySelector('#video-2').getBoundingClientRect().top) < 300")


def test_overlays_can_be_taken_away(visit: Any) -> None:
    page = visit(DESKTOP)
    assert page.locator(".overlay").first.is_visible()
    page.locator("[data-overlays]").click()
    assert not page.locator(".overlay").first.is_visible()


def test_rows_are_sorted_by_their_heads(chromium: Any, tmp_path: Path) -> None:
    with visits(chromium, write_evaluation(facts_of(), tmp_path / "p.html").as_uri()) as go:
        page = go(DESKTOP)
        head = page.locator(".all th", has_text="FineHOIScore")
        head.locator("button").click()
        cells = page.locator(".all tbody tr td:nth-child(5)").all_inner_texts()
        assert cells == ["50.00", "55.00", "60.00", "65.00", "70.00", "75.00", "85.00", "90.00", "–"]
        assert head.get_attribute("aria-sort") == "ascending"
        head.locator("button").click()
        assert page.locator(".all tbody tr td:nth-child(5)").first.inner_text() == "90.00"


def test_pairs_show_their_changes(chromium: Any, tmp_path: Path) -> None:
    with visits(chromium, write_evaluation(facts_of(beside=True), tmp_path / "p.html").as_uri()) as go:
        page = go(DESKTOP)
        row = page.locator("article.video").first.locator(".both tr", has_text="FineHOIScore")
        assert row.locator("td").all_inner_texts() == ["90.00", "75.00", "-15.00"]
        assert row.locator("td.loss").count() == 1
        page.locator("[data-sort]").select_option("coarse_any")
        firsts = page.evaluate(
            "[...document.querySelectorAll('article.video')].map((c) => JSON.parse(c.dataset.values).coarse_any)"
        )
        assert firsts == sorted(firsts)


def test_a_click_plays_the_video_beside_its_curve_and_a_failure_leads_to_its_moment(
    chromium: Any, tmp_path: Path, tiny_video: Path
) -> None:
    facts = facts_of()
    takes_ = facts.cards[1].takes
    wrong = [(0.2, 0.5, "vanishes"), (0.4, 0.4, "changes its size at once")]
    card = replace(facts.cards[1], takes=[replace(takes_[0], plays=takes.file_address(str(tiny_video)), wrong=wrong)])
    address = write_evaluation(replace(facts, cards=[card]), tmp_path / "p.html").as_uri()
    with visits(chromium, address) as go:
        page = go(DESKTOP)
        assert page.locator("video").count() == 0, "nothing is loaded before somebody clicks"
        assert page.locator(".wrong li").all_inner_texts() == ["vanishes 0.2–0.5 s", "changes its size at once 0.4 s"]
        bars = page.locator(".wrong .bars i")
        assert bars.count() == 2
        page.locator(".wrong li").nth(1).click()
        until(page, "document.querySelector('video') && document.querySelector('video').videoWidth > 0")
        until(page, "document.querySelector('.head').style.left !== ''")
        assert page.locator("video").count() == 1
        page.locator("[data-play]").click()
        assert page.locator("video").count() == 1


def test_the_table_comes_first_and_warnings_are_one_line(chromium: Any, tmp_path: Path) -> None:
    many = [f"model {at} has videos of other prompts ({at})" for at in range(80)]
    table = Table(
        name="models", title="Models", header=["model", "x"], rows=[["a", "1"]], notes=["one", "two", "three"]
    )
    facts = replace(facts_of(), warnings=many, tables=[table])
    with visits(chromium, write_evaluation(facts, tmp_path / "p.html").as_uri()) as go:
        page = go(DESKTOP)
        assert page.locator("table.means").bounding_box()["y"] < 700, "within the first screen"
        assert page.locator(".warnings li").first.is_visible() is False
        page.locator(".warned summary").click()
        assert page.locator(".warnings li").count() == 80


def test_only_files_of_this_machine_can_be_played(tmp_path: Path) -> None:
    assert takes.file_address(str(tmp_path / "a b.mp4")) == (tmp_path / "a b.mp4").as_uri()
    assert takes.file_address("https://somewhere/a.mp4") == ""
    assert takes.file_address("s3://bucket/a.mp4") == ""
    assert "media-src" not in write_evaluation(facts_of(), tmp_path / "p.html").read_text()
