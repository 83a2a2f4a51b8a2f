"""LeRobot v3: episodes whose frames are those that were kept, with contact and hands where they were seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from exporting import DAMAGES, WORDS, a_run, export, task_of

from hoigen import video
from hoigen.data.run import Run
from hoigen.dataset.formats.lerobot import CONTACT, CONTACT_SEEN, HANDS, HANDS_SEEN, VIDEO, _spans
from hoigen.dataset.readback import faults
from render import render
from run_folders import curated

ASKED: dict[str, Any] = {"fps": 8.0, "frames": (17,), "sizes": ((128, 96),)}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return a_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def touched(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of one video of 40 frames at 10 fps, in which a hand goes from left to right and meets a cup on its way."""
    folder = tmp_path_factory.mktemp("hands")
    path = render(folder / "hand.mp4", [np.full((96, 128, 3), 90, np.uint8)] * 40, fps=10)
    lines: list[dict[str, Any]] = [{"hoigen_scenes": 1, "pipeline": "Ann", "gives": ["boxes", "hands", "regions"]}]
    for at in range(40):
        points = [[20 + 2 * at + n, 48 + n] for n in range(21)]
        x = 28 + 2 * at
        cup = [x, 52, x + 6, 60] if 16 <= at < 24 else [2, 2, 6, 6]
        hand = {"score": 0.95, "palm": 0.9, "points": points}
        boxes = [{"class": "cup", "score": 0.9, "box": cup}]
        line = {"video": str(path), "time": at / 10, "size": [128, 96]}
        lines.append(line | {"boxes": boxes, "hands": [hand], "regions": []})
    (folder / "seen.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    measures = [{"coarse_hoi": {"observer": {"recorded": {"file": str(folder / "seen.jsonl")}}}}]
    listed = folder / "list.jsonl"
    listed.write_text(json.dumps({"path": str(path), "text": "A hand meets a cup."}) + "\n")
    curated(videos=str(listed), run=folder / "run", measures=measures, keep={})
    return Run(folder / "run")


def test_what_is_read_is_what_was_kept(plain: Run, tmp_path: Path) -> None:
    task = task_of(plain, "lerobot", tmp_path / "out", **ASKED)
    assert export(task).read_back == 3
    samples = list(task.samples())
    assert [s.text for s in samples] == list(WORDS)
    assert faults(task.format, tmp_path / "out", samples) == []
    rows = pq.read_table(tmp_path / "out" / "data" / "chunk-000" / "file-000.parquet").to_pylist()
    assert [row["index"] for row in rows] == list(range(51))
    assert not any(row[CONTACT_SEEN] or any(row[HANDS_SEEN]) for row in rows), "nothing was looked at"
    info = json.loads((tmp_path / "out" / "meta" / "info.json").read_text())
    assert (info["codebase_version"], info["fps"], info["total_frames"], info["total_tasks"]) == ("v3.0", 8, 51, 3)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_each_damage_is_found(plain: Run, tmp_path: Path, damage: Any) -> None:
    task = task_of(plain, "lerobot", tmp_path / "out", **ASKED)
    export(task)
    samples = list(task.samples())
    damage(task, samples)
    assert faults(task.format, tmp_path / "out", samples)


def test_contact_and_hands_are_features_at_the_frames_where_they_were_seen(touched: Run, tmp_path: Path) -> None:
    how: dict[str, Any] = {"fps": 10.0, "frames": (33,), "sizes": ((128, 96),), "take": "start"}
    task = task_of(touched, "lerobot", tmp_path / "out", **how)
    export(task)
    rows = pq.read_table(tmp_path / "out" / "data" / "chunk-000" / "file-000.parquet").to_pylist()
    assert len(rows) == 33
    seen = [at for at, row in enumerate(rows) if row[CONTACT_SEEN]]
    assert seen == list(range(seen[0], 33)), "each frame is held by the nearest look at it"
    touching = [at for at, row in enumerate(rows) if row[CONTACT]]
    assert touching == list(range(touching[0], touching[-1] + 1))
    assert 13 <= touching[0] <= 18
    assert 20 <= touching[-1] <= 25, "contact is from frame 16 to 23, known at eight looks in forty frames"
    for at in seen:
        (x, y) = rows[at][HANDS][0][0]
        assert rows[at][HANDS_SEEN] == [True, False]
        assert x * 128 == pytest.approx(20 + 2 * at, abs=2 * 2.6), "no farther than half way to the next look"
        assert y * 96 == pytest.approx(48, abs=0.1)
    [episode] = pq.read_table(tmp_path / "out" / "meta" / "episodes" / "chunk-000" / "file-000.parquet").to_pylist()
    assert episode["contact_segments"] == [[touching[0], touching[-1] + 1]]
    stats = json.loads((tmp_path / "out" / "meta" / "stats.json").read_text())
    assert np.shape(stats[VIDEO]["mean"]) == (3, 1, 1)
    assert stats[VIDEO]["mean"][0][0][0] == pytest.approx(90 / 255, abs=0.02)
    assert np.shape(stats[HANDS]["max"]) == (2, 21, 2)


@pytest.mark.parametrize(
    ("numbers", "spans"),
    [
        ([], []),
        ([3], [(3, 4)]),
        ([2, 6, 10], [(0, 4), (4, 8), (8, 12)]),
        ([0, 5], [(0, 3), (3, 8)]),
        ([4, 4, 5], [(4, 4), (4, 5), (5, 6)]),
    ],
)
def test_a_look_stands_for_the_frames_that_are_nearest_to_it(numbers: list[int], spans: list[tuple[int, int]]) -> None:
    assert _spans(numbers, 12) == spans


def test_lerobot_itself_reads_every_frame(touched: Run, plain: Run, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="extra [models]: make test brings it")
    pytest.importorskip("decord", reason="loaders of exports: make readers")
    pytest.importorskip("draccus", reason="loaders of exports: make readers")
    library = torch.library.Library("torchvision", "DEF")  # PyPI's torchvision is of another torch than that of CPUs
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    task = task_of(plain, "lerobot", tmp_path / "out", **ASKED)
    export(task)
    samples = list(task.samples())
    found = LeRobotDataset("me/hoi", root=tmp_path / "out", video_backend="pyav")
    assert (found.num_episodes, found.num_frames, found.fps) == (3, 51, 8)
    for sample, episode in zip(samples, range(3), strict=True):
        row = found.meta.episodes[episode]
        assert row["dataset_to_index"] - row["dataset_from_index"] == sample.frames
        pictures = [image for image, _ in video.walk(str(tmp_path / "out" / sample.file), short_side=None)]
        path = tmp_path / "out" / found.meta.get_video_file_path(episode, VIDEO)
        assert path.read_bytes() == (tmp_path / "out" / sample.file).read_bytes()
        for at in range(sample.frames):
            item = found.hf_dataset[row["dataset_from_index"] + at]
            assert (int(item["episode_index"]), int(item["frame_index"])) == (episode, at)
            assert item[HANDS].shape == (2, 21, 2)
            assert found.meta.tasks.iloc[int(item["task_index"])].name == sample.text
        assert len(pictures) == sample.frames
    del library
