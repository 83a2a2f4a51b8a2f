"""The rule, the list and the words of the suite."""

from __future__ import annotations

import csv
import re
from collections import Counter

import pytest

from hoigen.interactions import contact, hico
from hoigen.interactions.prompts import choose, wording


def test_the_rule_arrives_at_306_by_the_steps_that_it_states() -> None:
    assert len(hico.pairs()) == 600
    assert len(choose.interactions()) == 520
    assert len(choose.not_rare()) == 388
    assert sum(not choose.unreasonable(pair) for pair in choose.not_rare()) == 326
    assert len(choose.reasonable()) == 306


def test_the_list_that_is_shipped_is_the_rules() -> None:
    with (wording.FOLDER / "hico306.csv").open(encoding="utf-8", newline="") as file:
        shipped = [(int(r["hoi"]), r["verb"], r["object"], r["prompt"]) for r in csv.DictReader(file)]
    assert shipped == [(p.hoi, p.verb, p.object, p.short) for p in choose.suite("hico").prompts]


def test_no_object_loses_all_its_pairs_by_being_seldom() -> None:
    before = {pair.object for pair in choose.not_rare() if not choose.unreasonable(pair)}
    assert {pair.object for pair in choose.reasonable()} == before


def test_objects_with_few_pairs_keep_them_and_no_pair_that_stays_is_less_attested_than_one_that_went() -> None:
    left = [pair for pair in choose.not_rare() if not choose.unreasonable(pair)]
    count = Counter(pair.object for pair in left)
    gone = set(left) - set(choose.reasonable())
    assert all(count[pair.object] >= choose.LEAST for pair in gone)
    rich = [pair for pair in choose.reasonable() if count[pair.object] >= choose.LEAST]
    assert min(pair.test_instances for pair in rich) >= max(pair.test_instances for pair in gone)


def test_the_words_cover_hico_det() -> None:
    assert set(wording.verbs()) == set(hico.verbs()) - {hico.NO_INTERACTION}
    assert set(wording.objects()) == set(hico.objects())
    assert set(wording.own()) <= set(hico.by_names())


@pytest.mark.parametrize("pack", ["hico", "second", "hico388", "hico520", "extended", "all"])
def test_ids_and_sentences_are_of_one_prompt_each(pack: choose.Pack) -> None:
    prompts = choose.suite(pack).prompts
    assert len({p.id for p in prompts}) == len({p.short for p in prompts}) == len(prompts)
    assert all(re.fullmatch("[a-z]+(_[a-z]+)*", p.id) for p in prompts), "an id's end is never taken for a number"


def test_sentences_are_english() -> None:
    for prompt in choose.suite("hico520").prompts + choose.suite("extended").prompts:
        assert re.fullmatch(rf"{wording.PEOPLE[prompt.people]} (\w+)ing .+\.", prompt.short), prompt.short
        for article, noun in re.findall(r"\b(an?) (\w+)", prompt.short):
            assert article == ("an" if noun[0] in "aeiou" else "a"), prompt.short
        assert "_" not in prompt.short
        assert prompt.contact
        assert set(prompt.contact) <= set(contact.WORDS), prompt.id


def test_forms_of_verbs_are_those_of_a_dictionary() -> None:
    lemminflect = pytest.importorskip("lemminflect")
    for verb, phrase in wording.verbs().items():
        written = phrase.doing.split()[0]
        forms = lemminflect.getInflection(verb.split("_")[0], tag="VBG")
        assert written in forms, (verb, written, forms)


def test_what_hico_lacks_is_there() -> None:
    extended = choose.suite("extended").prompts
    count = Counter(p.category for p in extended)
    assert count["music"] >= 10
    assert count["tools"] >= 10
    assert count["appliances"] >= 10
    assert all(p.hoi is None for p in extended)
    assert not {p.id for p in extended} & {p.id for p in choose.suite("hico520").prompts}


def test_what_is_asked_for_is_in_contact() -> None:
    apart = [p.id for p in choose.suite("all").prompts if p.contact == ("none",)]
    string, far = ["fly_kite", "pull_kite"], ["control_tv", "hose_car"]
    assert sorted(apart) == sorted([*string, *far, *(f"load_{it}" for it in ("airplane", "bus", "car", "truck"))])


def test_the_second_edition_goes_by_what_a_video_shows() -> None:
    second, first = choose.suite("second"), choose.suite("hico")
    ids = {prompt.id for prompt in second.prompts}
    assert len(first.prompts) == 306, "the first stays"
    assert len(ids) == len(second.prompts)
    assert not {"push_bicycle", "carry_banana", "kiss_giraffe", "sit_on_bus", "straddle_dog", "control_tv"} & ids
    assert {"walk_bicycle", "hold_banana", "wash_bowl", "eat_orange", "exit_bus", "play_guitar", "play_piano"} <= ids
    assert all(prompt.contact != ("none",) or prompt.id == "fly_kite" for prompt in second.prompts)
    pairs = {(pair.verb, pair.object) for pair in choose.interactions()}
    for (verb, thing), (same, why) in wording.second().items():
        assert (verb, thing) in pairs
        assert why
        assert not same or f"{same}_{thing}" in ids, "what it looks like is kept"
    assert choose.rule("second")["same"]["push bicycle"][0] == "walk"
    assert len({prompt.short for prompt in second.prompts}) == len(second.prompts)
