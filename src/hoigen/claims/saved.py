"""The result as JSON, and as CSV with one number a row."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hoigen.claims.result import CaptionEval
from hoigen.errors import UsageError
from hoigen.stats.agreement import Agreement
from hoigen.stats.resample import Estimate

COLUMNS = ("part", "of", "against", "name", "value", "low", "high", "top", "bottom", "reason")
Line = tuple[str, str, str, str, Estimate]


def save(result: CaptionEval, path: Path) -> None:
    """Writes a .json or .csv file, whole or not at all."""
    from hoigen.data.tables import write_text

    try:
        write_text(path, csv_of(result) if path.suffix.lower() == ".csv" else json_of(result))
    except OSError as error:
        raise UsageError(f"--out {path} cannot be written: {error.strerror}") from None


def check_out(path: Path | None) -> None:
    """Raises UsageError when a result could not be written there."""
    if path is None:
        return
    if path.suffix.lower() not in (".json", ".csv"):
        raise UsageError(f"--out {path}: a file that ends in .json or .csv")
    if not path.parent.is_dir():
        raise UsageError(f"--out {path}: no such folder {path.parent}")
    if path.is_dir():
        raise UsageError(f"--out {path} is a folder; give the name of a file")


def json_of(result: CaptionEval) -> str:
    """All fields of the result; what is undefined is null beside its reason."""
    facts = asdict(result)
    del facts["format"]
    return json.dumps(facts, ensure_ascii=False, allow_nan=False, indent=2) + "\n"


def csv_of(result: CaptionEval) -> str:
    """One number a row, its interval beside it; cells are empty where there is nothing, and reason says why."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for part, of, against, name, number in _lines(result):
        cells = (number.value, number.low, number.high, number.top, number.bottom)
        numbers = ["" if cell is None else repr(cell) for cell in cells]
        writer.writerow([part, of, against, name, *numbers, number.reason or number.unsure])
    return out.getvalue()


def _lines(result: CaptionEval) -> Iterator[Line]:
    for captioner in result.captioners:
        counts = {name: getattr(captioner, name) for name in ("clips", "captions", "true", "false", "cannot_tell")}
        for name, count in counts.items():
            if count is not None:
                yield "captioner", captioner.name, "", name, _plain(count)
        yield from (("captioner", captioner.name, "", name, number) for name, number in captioner.numbers.items())
        yield from (("kind", captioner.name, "", name, number) for name, number in captioner.by_kind.items())
    for pair in result.comparisons:
        ends = ("difference", pair.second, pair.first)
        yield *ends, "clips", _plain(pair.clips)
        yield from ((*ends, name, number) for name, number in pair.differences.items())
        yield from ((*ends, f"seen_from {name}", _plain(value)) for name, value in pair.seen_from.items())
        if pair.mcnemar is not None:
            yield from ((*ends, f"mcnemar {name}", _plain(value)) for name, value in asdict(pair.mcnemar).items())
        ps = {"swap_p": pair.swap_p, "swap_p_holm": pair.swap_p_holm}
        yield from ((*ends, name, _plain(value, pair.swap_reason)) for name, value in ps.items())
    yield from _rest(result)


def _rest(result: CaptionEval) -> Iterator[Line]:
    if result.mixing is not None:
        whose = ("mixture", result.mixing.mixture, f"{result.mixing.first} + {result.mixing.second}")
        for name in ("clips", "first_wrong", "second_wrong", "by_chance"):
            yield *whose, name, _plain(getattr(result.mixing, name))
        yield from ((*whose, name, number) for name, number in result.mixing.numbers.items())
    if result.decision is not None:
        for name, value in asdict(result.decision).items():
            found = getattr(result.decision, name)
            yield "decision", "", "", name, found if isinstance(found, Estimate) else _plain(value)
    for agreement in result.people:
        yield from _agreement("people", agreement)
    for judge in result.judges:
        yield from _agreement("judge", judge.agreement)
        yield "judge", judge.name, "people", "false_precision", judge.false_precision
        yield "judge", judge.name, "people", "false_recall", judge.false_recall
        for captioner, beside in judge.captioners.items():
            rates: Mapping[str, Any] = {name: getattr(beside, name) for name in ("people", "judge", "judge_all")}
            yield from (("judge", judge.name, captioner, f"hallucination {name}", rate) for name, rate in rates.items())


def _agreement(part: str, found: Agreement) -> Iterator[Line]:
    of, against = found.between[-1], " + ".join(found.between[:-1])
    yield part, of, against, "units", _plain(found.units)
    yield from ((part, of, against, name, number) for name, number in found.numbers.items())
    for one, others in found.confusion.items():
        yield from ((part, of, against, f"{one} / {other}", _plain(count)) for other, count in others.items())


def _plain(value: float | None, reason: str = "") -> Estimate:
    return Estimate(value=value, reason="" if value is not None else reason or "not computed")
