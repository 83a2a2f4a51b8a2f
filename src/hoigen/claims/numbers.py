"""A number with its interval, or the reason why there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """value: None when it is undefined, and then `reason` says why; never NaN.

    low, high: its 95 % interval; None when `unsure` says why there is none. top, bottom: what was divided by what.
    draws_sd: how far it spreads over resamples (a standard error).
    """

    value: float | None
    reason: str = ""
    low: float | None = None
    high: float | None = None
    unsure: str = ""
    top: float | None = None
    bottom: float | None = None
    draws_sd: float | None = None

    def __post_init__(self) -> None:
        for name in ("value", "low", "high", "top", "bottom", "draws_sd"):
            number = getattr(self, name)
            if number is not None and not math.isfinite(number):
                raise ValueError(f"a number is finite or None; {name} came as {number!r}")
        if self.value is None and not self.reason:
            raise ValueError("a number without a value says why")

    @property
    def defined(self) -> bool:
        return self.value is not None


def undefined(reason: str) -> Number:
    return Number(value=None, reason=reason)
