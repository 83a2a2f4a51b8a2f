"""hoigen VERB: parsing and printing, nothing else. Options are read off the verb's signature and docstring."""

from __future__ import annotations

import argparse
import errno
import importlib
import inspect
import re
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hoigen import VERBS
from hoigen.errors import HoigenError, RanksOpen, UsageError

Verb = Callable[..., Any]
NO_ROOM = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM))
"""What a disk or its owner refuses; nothing that a traceback would explain."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a verb; its exit status.

    0: done, also when some clips failed. 1: it cannot work as it is set up, every clip (video, caption) failed, or
    files of hoigen cut are missing. 2: bad input, nothing was done. 75: this rank has done its part and others of the
    run have not (EX_TEMPFAIL of sysexits.h). 130: stopped by Ctrl-C.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        return _main(arguments)
    except UsageError as error:
        print(f"hoigen: {error}", file=sys.stderr)
        return 2
    except RanksOpen as open_ones:
        print(open_ones, file=sys.stderr)
        return 75
    except HoigenError as error:
        print(f"hoigen: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        print(f"hoigen: {error.filename or 'output'}: {error.strerror}", file=sys.stderr)
        return 2
    except Exception as error:
        if "Query interrupted" in str(error):  # Ctrl-C inside a query
            return _stopped(arguments)
        if (told := _damaged(error)) is None:
            raise
        print(f"hoigen: {told}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return _stopped(arguments)


def _damaged(error: Exception) -> str | None:
    """What to do about a Parquet file that cannot be read; None for other errors."""
    package = type(error).__module__.split(".")[0].strip("_")
    if package not in ("duckdb", "pyarrow"):
        return None
    noted = [note for note in getattr(error, "__notes__", ()) if note.endswith(".parquet")]
    found = re.search(r"(?<=')/[^\n]+?\.parquet(?=')|[^'\"\s]+\.parquet", str(error))
    if not noted and found is None:
        return None
    name = noted[0] if noted or found is None else found.group()
    what = " ".join(str(error).split(" LINE ")[0].split("LINE 1:")[0].split()).rstrip(".")
    return f"{name} is damaged: {what}. Delete that file; hoigen curate RUN/run.yaml makes it anew"


def _stopped(arguments: list[str]) -> int:
    print(f"\nhoigen: stopped; all finished work is kept. {_go_on(arguments)}", file=sys.stderr)
    exec("")  # Ctrl-C inside of exec (as @dataclass does it) marks Python to die of SIGINT at its end; this unmarks it
    return 130


def _go_on(arguments: list[str]) -> str:
    import shlex

    return f"Go on with: hoigen {shlex.join(arguments)}"


def _main(arguments: list[str]) -> int:
    name = next((word for word in arguments if not word.startswith("-")), None)
    if name is not None and name not in VERBS:
        from hoigen.errors import nearest

        raise UsageError(f"unknown command {name!r}{nearest(name, VERBS)}")
    parser = _parser(name)
    options = vars(parser.parse_args(arguments))
    if options.pop("verb", None) is None:
        parser.print_help()
        return 0
    assert name is not None
    _trust(name, options.pop("trust", None) or [], options)
    result = (_curate if name == "curate" else verb_function(name))(**options)
    if result is not None:
        print(result)
    return 1 if getattr(result, "incomplete", False) else 0


TYPED: Mapping[str, str] = {"try": "measure", "categories": "expert"}
"""Options beside --set that may name a file of one's own."""


def _trust(verb: str, files: Sequence[str], options: Mapping[str, Any]) -> None:
    """What is typed is asked for: files of --trust, and those that other options name. What a recipe names is not."""
    from hoigen import trusted
    from hoigen.config import set_value

    typed = [set_value(text.partition("=")[2]) for text in options.get("set") or []]
    if (text := options.get(TYPED.get(verb, ""))) is not None:
        typed.append(set_value(text))
    for name in files:
        try:
            trusted.trust(name)
        except UsageError as error:
            raise UsageError(f"--trust {trusted.shown(Path(name))}: {error}") from None
    for file in trusted.files_in(typed):
        trusted.trust(file)


def verb_function(name: str) -> Verb:
    """The function behind a command."""
    module = VERBS[name]
    found: Verb = getattr(importlib.import_module(f"hoigen.verbs.{module}"), module)
    return found


def summary_of(name: str) -> str:
    """The first line of a verb's docstring, read off its source: listing all commands imports none of them."""
    module = VERBS[name]
    source = Path(__file__).with_name("verbs").joinpath(f"{module}.py").read_text(encoding="utf-8")
    found = re.search(rf'^def {module}\(.*?\) -> [^\n]*:\n +"""(.+?)(?:"""|$)', source, re.S | re.M)
    return found.group(1).strip() if found else ""


def _curate(recipe: str, videos: list[str] | None, run: str | None, set: list[str] | None, quiet: bool) -> Any:
    """curate takes a recipe file; its keys are the arguments of the function."""
    from hoigen import config, trusted
    from hoigen.verbs.curate import curate

    path = config.recipe_path(recipe)
    for text in set or []:
        _check_set(text)
    given = config.apply_sets(config.load_recipe(path), set or [])
    if videos:
        given["videos"] = videos[0] if len(videos) == 1 else videos
    if run is not None:
        given["run"] = run
    wanted = config.arguments_of(curate, given, str(path))
    trusted.check(wanted, path, path.parent)
    return curate(**wanted, beside=path.parent, quiet=quiet, trust=())


def _check_set(text: str) -> None:
    """A key that no recipe has, named as what was typed; of a measure's settings, with the way to them."""
    from hoigen.errors import nearest
    from hoigen.registry import measure_names
    from hoigen.verbs.curate import recipe_keys

    head = text.partition("=")[0].split(".")[0].strip()
    if not head or head in recipe_keys():
        return
    if head in measure_names():
        raise UsageError(f"--set {text}: the settings of a measure are set by --set measures.{text}")
    raise UsageError(f"--set {text}: unknown key {head!r}{nearest(head, recipe_keys())}")


TRUST = (
    "a file of one's own (./my_measure.py) that the recipe or the run names and that may be run as Python; remembered "
    "by its content; may be given more than once"
)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> typing.NoReturn:
        raise UsageError(f"{message} (see: {self.prog} --help)")


class _Version(argparse.Action):
    """Looks the version up only when it is asked for: that reads the installed packages."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib import metadata

        print(f"hoigen {metadata.version('hoigen')}")
        parser.exit()


def _parser(only: str | None) -> argparse.ArgumentParser:
    """The parser; of the verbs, the one asked for in full, the others by their first line."""
    parser = _Parser(prog="hoigen", description="Build and measure human-object-interaction video data.")
    parser.add_argument(
        "--version", action=_Version, nargs=0, default=argparse.SUPPRESS, help="show the version and exit"
    )
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=_Parser)
    for name in [only] if only else VERBS:
        summary = summary_of(name)
        verb = verbs.add_parser(name, help=summary.replace("%", "%%"), description=summary)
        if only and name == "curate":
            _add_curate(verb)
        elif only:
            _add_options(verb, verb_function(name))
        verb.add_argument("--trust", action="append", metavar="FILE", help=TRUST)
    return parser


def _add_curate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", help="a recipe's YAML file, or the name of one that comes with hoigen (lite, paper)")
    parser.add_argument(
        "--videos",
        action="append",
        help="a folder, a glob, a video, - (a list on stdin) or a manifest; may be given more than once",
    )
    parser.add_argument("--run", help="the folder of the run")
    parser.add_argument("--set", action="append", metavar="KEY=VALUE", help="set any key of the recipe")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")


def _add_options(parser: argparse.ArgumentParser, function: Verb) -> None:
    """Arguments without a default are positional, keyword-only ones are options."""
    from hoigen.config import parameter_hints

    hints = parameter_hints(function)
    helps = argument_docs(function)
    for name, parameter in inspect.signature(function).parameters.items():
        kind, many = _kind(hints[name])
        optional = parameter.default is not inspect.Parameter.empty
        text = helps.get(name, "").replace("%", "%%")
        if parameter.kind is parameter.KEYWORD_ONLY:
            flag = f"--{name.replace('_', '-')}"
            if kind is bool:
                parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=parameter.default, help=text)
            elif many:
                parser.add_argument(flag, action="append", type=kind, metavar=name.upper(), help=text)
            else:
                parser.add_argument(
                    flag, type=kind, default=parameter.default, choices=_choices(hints[name]), help=text
                )
        else:
            nargs = ("*" if optional else "+") if many else "?" if optional else None
            parser.add_argument(name, type=kind, nargs=nargs, default=parameter.default, help=text)


def _kind(hint: Any) -> tuple[Any, bool]:
    """The type of one value, and whether there may be several."""
    options = [option for option in typing.get_args(hint) if option is not type(None)]
    if typing.get_origin(hint) in (list, tuple) or hint in (list, tuple):
        return (options or [str])[0], True
    if typing.get_origin(hint) is typing.Literal:
        return type(options[0]), False
    if options and typing.get_origin(hint) not in (list, tuple):
        return _kind(Path if Path in options else options[0])
    return (_path if hint is Path else hint), False


def _path(text: str) -> Path:
    """A path as typed; an empty one (an unset variable of a script) would be the folder one is in."""
    if not text.strip():
        raise argparse.ArgumentTypeError("a path; it came as an empty text")
    return Path(text)


def _choices(hint: Any) -> tuple[Any, ...] | None:
    for option in (hint, *typing.get_args(hint)):
        if typing.get_origin(option) is typing.Literal:
            return typing.get_args(option)
    return None


def argument_docs(function: Verb) -> dict[str, str]:
    """Texts of the docstring's `Args:` section, by argument."""
    docs: dict[str, str] = {}
    name = ""
    inside = False
    for line in (inspect.getdoc(function) or "").splitlines():
        if line.strip() == "Args:":
            inside = True
        elif inside and line and not line.startswith(" "):
            break
        elif inside and line.startswith("    ") and not line.startswith("     ") and ":" in line:
            name, _, text = line.strip().partition(":")
            docs[name] = text.strip()
        elif inside and name and line.strip():
            docs[name] += " " + line.strip()
    return docs
