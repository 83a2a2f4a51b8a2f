"""What was left out, and the one command that brings it; printed at the end of the tests."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple


class Need(NamedTuple):
    """What skipped tests need. reason: matches what they were skipped with. how: a command, or why none brings it."""

    reason: str
    what: str
    how: str


NEEDS = (
    Need(r"chromium", "Chromium", "apt-get install -y chromium (as root; HOIGEN_CHROMIUM names another browser)"),
    Need(r"axe-core|no npm", "axe-core", "apt-get install -y npm (as root), and an npm registry that can be reached"),
    Need(r"memory without a name", "a system with memfd (Linux)", "no command"),
    Need(r"experiment was not run", "the experiment that writes its test's file", "make test (not pytest alone)"),
    Need(r"openssl is not there", "openssl", "apt-get install -y openssl (as root)"),
    Need(r"initdb", "PostgreSQL", "apt-get install -y postgresql (as root)"),
    Need(r"VBench was not asked", "VBench itself, in an environment of its own", "make parity"),
    Need(r"loaders of exports", "the loaders that exports are read back by", "make readers"),
    Need(r"torchvision is installed", "an environment without torchvision", "pip uninstall torchvision"),
    Need(r"extra \[train\]|'(diffusers|peft)[.'\w]*", "diffusers, peft", "make test (not pytest alone)"),
    Need(r"extra \[models\]|'(torch|transformers)[.'\w]*", "PyTorch and transformers", "make test (not pytest alone)"),
    Need(r"make test brings it", "matplotlib, mlcroissant", "make test (not pytest alone)"),
    Need(r"'ray[.'\w]*", "Ray", "make test-slow"),
    Need(r"'(moto|s3fs)[.'\w]*", "a server of S3, and s3fs", "make test-slow"),
    Need(r"'wandb[.'\w]*", "wandb", "make test-slow"),
    Need(r"xllamacpp", "a server of llama.cpp", "make setup"),
    Need(r"weights of transnet are not here", "TransNetV2's weights", "hoigen models transnet --fetch"),
    Need(
        r"could not import '(lemminflect|playwright|aiohttp|mutants|openai|duckdb|sqlalchemy|starlette|uvicorn)",
        "the packages of extra [dev]",
        "make setup",
    ),
    Need(
        r"no .*(\bclips|\bcases|hoigen1m_paper\.txt)$",
        "../shared (HOIGEN_SHARED)",
        "no command: clips and texts that are not published, which only the project's own CI has",
    ),
)


def summary(reports: Iterable[Any], slow: int = 0) -> list[str]:
    """A line for each thing that skipped tests (pytest's reports) need, the one that most need first; and one for so
    many slow tests that were left out."""
    counts: Counter[tuple[str, str]] = Counter()
    files: Counter[tuple[str, str]] = Counter()
    for report in reports:
        reason = _reason(report)
        need = next((need for need in NEEDS if re.search(need.reason, reason)), None)
        key = (f"need {need.what}", need.how) if need else ("were skipped", reason)
        (files if report.when == "collect" else counts)[key] += (
            1  # a file that is skipped as it is read has no tests yet
        )
    lines = [
        f"{' and '.join(_counted(counts[key], files[key]))} {_verb(key[0], counts[key] + files[key])}: {key[1]}"
        for key, _ in (counts + files).most_common()
    ]
    if slow:
        lines.append(f"{next(_counted(slow, 0))} {_verb('were left out, being slow', slow)}: make test-slow")
    return lines


def _reason(report: Any) -> str:
    told = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return str(told).removeprefix("Skipped: ")


def _counted(tests: int, files: int) -> Iterator[str]:
    for count, word in ((tests, "test"), (files, "whole file")):
        if count:
            yield f"{count} {word}{'s' if count > 1 else ''}"


def _verb(words: str, count: int) -> str:
    return words if count > 1 else words.replace("need ", "needs ", 1).replace("were ", "was ", 1)
