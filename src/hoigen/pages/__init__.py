"""HTML pages and figures."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Room(ModuleType):
    """`hoigen.pages` is a verb too: once this package is imported, it is what the name stands for."""

    def __call__(self, *given: Any, **named: Any) -> Any:
        from hoigen.pages.write import write_page

        return write_page(*given, **named)


sys.modules[__name__].__class__ = _Room
