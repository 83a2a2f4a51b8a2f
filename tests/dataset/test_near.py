"""Clips that look alike are found without comparing all with all; what is found is what comparing all would find."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from hoigen.dataset import near
from hoigen.measures.perceptual_hash import mirror_mask

MIRROR = mirror_mask()


def sequence(seed: int, looks: int) -> np.ndarray:
    """Hashes as of footage: each differs from the one before by a few bits."""
    chance = np.random.default_rng(seed)
    found = [int(chance.integers(0, 1 << 63)) << 1 | int(chance.integers(0, 2))]
    for _ in range(looks - 1):
        now = found[-1]
        for bit in chance.choice(64, 4, replace=False):
            now ^= 1 << int(bit)
        found.append(now)
    return np.array(found, np.uint64)


def noisy(hashes: np.ndarray, bits: int, seed: int) -> np.ndarray:
    chance = np.random.default_rng(seed)
    found = hashes.copy()
    for at in range(len(found)):
        for bit in chance.choice(64, bits, replace=False):
            found[at] ^= np.uint64(1 << int(bit))
    return found


def text(hashes: np.ndarray) -> str:
    return "".join(f"{int(each):016x}" for each in hashes)


def looks(*clips: np.ndarray) -> near.Looks:
    return near.looks_of([text(clip) for clip in clips], [None] * len(clips))


def found(*clips: np.ndarray, least: float = 0.7, mirror: int = MIRROR) -> list[tuple[int, int, bool]]:
    pairs = near.pairs_of(looks(*clips), least, mirror)
    return list(zip(pairs.first.tolist(), pairs.second.tolist(), pairs.mirrored.tolist(), strict=True))


def test_copies_are_found_and_others_are_not() -> None:
    one, other = sequence(1, 14), sequence(2, 14)
    clips = (
        one,
        other,
        noisy(one, 3, 5),  # re-encoded
        noisy(one[3:], 2, 6),  # trimmed
        noisy(one, 2, 7) ^ np.uint64(MIRROR),
        sequence(3, 14),
    )
    assert found(*clips) == [(0, 2, False), (0, 3, False), (0, 4, True), (2, 3, False), (2, 4, True), (3, 4, True)]


def test_mirrored_copies_are_left_when_they_are_not_asked_for() -> None:
    one = sequence(1, 14)
    assert found(one, one ^ np.uint64(MIRROR), mirror=0) == []
    assert found(one, one, mirror=0) == [(0, 1, False)]


def test_half_of_a_clip_in_common_is_half_alike() -> None:
    whole = sequence(4, 20)
    pairs = near.pairs_of(looks(whole[:12], whole[6:18]), 0.1, MIRROR)
    assert pairs.alike.tolist() == pytest.approx([0.5], abs=0.05)
    assert len(near.pairs_of(looks(whole[:12], whole[6:18]), 0.6, MIRROR)) == 0
    assert near.pairs_of(looks(whole, whole[5:9]), 0.7, MIRROR).alike.tolist() == [1.0], "the shorter one is all in it"


def test_pictures_of_one_colour_make_nothing_alike() -> None:
    one, other = sequence(1, 8), sequence(2, 8)
    dark = list(range(4, 12))  # four black pictures, then the clip
    made = near.looks_of([text(one), text(other), text(one)], [dark, dark, None])
    assert made.valid.sum() == 24
    pairs = near.pairs_of(made, 0.5, MIRROR)
    assert (pairs.first.tolist(), pairs.second.tolist(), pairs.alike.tolist()) == ([0], [2], [1.0])


@pytest.mark.parametrize("places", [[0, 1], [0, 2, 1], [0, 0, 1]])
def test_places_that_cannot_be_are_told(places: list[int]) -> None:
    with pytest.raises(ValueError, match="3 places that rise"):
        near.looks_of([text(sequence(1, 3))], [places])


def test_it_finds_what_comparing_all_would(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a crowd with chance copies, in one slice of the keys and in many."""
    base = [sequence(seed, 10) for seed in range(40)]
    clips = [noisy(base[seed % 40], seed // 40, seed) for seed in range(160)]
    every = []
    for a, b in itertools.combinations(range(160), 2):
        bits = np.bitwise_count(clips[a] ^ clips[b])
        if float(np.maximum(0, 1 - bits / near.FALL).mean()) >= 0.7:
            every.append((a, b, False))
    one = found(*clips)
    assert set(one) <= set(every)
    assert len(one) >= 0.98 * len(every) > 100
    monkeypatch.setattr(near, "SLICE", 100)
    monkeypatch.setattr(near, "BATCH", 64)
    assert found(*clips) == one
    monkeypatch.setattr(near, "MANY", 1)
    coarse = found(*clips)
    assert set(coarse) <= set(every)
    assert len(coarse) >= 0.95 * len(every)


def test_many_copies_of_one_clip_cost_no_square_and_stay_one_group() -> None:
    clips = [sequence(9, 6)] * 3000
    pairs = near.pairs_of(looks(*clips), 0.7, MIRROR)
    assert pairs.crowded > 0
    assert len(pairs) < 3000 * (near.NEIGHBOURS + 2)
    members = list(near.groups(pairs))
    assert [member.group for member in members] == [0] * 3000


def test_likeness_is_not_passed_on() -> None:
    """b is like a and c; a and c are not alike: c stays."""
    a = sequence(1, 8)
    b = noisy(a, 4, 1)
    c = noisy(b, 5, 2)
    pairs = near.pairs_of(looks(a, b, c), 0.8, MIRROR)
    assert list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == [(0, 1), (1, 2)]
    assert [(member.clip, member.group) for member in near.groups(pairs)] == [(0, 0), (1, 0)]


def test_nothing_is_alike_in_nothing() -> None:
    assert found() == []
    assert found(sequence(1, 4)) == []
    assert near.looks_of(["", ""], [None, None]).clips == 2
    assert found(np.zeros(0, np.uint64), sequence(1, 3)) == []
