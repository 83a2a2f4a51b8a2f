"""Markup in captions lays words out, and is none of them."""

from __future__ import annotations

import pytest

from hoigen.interactions.categories.reader import read
from hoigen.interactions.markup import without_markup


@pytest.mark.parametrize(
    "caption",
    [
        "A man holds a <b>cup</b>.",
        "A man holds a <span class=\"spoon\" data-x='1'>cup</span>.",
        "A man holds a &lt;b&gt;cup&lt;/b&gt;.",
        "A&nbsp;man holds a&#32;cup.",
        "A man holds a **cup**.",
        "A man holds a _cup_.",
        "A man holds a ~~`cup`~~.",
        'A man holds a [cup](https://example.org/a_spoon "a fork").',
        "![cup](cup.png) A man holds a `cup`. https://example.org/spoon",
        "<p>A man holds a cup.</p><!-- a spoon -->",
        "<|im_start|>A man holds a cup.<|im_end|></s>",
    ],
)
def test_what_is_held_is_the_cup(caption: str) -> None:
    assert [(action, thing) for _, action, thing in read(caption)] == [("hold", "cup")]


def test_tags_that_part_words_part_sentences() -> None:
    found = read("A man holds a cup<br/>He cuts bread<li>A woman opens a door")
    assert [(action, thing) for _, action, thing in found] == [("hold", "cup"), ("cut", "bread"), ("open", "door")]


@pytest.mark.parametrize(
    "text", ["a < b and c > d", "5 & 6; R&D", "a [red] cup (of tea)", "3 <4 and 5> 4", "it's 20 &percnt", ""]
)
def test_what_is_no_markup_stays(text: str) -> None:
    assert without_markup(text) == text


def test_signs_come_out_of_entities() -> None:
    assert without_markup("caf&eacute; &amp; bar, 5 &#60; 6") == "café & bar, 5 < 6"
