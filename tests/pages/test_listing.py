"""The list of all clips: its rows are those of the run, and in a browser they are found, played and labelled."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nasty import NASTY

import hoigen
from browser import DESKTOP, PHONE, until, visits
from hoigen.core.errors import UsageError
from hoigen.data.run import Run
from hoigen.pages import listing
from hoigen.pages.facts import ClipList, ListedClip
from hoigen.pages.gather import gather
from hoigen.pages.page import write_report
from hoigen.rules.decide import connect
from hoigen.rules.runfile import steps_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_video: Path) -> Path:
    """Six good videos, two of odd names, one that is none; a run that keeps by motion, and one that keeps all."""
    where = tmp_path_factory.mktemp("list")
    (where / "videos").mkdir()
    for n, name in enumerate([*(f"take {number}" for number in range(6)), "<b>é #1 100% ?"]):
        other = b"\0\0\0\x09free" + bytes([n])  # a box that nobody reads: the same film is no copy then
        (where / "videos" / f"{name}.mp4").write_bytes(tiny_video.read_bytes() + other)
    (where / "videos" / "garbage.mp4").write_bytes(b"garbage" * 100)
    how: dict[str, Any] = {"measures": ["metadata"], "shots": "none", "workers": 1, "quiet": True}
    for name, keep in (("strict", {"duration": {"min": 99}}), ("loose", {"fps": {"min": 1}})):
        hoigen.curate(videos=where / "videos", run=where / name, keep=keep, **how)
    return where


def rows_in(page: Path) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="clip-data">(.*?)</script>', page.read_text(), re.S)
    assert found is not None
    return dict(json.loads(found[1]))


def test_every_clip_is_a_row_with_its_decision_and_its_numbers(folder: Path) -> None:
    run = Run(folder / "loose")
    data = rows_in(write_report(gather(run, shown=2), folder / "loose" / "p.html"))
    _, steps = steps_of(run)
    with connect(run, steps) as con:
        told = con.execute("select id, uri, state, rule, duration, fps from decided").fetchall()
    assert len(told) == len(data["clips"]) == 8
    at = {name: 9 + n for n, name in enumerate(data["numbers"])}
    for row, (id_, uri, state, rule, duration, fps) in zip(data["clips"], told, strict=True):
        assert (row[0], data["uris"][row[1]], row[4], row[5] or None) == (id_ or "", uri, state, rule)
        assert (row[at["duration"]], row[at["fps"]]) == (pytest.approx(duration), pytest.approx(fps))
    assert data["ruled"] == {"fps": "≥ 1"}
    sources = dict(zip(data["uris"], data["sources"], strict=True))
    odd = sources[str(folder / "videos" / "<b>é #1 100% ?.mp4")]
    assert odd == "../videos/%3Cb%3E%C3%A9%20%231%20100%25%20%3F.mp4"


def test_a_large_run_is_spread_evenly_and_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST", 3)
    facts = gather(Run(folder / "loose"), shown=0)
    assert facts.listing is not None
    assert (len(facts.listing.clips), facts.listing.total) == (3, 8)
    page = write_report(facts, folder / "loose" / "few.html").read_text()
    assert "3 of 8 clips, spread evenly over the input" in page


def test_two_runs_side_by_side_add_up(folder: Path) -> None:
    page = hoigen.report(folder / "strict", beside=folder / "loose")
    assert page == folder / "strict" / "beside_loose.html"
    facts = gather(Run(folder / "strict"), shown=0, beside=Run(folder / "loose"))
    assert facts.beside is not None
    assert facts.beside.counts == {("dropped", "kept"): 7, ("failed", "failed"): 1}
    assert {row[8] for row in rows_in(page)["clips"]} == {"kept", "failed"}


def test_a_run_beside_an_evaluation_is_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "loose", tmp_path / "e")
    (tmp_path / "e" / "evaluation.json").write_text("{}")
    with pytest.raises(UsageError, match="nothing to compare"):
        hoigen.report(folder / "loose", beside=tmp_path / "e")


def test_with_nothing_kept_the_page_says_which_rule_did_it(folder: Path) -> None:
    page = hoigen.report(folder / "strict", out=folder / "strict" / "none.html").read_text()
    assert "<b>No clip is kept. </b>duration dropped 7 of the 7 clips that reached it (≥ 99)." in page


def test_names_cannot_leave_the_data() -> None:
    clips = tuple(
        ListedClip(id=str(n), uri=uri, source="", start=0, end=1, state="kept", reason=uri, words=uri)
        for n, uri in enumerate(NASTY)
    )
    drawn = listing.clip_list(ClipList(run="</script><b>", total=8, numbers=(), ruled={}, clips=clips), None)
    _, _, inside = drawn.partition('id="clip-data">')
    data, _, after = inside.partition("</script>")
    assert "<" not in data
    assert json.loads(data)["uris"] == list(NASTY)
    assert after.startswith("<noscript>")


@pytest.fixture(scope="module")
def of_list(folder: Path) -> Path:
    """A run of a list with columns of its own: one is named like a number of the run, another by a stranger."""
    lines = [
        {"uri": "take 0.mp4", "licence": "CC-BY-4.0", "score": 3, "Fps": "thirty", "<b>=1": "x"},
        {"uri": "take 1.mp4", "licence": "CC0-1.0", "score": 0.5},
        {"uri": "take 2.mp4", "licence": "</script><b>" + "long" * 99},
    ]
    (folder / "videos" / "own.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    how: dict[str, Any] = {"measures": ["metadata"], "shots": "none", "workers": 1, "quiet": True}
    hoigen.curate(videos=folder / "videos" / "own.jsonl", run=folder / "own", keep={"fps": {"min": 1}}, **how)
    return folder / "own"


def test_columns_of_the_list_are_columns_of_the_page(of_list: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = rows_in(write_report(gather(Run(of_list), shown=0), of_list / "p.html"))
    given = dict(data["given"])
    assert given == {"<b>=1": False, "list_Fps": False, "licence": False, "score": True}
    at = {name: 9 + len(data["numbers"]) + n for n, name in enumerate(given)}
    assert [row[at["licence"]][:9] for row in data["clips"]] == ["CC-BY-4.0", "CC0-1.0", "</script>"]
    assert len(data["clips"][2][at["licence"]]) == listing.MOST_CELL
    assert [row[at["score"]] for row in data["clips"]] == [3, 0.5, None]
    assert [row[at["list_Fps"]] for row in data["clips"]] == ["thirty", None, None]
    monkeypatch.setattr(listing, "MOST_COLUMNS", 1)
    page = write_report(gather(Run(of_list), shown=0), of_list / "few.html")
    assert len(rows_in(page)["given"]) == 1
    assert "The list has 3 more columns: hoigen table writes them." in page.read_text()


# in a browser


@pytest.fixture(scope="module")
def address(folder: Path) -> str:
    return hoigen.report(folder / "loose", beside=folder / "strict").as_uri()


@pytest.fixture
def page(chromium: Any, address: str) -> Iterator[Any]:
    with visits(chromium, address) as visit:
        yield visit(DESKTOP)


def names(page: Any) -> list[str]:
    return list(page.locator(".clips .open").all_inner_texts())


def test_clips_are_searched_filtered_and_sorted(page: Any) -> None:
    assert len(names(page)) == 8
    assert page.locator(".found").inner_text() == "all 8"
    page.locator("#clips [name=text]").fill("3.mp4 TAKE")
    assert names(page) == ["take 3.mp4"]
    assert page.locator(".found").inner_text() == "1 of 8"
    page.locator("#clips button[type=reset]").click()
    until(page, "document.querySelectorAll('.clips .open').length === 8")
    page.locator("#clips [name=state]").select_option("failed")
    assert names(page) == ["garbage.mp4"]
    page.locator("#clips [name=state]").select_option("")
    page.locator("#clips [name=beside]").select_option("changed")
    assert len(names(page)) == 7, "kept here, dropped there"
    page.locator("#clips [name=beside]").select_option("")
    page.locator("#clips [name=number]").select_option("duration")
    page.locator("#clips [name=least]").fill("50")
    assert names(page) == []
    page.locator("#clips [name=least]").fill("0.1")
    assert len(names(page)) == 7, "what has no value is no number from 0.1"
    page.locator("#clips button[type=reset]").click()
    until(page, "document.querySelectorAll('.clips .open').length === 8")
    page.locator(".clips th button", has_text="file").click()
    up = names(page)
    page.locator(".clips th button", has_text="file").click()
    assert up == sorted(up)
    assert names(page) == up[::-1]
    page.locator(".clips th button", has_text="fps").click()
    assert names(page)[-1] == "garbage.mp4"
    page.locator(".clips th button", has_text="fps").click()
    assert names(page)[-1] == "garbage.mp4", "what has no value is last either way"


def test_clips_are_filtered_by_what_their_list_says(chromium: Any, of_list: Path) -> None:
    with visits(chromium, hoigen.report(of_list, out=of_list / "r.html").as_uri()) as visit:
        page = visit(DESKTOP)
        page.locator("#clips [name=column]").select_option("licence")
        page.locator("#clips [name=holds]").fill("cc")
        assert names(page) == ["take 0.mp4", "take 1.mp4"]
        page.locator("#clips [name=number]").select_option("score")
        page.locator("#clips [name=least]").fill("1")
        assert names(page) == ["take 0.mp4"]
        page.locator("#clips [name=column]").select_option("list_Fps")
        page.locator("#clips [name=holds]").fill("")
        assert names(page) == ["take 0.mp4"], "a column alone: those that have it"
        page.locator("#clips button[type=reset]").click()
        until(page, "document.querySelectorAll('.clips .open').length === 3")
        page.locator("#clips [name=text]").fill("cc0")
        assert names(page) == ["take 1.mp4"]
        page.locator(".clips .open").first.click()
        assert "licence: CC0-1.0" in page.locator("#clip .told").inner_text()


def test_a_clip_plays_and_its_command_can_be_copied(page: Any, folder: Path) -> None:
    page.locator(".clips .open", has_text="100%").click()
    until(page, "document.querySelector('#clip video').readyState >= 2")
    until(page, "document.querySelector('#clip video').currentTime > 0.1")
    id_ = page.locator("#clip .command code").inner_text().split()[-1]
    assert page.locator("#clip .command code").inner_text() == f"hoigen show {folder / 'loose'} {id_}"
    assert hoigen.show(folder / "loose", id_).row["uri"].endswith("100% ?.mp4")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert "100%" in page.locator("#clip .told .name").inner_text()
    page.keyboard.press("Escape")
    until(page, "document.querySelector('#clip video') === null")  # nothing plays on behind the page
    until(page, "document.activeElement.textContent.startsWith('<b>é')")


def test_what_cannot_be_played_says_what_plays_it(chromium: Any, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "loose", tmp_path / "run")
    with visits(chromium, hoigen.report(tmp_path / "run", out=tmp_path / "p.html").as_uri()) as visit:
        page = visit(DESKTOP)
        page.locator(".clips .open", has_text="garbage").click()
        assert (
            "no clips yet" in page.locator("#clip").inner_text()
            or "plays every clip" in page.locator("#clip").inner_text()
        )
        page.keyboard.press("Escape")
    text = (tmp_path / "p.html").read_text().replace("take%202.mp4", "gone.mp4")
    (tmp_path / "moved.html").write_text(text)
    context = chromium.new_context(viewport=DESKTOP, offline=True)
    page = context.new_page()
    page.goto((tmp_path / "moved.html").as_uri())
    page.locator(".clips .open", has_text="take 2").click()
    page.locator("#clip .screen .empty").wait_for()
    assert f"hoigen review {tmp_path / 'run'}" in page.locator("#clip .screen").inner_text()
    assert page.locator("#clip .screen img").count() == 3, "its strip stands instead"
    context.close()


def test_labels_given_on_the_page_are_read_by_suggest_and_annotate(page: Any, folder: Path, tmp_path: Path) -> None:
    page.locator("#clips [name=state]").select_option("kept")
    page.locator(".clips .open").first.click()
    for key in "ynyynn":
        page.keyboard.press(key)
        page.keyboard.press("ArrowRight")
    page.keyboard.press("y")
    page.keyboard.press("u")
    page.keyboard.press("Escape")
    assert page.locator(".labels").inner_text() == "6 labelled: 3 yes, 3 no"
    page.reload()
    assert page.locator(".labels").inner_text() == "6 labelled: 3 yes, 3 no", "kept by the browser"
    page.locator("#clips [name=label]").select_option("yes")
    assert len(names(page)) == 3
    page.locator("[name=who]").fill("ann, jr")
    with page.expect_download() as download:
        page.locator("[data-save]").click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    assert file.name == "labels_good.csv"
    lines = list(csv.DictReader(file.open(encoding="utf-8")))
    assert [line["value"] for line in lines] == ["yes", "no", "yes", "yes", "no", "no"]
    run = tmp_path / "run"
    shutil.copytree(folder / "loose", run)
    added = hoigen.annotate(run, file)
    assert (added.rows, added.added, added.unknown) == (6, 6, [])
    said = hoigen.show(run, lines[0]["clip"]).said
    assert [text.partition(", 2")[0] for text in said] == ["good yes, ann, jr"]
    assert str(hoigen.suggest(run, labels=file)) == str(hoigen.suggest(run, labels=run))
    page.locator("[data-forget]").click()
    assert page.locator(".labels").inner_text() == "Open a clip and press y or n."


def test_a_phone_can_do_it_too(chromium: Any, address: str) -> None:
    with visits(chromium, address) as visit:
        page = visit(PHONE, has_touch=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        page.locator(".clips .open", has_text="take 1").tap()
        page.locator("#clip [data-label=yes]").tap()
        assert page.locator("#clip [data-label=yes]").get_attribute("aria-pressed") == "true"
        assert page.locator("#clip").bounding_box()["width"] <= PHONE["width"]
        page.locator("#clip [data-shut]").tap()
        assert not page.locator("#clip").is_visible()
