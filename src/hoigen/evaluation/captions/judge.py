"""An automatic judge: a language model takes captions apart into claims and checks each against what is known.

It reads only. Its verdicts are rows of a claims file whose annotator is `judge:` and the model's name; caption-eval
shows them beside those of people and refuses them among them. Every call is kept, so that a run which was stopped goes
on where it was.
"""

from __future__ import annotations

import asyncio
import json
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hoigen.core.clip import Clip
from hoigen.evaluation.captions.files import JUDGE, Fact, Rating, plain
from hoigen.models import uses
from hoigen.models.experts.calls import Calls
from hoigen.models.experts.desk import Conversation, Desk, together

if TYPE_CHECKING:
    from pydantic import BaseModel

    from hoigen.models.experts.call import Answer, Expert
    from hoigen.models.experts.prompts import Prompt

Caption = tuple[str, str]
"""Captioner and clip."""
ALIKE_FROM = 5
"""Letters that two names of models must share from the first on to be taken for one model."""


class NoVerdict(Exception):
    """The judge did not answer as needed; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """What the judge said.

    Args:
        ratings: rows of a claims file.
        failed: captions that are not among the ratings at all, and why; a caption of which one claim got no verdict is
            left out whole, since counting the rest would favour it.
        unmatched: captions of clips of which nothing is known, so that nobody was asked.
    """

    ratings: tuple[Rating, ...] = ()
    failed: Mapping[Caption, str] = field(default_factory=dict)
    unmatched: tuple[Caption, ...] = ()


async def claims_of(talk: Conversation, judge: Expert, captioner: str, caption: str) -> list[Rating]:
    """The claims of a caption, without verdicts; one empty claim when it makes none. Raises NoVerdict.

    Args:
        talk: about the caption's clip.
        judge: the expert that reads.
        captioner: whose caption it is.
        caption: its text.
    """
    from hoigen.evaluation.captions._schemas import ClaimsOf
    from hoigen.models.experts.prompts import render

    answer = await _asked(talk, "judge, claims", judge, render("claims_of", caption=caption), ClaimsOf)
    found: dict[str, Rating] = {}
    for claim in answer["claims"]:
        words = " ".join(claim["claim"].split())
        if plain(words):
            rating = _rating(talk.clip.id, captioner, words)
            triplet = {"verb": plain(claim["verb"]), "object": plain(claim["object"])}
            found.setdefault(plain(words), replace(rating, kind=claim["kind"], **triplet))
    return list(found.values()) or [_rating(talk.clip.id, captioner, "")]


async def check(talk: Conversation, judge: Expert, claim: str, reference: str) -> str:
    """true, false or cannot_tell: a claim against what is known. One call a claim. Raises NoVerdict.

    Args:
        talk: about the claim's clip.
        judge: the expert that reads.
        claim: in words.
        reference: what is known of the clip, in words.
    """
    from hoigen.evaluation.captions._schemas import CheckedClaim
    from hoigen.models.experts.prompts import render

    prompt = render("check_claim", claim=claim, reference=reference)
    verdict: str = (await _asked(talk, "judge, check", judge, prompt, CheckedClaim))["verdict"]
    return verdict


def extract(captions: Mapping[Caption, str], *, judge: Expert, calls: Path, makers: Iterable[str] = ()) -> _Judged:
    """The claims of captions, verdicts empty: what people are given to check.

    Args:
        captions: their texts.
        judge: the expert that reads.
        calls: the folder that keeps the judge's answers.
        makers: models that had a part in the captions; a judge that is one of them, or one of the captioners, is warned
            of.
    """

    async def one(talk: Conversation, caption: Caption) -> list[Rating]:
        return await claims_of(talk, judge, caption[0], captions[caption])

    _warn(judge, captions, makers)
    return _run(judge, calls, list(captions), one)


def check_all(
    ratings: Sequence[Rating],
    references: Mapping[str, str],
    *,
    judge: Expert,
    calls: Path,
    makers: Iterable[str] = (),
) -> _Judged:
    """The judge's own verdicts on claims, such as those that people have checked; theirs are not looked at.

    Args:
        ratings: the claims.
        references: clip -> what is known of it: a caption that people wrote or corrected, or `text_of` its facts.
        judge: the expert that reads.
        calls: the folder that keeps the judge's answers.
        makers: models that had a part in the captions; a judge that is one of them is warned of.
    """
    by_caption: dict[Caption, dict[str, Rating]] = {}
    for rating in ratings:
        by_caption.setdefault(rating.item[:2], {}).setdefault(rating.item[2], rating)
    known = [caption for caption in by_caption if references.get(caption[1], "").strip()]
    name = JUDGE + model_of(judge)

    async def one(talk: Conversation, caption: Caption) -> list[Rating]:
        claims = list(by_caption[caption].values())
        reference = references[caption[1]].strip()
        asked = (check(talk, judge, claim.claim, reference) for claim in claims if claim.claim)
        verdicts = iter(await together(*asked))
        return [
            replace(claim, annotator=name, verdict=next(verdicts) if claim.claim else "", place="") for claim in claims
        ]

    _warn(judge, by_caption, makers)
    unmatched = tuple(caption for caption in by_caption if caption not in known)
    return replace(_run(judge, calls, known, one), unmatched=unmatched)


def judge_captions(
    captions: Mapping[Caption, str],
    references: Mapping[str, str],
    *,
    judge: Expert,
    calls: Path,
    makers: Iterable[str] = (),
) -> _Judged:
    """Takes captions apart and checks every claim: `extract`, then `check_all`.

    Args:
        captions: their texts.
        references: clip -> what is known of it.
        judge: the expert that reads.
        calls: the folder that keeps the judge's answers.
        makers: models that had a part in the captions; a judge that is one of them is warned of.
    """
    taken = extract(captions, judge=judge, calls=calls, makers=makers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # said once is enough
        found = check_all(taken.ratings, references, judge=judge, calls=calls, makers=makers)
    return replace(found, failed={**taken.failed, **found.failed})


def text_of(facts: Iterable[Fact]) -> str:
    """Facts of a clip as text for the judge."""
    sides = ((" or ".join(sorted(verbs)), " or ".join(sorted(objects))) for verbs, objects in facts)
    return "\n".join(f"- a person: {verbs} {objects}" for verbs, objects in sides)


def write(path: Path, ratings: Iterable[Rating]) -> None:
    """Writes ratings as a claims file, JSONL, whole or not at all.

    Args:
        path: the file.
        ratings: its rows, in order.
    """
    from hoigen.data.files import write_text

    names = ("clip", "captioner", "claim", "verdict", "kind", "annotator", "key", "verb", "object")
    rows = ({name: getattr(rating, name) for name in names} for rating in ratings)
    write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def model_of(judge: Expert) -> str:
    """The judge's name."""
    return str(judge.identity.get("model", type(judge).__name__))


def _rating(clip: str, captioner: str, claim: str) -> Rating:
    return Rating(place="", clip=clip, captioner=captioner, claim=claim, verdict="")


def own_work(judge: str, makers: Iterable[str]) -> list[str]:
    """Those of some models and captioners that seem to be the judge itself: nobody judges their own work fairly.

    `Qwen/Qwen2-VL-7B-Instruct` is `qwen2-vl`: the owner's name, capitals, signs and what follows do not count.

    Args:
        judge: the judge's model.
        makers: names of captioners and of the models that had a part in their captions.
    """

    def plain_name(name: str) -> str:
        return re.sub(r"[^a-z0-9]", "", name.rstrip("/").rpartition("/")[2].casefold())

    found = []
    for maker in dict.fromkeys(makers):
        short, long = sorted((plain_name(judge), plain_name(maker)), key=len)
        if short == long or (len(short) >= ALIKE_FROM and long.startswith(short)):
            found.append(maker)
    return found


def _warn(judge: Expert, captions: Iterable[Caption], makers: Iterable[str]) -> None:
    name = model_of(judge)
    for maker in own_work(name, [*(captioner for captioner, _ in captions), *makers]):
        text = f"the judge {name} seems to be {maker}, which it judges: take a model that made no caption"
        warnings.warn(text, stacklevel=3)


async def _asked(
    talk: Conversation, role: str, judge: Expert, prompt: Prompt, schema: type[BaseModel]
) -> Mapping[str, Any]:
    answer: Answer = await talk.ask(role, judge, prompt, schema=schema)
    if not answer.ok or answer.data is None:
        raise NoVerdict(f"{role} {answer.outcome}" + (f": {answer.reason}" if answer.reason else ""))
    return answer.data


def _run(judge: Expert, calls: Path, captions: Sequence[Caption], one: Any) -> _Judged:
    """Asks about all captions, no more at once than the judge takes."""
    kept = Calls(calls)
    desk = Desk(kept)
    found: dict[Caption, list[Rating]] = {}
    failed: dict[Caption, str] = {}

    async def about(caption: Caption, slots: asyncio.Semaphore) -> None:
        clip = Clip(id=caption[1], uri=caption[1], end=0.0, width=0, height=0, fps=0.0)
        async with slots:
            try:
                found[caption] = await one(Conversation(clip, desk), caption)
            except NoVerdict as none:
                failed[caption] = str(none)

    async def every() -> None:
        slots = asyncio.Semaphore(max(1, judge.slots))
        await judge.open()
        try:
            await asyncio.gather(*(about(caption, slots) for caption in captions))
        finally:
            await judge.close()

    try:
        uses.prepare([judge])
        asyncio.run(every())
    finally:
        kept.close()
    return _Judged(
        ratings=tuple(rating for caption in captions for rating in found.get(caption, ())),
        failed={caption: failed[caption] for caption in captions if caption in failed},
    )
