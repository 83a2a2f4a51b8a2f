"""Lower bounds of dependencies: none lets in a release of which a hole is known (known_holes.csv, kept by hand)."""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1] / "pyproject.toml"
ROWS = list(csv.DictReader((HERE / "known_holes.csv").open(encoding="utf-8")))


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def requirements() -> Iterator[tuple[str, str]]:
    """Each dependency of the project and of its extras, with its lower bound."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    for needed in [
        *project["dependencies"],
        *(each for extra in project["optional-dependencies"].values() for each in extra),
    ]:
        found = re.fullmatch(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?>=([0-9.]+)(?:,<[0-9.]+)?", needed)
        assert found, f"{needed}: a name and a lower bound"
        yield found[1].lower(), found[2]


def lets_in(lower: str, fixed: str) -> bool:
    """Whether a release before the one in which the hole was closed satisfies the lower bound."""
    size = max(len(numbers(lower)), len(numbers(fixed)))
    first, second = (numbers(each) + (0,) * (size - len(numbers(each))) for each in (lower, fixed))
    return first < second


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['package']} {row['advisory']}")
def test_no_lower_bound_lets_in_a_release_with_a_known_hole(row: dict[str, str]) -> None:
    bounds = [lower for name, lower in requirements() if name == row["package"]]
    assert bounds, f"{row['package']} is no dependency any more: its row can go"
    assert not [lower for lower in bounds if lets_in(lower, row["fixed_in"])], f"{row['advisory']}: {row['what']}"


def test_versions_are_compared_by_their_numbers() -> None:
    assert lets_in("2.9", "2.10.0")
    assert lets_in("10", "12.1.1")
    assert not lets_in("12.2", "12.1.1")
    assert not lets_in("2.11", "2.11.0")
