"""hoigen review: the app in which people look at clips."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from hoigen.commands.options import RunFolder
from hoigen.core.errors import UsageError
from hoigen.core.settings import Setting
from hoigen.core.words import plural


def review_app(
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
    same_cut: Annotated[
        float | None,
        Setting(
            "two people who trim or crop a clip agree where what they keep has this intersection over union, of the "
            "time and of the picture (0.8 unless set before)",
            least=0,
            most=1,
        ),
    ] = None,
    gold_share: Annotated[
        float | None, Setting("share of what is lent whose answer is known (0.015 unless set before)", least=0, most=1)
    ] = None,
    gold: Annotated[
        Path | None, Setting("a table with columns id (a clip) and value (keep or drop): clips whose answer is known")
    ] = None,
    question: Annotated[
        Literal["keep", "claims", "preference", "rating", "frames"] | None,
        Setting(
            "what people are asked: keep or drop; claims of captions (--claims); which of two generated videos, or 1 to"
            " 5 for each (a run of hoigen evaluate); frames with or without an interaction; keep unless this review was"
            " begun with others alone"
        ),
    ] = None,
    claims: Annotated[
        Path | None, Setting("claims to check: clip, captioner, claim, as caption-eval reads them")
    ] = None,
    votes: Annotated[
        int | None,
        Setting(
            "of preference and rating: how many people see each pair or video (3 unless set before)", least=1, most=20
        ),
    ] = None,
    interval: Annotated[
        float | None,
        Setting(
            "of preference: pairs are planned so that the share that prefers one of two models is known to this, "
            "either way (95 %; 0.1 unless set before)",
            least=0.01,
            most=0.5,
        ),
    ] = None,
    order: Annotated[
        Literal["random", "source", "uncertainty"] | None,
        Setting("which clips come first: at random, by source, or nearest to the machine's threshold; else as it was"),
    ] = None,
    promise: Annotated[
        float | None,
        Setting(
            "the precision that is promised (0.99): score bands that are sure enough are only sampled; 0 looks at all; "
            "as it was if not given",
            least=0,
            most=0.9999,
        ),
    ] = None,
    prepare: Annotated[bool, Setting("makes the small videos and strips of all clips ahead, and ends")] = False,
    write: Annotated[
        Path | None, Setting("writes all answers to a file (.csv, .jsonl, or .json for Label Studio), and ends")
    ] = None,
    read: Annotated[Path | None, Setting("takes answers from such a file, and ends")] = None,
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
    from hoigen.data import side

    try:
        from hoigen.review import export as exporting
        from hoigen.review import people, project, serve
    except ModuleNotFoundError as error:
        raise SetupError(f"hoigen review needs {error.name}: pip install 'hoigen[review]'") from None
    from importlib import metadata

    side.check_on_disk(Path(run), "hoigen review")
    folder = project.file_of(Path(run))
    if sum(map(bool, (invite, export, backup, restore, prepare, write, read))) > 1:
        raise UsageError("one of --invite, --export, --backup, --restore, --prepare, --write, --read at a time")
    if (question == "claims") != (claims is not None):
        raise UsageError("--question claims and --claims FILE come together")
    if restore:
        if not Path(restore).is_file():
            raise UsageError(f"--restore: no such file {restore}")
        project.database_of(folder, database).restore(Path(restore))
        return f"{folder.path}: restored from {restore}"
    if backup:
        return f"{project.opened(folder, database).db.backup(Path(backup))}: a copy of the review of {folder.path}"
    if export:
        return exporting.export(project.opened(folder, database))
    if write:
        from hoigen.review import exchange

        return f"{write}: {plural(exchange.write(project.opened(folder, database), Path(write)), 'answer')}"
    given = {"double_share": double_share, "gold_share": gold_share, "same_cut": same_cut}
    begun = question or project.asked_last(folder, database) or "keep"
    if votes is not None and begun not in ("preference", "rating"):
        raise UsageError(f"--votes goes with --question preference or rating; people are asked {begun}")
    if interval is not None and begun != "preference":
        raise UsageError(f"--interval goes with --question preference; people are asked {begun}")
    people_alone = invite is not None and question is None and gold is None and order is None
    opened = project.begin(folder, database, question=begun, clips=not people_alone, **given)
    if question is not None or votes is not None or interval is not None:
        _items(opened, begun, claims, votes, interval)
    if order:
        from hoigen.review.order import reorder

        reorder(opened, begun, order)
    if promise is not None:
        opened.set(promise=promise or None)
    if prepare:
        from hoigen.review.proxies import render_ahead
        from hoigen.work.task import Limits

        return render_ahead(folder, opened.db, Limits(workers=2))
    if read:
        from hoigen.review import exchange, precision

        brought = exchange.read(opened, Path(read), question=begun)
        if opened.setting("promise") is not None:
            precision.update(opened)
        return brought
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


def _items(opened: Any, question: str, claims: Path | None, votes: int | None, interval: float | None) -> None:
    """Items of questions that have others than a clip each."""
    from hoigen.review import tasks

    double, seed = opened.setting("double_share"), opened.setting("seed")
    votes = votes or opened.setting(f"votes {question}") or 3
    if question == "claims" and claims is not None:
        tasks.add_claims(opened, Path(claims), double=double, seed=seed)
    elif question == "preference":
        interval = interval or opened.setting("interval") or 0.1
        tasks.add_pairs(opened, interval=interval, votes=votes, seed=seed)
        opened.set(interval=interval, **{f"votes {question}": votes})
        if short := tasks.votes_short(opened, interval):
            print(short, file=sys.stderr)
    elif question == "rating":
        tasks.add_ratings(opened, votes=votes, seed=seed)
        opened.set(**{f"votes {question}": votes})
    elif question == "frames":
        tasks.add_frames(opened, double=double, seed=seed)


def _gold(opened: Any, file: Path) -> None:
    from hoigen.data.rows import rows_of
    from hoigen.review.gold import set_gold

    answers = {row.need("id"): row.need("value") for row in rows_of(file, ("id", "value"), ())}
    set_gold(opened.db, "keep", answers)
