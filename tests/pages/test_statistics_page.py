"""The page of statistics in a real browser: offline, in light and dark, with names that try to break it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from counted import NASTY, STEPS, counted

from browser import CONTRAST, DESKTOP, PHONE
from hoigen.dataset.statistics import statistics
from hoigen.pages.statspage import write_statistics

pytest.importorskip("matplotlib", reason="extra [stats]: make test brings it")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    run = counted(tmp_path_factory.mktemp("stats") / "<run>")
    path = run.path / "categories" / "categories.parquet"
    rows = pq.read_table(path).to_pylist()
    rows[0]["object"] = NASTY
    pq.write_table(pa.Table.from_pylist(rows, schema=pq.read_schema(path)), path)
    first, *_ = write_statistics(run, statistics(run, STEPS), run.path / "stats")
    return first.as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_it_opens_whole(visit: Any, viewport: dict[str, int], scheme: str) -> None:
    page = visit(viewport, color_scheme=scheme)
    assert page.locator("h1").inner_text() == "5 clips"
    assert page.locator("figure svg").count() == 8
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    fill = page.evaluate("getComputedStyle(document.querySelector('figure svg text')).fill")
    assert fill == ("rgb(236, 239, 241)" if scheme == "dark" else "rgb(21, 24, 27)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_can_be_read(visit: Any, scheme: str) -> None:
    ratios = visit(DESKTOP, color_scheme=scheme).evaluate(
        CONTRAST, "h1, h1 em, h2, h3, p, th, td, dt, dd, li, figcaption"
    )
    assert len(ratios) > 80
    assert [pair for pair in ratios if pair[0] < 4.5] == []


def test_names_of_strangers_are_text(visit: Any) -> None:
    page = visit(DESKTOP)
    assert page.locator("figure b").count() == 0
    assert "<b>$x$" in " ".join(page.locator("figure.matrix text").all_text_contents())


def test_figures_of_one_page_have_ids_of_their_own(visit: Any) -> None:
    ids = visit(DESKTOP).evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert len(ids) == len(set(ids))


def test_files_lie_where_links_lead(visit: Any, address: str) -> None:
    folder = Path(address.removeprefix("file://").replace("%3C", "<").replace("%3E", ">")).parent
    links = visit(DESKTOP).evaluate("[...document.querySelectorAll('.files a')].map((one) => one.getAttribute('href'))")
    assert len(links) == 16
    assert all((folder / link).stat().st_size > 1000 for link in links)
