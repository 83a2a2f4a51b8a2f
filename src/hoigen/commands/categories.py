"""hoigen categories: objects and actions out of captions."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from hoigen.core.errors import UsageError
from hoigen.core.settings import Setting
from hoigen.core.words import plural

if TYPE_CHECKING:
    from hoigen.interactions.categories.table import Distribution

Format = Literal["csv", "jsonl", "parquet"]


def categories(
    run: Annotated[
        Path, Setting("the folder of the run; with --captions any folder, which is made when it is not there")
    ],
    *,
    captions: Annotated[
        Path | None,
        Setting(
            "captions from a CSV, JSON lines or Parquet file with the columns id and caption (or text) instead of "
            "those of the run"
        ),
    ] = None,
    expert: Annotated[
        str | None,
        Setting(
            "a language model that reads the captions instead of the rules: a name of `hoigen list`, or YAML with "
            "its settings, such as '{chat_server: {url: \"http://localhost:8000/v1\", model: Qwen/Qwen3-8B}}'"
        ),
    ] = None,
    retry: Annotated[
        bool,
        Setting("ask once more what the expert did not answer: truncated, refused, malformed, timed out or failed"),
    ] = False,
    format: Annotated[
        Format | None, Setting("the format of --out: csv, jsonl or parquet; when not given, as its name ends, else csv")
    ] = None,
    out: Annotated[Path | None, Setting("a file to write the rows to as well")] = None,
) -> Distribution:
    """Finds the interactions that captions tell of: action, object, HICO-DET's names for them, kind of interaction.

    The rows go to categories/categories.parquet in the run, one for each action and object of a clip; how they are
    spread is printed. Without --expert no model is used: rules read the caption. Clips that somebody asked to be taken
    out are not read.

    Returns how they are spread. Raises UsageError for bad input, SetupError when the expert cannot be reached.
    """
    import duckdb
    import yaml

    from hoigen.commands.table import check_out, copy_to, format_of
    from hoigen.core import plain_yaml, trusted
    from hoigen.data.parquet import rows_of_file
    from hoigen.data.run import Run
    from hoigen.interactions.categories import table
    from hoigen.interactions.categories.by_expert import by_expert
    from hoigen.interactions.categories.rows import by_rules
    from hoigen.recipe.build import make
    from hoigen.rules import removals

    chosen = format or format_of(out)
    if format is not None and out is None:
        raise UsageError(f"--format {format} needs --out FILE")
    check_out(chosen, out)
    Run(Path(run)).check_links()
    tally = table.Tally()
    path = Path(run) / "categories" / "categories.parquet"
    taken_out = removals.gone(Run(Path(run)))
    texts = tally.texts(pair for pair in _texts(Path(run), captions) if pair[0] not in taken_out)
    if expert is None:
        rows = by_rules(texts)
    else:
        try:
            spec = plain_yaml.loaded(expert)
        except yaml.YAMLError as error:
            raise UsageError(f"--expert is a name or YAML; it came as {expert!r}: {error}") from None
        trusted.settle({"expert": spec}, None, None)  # given as an argument, which is asking
        rows = by_expert(texts, make("expert", spec, "--expert"), Run(Path(run)).calls, tally, retry)
    table.write(path, tally.through(rows), tally)
    if out is not None:
        written = copy_to(duckdb.connect(), f"select * from {rows_of_file(path)}", chosen, out)
        print(f"{out}: {plural(written, 'row')}", file=sys.stderr)
    return table.distribution(tally, path)


def _texts(run: Path, captions: Path | None) -> Iterator[tuple[str, str]]:
    """(clip id, caption). Raises UsageError when there is none."""
    found: Iterable[tuple[str, str]]
    if captions is not None:
        from hoigen.interactions.categories.captions import captions_in

        found, where = captions_in(captions), f"--captions {captions}"
    else:
        from hoigen.data.run import Run
        from hoigen.stages.captioned import captions_of

        folder = Run(run)
        folder.recipe()
        found, where = captions_of(folder), f"{run}: run hoigen caption first, or give --captions FILE; it"
    empty = True
    for pair in found:
        empty = False
        yield pair
    if empty:
        raise UsageError(f"{where} has no captions")
