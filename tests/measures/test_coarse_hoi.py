"""Equation 1 on detections whose truth is written down, and on labelled clips."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hoigen import Clip
from hoigen.core.errors import UsageError
from hoigen.measures.coarse_hoi import CoarseHoi
from hoigen.rules.cascade import build_steps, fingerprint
from looking import looked_at, score_of

PERSON, CUP = [0.1, 0.1, 0.5, 0.9], [0.4, 0.4, 0.6, 0.6]
HEAD: dict[str, Any] = {"hoigen_detections": 1, "detector": "by hand", "verbs": "hico", "objects": "hico", "theta": 0.5}


def pair(thing: str, score: float, **verbs: float) -> dict[str, Any]:
    return {"person": PERSON, "object": CUP, "class": thing, "score": score, "verbs": verbs}


def written(folder: Path, rows: list[dict[str, Any]], **head: Any) -> Path:
    path = folder / "found.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in [{**HEAD, **head}, *rows]))
    return path


def clip_of(verb: str | None = None, thing: str | None = None, seconds: float = 8, **facts: Any) -> Clip:
    meta = {"verb": verb, "object": thing}
    settings = {"id": "0", "uri": "/some/where/a.mp4", "end": seconds, "width": 640, "height": 360, "fps": 8, **facts}
    return Clip(meta=meta, **settings)


def at_middles(pairs: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Rows of a clip of as many seconds."""
    return [{"video": "a.mp4", "time": at + 0.5, "pairs": found} for at, found in enumerate(pairs)]


def by_file(path: Path, slack: float | None = None, **settings: Any) -> CoarseHoi:
    return CoarseHoi(observer={"recorded": {"file": path, "slack": slack}}, **settings)


def load(measure: CoarseHoi) -> None:
    measure.looking.observer.load()


RIDES = [
    [pair("bicycle", 0.9, ride=0.8, hold=0.6)],
    [pair("bicycle", 0.9, ride=0.51)],
    [pair("bicycle", 0.9, ride=0.5)],  # theta itself is not above it
    [pair("bicycle", 0.4, ride=0.2, no_interaction=0.9)],
    [pair("cup", 0.9, hold=0.9)],
    [pair("person", 0.9, hug=0.9), pair("bicycle", 0.3, ride=0.9)],
    [],
    [],
]


@pytest.mark.parametrize(
    ("verb", "thing", "value"),
    [
        ("ride", "bicycle", 3 / 8),
        ("hold", "bicycle", 1 / 8),
        ("hold", None, 2 / 8),
        ("ride", "horse", 0.0),
        ("Hold", "CUP", 1 / 8),
    ],
)
def test_what_was_asked(tmp_path: Path, verb: str | None, thing: str | None, value: float) -> None:
    measure = by_file(written(tmp_path, at_middles(RIDES)))
    score = score_of(measure, clip_of(verb, thing))
    assert score.value == value
    assert score.parts["coarse_any"] == 4 / 8, "two rides, a cup and a hug; no_interaction is no act"


def test_pairs_leave_the_verb_out(tmp_path: Path) -> None:
    measure = by_file(written(tmp_path, at_middles(RIDES)))
    assert score_of(measure, clip_of("ride", "bicycle")).parts["coarse_pair"] == 3 / 8
    assert score_of(measure, clip_of("ride", None)).parts["coarse_pair"] is None, "of an object that is asked for alone"


def test_theta_can_be_changed_afterwards(tmp_path: Path) -> None:
    path = written(tmp_path, at_middles(RIDES))
    score = score_of(by_file(path), clip_of("ride", "bicycle"))
    for at, theta in enumerate(score.detail["sweep"]["theta"]):
        again = score_of(by_file(path, theta=theta), clip_of("ride", "bicycle"))
        for name in CoarseHoi.emits:
            number = again.value if name == "coarse_hoi" else again.parts[name]
            assert score.detail["sweep"][name][at] == number
    frames = [frame["coarse_hoi"] for frame in score.detail["frames"]]
    assert frames == [0.8, 0.51, 0.5, 0.2, 0, 0.9, 0, 0]
    assert score.detail["area"]["coarse_hoi"] == pytest.approx(sum(frames) / 8, abs=1e-6)
    json.dumps(score.detail, allow_nan=False)


@pytest.mark.parametrize(
    ("verb", "thing", "head", "said"),
    [
        (None, None, {}, "not asked: the prompt names no verb"),
        (None, "bicycle", {}, "not asked: the prompt names no verb"),
        ("no_interaction", "bicycle", {}, "not asked: no_interaction is no interaction"),
        ("ryde", "bicycle", {}, "not measurable: the detector has no verb 'ryde'; did you mean 'ride'"),
        ("play", "violin", {}, "not measurable: the detector has no object 'violin'"),
        ("ride", "bicycle", {"verbs": None}, "not measurable: the detector knows no verbs"),
    ],
)
def test_undefined_says_why(tmp_path: Path, verb: str | None, thing: str | None, head: Any, said: str) -> None:
    rows = at_middles(RIDES)
    if head:
        for row in rows:
            row["pairs"] = [{**found, "verbs": None} for found in row["pairs"]]
    score = score_of(by_file(written(tmp_path, rows, **head)), clip_of(verb, thing))
    assert score.value is None
    assert said in score.detail["reason"]
    assert score.parts["coarse_any"] == (5 / 8 if head else 4 / 8)
    assert (score.parts["coarse_pair"] is None) == (thing in ("violin", None))


def test_an_open_vocabulary_takes_any_word(tmp_path: Path) -> None:
    rows = at_middles([[pair("violin", 0.9, play=0.9)], []])
    measure = by_file(written(tmp_path, rows, objects=None, verbs=["play"]), frames=2)
    assert score_of(measure, clip_of("play", "violin", 2)).value == 0.5


def test_frames_are_found_by_number_and_in_pixels(tmp_path: Path) -> None:
    box = {"person": [10, 10, 300, 350], "object": [200, 100, 260, 200]}
    rows = [
        {"video": "a.mp4", "frame": at, "size": [640, 360], "pairs": [{**pair("cup", 0.9, hold=at / 16), **box}]}
        for at in range(16)
    ]
    score = score_of(by_file(written(tmp_path, rows), frames=2), clip_of("hold", "cup", 2))
    assert [frame["coarse_hoi"] for frame in score.detail["frames"]] == [4 / 16, 12 / 16], "at 0.5 and 1.5 s, 8 fps"
    assert score.detail["frames"][0]["pairs"][0]["person"] == [0.0156, 0.0278, 0.4688, 0.9722]


def test_a_clip_within_a_video_looks_at_its_own_seconds(tmp_path: Path) -> None:
    measure = by_file(written(tmp_path, at_middles(RIDES)), frames=2)
    assert score_of(measure, clip_of("ride", "bicycle", seconds=8, start=6.0)).value == 0
    assert score_of(measure, clip_of("ride", "bicycle", seconds=2)).value == 1


def test_videos_and_frames_that_are_missing(tmp_path: Path) -> None:
    measure = by_file(written(tmp_path, at_middles(RIDES)))
    score = score_of(measure, clip_of("ride", "bicycle", uri="/some/where/b.mp4"))
    assert "b.mp4 has no rows" in score.detail["reason"]
    score = score_of(measure, clip_of("ride", "bicycle", seconds=16))
    assert "no row within 1 s of second 9" in score.detail["reason"]
    twice = [{**row, "video": f"{folder}/a.mp4"} for folder in ("x", "y") for row in at_middles(RIDES)]
    score = score_of(by_file(written(tmp_path, twice)), clip_of("ride", "bicycle"))
    assert "2 videos of that name" in score.detail["reason"]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"pairs": [pair("cup", 1.2, hold=1)]}, "pairs[0].score: a number from 0 to 1; it came as 1.2"),
    ({"pairs": [pair("cup", 1, hold=float("nan"))]}, "pairs[0].verbs.hold: a number from 0 to 1; it came as nan"),
    ({"pairs": [pair("cupp", 1, hold=1)]}, "did you mean 'cup'"),
    ({"pairs": [pair("cup", 1, holds=1)]}, "did you mean 'hold'"),
    ({"pairs": [{**pair("cup", 1, hold=1), "verbs": None}]}, "so each pair has some"),
    ({"pairs": [{**pair("cup", 1, hold=1), "person": [0, 0, 640, 360]}]}, "boxes in pixels need size"),
    ({"pairs": [{**pair("cup", 1, hold=1), "object": [0.5, 0, 0.5, 1]}]}, "pairs[0].object: x0 is left of x1"),
    ({"pairs": [{**pair("cup", 1, hold=1), "object": [0.5, 0]}]}, "a box [x0, y0, x1, y1]"),
    ({"pairs": [{**pair("cup", 1, hold=1), "label": 1}]}, "unknown key 'label'"),
    ({"pairs": None}, "pairs: a list"),
    ({"pairs": [], "time": -1}, "time: seconds"),
    ({"pairs": [], "frame": 3}, "one of time (seconds) and frame"),
    ({"pairs": [], "video": ""}, "video: a text"),
    ({"pairs": [], "size": [640]}, "size: [width, height]"),
]


@pytest.mark.parametrize(("change", "said"), WRONG, ids=[said for _, said in WRONG])
def test_wrong_rows_are_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    rows = at_middles([[], []])
    rows[1].update(change)
    path = written(tmp_path, rows)
    with pytest.raises(UsageError) as error:
        load(by_file(path))
    assert said in str(error.value)
    assert f"{path}: line 3" in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("{", "line 1: is not JSON"),
        ("[]", "line 1: an object with"),
        ('{"detector": "x", "verbs": null}', "hoigen_detections: 1"),
        ('{"hoigen_detections": 1, "detector": "x"}', "verbs must be given"),
        ('{"hoigen_detections": 1, "detector": "x", "verbs": 3}', 'verbs: "hico"'),
        ('{"hoigen_detections": 1, "detector": "x", "verbs": null, "theta": 2}', "theta: a number from 0 to 1"),
    ],
)
def test_wrong_files_are_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "found.jsonl"
    path.write_text(text)
    with pytest.raises(UsageError, match=str(path)) as error:
        load(by_file(path))
    assert said in str(error.value)
    with pytest.raises(UsageError, match=r"none\.jsonl: No such file"):
        by_file(tmp_path / "none.jsonl")


def test_settings(tmp_path: Path) -> None:
    for wrong in ({"frames": 0}, {"theta": 1.0}, {"observer": {"recorded": {"file": "x", "slack": -1}}}):
        with pytest.raises(UsageError):
            build_steps([{"coarse_hoi": wrong}], {})
    path = written(tmp_path, [])
    recorded, small = by_file(path).looking, CoarseHoi().looking
    assert not recorded.observer.sees
    assert small.observer.sees
    first = fingerprint(recorded.observer)
    written(tmp_path, at_middles(RIDES))
    assert fingerprint(by_file(path).looking.observer) != first, "another file is another observer"


def test_small_detectors_know_no_verbs() -> None:
    measure = CoarseHoi()
    images = np.zeros((8, 90, 160, 3), np.uint8)
    score = score_of(measure, clip_of("ride", "bicycle"), images, range(8))
    assert score.value is None
    assert "knows no verbs" in score.detail["reason"]
    assert score.parts == {"coarse_any": 0.0, "coarse_pair": 0.0}
    assert score_of(measure, clip_of(None, "bicycle"), images, range(8)).value is None, "no act was asked for"
    assert score_of(measure, clip_of()).detail["reason"] == "no frame to look at"


def test_generated_videos(shared_clips: Path) -> None:
    measure = CoarseHoi()
    for path in sorted((shared_clips.parent / "generated").glob("*.mp4")):
        score = looked_at(measure, path, object="bicycle")
        pair = score.parts["coarse_pair"]
        assert pair is not None
        assert 0 <= pair <= 1
        assert len(score.detail["frames"]) == 8


def test_signs_of_other_scripts_are_no_ends_of_lines(tmp_path: Path) -> None:
    path = tmp_path / "found.jsonl"
    rows = [{**HEAD, "objects": None}, {"video": "a.mp4", "time": 0.5, "pairs": [pair("odd\u2028name", 0.9, hold=0.8)]}]
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    score = score_of(by_file(path, frames=1), clip_of("hold", None, seconds=1.0, fps=8))
    assert score.detail["frames"][0]["coarse_hoi"] == 0.8


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([{"video": "a.mp4", "time": 0.5, "pairs": []}] * 2, r"a\.mp4: two rows for second 0\.5"),
        ([{"video": "a.mp4", "frame": 3, "pairs": []}] * 2, r"a\.mp4: two rows for frame 3"),
        ([{"video": "a.mp4", "time": 10**400, "pairs": []}], "line 2: time"),
        ([{"video": "a.mp4", "frame": 10**400, "pairs": []}], "line 2: frame"),
        ([{"video": "a.mp4", "time": 0.5, "pairs": [pair("cup", 10**400, hold=0.5)]}], "score: a number"),
    ],
)
def test_rows_that_cannot_be_are_told(tmp_path: Path, rows: list[dict[str, Any]], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        load(by_file(written(tmp_path, rows)))


def test_a_line_that_is_nested_without_end(tmp_path: Path) -> None:
    path = tmp_path / "found.jsonl"
    path.write_text(json.dumps(HEAD) + "\n" + "[" * 100_000)
    with pytest.raises(UsageError, match="line 2: is not JSON"):
        load(by_file(path))
