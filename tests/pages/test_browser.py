"""The page in a real browser: offline, without errors, at two widths, in light and dark, on paper."""

from __future__ import annotations

from typing import Any

import pytest

from browser import CONTRAST, DESKTOP, PHONE, until
from hoigen.pages.facts import ReportFacts
from hoigen.pages.page import write_report


@pytest.fixture(scope="module")
def address(facts: ReportFacts, tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_report(facts, tmp_path_factory.mktemp("page") / "report.html").as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_it_opens_whole(visit: Any, viewport: dict[str, int], scheme: str) -> None:
    page = visit(viewport, color_scheme=scheme)
    assert page.title().startswith("412 of 9,381 clips kept")
    assert page.locator("h1").inner_text() == "412 of 9,381 clips kept"
    until(page, "[...document.images].every((image) => image.complete)")
    assert page.evaluate("[...document.images].filter((image) => !image.naturalWidth).length") == 0
    assert page.evaluate("document.images.length") == 39
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    dark = page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(15, 17, 19)"
    assert dark == (scheme == "dark")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_can_be_read(visit: Any, scheme: str) -> None:
    page = visit(DESKTOP, color_scheme=scheme)
    ratios = page.evaluate(CONTRAST, "h1, h1 em, h2, h3, small, p, th, td, dt, dd, .lost, .failed, .won, .why")
    assert len(ratios) > 100
    assert [pair for pair in ratios if pair[0] < 4.5] == []


def test_the_funnel_says_the_facts(visit: Any, facts: ReportFacts) -> None:
    rows = visit(DESKTOP).locator(".funnel > li")
    said = rows.all_inner_texts()
    assert "9,381 clips" in said[0]
    for stage, words in zip(facts.stages, said[2:], strict=False):
        assert stage.title in words
        assert (f"−{stage.dropped:,}" in words) == (stage.dropped > 0)
        assert (f"{stage.failed:,} failed" in words) == (stage.failed > 0)
    assert "28" in said[1]
    assert "412" in said[-1]


def test_bands_are_as_wide_as_their_clips(visit: Any, facts: ReportFacts) -> None:
    page = visit(DESKTOP)
    whole = page.locator(".funnel .source .through").bounding_box()["width"]
    for index, stage in enumerate(facts.stages):
        wide = page.locator(".funnel > li .through").nth(index + 2).bounding_box()["width"]
        assert wide / whole == pytest.approx(stage.entered / facts.clips, abs=0.01)
    kept = page.locator(".funnel .kept .through").bounding_box()["width"]
    assert kept / whole == pytest.approx(facts.kept / facts.clips, abs=0.01)


def test_a_rule_leads_to_its_sheet(visit: Any) -> None:
    page = visit(DESKTOP)
    page.locator(".funnel a", has_text="motion").focus()
    page.keyboard.press("Enter")
    until(page, "document.activeElement.closest('#dropped-motion') !== null")
    until(page, "Math.abs(document.querySelector('#dropped-motion').getBoundingClientRect().top) < 300")


def test_histograms_show_their_thresholds(visit: Any) -> None:
    page = visit(DESKTOP)
    assert page.locator("#score-motion .threshold-label").all_text_contents() == ["min 0.02", "max 0.6"]
    assert page.locator("#score-motion line.threshold").count() == 2
    assert page.locator("#score-fps line.threshold").count() == 0
    card = page.locator("#score-motion svg").bounding_box()
    for line in page.locator("#score-motion line.threshold").all():
        assert card["x"] <= line.bounding_box()["x"] <= card["x"] + card["width"]


def test_a_clip_can_be_enlarged_by_keyboard(visit: Any) -> None:
    page = visit(DESKTOP)
    strip = page.locator("#kept .strip").first
    strip.focus()
    page.keyboard.press("Enter")
    dialog = page.locator("dialog")
    assert dialog.is_visible()
    assert "1 of 8" in dialog.locator(".place").inner_text()
    assert "motion" in dialog.locator(".scores").inner_text()
    assert dialog.locator(".box").first.is_visible()
    page.keyboard.press("b")
    assert not dialog.locator(".box").first.is_visible()
    page.keyboard.press("ArrowLeft")
    assert "8 of 8" in dialog.locator(".place").inner_text()
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert strip.evaluate("(element) => element === document.activeElement")


def test_hovering_tells_all_scores(visit: Any) -> None:
    page = visit(DESKTOP)
    scores = page.locator("#kept .tile .scores").first
    assert not scores.is_visible()
    page.locator("#kept .strip").first.hover()
    scores.wait_for(state="visible")


def test_pictures_keep_their_shape_inside_the_film(visit: Any, facts: ReportFacts) -> None:
    page = visit(DESKTOP)
    assert facts.kept_sheet is not None
    for index, shown in enumerate(facts.kept_sheet.tiles[:4]):
        tile = page.locator("#kept .tile").nth(index)
        frame, picture = (tile.locator(name).first.bounding_box() for name in (".frame", ".picture"))
        assert picture["width"] / picture["height"] == pytest.approx(shown.width / shown.height, rel=0.03)
        assert picture["width"] <= frame["width"] + 1
        assert picture["height"] <= frame["height"] + 1
        assert picture["y"] >= frame["y"] - 1


def test_boxes_lie_on_the_middle_picture(visit: Any) -> None:
    page = visit(DESKTOP)
    tile = page.locator("#kept .tile").nth(1)
    picture = tile.locator(".picture").nth(1).bounding_box()
    box = tile.locator(".box").bounding_box()
    assert (box["x"] - picture["x"]) / picture["width"] == pytest.approx(0.1, abs=0.02)
    assert box["height"] / picture["height"] == pytest.approx(0.7, abs=0.04)


def test_a_tile_without_pictures_says_why(visit: Any) -> None:
    blank = visit(DESKTOP).locator("#dropped-motion .blank")
    assert "killed by <signal> 11" in blank.inner_text()


def test_a_phone_swipes_and_taps(visit: Any) -> None:
    page = visit(PHONE, has_touch=True)
    tiles = page.locator("#kept .tiles")
    assert tiles.evaluate("(element) => element.scrollWidth > element.clientWidth")
    page.locator("#kept .strip").first.tap()
    dialog = page.locator("dialog")
    assert dialog.is_visible()
    assert dialog.bounding_box()["width"] <= 390
    dialog.locator("[data-close]").tap()
    assert not dialog.is_visible()


def test_the_recipe_can_be_copied(visit: Any, facts: ReportFacts) -> None:
    page = visit(DESKTOP, permissions=["clipboard-read", "clipboard-write"])
    page.locator("[data-copy]").click()
    until(page, "document.querySelector('[data-copy]').textContent === 'Copied'")
    assert page.locator("pre").inner_text().strip() == facts.recipe.strip()


def test_it_prints(visit: Any) -> None:
    page = visit(DESKTOP)
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    assert page.locator("#kept .tile").last.is_visible()
    assert len(page.pdf(format="A4", print_background=True)) > 20_000
