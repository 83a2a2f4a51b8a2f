"""hoigen sources: the paper's eight, how they are lawfully had, and lists of what one has of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from hoigen.core.clip import Seconds
from hoigen.core.errors import UsageError, nearest
from hoigen.core.settings import Setting
from hoigen.core.uris import on_disk

if TYPE_CHECKING:
    from hoigen.dataset.mapping import Mapped
    from hoigen.dataset.published.fetching import Fetched
    from hoigen.dataset.published.source import Published


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of sources: a table of all, or all of one.

    Args:
        sources: which.
    """

    sources: tuple[Published, ...]

    def __str__(self) -> str:
        if len(self.sources) == 1:
            from hoigen.dataset.release import rights

            [source] = self.sources
            entry = rights.sources()[source.name.casefold()]
            may = "its videos may not be passed on"
            if entry.licence and rights.licences()[entry.licence.casefold()].share:
                may = "its videos may be passed on"
            elif not entry.licence:
                may = "what is not known is not passed on"
            facts = {
                "what": source.what,
                "where": source.where,
                "licence": f"{_licence(source.name)}: {may}; {entry.page}",
                "": entry.note,
                "how": source.how,
                "list": source.index,
                "layout": source.layout,
            }
            return "\n".join([source.name, *(f"  {key:8} {text}" for key, text in facts.items() if text)])
        rows = [(each.name, _licence(each.name), each.where) for each in self.sources]
        wide = [max(len(row[at]) for row in rows) for at in range(2)]
        lines = [f"{name:{wide[0]}}  {licence:{wide[1]}}  {where}" for name, licence, where in rows]
        return "\n".join([*lines, "hoigen sources NAME: how its files are lawfully had, and how they become a list"])


@dataclass(frozen=True, slots=True)
class Handled:
    """What `hoigen sources NAME` did.

    Args:
        fetched: what became of the addresses of a list; None where none were asked for.
        mapped: the list that was written, and what is missing of it; None where none was asked for.
    """

    fetched: Fetched | None
    mapped: Mapped | None

    @property
    def incomplete(self) -> bool:
        """Whether nothing was found or fetched; the command then exits with 1."""
        return any(each is not None and each.incomplete for each in (self.fetched, self.mapped))

    @property
    def partial(self) -> bool:
        """Whether some files did not come; the command then exits with 3."""
        return self.fetched is not None and self.fetched.partial

    def __str__(self) -> str:
        return "\n".join(str(each) for each in (self.fetched, self.mapped) if each is not None)


def sources(
    name: Annotated[str | None, Setting("a source; all of them when not given")] = None,
    *,
    files: Annotated[
        list[str] | None,
        Setting("a folder with files of it that one has, and all below it; may be given more than once"),
    ] = None,
    index: Annotated[
        str | None, Setting("its list of clips, of addresses, or of what there is (release.txt, split.json)")
    ] = None,
    out: Annotated[
        Path | None, Setting("the list to write, JSON lines; what is missing goes to a CSV beside it")
    ] = None,
    fps: Annotated[
        float | None, Setting("of folders of frames, where it is another than the source's", above=0)
    ] = None,
    fetch: Annotated[
        Path | None,
        Setting("first download into this folder what --index names by address (http, https, stores) and is not there"),
    ] = None,
    command: Annotated[
        str | None,
        Setting("a program for addresses of video sites, which hoigen never asks: 'yt-dlp -o {path} {url}'"),
    ] = None,
    rate: Annotated[
        float | None, Setting("at most so fast, of what hoigen downloads", above=0, unit="MB a second")
    ] = None,
    deadline: Annotated[
        Seconds, Setting("how long the program of --command may write nothing before it is ended", above=0, unit="s")
    ] = 600.0,
) -> _Known | Handled:
    """Says how the paper's sources are lawfully had; lists what one has of one, and what is missing.

    The list that is written is one that `hoigen curate --videos` takes, with object and action where they are known.
    """
    from hoigen.dataset.published import known

    given = {"files": files, "index": index, "out": out, "fps": fps, "fetch": fetch, "command": command, "rate": rate}
    first = next((f"--{key}" for key, value in given.items() if value), None)
    if name is None:
        if first:
            raise UsageError(f"{first} without a source: hoigen sources NAME; {', '.join(known())}")
        return _Known(tuple(known().values()))
    source = known().get(name.casefold())
    if source is None:
        raise UsageError(f"unknown source {name!r}{nearest(name.casefold(), known())}")
    if first is None:
        return _Known((source,))
    if out is None and fetch is None:
        raise UsageError(f"{first}: --out LIST says what to write, --fetch FOLDER where to download to")
    if fetch is None and (command or rate):
        raise UsageError("--command and --rate go with --fetch FOLDER")
    if out is None and (files or fps):
        raise UsageError(f"--{'files' if files else 'fps'} goes with --out LIST: nothing is listed without it")
    if fps and not source.frames:
        raise UsageError(f"--fps: {source.name} has no folders of frames; its videos have rates of their own")
    for key, number in (("fps", fps), ("rate", rate), ("deadline", deadline)):
        if number is not None and not number > 0:
            raise UsageError(f"--{key}: more than 0; it came as {number:g}")
    if fetch is not None and Path(fetch).expanduser().exists() and not Path(fetch).expanduser().is_dir():
        raise UsageError(f"--fetch {fetch}: a folder to download to; a file of that name is there")
    if out is not None:  # before anything is downloaded
        out = on_disk(out, "--out").expanduser().absolute()
        if out.exists():
            raise UsageError(f"--out {out}: is there already")
        if not out.parent.is_dir():
            raise UsageError(f"--out {out}: no such folder {out.parent}")
    folders = [Path(each).expanduser().absolute() for each in files or ()]
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"--files {folder}: no such folder")
    if out is not None and not folders and fetch is None:
        raise UsageError("--files FOLDER: where its files are")
    fetched = _fetched(source, index, fetch, command, rate, deadline)
    if out is None or (fetched is not None and fetched.incomplete and not folders):
        return Handled(fetched, None)  # without a file there is nothing to list, and why is said already
    from hoigen.dataset.published.making import make

    if fetched is not None:
        folders.append(fetched.folder)
    # of a source that is folders, one fetches by a list of archives: it says nothing of what should be in them
    listed = index if source.rows is not None or fetched is None else None
    return Handled(fetched, make(source, folders, listed, out, fps))


def _fetched(
    source: Published,
    index: str | None,
    folder: Path | None,
    command: str | None,
    rate: float | None,
    deadline: Seconds,
) -> Fetched | None:
    from hoigen.data.sources import manifests
    from hoigen.dataset.published import fetching

    if folder is None:
        return None
    if index is None:
        raise UsageError("--fetch FOLDER goes with --index LIST: a list with addresses (column url)")
    words = fetching.words_of(command) if command else ()
    if source.rows is None and not manifests.kind_of(index):
        raise UsageError(f"--index {index}: to fetch, a list with the column url is needed (.csv, .jsonl, ...)")
    # rows of its own list, or, of a source that is folders, those of a list of addresses of its archives; one that
    # cannot be read is a row, too, so that it costs no other
    rows = source.rows(index, "fail") if source.rows is not None else manifests.read(index, "fail")
    place = Path(folder).expanduser().absolute()
    return fetching.fetch(rows, place, command=words, rate=rate and rate * 1e6, patience=deadline)


def _licence(name: str) -> str:
    from hoigen.dataset.release import rights

    entry = rights.sources()[name.casefold()]
    return f"{entry.licence or 'licence not known'} ({f'read {entry.checked}' if entry.checked else 'page not opened'})"
