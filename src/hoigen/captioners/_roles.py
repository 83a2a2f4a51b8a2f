"""The experts of a captioner, from a recipe's entries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hoigen.errors import UsageError
from hoigen.recipe.build import make

if TYPE_CHECKING:
    from hoigen.contracts import Expert


def experts_of(specs: Mapping[str, Any]) -> dict[str, Expert]:
    """Role -> expert. Equal entries are one expert, so that a model with two roles is loaded once.

    An entry is a name, one name with its settings, or an expert that is built already. Raises ValueError whose text
    begins with the key at fault: `build` puts the captioner's own key before it.
    """
    made: list[tuple[Any, Expert]] = []
    found: dict[str, Expert] = {}
    for role, spec in specs.items():
        known = [expert for entry, expert in made if entry == spec]
        if known:
            found[role] = known[0]
            continue
        try:
            found[role] = spec if hasattr(spec, "answer") else make("expert", spec, role)
        except UsageError as error:
            told = str(error)
            raise ValueError(told if told.startswith(role) else f"{role}: {told}") from None
        made.append((spec, found[role]))
    return found


def loaded_here(experts: Mapping[str, Expert]) -> dict[str, Expert]:
    """Those that load a model of the hub or of a folder where they are opened, by the name under which they are served.
    The others ask a server, or have small models of the CPU or none."""
    from hoigen.models import uses
    from hoigen.models.client import name_of

    own = [each for each in experts.values() if any(use.kind == "hub" for use in uses.decided([each]))]
    return {name_of(expert): expert for expert in own}


def setup_models(captioner: Any) -> dict[str, Expert]:
    """What the process of the models serves for a captioner, as a recipe names it; runs once, in it
    (`hoigen.models.host.Host`). Asked by a desk: `Desk(calls, asking=asking(address, loaded_here(experts)))`."""
    return loaded_here(make("captioner", captioner, "caption.captioner").experts)


def check_sees(experts: Mapping[str, Expert], *roles: str) -> None:
    """Raises ValueError for an expert that is to describe clips and is shown none: it would make all of it up."""
    for role in roles:
        expert = experts[role]
        if not expert.sampling.needs_frames and not getattr(expert, "scripted", False):
            raise ValueError(
                f"{role}: it is to look at clips, and {expert.identity.get('model', 'it')} is shown no frames: take a "
                "model that sees, with sampling: frames 1 or more, or fps"
            )


def check_prompt(name: str) -> str:
    """The digest of a template that is shown as it is. Raises ValueError when it cannot be read or wants values."""
    from hoigen.experts import prompts

    try:
        prompts.render(name)
    except UsageError as error:
        raise ValueError(f"describe: {error}") from None
    return prompts.digest(name)
