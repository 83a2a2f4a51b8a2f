"""What every verb has in common when it is called and when it speaks: lists are lists, and one thing is one thing."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

import hoigen
from hoigen.commands import VERBS, module_of
from hoigen.core.errors import UsageError
from hoigen.core.words import plural


def lists_of(verb: Any) -> list[str]:
    """The arguments that are lists, by their annotations; not those that take one text as well."""
    kinds = {
        name: str(each.annotation).removeprefix("Annotated[")
        for name, each in inspect.signature(verb).parameters.items()
    }
    return [name for name, kind in kinds.items() if kind.partition("[")[0] in ("list", "Sequence")]


TAKEN = [
    (module_of(verb), name)
    for verb in VERBS
    if module_of(verb) != "list"
    for name in lists_of(getattr(hoigen, module_of(verb)))
]


def test_there_are_such_arguments() -> None:
    assert {("funnel", "set"), ("curate", "measures"), ("compare", "runs"), ("suggest", "measure")} <= set(TAKEN)
    assert ("curate", "videos") not in TAKEN, "one folder is no list, and may be given"


@pytest.mark.parametrize(("verb", "name"), TAKEN)
@pytest.mark.parametrize("alone", ["motion", Path("motion")], ids=["text", "path"])
def test_a_text_in_the_place_of_a_list_is_told(verb: str, name: str, alone: Any) -> None:
    with pytest.raises(UsageError) as error:
        getattr(hoigen, verb)(**{name: alone})
    assert str(error.value) == f"{verb}: {name} is a list; it came as {alone!r}: give [{alone!r}]"


def test_a_verb_is_the_same_each_time_and_keeps_its_words() -> None:
    from hoigen.commands.funnel import funnel

    assert hoigen.funnel is hoigen.funnel
    assert (hoigen.funnel.__doc__, hoigen.funnel.__name__) == (funnel.__doc__, "funnel")
    assert inspect.signature(hoigen.funnel) == inspect.signature(funnel)


@pytest.mark.parametrize(
    ("count", "words", "said"),
    [
        (1, ("clip",), "1 clip"),
        (0, ("clip",), "0 clips"),
        (2, ("clip",), "2 clips"),
        (1200, ("entry", "entries"), "1,200 entries"),
        (1, ("clip is", "clips are"), "1 clip is"),
        (3, ("clip is", "clips are"), "3 clips are"),
    ],
)
def test_one_is_one(count: int, words: tuple[str, ...], said: str) -> None:
    assert plural(count, *words) == said
