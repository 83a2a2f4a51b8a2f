"""A real browser for tests of pages: offline, and watched."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = Path(os.environ.get("HOIGEN_CHROMIUM", "/usr/bin/chromium"))
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
CONTRAST = """(selector) => [...document.querySelectorAll(selector)].filter((e) => e.textContent).map((element) => {
    const rgb = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
        .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    let behind = element;
    while (behind && getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)") behind = behind.parentElement;
    const back = getComputedStyle(behind || document.documentElement).backgroundColor;
    const pair = [light(rgb(getComputedStyle(element).color)), light(rgb(back))].sort((a, b) => b - a);
    return [(pair[0] + 0.05) / (pair[1] + 0.05), element.textContent.slice(0, 40)];
})"""


def until(page: Any, expression: str) -> None:
    """Waits for a condition. The page forbids `eval`, with which the browser driver's own waiting works."""
    for _ in range(100):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never came true: {expression}")


@contextmanager
def visits(chromium: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Opens pages; at the end, nothing may have been fetched, logged or raised."""
    contexts, troubles = [], []

    def go(viewport: dict[str, int], **more: Any) -> Any:
        context = chromium.new_context(viewport=viewport, offline=True, **more)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: troubles.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
        page.on("dialog", lambda dialog: troubles.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: request.url.startswith(("data:", "file:")) or troubles.append(request.url))
        page.goto(address)
        return page

    yield go
    for context in contexts:
        context.close()
    assert troubles == []
