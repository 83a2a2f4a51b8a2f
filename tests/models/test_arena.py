"""Memory that workers share with the process of the models."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hoigen.models import arena
from hoigen.models.arena import Arena, Rows, array_of, packed

pytestmark = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="this system has no memory without a name")


def never() -> None:
    raise AssertionError("there is room")


def test_what_is_written_is_read_where_it_lies() -> None:
    shared = Arena(1 << 20)
    rng = np.random.default_rng(0)
    whole = [rng.integers(0, 255, (3, 40, 50, 3), np.uint8), rng.random((7, 11)).astype(np.float32)]
    rows = Rows(tuple(whole[0]))
    pieces, _ = shared.put([whole[0], whole[1], whole[0][:, ::-2], rows], never)
    found = [array_of(piece) for piece in pieces]
    for array, wanted in zip(found, (*whole, whole[0][:, ::-2], whole[0]), strict=True):
        assert array.dtype == wanted.dtype
        assert np.array_equal(array, wanted)
    found[0][:] = 7
    assert np.frombuffer(shared.memory, np.uint8, 10, pieces[0].start).tolist() == [7] * 10, "it is no copy"


def _sum_of(piece: arena.Piece, told: Any) -> None:
    told.send(int(array_of(piece).sum()))


def test_another_process_reads_it_as_long_as_this_one_lives() -> None:
    shared = Arena(1 << 20)
    [piece], _ = shared.put([np.arange(5000)], never)
    ours, theirs = multiprocessing.Pipe()
    other = multiprocessing.get_context("spawn").Process(target=_sum_of, args=(piece, theirs))
    other.start()
    assert ours.poll(60)
    assert ours.recv() == sum(range(5000))
    other.join()
    with pytest.raises(OSError, match="/proc"):
        array_of(arena.Piece(other.pid or 0, 3, 0, 0, (1,), "<i8"))


def test_who_finds_no_room_waits_until_there_is_and_gaps_are_used() -> None:
    shared = Arena(10 * 1024)
    give_backs: list[Callable[[], None]] = []
    for _ in range(10):
        pieces, give_back = shared.put([np.zeros(1024, np.uint8)], never)
        give_backs.append(give_back)
    give_backs[4]()
    [piece], _ = shared.put([np.full(1000, 5, np.uint8)], never)
    assert piece.start == 4 * 1024
    waited: list[float] = []
    threading.Timer(0.5, lambda: [give_backs[at]() for at in (7, 8)]).start()
    began = time.monotonic()
    [piece], _ = shared.put([np.full(2048, 6, np.uint8)], lambda: waited.append(time.monotonic()))
    assert piece.start == 7 * 1024
    assert waited, "it says that it waits"
    assert time.monotonic() - began > 0.3
    assert np.array_equal(array_of(pieces[0]), np.zeros(1024)), "what others wrote stays"


def test_small_and_very_large_arrays_travel_in_the_question() -> None:
    shared = Arena(1 << 20)
    small, fits, large = np.zeros(10), np.zeros(1 << 15), np.zeros(1 << 19)
    found, give_back = packed([small, fits, [small]], shared, never)
    assert (found[0] is small, isinstance(found[1], arena.Piece)) == (True, True)
    assert give_back is not None
    give_back()
    assert not shared.taken
    assert packed([large], shared, never) == ([large], None)
    assert packed([fits], None, never) == ([fits], None)


def test_a_whole_arena_is_taken_by_many_threads_and_nothing_is_mixed_up() -> None:
    shared = Arena(64 * 1024)
    wrong: list[int] = []

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(60):
            array = rng.integers(0, 255, int(rng.integers(1, 20_000)), np.uint8)
            [piece], give_back = shared.put([array], lambda: None)
            if not np.array_equal(array_of(piece), array):
                wrong.append(seed)
            give_back()

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert not shared.taken
