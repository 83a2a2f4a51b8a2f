"""What a worker does with one clip: memory that it promises to let go."""

from __future__ import annotations

import os
import shutil
import weakref
from pathlib import Path
from typing import Any

import pytest

from hoigen.core import trusted
from hoigen.core.clip import Clip, Sampling, clip_id
from hoigen.core.errors import NoRoomError, SetupError, VideoError
from hoigen.stages.engine import Job, load, setup_scorer
from hoigen.stages.ingest import VideoJob, failed_row, setup_ingest
from hoigen.stages.showing import check_same, setup_frames
from hoigen.video import content_digest

LOOKS = '''
import weakref
from hoigen import Sampling, Score, measure

@measure("{name}")
class Looks:
    """How many frames it was shown; SEEN has weak references to those of all measures."""

    sampling: Sampling = Sampling(frames={frames}, short_side=None)

    def __call__(self, clip, frames):
        import gc
        gc.collect()
        alive = sum(each() is not None for each in clip.meta["seen"])
        clip.meta["seen"].append(weakref.ref(frames.images))
        return Score(float(alive))
'''


class Said:
    """What a handler says to the parent: the parts of its answer, and what it is at."""

    def __init__(self) -> None:
        self.parts: list[Any] = []
        self.at: list[str] = []

    def __call__(self, part: Any) -> None:
        self.parts.append(part)

    def doing(self, what: str) -> None:
        self.at.append(what)

    def progress(self) -> None: ...


def test_frames_are_let_go_once_no_later_measure_looks_at_them(tmp_path: Path, tiny_video: Path) -> None:
    """Whole frames are large: a clip's memory is that of the samplings still wanted."""
    files = []
    for name, frames in (("first", 3), ("second", 3), ("third", 5)):
        path = tmp_path / f"{name}.py"
        path.write_text(LOOKS.format(name=name, frames=frames))
        trusted.grant(path)
        files.append(str(path))
    handle = setup_scorer(files, {}, True, tmp_path)
    seen: list[weakref.ref[Any]] = []
    clip = Clip(id="c", uri=str(tiny_video), end=2.0, width=64, height=48, fps=25.0, meta={"seen": seen})
    said = Said()
    handle(Job(clip, ("first", "second", "third")), said)
    assert said.at == ["decode", "first", "second", "third"]
    assert [(each.measure, each.reason, each.values) for each in said.parts] == [
        ("first", None, {"first": 0.0}),
        ("second", None, {"second": 1.0}),  # the same frames as the first
        ("third", None, {"third": 0.0}),  # those of the others are gone
    ]


@pytest.mark.parametrize("score_all", [False, True])
def test_a_clip_that_a_rule_drops_costs_nothing_further(tmp_path: Path, tiny_video: Path, score_all: bool) -> None:
    path = tmp_path / "later.py"
    path.write_text(LOOKS.format(name="later", frames=1))
    trusted.grant(path)
    handle = setup_scorer(["metadata", str(path)], {"fps": {"min": 100}}, score_all, tmp_path)
    clip = Clip(id="c", uri=str(tiny_video), end=2.0, width=64, height=48, fps=25.0, meta={"seen": []})
    said = Said()
    handle(Job(clip, ("metadata", "later")), said)
    assert [each.measure for each in said.parts] == (["metadata", "later"] if score_all else ["metadata"])


class Loading:
    """A measure that raises `error` when it is loaded, and says where it keeps what it keeps."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error

    def load(self) -> None:
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (ValueError("no such layer"), SetupError, "no such layer"),
        (KeyError(), SetupError, "KeyError"),
        (MemoryError("17 GiB"), NoRoomError, "17 GiB"),
    ],
)
def test_why_a_measure_does_not_load_is_told_with_its_name(error: Exception, kind: type[SetupError], said: str) -> None:
    with pytest.raises(SetupError) as failed:
        load(Loading(error), "mine")
    assert type(failed.value) is kind, "where memory does not suffice, fewer workers may go on"
    assert str(failed.value) == f"measure 'mine' could not load its model: {said}"
    assert failed.value.__cause__ is error


def test_a_worker_names_the_measure_that_does_not_load(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text(
        LOOKS.format(name="broken", frames=1) + "\n    def load(self):\n        raise ValueError('no layer')\n"
    )
    trusted.grant(path)
    with pytest.raises(SetupError, match=r"^measure 'broken' could not load its model: no layer$"):
        setup_scorer(["metadata", str(path)], {}, True, tmp_path)


def test_a_video_without_clips_is_a_row_that_says_why() -> None:
    job = VideoJob(3, "a.mp4", caption="a prompt", source="web", licence="CC0", meta='{"by": "mé"}')
    row = failed_row(job, "no such file")
    assert row == {
        "video": 3,
        "n": 0,
        "id": clip_id("a.mp4", 0.0, 0.0),
        "uri": "a.mp4",
        "start": 0.0,
        "end": 0.0,
        "source": "web",
        "prompt": "a prompt",
        "meta": '{"by": "mé", "licence": "CC0"}',
        "rule": None,
        "width": 0,
        "height": 0,
        "fps": 0.0,
        "digest": None,
        "header": None,
        "state": "failed",
        "reason": "no such file",
    }
    part = failed_row(VideoJob(3, "a.mp4", 1.5, 4.0), "no such file")
    assert (part["start"], part["end"], part["id"]) == (1.5, 4.0, clip_id("a.mp4", 1.5, 4.0))
    assert (part["source"], part["prompt"], part["meta"]) == ("", None, "{}")
    assert failed_row(VideoJob(3, "a.mp4", 1.5), "no such file")["end"] == 1.5, "how long it is nobody knows"


def test_a_stage_says_what_it_is_at(tiny_video: Path) -> None:
    """What a clip that hangs or ends its worker is blamed on."""
    for shots, what in (("none", "header"), ("adaptive", "shots")):
        said = Said()
        setup_ingest(shots, 0.5, None)(VideoJob(0, str(tiny_video)), said)
        assert said.at == [what]
        assert len(said.parts) == 1
    said = Said()
    clip = Clip(id="c", uri=str(tiny_video), end=2.0, width=64, height=48, fps=25.0)
    setup_frames([Sampling(frames=3)])(clip, said)
    assert said.at == ["decode"]
    assert [len(frames.images) for frames in said.parts[0].values()] == [3]


def test_frames_are_shown_of_the_file_that_was_measured_alone(tmp_path: Path, tiny_video: Path) -> None:
    path = tmp_path / "clip.mp4"
    shutil.copy(tiny_video, path)
    moved: list[int] = []

    def clip(uri: str, **meta: str) -> Clip:
        return Clip(id="c", uri=uri, end=2.0, width=64, height=48, fps=25.0, meta=meta)

    check_same(clip(str(path), digest=content_digest(str(path))), lambda: moved.append(1))
    assert moved, "reading a large file is progress"
    with path.open("ab") as file:
        file.write(b"more")
    os.utime(path, ns=(1, 1))
    check_same(clip(str(path)))  # of a run of before digests
    with pytest.raises(VideoError, match="the file has changed since it was measured"):
        check_same(clip(str(path), digest=content_digest(str(tiny_video))))
    check_same(clip("https://nowhere.invalid/clip.mp4", digest="0" * 16))  # one is not fetched whole to be compared
