"""What the decision expert answers, as pydantic models. Imported only where something is asked.

What is said comes before what is decided: a model that writes its verdict first only defends it afterwards. To servers
each schema is closed and all its fields are required; an answer with more fields than asked for is taken. `supposed` is
the answer that a dry run counts with: experts differ (worst), or agree.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, field_validator

OPEN_HERE_CLOSED_THERE = ConfigDict(extra="ignore", json_schema_extra={"additionalProperties": False})
DISAGREEMENTS = 3
CLAIMS = 12
"""As many as a caption of some 150 words has, give or take."""


class Disagreement(BaseModel):
    """A point on which two descriptions contradict each other."""

    model_config = OPEN_HERE_CLOSED_THERE
    aspect: str
    first: str
    second: str


class Same(BaseModel):
    """Whether two descriptions tell of the same object, interaction and scene."""

    model_config = OPEN_HERE_CLOSED_THERE
    disagreements: list[Disagreement]
    same_object: bool
    same_interaction: bool
    same_scene: bool

    @classmethod
    def supposed(cls, worst: bool) -> Self:
        """The answer that a dry run counts with. worst: experts differ."""
        words = {"aspect": "colour of the cup", "first": "the cup is red", "second": "the cup is blue"}
        named = [Disagreement(**words) for _ in range(DISAGREEMENTS)] if worst else []
        return cls(disagreements=named, same_object=not worst, same_interaction=True, same_scene=True)


class Richer(BaseModel):
    """Which of two descriptions says more."""

    model_config = OPEN_HERE_CLOSED_THERE
    reason: str
    richer: Literal["first", "second"]

    @classmethod
    def supposed(cls, worst: bool) -> Self:
        """The answer that a dry run counts with. worst: experts differ."""
        return cls(reason="It tells more of the movements and of what happens to the object.", richer="first")


class Claim(BaseModel):
    """One thing that a description says, and what the other one makes of it."""

    model_config = OPEN_HERE_CLOSED_THERE
    aspect: str
    claim: str
    other: str
    verdict: Literal["supported", "contradicted", "unmentioned"]


class Claims(BaseModel):
    """All that a description says."""

    model_config = OPEN_HERE_CLOSED_THERE
    claims: list[Claim]

    @field_validator("claims")
    @classmethod
    def _some(cls, claims: list[Claim]) -> list[Claim]:
        if not claims:
            raise ValueError("a description makes claims; none came")
        return claims

    @classmethod
    def supposed(cls, worst: bool) -> Self:
        """The answer that a dry run counts with. worst: experts differ."""
        fine = Claim(aspect="the cup", claim="A hand lifts a cup.", other="", verdict="supported")
        wrong = Claim(aspect="the cup", claim="The cup is red.", other="The cup is blue.", verdict="contradicted")
        count = DISAGREEMENTS if worst else 0
        return cls(claims=[wrong] * count + [fine] * (CLAIMS - count))
