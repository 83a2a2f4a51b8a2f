"""The pages in a real browser: keys, undo, reload, lost network, a server that starts anew, two people, touch, axe."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from review_world import staff
from web_world import LOCAL, served

from browser import DESKTOP, PHONE
from hoigen.data.run import Run
from hoigen.review import people, project, queue
from hoigen.review import tables as t
from run_folders import curated

AXE = ("axe-core@4.10.3", "880970c081707360e64f34cea25ff91892f5bc95675b0776925b9709dd8a68bb")
CLIPS = 24


def film(file: Path, seed: int, codec: str = "libx264") -> None:
    """Two seconds of a moving picture."""
    import av

    wide = np.kron(
        np.random.default_rng(seed).integers(0, 255, (23, 50, 3), dtype=np.uint8), np.ones((8, 8, 1), dtype=np.uint8)
    )
    with av.open(str(file), "w") as out:
        stream = out.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for n in range(50):
            picture = np.ascontiguousarray(wide[:180, n : n + 320])
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        out.mux(stream.encode(None))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of clips; one is of a kind that browsers do not play."""
    folder = tmp_path_factory.mktemp("review")
    videos = folder / "videos"
    videos.mkdir()
    for at in range(CLIPS - 1):
        film(videos / f"v{at:02}.mp4", at)
    film(videos / "w.avi", 99, "mpeg4")
    curated(videos=videos, run=folder / "run")
    return folder


@pytest.fixture
def review(folder: Path, tmp_path: Path) -> project.Project:
    """A review of it, begun anew."""
    return project.begin(Run(folder / "run"), str(tmp_path / "r.sqlite"), double_share=0.0, gold_share=0.0)


class Visit:
    """Somebody at a page, whose errors count."""

    def __init__(self, context: Any, port: int, prefix: str = "") -> None:
        self.context, self.base = context, f"http://127.0.0.1:{port}{prefix}"
        self.page = context.new_page()
        self.troubles: list[str] = []
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("console", lambda message: self.troubles.append(message.text) if self.counts(message) else None)

    @staticmethod
    def counts(message: Any) -> bool:
        return message.type in ("error", "warning") and "net::ERR" not in message.text

    def go(self, path: str) -> Visit:
        self.page.goto(self.base + path)
        return self

    def enter(self) -> Visit:
        return self.go(f"/enter/{LOCAL}")

    def join(self, review: project.Project, name: str, role: str = "annotator") -> Visit:
        self.go(f"/invite/{people.invite(review.db, name, role, by='test')}")
        self.page.fill("[name=password]", "a long password")
        self.page.fill("[name=again]", "a long password")
        self.page.click("text=Begin")
        return self

    def work(self, path: str = "/review/keep") -> Visit:
        self.go(path)
        self.until("document.querySelector('main').dataset.frame")
        return self

    def until(self, expression: str) -> None:
        """Waits for a condition. The page forbids `eval`, with which the driver's own waiting works."""
        for _ in range(600):
            if self.page.evaluate(expression):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"never came true: {expression}; {self.page.inner_text('main')[-400:]}")

    def press(self, *keys: str) -> Visit:
        """Presses keys, each when the clip that the one before brought is on the screen."""
        for key in keys:
            before = self.page.get_attribute("main", "data-item")
            self.page.keyboard.press(key)
            self.until(f"document.querySelector('main').dataset.item !== {before!r}")
        return self

    def saved(self) -> Visit:
        self.until("document.getElementById('outbox').dataset.waiting === '0'")
        return self

    @property
    def item(self) -> int:
        return int(self.page.get_attribute("main", "data-item") or 0)


@pytest.fixture
def visit(chromium: Any) -> Iterator[Callable[..., Visit]]:
    with ExitStack() as stack:
        visits: list[Visit] = []

        def new(port: int, prefix: str = "", **more: Any) -> Visit:
            context = stack.enter_context(chromium.new_context(**{"viewport": DESKTOP, **more}))
            visits.append(Visit(context, port, prefix))
            return visits[-1]

        yield new
        assert [each.troubles for each in visits] == [[]] * len(visits)


def verdicts(review: project.Project) -> list[Any]:
    with review.db.read() as con:
        return list(con.execute(sa.select(t.verdict).order_by(t.verdict.c.seq)).all())


def people_named(con: Any, name: str) -> int:
    return int(con.execute(sa.select(t.person.c.id).where(t.person.c.name == name)).scalar_one())


def test_the_loop_by_keys_alone(review: project.Project, visit: Any) -> None:
    with served(review) as port:
        me = visit(port).enter().work()
        first = me.item
        told = "((v) => [v.muted, v.playbackRate, v.paused])(document.querySelector('.slot.on video'))"
        video = me.page.evaluate(told)
        assert video == [True, 1.5, False]
        assert me.page.evaluate("document.querySelectorAll('.slot video').length") == 3  # the next two are loaded
        me.press("j", "2", "f", " ")
        me.page.keyboard.press("n")
        me.page.keyboard.type("a cup, j f 1")
        me.page.keyboard.press("Enter")
        me.press("j").saved()
        rows = verdicts(review)
        assert [(row.value, row.reason, row.note) for row in rows] == [
            ("keep", "", ""),
            ("drop", "the interaction is inconspicuous", ""),
            ("drop", "", ""),
            ("unsure", "", ""),
            ("keep", "", "a cup, j f 1"),
        ]
        assert rows[0].item == first
        assert all(row.mode == "single" and row.app_version == "1.0" for row in rows)
        assert 0 < rows[0].seconds < 60  # from its first frame; none where the key came before that
        assert all(len(row.clip_version) > 8 and json.loads(row.extra) == {"speed": 1.5} for row in rows)
        me.page.keyboard.press("]")
        assert me.page.inner_text("#speed") == "2×"
        me.page.keyboard.press("?")
        assert me.page.is_visible("dialog#keys")
        me.page.keyboard.press("Escape")
        me.page.keyboard.press("p")
        me.until("document.querySelector('.slot.on video').paused")
        before = me.page.evaluate("document.querySelector('.slot.on video').currentTime")
        me.page.keyboard.press(".")
        me.until(f"document.querySelector('.slot.on video').currentTime !== {before}")
        me.page.keyboard.press("b")
        me.until("document.querySelector('#details dt')")
        me.until("document.getElementById('strip').naturalWidth > 0")
        assert me.go("/review/keep").page.inner_text("#speed") == "2×"  # it goes with the person


def test_under_a_path_of_another_site(review: project.Project, visit: Any) -> None:
    with served(review, prefix="/team/review") as port:
        me = visit(port, "/team/review").enter().work()
        me.press("j", "f").saved()
        me.page.keyboard.press("b")
        me.until("document.querySelector('#details dt')")
        me.until("document.getElementById('strip').naturalWidth > 0")
        me.go("/settings").page.click("text=Save")
        me.until("document.getElementById('status').textContent === 'Saved.'")
        me.go("/grid/keep").until("[...document.querySelectorAll('video')].some((one) => one.readyState > 1)")
        me.page.click("a.brand")
        assert me.page.url == f"{me.base}/"
    assert [row.value for row in verdicts(review)] == ["keep", "drop"]


def test_at_the_end_there_is_a_way_on_and_a_way_back(review: project.Project, visit: Any) -> None:
    other = people.start(review.db, "other", "annotator")[0].id
    *most, _ = [row["item"] for row in queue.claim(review.db, other, "keep", size=100)]
    queue.answer(review.db, other, [{"id": f"answer-{one:04}", "item": one, "value": "keep"} for one in most], app="1")
    queue.give_back(review.db, other)
    with served(review) as port:
        me = visit(port).enter().work()
        me.page.keyboard.press("f")
        me.until("document.querySelector('main').classList.contains('idle')")
        assert me.saved().page.inner_text("#status") == "drop"  # what was said stays to be read
        assert [me.page.is_visible(f"[data-do={name}]") for name in ("keep", "drop", "undo")] == [False, False, True]
        assert not me.page.is_visible(".reasons")
        me.page.keyboard.press("Backspace")
        me.until("!document.querySelector('main').classList.contains('idle')")
        assert me.page.is_visible("[data-do=keep]")
        me.page.keyboard.press("j")
        me.until("document.querySelector('main').classList.contains('idle')")
        me.page.click("text=To the first page")
        assert "1 answer of yours so far" in me.page.inner_text("main")
    assert [row.value for row in verdicts(review)][len(most) :] == ["drop", None, "keep"]


def test_undo_without_limit_also_after_a_reload(review: project.Project, visit: Any) -> None:
    with served(review) as port:
        me = visit(port).enter().work()
        first = me.item
        me.press("j", "j", "Backspace")
        assert me.page.inner_text("#status") in ("Taken back: keep", "Before: keep")
        me.press("f").saved()
        me.work().press("Backspace")
        me.press("Backspace")
        assert me.item == first
        me.page.keyboard.press("Backspace")
        me.until("document.getElementById('status').textContent === 'There is nothing to take back.'")
        me.press("3").saved()
        rows = verdicts(review)
        assert [row.value for row in rows] == ["keep", "keep", None, "drop", None, None, "drop"]
        assert rows[-1].item == first
        assert rows[5].supersedes == rows[0].id


def test_what_waits_outlives_a_lost_network_and_a_reload(review: project.Project, visit: Any) -> None:
    with served(review) as port:
        me = visit(port).enter().work()
        me.saved()
        loaded = "[...document.querySelectorAll('.slot video')].filter((v) => v.readyState === 4).length === 3"
        me.until(loaded)
        me.context.set_offline(True)
        me.press("j", "f", "j")
        me.until("document.getElementById('outbox').dataset.waiting === '3'")
        assert verdicts(review) == []
        me.context.set_offline(False)
        me.saved()
        assert [row.value for row in verdicts(review)] == ["keep", "drop", "keep"]
        me.until(loaded)  # also those that were asked for without a network
        me.context.route("**/api/answers", lambda route: route.abort())
        me.press("1", "j")
        me.until("document.getElementById('outbox').dataset.waiting === '2'")
        me.context.unroute("**/api/answers")
        me.work().saved()  # a reload
        assert [row.value for row in verdicts(review)] == ["keep", "drop", "keep", "drop", "keep"]
        assert len({row.item for row in verdicts(review)}) == 5


def test_what_waits_keeps_its_order_when_the_clock_goes_back(review: project.Project, visit: Any) -> None:
    with served(review) as port:
        me = visit(port).enter().work()
        me.context.route("**/api/answers", lambda route: route.abort())
        me.press("j")
        me.page.evaluate("Date.now = () => 5")
        me.press("Backspace", "f")
        me.until("document.getElementById('outbox').dataset.waiting === '3'")
        me.context.unroute("**/api/answers")
        me.saved()
        assert not me.page.is_visible("#refused")
    assert [row.value for row in verdicts(review)] == ["keep", None, "drop"]


def test_what_waits_is_sent_from_the_first_page_after_a_session_has_ended(review: project.Project, visit: Any) -> None:
    with served(review) as port:
        me = visit(port).join(review, "ann").work()
        with review.db.read() as con:
            number = people_named(con, "ann")
        people.end_sessions(review.db, number, by="test")
        me.page.keyboard.press("f")
        me.until("document.getElementById('outbox').textContent.includes('1 answer waits')")
        me.page.click("text=Sign in again")
        me.page.fill("[name=name]", "ann")
        me.page.fill("[name=password]", "a long password")
        me.page.click("button.main")
        me.until("document.getElementById('outbox')?.textContent === 'all saved'")
        assert {"status of 401" in trouble for trouble in me.troubles} == {True}
        me.troubles.clear()
    assert [row.value for row in verdicts(review)] == ["drop"]


def test_what_waits_outlives_a_server_that_starts_anew(review: project.Project, visit: Any) -> None:
    with served(review) as port:
        me = visit(port).enter().work()
        me.press("j").saved()
    me.press("f", "j")
    me.until("document.getElementById('outbox').dataset.waiting === '2'")
    with served(review, port=port):
        me.saved()
        me.press("j").saved()
    assert [row.value for row in verdicts(review)] == ["keep", "drop", "keep", "keep"]


def test_nine_at_a_time(review: project.Project, visit: Any) -> None:
    with served(review) as port:
        me = visit(port).enter().go("/grid/keep")
        me.until("document.querySelectorAll('.tile:not([hidden])').length === 9")
        first = me.page.get_attribute("main", "data-items")
        me.page.keyboard.press("2")
        me.page.keyboard.press("7")
        me.page.keyboard.press("2")
        me.page.click(".tile >> nth=0")
        assert "Drop 2, keep 7" in me.page.inner_text("#next")
        me.page.keyboard.press("Enter")
        me.until(f"document.querySelector('main').dataset.items !== {first!r}")
        me.saved()
        rows = verdicts(review)
        assert [row.value for row in rows] == ["drop", *["keep"] * 5, "drop", "keep", "keep"]
        assert {row.mode for row in rows} == {"grid"}
        assert " ".join(str(row.item) for row in rows) == first
        me.page.keyboard.press("Backspace")
        me.until(f"document.querySelector('main').dataset.items === {first!r}")
        assert "Drop 2, keep 7" in me.page.inner_text("#next")
        me.saved()
        assert [row.value for row in verdicts(review)[9:]] == [None] * 9


def test_trim_and_crop(review: project.Project, visit: Any) -> None:
    with served(review) as port:
        me = visit(port).enter().work()
        me.page.keyboard.press("t")
        me.page.click("text=Keep this part")
        assert "Nothing is trimmed or cropped" in me.page.inner_text("#cut-wrong")
        me.page.fill("[name=in]", "0.5")
        me.page.fill("[name=out]", "0.52")
        me.page.click("text=Keep this part")
        assert "a tenth of a second" in me.page.inner_text("#cut-wrong")
        me.page.fill("[name=out]", "1.5")
        me.page.click("text=Keep this part")
        me.until("!document.querySelector('.border')")
        me.page.keyboard.press("t")
        me.page.fill("[name=top]", "0.1")
        me.page.fill("[name=right]", "0.9")
        me.page.click("text=Keep this part")
        me.saved()
        rows = verdicts(review)
        assert [(row.value, json.loads(row.extra)) for row in rows] == [
            ("trim", {"speed": 1.5, "in": 0.5, "out": 1.5}),
            ("crop", {"speed": 1.5, "crop": [0.0, 0.1, 0.9, 1.0]}),
        ]


def test_two_people_at_once_never_see_the_same(review: project.Project, visit: Any) -> None:
    with served(review) as port:
        ann, bob = visit(port).join(review, "ann").work(), visit(port).join(review, "bob").work()
        for _ in range(3):
            assert ann.item != bob.item
            ann.press("j")
            bob.press("f")
        ann.saved()
        bob.saved()
        rows = verdicts(review)
        assert len({row.item for row in rows}) == len(rows) == 6
        assert len({row.person for row in rows}) == 2


@pytest.mark.parametrize("path", ["/review/keep", "/grid/keep"])
def test_who_comes_back_after_a_loan_has_run_out_is_not_shown_what_others_have(
    review: project.Project, visit: Any, path: str
) -> None:
    with served(review) as port:
        ann = visit(port).join(review, "ann")
        ann.go(path).until("document.querySelectorAll('video').length > 2")
        [bob] = staff(review.db, ["bob"])
        with review.db.write() as con:  # a laptop that was closed
            con.execute(sa.update(t.assignment).values(until=1.0))
        assert len(queue.claim(review.db, bob, "keep", size=CLIPS)) == CLIPS
        ann.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        ann.page.wait_for_timeout(500)
        ann.page.keyboard.press("f" if path == "/review/keep" else "Enter")  # what is on the screen may be answered
        ann.until(f"document.getElementById('empty').textContent.includes('{CLIPS} are with other people')")
        ann.saved()
        assert len(verdicts(review)) == (1 if path == "/review/keep" else 9)


def test_what_two_differ_on_is_decided_by_a_third(folder: Path, tmp_path: Path, visit: Any) -> None:
    review = project.begin(Run(folder / "run"), str(tmp_path / "d.sqlite"), double_share=1.0, gold_share=0.0)
    one, two = staff(review.db, ["one", "two"])
    for person, value in ((one, "keep"), (two, "drop")):
        rows = queue.claim(review.db, person, "keep", size=CLIPS)
        said = [{"id": f"{value}-{row['item']}-x", "item": row["item"], "value": value} for row in rows]
        assert not queue.answer(review.db, person, said, app="1").refused
    with served(review) as port:
        cas = visit(port).join(review, "cas", "adjudicator")
        assert f"Decide {CLIPS} disputed" in cas.page.inner_text("main")
        cas.work("/decide/keep")
        told = cas.page.inner_text("#votes")
        assert "one keep" in told
        assert "two drop" in told
        assert cas.page.locator("#votes button").count() == 0, "nothing is cut out"
        cas.press("j", "4", "Backspace", "4").saved()
        me = visit(port).join(review, "dan", "adjudicator")
        with review.db.write() as con:  # who has answered them all
            con.execute(
                sa.update(t.assignment).where(t.assignment.c.person == one).values(person=people_named(con, "dan"))
            )
        me.go("/decide/keep").until("document.getElementById('empty').textContent.includes('somebody else decides')")
    decided = [row for row in verdicts(review) if row.mode == "adjudicate"]
    assert [row.value for row in decided] == ["keep", "drop", None, "drop"]
    with review.db.read() as con:
        how = con.execute(
            sa.select(t.item.c.final).where(t.item.c.how == "adjudicated").order_by(t.item.c.id)
        ).scalars()
        assert sorted(how.all()) == ["drop", "keep"]


def test_who_decides_sees_which_part_each_keeps(folder: Path, tmp_path: Path, visit: Any) -> None:
    review = project.begin(Run(folder / "run"), str(tmp_path / "d.sqlite"), double_share=1.0, gold_share=0.0)
    for name, begin in (("one", 0.1), ("two", 0.9)):
        [person] = staff(review.db, [name])
        [row] = queue.claim(review.db, person, "keep", size=1)
        extra = {"in": begin, "out": begin + 0.6, "crop": [0.0, 0.25, 1.0, 1.0]}
        said = {"id": f"{name}-{row['item']}-answer", "item": row["item"], "value": "trim", "extra": extra}
        assert not queue.answer(review.db, person, [said], app="1").refused
        queue.give_back(review.db, person)
    with served(review) as port:
        cas = visit(port).join(review, "cas", "adjudicator").work("/decide/keep")
        told = cas.page.inner_text("#votes")
        assert "one trim: 0.10 to 0.70 s; 0, 25, 100, 100 % (left, top, right, bottom)" in told
        assert "two trim: 0.90 to 1.50 s" in told
        cas.page.get_by_role("button", name="Show what two keeps").click()
        assert [cas.page.input_value(f"[name={name}]") for name in ("in", "out", "top")] == ["0.9", "1.5", "0.25"]
        cas.page.click("text=Keep this part")
        cas.saved()
    [decided] = [row for row in verdicts(review) if row.mode == "adjudicate"]
    extra = json.loads(decided.extra)
    assert (decided.value, extra["in"], extra["out"], extra["crop"]) == ("trim", 0.9, 1.5, [0.0, 0.25, 1.0, 1.0])


def test_no_button_moves_while_a_strip_comes(review: project.Project, visit: Any) -> None:
    with served(review) as port:
        me = visit(port).enter()
        me.context.route("**/strip*", lambda route: route.fulfill(status=204))
        me.work()
        place = "document.querySelector('[data-do=keep]').getBoundingClientRect().top"
        before = me.page.evaluate(place)
        assert me.page.evaluate("document.getElementById('strip').naturalWidth") == 0
        me.context.unroute("**/strip*")
        me.until("document.getElementById('strip').naturalWidth > 0")
        assert me.page.evaluate(place) == pytest.approx(before, abs=1)


def test_a_long_caption_leaves_the_buttons_in_sight_and_scripts_run_their_own_way(
    review: project.Project, visit: Any
) -> None:
    with review.db.write() as con:
        con.execute(sa.update(t.clip).values(caption="אדם רוכב על אופניים. " * 200))
    with served(review) as port:
        me = visit(port, viewport={"width": 1280, "height": 800}).enter().work()
        assert me.page.evaluate("getComputedStyle(document.getElementById('caption')).direction") == "rtl"
        assert me.page.evaluate("document.querySelector('[data-do=keep]').getBoundingClientRect().bottom") < 800
        me.page.focus("#caption")  # it can be scrolled by keys, and others still answer
        me.press("j").saved()
    assert [row.value for row in verdicts(review)] == ["keep"]


def test_who_rates_always_sees_what_the_text_says(review: project.Project, visit: Any) -> None:
    with review.db.write() as con:
        clip = con.execute(sa.select(t.clip.c.id)).scalars().first()
        project.add_items(con, [{"question": "rating", "clip": clip, "subject": {"prompt": "Hands cut bread."}}])
    with served(review) as port:
        me = visit(port).enter().work()
        me.page.keyboard.press("c")  # no captions from now on
        me.page.wait_for_timeout(200)
        me.work("/review/rating")
        assert me.page.inner_text("#caption") == "Hands cut bread."
        assert me.page.is_visible("#caption")
        assert not me.page.query_selector("[data-do=caption], [data-do=details]")  # they would do nothing here
        me.page.keyboard.press("c")
        assert me.page.is_visible("#caption")


def test_keys_can_be_changed(review: project.Project, visit: Any) -> None:
    with served(review) as port:
        me = visit(port).enter().go("/settings")
        me.page.click("#key-keep")
        me.page.keyboard.press("f")
        me.page.click("text=Save")
        me.until("document.getElementById('status').textContent.includes('one key does one thing')")
        me.page.click("#key-drop")
        me.page.keyboard.press("j")
        me.page.click("text=Save")
        me.until("document.getElementById('status').textContent === 'Saved.'")
        me.troubles.clear()  # the browser logs the refusal
        me.work().press("f", "j").saved()
    assert [row.value for row in verdicts(review)] == ["keep", "drop"]


def test_touch_on_a_phone(review: project.Project, visit: Any) -> None:
    with served(review) as port:
        me = visit(port, viewport=PHONE, has_touch=True, is_mobile=True).enter().work()
        wide = me.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= PHONE["width"]
        before = me.item
        me.page.tap("[data-do=keep]")
        me.until(f"document.querySelector('main').dataset.item !== '{before}'")
        me.page.tap("[data-reason='3']")
        me.saved()
    assert [(row.value, row.reason) for row in verdicts(review)] == [
        ("keep", ""),
        ("drop", "the object is barely visible"),
    ]


def test_a_video_that_no_browser_plays_is_shown(review: project.Project, visit: Any) -> None:
    with review.db.write() as con:
        other = con.execute(sa.select(t.clip.c.id).where(t.clip.c.uri.like("%.avi"))).scalar_one()
        con.execute(sa.update(t.item).where(t.item.c.clip == other).values(priority=-1))
    with served(review) as port:
        me = visit(port).enter().work()
        assert me.page.get_attribute(".slot.on video", "src") == f"/media/{other}"
        assert me.page.evaluate("document.querySelector('.slot.on video').videoWidth") > 0


def test_nothing_is_said_of_what_cannot_be_shown(review: project.Project, visit: Any) -> None:
    with review.db.write() as con:
        rows = con.execute(sa.select(t.item.c.id, t.item.c.clip).order_by(t.item.c.priority)).all()
        gone = [row.clip for row in rows[:2]]
        con.execute(sa.update(t.clip).where(t.clip.c.id.in_(gone)).values(uri="/nowhere/v.mp4", digest="gone"))
    with served(review) as port:
        me = visit(port).enter().go("/review/keep")
        me.until("document.querySelector('.slot.on .empty')?.textContent.startsWith('The video is gone')")
        me.page.keyboard.press("j")
        assert "skip it" in me.page.inner_text("#status")
        me.press(" ")  # by the key of what is not certain, and by the button
        me.until("document.querySelector('.slot.on .empty')")
        me.page.click(".slot.on >> text=Skip it")
        me.until("document.querySelector('.slot.on video')?.videoWidth > 0")
        me.press("j").saved()
        assert [row.item for row in verdicts(review)] == [rows[2].id]
        me.go("/grid/keep").until("document.getElementById('next-words').textContent === 'Keep all, go on'")
        shown = {int(item) for item in me.page.get_attribute("#grid", "data-items").split()}
        assert len(shown) == 9
        assert not shown & {row.id for row in rows[:2]}, "they rest"
        me.go("/")
        gia = visit(port).join(review, "gia", "annotator")
        gia.go("/grid/keep").until("document.getElementById('next-words').textContent === 'Keep 7, skip 2, go on'")
        gia.page.keyboard.press("1")  # a mark on it is none
        gia.page.keyboard.press("Enter")
        gia.until("document.getElementById('next-words').textContent === 'Keep all, go on'")
        gia.saved()
    for one in (me, gia):
        assert {"status of 410" in trouble for trouble in one.troubles} == {True}, "the browser itself tells of those"
        one.troubles.clear()
    said = {row.item for row in verdicts(review)}
    assert len(said) == 8
    assert not said & {row.id for row in rows[:2]}


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The script of axe-core, out of npm's registry."""
    if shutil.which("npm") is None:
        pytest.skip("no npm (apt-get install npm)")
    place = tmp_path_factory.mktemp("axe")
    done = subprocess.run(["npm", "pack", AXE[0], "--silent"], cwd=place, capture_output=True, timeout=120)
    packed = list(place.glob("axe-core-*.tgz"))
    if done.returncode or not packed:
        pytest.skip("no npm registry is reached, for axe-core")
    with tarfile.open(packed[0]) as archive:
        file = archive.extractfile("package/axe.min.js")
        assert file is not None
        script = file.read()
    assert hashlib.sha256(script).hexdigest() == AXE[1]
    return script.decode()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_page(review: project.Project, visit: Any, axe: str, scheme: str) -> None:
    with served(review) as port:
        me = visit(port, color_scheme=scheme)
        found = []

        def look(name: str) -> None:
            me.page.wait_for_timeout(100)
            result = me.page.evaluate(f"async () => {{ {axe}; return (await axe.run()).violations; }}")
            found.extend(
                (name, each["id"], [node["target"] for node in each["nodes"]][:3])
                for each in result
                if each["impact"] in ("serious", "critical")
            )

        me.go("/login")
        look("login")
        me.go(f"/invite/{people.invite(review.db, 'ann', by='test')}")
        look("invite")
        me.troubles.clear()
        me.enter()
        for path in ("/", "/quality", "/saving", "/people", "/audit", "/settings"):
            look(me.go(path).page.url)
        me.go("/nothing")
        me.troubles.clear()
        look("error")
        me.work()
        me.page.keyboard.press("b")
        me.page.keyboard.press("t")
        look("loop")
        me.page.keyboard.press("Escape")
        me.page.keyboard.press("?")
        look("keys")
        me.go("/grid/keep")
        me.until("document.querySelectorAll('.tile:not([hidden])').length === 9")
        me.page.keyboard.press("2")
        look("grid")
        assert found == []
