"""What a field or an argument declares, and what is read of it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import pytest

from hoigen.core.settings import Missing, Setting, arguments_of

if TYPE_CHECKING:
    from hoigen.rules.decide import Funnel


@pytest.mark.parametrize(
    ("setting", "allowed", "good", "bad"),
    [
        (Setting("x", least=1), "1 or more", [1, 1.5, math.inf], [0, 0.999, math.nan]),
        (Setting("x", least=0, most=1), "0 to 1", [0, 0.5, 1], [-0.1, 1.1, math.nan]),
        (Setting("x", above=0), "more than 0", [0.001, 5], [0, -1, math.nan]),
        (Setting("x", above=0, most=1), "more than 0, at most 1", [0.1, 1], [0, 1.1]),
        (Setting("x", most=3), "at most 3", [-5, 3], [3.1]),
        (Setting("x", least=16, unit="pixels"), "16 pixels or more", [16], [15]),
        (Setting("x"), "", [0, -1e9], []),
    ],
)
def test_bounds(setting: Setting, allowed: str, good: list[float], bad: list[float]) -> None:
    assert setting.allowed == allowed
    assert all(map(setting.allows, good))
    assert not any(map(setting.allows, bad))


Folder = Annotated[Path, Setting("a folder")]


def test_arguments_of_a_command() -> None:
    def command(
        run: Folder,
        names: Annotated[list[str] | None, Setting("some names")] = None,
        *,
        kind: Annotated[Literal["a", "b"], Setting("which")] = "a",
        share: Annotated[float, Setting("of the clips", least=0, unit="per cent")] = 5.0,
    ) -> Funnel:
        raise NotImplementedError

    run, names, kind, share = arguments_of(command)
    assert (run.name, run.hint, run.default, run.help, run.option) == ("run", Path, Missing, "a folder", False)
    assert (names.required, names.hint, names.option) == (False, list[str] | None, False)
    assert (kind.hint, kind.default, kind.option) == (Literal["a", "b"], "a", True)
    assert (share.help, share.setting.least) == ("of the clips, in per cent", 0)
