"""Clips that show the same pictures: perceptual hashes over time, joined without comparing all with all.

Two looks that are alike have most of their 64 bits in common. They are cut into five bands of 13 bits; looks that share
two whole bands (ten keys of 26 bits) are candidates, found by sorting. Of very many looks, too many would share such a
key: then they are cut into six bands of 11, of which three make a key. Keys are made and sorted a slice at a time, as
many slices at once as there are cores; looks lie in order of the first band meanwhile, so that a slice is a stretch of
them. What bands say is held against the whole, in the slice already, so that what is alike by chance takes no room:
two clips are as alike as the looks of the shorter one are, at the shift in time that fits best, mirrored or not. Clips
whose looks all differ by many bits can be missed; how many are is in docs/duplicates.md.

Source: bands of bits are locality-sensitive hashing as of Manku, Jain and Das Sarma, "Detecting Near-Duplicates for Web
Crawling", WWW 2007.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

LOOK_BITS = 18
"""Bits by which a look and its candidate may differ; unrelated looks that share two bands differ by 19 on average. Of
clips that are to be more alike than that, fewer: at least one pair of their looks is as alike as the clips are."""
MORE = 2
"""By so many more, since not every pair of looks shares a key."""
FALL = 32.0
"""Bits at which two looks count as nothing alike: as many as unrelated ones differ by on average."""
NEIGHBOURS = 8
"""Of looks with one key, each is held against so many that follow and against the first; all with all up to there."""
SLICE = 1 << 22
"""Keys that are sorted at a time, by one thread."""
BATCH = 1 << 20
"""Looks of candidates that are compared at a time, by one thread."""
THREADS = 8
"""At most; each holds some 0.4 GB."""
SLACK = 0.2
"""How much less alike candidates may be at the shift at which they are found: the best may be the next one."""
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
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np

    from hoigen.work.task import cores

    clip_of = np.repeat(np.arange(looks.clips, dtype=np.int32), np.diff(looks.starts))
    same = np.zeros(len(clip_of), bool)  # a look that repeats the one before it says nothing new
    same[1:] = (looks.hashes[1:] == looks.hashes[:-1]) & (clip_of[1:] == clip_of[:-1]) & looks.valid[:-1]
    chosen = np.flatnonzero(looks.valid & ~same)
    if len(chosen) * 2 >= MANY:  # every other look will do: neighbours are alike, and are compared in any case
        chosen = chosen[::2]
    if len(looks.hashes) < 1 << 32:
        chosen = chosen.astype(np.uint32)
    search = _Search(looks, chosen, looks.hashes[chosen], clip_of[chosen], least, mirror)
    del same, clip_of
    count, width, taken = FINE if len(chosen) * (2 if mirror else 1) < MANY else COARSE
    found = np.zeros(0, np.uint64)
    crowded = 0
    with ThreadPoolExecutor(min(cores(), THREADS)) as pool:  # sorting arrays leaves Python's lock to others
        for first in range(count - taken + 1):
            keys = [(first, *rest) for rest in itertools.combinations(range(first + 1, count), taken - 1)]
            shifts = [[width * band for band in key] for key in keys]
            parts = [found]
            for part, many in pool.map(partial(search.slice, keys=shifts, width=width), search.sliced(first, width)):
                parts.append(part)
                crowded += many
            found = np.unique(np.concatenate(parts))
    return search.compared(found, crowded)


class _Search:
    """Looks among which pairs are searched for. Pairs of clips at a shift in time are numbers of 64 bits: first clip,
    second clip, shift, mirrored or not.

    Args:
        looks: of all clips.
        chosen: which of them count.
        hashes: of those that count.
        clip_of: of those that count, their clips.
        least: how alike clips are to be.
        mirror: the bits that mirroring changes; 0: mirrored clips are not looked for.
    """

    def __init__(
        self, looks: Looks, chosen: np.ndarray, hashes: np.ndarray, clip_of: np.ndarray, least: float, mirror: int
    ) -> None:
        import numpy as np

        self.looks, self.chosen, self.hashes, self.clip_of = looks, chosen, hashes, clip_of
        self.least, self.mirror = least, np.uint64(mirror)
        self.look_bits = min(LOOK_BITS, int(FALL * (1 - least)) + MORE)
        good = np.append(0, np.cumsum(looks.valid))
        self.valid = np.maximum(1, good[looks.starts[1:]] - good[looks.starts[:-1]])
        self.clip_bits = max(1, (looks.clips - 1).bit_length())
        self.reach = 1 << min(15, 62 - 2 * self.clip_bits)
        """Looks; of clips that are further apart in time, other looks are."""

    def sliced(self, band: int, width: int) -> Iterator[tuple[int, tuple[np.ndarray, ...]]]:
        """The looks in slices of some values of a band.

        Args:
            band: which.
            width: bits of one.

        Gives the lowest value of each slice, and which of the looks have values of it: as they are, and mirrored.
        """
        import numpy as np

        orders, ends = [], []
        for mask in (np.uint64(0), self.mirror)[: 2 if self.mirror else 1]:
            values = (self.hashes ^ mask) >> np.uint64(width * band) & np.uint64((1 << width) - 1)
            short = values.astype(np.uint16)
            del values
            orders.append(np.argsort(short, kind="stable").astype(self.chosen.dtype))  # radix: 16 bits
            ends.append(np.append(0, np.cumsum(np.bincount(short, minlength=1 << width))))
        total = np.sum(ends, axis=0)
        begin = 0
        while begin < 1 << width:
            end = max(begin + 1, int(np.searchsorted(total, total[begin] + SLICE, "right")) - 1)
            yield begin, tuple(order[at[begin] : at[end]] for order, at in zip(orders, ends, strict=True))
            begin = end

    def slice(
        self, some: tuple[int, tuple[np.ndarray, ...]], keys: Sequence[Sequence[int]], width: int
    ) -> tuple[np.ndarray, int]:
        """Pairs of clips of one slice that have a look in common, and are nearly alike enough at that shift.

        Args:
            some: of `sliced`.
            keys: of each key, where its bands begin, in bits.
            width: bits of a band.

        Returns the pairs, each once, and how many keys are crowded.
        """
        import numpy as np

        lowest, orders = some
        item = np.concatenate(orders)
        flags = np.repeat(np.arange(len(orders), dtype=np.uint64), [len(order) for order in orders])
        hashes, clip_of = self.hashes[item], self.clip_of[item]
        hashes ^= flags * self.mirror
        room = np.uint64(max(1, len(item)).bit_length())
        here = np.arange(len(item), dtype=np.uint64)
        mask = np.uint64((1 << width) - 1)
        parts = [np.zeros(0, np.uint64)]
        crowded = 0
        for key_bands in keys:
            key = ((hashes >> np.uint64(key_bands[0])) & mask) - np.uint64(lowest)
            for band in key_bands[1:]:
                key = key << np.uint64(width) | (hashes >> np.uint64(band)) & mask
            packed = key << room | here
            packed.sort()
            key = packed >> room
            at = (packed & ((np.uint64(1) << room) - np.uint64(1))).astype(np.int64)
            # of a clip, one look for each key: neighbours in time share most keys, and would crowd out other clips
            clip, flag = clip_of[at], flags[at]
            again = (key[1:] == key[:-1]) & (clip[1:] == clip[:-1]) & (flag[1:] == flag[:-1])
            once = np.append(True, ~again)[: len(at)]
            key, at = key[once], at[once]
            bits = hashes[at]
            for lag in range(1, NEIGHBOURS + 1):
                same = key[lag:] == key[:-lag]
                if not same.any():
                    break
                left = np.flatnonzero(same)
                left = left[np.bitwise_count(bits[left + lag] ^ bits[left]) <= self.look_bits]
                parts.append(self._pairs(item, flags, clip_of, at[left], at[left + lag]))
            begins = np.flatnonzero(np.append(True, key[1:] != key[:-1])[: len(key)])
            counts = np.diff(np.append(begins, len(key)))
            if (crowd := counts > NEIGHBOURS + 1).any():
                crowded += int(crowd.sum())
                first = np.repeat(begins[crowd], counts[crowd])
                inside = np.arange(len(first)) - np.repeat(np.cumsum(counts[crowd]) - counts[crowd], counts[crowd])
                inside += first
                good = np.bitwise_count(bits[first] ^ bits[inside]) <= self.look_bits
                parts.append(self._pairs(item, flags, clip_of, at[first[good]], at[inside[good]]))
        found = np.unique(np.concatenate(parts))
        return found[self._alike(found) >= self.least - SLACK], crowded

    def _pairs(
        self, item: np.ndarray, flags: np.ndarray, clip_of: np.ndarray, left: np.ndarray, right: np.ndarray
    ) -> np.ndarray:
        """Pairs of clips out of pairs of looks of a slice that are alike."""
        import numpy as np

        one, two = clip_of[left], clip_of[right]
        good = (one != two) & ((flags[left] & flags[right]) == 0)  # mirrored both: found as they are, too
        left, right, one, two = left[good], right[good], one[good].astype(np.int64), two[good].astype(np.int64)
        mirrored = (flags[left] ^ flags[right]).astype(np.int64)
        steps = [
            self.chosen[item[each]].astype(np.int64) - self.looks.starts[clip]
            for each, clip in ((left, one), (right, two))
        ]
        swap = one > two
        shift = np.where(swap, steps[1] - steps[0], steps[0] - steps[1])
        near = np.abs(shift) < self.reach - 1  # so that the shifts beside it have room, too
        made = np.where(swap, two, one) << self.clip_bits | np.where(swap, one, two)
        made = (made * (2 * self.reach) + shift + self.reach) << 1 | mirrored
        pairs: np.ndarray = made[near].astype(np.uint64)
        return pairs

    def _parted(self, found: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The first clips, second clips, shifts and mirrored or not of pairs."""
        import numpy as np

        rest = (found >> np.uint64(1)).astype(np.int64)
        shift = rest % (2 * self.reach) - self.reach
        clips = rest // (2 * self.reach)
        return clips >> self.clip_bits, clips & ((1 << self.clip_bits) - 1), shift, (found & np.uint64(1)).astype(bool)

    def _alike(self, found: np.ndarray) -> np.ndarray:
        """How alike pairs are at their shift, 0..1, as (n,) float32."""
        import numpy as np

        looks = self.looks
        scores = np.zeros(len(found), np.float32)
        for begin in range(0, len(found), max(1, BATCH // 16)):
            first, second, shift, mirrored = self._parted(found[begin : begin + max(1, BATCH // 16)])
            sizes = looks.starts[first + 1] - looks.starts[first], looks.starts[second + 1] - looks.starts[second]
            begins = np.maximum(0, -shift)  # in the second clip
            lengths = np.maximum(0, np.minimum(sizes[1], sizes[0] - shift) - begins)
            bounds = np.append(0, np.cumsum(lengths))
            at = 0
            while at < len(first):
                to = max(at + 1, int(np.searchsorted(bounds, bounds[at] + BATCH, "right")) - 1)
                which = np.repeat(np.arange(at, to), lengths[at:to])
                step = np.arange(bounds[at], bounds[to]) - bounds[which] + begins[which]
                two = looks.starts[second[which]] + step
                one = looks.starts[first[which]] + step + shift[which]
                bits = np.bitwise_count(
                    looks.hashes[one] ^ looks.hashes[two] ^ mirrored[which].astype(np.uint64) * self.mirror
                )
                each = np.where(looks.valid[one] & looks.valid[two], np.maximum(0.0, 1.0 - bits / FALL), 0.0)
                scores[begin + at : begin + to] = np.bincount(which - at, each, to - at)
                at = to
            scores[begin : begin + len(first)] /= np.minimum(self.valid[first], self.valid[second])
        return scores

    def compared(self, found: np.ndarray, crowded: int) -> Pairs:
        """Pairs that are alike enough at the shift that fits best: one at which they have a look in common, or the
        next."""
        import numpy as np

        step = np.uint64(2)
        found = np.unique(np.concatenate([found - step, found, found + step]))
        scores = self._alike(found)
        first, second, _, mirrored = self._parted(found)
        order = np.lexsort((-scores, second, first))
        first, second, mirrored, scores = first[order], second[order], mirrored[order], scores[order]
        best = np.append(True, (first[1:] != first[:-1]) | (second[1:] != second[:-1]))[: len(first)]
        best &= scores >= self.least
        return Pairs(first[best].astype(np.int32), second[best].astype(np.int32), scores[best], mirrored[best], crowded)


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
