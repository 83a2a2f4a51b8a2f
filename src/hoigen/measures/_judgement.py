"""The answer of a judge, as a pydantic model. Imported where it is asked for: pydantic comes with extra [experts]."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Triplet(BaseModel):
    """Somebody does something to something."""

    model_config = ConfigDict(extra="forbid")
    subject: str
    action: str
    object: str


class Judgement(BaseModel):
    """Whether a caption tells of an interaction; what it tells of comes first."""

    model_config = ConfigDict(extra="forbid")
    triplets: list[Triplet]
    reason: str
    interaction: Literal["yes", "no"]
    conspicuous: Literal["yes", "no"]
