"""The paper's heavy models that this version names but cannot run yet."""

from __future__ import annotations

from typing import NoReturn

from hoigen.errors import SetupError


def not_yet(measure: str, model: str, instead: str) -> NoReturn:
    """Refuses to run, before any clip is touched; never a made-up score."""
    raise SetupError(
        f"measure {measure!r} needs extra [models] ({model}), and hoigen 0.1 has no code to run it yet. "
        f"Until then: {instead}."
    )
