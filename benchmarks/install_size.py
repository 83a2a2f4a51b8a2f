"""What hoigen takes on the disk: the libraries of this environment that the default install asks for, and model files.

python benchmarks/install_size.py
"""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

from machine import headline

from hoigen.models.cards import CARDS, WheelMember
from hoigen.models.files import path_of

MB = 1e6


def needed(name: str, seen: set[str]) -> set[str]:
    """A package and all that it asks for, extras left out."""
    key = re.sub(r"[-_.]+", "-", name).lower()
    if key in seen:
        return seen
    try:
        wanted = metadata.requires(name) or ()
    except metadata.PackageNotFoundError:  # asked for on other platforms only
        return seen
    seen.add(key)
    for text in wanted:
        if "extra ==" not in text:
            needed(re.split(r"[^A-Za-z0-9._-]", text, maxsplit=1)[0], seen)
    return seen


def size(name: str) -> int:
    """Bytes of a package's files."""
    paths = (Path(str(file.locate())) for file in metadata.files(name) or ())
    return sum(path.stat().st_size for path in paths if path.is_file())


def main() -> None:
    print(headline())
    packages = sorted(needed("hoigen", set()) - {"hoigen"})
    print(f"{sum(map(size, packages)) / MB:5.0f} MB  {len(packages)} libraries: {', '.join(packages)}")
    known = [card for card in CARDS.values() if isinstance(card.source, WheelMember)]
    files = [path for card in known if (path := path_of(card)).is_file()]
    print(f"{sum(path.stat().st_size for path in files) / MB:5.0f} MB  {len(files)} of {len(known)} model files")


if __name__ == "__main__":
    main()
