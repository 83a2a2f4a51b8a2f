"""Every format: what its loader reads is what was kept, and it fails on each damage that costs people weeks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from exporting import DAMAGES, WORDS, a_run, export, task_of

from hoigen.core.registry import names_of
from hoigen.data.run import Run
from hoigen.dataset.plan import Task
from hoigen.dataset.readback import faults

NAMES = names_of("format")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return a_run(tmp_path_factory.mktemp("run"))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_read_is_what_was_kept(run: Run, tmp_path: Path, name: str) -> None:
    task = task_of(run, name, tmp_path / "out")
    result = export(task)
    assert (result.written, result.failed, result.samples, result.read_back) == (3, {}, 3, 3)
    samples = list(task.samples())
    assert [sample.text for sample in samples] == list(WORDS)
    assert {(s.frames, s.fps, s.width, s.height) for s in samples} == {(17, 8.0, 128, 96)}
    assert faults(task.format, tmp_path / "out", samples) == []
    again = export(task)
    assert (again.written, again.already, again.read_back) == (0, 3, 3)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_each_damage_is_found(run: Run, tmp_path: Path, name: str, damage: Callable[[Task, Any], None]) -> None:
    task = task_of(run, name, tmp_path / "out")
    export(task)
    samples = list(task.samples())
    damage(task, samples)
    assert faults(task.format, tmp_path / "out", samples)
