"""How the demo ends. On its samples it runs in `make smoke`, from the wheel."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from hoigen.commands.cli import main
from hoigen.commands.demo import Demo


@pytest.mark.parametrize(
    ("states", "samples", "incomplete"),
    [
        (("kept", "dropped"), True, False),
        (("dropped", "dropped"), True, True),
        (("kept", "failed"), True, True),
        ((), True, True),
        (("failed", "failed"), False, True),
        ((), False, True),
        (("dropped", "failed"), False, False),
        (("dropped",), False, False),
    ],
)
def test_it_went_wrong_when_nothing_came_of_it(states: tuple[str, ...], samples: bool, incomplete: bool) -> None:
    clips: list[dict[str, Any]] = [
        {"id": "x", "uri": "a.mp4", "start": 0.0, "end": 1.0, "state": state, "reason": None, "caption": None}
        for state in states
    ]
    well = cast("Any", SimpleNamespace(incomplete=False))
    found = Demo(well, clips, Path("run"), well, samples=samples)
    assert found.incomplete == incomplete
    assert ("That went wrong" in str(found)) == incomplete


def test_videos_that_cannot_be_read_end_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    (folder / "a.mp4").write_bytes(b"no video")
    assert main(["demo", str(folder), "--run", str(tmp_path / "run"), "--quiet"]) == 1
    printed = capsys.readouterr().out
    assert "That went wrong: no video could be read" in printed
    assert "a.mp4 0.00-0.00 s" in printed
