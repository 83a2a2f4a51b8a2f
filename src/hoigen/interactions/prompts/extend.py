"""Long prompts: a language model tells a prompt at length, and a second look says whether the meaning is kept.

A prompt whose long form fails anywhere keeps the short one alone; why is in its `extension`, and is counted.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hoigen.core.clip import Clip
from hoigen.core.errors import UsageError
from hoigen.interactions.prompts import wording
from hoigen.interactions.prompts.suite import Prompt, Suite
from hoigen.models import uses
from hoigen.models.experts.calls import Calls
from hoigen.models.experts.desk import Conversation, Desk
from hoigen.models.experts.prompts import render

if TYPE_CHECKING:
    from hoigen.models.experts.call import Expert

WRITE, CHECK = (str(Path(__file__).with_name(name)) for name in ("extend.md", "keeps_meaning.md"))
MOST_WORDS = 220
"""A paragraph twice as long as was asked for is not what was asked for."""
NOT_ASKED = "not answered"
NOT_CHECKED = "not checked"
CHANGED = "meaning changed"
TOO_LONG = "too long"


def writers_of(spec: Any, where: str, *, beside: Path | None = None) -> tuple[Expert, Expert]:
    """Who writes long prompts and who says whether the meaning is kept, from a recipe's `extend`: `expert`, and
    `checker` where another is to check.

    Args:
        spec: what stands there.
        where: the file or option, for errors.
        beside: the folder in which files of one's own are looked for.

    Raises UsageError that names the key, what came and what is allowed.
    """
    from hoigen.recipe.build import check_keys, make
    from hoigen.recipe.places import plugin_of

    if not isinstance(spec, Mapping) or spec.get("expert") is None:
        raise UsageError(f"{where}: `extend` with `expert`, a name or one name with its settings; it came as {spec!r}")
    check_keys(spec, ("expert", "checker"), f"{where}: extend")
    spec = {role: plugin_of("expert", each, f"{where}: extend.{role}", beside) for role, each in spec.items()}
    expert = make("expert", spec["expert"], f"{where}: extend.expert", beside=beside)
    if spec.get("checker") is None:
        return expert, expert
    return expert, make("expert", spec["checker"], f"{where}: extend.checker", beside=beside)


def extend(suite: Suite, writers: tuple[Expert, Expert], calls: Path, *, retry: bool = False) -> Suite:
    """The suite with long prompts.

    Args:
        suite: its prompts.
        writers: the expert that writes, and the one that says whether the meaning is kept; they may be the same.
        calls: the folder of answers; what it holds is not asked again.
        retry: ask again what was not answered.

    Raises SetupError when an expert cannot be reached or loaded.
    """
    kept = Calls(calls)
    if retry:
        kept.forget_unanswered()
    try:
        prompts = asyncio.run(_all(suite.prompts, writers, Desk(kept)))
    finally:
        kept.close()
    return replace(suite, prompts=tuple(prompts))


def outcomes(suite: Suite) -> Counter[str]:
    """How the long prompts ended: `extended`, or why not."""
    return Counter(str(p.extension["outcome"]) for p in suite.prompts if p.extension is not None)


async def _all(prompts: tuple[Prompt, ...], writers: tuple[Expert, Expert], desk: Desk) -> list[Prompt]:
    turn = asyncio.Semaphore(max(1, writers[0].slots))
    experts = writers if writers[0] is not writers[1] else writers[:1]
    opened: list[Expert] = []
    uses.prepare(experts)
    try:
        for expert in experts:
            await expert.open()
            opened.append(expert)
        return list(await asyncio.gather(*(_one(prompt, writers, desk, turn) for prompt in prompts)))
    finally:
        for expert in opened:
            await expert.close()


async def _one(prompt: Prompt, writers: tuple[Expert, Expert], desk: Desk, turn: asyncio.Semaphore) -> Prompt:
    """Nothing is shown, so the clip is but the prompt's name here."""
    talk = Conversation(Clip(id=prompt.id, uri=prompt.id, end=0.0, width=0, height=0, fps=0.0), desk)
    async with turn:
        outcome, reason, text = await _written(prompt, writers, talk)
    made = {
        "outcome": outcome,
        "reason": reason,
        "model": _model(writers[0]),
        "checker": _model(writers[1]),
        "templates": sorted({call["template"] for call in talk.trace}),
        "rejected": text if outcome != "extended" else None,
    }
    return replace(prompt, long=text if outcome == "extended" else None, extension=made)


async def _written(prompt: Prompt, writers: tuple[Expert, Expert], talk: Conversation) -> tuple[str, str, str | None]:
    """Outcome, reason, and the long prompt if one was written."""
    from hoigen.interactions.prompts._schemas import Extended, Verdict

    people = "one person" if prompt.people == 1 else f"{prompt.people} people"
    doing = prompt.short.removesuffix(".").removeprefix(wording.PEOPLE.get(prompt.people, "")).strip()
    answer = await talk.ask(
        "extend", writers[0], render(WRITE, short=prompt.short, people=people, doing=doing), schema=Extended
    )
    if not answer.ok or answer.data is None:
        return NOT_ASKED, f"{answer.outcome}: {answer.reason}", None
    long = " ".join(str(answer.data["prompt"]).split())
    if len(long.split()) > MOST_WORDS:
        return TOO_LONG, f"{len(long.split())} words, more than {MOST_WORDS}", long
    check = render(CHECK, short=prompt.short, long=long, people=people)
    verdict = await talk.ask("keeps meaning", writers[1], check, schema=Verdict)
    if not verdict.ok or verdict.data is None:
        return NOT_CHECKED, f"{verdict.outcome}: {verdict.reason}", long
    if verdict.data["same"] == "no":
        return CHANGED, str(verdict.data["reason"]), long
    return "extended", str(verdict.data["reason"]), long


def _model(expert: Expert) -> str:
    return str(expert.identity.get("model", type(expert).__name__))
