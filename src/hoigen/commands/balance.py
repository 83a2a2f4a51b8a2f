"""hoigen balance: of each interaction, source or cluster, so many clips."""

from __future__ import annotations

import typing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from hoigen.commands.options import RunFolder
from hoigen.core.errors import UsageError, nearest
from hoigen.core.settings import Setting
from hoigen.core.words import plural
from hoigen.dataset.balance import By, How

if TYPE_CHECKING:
    from hoigen.dataset.balance import Balanced
    from hoigen.rules.decide import Funnel

SHOWN = 12


@dataclass(frozen=True, slots=True)
class BalanceResult:
    """What `hoigen balance` did; found: None when the rule was taken out."""

    found: Balanced | None
    funnel: Funnel

    def __str__(self) -> str:
        if self.found is None:
            return f"the rule balance is out\n{self.funnel}"
        found = self.found
        lines = [
            f"{found.stay} of {plural(found.came, 'clip')} stay, of {plural(len(found.groups), 'group')}; the largest:"
        ]
        for group, (size, stay) in list(found.groups.items())[:SHOWN]:
            lines.append(f"  {stay:7} of {size:7} {group}")
        if found.alone:
            lines.append(
                f"{plural(found.alone, 'clip is', 'clips are')} in no group, and make one of their own: none found"
            )
        return "\n".join([*lines, f"{found.path}", "", str(self.funnel)])


def balance(
    run: RunFolder,
    *,
    by: Annotated[
        str,
        Setting(
            "what makes the groups: interaction (action and object), action, object, source, video, or a table with "
            "the columns id and cluster"
        ),
    ] = "interaction",
    how: Annotated[
        How, Setting("plain: the same quota for each group; sqrt: a clip is drawn with 1/sqrt(size of its group)")
    ] = "plain",
    quota: Annotated[int | None, Setting("plain: clips that stay of each group, at most", least=1)] = None,
    clips: Annotated[int | None, Setting("instead: how many stay in all, at most", least=1)] = None,
    seed: Annotated[int, Setting("which clips of a group stay; the same seed keeps the same ones", least=0)] = 0,
    off: Annotated[bool, Setting("takes the rule out again")] = False,
) -> BalanceResult:
    """Makes quotas of the kept clips a rule: of each interaction, source or cluster, so many stay.

    The rule is the last in the funnel and deletes nothing. A clip with several interactions counts for its rarest one.

    Returns what stays, and the funnel. Raises UsageError for bad input.
    """
    from hoigen.data.run import Run
    from hoigen.dataset.balance import RULE, make
    from hoigen.rules import decide, sets
    from hoigen.rules.runfile import steps_of

    folder = Run(Path(run))
    _, steps = steps_of(folder)
    names = typing.get_args(By)
    if by not in names and not (Path(by).suffix and Path(by).is_file()):
        raise UsageError(f"--by {by}: one of {', '.join(names)}, or a table that is there{nearest(by, names)}")
    groups: By | Path = typing.cast(By, by) if by in names else Path(by)
    for name, value, least in (("quota", quota, 1), ("clips", clips, 1), ("seed", seed, 0)):
        if value is not None and value < least:
            raise UsageError(f"--{name}: {least} or more; it came as {value}")
    if how not in typing.get_args(How):
        raise UsageError(f"--how: one of {', '.join(typing.get_args(How))}; it came as {how!r}")
    if off:
        sets.remove(folder, RULE)
        found = None
    elif (quota is None) == (clips is None):
        raise UsageError("give --quota (clips of each group) or --clips (clips in all), one of the two")
    elif how == "sqrt" and clips is None:
        raise UsageError("--how sqrt goes with --clips: the quota of a group follows from its size")
    else:
        found = make(folder, steps, by=groups, how=how, quota=quota, clips=clips, seed=seed)
    return BalanceResult(found, decide.funnel(decide.connect(folder, steps), steps, run=folder.path))
