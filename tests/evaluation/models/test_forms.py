"""Tables in four forms: what comes out is what such files are, whatever the names hold."""

from __future__ import annotations

import csv
import io
from html.parser import HTMLParser

import pytest

from hoigen.core.stats.resample import Estimate, undefined
from hoigen.evaluation.models.forms import Format, tex, written
from hoigen.evaluation.models.grid import Cell, Table

NASTY = 'a|b & 50 % <i>_{x}$ "q" \\ ~ ^'
TABLE = Table(
    name="models",
    title=NASTY,
    header=["model", "CoarseHOIScore", "Text Boxes"],
    rows=[
        [NASTY, Cell(estimate=Estimate(value=0.4272, low=0.39, high=0.462), videos=58, of=60, best=True), "–"],
        ["b", Cell(estimate=undefined("nobody | is seen")), Cell(estimate=Estimate(value=1.5), percent=False)],
    ],
    better=("more", "less"),
    names={"CoarseHOIScore": "coarse_hoi", "Text Boxes": "text_boxes"},
    notes=["CoarseHOIScore of b: undefined: nobody | is seen", "a traceback\nof two lines"],
)


def test_markdown() -> None:
    text = written([TABLE], ["mind < this"], "markdown")
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert "> warning: mind < this" in text
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1
    assert "**42.72 [39.00, 46.20] (58/60)**" in text
    assert "CoarseHOIScore ↑" in text
    assert "Text Boxes ↓" in text
    assert "undefined: nobody | is seen" in text


def test_csv_is_long_and_has_shares_and_reasons() -> None:
    rows = list(csv.DictReader(io.StringIO(written([TABLE], ["w"], "csv"))))
    first, _, lacking, boxes = rows[:4]
    assert (first["table"], first["row"], first["column"]) == ("models", NASTY, "coarse_hoi")
    assert (float(first["value"]), float(first["low"]), first["videos"], first["of"]) == (0.4272, 0.39, "58", "60")
    assert (lacking["value"], lacking["reason"]) == ("", "nobody | is seen")
    assert boxes["value"] == "1.5"
    assert [row["text"] for row in rows if row["column"] == "warning"] == ["w"]


def test_latex_escapes_and_closes_what_it_opens() -> None:
    text = written([TABLE], [], "latex")
    assert text.count(r"\begin") == text.count(r"\end") == 2
    assert tex(NASTY) in text
    assert tex("50 % & _") == r"50 \% \& \_"
    body = text.split(r"\midrule")[1].split(r"\bottomrule")[0].strip().splitlines()
    assert all(line.replace(r"\&", "").count("&") == 2 and line.endswith(r"\\") for line in body)
    assert all(line.startswith("%") for line in text.splitlines() if "of two lines" in line)
    assert "[" not in "".join(body), "a bracket after a line's end would be its argument"


class Balance(HTMLParser):
    """Counts what is opened and not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.cells = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.cells += tag == "td"
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_html_is_closed_and_escaped() -> None:
    text = written([TABLE], ["<script>"], "html")
    balance = Balance()
    balance.feed(text)
    assert not balance.open
    assert balance.cells == 6
    assert "<i>" not in text
    assert "<script>" not in text
    assert 'title="nobody | is seen">undefined' in text
    assert "http" not in text


@pytest.mark.parametrize("format", ["markdown", "csv", "latex", "html"])
def test_nothing_is_ever_nan(format: Format) -> None:
    assert "nan" not in written([TABLE], [], format).lower()
