"""Versions of Python packages as PEP 440 orders them, as far as pyproject.toml asks for it; without `packaging`, which
the default install does not bring."""

from __future__ import annotations

import re
from typing import Literal

Fit = Literal["fits", "too old", "too new"]

VERSION = re.compile(
    r"v?(?:(?P<epoch>\d+)!)?(?P<release>\d+(?:\.\d+)*)"
    r"(?:[-_.]?(?P<pre>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?P<pre_n>\d*))?"
    r"(?P<post>-(?P<dash_n>\d+)|[-_.]?(?:post|rev|r)[-_.]?(?P<post_n>\d*))?"
    r"(?P<dev>[-_.]?dev[-_.]?(?P<dev_n>\d*))?"
    r"(?:\+[a-z0-9]+(?:[-_.][a-z0-9]+)*)?",
    re.IGNORECASE,
)
NEEDED = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*\(?(?P<bounds>[^()]*)\)?")
LETTER = {"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}
FINAL = "z"
"""Sorts behind a, b and rc: a release is later than its candidates."""
NO_POST, NO_DEV = -1, float("inf")

Key = tuple[int, tuple[int, ...], str, int, int, float]


def key(version: str) -> Key:
    """What versions are sorted by; a local part (+cpu) counts for nothing. Raises ValueError for what is no version."""
    found = VERSION.fullmatch(version.strip())
    if found is None:
        raise ValueError(f"{version!r} is no version (like 1.2.3)")
    release = tuple(map(int, found["release"].split(".")))
    while len(release) > 1 and release[-1] == 0:
        release = release[:-1]
    post = int(found["dash_n"] or found["post_n"] or 0) if found["post"] else NO_POST
    dev = float(found["dev_n"] or 0) if found["dev"] else NO_DEV
    if found["pre"]:
        letter = LETTER.get(found["pre"].lower(), found["pre"].lower())
    else:
        letter = "" if found["dev"] and post == NO_POST else FINAL  # 1.0.dev1 comes before 1.0a1
    return int(found["epoch"] or 0), release, letter, int(found["pre_n"] or 0), post, dev


def fit(version: str, bounds: str) -> Fit:
    """Whether a version lies within bounds like `>=18.1,<19`.

    As in PEP 440, 19.0rc1 is not below 19.

    Args:
        version: what is installed.
        bounds: parted by commas, each `>=` or `<`.

    Raises ValueError for other operators than `>=` and `<`.
    """
    here = key(version)
    for bound in filter(None, (part.strip() for part in bounds.split(","))):
        found = re.fullmatch(r"(>=|<)\s*([^\s<>=~*]+)", bound)
        if found is None:
            raise ValueError(f"{bound!r}: only >= and < are known here")
        limit = key(found[2])
        if found[1] == ">=" and here < limit:
            return "too old"
        # candidates of the limit (19.0rc1 of 19) are not below it, unless it is one itself
        if limit[2:] == (FINAL, 0, NO_POST, NO_DEV):
            candidate = here[:2] == limit[:2] and here[2] != FINAL
        else:
            candidate = here[:5] == limit[:5] and limit[2] == FINAL and limit[5] == NO_DEV
        if found[1] == "<" and (here >= limit or candidate):
            return "too new"
    return "fits"


def name_and_bounds(needed: str) -> tuple[str, str]:
    """The two parts of a requirement.

    Args:
        needed: like `av>=18.1,<19`, or as old packages write it `av (>=18.1,<19)`.
    """
    found = NEEDED.match(needed.strip())
    if found is None:
        raise ValueError(f"{needed!r} is no requirement (like av>=18.1,<19)")
    return found["name"], found["bounds"].strip()
