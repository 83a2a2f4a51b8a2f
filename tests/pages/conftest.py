"""Facts to draw: a run as large as a real one, with names that try to break the page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from nasty import NASTY, model_file, picture

from browser import visits
from hoigen.pages.facts import (
    Box,
    FailureGroup,
    Histogram,
    ReportFacts,
    ScoreLine,
    Sheet,
    Stage,
    Threshold,
    Tile,
)

MOTION = (Threshold("min", 0.02), Threshold("max", 0.6))
HOI = (Threshold("min", 0.5),)


def tile(index: int, rule: str = "", reason: str = "") -> Tile:
    """One clip, its name one of the nasty ones."""
    box = Box(left=0.1, top=0.2, right=0.5, bottom=0.9, kind="hand", label=NASTY[0])
    return Tile(
        id=f"{index:016x}",
        uri=NASTY[index % len(NASTY)],
        start=float(index),
        end=index + 5.5,
        width=640,
        height=360 if index % 3 else 1138,
        reason=reason,
        prompt="A person <b>opens</b> a jar.",
        decided=rule,
        scores=(
            ScoreLine(name="motion", value=0.25, thresholds=MOTION, verdict="broken" if rule == "motion" else "pass"),
            ScoreLine(name="hoi_lite", value=None, thresholds=HOI),
        ),
        pictures=tuple(picture(30 * i + 40, float(i), (box,) if i == 1 else ()) for i in range(3)),
    )


def histogram(score: str, thresholds: tuple[Threshold, ...]) -> Histogram:
    return Histogram(
        score=score,
        measure=score,
        about="Length of something, in pixels; higher is <longer>.",
        edges=tuple(np.linspace(0, 1, 21).tolist()),
        kept=(0,) * 10 + (5,) * 10,
        here=(7,) * 10 + (0,) * 10,
        elsewhere=(2,) * 20,
        thresholds=thresholds,
        nulls=3,
        unseen=1200,
        low=0.01,
        median=0.4,
        high=0.99,
    )


@pytest.fixture(scope="session")
def facts() -> ReportFacts:
    """412 of 9,381 clips kept."""
    blank = Tile(id="f" * 16, uri=NASTY[0], start=0, end=2, width=64, height=48, missing="killed by <signal> 11")
    motion = Sheet(
        key="motion",
        title="motion",
        total=3201,
        order="from the nearest to its threshold to the farthest",
        thresholds=MOTION,
        tiles=(*(tile(i, "motion", "motion 0.8 > max 0.6") for i in range(5)), blank),
    )
    return ReportFacts(
        title="<run> & co",
        made="23 November 2026, 03:12 UTC",
        recipe="videos: /data\nkeep:\n  motion: {min: 0.02, max: 0.6}  # <script>\n",
        machine="Linux",
        versions={"hoigen": "0.1.0", "Python": "3.11"},
        videos=1204,
        clips=9381,
        kept=412,
        dropped=8840,
        failed=101,
        pending=28,
        seconds=148_000,
        seconds_kept=5400,
        stages=(
            Stage(key="short_side", title="short_side", thresholds=(Threshold("min", 720),), entered=9353),
            Stage(key="motion", title="motion", thresholds=MOTION, entered=9353, dropped=3201, failed=100),
            Stage(key="hoi_lite", title="hoi_lite", thresholds=HOI, entered=6052, dropped=5639, failed=1),
        ),
        histograms=(histogram("motion", MOTION), histogram("hoi_lite", HOI), histogram("fps", ())),
        kept_sheet=Sheet(key="kept", title="Kept", total=412, tiles=tuple(tile(i) for i in range(8))),
        dropped_sheets=(motion,),
        failures=(FailureGroup(where="reading", reason="<b>moov</b> atom not found", count=101, examples=NASTY),),
        notes=("640 shots shorter than 1 s.",),
        models=(model_file("palm", "hoi_lite"),),
    )


@pytest.fixture
def visit(chromium: Any, address: str) -> Iterator[Any]:
    """Opens the page of a file's `address`, as `browser.visits` says."""
    with visits(chromium, address) as go:
        yield go
