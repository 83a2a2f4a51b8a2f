"""How well it is told that an answer is not in English: python benchmarks/languages.py

Descriptions of benchmarks/answers/heldout.jsonl and unseen.jsonl as if English had been asked for: those in other
languages must be told, English ones must not. By letters alone (no library), by hoigen's check, by lingua where that is
installed (pip install lingua-language-detector). And how far English lies below the likeliest language, of English
sentences and of others, which is what the check's line is drawn between.
"""

from __future__ import annotations

import json
import re
import resource
import time
from collections.abc import Callable
from pathlib import Path

from machine import headline

from hoigen.models.experts import languages

FOLDER = Path(__file__).with_name("answers")


def rows() -> list[tuple[str, str]]:
    """Descriptions with their languages."""
    found = []
    for name in ("heldout.jsonl", "unseen.jsonl"):
        for row in map(json.loads, (FOLDER / name).read_text(encoding="utf-8").splitlines()):
            if row["good"]:
                found.append((row["answer"], row["language"]))
    return found


def by_letters(text: str) -> bool:
    counted = languages.scripts(text)
    return sum(counted.values()) - counted["LATIN"] > languages.STRAY


def told(name: str, ask: Callable[[str], bool], given: list[tuple[str, str]]) -> None:
    began = time.process_time()
    said = [(language, ask(text)) for text, language in given]
    took = 1000 * (time.process_time() - began) / len(given)
    others = [other for language, other in said if language != "en"]
    english = [other for language, other in said if language == "en"]
    missed, wrong = others.count(False), english.count(True)
    print(f"{name:12} missed {missed} of {len(others)}, wrong {wrong} of {len(english)}, {took:.1f} ms of CPU a text")


def main() -> None:
    print(headline())
    given = rows()
    print(f"\n{len(given)} descriptions in {len({language for _, language in given})} languages")
    told("letters", by_letters, given)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    languages.language_of("A man cuts bread.")
    took, more = time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    told("hoigen", lambda text: bool(languages.other_than(text, "en")), given)
    print(f"{'':12} py3langid: {took:.1f} s of CPU to load, {more / 1024:.0f} MB")
    try:
        from lingua import LanguageDetectorBuilder
    except ImportError:
        print("lingua       is not installed")
    else:
        detector = LanguageDetectorBuilder.from_all_languages().build()
        told("lingua", lambda text: str(detector.detect_language_of(text)) != "Language.ENGLISH", given)
    ranks = languages._ranks()
    assert ranks is not None, "py3langid is not installed"
    below: dict[bool, list[float]] = {True: [], False: []}
    for text, language in given:
        for part in re.split(r"(?<=[.!?。！？])\s*", text):
            if len(languages.words_in(part)) >= languages.FEWEST:
                likely = ranks(part)
                below[language == "en"].append(likely[0][1] - dict(likely)["en"])
    for english, name in ((True, "English"), (False, "other")):
        ordered = sorted(below[english])
        edge = ordered[-1] if english else ordered[0]
        beyond = (
            sum(each > -languages.NEVER for each in ordered) if english else sum(e <= -languages.NEVER for e in ordered)
        )
        middle = ordered[len(ordered) // 2]
        print(f"{name} sentences: {len(ordered)}, English {middle:.0f} below the likeliest in the middle,")
        print(
            f"  {edge:.0f} at the {'most' if english else 'least'}; {beyond} beyond the line at {-languages.NEVER:.0f}"
        )


if __name__ == "__main__":
    main()
