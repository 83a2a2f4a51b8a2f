"""Decoders that are slow, hang, or never come to an end, put into real workers in place of the real one.

slow: sleeps at each frame. hangs: stops after ten frames. same: gives the tenth frame again and again. later: gives it
again and again, always ten minutes later.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

FRAMES = 10


def breaks(items: Iterator[Any], fault: str, pause: float) -> Iterator[Any]:
    for at, item in enumerate(items):
        if fault == "slow":
            time.sleep(pause)
        elif at == FRAMES:
            yield from _stuck(item, fault)
        yield item


def _stuck(item: Any, fault: str) -> Iterator[Any]:
    if fault == "hangs":
        time.sleep(1000)
    while True:
        item.pts += round(600 / item.time_base) if fault == "later" else 0
        yield item


def put_in(fault: str, pause: float) -> None:
    """The decoder of this process from now on; packets that are copied come alike."""
    import av  # noqa: F401  (not on the time of the first task)

    from hoigen.video.cutting import _Source
    from hoigen.video.sequence import Pass

    decoded, packets = Pass._decoded, _Source.packets
    Pass._decoded = lambda self: breaks(decoded(self), fault, pause)  # type: ignore[method-assign]
    _Source.packets = lambda self, *of: breaks(packets(self, *of), fault, pause)  # type: ignore[method-assign]


def setup(fault: str, pause: float, real: str, *given: Any) -> Any:
    """The real set-up of a worker, module:function, with this decoder."""
    import importlib

    put_in(fault, pause)
    module, _, name = real.partition(":")
    return getattr(importlib.import_module(module), name)(*given)
