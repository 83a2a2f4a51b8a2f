"""The captioner of a recipe's `caption`, and under which digest its captions are filed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from hoigen.core.errors import UsageError
from hoigen.core.registry import names_of
from hoigen.data import tables
from hoigen.models import uses
from hoigen.models.experts.prompts import FOLDER
from hoigen.models.fingerprint import own_source
from hoigen.recipe.build import check_keys, make

if TYPE_CHECKING:
    from hoigen.models.uses import LedgerEntry
    from hoigen.stages.captioners import Captioner

REVISION = 2
"""Raised when the same captioner comes to other captions, so that old ones no longer count."""


@dataclass(frozen=True, slots=True)
class Job:
    """Which captioner, and where its captions go.

    Args:
        name: of the captioner.
        fingerprint: digest of all that its captions depend on.
        captioner: as built.
        retry: clips whose caption failed are tried again.
        spec: the captioner as a recipe names it, by which the process that owns the models makes it once more; None
            opens its experts in this process.
    """

    name: str
    fingerprint: str
    captioner: Captioner
    retry: bool = False
    spec: Any = None


def job_of(spec: Mapping[str, Any]) -> Job:
    """The captioner of a recipe's `caption`. Raises UsageError that names the key."""
    check_keys(spec, ("captioner",), "caption")
    if spec.get("captioner") is None:
        raise UsageError(f"caption.captioner must be given: one of {', '.join(names_of('captioner'))}")
    captioner = make("captioner", spec["captioner"], "caption.captioner")
    facts = {
        "revision": REVISION,
        "name": type(captioner).name,
        "settings": captioner_settings(captioner),
        "source": own_source(type(captioner)),
        "experts": {role: dict(expert.identity) for role, expert in captioner.experts.items()},
        "prompts": {path.name: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.md"))},
    }
    return Job(type(captioner).name, tables.digest_of(facts), captioner, spec=spec["captioner"])


def models_of(job: Job) -> tuple[LedgerEntry, ...]:
    """The licence ledger of a captioner: every model that its experts use, by their roles."""
    return uses.ledger((f"caption: {role}", expert) for role, expert in job.captioner.experts.items())


def captioner_settings(captioner: Any) -> dict[str, Any]:
    """What a caption depends on besides the experts: what the captioner says of itself, or its fields."""
    if hasattr(captioner, "settings"):
        return dict(captioner.settings)
    own = [f.name for f in fields(captioner) if f.init and f.name not in captioner.experts]
    return {name: repr(getattr(captioner, name)) for name in own}
