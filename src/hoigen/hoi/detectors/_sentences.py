"""A verb and an object as a sentence that a model is asked about."""

from __future__ import annotations

import functools

from hoigen import hico
from hoigen.promptsuite import wording


def sentence(verb: str, thing: str) -> str:
    """`A person is riding a bicycle.`; of no interaction, `A person is near a bicycle, without touching it.`"""
    words = wording.objects()[thing][0] if thing in wording.objects() else with_article(thing)
    if verb == hico.NO_INTERACTION:
        return f"A person is near {words}, without touching it."
    if (verb, thing) in _extended():
        return _extended()[verb, thing]
    phrase = wording.own().get((verb, thing)) or wording.verbs().get(verb)
    return wording.sentence(phrase, words) if phrase else f"A person can be seen to {hico.words(verb)} {words}."


@functools.cache
def _extended() -> dict[tuple[str | None, str | None], str]:
    return {(prompt.verb, prompt.object): prompt.short for prompt in wording.extended()}


def with_article(thing: str) -> str:
    words = hico.words(thing)
    return f"{'an' if words[:1] in 'aeiou' else 'a'} {words}"
