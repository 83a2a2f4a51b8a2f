"""HICO-DET's vocabulary: the counts that its paper and everyone since give."""

from __future__ import annotations

from collections import Counter

from hoigen.interactions import hico


def test_the_counts_are_those_of_the_data_set() -> None:
    pairs = hico.pairs()
    assert [pair.hoi for pair in pairs] == list(range(600))
    assert (len(hico.verbs()), len(hico.objects())) == (117, 80)
    assert len({(pair.verb, pair.object) for pair in pairs}) == 600
    assert sum(pair.rare for pair in pairs) == 138
    assert sum(pair.test_instances for pair in pairs) == 33_405


def test_each_object_has_no_interaction_once() -> None:
    none = [pair for pair in hico.pairs() if pair.verb == hico.NO_INTERACTION]
    assert Counter(pair.object for pair in none) == Counter(hico.objects())
    assert len(hico.pairs()) - len(none) == 520
    assert sum(pair.rare for pair in hico.pairs() if pair.verb != hico.NO_INTERACTION) == 132


def test_known_pairs() -> None:
    assert hico.by_names()["board", "airplane"].hoi == 0
    assert hico.by_names()["hug", "person"].hoi == 163
    assert hico.by_names()["sit_on", "bench"].text == "sit on bench"
    assert ("eat", "bicycle") not in hico.by_names()
