"""What a captioner returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """The words for one clip, or why there are none.

    text: one paragraph; None when no expert answered as needed, and then `reason` says which one and why. An error, a
        refusal or a truncated answer is never a text.
    path: which way it took: `single`, `grounded`, or of a mixture `agreed: first`, `agreed: second`, `rewritten`.
    detail: what led to it (verdict, disagreements, drafts by role); JSON types. The calls themselves are in the trace.
    """

    text: str | None
    reason: str = ""
    path: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.text is None and not self.reason:
            raise ValueError("a caption without text says why")
        if self.text is not None and not self.text.strip():
            raise ValueError("an empty text is no caption")
