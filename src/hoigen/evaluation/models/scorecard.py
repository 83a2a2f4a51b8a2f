"""What a run's numbers hang on, and why those of two runs do not compare: reader, weights, decoder, card, precision,
suite, form of the prompt, seeds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from hoigen.evaluation.models.grid import Table
from hoigen.evaluation.models.videos import Source

UNKNOWN = "not recorded"
JUDGED = ("hoi_judge", "hoi_judgement", "coarse_hoi")
"""Measures that ask a language model, the last with the observer mllm alone."""
DECODERS = ("av", "opencv-python-headless")
GRAVE = ("suite", "prompts are", "decoder", "precision", "card", "seeds")
"""Facts that, where two runs differ in them, keep their numbers from being compared; others are told in the table."""


def card_of(source: Source) -> dict[str, str]:
    """The facts of one run, as texts; `not recorded` where nobody has written one down."""
    ran = source.ran
    libraries = ran.get("libraries") or {}
    suite = source.evaluation.get("suite") or {}
    measures = (ran.get("recipe") or {}).get("measures")
    devices = sorted({str(each) for each in _all(measures, "device") if each})
    if not devices and isinstance(cards := ran.get("cards"), list):
        devices = [str(each) for each in cards]
    readers = ran.get("observations")
    readers = readers if isinstance(readers, Mapping) else {}
    precision = sorted({str(each) for each in _all(measures, "dtype") if each})
    models = sorted(
        {
            f"{each.get('id')}@{str(each.get('revision') or each.get('sha256') or '')[:8]}"
            for each in source.evaluation.get("model_files") or ()
            if isinstance(each, Mapping)
        }
    )
    samples = sorted({video.sample for video in source.videos if video.sample})
    # seeds that records of `hoigen generate` or the names of samples tell of: `seed42-0`
    recorded = source.evaluation.get("seeds")
    named = (re.search(r"seed[_-]?(\d{1,20})", video.sample) for video in source.videos)
    seeds = sorted(
        {each for each in (recorded if isinstance(recorded, list) else ()) if isinstance(each, int)}
        | {int(found[1]) for found in named if found}
    )
    given = {
        "hoigen": str(ran.get("hoigen") or ""),
        "suite": f"{suite.get('name')} {suite.get('digest')}" if suite.get("digest") else "",
        "prompts are": str(source.evaluation.get("held_against") or ""),
        "samples": ", ".join(samples[:8]) + (" …" if len(samples) > 8 else ""),
        "seeds": ", ".join(map(str, seeds[:8])) + (f" … ({len(seeds)} in all)" if len(seeds) > 8 else ""),
        "decoder": ", ".join(f"{name} {libraries[name]}" for name in DECODERS if name in libraries),
        "card": ", ".join(devices) or ("cpu" if libraries else ""),
        "precision": ", ".join(precision) or ("as each model's own" if libraries else ""),
        "torch": str(libraries.get("torch") or ""),
        "readers": ", ".join(f"{name} by {str(where).partition('/')[0]}" for name, where in readers.items()),
        "weights": ", ".join(models[:12]) + (" …" if len(models) > 12 else ""),
        "machine": str(ran.get("machine") or ""),
    }  # fmt: skip
    return {name: value or UNKNOWN for name, value in given.items()}


def judged_by(sources: Sequence[Source]) -> list[str]:
    """Sentences that name the judge of each measure that asks one: without it a number of a judge says nothing."""
    told: dict[str, dict[str, list[str]]] = {}
    for source in sources:
        for measure in {*source.families.values()} & {*JUDGED}:
            names = _judges(source, measure)
            if names:
                told.setdefault(measure, {}).setdefault(", ".join(names), []).append(source.path.name)
    notes = []
    for measure, ways in told.items():
        each = [names if len(ways) == 1 else f"{names} ({', '.join(runs)})" for names, runs in ways.items()]
        notes.append(f"{measure}: judged by {'; '.join(each)}")
    return notes


def _judges(source: Source, measure: str) -> list[str]:
    """The language models that a measure of a run asks, as its recipe or its ledger names them."""
    seen = str((source.ran.get("observations") or {}).get(measure) or "")
    if measure == "coarse_hoi" and not seen.startswith("mllm/"):
        return []
    given = (source.ran.get("recipe") or {}).get("measures")
    specs = [each.get(measure) for each in given or () if isinstance(each, Mapping) and measure in each]
    named = _all(specs, "model")
    ledger = source.ran.get("models")
    noted = [
        f"{row.get('id')}@{str(row.get('revision') or '')[:8]}".rstrip("@")
        for row in (ledger if isinstance(ledger, list) else ())
        if isinstance(row, Mapping) and any(str(who).startswith(measure) for who in row.get("used_by") or ())
    ]
    return list(dict.fromkeys([*noted, *(name for name in named if not any(name in each for each in noted))]))


def not_comparable(sources: Sequence[Source]) -> list[str]:
    """Sentences on what keeps the numbers of runs from being compared, but for what fingerprints tell already."""
    cards = [card_of(source) for source in sources]
    told = []
    for fact in GRAVE:
        ways: dict[str, list[str]] = {}
        for source, card in zip(sources, cards, strict=True):
            if card[fact] != UNKNOWN:
                ways.setdefault(card[fact], []).append(source.path.name)
        if len(ways) > 1 and fact != "suite":  # of suites warnings tell
            each = "; ".join(f"{value}: {', '.join(names)}" for value, names in ways.items())
            told.append(f"runs differ in {fact} ({each}): their numbers do not compare to the last digits")
    return told


def card_table(sources: Sequence[Source]) -> Table:
    """A row for each fact, a column for each run."""
    cards = [card_of(source) for source in sources]
    rows: list[list[Any]] = []
    for fact in cards[0]:
        values = [card[fact] for card in cards]
        mark = "differs" if len(set(values)) > 1 else ""
        rows.append([fact, *values, *([mark] if len(cards) > 1 else [])])
    names = [source.path.name for source in sources]
    header = ["fact", *names, *([""] if len(cards) > 1 else [])]
    notes = [
        "two runs compare where suite, form of the prompts, decoder, card, precision and seeds are the same, and their "
        "measures have the same fingerprints (a warning says where not)"
    ]
    return Table(name="scorecard", title="Score card", header=header, rows=rows, notes=notes)


def _all(given: Any, key: str) -> list[Any]:
    """All values of a key, at any depth."""
    if isinstance(given, Mapping):
        here = [given[key]] if isinstance(given.get(key), str) else []
        return here + [found for value in given.values() for found in _all(value, key)]
    if isinstance(given, list):
        return [found for value in given for found in _all(value, key)]
    return []
