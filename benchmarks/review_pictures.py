"""Pictures of the review app for docs/review.md: its pages in a real browser, on the demo's own clips.

python benchmarks/review_pictures.py [RUN [FOLDER]]

RUN is a run whose clips are shown: runs/review-pictures when not given. Where it is not there it is made from runs/demo
(`make demo`), of whose videos it keeps parts of at most 1.3 s, so that there are enough for nine at a time. Writes
docs/figures/review_*.webp; with FOLDER all pages, also as on a phone, go there instead.

The review, its people and their answers are made in a temporary folder; what the people say is made up. Debian's
Chromium is taken (HOIGEN_CHROMIUM names another). Tells the sizes, and which page is wider than a phone.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from machine import headline
from PIL import Image

from hoigen.data.run import Run
from hoigen.review import people, project, proxies, queue, serve
from hoigen.review import tables as t
from hoigen.review.gold import set_gold
from hoigen.work.task import Limits

FIGURES = Path(__file__).parents[1] / "docs" / "figures"
CHROMIUM = os.environ.get("HOIGEN_CHROMIUM", "/usr/bin/chromium")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
LAPTOP, TABLET, PHONE = (
    {"width": 1280, "height": 860},
    {"width": 820, "height": 1100},
    {"width": 390, "height": 844},
)
SHOWN = ("loop", "grid", "cut", "claims", "preference", "decide", "quality", "people", "sign_in", "dark", "tablet")
WIDEST = 80_000
"""Bytes of a picture."""


def made(path: Path) -> None:
    """A run of the demo's videos, in short parts."""
    from hoigen.commands.cli import main

    demo = path.parent / "demo" / "run.yaml"
    if not demo.is_file():
        raise SystemExit(f"{demo} is not there: make demo, or hoigen demo, makes it")
    sets = ("keep.hoi_lite.min=0.1", "max_length=1.3", "min_length=0.5", "keep.duration.above=0.5")
    words = [each for one in sets for each in ("--set", one)]
    main(["curate", str(demo), "--run", str(path), "--quiet", *words])
    main(["caption", str(path), "--quiet"])


def team(run: Run, folder: Path) -> project.Project:
    """A review with people who have answered; two questions more."""
    review = project.begin(run, str(folder / "r.sqlite"), double_share=1.0, gold_share=0.0)
    with review.db.read() as con:
        clips = con.execute(sa.select(t.clip.c.id, t.clip.c.caption).order_by(t.clip.c.uri, t.clip.c.start)).all()
    set_gold(review.db, "keep", {clips[0].id: "keep", clips[-1].id: "drop"})
    with review.db.write() as con:
        claims = ("a person holds a bicycle", "the bicycle is red", "the camera moves down")
        rows = [
            {
                "question": "claims",
                "clip": clip.id,
                "key": f"{at}",
                "subject": {"claim": claims[at % 3]},
                "priority": at,
            }
            for at, clip in enumerate(clip for clip in clips if clip.caption)
        ]
        project.add_items(con, rows)
        pairs = [
            {"question": "preference", "clip": one.id, "other": other.id, "key": other.id, "priority": at}
            | {"subject": {"prompt": "A man lifts a bicycle over a fence in a park."}}
            for at, (one, other) in enumerate(zip(clips[0:6:2], clips[1:6:2], strict=True))
        ]
        project.add_items(con, pairs, votes=3)
    dice = random.Random(1)
    names = [people.start(review.db, name, role)[0].id for name, role in (("ann", "annotator"), ("bob", "annotator"))]
    for person in names * 4:  # one at a time: what the other has begun comes first
        rows = queue.claim(review.db, person, "keep", size=1)
        said = [
            {
                "id": str(uuid.uuid4()), "item": row["item"], "mode": "single", "seconds": 3 + 4 * dice.random(),
                "value": (value := "drop" if person == names[1] and row["item"] % 2 else "keep"),
                "reason": "the interaction is inconspicuous" if value == "drop" else "",
                "note": "one has to look twice" if value == "drop" and person == names[1] else "",
            }
            for row in rows
        ]  # fmt: skip
        queue.answer(review.db, person, said, app="pictures")
    return review


@contextlib.contextmanager
def served(review: project.Project) -> Iterator[str]:
    """The app as `hoigen review` serves it; its address."""
    import uvicorn

    from hoigen.review.app import make
    from hoigen.review.web import Site

    sock = serve.bound("127.0.0.1", 0)
    app = make(Site(review, "1.0", local=people.digest("pictures"), user="carol", patience=60.0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    app.state.renderer.close()
    server.should_exit = True
    thread.join(10)


def shot(page: Any, name: str, folder: Path, *, whole: bool = False) -> None:
    """One picture, as small as it has to be; of the documentation's folder only those that are shown there."""
    if folder == FIGURES and name not in SHOWN:
        return
    page.wait_for_timeout(700)
    file = folder / f"review_{name}.webp"
    with Image.open(io.BytesIO(page.screenshot(full_page=whole))) as picture:
        for quality in (80, 70, 60, 50, 40, 30, 20):
            picture.convert("RGB").save(file, quality=quality, method=6)
            if file.stat().st_size <= WIDEST:
                break
    print(f"{file.name:32} {picture.width} x {picture.height}   {file.stat().st_size / 1000:5.1f} kB", flush=True)


def until(page: Any, expression: str) -> None:
    """Waits for a condition; the pages forbid `eval`, with which the driver's own waiting works."""
    for _ in range(600):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(100)
    raise SystemExit(f"never came true on {page.url}: {expression}")


WORKS = "document.querySelector('main').dataset.frame"
STRIP = "document.getElementById('strip').naturalWidth > 0"
TILES = "[...document.querySelectorAll('.tile:not([hidden]) video')].every((one) => one.readyState > 1)"


def pictures(review: project.Project, browser: Any, address: str, out: Path) -> None:
    """All of them."""

    def person(viewport: dict[str, int], **more: Any) -> Any:
        return browser.new_context(viewport=viewport, **more).new_page()

    def enter(page: Any, path: str, ready: str = "true") -> None:
        if page.url == "about:blank":
            page.goto(f"{address}/enter/pictures")
        page.goto(address + path)
        until(page, ready)

    stranger = person({"width": 1280, "height": 520})
    stranger.goto(f"{address}/login")
    shot(stranger, "sign_in", out)
    invited = person(PHONE)
    invited.goto(f"{address}/invite/{people.invite(review.db, 'dora', 'annotator', by='carol')}")
    shot(invited, "invite_phone", out)

    laptop = person(LAPTOP)
    enter(laptop, "/")
    shot(laptop, "home", out)
    enter(laptop, "/review/keep", f"{WORKS} && {STRIP}")
    shot(laptop, "loop", out)
    laptop.keyboard.press("b")
    until(laptop, "document.querySelector('#details dt')")
    shot(laptop, "scores", out)
    laptop.keyboard.press("b")
    laptop.keyboard.press("t")
    for name, value in (("in", 0.4), ("bottom", 0.85)):
        laptop.evaluate(
            f"(() => {{ const f = document.getElementById('cut').elements['{name}']; f.value = {value};"
            " f.dispatchEvent(new Event('input', { bubbles: true })); })()"
        )
    shot(laptop, "cut", out, whole=True)
    laptop.keyboard.press("Escape")
    laptop.keyboard.press("?")
    shot(laptop, "keys", out)
    laptop.keyboard.press("Escape")
    enter(laptop, "/grid/keep", f"document.querySelectorAll('.tile:not([hidden])').length > 3 && {TILES}")
    laptop.keyboard.press("2")
    laptop.keyboard.press("4")
    shot(laptop, "grid", out)
    enter(laptop, "/review/claims", WORKS)
    shot(laptop, "claims", out)
    enter(laptop, "/review/preference", WORKS)
    shot(laptop, "preference", out)
    enter(laptop, "/decide/keep", f"{WORKS} && {STRIP}")
    shot(laptop, "decide", out)
    for name in ("quality", "saving", "people", "audit", "settings"):
        enter(laptop, f"/{name}")
        shot(laptop, name, out, whole=True)

    dark = person(LAPTOP, color_scheme="dark")
    enter(dark, "/review/keep", f"{WORKS} && {STRIP}")
    shot(dark, "dark", out)
    tablet = person(TABLET, has_touch=True)
    enter(tablet, "/review/keep", f"{WORKS} && {STRIP}")
    shot(tablet, "tablet", out)
    for name, path, ready in (
        ("home", "/", "true"), ("loop", "/review/keep", f"{WORKS} && {STRIP}"), ("grid", "/grid/keep", TILES),
        ("decide", "/decide/keep", WORKS), ("preference", "/review/preference", WORKS), ("people", "/people", "true"),
        ("quality", "/quality", "true"), ("saving", "/saving", "true"), ("settings", "/settings", "true"),
    ):  # fmt: skip
        phone = person(PHONE, has_touch=True, is_mobile=True)
        enter(phone, path, ready)
        shot(phone, f"phone_{name}", out, whole=True)
        wide = phone.evaluate("document.documentElement.scrollWidth")
        if wide > PHONE["width"]:
            print(f"  {path}: {wide} pixels wide on a phone", flush=True)


if __name__ == "__main__":
    main_run = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/review-pictures")
    where = Path(sys.argv[2]) if len(sys.argv) > 2 else FIGURES
    from playwright.sync_api import sync_playwright

    print(headline())
    if not (main_run / "run.yaml").is_file():
        made(main_run)
    with tempfile.TemporaryDirectory() as temporary:
        run_ = Run(main_run)
        review_ = team(run_, Path(temporary))
        proxies.render_ahead(run_, review_.db, Limits(workers=2), quiet=True)
        with served(review_) as served_at, sync_playwright() as driver:
            chromium = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
            print(f"Chromium {chromium.version}")
            pictures(review_, chromium, served_at, where)
            chromium.close()
