"""The picture of a run's page for the README, as a real browser shows it: python benchmarks/report_picture.py [RUN]

RUN is runs/demo (`make demo`) when not given. Writes docs/figures/report.webp. Debian's Chromium is taken
(HOIGEN_CHROMIUM names another).
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

PICTURE = Path(__file__).parents[1] / "docs" / "figures" / "report.webp"
CHROMIUM = os.environ.get("HOIGEN_CHROMIUM", "/usr/bin/chromium")
SIZE = {"width": 1160, "height": 1640}


def main(run: str = "runs/demo") -> None:
    page_file = Path(run).resolve() / "report.html"
    if not page_file.is_file():
        raise SystemExit(f"{page_file} is not there: make demo makes it")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport=SIZE)
        page.goto(page_file.as_uri())
        page.wait_for_timeout(500)
        taken = page.screenshot()
        browser.close()
    with Image.open(io.BytesIO(taken)) as picture:
        picture.convert("RGB").save(PICTURE, quality=60, method=6)
    print(f"{PICTURE.name}: {SIZE['width']} x {SIZE['height']}, {PICTURE.stat().st_size / 1000:.1f} kB")


if __name__ == "__main__":
    main(*sys.argv[1:])
