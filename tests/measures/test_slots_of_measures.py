"""Measures that ask servers have as many requests under way as these have slots, over a real server on the loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_chat_server import Body, FakeChatServer, Say

import hoigen
from hoigen.data.run import Run
from hoigen.stages.scores import MOST_TOGETHER, together

SLOTS = 6
VERDICT = {"triplets": [], "reason": "Nobody is there.", "interaction": "no", "conspicuous": "no"}
SEEN = {"seen": "Rides.", "action": "ride", "object": "bicycle", "any": "yes", "together": "yes"}


@pytest.fixture
def server() -> Iterator[FakeChatServer]:
    with FakeChatServer() as made:
        yield made


def chat(server: FakeChatServer, **more: Any) -> dict[str, Any]:
    settings = {"url": server.url, "model": "fake", "slots": SLOTS, "tries": 1, "timeout": 60.0}
    return {"chat_server": settings | more}


def curated(folder: Path, video: Path, measure: dict[str, Any], clips: int, workers: int) -> list[dict[str, Any]]:
    (folder / "videos").mkdir()
    for at in range(clips):
        (folder / "videos" / f"{at}.mp4").write_bytes(video.read_bytes() + bytes(at))  # each a question of its own
    how: dict[str, Any] = {"shots": "none", "duplicates": "keep", "report": False, "quiet": True, "breaker": False}
    hoigen.curate(videos=folder / "videos", run=folder / "run", measures=[measure], workers=workers, **how)
    [(name, _)] = measure.items()
    run = Run(folder / "run")
    [where] = (run.path / "scores" / name).iterdir()
    return list(run.scores(name, where.name, ()).read(0, ["id", "state", "reason"]))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_judgement_keeps_the_slots_busy_and_a_refusal_costs_its_clip(
    server: FakeChatServer, tmp_path: Path, tiny_video: Path, workers: int
) -> None:
    """The first answer comes only once all slots are in use: with a clip at a time for each worker, never."""
    refused: list[str] = []

    def then(body: Body) -> Say:
        if "response_format" in body:
            return Say(text=json.dumps(VERDICT))
        if not refused:
            refused.append("x")
            return Say(text="I'm sorry, but I can't assist with that.")
        return Say(text="A man rides a bicycle along a road.", until=lambda: server.peak >= SLOTS)

    server.then = then
    measure = {"hoi_judgement": {"describer": chat(server), "judge": chat(server, sampling={"frames": 0})}}
    rows = curated(tmp_path, tiny_video, measure, 2 * SLOTS, workers)
    assert server.peak >= SLOTS
    assert sorted(row["state"] for row in rows) == ["failed", *["ok"] * (2 * SLOTS - 1)]
    assert ["describer refused" in (row["reason"] or "") for row in rows].count(True) == 1


def test_an_observer_that_asks_keeps_the_slots_busy_and_no_more(
    server: FakeChatServer, tmp_path: Path, tiny_video: Path
) -> None:
    server.then = lambda body: Say(text=json.dumps(SEEN), until=lambda: server.peak >= SLOTS)
    asking = {"expert": chat(server)}
    measure = {"coarse_hoi": {"observer": {"mllm": asking}, "frames": 2, "short_side": 64}}
    rows = curated(tmp_path, tiny_video, measure, SLOTS, workers=1)
    assert server.peak == SLOTS
    assert [row["state"] for row in rows] == ["ok"] * SLOTS


def test_as_many_clips_as_keep_the_slots_busy_shared_by_the_workers() -> None:
    from hoigen.rules.cascade import build_steps

    def of(workers: int, **settings: Any) -> int:
        expert = {"chat_server": {"url": "http://127.0.0.1:9/v1", "model": "fake", **settings}}
        judge = {"chat_server": {"url": "http://127.0.0.1:9/v1", "model": "judge", "slots": 2}}
        return together(build_steps([{"hoi_judgement": {"describer": expert, "judge": judge}}], {}), workers)

    assert of(1, slots=3) == 2 * (3 + 2)
    assert of(4, slots=3) == 3
    assert of(1, slots=3, url=["http://127.0.0.1:8/v1", "http://127.0.0.1:9/v1"]) == 2 * (6 + 2)
    assert of(1, slots=1000) == MOST_TOGETHER
    assert together(build_steps(["motion"], {}), 2) == 1
    assert together(build_steps(["motion"], {}), 0) == 1
