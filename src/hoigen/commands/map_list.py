"""hoigen map: published lists -> stretches of files that one has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from hoigen.core.errors import UsageError, nearest
from hoigen.core.settings import Setting
from hoigen.core.uris import on_disk

if TYPE_CHECKING:
    from hoigen.dataset.mapping import Mapped


def map_list(
    published: Annotated[
        str, Setting("the list: of Panda-70M, Koala-36M, OpenVid, HOIGen-1M, or any that curate reads")
    ],
    *,
    videos: Annotated[
        list[str], Setting("a folder with the videos that one has, and all below it; may be given more than once")
    ],
    out: Annotated[Path, Setting("the file to write, JSON lines; what is missing goes to a CSV beside it")] = Path(
        "mapped.jsonl"
    ),
    columns: Annotated[
        list[str] | None,
        Setting(
            "ROLE=NAME: which column is the id, url, start, end, caption or digest, where it has another name; may be "
            "given more than once"
        ),
    ] = None,
) -> Mapped:
    """Finds the clips of a published list among files that one has: stretches of them, and what is missing.

    The list that is written is one that `hoigen curate --videos` takes, with all that the published one says of a clip.
    """
    from hoigen.data.sources.manifests import NoPlaces
    from hoigen.dataset.mapping import ROLES, map_list

    roles = {}
    for text in columns or ():
        role, equals, name = text.partition("=")
        if role not in ROLES or not name or not equals:
            raise UsageError(f"--columns {text}: ROLE=NAME{nearest(role, ROLES)}")
        roles[role] = name
    folders = [Path(each).expanduser().absolute() for each in videos or ()]
    if not folders:
        raise UsageError("--videos FOLDER: where the videos are")
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"--videos {folder}: no such folder")
    out = on_disk(out, "--out").expanduser().absolute()
    if out.suffix.lower() not in (".jsonl", ".ndjson"):  # as curate would read it
        raise UsageError(f"--out {out}: its rows are JSON lines: a name that ends in .jsonl")
    if out.exists():
        raise UsageError(f"--out {out}: is there already")
    if not out.parent.is_dir():
        raise UsageError(f"--out {out}: no such folder {out.parent}")
    try:
        return map_list(str(published), folders, out, roles)
    except NoPlaces as error:
        if "id" in roles:
            raise
        raise UsageError(f"{error}; --columns id=NAME says which column names the videos") from None
