"""hoigen verify-release: whether a release is whole, and what differs between two."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from hoigen.core.settings import Setting

if TYPE_CHECKING:
    from hoigen.dataset.release.checking import Changes, Verified


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """What was looked at; changes: against another release, where one was given."""

    verified: Verified
    changes: Changes | None

    def __str__(self) -> str:
        return "\n".join([str(self.verified), *(self.changes.lines if self.changes is not None else [])])


def verify_release(
    folder: Annotated[Path, Setting("the folder of the release")],
    *,
    digest: Annotated[str | None, Setting("the sha256 of its SHA256SUMS, as it was published")] = None,
    since: Annotated[Path | None, Setting("an earlier release, which must be whole too: what differs is told")] = None,
) -> VerifyResult:
    """Checks a release whole: every file by its digest, none missing, none more, nothing in it that was removed.

    Returns what was looked at. Raises UsageError that names each file at fault.
    """
    from hoigen.dataset.release.checking import check, check_later, compared

    found = check(Path(folder), digest)
    if since is None:
        return VerifyResult(found, None)
    check_later(found, check(Path(since)))
    return VerifyResult(found, compared(Path(since), Path(folder)))
