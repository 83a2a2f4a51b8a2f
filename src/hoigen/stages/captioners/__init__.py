"""Captioners: plain Python that asks experts about a clip. Plug-ins: single, mixture, grounded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hoigen.core.score import Caption
    from hoigen.models.experts.call import Expert
    from hoigen.models.experts.desk import Conversation


class Captioner(Protocol):
    """Describes a clip in words, by asking experts about it. Settings are fields of a frozen dataclass."""

    @property
    def experts(self) -> Mapping[str, Expert]:
        """The experts by their role."""
        ...

    async def __call__(self, talk: Conversation) -> Caption: ...
