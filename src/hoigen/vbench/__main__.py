"""python -m hoigen.vbench [fetch NAME ...]: the files that VBench's dimensions need, and which of them are here."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from hoigen.errors import HoigenError
from hoigen.models import urls as checkpoints
from hoigen.models.published import CHECKPOINTS


def listed() -> str:
    """Name, size, licence, where it lies or what to fetch, file by file."""
    lines = []
    for name, known in CHECKPOINTS.items():
        size = "" if known.mib is None else f", {known.mib:g} MiB" if known.mib >= 1 else ", 4 kB"
        lines.append(f"{name}: {known.file}{size}, {known.licence}")
        if known.note:
            lines.append(f"  {known.note}")
        path = checkpoints.present(name)
        lines.append(f"  here: {path}" if path else f"  not here. {known.url}\n  belongs at {checkpoints.home(name)}")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    if arguments and (arguments[0] != "fetch" or not arguments[1:]):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        for name in arguments[1:]:
            print(f"{name}: {checkpoints.locate(name).path}")
    except HoigenError as error:
        print(f"hoigen: {error}", file=sys.stderr)
        return 1
    if not arguments:
        print(listed())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
