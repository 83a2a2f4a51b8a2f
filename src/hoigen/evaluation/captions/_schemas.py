"""What an automatic judge answers, as pydantic models. Imported only where something is asked."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from hoigen.evaluation.captions.files import Kind, Verdict

OPEN_HERE_CLOSED_THERE = ConfigDict(extra="ignore", json_schema_extra={"additionalProperties": False})


class ClaimOf(BaseModel):
    """One claim of a caption. verb, object: empty unless a person acts on an object."""

    model_config = OPEN_HERE_CLOSED_THERE
    claim: str
    kind: Kind
    verb: str
    object: str


class ClaimsOf(BaseModel):
    """All claims of a caption; none where it makes none."""

    model_config = OPEN_HERE_CLOSED_THERE
    claims: list[ClaimOf]


class CheckedClaim(BaseModel):
    """What became of one claim."""

    model_config = OPEN_HERE_CLOSED_THERE
    reason: str
    verdict: Verdict
