"""Exports read back by the very loaders that they are for, frame by frame (make readers)."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exporting import CAPTIONS, FRAMES, WORDS, a_run, export, task_of

import hoigen
from hoigen import video
from hoigen.data.run import Run
from hoigen.dataset.contract import Sample


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return a_run(tmp_path_factory.mktemp("run"))


def exported(run: Run, name: str, out: Path, **settings: Any) -> list[Sample]:
    task = task_of(run, name, out, settings)
    export(task)
    return list(task.samples())


def check_frames(frames: np.ndarray, sample: Sample) -> None:
    """That frames (T, H, W, 3), as a loader has them, are those of the video that the clip was cut from."""
    assert frames.shape == (FRAMES, sample.height, sample.width, 3)
    source = list(video.walk(sample.uri, short_side=sample.height))
    for at, image in enumerate(frames):
        moment = sample.start + at / sample.fps
        nearest = min(source, key=lambda each: abs(each[1] - moment))[0]
        left = (nearest.shape[1] - sample.width) // 2
        wanted = nearest[:, left : left + sample.width].astype(int)
        assert np.abs(image.astype(int) - wanted).mean() < 4, f"frame {at}"


def decoded(file: Any) -> np.ndarray:
    decord = pytest.importorskip("decord", reason="loaders of exports: make readers")
    reader = decord.VideoReader(file)
    assert reader.get_avg_fps() == pytest.approx(8.0)
    frames: np.ndarray = reader.get_batch(range(len(reader))).asnumpy()
    return frames


def test_the_frames_of_other_pictures_are_told_apart(run: Run, tmp_path: Path) -> None:
    """What `check_frames` allows is less than what a frame later, or another clip, makes."""
    samples = exported(run, "videofolder", tmp_path / "out")
    pictures = [image for image, _ in video.walk(str(tmp_path / "out" / samples[0].file), short_side=None)]
    check_frames(np.stack(pictures), samples[0])
    with pytest.raises(AssertionError, match="frame 0"):
        check_frames(np.stack([*pictures[1:], pictures[-1]]), samples[0])
    with pytest.raises(AssertionError, match="frame 0"):
        check_frames(np.stack(pictures), samples[1])


def test_videofolder_by_datasets(run: Run, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="loaders of exports: make readers")
    samples = exported(run, "videofolder", tmp_path / "out")
    found = datasets.load_dataset(
        "videofolder", data_dir=str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache")
    ).cast_column("video", datasets.Video(decode=False))
    assert [row["text"] for row in found] == list(WORDS)
    for row, sample in zip(found, samples, strict=True):
        assert (row["frames"], row["fps"], row["digest"]) == (sample.frames, sample.fps, sample.digest)
        check_frames(decoded(row["video"]["path"]), sample)


def test_the_folder_of_a_cut_by_datasets(run: Run, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="loaders of exports: make readers")
    made = hoigen.cut(run.path, out=tmp_path / "out", workers=1, quiet=True)
    found = datasets.load_dataset(
        "videofolder", data_dir=str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache")
    ).cast_column("video", datasets.Video(decode=False))
    assert len(found) == made.cut
    assert sorted(row["caption"] for row in found) == sorted(CAPTIONS)
    assert all(Path(row["video"]["path"]).stem == row["id"] for row in found)


def test_finetrainers_folder_by_datasets(run: Run, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="loaders of exports: make readers")
    samples = exported(run, "finetrainers", tmp_path / "out")
    found = datasets.load_dataset(
        "videofolder", data_dir=str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache")
    ).cast_column("video", datasets.Video(decode=False))
    assert found.column_names == ["video", "caption"]
    assert [row["caption"] for row in found] == list(WORDS)
    for row, sample in zip(found, samples, strict=True):
        check_frames(decoded(row["video"]["path"]), sample)


def test_parquet_by_datasets(run: Run, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="loaders of exports: make readers")
    samples = exported(run, "parquet", tmp_path / "out", shard_mb=0.01)
    assert len(list((tmp_path / "out" / "data").iterdir())) > 1, "several files, in order"
    found = datasets.load_dataset(
        "parquet", data_dir=str(tmp_path / "out" / "data"), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert isinstance(found.features["video"], datasets.Video)
    found = found.cast_column("video", datasets.Video(decode=False))
    assert [row["text"] for row in found] == list(WORDS)
    for row, sample in zip(found, samples, strict=True):
        check_frames(decoded(io.BytesIO(row["video"]["bytes"])), sample)


def test_webdataset_by_webdataset(run: Run, tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset", reason="loaders of exports: make readers")
    samples = exported(run, "webdataset", tmp_path / "out", shard_mb=0.01)
    shards = sorted(str(path) for path in (tmp_path / "out" / "shards").iterdir())
    assert len(shards) > 1
    found = list(webdataset.WebDataset(shards, shardshuffle=False).to_tuple("__key__", "mp4", "txt", "json"))
    assert [text.decode() for _, _, text, _ in found] == list(WORDS)
    for (key, mp4, _, told), sample in zip(found, samples, strict=True):
        assert (key, json.loads(told)["digest"]) == (sample.name, sample.digest)
        check_frames(decoded(io.BytesIO(mp4)), sample)


def test_lance_by_lance(run: Run, tmp_path: Path) -> None:
    lance = pytest.importorskip("lance", reason="loaders of exports: make readers")
    samples = exported(run, "lance", tmp_path / "out")
    dataset = lance.dataset(str(tmp_path / "out" / "clips.lance"))
    assert dataset.to_table(columns=["text"])["text"].to_pylist() == list(WORDS)
    for at, sample in enumerate(samples):
        [blob] = dataset.take_blobs("video", indices=[at])
        check_frames(decoded(io.BytesIO(blob.read())), sample)


def pairs_of(folder: Path) -> Iterator[tuple[str, Path]]:
    """Captions and clips as diffusers' script pairs them."""
    texts, paths = ((folder / name).read_text(encoding="utf-8").splitlines() for name in ("prompts.txt", "videos.txt"))
    yield from zip(texts, (folder / path for path in paths), strict=True)


def test_diffusers_by_decord(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("decord", reason="loaders of exports: make readers")
    samples = exported(run, "diffusers", tmp_path / "out")
    for (text, path), sample in zip(pairs_of(tmp_path / "out"), samples, strict=True):
        assert text == sample.text
        check_frames(decoded(str(path)), sample)
