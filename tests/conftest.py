"""Where the tests find things."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import skips
from browser import CHROMIUM, FLAGS

REPO = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("HOIGEN_SHARED", REPO.parent / "shared"))


if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # started in the background of a script: programs that the tests start would inherit that Ctrl-C is ignored
    signal.signal(signal.SIGINT, signal.default_int_handler)


LEFT_OUT = pytest.StashKey[int]()
"""How many slow tests were left out; where several processes test (-n), each says so at its end."""


def _slow(items: Iterable[pytest.Item]) -> int:
    return sum(item.get_closest_marker("slow") is not None for item in items)


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    if items and hasattr(items[0].config, "workeroutput"):
        items[0].config.workeroutput["slow"] = _slow(items)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash[LEFT_OUT] = getattr(node, "workeroutput", {}).get("slow", 0)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    """Last of all what was left out, and how to get it."""
    yield
    config = terminalreporter.config
    slow = _slow(terminalreporter.stats.get("deselected", ())) or config.stash.get(LEFT_OUT, 0)
    lines = skips.summary(
        terminalreporter.stats.get("skipped", ()), slow if "not slow" in config.option.markexpr else 0
    )
    if lines:
        terminalreporter.section("left out, and what brings it")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(autouse=True)
def own_configuration(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test trusts is remembered by no other one, nor by the person who runs it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
    monkeypatch.setenv("HOIGEN_TRUSTED", "")


@pytest.fixture(scope="session")
def shared_clips() -> Path:
    """48 labelled web clips, where they are at hand; they never are part of the project."""
    folder = SHARED / "clips"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    return folder


@pytest.fixture(scope="session")
def tiny_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of a moving square, 64x48 at 25 fps."""
    import av
    import numpy as np

    path = tmp_path_factory.mktemp("video") / "tiny.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"g": "10", "crf": "28"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for at in range(50):
            image = np.full((48, 64, 3), 60, np.uint8)
            image[16:32, at : at + 12] = (200, 120, 40)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser for one file of tests: its driver keeps an event loop open, in which no other can be started."""
    if not CHROMIUM.exists():
        pytest.skip(f"no {CHROMIUM} (apt-get install chromium)")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()
