"""How well the measures of a CPU tell interactions on 48 labelled web clips, looked at once for all of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from hoigen import Clip
from hoigen.core.stats.thresholds import auc
from hoigen.measures.coarse_hoi import CoarseHoi
from hoigen.measures.hoi_lite import HoiLite
from hoigen.observe.observation import Observation
from looking import observed, opened


class Labelled(NamedTuple):
    clip: Clip
    seen: Observation
    has_hoi: bool


@pytest.fixture(
    scope="module", params=[pytest.param(6, id="6 of each kind"), pytest.param(48, id="all", marks=pytest.mark.slow)]
)
def labelled(request: pytest.FixtureRequest, shared_clips: Path) -> list[Labelled]:
    """The first web clips of each kind, or all."""
    rows = [json.loads(line) for line in (shared_clips / "labels.jsonl").read_text().splitlines()]
    kinds = ([row for row in rows if row["has_hoi"] == kind][: request.param] for kind in (True, False))
    measure, found = HoiLite(), []
    for row in (row for kind in kinds for row in kind):
        clip, frames = opened(measure, shared_clips / row["file"])
        found.append(Labelled(clip, observed(measure, clip, frames.images, frames.times), row["has_hoi"]))
    return found


def test_hoi_lite_ranks_them(labelled: list[Labelled]) -> None:
    """Shipped weights and a plain sum of the features, which nothing was fitted to, both order the clips."""
    scores = [HoiLite().read(one.clip, one.seen) for one in labelled]
    has_hoi = [one.has_hoi for one in labelled]
    values = [score.value for score in scores]
    assert None not in values
    assert auc(values, has_hoi) >= 0.92
    assert auc([sum(part for part in score.parts.values() if part is not None) for score in scores], has_hoi) >= 0.9


def test_coarse_any_ranks_them_by_the_same_look(labelled: list[Labelled]) -> None:
    measure = CoarseHoi()
    assert measure.looking == HoiLite().looking
    values = [measure.read(one.clip, one.seen).parts["coarse_any"] or 0.0 for one in labelled]
    assert auc(values, [one.has_hoi for one in labelled]) >= 0.88
