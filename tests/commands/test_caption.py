"""Captions end to end with experts that are fake, on clips that are not."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

import fake_talk
import hoigen
from hoigen.core.errors import SetupError, UsageError
from hoigen.data.run import Run
from hoigen.stages.captioned import caption_rows, captions_of
from run_folders import curated

CLIPS = 12


def prepared(folder: Path, video: Path, clips: int = CLIPS, caption: dict[str, Any] | None = None) -> Path:
    """A run of many stretches of one video, all kept; its folder."""
    fake_talk.write(folder)
    lines = [f"{video},{i * 0.04:.3f},{i * 0.04 + 0.4:.3f}" for i in range(clips)]
    (folder / "list.csv").write_text("\n".join(["uri,start,end", *lines]) + "\n")
    run = folder / "run"
    curated(videos=folder / "list.csv", run=run, shard_size=5, caption=caption or fake_talk.spec(folder))
    return run


def caption(run: Path, **how: Any) -> Any:
    """With one worker, since starting them is what takes the time."""
    return hoigen.caption(run, **{"workers": 1, "quiet": True, **how})


def asked(folder: Path) -> list[str]:
    log = folder / "asked.log"
    return log.read_text().splitlines() if log.exists() else []


def test_every_kept_clip_has_a_caption_with_its_trace(tmp_path: Path, tiny_video: Path) -> None:
    run = prepared(tmp_path, tiny_video)
    result = hoigen.caption(run, quiet=True)
    assert (result.kept, dict(result.paths), dict(result.failed)) == (CLIPS, {"two": CLIPS}, {})
    rows = list(caption_rows(Run(run)))
    assert len({row["id"] for row in rows}) == CLIPS
    trace = json.loads(rows[0]["trace"])
    assert [call["role"] for call in trace] == ["eyes", "mind"]
    assert trace[0]["text"] == "eyes saw 2 frames"
    assert (rows[0]["calls"], rows[0]["tokens_in"], rows[0]["tokens_out"]) == (2, 20, 10)
    assert dict(captions_of(Run(run)))[rows[0]["id"]] == "eyes saw 2 frames; mind saw 0 frames."
    assert len(asked(tmp_path)) == 2 * CLIPS
    shown = str(hoigen.show(run, rows[0]["id"]))
    assert "caption by two_calls (two): 8 words, 2 calls, 20 tokens in, 10 out" in shown
    assert "call 2, mind: mind, mind@1, answered" in shown


def test_a_second_run_asks_nothing_and_decodes_nothing(tmp_path: Path, tiny_video: Path) -> None:
    run = prepared(tmp_path, tiny_video)
    first = caption(run)
    tiny_copy = list(caption_rows(Run(run)))
    for part in (run / "captions").rglob("*.parquet"):
        part.unlink()  # what is kept are the answers
    again = caption(run)
    assert again.paths == first.paths
    assert len(asked(tmp_path)) == 2 * CLIPS
    assert [(row["id"], row["text"]) for row in caption_rows(Run(run))] == [(r["id"], r["text"]) for r in tiny_copy]


def test_an_address_is_no_part_of_a_question_but_a_model_is(tmp_path: Path, tiny_video: Path) -> None:
    run = prepared(tmp_path, tiny_video)
    caption(run)
    expert = tmp_path / "two_calls.py"
    where = f"captioner.{expert}.mind.{tmp_path / 'fake_expert.py'}"
    caption(run, set=[f"{where}.slots=1"])
    assert len(asked(tmp_path)) == 2 * CLIPS
    caption(run, set=[f"{where}.model=other"])
    assert len(asked(tmp_path)) == 3 * CLIPS


@pytest.mark.parametrize("outcome", ["truncated", "refused", "timed_out"])
def test_no_outcome_but_an_answer_becomes_a_caption(tmp_path: Path, tiny_video: Path, outcome: str) -> None:
    run = prepared(tmp_path, tiny_video, caption=fake_talk.spec(tmp_path, mind={"breaks": outcome}))
    result = caption(run, breaker=False)  # all fail alike, and quickly enough to be stopped
    assert dict(result.failed) == {f"mind {outcome}: it {outcome}": CLIPS}
    assert all(row["text"] is None for row in caption_rows(Run(run)))
    caption(run, breaker=False)
    again = CLIPS if outcome == "timed_out" else 0
    assert len(asked(tmp_path)) == 2 * CLIPS + again
    caption(run, retry=True, breaker=False)
    assert len(asked(tmp_path)) == 3 * CLIPS + again


def test_a_retry_that_is_stopped_leaves_what_failed_in_force(
    tmp_path: Path, tiny_video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = prepared(tmp_path, tiny_video, caption=fake_talk.spec(tmp_path, mind={"breaks": "refused"}))
    caption(run)
    before = list(caption_rows(Run(run)))
    assert [row["state"] for row in before] == ["failed"] * CLIPS

    def stopped(*given: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("hoigen.stages.captions.CaptionStage.write", stopped)
        with pytest.raises(KeyboardInterrupt):
            caption(run, retry=True)
    assert list(caption_rows(Run(run))) == before


def test_an_endpoint_at_fault_stops_the_run_and_nothing_is_lost(tmp_path: Path, tiny_video: Path) -> None:
    run = prepared(tmp_path, tiny_video, clips=30, caption=fake_talk.spec(tmp_path, mind={"breaks": "failed"}))
    with pytest.raises(SetupError, match="endpoint that is at fault: it failed"):
        caption(run)
    before = Counter(line.split()[0] for line in asked(tmp_path))
    assert before["mind"] < 30
    where = f"captioner.{tmp_path / 'two_calls.py'}.mind.{tmp_path / 'fake_expert.py'}.breaks=''"
    assert dict(caption(run, set=[where]).paths) == {"two": 30}
    assert Counter(line.split()[0] for line in asked(tmp_path))["eyes"] == 30


def test_a_lost_graphics_card_stops_the_run_instead_of_failing_the_rest(tmp_path: Path, tiny_video: Path) -> None:
    """The model is in this process, which can do nothing with it any more; a new process can."""
    run = prepared(tmp_path, tiny_video, caption=fake_talk.spec(tmp_path, mind={"breaks": "lost"}))
    with pytest.raises(
        SetupError, match=r"can use its graphics card no more, at clip \w+ or one .*: CUDA error: device-side"
    ):
        caption(run)
    assert list(caption_rows(Run(run))) == []
    where = f"captioner.{tmp_path / 'two_calls.py'}.mind.{tmp_path / 'fake_expert.py'}.breaks=''"
    again = caption(run, set=[where])
    assert (dict(again.paths), dict(again.failed)) == ({"two": CLIPS}, {})


def test_an_expert_that_would_end_the_program_costs_its_clips(tmp_path: Path, tiny_video: Path) -> None:
    run = prepared(tmp_path, tiny_video, clips=3, caption=fake_talk.spec(tmp_path, mind={"breaks": "exit"}))
    result = caption(run)
    assert list(result.failed.values()) == [3]


def test_a_model_that_cannot_load_stops_before_anything_is_asked(tmp_path: Path, tiny_video: Path) -> None:
    run = prepared(tmp_path, tiny_video, caption=fake_talk.spec(tmp_path, mind={"broken_setup": True}))
    with pytest.raises(SetupError, match="the fake expert cannot load"):
        caption(run)
    assert not asked(tmp_path)


def test_a_captioner_that_always_breaks_stops_the_run_with_its_traceback(tmp_path: Path, tiny_video: Path) -> None:
    spec: Any = fake_talk.spec(tmp_path)
    next(iter(spec["captioner"].values()))["stumbles"] = True
    run = prepared(tmp_path, tiny_video, clips=40, caption=spec)
    with pytest.raises(SetupError, match="ValueError: a fault of the captioner"):
        caption(run)


def test_a_video_that_went_bad_costs_its_own_clips(tmp_path: Path, tiny_video: Path) -> None:
    mine = tmp_path / "mine.mp4"
    mine.write_bytes(tiny_video.read_bytes())
    fake_talk.write(tmp_path)
    videos = [str(mine), str(tiny_video)]
    curated(videos=videos, run=tmp_path / "run", duplicates="keep", caption=fake_talk.spec(tmp_path))
    mine.write_bytes(b"no longer a video")
    result = caption(tmp_path / "run")
    assert dict(result.paths) == {"two": 1}
    [(reason, count)] = result.failed.items()
    assert count == 1
    assert "the file has changed since it was measured" in reason


def test_killed_at_any_moment_no_answered_call_is_repeated(tmp_path: Path, tiny_video: Path) -> None:
    slow = fake_talk.spec(tmp_path, eyes={"seconds": 0.02}, mind={"seconds": 0.02, "slots": 2})
    run = prepared(tmp_path, tiny_video, clips=40, caption=slow)
    chance = random.Random(4)
    command = [sys.executable, "-m", "hoigen", "caption", str(run), "--quiet"]
    for _ in range(8):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.5, 1.1))
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert dict(caption(run).paths) == {"two": 40}
    times = Counter(asked(tmp_path))
    # a call under way when the kill came was not answered yet: at most those in flight are asked twice
    assert len(times) == 80
    assert sum(times.values()) - 80 <= 8 * 6
    assert max(times.values()) <= 3


def test_ctrl_c_stops_and_says_how_to_go_on(tmp_path: Path, tiny_video: Path) -> None:
    slow = fake_talk.spec(tmp_path, mind={"seconds": 300})
    run = prepared(tmp_path, tiny_video, caption=slow)
    command = [sys.executable, "-m", "hoigen", "caption", str(run), "--quiet"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not asked(tmp_path) and process.poll() is None:
        time.sleep(0.05)  # once the eyes have answered, it waits for the mind
    process.send_signal(signal.SIGINT)
    _, words = process.communicate(timeout=60)
    assert process.returncode == 130, words
    assert f"Go on with: hoigen caption {run}" in words


def test_a_dry_run_counts_without_asking(tmp_path: Path, tiny_video: Path) -> None:
    run = prepared(tmp_path, tiny_video)
    dry = caption(run, dry_run=True)
    assert not asked(tmp_path)
    assert {model: load.calls for model, load in dry.least.items()} == {"eyes": CLIPS, "mind": CLIPS}
    assert f"in all: {2 * CLIPS} calls; no prices were given" in str(dry)
    caption(run)
    assert "in all: 0 calls" in str(caption(run, dry_run=True))


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"captoiner": "grounded"}, "unknown key 'captoiner'; did you mean 'captioner'"),
        ({}, "has no `caption`"),
        ({"captioner": None}, "caption.captioner must be given"),
        ({"captioner": "mixtrue"}, "unknown captioner 'mixtrue'"),
        ({"captioner": ["a"]}, "caption.captioner: a name of captioners"),
    ],
)
def test_a_wrong_recipe_is_named(tmp_path: Path, tiny_video: Path, spec: dict[str, Any], said: str) -> None:
    run = prepared(tmp_path, tiny_video, clips=1)
    (tmp_path / "other.yaml").write_text(yaml.safe_dump({"caption": spec}))
    with pytest.raises(UsageError) as error:
        caption(run, recipe=tmp_path / "other.yaml")
    assert said in str(error.value)


def test_a_dry_run_changes_nothing_and_what_was_spent_stays_counted(tmp_path: Path, tiny_video: Path) -> None:
    run = prepared(tmp_path, tiny_video, 3, fake_talk.spec(tmp_path, mind={"breaks": "truncated"}))
    first = caption(run)
    before = len(asked(tmp_path))
    dry = caption(run, dry_run=True, retry=True)
    assert "3 calls" in str(dry)
    assert "0 calls" in str(caption(run, dry_run=True)), "they are kept still"
    assert len(asked(tmp_path)) == before
    again = caption(run, retry=True)
    count = {(who, how): calls for who, how, calls, *_ in first.calls}
    twice = {(who, how): calls for who, how, calls, *_ in again.calls}
    assert twice["mind", "truncated"] == 2 * count["mind", "truncated"] == 6


def test_captions_in_force_stay_when_the_next_experts_cannot_be_set_up(tmp_path: Path, tiny_video: Path) -> None:
    run = prepared(tmp_path, tiny_video, 3)
    caption(run)
    before = Run(run).caption_file.read_text()
    spec = fake_talk.spec(tmp_path, eyes={"broken_setup": True, "model": "x"})
    broken = [f"captioner={json.dumps(spec['captioner'])}"]
    with pytest.raises(SetupError, match="cannot load"):
        caption(run, set=broken)
    assert Run(run).caption_file.read_text() == before


def test_a_video_that_was_replaced_is_not_captioned_under_the_old_clip(tmp_path: Path, tiny_video: Path) -> None:
    own = tmp_path / "own.mp4"
    own.write_bytes(tiny_video.read_bytes())
    run = prepared(tmp_path, own, 2)
    own.write_bytes(tiny_video.read_bytes() + b"more")
    result = caption(run)
    assert not result.paths
    [reason] = result.failed
    assert "the file has changed since it was measured" in reason


def test_a_dry_run_says_which_clips_would_get_no_caption(tmp_path: Path, tiny_video: Path) -> None:
    world = {"fake_world": {"model": "a"}}
    roles = {"first": world, "second": {"fake_world": {"model": "b"}}, "third": world, "decision": world}
    run = prepared(tmp_path, tiny_video, 2, {"captioner": {"mixture": {**roles, "evidence": True}}})
    told = str(caption(run, dry_run=True))
    assert "2 of 2 clips would get no caption: evidence needs what hoi_lite saw" in told


@pytest.mark.timeout(120)
def test_few_frames_wait_at_once(tmp_path: Path, tiny_video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the frames of one clip are all that may wait, the next clip begins when it has its caption; there are more
    clips than may be under way."""
    monkeypatch.setattr("hoigen.stages.captions.IN_FLIGHT_BYTES", 1)
    slow = fake_talk.spec(tmp_path, eyes={"seconds": 0.05, "slots": 1}, mind={"seconds": 0.3, "slots": 1})
    run = prepared(tmp_path, tiny_video, 6, slow)
    assert caption(run).kept == 6
    assert [line.split()[0] for line in asked(tmp_path)] == ["eyes", "mind"] * 6
