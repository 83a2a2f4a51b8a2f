"""hoigen duplicates: clips that show the same, of which one stays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from hoigen.commands.options import RunFolder
from hoigen.core.errors import UsageError
from hoigen.core.settings import Setting
from hoigen.core.words import plural

if TYPE_CHECKING:
    from hoigen.dataset.duplicates import Found
    from hoigen.rules.decide import Funnel

HASHES = "perceptual_hash"
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
        mirrored = f"{found.mirrored} mirrored" if found.by == HASHES else f"by {found.by}"
        lines = [
            f"{plural(found.compared, 'clip')} compared: {plural(found.groups, 'group')}, "
            f"{plural(found.members, 'clip')} in them, "
            f"{mirrored}; one of each group stays, by {', '.join(found.prefer)}"
        ]
        if found.blank and found.by != HASHES:
            lines.append(f"{plural(found.blank, 'clip has', 'clips have')} no vector and were compared with none")
        elif found.blank:
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
        float | None,
        Setting(
            "how alike the clips of a group are, 0..1; 1 finds copies alone; 0.6 of hashes when not given. Of vectors "
            "it is their cosine, and must be given",
            above=0,
            most=1,
        ),
    ] = None,
    by: Annotated[
        Literal["perceptual_hash", "background_consistency", "subject_consistency"],
        Setting(
            "what is compared: the bits of pictures, or the vector of each clip that CLIP (background_consistency) or "
            "DINO (subject_consistency) gives"
        ),
    ] = "perceptual_hash",
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

    The measure of --by must have looked at the clips; nothing is decoded. The rule stands in the funnel behind
    all others and deletes nothing: where another rule drops the clip that stays, the next of its group does.

    Returns what was found, and the funnel. Raises UsageError for bad input.
    """
    from hoigen.data.run import Run
    from hoigen.dataset.duplicates import RULE, make
    from hoigen.rules import decide, sets
    from hoigen.rules.runfile import steps_of

    folder = Run(Path(run))
    _, steps = steps_of(folder)
    if alike is None and by != HASHES and not off:
        raise UsageError(f"--by {by}: --alike must be given, the cosine from which on clips are alike")
    least = LEAST if alike is None else alike
    if not 0 < least <= 1:
        raise UsageError(f"--alike: more than 0, at most 1; it came as {least}")
    if off:
        sets.remove(folder, RULE)
        found = None
    else:
        found = make(folder, steps, least, [name.strip() for name in prefer.split(",") if name.strip()], by)
    return Duplicates(found, decide.funnel(decide.connect(folder, steps), steps, run=folder.path))
