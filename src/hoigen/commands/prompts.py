"""hoigen prompts: what to ask a text-to-video model for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from hoigen.core.errors import UsageError
from hoigen.core.settings import Setting
from hoigen.core.uris import on_disk
from hoigen.core.words import plural
from hoigen.interactions.prompts.choose import Pack
from hoigen.interactions.prompts.export import Format

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, slots=True)
class PromptsResult:
    """What was written. long: how the long prompts ended, outcome -> prompts; empty when none were asked for."""

    out: Path
    prompts: int
    objects: int
    verbs: int
    categories: Mapping[str, int]
    long: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [
            (
                f"{self.out}: {plural(self.prompts, 'prompt')}, {plural(self.verbs, 'verb')}, "
                f"{plural(self.objects, 'object')}"
            )
        ]
        lines.append("  " + ", ".join(f"{name} {count}" for name, count in self.categories.items()))
        if self.long:
            made = self.long.get("extended", 0)
            lines.append(f"long prompts: {made} of {sum(self.long.values())}; the others keep the short one alone")
            lines += [f"  {count:6} {outcome}" for outcome, count in self.long.items() if outcome != "extended"]
        return "\n".join(lines)


def prompts(
    out: Annotated[Path, Setting("the file to write")],
    *,
    pack: Annotated[
        Pack,
        Setting(
            "hico (the 306 of HOIGen-1M's protocol), second (the second edition, by what a video shows), hico388 (all "
            "of HICO-DET that are not rare), hico520 (all interactions of HICO-DET), extended (instruments, tools, "
            "appliances), all (hico and extended)"
        ),
    ] = "hico",
    format: Annotated[
        Format, Setting("json (what hoigen evaluate reads), vbench (a list for VBench), txt (one prompt a line)")
    ] = "json",
    long: Annotated[bool, Setting("vbench and txt carry the long prompts where there are any")] = False,
    seen: Annotated[
        Path | None,
        Setting(
            "categories/categories.parquet of a run: counts how often its captions tell of each prompt, for tables "
            "of in- and out-of-distribution prompts"
        ),
    ] = None,
    extend: Annotated[
        Path | None,
        Setting(
            "a recipe whose key extend holds an expert, and maybe another as checker: long prompts are written by "
            "the one and held against the short ones by the other"
        ),
    ] = None,
    set: Annotated[
        list[str] | None,
        Setting(
            "a change of that recipe, as key=value (extend.expert.chat_server.url=http://localhost:8000/v1); may be "
            "given more than once"
        ),
    ] = None,
    calls: Annotated[
        Path | None, Setting("the folder that keeps the experts' answers; OUT.calls when not given")
    ] = None,
    retry: Annotated[bool, Setting("ask the experts again for what they did not answer")] = False,
) -> PromptsResult:
    """Writes a suite of prompts for human-object interactions; the same call writes the same file.

    Returns what was written. Raises UsageError for bad input, SetupError when an expert cannot be reached.
    """
    from hoigen.core import trusted
    from hoigen.data.files import write_text
    from hoigen.interactions.prompts import choose, export
    from hoigen.interactions.prompts.extend import extend as lengthened
    from hoigen.interactions.prompts.extend import outcomes, writers_of
    from hoigen.interactions.prompts.seen import with_seen
    from hoigen.recipe.yaml import apply_sets, load_recipe, recipe_path

    out = on_disk(out, "--out")
    _check(out, format, pack)
    suite = choose.suite(pack)
    if seen is not None:
        suite = with_seen(suite, Path(seen))
    if extend is not None or set:
        path = recipe_path(extend) if extend is not None else None
        given = apply_sets(load_recipe(path) if path else {}, set or [])
        where = str(path) if path else "--set"
        trusted.check(given.get("extend"), where, path.parent if path else None)
        writers = writers_of(given.get("extend"), where, beside=path.parent if path else None)
        suite = lengthened(suite, writers, Path(calls or out.with_name(out.name + ".calls")), retry=retry)
    elif retry or calls is not None:
        raise UsageError("--calls and --retry go with --extend RECIPE, which says whom to ask")
    try:
        write_text(out, export.text_of(suite, format, long=long))
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror or error}") from None
    return PromptsResult(
        out=out,
        prompts=len(suite.prompts),
        objects=len({prompt.object for prompt in suite.prompts}),
        verbs=len({prompt.verb for prompt in suite.prompts}),
        categories=dict(Counter(str(prompt.category) for prompt in suite.prompts).most_common()),
        long=dict(outcomes(suite).most_common()),
    )


def _check(out: Path, format: str, pack: str) -> None:
    import typing

    for name, came, allowed in (("format", format, typing.get_args(Format)), ("pack", pack, typing.get_args(Pack))):
        if came not in allowed:
            raise UsageError(f"--{name}: one of {', '.join(allowed)}; it came as {came!r}")
    if out.is_dir():
        raise UsageError(f"{out} is a folder; give the name of a file, such as {out / 'suite.json'}")
    if out.suffix.lower() not in (".json", ".txt", "") or (out.suffix.lower() == ".txt") != (format == "txt"):
        wanted = ".txt" if format == "txt" else ".json"
        raise UsageError(f"{out}: with --format {format} the name of the file ends in {wanted}")
