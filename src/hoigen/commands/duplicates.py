"""hoigen duplicates: clips that show the same, of which one stays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from hoigen.commands.options import RunFolder
from hoigen.core.errors import UsageError
from hoigen.core.settings import Setting
from hoigen.core.words import plural

if TYPE_CHECKING:
    from hoigen.dataset.duplicates import Found
    from hoigen.rules.decide import Funnel

LEAST = 0.6
"""How alike two clips are that count as near-duplicates; what that finds and misses is in docs/duplicates.md."""


@dataclass(frozen=True, slots=True)
class Duplicates:
    """What `hoigen duplicates` did; found: None when the rule was taken out."""

    found: Found | None
    funnel: Funnel

    def __str__(self) -> str:
        if self.found is None:
            return f"the rule near_duplicates is out\n{self.funnel}"
        found = self.found
        lines = [
            f"{plural(found.compared, 'clip')} compared: {plural(found.groups, 'group')}, "
            f"{plural(found.members, 'clip')} in them, "
            f"{found.mirrored} mirrored; one of each group stays, by {', '.join(found.prefer)}"
        ]
        if found.blank:
            lines.append(
                f"{plural(found.blank, 'clip is', 'clips are')} of one colour throughout and were compared with none"
            )
        if found.crowded:
            lines.append(
                f"{found.crowded} hashes are of so many looks that each was held against its neighbours and the first "
                "alone; clips that are alike there may be in two groups"
            )
        return "\n".join([*lines, f"{found.path}", "", str(self.funnel)])


def duplicates(
    run: RunFolder,
    *,
    alike: Annotated[
        float, Setting("how alike the clips of a group are, 0..1; 1 finds copies alone", above=0, most=1)
    ] = LEAST,
    prefer: Annotated[
        str,
        Setting(
            "numbers of the run, parted by commas, by which the clip is chosen that stays; short_side, "
            "technical_quality, duration when not given, as far as there are; last, the place in the list"
        ),
    ] = "",
    off: Annotated[bool, Setting("takes the rule out again")] = False,
) -> Duplicates:
    """Finds clips that show the same, re-encoded, cropped, mirrored or trimmed, and makes a rule of it: one stays.

    The measure perceptual_hash must have looked at the clips; nothing is decoded. The rule stands in the funnel behind
    all others and deletes nothing: where another rule drops the clip that stays, the next of its group does.

    Returns what was found, and the funnel. Raises UsageError for bad input.
    """
    from hoigen.data.run import Run
    from hoigen.dataset.duplicates import RULE, make
    from hoigen.rules import decide, sets
    from hoigen.rules.runfile import steps_of

    folder = Run(Path(run))
    _, steps = steps_of(folder)
    if not 0 < alike <= 1:
        raise UsageError(f"--alike: more than 0, at most 1; it came as {alike}")
    if off:
        sets.remove(folder, RULE)
        found = None
    else:
        found = make(folder, steps, alike, [name.strip() for name in prefer.split(",") if name.strip()])
    return Duplicates(found, decide.funnel(decide.connect(folder, steps), steps, run=folder.path))
