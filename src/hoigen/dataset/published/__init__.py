"""The sources of HOIGen-1M: where their files are lawfully had, and what their own layout says of each clip.

source    what a source is, and what its reader gives     making  a manifest, and what is missing of it
fetching  what a list names by address -> files           *       one file each: BEHAVE, InterCap, HOI4D, ...

A source is a file here with one `SOURCE`; its licence is a row of `release/sources.csv`.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Mapping

from hoigen.dataset.published.source import Published


@functools.cache
def known() -> Mapping[str, Published]:
    """The sources by their names in small letters, in the paper's order."""
    modules = (importlib.import_module(f"{__name__}.{each.name}") for each in pkgutil.iter_modules(__path__))
    found: list[Published] = [module.SOURCE for module in modules if hasattr(module, "SOURCE")]
    return {each.name.casefold(): each for each in sorted(found, key=lambda each: each.place)}
