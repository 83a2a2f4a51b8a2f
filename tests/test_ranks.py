"""Several processes share a run: each does its own shards, and together they do all."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

import hoigen
from hoigen.data.run import Run
from hoigen.stages.book import Share

VIDEOS, SIZE = 7, 2


@pytest.mark.parametrize("ranks", [1, 2, 3, 5])
def test_every_shard_is_one_ranks(ranks: int) -> None:
    for shard in range(20):
        mine = [rank for rank in range(ranks) if Share(rank=rank, ranks=ranks).mine(shard)]
        assert mine == [shard % ranks]


def shards(run: Path) -> list[int]:
    return Run(run).clips.shards()


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_each_rank_does_its_own_shards_and_all_together_do_all(
    tmp_path: Path, tiny_video: Path, order: tuple[int, ...]
) -> None:
    videos = tmp_path / "videos"
    videos.mkdir()
    for at in range(VIDEOS):
        (videos / f"{at}.mp4").write_bytes(tiny_video.read_bytes() + bytes(at))
    how: dict[str, Any] = {"videos": videos, "run": tmp_path / "run", "measures": ["metadata"], "shots": "none"}
    how |= {"shard_size": SIZE, "ranks": 3, "workers": 1, "report": False, "quiet": True}
    done: list[int] = []
    for rank in order:
        hoigen.curate(**how, rank=rank)
        done += [shard for shard in range(4) if shard % 3 == rank]
        assert shards(tmp_path / "run") == sorted(done)
    counts = hoigen.funnel(tmp_path / "run").counts
    assert counts == {"kept": VIDEOS, "dropped": 0, "failed": 0, "pending": 0}
