"""What libraries would take over from hoigen.recipe and the command line: start-up, megabytes, wheels, and how many of
the project's own cases they pass.

python benchmarks/libraries_recipe.py [FOLDER]

Each candidate is installed into an environment of its own below FOLDER (a temporary folder else). For pydantic and
msgspec the two functions behind every value of a recipe, `build` and `convert`, are replaced by the adapters below, and
the tests of recipes are run with them; `as it is` says what the library says, `translated` puts its errors into
sentences of hoigen. For command lines, one command of the same signature is made with each and called with CASES.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import subprocess
import sys
import tempfile
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

RECIPE = {"pydantic": "pydantic>=2.9,<3", "msgspec": "msgspec>=0.19,<1"}
COMMANDS = {
    "jsonargparse": "jsonargparse[signatures]>=4.40,<5",
    "tyro": "tyro>=0.9,<2",
    "cyclopts": "cyclopts>=3,<6",
    "typer": "typer>=0.15,<1",
}
TESTS = [
    "tests/recipe",
    "tests/commands/test_schema.py",
    "tests/commands/test_template.py",
    "tests/commands/test_validate.py",
]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
BUILD = "hoigen.recipe.build"


def as_json(value: Any) -> Any:
    """What a caller gives and JSON has not: dataclasses and paths."""
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) else str(value)


# What would come: adapters of the two libraries for values of recipes.


def kept(cls: type[Any], settings: Any) -> Any:
    """A nested mapping over the default that it changes: no library keeps what it leaves out."""
    if not isinstance(settings, Mapping):
        return settings
    defaults = {f.name: f.default for f in dataclasses.fields(cls) if dataclasses.is_dataclass(f.default)}
    return {
        key: {f.name: getattr(defaults[key], f.name) for f in dataclasses.fields(defaults[key])} | value
        if key in defaults and isinstance(value, Mapping)
        else value
        for key, value in settings.items()
    }


def nested(cls: type[Any], seen: set[type[Any]]) -> Iterator[type[Any]]:
    """A dataclass and those inside it."""
    if cls not in seen:
        seen.add(cls)
        yield cls
        for hint in typing.get_type_hints(cls).values():
            for each in (hint, *typing.get_args(hint)):
                if isinstance(each, type) and dataclasses.is_dataclass(each):
                    yield from nested(each, seen)


def with_pydantic(translated: bool) -> tuple[Any, Any]:
    """Strict, from JSON: in Python mode `true` and "3" pass as whole numbers, and lists never as tuples."""
    import pydantic

    from hoigen.core.errors import UsageError, nearest

    words = {"int": "a whole number", "float": "a number", "bool": "true or false", "string": "text"}
    words |= {
        "finite": "a number",
        "list": "a list",
        "tuple": "a list",
        "dict": "key: value pairs",
        "mapping": "key: value pairs",
    }
    config = pydantic.ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, arbitrary_types_allowed=True)

    def sentence(cls: Any, where: str, value: Any, errors: list[Any]) -> str:
        first = errors[0]
        names = [str(part) for part in first["loc"]]
        for part in first["loc"]:
            cls = typing.get_type_hints(cls).get(part, cls) if dataclasses.is_dataclass(cls) else cls
        key = ".".join([where, *names[:-1]]) if first["type"] == "unexpected_keyword_argument" else None
        if key is not None:
            known = [f.name for f in dataclasses.fields(cls)] if dataclasses.is_dataclass(cls) else []
            return f"{key}: unknown key {names[-1]!r}{nearest(names[-1], known)}"
        if first["type"] == "missing":
            return f"{where}: {', '.join(str(e['loc'][-1]) for e in errors if e['type'] == 'missing')} must be given"
        if first["type"] == "value_error":
            return f"{'.'.join([where, *names])}: {first['ctx']['error']}"
        branches = {"int", "float", "str", "none", "bool"}
        names = [name for name in names if name not in branches and "[" not in name]
        if first["type"] == "literal_error":
            allowed = "one of " + first["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
        else:
            kinds = dict.fromkeys(words.get(e["type"].split("_")[0], e["type"]) for e in errors)
            allowed = " or ".join(kinds)
        if first["type"] == "dataclass_type":
            allowed = "takes settings as key: value"
        return f"{'.'.join([where, *names])}: {allowed}; it came as {first['input']!r}"

    def checked(hint: Any, value: Any, where: str) -> Any:
        if isinstance(hint, type) and dataclasses.is_dataclass(hint):
            for each in nested(hint, set()):
                each.__pydantic_config__ = config  # type: ignore[attr-defined]
            adapter = pydantic.TypeAdapter(hint)
        else:
            adapter = pydantic.TypeAdapter(hint, config=config)
        try:
            return adapter.validate_json(json.dumps(value, default=as_json))
        except pydantic.ValidationError as error:
            said = sentence(hint, where, value, error.errors()) if translated else f"{where}: {error}"
            raise UsageError(said) from None
        except TypeError as error:
            raise UsageError(f"{where}: {error}") from None

    def build(cls: type[Any], settings: Any, where: str, base: Any = None) -> Any:
        return checked(cls, kept(cls, settings or {}), where)

    def convert(value: Any, hint: Any, where: str, default: Any = None) -> Any:
        return checked(hint, value, where)

    return build, convert


def with_msgspec(translated: bool) -> tuple[Any, Any]:
    """Its dataclasses let unknown keys pass, so keys are looked at first."""
    import msgspec

    from hoigen.core.errors import UsageError, nearest

    def unknown(cls: Any, value: Any, where: str) -> None:
        hints = typing.get_type_hints(cls)
        for key, inner in value.items() if isinstance(value, Mapping) else ():
            if key not in hints:
                raise UsageError(f"{where}: unknown key {key!r}{nearest(str(key), hints)}")
            for each in (hints[key], *typing.get_args(hints[key])):
                if isinstance(each, type) and dataclasses.is_dataclass(each):
                    unknown(each, inner, f"{where}.{key}")

    def checked(hint: Any, value: Any, where: str) -> Any:
        try:
            return msgspec.convert(value, hint, dec_hook=lambda kind, given: kind(given))
        except (msgspec.ValidationError, TypeError) as error:
            said, _, at = str(error).partition(" - at `$")
            place = f"{where}{at.rstrip('`')}"
            raise UsageError(f"{place}: {said}" if translated else f"{where}: {error}") from None

    def build(cls: type[Any], settings: Any, where: str, base: Any = None) -> Any:
        settings = kept(cls, settings or {})
        unknown(cls, settings, where)
        return checked(cls, settings, where)

    def convert(value: Any, hint: Any, where: str, default: Any = None) -> Any:
        return checked(hint, value, where)

    return build, convert


def run_tests(name: str, translated: bool) -> None:
    """Inside of the interpreter of a candidate: the project's tests, with `build` and `convert` replaced."""
    import pytest

    module = importlib.import_module(BUILD)
    if name != "own":
        made = (with_pydantic if name == "pydantic" else with_msgspec)(translated)
        module.build, module.convert = made
    counts = {"passed": 0, "failed": 0}

    class Count:
        def pytest_runtest_logreport(self, report: Any) -> None:
            if report.when == "call":
                counts[report.outcome] = counts.get(report.outcome, 0) + 1

    pytest.main(["-q", "-p", "no:cacheprovider", "--no-header", "--tb=no", *TESTS],
                plugins=[Count()])  # fmt: skip
    print("COUNTS", json.dumps(counts))


# Command lines.


def table(
    run: Path,
    *,
    format: typing.Literal["csv", "jsonl"] | None = None,
    out: Path | None = None,
    draws: int = 5,
    by: list[str] | None = None,
    report: bool = True,
) -> None:
    """Writes one row per clip.

    Args:
        run: the folder of the run.
        format: csv or jsonl.
        out: the file to write.
        draws: resamples.
        by: a table per verb; may be given more than once.
        report: write the page.
    """
    print("CALLED", json.dumps([str(run), format, str(out), draws, by, report]))


def called(*values: Any) -> str:
    return "CALLED " + json.dumps(list(values))


CASES: list[tuple[list[str], list[str]]] = [
    (["r"], [called("r", None, "None", 5, None, True)]),
    (["r", "--by", "verb", "--by", "object"], [called("r", None, "None", 5, ["verb", "object"], True)]),
    (["r", "--no-report", "--draws", "3"], [called("r", None, "None", 3, None, False)]),
    (["--out=x", "r", "--format", "csv"], [called("r", "csv", "x", 5, None, True)]),
    ([], ["run"]),
    (["r", "--format", "xml"], ["format", "xml", "csv", "jsonl"]),
    (["r", "--draws", "many"], ["draws", "many"]),
    (["r", "--drows", "3"], ["drows"]),
    (["r", "s"], ["s"]),
    (["r", "--out"], ["out"]),
    (["--help"], ["the folder of the run", "resamples"]),
]
"""What is typed, and what must be said: the call, or, with exit code 2 and on one line of stderr, these words."""

PROGRAMS = {
    "argparse": "import sys; from hoigen import Setting; from hoigen.commands.cli import Parser, add_arguments\n"
    "from hoigen.core.errors import UsageError; from typing import Annotated\n"
    "table.__annotations__ |= {'run': Annotated[Path, Setting('the folder of the run')],"
    " 'draws': Annotated[int, Setting('resamples')]}; p = Parser(prog='t'); add_arguments(p, table)\n"
    "try: table(**vars(p.parse_args()))\nexcept UsageError as e: print(e, file=sys.stderr); sys.exit(2)",
    "jsonargparse": "from jsonargparse import auto_cli, ArgumentError, capture_parser\n"
    "try: auto_cli(table, as_positional=True, exit_on_error=False)\n"
    "except ArgumentError as e: print(e, file=sys.stderr); sys.exit(2)",
    "tyro": "from typing import Annotated; import tyro; table.__annotations__['run'] = tyro.conf.Positional[Path]\n"
    "table.__annotations__['by'] = tyro.conf.UseAppendAction[list[str] | None]; tyro.cli(table)",
    "cyclopts": "import cyclopts; app = cyclopts.App(); app.default(table)\n"
    "try: app(exit_on_error=False, print_error=False)\n"
    "except cyclopts.CycloptsError as e: print(e, file=sys.stderr); sys.exit(2)",
    "typer": "import typer; from typing import Annotated\n"
    "table.__annotations__['run'] = Annotated[Path, typer.Argument()]; app = typer.Typer(); app.command()(table)\n"
    "try: app(standalone_mode=False)\n"
    "except Exception as e: print(getattr(e, 'format_message', lambda: e)(), file=sys.stderr); sys.exit(2)",
}


def command_line(name: str, arguments: list[str], python: str) -> subprocess.CompletedProcess[str]:
    here = Path(__file__).parent
    code = f"import sys; sys.path.insert(0, {str(here)!r}); import typing; from pathlib import Path\n"
    code += (
        f"from libraries_recipe import table\ntable.__annotations__ = typing.get_type_hints(table)\n{PROGRAMS[name]}"
    )
    env = os.environ | {"PYTHONPATH": str(here.parent / "src"), "COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
    return subprocess.run([python, "-c", code, *arguments], capture_output=True, text=True, env=env, check=False)


def passes(done: subprocess.CompletedProcess[str], arguments: list[str], said: list[str]) -> bool:
    if "--help" in arguments:
        return done.returncode == 0 and all(word in done.stdout for word in said)
    if said[0].startswith("CALLED"):
        return done.stdout.strip() == said[0]
    told = done.stderr.strip()
    return done.returncode == 2 and "\n" not in told and all(word in told for word in said)


# What it costs.


def environment(folder: Path, name: str, wanted: str) -> tuple[str, float, int]:
    """An environment with a candidate: its interpreter, MB on the disk and the number of packages that came."""
    place = folder / name
    python = str(place / "bin" / "python")
    if not Path(python).exists():
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
        site = next(place.glob("lib/python*/site-packages"))
        command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--target", str(site)]
        subprocess.run([*command, wanted], check=True, stderr=subprocess.DEVNULL)
    site = next(place.glob("lib/python*/site-packages"))
    files = [path for path in site.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return python, sum(path.stat().st_size for path in files) / 1e6, len(list(site.glob("*.dist-info")))


def wheels(folder: Path, wanted: str) -> list[str]:
    """The versions of CPython for which a candidate and all that it asks for are there as wheels."""
    found = []
    for version in PYTHONS:
        command = [sys.executable, "-m", "pip", "download", "-q", "--only-binary=:all:", "--python-version", version]
        done = subprocess.run([*command, "-d", str(folder / "wheels" / version), wanted], capture_output=True)
        found += [version] if done.returncode == 0 else []
    return found


def ms(python: str, code: str) -> float:
    """CPU milliseconds beyond a bare interpreter: the least of seven runs of each."""
    import resource

    def least(command: list[str]) -> float:
        times = []
        for _ in range(7):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(command, check=True, capture_output=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        return 1000 * min(times)

    return least([python, "-c", code]) - least([python, "-c", "pass"])


SMALL = "from dataclasses import dataclass\n@dataclass\nclass A:\n a: int = 1\n b: str = 'x'\n"
FIRST = {
    "own": f"import sys; sys.path.insert(0, 'src')\n{SMALL}"
    "from hoigen.recipe.build import build; build(A, {'a': 2}, '')",
    "pydantic": f"import pydantic\n{SMALL}pydantic.TypeAdapter(A).validate_python({{'a': 2}})",
    "msgspec": f"import msgspec\n{SMALL}msgspec.convert({{'a': 2}}, A)",
}
"""To the first value that is read."""


def main() -> None:
    from machine import headline

    folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="libraries_recipe"))
    print(headline())
    print("values of a recipe            MB packages   first value, CPU ms   tests passed   wheels")
    for name in ("own", "pydantic", "msgspec"):
        python, mb, count = environment(folder, name, RECIPE[name]) if name in RECIPE else (sys.executable, 0.0, 0)
        there = " ".join(wheels(folder, RECIPE[name])) if name in RECIPE else ""
        for translated in (False, True) if name in RECIPE else (False,):
            sites = [str(path) for path in (folder / name).glob("lib/python*/site-packages")]
            env = os.environ | {"PYTHONPATH": os.pathsep.join(["src", "benchmarks", *sites])}
            code = f"from libraries_recipe import run_tests; run_tests({name!r}, {translated})"
            done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
            counts = json.loads(done.stdout.rpartition("COUNTS ")[2] or "{}")
            tests = f"{counts.get('passed', 0)} of {sum(counts.values())}"
            label = f"{name}{' translated' if translated else ' as it is' if name in RECIPE else ''}"
            print(f"{label:25} {mb:6.1f} {count:8} {ms(python, FIRST[name]):21.0f} {tests:>14}   {there}")
    print("\ncommand line                  MB packages         import, CPU ms   cases passed")
    for name, wanted in {"argparse": "", **COMMANDS}.items():
        python, mb, count = environment(folder, name, wanted) if wanted else (sys.executable, 0.0, 0)
        verdicts = [passes(command_line(name, typed, python), typed, said) for typed, said in CASES]
        lost = " ".join(
            " ".join(typed) or "(nothing)" for (typed, _), good in zip(CASES, verdicts, strict=True) if not good
        )
        print(f"{name:25} {mb:6.1f} {count:8} {ms(python, f'import {name}'):22.0f} {sum(verdicts)} of {len(CASES)}"
              + (f"   not: {lost}" if lost else ""))  # fmt: skip


if __name__ == "__main__":
    main()
