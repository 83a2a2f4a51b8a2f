"""What a model answers about a frame, as pydantic models. Imported where it is asked for: pydantic is an extra."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Sure = Literal["yes", "probably", "hardly", "no"]


class Seen(BaseModel):
    """What a frame shows."""

    model_config = ConfigDict(extra="forbid")
    seen: str
    action: str
    object: str
    any: Sure
    together: Sure


class SeenAndAsked(Seen):
    """What a frame shows, and whether it is what was asked."""

    asked: Sure
