"""hoigen review: the app in which people look at clips."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from hoigen.commands.options import RunFolder
from hoigen.core.errors import UsageError
from hoigen.core.settings import Setting


def review(
    run: RunFolder,
    *,
    host: Annotated[
        str, Setting("the address to listen at; anything but loopback needs accounts and TLS")
    ] = "127.0.0.1",
    port: Annotated[int, Setting("the port; 0 for any that is free", least=0, most=65535)] = 8765,
    base_url: Annotated[str | None, Setting("how people reach it: https://review.example.org")] = None,
    tls_cert: Annotated[Path | None, Setting("a TLS certificate (PEM)")] = None,
    tls_key: Annotated[Path | None, Setting("its key (PEM)")] = None,
    behind_proxy: Annotated[
        bool, Setting("a proxy that speaks TLS is in front, and nobody else reaches the port")
    ] = False,
    database: Annotated[
        str | None,
        Setting("postgresql://USER:PASSWORD@HOST/NAME, or another file; RUN/review/review.sqlite when not given"),
    ] = None,
    double_share: Annotated[
        float | None, Setting("share of the clips that two people see, blind (0.05 unless set before)", least=0, most=1)
    ] = None,
    gold_share: Annotated[
        float | None, Setting("share of what is lent whose answer is known (0.015 unless set before)", least=0, most=1)
    ] = None,
    gold: Annotated[
        Path | None, Setting("a table with columns id (a clip) and value (keep or drop): clips whose answer is known")
    ] = None,
    invite: Annotated[str | None, Setting("prints a link with which this person sets a password, and ends")] = None,
    role: Annotated[Literal["annotator", "adjudicator", "admin"], Setting("of who is invited")] = "annotator",
    export: Annotated[bool, Setting("writes all answers into the run, and ends")] = False,
    backup: Annotated[Path | None, Setting("writes a copy of the database, while people work, and ends")] = None,
    restore: Annotated[Path | None, Setting("makes the database what a backup holds, and ends")] = None,
) -> Any:
    """Serves the app in which people look at clips and say which to keep.

    Returns what was done, once the server is stopped. Raises UsageError before anything is served.
    """
    from hoigen.core.errors import SetupError

    try:
        from hoigen.review import export as exporting
        from hoigen.review import people, project, serve
    except ModuleNotFoundError as error:
        raise SetupError(f"hoigen review needs {error.name}: pip install 'hoigen[review]'") from None
    from importlib import metadata

    folder = project.file_of(Path(run))
    if sum(map(bool, (invite, export, backup, restore))) > 1:
        raise UsageError("one of --invite, --export, --backup, --restore at a time")
    if restore:
        if not Path(restore).is_file():
            raise UsageError(f"--restore: no such file {restore}")
        project.database_of(folder, database).restore(Path(restore))
        return f"{folder.path}: restored from {restore}"
    if backup:
        return f"{project.opened(folder, database).db.backup(Path(backup))}: a copy of the review of {folder.path}"
    if export:
        return exporting.export(project.opened(folder, database))
    opened = project.begin(folder, database, double_share=double_share, gold_share=gold_share)
    if gold:
        _gold(opened, Path(gold))
    if invite:
        secret = people.invite(opened.db, invite, role, by="command line")
        address = (base_url or f"http://{host}:{port}").rstrip("/")
        return f"{address}/invite/{secret}\nGood for {people.INVITE_DAYS} days and one use; send it to {invite} alone."
    serve.serve(
        opened,
        host=host,
        port=port,
        base_url=base_url,
        cert=tls_cert,
        key=tls_key,
        behind_proxy=behind_proxy,
        version=metadata.version("hoigen"),
    )
    return f"All answers are saved. To put them into the run: hoigen review {folder.path} --export"


def _gold(opened: Any, file: Path) -> None:
    from hoigen.data.rows import rows_of
    from hoigen.review.gold import set_gold

    answers = {row.need("id"): row.need("value") for row in rows_of(file, ("id", "value"), ())}
    set_gold(opened.db, "keep", answers)
