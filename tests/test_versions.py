"""Versions and bounds against `packaging`, and what pyproject.toml asks for."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from hoigen.core.versions import fit, key, name_and_bounds

PROJECT = tomllib.loads((Path(__file__).resolve().parents[1] / "pyproject.toml").read_text())["project"]
NEEDED = [*PROJECT["dependencies"], *(one for some in PROJECT["optional-dependencies"].values() for one in some)]
CALENDAR = {"fsspec"}
"""Their majors are years: no promise is broken by a new one, and no bound can be told beforehand."""

numbers = st.integers(0, 3).map(str)
releases = st.lists(numbers, min_size=1, max_size=4).map(".".join)
candidates = st.builds(
    "{}{}".format, st.sampled_from(["a", "b", "rc", ".alpha", "-beta.", "c", "_pre", "preview"]), numbers
)
posts = st.sampled_from([".post1", "-2", ".post", "post3", ".rev1", "-r2"])
devs = st.sampled_from([".dev0", "dev", "-dev3"])


def maybe(texts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(st.just(""), texts)


public = st.builds("{}{}{}{}{}".format, maybe(st.just("1!")), releases, maybe(candidates), maybe(posts), maybe(devs))
versions = st.builds("{}{}".format, public, maybe(st.just("+cpu.1")))


@given(public, public)
def test_order_is_that_of_packaging(one: str, other: str) -> None:
    assert (key(one) < key(other)) == (Version(one) < Version(other))
    assert (key(one) == key(other)) == (Version(one) == Version(other))


@given(versions, public, public)
def test_bounds_are_those_of_packaging(version: str, least: str, limit: str) -> None:
    for bounds in (f">={least}", f"<{limit}", f">= {least} , < {limit}", ""):
        assert (fit(version, bounds) == "fits") == SpecifierSet(bounds).contains(version, prereleases=True), bounds


@pytest.mark.parametrize(
    ("version", "found"),
    [
        ("18.1.0", "fits"),
        ("18.9", "fits"),
        ("18.1.post1", "fits"),
        ("18.1+local", "fits"),
        ("18.0.9", "too old"),
        ("18.1rc1", "too old"),
        ("9.2", "too old"),
        ("19", "too new"),
        ("19.0.2", "too new"),
        ("19.0rc1", "too new"),
        ("1!18.5", "too new"),
        ("100.0", "too new"),
    ],
)
def test_neither_too_old_nor_too_new(version: str, found: str) -> None:
    assert fit(version, "<19,>=18.1") == found


def test_what_is_no_version_and_other_operators_are_refused() -> None:
    for version in ("", "one", "1.x", "1..2", "git-abc"):
        with pytest.raises(ValueError, match="is no version"):
            fit(version, ">=1")
    for bounds in ("==1", "~=1.2", "!=1", ">1", "<=2", ">=1.*"):
        with pytest.raises(ValueError, match="only >= and < are known"):
            fit("1.5", bounds)


@pytest.mark.parametrize(
    ("needed", "name", "bounds"),
    [
        ("av<19,>=18.1", "av", "<19,>=18.1"),
        ("ai-edge-litert >= 2.0, < 3", "ai-edge-litert", ">= 2.0, < 3"),
        ("av (>=18.1,<19)", "av", ">=18.1,<19"),
        ("uvicorn[standard]>=0.34", "uvicorn", ">=0.34"),
        ("tqdm", "tqdm", ""),
    ],
)
def test_requirements_are_read(needed: str, name: str, bounds: str) -> None:
    assert name_and_bounds(needed) == (name, bounds)


@pytest.mark.parametrize("needed", NEEDED)
def test_all_that_pyproject_needs_is_bounded_and_can_be_checked(needed: str) -> None:
    name, bounds = name_and_bounds(needed)
    assert name == Requirement(needed).name
    assert {one.operator for one in Requirement(needed).specifier} == ({">="} if name in CALENDAR else {">=", "<"})
    least = bounds.split(">=")[1].split(",")[0]
    assert fit(least, bounds) == "fits"
    assert fit("9999", bounds) == ("fits" if name in CALENDAR else "too new")


def test_a_package_has_the_same_bounds_wherever_it_is_asked_for() -> None:
    asked: dict[str, set[str]] = {}
    for needed in NEEDED:
        name, bounds = name_and_bounds(needed)
        asked.setdefault(name, set()).add(bounds)
    assert {name: bounds for name, bounds in asked.items() if len(bounds) > 1} == {}
