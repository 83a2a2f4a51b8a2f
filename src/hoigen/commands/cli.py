"""hoigen VERB: parsing and printing, nothing else. The arguments of a command are those of its function."""

from __future__ import annotations

import argparse
import codecs
import errno
import importlib
import io
import re
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hoigen.commands import RUNS, VERBS, in_stores, module_of
from hoigen.core.errors import HoigenError, RanksOpen, UsageError
from hoigen.core.harmless import plain

Verb = Callable[..., Any]
NO_ROOM = frozenset(
    (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG)
)
"""What a disk or its owner refuses, and a name that no file can have; nothing that a traceback would explain."""


SOME_FAILED = 3
"""What a command exits with when it made some of the files that were asked for, and others failed."""

PLAIN = {"█": "#", "…": "...", "≥": ">=", "≤": "<=", "→": "->", "−": "-", "–": "-", "×": "x", "·": "."}
"""How signs of hoigen's own are written where a terminal has none of them."""


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    """What stands for a text that a terminal cannot show: plain signs for our own, \\u5b57 for others."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    plain = (PLAIN.get(sign) or sign.encode("ascii", "backslashreplace").decode() for sign in text)
    return "".join(plain), error.end


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a verb; its exit status.

    0: done; clips of a run that failed are rows of it. 1: it cannot work as it is set up, or all failed. 2: bad input,
    nothing was done. 3: some of the files that were asked for could not be made, the others are there (`partial` of the
    result). 75: this part is done and others of the run are not (EX_TEMPFAIL of sysexits.h). 130: stopped by Ctrl-C.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    codecs.register_error("hoigen", _in_ascii)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal without UTF-8
            stream.reconfigure(errors="hoigen")
    try:
        return _main(arguments)
    except ModuleNotFoundError as error:
        if error.name not in ("fcntl", "resource"):
            raise
        system = f"this Python has no {error.name}, as on Windows: use WSL there"
        print(f"hoigen: what works on videos runs on Linux (macOS: not run yet); {system}", file=sys.stderr)
        return 1
    except UsageError as error:
        print(_shown(f"hoigen: {error}"), file=sys.stderr)
        return 2
    except RanksOpen as open_ones:
        print(_shown(str(open_ones)), file=sys.stderr)
        return 75
    except HoigenError as error:
        print(_shown(f"hoigen: {error}"), file=sys.stderr)
        return 1
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        print(plain(f"hoigen: {error.filename or 'output'}: {error.strerror}"), file=sys.stderr)
        return 2
    except Exception as error:
        if "Query interrupted" in str(error):  # Ctrl-C inside a query
            return _stopped(arguments)
        if (told := _damaged(error)) is None:
            raise
        print(plain(f"hoigen: {told}"), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return _stopped(arguments)


LONGEST = 2000
"""Characters of a library's error that are looked at for the name of a file."""


def _damaged(error: Exception) -> str | None:
    """What to do about a Parquet file that cannot be read; None for other errors."""
    package = type(error).__module__.split(".")[0].strip("_")
    if package not in ("duckdb", "pyarrow"):
        return None
    noted = [note for note in getattr(error, "__notes__", ()) if note.endswith(".parquet")]
    found = re.search(r"(?<=')/[^\n]{1,300}?\.parquet(?=')|[^'\"\s]{1,300}\.parquet", str(error)[:LONGEST])
    if not noted and found is None:
        return None
    name = noted[0] if noted or found is None else found.group()
    what = " ".join(str(error).split(" LINE ")[0].split("LINE 1:")[0].split()).rstrip(".")
    return f"{name} is damaged: {what}. Delete that file; hoigen curate RUN/run.yaml makes it anew"


def _stopped(arguments: list[str]) -> int:
    import shlex

    again = f"hoigen {shlex.join(arguments)}"
    print(f"\nhoigen: stopped; all finished work is kept. Go on with: {again}", file=sys.stderr)
    exec("")  # Ctrl-C inside of exec (as @dataclass does it) marks Python to die of SIGINT at its end; this unmarks it
    return 130


def _main(arguments: list[str]) -> int:
    name = next((word for word in arguments if not word.startswith("-")), None)
    if name is not None and name not in VERBS:
        from hoigen.core.errors import nearest

        raise UsageError(f"unknown command {name!r}{nearest(name, VERBS)}")
    parser = _Parser(prog="hoigen", description="Build and measure human-object-interaction video data.")
    parser.add_argument(
        "--version", action=_Version, nargs=0, default=argparse.SUPPRESS, help="show the version and exit"
    )
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=_Parser)
    for word in [name] if name else VERBS:  # the one asked for in full, else all by their first line
        verb = verbs.add_parser(word, help=VERBS[word].replace("%", "%%"), description=VERBS[word])
        if name:
            add_arguments(verb, verb_function(name))
        verb.add_argument("--trust", action="append", metavar="FILE", help=TRUST)
        verb.add_argument("--key", action="append", metavar="HOST=VARIABLE", help=KEY)
    if name == "caption" and any(word.partition("=")[0] in ("--rank", "--ranks") for word in arguments):
        raise UsageError(
            "--rank, --ranks: no options any more; --part 3/16 is the fourth of 16 parts (docs/cluster.md)"
        )
    options = vars(parser.parse_args(arguments))
    if options.pop("verb", None) is None:
        parser.print_help()
        return 0
    assert name is not None
    from hoigen.core import keys, trusted
    from hoigen.recipe.yaml import set_value

    for pair in options.pop("key", None) or []:
        keys.give(pair)
    # what is typed is asked for: files of --trust, and those that other options name; what a recipe names is not
    typed = [set_value(text.partition("=")[2]) for text in options.get("set") or []]
    if (text := options.get(TYPED.get(name, ""))) is not None:
        typed.append(set_value(text))
    for file in options.pop("trust", None) or []:
        try:
            trusted.trust(file)
        except UsageError as error:
            raise UsageError(f"--trust {trusted.shown(Path(file))}: {error}") from None
    for file in trusted.files_in(typed):
        trusted.trust(file)
    result = in_stores(verb_function(name))(**options)
    if result is not None:
        print(_shown(str(result)))
    if getattr(result, "incomplete", False):
        return 1
    return SOME_FAILED if getattr(result, "partial", False) else 0


def _shown(text: str) -> str:
    """A text as it is printed: harmless, and runs in stores by their address."""
    from hoigen.data.side import named

    return plain(named(text))


TYPED: Mapping[str, str] = {"try": "measure", "categories": "expert", "export": "to"}
"""Options beside --set that may name a file of one's own."""


def verb_function(name: str) -> Verb:
    """The function behind a command."""
    module = importlib.import_module(f"hoigen.commands.{module_of(name)}")
    found: Verb = getattr(module, "command", None) or getattr(module, module_of(name))
    return found


TRUST = (
    "a file of one's own (./my_measure.py) that the recipe or the run names and that may be run as Python; remembered "
    "by its content; may be given more than once"
)


KEY = (
    "the environment variable whose API key goes to the server HOST or HOST:PORT; for good it is a line in "
    "~/.config/hoigen/keys (docs/security.md); may be given more than once"
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


def add_arguments(parser: argparse.ArgumentParser, function: Verb) -> None:
    """The arguments of a function: by place, or, where they are keyword-only, as options."""
    from hoigen.core.settings import arguments_of

    for key in arguments_of(function):
        kind, many, choices = _form(key.hint)
        kind = _run if kind is _path and key.name in RUNS else kind
        how: dict[str, Any] = {"help": key.help.replace("%", "%%"), "type": kind}
        if key.option and kind is bool:
            how |= {"action": argparse.BooleanOptionalAction, "default": key.default}
            del how["type"]
        elif key.option and many:
            how |= {"action": "append", "metavar": "KEY=VALUE" if key.name == "set" else key.name.upper()}
            how |= {"required": key.required}
        elif key.option:
            how |= {"required": True} if key.required else {"default": key.default}
            how |= {"choices": choices}
        elif not key.required:
            how |= {"nargs": "*" if many else "?", "default": key.default}
        elif many:
            how["nargs"] = "+"
        parser.add_argument(f"--{key.name.replace('_', '-')}" if key.option else key.name, **how)


def _form(hint: Any) -> tuple[Any, bool, tuple[Any, ...] | None]:
    """What turns a word into a value, whether there may be several, and which words there are."""
    options = [option for option in typing.get_args(hint) if option is not type(None)]
    if typing.get_origin(hint) is typing.Literal:
        return type(options[0]), False, tuple(options)
    if typing.get_origin(hint) in (list, tuple):
        return _form(options[0])[0], True, None
    if options:  # of a union; null is what stands where nothing is typed
        return _form(options[0])
    return (_path if hint is Path else hint), False, None


def _run(text: str) -> Path | str:
    """A run as typed: its folder, or its address in a store."""
    from hoigen.core.uris import address_in

    return address_in(text) or _path(text)


def _path(text: str) -> Path:
    """A path as typed; an empty one (an unset variable of a script) would be the folder one is in, and an address of a
    store a folder here that is named like it."""
    from hoigen.core.uris import on_disk

    if not text.strip():
        raise argparse.ArgumentTypeError("a path; it came as an empty text")
    try:
        return on_disk(text, "path")
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error).removeprefix("path: ")) from None
