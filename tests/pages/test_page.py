"""The page as text: numbers, escaping, empty runs, size."""

from __future__ import annotations

import dataclasses
import html.parser
import re
from pathlib import Path

import pytest

from hoigen.pages.facts import FailureGroup, Histogram, ReportFacts, Sheet, Stage, Threshold
from hoigen.pages.markup import Html, el, text
from hoigen.pages.page import headline, render, write_report
from hoigen.pages.words import anchor, clock, length, number, share, short_name

EMPTY = Sheet(key="kept", title="Kept", total=0)


class Page(html.parser.HTMLParser):
    """What a browser would see: elements with attributes, and text."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.open: list[str] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        self.words += data


def test_the_page_is_well_formed_and_says_the_numbers(facts: ReportFacts) -> None:
    page = Page(render(facts))
    assert page.open == []
    for said in ("412", "9,381", "−3,201", "100 failed", "34.1 % of all", "8 of 412 shown", "6 of 3,201 shown"):
        assert said in page.words, said
    assert headline(facts) == "412 of 9,381 clips kept"


def test_a_bar_says_what_is_not_decided_too(facts: ReportFacts) -> None:
    """Clips that wait for a person or a score are in it, and are neither dropped nor failed."""
    assert "2 dropped elsewhere, failed or not decided" in str(render(facts))


def test_nothing_comes_from_elsewhere(facts: ReportFacts) -> None:
    page = Page(render(facts))
    for tag, attributes in page.elements:
        assert tag not in ("link", "iframe", "object", "base")
        source = attributes.get("src") or attributes.get("href") or ""
        assert not source or source.startswith(("data:image/webp;base64,", "#")), source
    (policy,) = [a["content"] for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert str(policy).startswith("default-src 'none'; img-src data:;")


def test_names_cannot_become_markup(facts: ReportFacts) -> None:
    page = Page(render(facts))
    assert sum(tag == "script" for tag, _ in page.elements) == 1
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert "<script>alert(1)</script>" in page.words
    assert "日本語 😀 café" in page.words
    assert "\x00" not in page.words
    assert "control\N{REPLACEMENT CHARACTER}" in page.words


def test_written_whole_as_utf8_even_with_broken_names(facts: ReportFacts, tmp_path: Path) -> None:
    out = write_report(facts, tmp_path / "deep" / "report.html")
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [path.name for path in out.parent.iterdir()] == ["report.html"]


def test_ids_are_unique_and_links_lead_somewhere(facts: ReportFacts) -> None:
    page = Page(render(facts))
    ids = [attributes["id"] for _, attributes in page.elements if attributes.get("id")]
    links = {attributes["href"] for tag, attributes in page.elements if tag == "a"}
    assert len(ids) == len(set(ids))
    assert {str(link)[1:] for link in links} <= set(ids)
    assert "#dropped-motion" in links


def test_every_image_has_words(facts: ReportFacts) -> None:
    images = [attributes for tag, attributes in Page(render(facts)).elements if tag == "img"]
    assert len(images) == (8 + 5) * 3
    assert all(image["alt"] for image in images)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (ReportFacts(title="none"), "There was nothing to read"),
        (ReportFacts(title="none", kept_sheet=EMPTY), "No clips"),
        (
            ReportFacts(
                title="failed",
                videos=3,
                clips=3,
                failed=3,
                stages=(Stage(key="reading", title="reading", entered=3, failed=3),),
                kept_sheet=EMPTY,
                failures=(FailureGroup(where="reading", reason="garbage", count=3),),
            ),
            "3 failed",
        ),
        (
            ReportFacts(title="pending", videos=1, clips=4, pending=4, kept_sheet=EMPTY),
            "still to measure",
        ),
        (
            ReportFacts(title="one", videos=1, clips=1, dropped=1, kept_sheet=EMPTY),
            "No clip passed every rule.",
        ),
    ],
)
def test_empty_runs(given: ReportFacts, said: str) -> None:
    page = Page(render(given))
    assert page.open == []
    assert said in page.words


def test_a_score_without_values_is_no_error(facts: ReportFacts) -> None:
    bare = Histogram(score="motion", measure="motion", thresholds=(Threshold("min", 1),), unseen=9)
    page = Page(render(dataclasses.replace(facts, histograms=(bare,))))
    assert "No clip has a value." in page.words


def test_thresholds_are_drawn_where_they_cut(facts: ReportFacts) -> None:
    drawn = re.findall(r'<line x1="([\d.]+)"[^>]*class="threshold"', render(facts))
    assert [float(x) for x in drawn] == pytest.approx([8 + 0.02 * 384, 8 + 0.6 * 384, 8 + 0.5 * 384])


def test_whole_numbers_are_cut_between_their_bars(facts: ReportFacts) -> None:
    one = Histogram(
        score="text_boxes",
        measure="text_boxes",
        edges=(-0.5, 0.5, 1.5, 2.5, 3.5),
        kept=(4, 2, 0, 0),
        here=(0, 0, 3, 1),
        elsewhere=(0, 0, 0, 0),
        thresholds=(Threshold("max", 1),),
        discrete=True,
        low=0,
        median=1,
        high=3,
    )
    (x,) = re.findall(
        r'<line x1="([\d.]+)"[^>]*class="threshold"', render(dataclasses.replace(facts, histograms=(one,)))
    )
    assert float(x) == pytest.approx(8 + 384 / 2)


def test_text_is_escaped_unless_it_is_markup() -> None:
    assert el("p", "<b>", Html("<i>x</i>"), title='"') == '<p title="&quot;">&lt;b&gt;<i>x</i></p>'
    assert el("img", alt=None, hidden=True) == "<img hidden>"
    assert text("a\x00b\ud800") == "a\N{REPLACEMENT CHARACTER}b?"


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0"), (0.5, "0.5"), (0.12345, "0.123"), (1234.5, "1,234"), (29.97, "30"), (-0.002, "-0.002"), (3e-9, "3e-09")],
)
def test_numbers(value: float, said: str) -> None:
    assert number(value) == said


def test_words() -> None:
    assert (share(1, 100_000), share(99_999, 100_000), share(0, 5), share(1, 0)) == ("< 0.1 %", "> 99.9 %", "0 %", "–")
    assert (clock(0), clock(62.34), clock(3723.46), clock(59.99)) == ("0:00.0", "1:02.3", "1:02:03.5", "1:00.0")
    assert (length(5.55), length(700), length(12_000)) == ("5.5 s", "12 min", "3 h 20 min")
    assert short_name("/a/" + "x" * 100 + ".mp4").endswith("x.mp4")
    assert len(short_name("/a/" + "x" * 100 + ".mp4")) == 44
    assert anchor("dropped", "a b/<c>") == "dropped-a-b-c-"
