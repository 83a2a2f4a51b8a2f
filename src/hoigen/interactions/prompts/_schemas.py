"""What the language model answers with. Apart, since pydantic is only there with the extra `experts`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class Extended(BaseModel):
    """The long prompt."""

    prompt: str = Field(min_length=40)


class Verdict(BaseModel):
    """Whether the long prompt asks for what the short one does."""

    reason: str
    same: Literal["yes", "no"]
