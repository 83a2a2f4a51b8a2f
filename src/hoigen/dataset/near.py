"""Clips that show the same pictures: perceptual hashes over time, joined without comparing all with all.

Two looks that are alike have most of their 64 bits in common. They are cut into five bands of 13 bits; looks that share
two whole bands (ten keys of 26 bits) are candidates, found by sorting, which takes memory for a slice of the keys at a
time. Of very many looks, too many would share such a key: then they are cut into six bands of 11, of which three make a
key. What bands say is held against the whole: two clips are as alike as the looks of the shorter one are, at the shift
in time that fits best, mirrored or not. Clips whose looks all differ by many bits can be missed; how many are is in
docs/duplicates.md.

Source: bands of bits are locality-sensitive hashing as of Manku, Jain and Das Sarma, "Detecting Near-Duplicates for Web
Crawling", WWW 2007.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

LOOK_BITS = 18
"""Bits by which a look and its candidate may differ; unrelated looks that share two bands differ by 19 on average."""
FALL = 32.0
"""Bits at which two looks count as nothing alike: as many as unrelated ones differ by on average."""
NEIGHBOURS = 8
"""Of looks with one key, each is held against so many that follow and against the first; all with all up to there."""
SLICE = 1 << 26
"""Keys that are sorted at a time."""
BATCH = 1 << 20
"""Looks of candidates that are compared at a time."""
FINE = (5, 13, 2)
"""Bands, bits of one, bands of a key."""
COARSE = (6, 11, 3)
MANY = 1 << 26
"""Looks, mirrored ones counted too, from which on keys have three bands: with two, a key would have several looks by
chance."""


@dataclass(frozen=True, slots=True)
class Looks:
    """The looks of many clips, one after the other.

    Args:
        starts: (n + 1,) int64, where the looks of each clip begin.
        hashes: (looks,) uint64; evenly spaced in time within a clip.
        valid: (looks,) bool, false for a picture of one colour, which is no look.
    """

    starts: np.ndarray
    hashes: np.ndarray
    valid: np.ndarray

    @property
    def clips(self) -> int:
        return len(self.starts) - 1


@dataclass(frozen=True, slots=True)
class Pairs:
    """Clips that are alike.

    Args:
        first: (n,) int32, of each pair the clip with the lower number.
        second: (n,) int32, the other.
        alike: (n,) float32, 0..1; 1 where all looks are the same.
        mirrored: (n,) bool.
        crowded: keys that so many looks have that not all were held against all.
    """

    first: np.ndarray
    second: np.ndarray
    alike: np.ndarray
    mirrored: np.ndarray
    crowded: int = 0

    def __len__(self) -> int:
        return len(self.first)


def looks_of(hashes: Sequence[str], places: Sequence[Sequence[int] | None]) -> Looks:
    """What the details of `perceptual_hash` say, as arrays.

    Args:
        hashes: of each clip, 16 hex digits a look.
        places: of each clip, where its looks stand among the sampled pictures; None where none was left out.

    Raises ValueError for texts that are no such hashes.
    """
    import numpy as np

    sizes = np.array([len(text) // 16 for text in hashes], np.int64)
    flat = np.frombuffer(bytes.fromhex("".join(hashes)), ">u8").astype(np.uint64)
    if int(sizes.sum()) != len(flat):
        raise ValueError("hashes: 16 hex digits a look")
    return placed(sizes, flat, places)


def placed(sizes: np.ndarray, hashes: np.ndarray, places: Sequence[Sequence[int] | None]) -> Looks:
    """Looks at their places in time.

    Args:
        sizes: (n,) int64, of each clip how many looks it has.
        hashes: uint64, of all clips, one after the other.
        places: of each clip, where its looks stand among the sampled pictures; None where none was left out.

    Raises ValueError for places that are not as many as there are looks, or that do not rise.
    """
    import numpy as np

    if all(each is None for each in places):
        return Looks(np.append(0, np.cumsum(sizes)), hashes, np.ones(len(hashes), bool))
    spans = sizes.copy()
    for at, place in enumerate(places):
        if place is None:
            continue
        if len(place) != sizes[at] or any(b <= a for a, b in itertools.pairwise([-1, *place])):
            raise ValueError(f"at: {sizes[at]} places that rise; they came as {list(place)[:8]}")
        spans[at] = place[-1] + 1 if place else 0
    starts = np.append(0, np.cumsum(spans))
    steps = [np.arange(size) if place is None else place for size, place in zip(sizes, places, strict=True)]
    where = np.concatenate([begin + np.asarray(step) for begin, step in zip(starts[:-1], steps, strict=True)])
    every, valid = np.zeros(starts[-1], np.uint64), np.zeros(starts[-1], bool)
    every[where.astype(np.int64)], valid[where.astype(np.int64)] = hashes, True
    return Looks(starts, every, valid)


def pairs_of(looks: Looks, least: float, mirror: int) -> Pairs:
    """All pairs of clips that are at least so alike, in order of `first`, then `second`.

    Args:
        looks: of all clips, the one to be kept first.
        least: how alike, 0..1.
        mirror: the bits that mirroring changes; 0: mirrored clips are not looked for.
    """
    import numpy as np

    clip_of = np.repeat(np.arange(looks.clips, dtype=np.int32), np.diff(looks.starts))
    same = np.zeros(len(clip_of), bool)  # a look that repeats the one before it says nothing new
    same[1:] = (looks.hashes[1:] == looks.hashes[:-1]) & (clip_of[1:] == clip_of[:-1]) & looks.valid[:-1]
    chosen = np.flatnonzero(looks.valid & ~same)
    if len(chosen) * 2 >= MANY:  # every other look will do: neighbours are alike, and are compared in any case
        chosen = chosen[::2]
    chosen = chosen.astype(np.uint32 if len(looks.hashes) < 1 << 32 else np.int64)
    del same
    found: list[np.ndarray] = []
    crowded = 0
    items = len(chosen) * (2 if mirror else 1)
    count, width, taken = FINE if items < MANY else COARSE
    for bands in itertools.combinations(range(count), taken):
        for slice_ in _slices(items, width):
            part, many = _candidates(looks, chosen, clip_of, [width * band for band in bands], width, slice_, mirror)
            crowded += many
            found.append(part)
        found = [np.unique(np.concatenate(found))]
    return _compared(looks, found[0], least, mirror, crowded)


def _slices(items: int, width: int) -> Iterator[tuple[int, int]]:
    """Stretches of the values of the first band, so that a slice holds few keys."""
    step = max(1, (1 << width) * SLICE // max(1, items))
    for begin in range(0, 1 << width, step):
        yield begin, begin + step


CANDIDATE = [("first", "<i4"), ("second", "<i4"), ("shift", "<i2"), ("mirrored", "?")]


def _candidates(
    looks: Looks,
    chosen: np.ndarray,
    clip_of: np.ndarray,
    bands: Sequence[int],
    width: int,
    slice_: tuple[int, int],
    mirror: int,
) -> tuple[np.ndarray, int]:
    """Pairs of clips that have a look in common, with the shift in time at which they have it.

    Args:
        looks: of all clips.
        chosen: which of them count.
        clip_of: of each look, its clip.
        bands: where those begin that make the key, in bits.
        width: bits of a band.
        slice_: values of the first band that count now.
        mirror: the bits that mirroring changes.

    Returns the pairs, each once, and how many keys are crowded.
    """
    import numpy as np

    items = []
    for flag, mask in ((0, 0), (1, mirror)) if mirror else ((0, 0),):
        hashes = looks.hashes[chosen] ^ np.uint64(mask)
        first = (hashes >> np.uint64(bands[0])) & np.uint64((1 << width) - 1)
        here = np.flatnonzero((first >= slice_[0]) & (first < slice_[1]))
        key = first[here]
        for band in bands[1:]:
            key = key << np.uint64(width) | (hashes[here] >> np.uint64(band)) & np.uint64((1 << width) - 1)
        items.append(key << np.uint64(32) | here.astype(np.uint64) << np.uint64(1) | np.uint64(flag))
    packed = np.concatenate(items)
    packed.sort()
    key = packed >> np.uint64(32)
    # of a clip, one look for each key: neighbours in time share most keys, and would crowd out other clips
    clip = clip_of[chosen[_place(packed)]]
    mirrored = (packed & np.uint64(1)).astype(bool)
    again = (key[1:] == key[:-1]) & (clip[1:] == clip[:-1]) & (mirrored[1:] == mirrored[:-1])
    packed = packed[np.append(True, ~again)[: len(packed)]]
    key = packed >> np.uint64(32)
    # each look's bits in the order of the keys: pairs are held against each other without looking anything up
    bits = looks.hashes[chosen[_place(packed)]]
    bits ^= np.where(packed & np.uint64(1), np.uint64(mirror), np.uint64(0))
    parts = []
    for lag in range(1, NEIGHBOURS + 1):
        same = key[lag:] == key[:-lag]
        if not same.any():
            break
        same &= np.bitwise_count(bits[lag:] ^ bits[:-lag]) <= LOOK_BITS
        at = np.flatnonzero(same)
        parts.append(_seen(looks, chosen, clip_of, packed[at], packed[at + lag]))
    begins = np.flatnonzero(np.append(True, key[1:] != key[:-1])[: len(key)])
    counts = np.diff(np.append(begins, len(key)))
    crowd = counts > NEIGHBOURS + 1
    if crowd.any():
        first = np.repeat(begins[crowd], counts[crowd])
        inside = np.arange(len(first)) - np.repeat(np.cumsum(counts[crowd]) - counts[crowd], counts[crowd]) + first
        good = np.bitwise_count(bits[first] ^ bits[inside]) <= LOOK_BITS
        parts.append(_seen(looks, chosen, clip_of, packed[first[good]], packed[inside[good]]))
    if not parts:
        return np.zeros(0, CANDIDATE), 0
    return np.unique(np.concatenate(parts)), int(crowd.sum())


def _place(packed: np.ndarray) -> np.ndarray:
    """Which of the chosen looks a packed key is of."""
    import numpy as np

    return ((packed & np.uint64(0xFFFFFFFF)) >> np.uint64(1)).astype(np.int64)


def _seen(looks: Looks, chosen: np.ndarray, clip_of: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Candidates out of pairs of packed looks that are alike: those of two clips."""
    import numpy as np

    flags = ((left ^ right) & np.uint64(1)).astype(bool)
    both = ((left & right) & np.uint64(1)).astype(bool)  # mirrored both: found as they are, too
    one, two = (chosen[_place(each)].astype(np.int64) for each in (left, right))
    good = (clip_of[one] != clip_of[two]) & ~both
    one, two, flags = one[good], two[good], flags[good]
    swap = clip_of[one] > clip_of[two]
    one, two = np.where(swap, two, one), np.where(swap, one, two)
    made = np.zeros(len(one), CANDIDATE)
    made["first"], made["second"], made["mirrored"] = clip_of[one], clip_of[two], flags
    place = one - looks.starts[clip_of[one]], two - looks.starts[clip_of[two]]
    made["shift"] = np.clip(place[0] - place[1], -32768, 32767)
    return made


def _compared(looks: Looks, found: np.ndarray, least: float, mirror: int, crowded: int) -> Pairs:
    """How alike candidates are at the shift that fits best: one at which they have a look in common, or the next."""
    import numpy as np

    beside = [found]
    for step in (-1, 1):
        moved = found.copy()
        moved["shift"] += step
        beside.append(moved)
    found = np.unique(np.concatenate(beside))
    sizes = np.diff(looks.starts)
    good = np.append(0, np.cumsum(looks.valid))
    valid = good[looks.starts[1:]] - good[looks.starts[:-1]]
    scores = np.zeros(len(found), np.float32)
    begins = np.maximum(0, -found["shift"].astype(np.int64))  # in the second clip
    ends = np.minimum(sizes[found["second"]], sizes[found["first"]] - found["shift"])
    lengths = np.maximum(0, ends - begins)
    bounds = np.append(0, np.cumsum(lengths))
    at = 0
    while at < len(found):
        to = max(at + 1, int(np.searchsorted(bounds, bounds[at] + BATCH, "right")) - 1)
        some, long = found[at:to], lengths[at:to]
        which = np.repeat(np.arange(to - at), long)
        step = np.arange(bounds[to] - bounds[at]) - (bounds[at:to] - bounds[at])[which] + begins[at:to][which]
        two = looks.starts[some["second"]][which] + step
        one = looks.starts[some["first"]][which] + step + some["shift"][which]
        flips = np.where(some["mirrored"], np.uint64(mirror), np.uint64(0))[which]
        bits = np.bitwise_count(looks.hashes[one] ^ looks.hashes[two] ^ flips)
        each = np.where(looks.valid[one] & looks.valid[two], np.maximum(0.0, 1.0 - bits / FALL), 0.0)
        scores[at:to] = np.bincount(which, each, to - at)
        at = to
    scores /= np.maximum(1, np.minimum(valid[found["first"]], valid[found["second"]]))
    order = np.lexsort((-scores, found["second"], found["first"]))
    found, scores = found[order], scores[order]
    key = found["first"].astype(np.int64) << 32 | found["second"]
    best = (np.append(True, key[1:] != key[:-1]) if len(key) else np.zeros(0, bool)) & (scores >= least)
    return Pairs(found["first"][best], found["second"][best], scores[best], found["mirrored"][best], crowded)


@dataclass(frozen=True, slots=True)
class Member:
    """A clip of a group.

    Args:
        clip: its number.
        group: the number of the clip that it is like; its own, when it is the one that leads the group.
        alike: how alike the two are, 0..1.
        mirrored: whether one mirrors the other.
    """

    clip: int
    group: int
    alike: float
    mirrored: bool


def groups(pairs: Pairs) -> Iterator[Member]:
    """The groups: the clip with the lowest number leads, all that are like it follow, and so on with those left.

    A clip is thus always like the one that leads its group; likeness is not passed on from clip to clip.
    """
    taken: set[int] = set()
    led: set[int] = set()
    rows = zip(*(column.tolist() for column in (pairs.first, pairs.second, pairs.alike, pairs.mirrored)), strict=True)
    for first, second, alike, mirrored in rows:
        if first in taken or second in taken:
            continue
        if first not in led:
            led.add(first)
            yield Member(first, first, 1.0, False)
        taken.add(second)
        yield Member(second, first, alike, mirrored)
