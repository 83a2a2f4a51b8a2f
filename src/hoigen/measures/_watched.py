"""What a judge answers about a video, as a pydantic model. Imported where it is asked for: pydantic is an extra."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

YesNo = Literal["yes", "no"]
Second = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Acting(BaseModel):
    """One person, and the letters of what that person does."""

    model_config = ConfigDict(extra="forbid")
    who: str
    where: str
    acts: list[str]


class Watched(BaseModel):
    """What a video shows; who acts comes first."""

    model_config = ConfigDict(extra="forbid")
    seen: str
    people: list[Acting]
    present: YesNo
    touched: YesNo
    touch_from: Second | None
    touch_to: Second | None
    before: str
    after: str
    changed: YesNo
    most_hands: Annotated[int, Field(ge=0, le=100)]
    same: YesNo
    vanishes: YesNo
    floats: YesNo
    passes_through: YesNo
