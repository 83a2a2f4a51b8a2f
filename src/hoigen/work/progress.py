"""Progress bars: rate, time left, and what became of the clips so far."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

SHOWN = ("kept", "dropped", "captioned", "waiting", "failed")


class Progress:
    """A bar that also counts how rows ended (kept, dropped, failed).

    Args:
        what: its name.
        total: rows in all.
        unit: of the rows.
        quiet: no bar.
    """

    def __init__(self, what: str, total: int, unit: str, *, quiet: bool = False) -> None:
        from tqdm import tqdm

        self.counts: Counter[str] = Counter()
        terminal = sys.stderr.isatty()
        self._bar: Any = tqdm(
            total=total,
            desc=what,
            unit=unit,
            unit_scale=total > 99_999,
            dynamic_ncols=True,
            disable=quiet,
            mininterval=0.1 if terminal else 10.0,
            smoothing=0.05,
        )

    def count(self, state: str, *, already: bool = False, by: int = 1) -> None:
        """A row ended, or several.

        Args:
            state: how: kept, dropped, failed and so on.
            already: before this run, so that it does not count for the rate.
            by: rows.
        """
        self.counts[state] += by
        if self._bar.disable or not by:
            return
        if already:
            self._bar.initial += by
            self._bar.n += by
        else:
            text = ", ".join(f"{name} {self.counts[name]}" for name in SHOWN if self.counts[name])
            self._bar.set_postfix_str(text, refresh=False)
            self._bar.update(by)

    def close(self) -> None:
        """Leaves the bar as it stands."""
        self._bar.close()
