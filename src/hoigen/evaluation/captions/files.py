"""What caption-eval reads: claims with verdicts, captions, reference facts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from hoigen.core.errors import UsageError
from hoigen.data.rows import Row, rows_of

Verdict = Literal["true", "false", "cannot_tell"]
"""cannot_tell: the clip does not show whether it is so."""
Kind = Literal["object", "action", "attribute", "count", "scene", "camera", "other"]
VERDICTS: tuple[str, ...] = get_args(Verdict)
KINDS: tuple[str, ...] = get_args(Kind)
JUDGE = "judge:"
"""How the annotator of an automatic verdict begins; the model's name follows."""
SEVERAL = "|"
"""Between names in a fact that mean the same: `pick up|lift`."""
EDGE = " \"'“”‘’.,;:!"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """One row of a claims file: what one annotator says of one claim.

    Args:
        place: file and row, for errors.
        clip: the clip's id.
        captioner: who made the caption.
        claim: its words; "" says that the caption makes no claim.
        verdict: one of `VERDICTS`; "" where there is no claim, or none yet.
        kind: one of `KINDS`, or "".
        annotator: who says so; a judge begins with `JUDGE`.
        key: what makes it the same claim in another caption, or "".
        verb: of an interaction, or "".
        object: of an interaction, or "".
    """

    place: str
    clip: str
    captioner: str
    claim: str
    verdict: str
    kind: str = ""
    annotator: str = ""
    key: str = ""
    verb: str = ""
    object: str = ""

    @property
    def item(self) -> tuple[str, str, str]:
        """The claim that is rated: captioner, clip, its words."""
        return self.captioner, self.clip, plain(self.claim)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One row of a captions file.

    Args:
        text: the caption.
        disagree: whether a mixture's decision expert found that the drafts differ; None where the file does not say.
        models: the models that had a part in it.
    """

    text: str
    disagree: bool | None = None
    models: tuple[str, ...] = ()


Fact = tuple[frozenset[str], frozenset[str]]
"""What a caption of a clip should hold: names of the action that mean the same, and of the thing."""


def plain(text: str) -> str:
    """A text as it is compared: no capitals, single spaces, `_` as a space, no punctuation around it."""
    return " ".join(text.replace("_", " ").casefold().split()).strip(EDGE)


def read_claims(path: Path, *, by_judge: bool = False) -> list[Rating]:
    """Reads a claims file.

    Args:
        path: CSV, TSV, JSONL or Parquet.
        by_judge: the file is of an automatic judge; in a file of people its rows are refused.

    Raises UsageError that names the file, the row and the column.
    """
    needed = ("clip", "captioner", "claim", "verdict")
    rows = rows_of(path, needed, ("kind", "annotator", "key", "verb", "object"))
    ratings = []
    for row in rows:
        claim, verdict = row.text("claim"), row.one_of("verdict", VERDICTS)
        if claim and not verdict:
            text = f"one of {', '.join(VERDICTS)}; it is empty. A caption counts once all its claims are checked"
            raise UsageError(f"{row.place}, column verdict: {text}")
        if verdict and not plain(claim):
            raise UsageError(f"{row.place}, column claim: it is empty, yet has the verdict {verdict!r}")
        annotator = row.text("annotator")
        if annotator.startswith(JUDGE) and not by_judge:
            text = f"{annotator!r} is an automatic judge; give its rows in a file of their own, with --judge"
            raise UsageError(f"{row.place}, column annotator: {text}")
        ratings.append(
            Rating(
                place=row.place,
                clip=row.need("clip"),
                captioner=row.need("captioner"),
                claim=claim,
                verdict=verdict,
                kind=row.one_of("kind", KINDS),
                annotator=annotator or (f"{JUDGE}unnamed" if by_judge else ""),
                key=plain(row.text("key")),
                verb=plain(row.text("verb")),
                object=plain(row.text("object")),
            )
        )
    if not ratings:
        raise UsageError(f"{path} holds no claims")
    # each annotator rates a claim once, and a caption without claims has none
    seen: dict[tuple[str, ...], str] = {}
    empty: dict[tuple[str, str], str] = {}
    full: dict[tuple[str, str], str] = {}
    for rating in ratings:
        whose = (*rating.item, rating.annotator)
        if whose in seen:
            who = f"by {rating.annotator!r}" if rating.annotator else "(several people: name them in column annotator)"
            raise UsageError(f"{rating.place}, column claim: {rating.claim!r} is rated twice {who}; see {seen[whose]}")
        seen[whose] = rating.place
        (full if rating.claim else empty).setdefault(rating.item[:2], rating.place)
    for caption in empty.keys() & full.keys():
        raise UsageError(
            f"{empty[caption]}, column claim: an empty claim says that the caption makes none, but see {full[caption]}"
        )
    return ratings


def read_captions(path: Path) -> dict[tuple[str, str], Written]:
    """(captioner, clip) -> its caption. Raises UsageError that names the file, the row and the column."""
    found: dict[tuple[str, str], Written] = {}
    for row in rows_of(path, ("clip", "captioner", "text"), ("disagree", "path", "models")):
        key = row.need("captioner"), row.need("clip")
        if key in found:
            raise UsageError(f"{row.place}, column clip: a second caption of clip {key[1]!r} by {key[0]!r}")
        text, models = row.need("text"), row.text("models").split(SEVERAL)
        path_of = row.text("path")  # of a mixture: whether its drafts differed
        differ = True if path_of == "rewritten" else False if path_of.startswith("agreed") else None
        if given := row.one_of("disagree", ("true", "false")):
            differ = given == "true"
        named = tuple(name.strip() for name in models if name.strip())
        found[key] = Written(text=text, disagree=differ, models=named)
    if not found:
        raise UsageError(f"{path} holds no captions")
    return found


def read_facts(path: Path) -> dict[str, list[Fact]]:
    """Clip -> its facts. Raises UsageError that names the file, the row and the column."""
    found: dict[str, list[Fact]] = {}
    for row in rows_of(path, ("clip", "verb", "object")):
        fact = _names(row, "verb"), _names(row, "object")
        facts = found.setdefault(row.need("clip"), [])
        if fact in facts:
            raise UsageError(f"{row.place}: the same fact of this clip is given twice")
        facts.append(fact)
    if not found:
        raise UsageError(f"{path} holds no facts")
    return found


def _names(row: Row, column: str) -> frozenset[str]:
    names = frozenset(plain(name) for name in row.need(column).split(SEVERAL)) - {""}
    if not names:
        raise UsageError(f"{row.place}, column {column}: no word in {row.text(column)!r}")
    return names
