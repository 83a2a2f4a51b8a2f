"""What people are asked, and which answers there are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

REASONS: Final[Mapping[str, str]] = {
    "1": "no person handles anything",
    "2": "the interaction is inconspicuous",
    "3": "the object is barely visible",
    "4": "blurred or shaking",
    "5": "text, logo or border",
    "6": "several shots in one",
    "7": "drawn, rendered or a screen",
    "8": "not fit to be shown",
    "9": "something else",
}
"""Why a clip is dropped, by the key that says it. 2 and 3 are the paper's criteria."""
LONGEST_NOTE = 4_000
"""Characters of a comment."""
DAY = 86_400.0
CUTS: Final = frozenset({"trim", "crop"})
"""Answers that say which part is kept."""
SAME_CUT: Final = 0.8
"""Two people's in and out points, and borders, are the same from this intersection over union on."""
NO_TIME, NO_END = 0.005, 0.015
"""Seconds at the beginning and at the end of a clip that are nothing: half a step of the page's, and its rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What somebody says of an item, checked.

    Args:
        id: made by the browser, so that the same answer sent twice is one.
        item: the item's number.
        value: one of the question's; None takes back the verdict that `supersedes` names.
        reason: of a drop.
        note: in the person's words.
        seconds: from the first frame to the key; None where it is not known.
        mode: single or grid.
        extra: `in` and `out` (seconds from the clip's start), `crop` (left, top, right, bottom, 0..1), `speed`.
        supersedes: id of the verdict that this one takes the place of, or takes back.
    """

    id: str
    item: int
    value: str | None
    reason: str = ""
    note: str = ""
    seconds: float | None = None
    mode: str = "single"
    extra: Mapping[str, Any] = field(default_factory=dict)
    supersedes: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One kind of question.

    Args:
        name: its word in tables and addresses.
        version: raised when its words change: verdicts say what they answered.
        title: what a person reads at the top.
        values: answers -> what they are called.
        undecided: answers that send an item to adjudication.
        disputes: whether people who differ are a dispute; ratings and preferences may differ.
    """

    name: str
    version: int
    title: str
    values: Mapping[str, str]
    undecided: frozenset[str] = frozenset()
    disputes: bool = True


KEEP, CLAIMS, PREFERENCE, RATING, FRAMES = "keep", "claims", "preference", "rating", "frames"
QUESTIONS: Final[Mapping[str, Question]] = {
    each.name: each
    for each in (
        Question(
            name=KEEP,
            version=1,
            title="Does a person visibly handle something in this clip?",
            values={"keep": "keep", "drop": "drop", "unsure": "unsure", "trim": "trim", "crop": "crop"},
            undecided=frozenset({"unsure"}),
        ),
        Question(
            name=CLAIMS,
            version=1,
            title="Is this true of the clip?",
            values={"true": "true", "false": "false", "cannot_tell": "cannot tell"},
        ),
        Question(
            name=PREFERENCE,
            version=1,
            title="Which video shows better what the text says?",
            values={"first": "left", "second": "right", "tie": "neither is better"},
            disputes=False,
        ),
        Question(
            name=RATING,
            version=1,
            title="How well does this video show what the text says?",
            values={"1": "1, not at all", "2": "2", "3": "3", "4": "4", "5": "5, perfectly"},
            disputes=False,
        ),
        Question(
            name=FRAMES,
            version=1,
            title="Is somebody handling something in this frame?",
            values={"yes": "yes", "no": "no", "unsure": "unsure"},
            undecided=frozenset({"unsure"}),
        ),
    )
}
MODES = ("single", "grid")


def checked(question: Question, came: Any, length: float) -> Answer:
    """An answer as it came from a browser. Raises ValueError that says what is wrong.

    Args:
        question: that it answers.
        came: parsed JSON, of whatever kind.
        length: of the clip, in seconds.
    """
    if not isinstance(came, dict):
        raise ValueError("an answer is an object")
    name, item, value = came.get("id"), came.get("item"), came.get("value")
    if not isinstance(name, str) or not 8 <= len(name) <= 64 or not name.isascii() or not name.isprintable():
        raise ValueError("id: 8 to 64 plain signs")
    if isinstance(item, bool) or not isinstance(item, int) or not 0 < item < 2**63:
        raise ValueError("item: a number")
    if value is not None and (not isinstance(value, str) or value not in question.values):
        raise ValueError(f"value: one of {', '.join(question.values)}")
    supersedes = came.get("supersedes")
    if supersedes is not None and (not isinstance(supersedes, str) or len(supersedes) > 64):
        raise ValueError("supersedes: the id of a verdict")
    if value is None and supersedes is None:
        raise ValueError("what is taken back? supersedes names it")
    reason, note = came.get("reason") or "", came.get("note") or ""
    if not isinstance(reason, str) or reason not in ("", *REASONS.values()):
        raise ValueError("reason: one of those of the page")
    if not isinstance(note, str) or len(note) > LONGEST_NOTE or "\0" in note or not _encodes(note):
        raise ValueError(f"note: a text of at most {LONGEST_NOTE} signs")
    seconds: Any = came.get("seconds")
    if seconds is not None and not _number(seconds, 0, DAY):
        raise ValueError("seconds: a number, 0 to 86400")
    mode = came.get("mode", "single")
    if mode not in MODES:
        raise ValueError(f"mode: one of {', '.join(MODES)}")
    extra = _extra(came.get("extra") or {}, value, length)
    return Answer(
        id=name,
        item=item,
        value=value,
        reason=reason if value == "drop" else "",
        note=note,
        seconds=None if seconds is None else float(seconds),
        mode=mode,
        extra=extra,
        supersedes=supersedes,
    )


def _extra(came: Any, value: str | None, length: float) -> dict[str, Any]:
    if not isinstance(came, dict):
        raise ValueError("extra: an object")
    found: dict[str, Any] = {}
    if "speed" in came:
        if not _number(came["speed"], 0.1, 16):
            raise ValueError("speed: 0.1 to 16")
        found["speed"] = round(float(came["speed"]), 2)
    whole = True
    if value == "trim":
        begin: Any = came.get("in")
        end: Any = came.get("out")
        if not (_number(begin, 0, length) and _number(end, 0, length + 0.1) and end - begin >= 0.1):
            raise ValueError(f"trim: in before out by a tenth of a second, within 0 to {length:.3f}")
        whole = begin <= NO_TIME and end >= length - NO_END
        found |= {"in": round(float(begin), 3), "out": round(min(float(end), length), 3)}
    if value == "crop" or (value == "trim" and came.get("crop") is not None):
        box = came.get("crop")
        if not (isinstance(box, list) and len(box) == 4 and all(_number(side, 0, 1) for side in box)):
            raise ValueError("crop: left, top, right, bottom, each 0 to 1")
        if box[2] - box[0] < 0.1 or box[3] - box[1] < 0.1:
            raise ValueError("crop: at least a tenth of the picture's width and height")
        box = [round(float(side), 4) for side in box]
        if box != [0, 0, 1, 1]:
            found["crop"], whole = box, False
    if value in CUTS and whole:
        raise ValueError(f"{value}: nothing is cut off; the whole clip, with its whole picture, is a keep")
    return found


def same_cut(first: Mapping[str, Any], second: Mapping[str, Any], least: float = SAME_CUT) -> bool:
    """Whether two answers of one value keep the same part: of the time, and of the picture.

    Args:
        first: `extra` of the one.
        second: `extra` of the other.
        least: intersection over union, 0..1, of both.
    """
    times = [(each.get("in", 0.0), each.get("out", 1.0)) for each in (first, second)]
    boxes = [each.get("crop", (0.0, 0.0, 1.0, 1.0)) for each in (first, second)]
    both = _shared(*times)
    time = both / (sum(end - begin for begin, end in times) - both)
    area = _shared(*((box[0], box[2]) for box in boxes)) * _shared(*((box[1], box[3]) for box in boxes))
    picture = area / (sum((box[2] - box[0]) * (box[3] - box[1]) for box in boxes) - area)
    return bool(time >= least and picture >= least)


def _shared(first: tuple[float, float], second: tuple[float, float]) -> float:
    return max(0.0, min(first[1], second[1]) - max(first[0], second[0]))


def _number(came: Any, least: float, most: float) -> bool:
    return (
        not isinstance(came, bool) and isinstance(came, int | float) and math.isfinite(came) and least <= came <= most
    )


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
