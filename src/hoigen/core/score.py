"""What a measure returns, what it declares of its numbers, the rule that decides, and what a captioner returns."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from hoigen.core.errors import shown
from hoigen.core.settings import Setting

Better = Literal["more", "less"]
LAST = 100
"""The place of a number in tables that declares none; those of hoigen's own measures come before."""
NOT_ASKED = "not asked: "
"""Begins the reason of a number without a value, where the prompt asks for nothing that the number is about."""
NOT_MEASURABLE = "not measurable: "
"""Likewise, where the reader has no word for what the prompt asks. Both go by prompt and reader, never by the video:
tables set such prompts aside for all models, while a video that lacks a number for any other reason has failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """What a number of a measure is. Columns, arrows, the best of a column, rankings and pages are made from this.

    It stands in the measure's decorator, and in the run.yaml of a run that was measured: what reads a run takes it from
    there (docs/run_folder.md).

    Args:
        name: as in `keep:`, and of its column; small letters, digits and _.
        label: its short heading; the name when not given.
        unit: `s`, `px`; "" for counts, shares and numbers that have none.
        better: `more` or `less` when one end is better; None when neither is, and nothing is marked or ranked by it.
        share: 0..1 (or nearly: a cosine), shown in per cent.
        headline: tables show it unasked, as they do the number that bears its measure's name.
        place: where its column stands; lower numbers come first, those alike in the order of the recipe.
        rank: 1 for the number that a run is ranked by before all others, 2 for the next, ..; None for one that is not
            meant for it. The first that any video has is taken.
        least: the worst that it can be, where `worst` cannot tell: with it counts, in means and tests, a video in which
            the number was looked for and could not be had.
        about: what it says, in a sentence; the first paragraph of the measure's docstring when not given.

    Raises ValueError for what is none of these.
    """

    name: str
    label: str = ""
    unit: str = ""
    better: Better | None = None
    share: bool = False
    headline: bool = False
    place: int = LAST
    rank: int | None = None
    least: float | None = None
    about: str = ""

    def __post_init__(self) -> None:
        for key in ("name", "label", "unit", "about"):
            if not isinstance(getattr(self, key), str):
                raise ValueError(f"{key}: a text; it came as {getattr(self, key)!r}")
        if not re.fullmatch(r"[A-Za-z_]\w*", self.name, re.ASCII):  # of a column, and of a file
            raise ValueError(f"name: letters, digits and _; it came as {shown(self.name)}")
        for key in ("share", "headline"):
            if not isinstance(getattr(self, key), bool):
                raise ValueError(f"{key}: true or false; it came as {getattr(self, key)!r}")
        if self.better not in ("more", "less", None):
            raise ValueError(f"better: more, less or None; it came as {self.better!r}")
        if self.share and self.unit:
            raise ValueError(f"unit: a share is shown in per cent and has no unit; it came as {self.unit!r}")
        if type(self.place) is not int:
            raise ValueError(f"place: a whole number; it came as {self.place!r}")
        if self.rank is not None and (type(self.rank) is not int or self.rank < 1):
            raise ValueError(f"rank: a whole number, 1 or more, or None; it came as {self.rank!r}")
        if self.rank is not None and self.better is None:
            raise ValueError(f"rank: of a number of which one end is better; it came as {self.rank!r} without `better`")
        if self.least is not None and (self.better is None or not math.isfinite(self.least)):
            raise ValueError(f"least: a finite number, beside `better`; it came as {self.least!r}")

    @property
    def worst(self) -> float | None:
        """What a video counts with where the number was looked for and is not there: `least`; of shares the end that is
        not better. None where nobody can say: such a number is of the videos that have it."""
        if self.least is not None or not self.share or self.better is None:
            return self.least
        return 0.0 if self.better == "more" else 1.0

    @property
    def heading(self) -> str:
        """Its label with its unit: `Duration, s`."""
        return f"{self.label or self.name}{self.unit and f', {self.unit}'}"

    @property
    def declared(self) -> bool:
        """Whether anything is known of it but its name and its measure's docstring."""
        return self != Number(name=self.name, headline=self.headline, about=self.about)


@dataclass(frozen=True, slots=True)
class Score:
    """One look of one measure at one clip.

    value: the number, filed under the measure's name; None when it is undefined for this clip, and
        then `detail["reason"]` says why. Never NaN.
    detail: what a person needs to check the number (boxes, per-frame values); JSON types only.
    parts: further numbers a rule may name, each with a column of its own; the measure declares them (`numbers`).
    """

    value: float | None
    detail: Mapping[str, Any] = field(default_factory=dict)
    parts: Mapping[str, float | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, number in (("value", self.value), *self.parts.items()):
            if number is not None and not math.isfinite(number):
                raise ValueError(f"a score is a finite number or None; {name} came as {number!r}")
        if self.value is None and not self.parts and "reason" not in self.detail:
            raise ValueError('a score without a value says why: detail["reason"]')


def why_undefined(detail: Mapping[str, Any], names: Sequence[str]) -> str | None:
    """Why numbers have no value: `undefined` of a score's detail says it of each, else `reason` of all.

    Args:
        detail: of the score.
        names: of the numbers that are undefined.

    Returns `reason`, or `name: reason; other: reason` where they differ; None where nobody says.
    """
    each = detail.get("undefined")
    said = {name: (isinstance(each, Mapping) and each.get(name)) or detail.get("reason") for name in names}
    told: dict[str, list[str]] = {}
    for name, reason in said.items():
        if reason:
            told.setdefault(str(reason), []).append(name)
    if len(told) == 1 and all(said.values()):
        return next(iter(told))
    return "; ".join(f"{', '.join(alike)}: {reason}" for reason, alike in told.items()) or None


def reason_of(told: str, name: str, names: Sequence[str]) -> str:
    """Of what `why_undefined` wrote, what it says of one number.

    Args:
        told: one reason for all, or `name: reason; other, third: reason`.
        name: of the number.
        names: of all numbers that may be named.
    """
    one = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    parts = re.split(rf"(?:^|; )((?:{one})(?:, (?:{one}))*): ", told)
    if parts[0]:
        return told
    found = [reason for who, reason in zip(parts[1::2], parts[2::2], strict=True) if name in who.split(", ")]
    return found[-1] if found else ""  # an earlier one is a name within a reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A threshold on a score. `min` and `max` are inclusive, `above` and `below` are not.

    A score without a value does not pass: nothing is kept unseen.
    """

    min: Annotated[float | None, Setting("the least value that passes")] = None
    max: Annotated[float | None, Setting("the greatest value that passes")] = None
    above: Annotated[float | None, Setting("a value passes that is more")] = None
    below: Annotated[float | None, Setting("a value passes that is less")] = None

    def __post_init__(self) -> None:
        for name in ("min", "max", "above", "below"):
            bound = getattr(self, name)
            if bound is not None and (isinstance(bound, bool) or not isinstance(bound, int | float)):
                raise ValueError(f"{name} is a number; it came as {bound!r}")
        if self.min is None and self.max is None and self.above is None and self.below is None:
            raise ValueError("a rule has at least one of min, max, above, below")
        for lower, upper in itertools.product(("min", "above"), ("max", "below")):
            low, high = getattr(self, lower), getattr(self, upper)
            if low is None or high is None:
                continue
            if low > high or (low == high and (lower, upper) != ("min", "max")):
                raise ValueError(f"{lower} {low:g} and {upper} {high:g} leave nothing to keep")

    def passes(self, value: float | None) -> bool:
        """Whether a clip with this value stays."""
        return value is not None and self.broken_bound(value) is None

    def broken_bound(self, value: float) -> str | None:
        """The bound that `value` breaks, as text (`min 720`), or None."""
        if self.min is not None and value < self.min:
            return f"min {self.min:g}"
        if self.above is not None and value <= self.above:
            return f"above {self.above:g}"
        if self.max is not None and value > self.max:
            return f"max {self.max:g}"
        if self.below is not None and value >= self.below:
            return f"below {self.below:g}"
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """The words for one clip, or why there are none.

    text: one paragraph; None when no expert answered as needed, and then `reason` says which one and why. An error, a
        refusal or a truncated answer is never a text.
    path: which way it took: `single`, `grounded`, or of a mixture `agreed: first`, `agreed: second`, `rewritten`.
    doubts: why somebody should look at the text, though it is one.
    detail: what led to it (verdict, disagreements, drafts by role); JSON types. The calls themselves are in the trace.
    """

    text: str | None
    reason: str = ""
    path: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.text is None and not self.reason:
            raise ValueError("a caption without text says why")
        if self.text is not None and not self.text.strip():
            raise ValueError("an empty text is no caption")
