"""Every format: what its loader reads is what was kept, and it fails on each damage that costs people weeks."""

from __future__ import annotations

import functools
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from exporting import DAMAGES, WORDS, a_run, export, task_of

from hoigen.core.registry import OWN, find, names_of
from hoigen.data.run import Run
from hoigen.dataset.export import ExportResult
from hoigen.dataset.plan import Task
from hoigen.dataset.readback import faults

NAMES = [name for name in names_of("format") if name not in ("hoi", "lerobot")]
"""Those of captions; the others have tests of their own."""
ASKED: dict[str, dict[str, Any]] = {
    "ltx_trainer": {"frames": (9, 17), "sizes": ((128, 96), (96, 128))},
    "open_sora": {"frames": (17,), "sizes": ((256, 256),), "enlarge": True},
    "videox_fun": {"frames": (5, 17)},
    "musubi": {"sizes": ((128, 96), (96, 128))},
}
"""What is asked for, besides 17 frames of 128x96 at 8 fps."""


PACKAGES = {"lance": "lance"}
"""What a format is written with, where that is not installed by default."""
FOUND = {
    "a_frame_too_few": "16 frames instead of 17",
    "wrong_fps": "9 frames a second instead of 8",
    "another_size": "64x48 instead of",
    "captions_shifted": "its caption is",
    "an_empty_caption": "empty|its caption is ''",
    "a_sample_less": "samples are not read",
    "two_clips_swapped": "another one",
}
"""What must be said of each damage; a loader that stops at it says so in its own words."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return a_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def exported(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Task, ExportResult]]:
    """A format's name -> an export to it, made once."""

    @functools.cache
    def made(name: str) -> tuple[Task, ExportResult]:
        if name in PACKAGES:
            pytest.importorskip(PACKAGES[name], reason="loaders of exports: make readers brings them")
        task = task_of(run, name, tmp_path_factory.mktemp(name) / "out", **ASKED.get(name, {}))
        return task, export(task)

    return made


@pytest.mark.parametrize("name", NAMES)
def test_what_is_read_is_what_was_kept(exported: Callable[[str], tuple[Task, ExportResult]], name: str) -> None:
    task, result = exported(name)
    assert (result.written, result.failed, result.samples, result.read_back) == (3, {}, 3, 3)
    samples = list(task.samples())
    assert [sample.text for sample in samples] == list(WORDS)
    size = (256, 256) if name == "open_sora" else (128, 96)
    assert {(s.frames, s.fps, s.width, s.height) for s in samples} == {(17, 8.0, *size)}
    assert faults(task.format, Path(task.out.uri), samples) == []
    again = export(task)
    assert (again.written, again.already, again.read_back) == (0, 3, 3)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_each_damage_is_found(
    run: Run,
    tmp_path: Path,
    exported: Callable[[str], tuple[Task, ExportResult]],
    name: str,
    damage: Callable[[Task, Any], None],
) -> None:
    before, _ = exported(name)
    samples = list(before.samples())
    shutil.copytree(before.out.uri, tmp_path / "out")
    task = task_of(run, name, tmp_path / "out", **ASKED.get(name, {}))
    damage(task, samples)
    found = "; ".join(faults(task.format, tmp_path / "out", samples))
    assert re.search(f"{FOUND[damage.__name__]}|its loader would stop", found), found


def test_the_page_names_every_format_and_where_its_rules_are_from() -> None:
    page = (Path(__file__).parents[2] / "docs" / "export.md").read_text(encoding="utf-8")
    for name in OWN["format"]:
        assert f"| `{name}` |" in page
        assert find("format", name).trainer.source in page, name
