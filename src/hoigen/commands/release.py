"""hoigen release: the dataset as others get it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from hoigen.commands.options import RunFolder
from hoigen.core.settings import Setting
from hoigen.core.uris import on_disk
from hoigen.core.words import plural
from hoigen.data import side

if TYPE_CHECKING:
    from hoigen.dataset.release.making import Released


@dataclass(frozen=True, slots=True)
class ReleaseResult:
    """What was made."""

    made: Released

    def __str__(self) -> str:
        from hoigen.rules.removals import told

        made, index = self.made, self.made.facts.index
        lines = [
            (
                f"{made.folder}: {plural(index.clips, 'clip')}, {index.captions} with a caption, "
                f"{plural(made.files, 'file')}"
            )
        ]
        if index.removed:
            lines.append(told(index.removed))
        lines += [f"{part}: {plural(count, 'clip')}" for part, count in index.parts.items()]
        lines += made.changes.lines if made.changes is not None else []
        lines += [f"note: {warning}" for warning in made.warnings]
        return "\n".join([*lines, f"sha256 of SHA256SUMS: {made.digest}"])


def release(
    run: RunFolder,
    *,
    licence: Annotated[
        str, Setting("of the tables and captions, as the ledger names it (CC-BY-4.0); each video keeps its own")
    ],
    creator: Annotated[str, Setting("who gives it out")],
    contact: Annotated[str, Setting("where somebody asks for a removal: an address or a page")],
    version: Annotated[str, Setting("three numbers; a release is never written over")] = "1.0.0",
    name: Annotated[str | None, Setting("of the dataset; that of the run's folder when not given")] = None,
    out: Annotated[
        Path | None, Setting("the folder of the release; NAME-VERSION beside the run when not given")
    ] = None,
    clips: Annotated[
        Path | None,
        Setting("the folder of hoigen cut: its files become part of it; else clips are told by address and digest"),
    ] = None,
    since: Annotated[Path | None, Setting("the release before: removals hold on, and what differs is told")] = None,
    remove: Annotated[
        Path | None,
        Setting("a table of what somebody asks to be taken out: kind (clip, video, person), value; who, when, why"),
    ] = None,
    sources: Annotated[
        Path | None, Setting("a table of licences that you answer for: source, licence; of videos that state none")
    ] = None,
    territory: Annotated[str, Setting("where it is offered, parted by commas (EU,UK,US)")] = "",
    question: Annotated[
        str | None,
        Setting("of the annotations that say whether a clip is kept; keep, human, good or the only one if not given"),
    ] = None,
    captions: Annotated[
        Literal["run", "list"], Setting("those of hoigen caption, or those that came with the input list")
    ] = "run",
    told: Annotated[str, Setting("what the people who looked at clips were told to do")] = "",
) -> ReleaseResult:
    """Makes a versioned folder of the kept clips for others: tables, captions, licences, card, Croissant, digests.

    Refuses, with the names, what the stated licence would not allow; checks everything before anything is written.

    Returns what was made. Raises UsageError for bad input.
    """
    from hoigen.data.run import Run
    from hoigen.dataset.release.making import Wanted, make
    from hoigen.rules.runfile import steps_of

    folder = Run(Path(run))
    _, steps = steps_of(folder)
    called = name if name is not None else folder.path.resolve().name
    if out is None:
        side.check_on_disk(folder.path, "hoigen release without --out")
    target = on_disk(out, "--out") if out is not None else folder.path.resolve().parent / f"{called}-{version}"
    wanted = Wanted(
        name=called,
        version=version,
        licence=licence,
        creator=creator,
        contact=contact,
        out=target,
        clips=Path(clips) if clips is not None else None,
        since=Path(since) if since is not None else None,
        remove=Path(remove) if remove is not None else None,
        sources=Path(sources) if sources is not None else None,
        territories=tuple(place.strip() for place in territory.split(",") if place.strip()),
        question=question,
        told=told,
        listed=captions == "list",
    )
    return ReleaseResult(make(folder, steps, wanted))
