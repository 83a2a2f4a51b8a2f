"""A prompt, a suite of prompts, and the files that hold one."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hoigen.core.errors import UsageError, shown
from hoigen.data.rows import SUFFIXES, Row, read_json, read_text, rows_of
from hoigen.interactions.contact import WORDS

VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One prompt.

    Args:
        id: names its videos' files (`ride_bicycle-0.mp4`).
        short: one sentence.
        long: the same told at length, by a language model; None when there is none.
        verb: as HICO-DET names it where `hoi` is given; None in a list that does not tell it.
        object: the same.
        hoi: HICO-DET's number of the pair.
        category: what kind of object (transport, kitchen, ...).
        contact: the parts of the body that touch the object; `inside` when the person is in it, `none` without contact,
            `any` where any may.
        people: how many act.
        rare: fewer than 10 training instances in HICO-DET.
        seen: how many captions of a data set tell of it; None when nobody counted.
        extension: how the long prompt was made, or why there is none.
    """

    id: str
    short: str
    long: str | None = None
    verb: str | None = None
    object: str | None = None
    hoi: int | None = None
    category: str | None = None
    contact: tuple[str, ...] = ()
    people: int = 1
    rare: bool | None = None
    seen: int | None = None
    extension: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """Prompts and where they come from.

    Args:
        name: of the suite.
        prompts: in order.
        rule: how they were chosen, JSON types.
    """

    name: str
    prompts: tuple[Prompt, ...]
    rule: Mapping[str, Any] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """12 hex digits of what the prompts ask for; how they were chosen does not count."""
        asked = [[prompt.id, prompt.short, prompt.long] for prompt in self.prompts]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:12]

    def facts(self) -> dict[str, Any]:
        """As JSON types; what `read_suite` reads."""
        prompts = []
        for prompt in self.prompts:
            facts = {NAMES.get(name, name): value for name, value in dataclasses.asdict(prompt).items()}
            prompts.append({**facts, "contact": list(prompt.contact)})
        return {"suite": self.name, "version": VERSION, "rule": dict(self.rule), "prompts": prompts}


LONGEST_ID = 80
"""Bytes of an id that is made of a prompt's words: files are named by it, with a number behind."""
NAMES = {"short": "prompt_short", "long": "prompt_long"}
KEYS = tuple(NAMES.get(f.name, f.name) for f in dataclasses.fields(Prompt))


def slug(text: str) -> str:
    """A text as an id: letters of any script and digits, lower case, `_` between words; "" for signs alone."""
    plain = unicodedata.normalize("NFKC", text).lower()
    # Marks on a letter (Mn, Mc), as vowels are in some scripts, are part of it.
    kept = [sign if sign.isalnum() or unicodedata.category(sign) in ("Mn", "Mc") else " " for sign in plain]
    return "_".join("".join(kept).split())


def read_suite(path: Path) -> Suite:
    """The suite in a file: what `hoigen prompts` writes, any of VBench's lists, a table, or a prompt a line.

    Args:
        path: .json; .txt, with a prompt a line; or a table (.csv, .tsv, .jsonl, .parquet) whose columns are the keys of
            a prompt: id and prompt_short, maybe more. In a cell `+` is between parts of the body in contact.

    Raises UsageError that names the file, the prompt, the key, what came and what is allowed.
    """
    suffix = path.suffix.lower()
    if suffix == ".txt":
        # split at line feeds alone: a prompt may hold other signs that Python takes for ends of lines
        lines = [line.strip() for line in read_text(path).split("\n") if line.strip() and not line.startswith("#")]
        suite = Suite(name=path.stem, prompts=by_text(lines))
    elif suffix in SUFFIXES and suffix != ".json":
        rows = rows_of(path, ("id", "prompt_short"), KEYS, others=False)
        suite = Suite(name=path.stem, prompts=tuple(_prompt(_typed(row), row.place) for row in rows))
    else:
        suite = _of_json(path)
    if not suite.prompts:
        raise UsageError(f"{path} holds no prompt")
    for name, count in Counter(prompt.id for prompt in suite.prompts).items():
        if count > 1:
            raise UsageError(f"{path}: {count} prompts have the id {name!r}; a video's file could be of either")
    return suite


def _typed(row: Row) -> dict[str, Any]:
    """The cells of a table as a JSON file has them; empty ones are left out."""
    found: dict[str, Any] = {}
    for key, value in row.cells.items():
        if isinstance(value, list | dict):
            found[key] = value
        elif text := row.text(key):
            if key in ("hoi", "people", "seen"):
                number = row.number(key, "a whole number")
                found[key] = int(number) if number is not None and number.is_integer() else text
            elif key == "rare":
                found[key] = row.yes_no(key)
            else:
                found[key] = text.split("+") if key == "contact" else text
    return found


def _of_json(path: Path) -> Suite:
    found = read_json(path, " (a list of prompts as plain text ends in .txt)")
    if (
        isinstance(found, dict)
        and found
        and all(isinstance(item, dict) and "caption" in item for item in found.values())
    ):
        found = list(found.values())  # VBench-2.0's VBench2_full_text_info.json: by their words
    if isinstance(found, list):
        texts = []
        for at, item in enumerate(found):
            keys = ("prompt_en", "caption", "summary")  # VBench's lists, VBench-2.0's, the competition's stories
            text = next((item[key] for key in keys if key in item), None) if isinstance(item, dict) else item
            if not isinstance(text, str) or not text.strip():
                raise UsageError(f"{path}, [{at}]: an object with `prompt_en`, a text; it came as {shown(item)}")
            texts.append(text.strip())
        return Suite(name=path.stem, prompts=by_text(texts))
    if not isinstance(found, dict) or not isinstance(found.get("prompts"), list):
        came = f"the keys {', '.join(map(str, found))[:80] or 'none'}" if isinstance(found, dict) else shown(found)
        raise UsageError(
            f"{path} is no suite of prompts: an object with a list `prompts` (hoigen prompts writes one), or a list of "
            f"objects with `prompt_en`; it came with {came}"
        )
    prompts = tuple(_prompt(item, f"{path}, prompts[{at}]") for at, item in enumerate(found["prompts"]))
    rule = found.get("rule")
    return Suite(
        name=str(found.get("suite") or path.stem), prompts=prompts, rule=rule if isinstance(rule, dict) else {}
    )


def by_text(texts: Sequence[str]) -> tuple[Prompt, ...]:
    """Prompts of which only the words are known; one that occurs twice is one.

    Ids are made of the words. Where those are too long for a file's name, or those of another prompt but for capitals
    and signs, they end in digits of a digest of all signs.
    """
    names = {text: slug(text) or f"prompt_{at}" for at, text in enumerate(dict.fromkeys(texts))}
    times = Counter(names.values())
    made = []
    for text, name in names.items():
        if times[name] > 1 or len(name.encode()) > LONGEST_ID:
            digest = hashlib.sha256(text.encode()).hexdigest()[:8]
            short = name.encode()[: LONGEST_ID - 9].decode(errors="ignore")
            if short != name and "_" in short[20:]:
                short = short.rpartition("_")[0]
            name = f"{slug(short)}_{digest}"
        made.append(Prompt(id=name, short=text))
    return tuple(made)


def _prompt(item: Any, where: str) -> Prompt:
    from hoigen.recipe.build import build, check_keys

    if not isinstance(item, Mapping):
        raise UsageError(f"{where}: a prompt is an object with `id` and `prompt_short`; it came as {shown(item)}")
    check_keys(item, KEYS, where)
    back = {key: name for name, key in NAMES.items()}
    for key in ("id", "prompt_short"):
        if not isinstance(item.get(key), str) or not item[key].strip():
            raise UsageError(f"{where}: {key} is a text; it came as {shown(item.get(key))}")
    if slug(item["id"]) != item["id"]:
        raise UsageError(
            f"{where}: id is lower-case letters and digits with _ between words; it came as {item['id']!r}"
        )
    found: Prompt = build(Prompt, {back.get(key, key): value for key, value in item.items()}, where)
    if strange := [word for word in found.contact if word not in WORDS]:
        raise UsageError(f"{where}: contact: of {', '.join(WORDS)}; it came as {strange[0]!r}")
    if len(found.contact) > 1 and {"inside", "none"} & set(found.contact):
        raise UsageError(f"{where}: contact: inside and none stand alone; it came as {', '.join(found.contact)}")
    if found.people < 1:
        raise UsageError(f"{where}: people is 1 or more; it came as {found.people}")
    return found
