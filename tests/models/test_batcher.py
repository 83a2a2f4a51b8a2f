"""The queue in front of a model: which questions go together, and who gets which answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import CancelledError

import pytest

from hoigen.models.batcher import Batcher


class Work:
    """Notes the batches that it is given. A 0 waits until `go` is set, a negative number is answered by an error, and
    one of a thousand and more is one that the whole batch gets."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self, asked: Sequence[int], kind: Hashable) -> list[str | Exception]:
        self.batches.append(list(asked))
        if 0 in asked:
            self.begun.set()
            assert self.go.wait(60)
        if max(asked) >= 1000:
            raise OSError(f"{max(asked)} is too many")
        return [ValueError(f"not {each}") if each < 0 else f"{kind} {each}" for each in asked]


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def busy(work: Work) -> Iterator[Batcher[int, str]]:
    """A queue whose thread is at the first question, so that all later ones wait together."""
    queue: Batcher[int, str] = Batcher(work, "test", linger=0)
    queue.submit(0, "first", 1)
    assert work.begun.wait(60)
    yield queue
    work.go.set()
    queue.close()


def test_alike_ones_go_together_in_order_as_many_as_there_is_room_for(busy: Batcher[int, str], work: Work) -> None:
    asked = [(1, "a", 4, 2), (2, "b", 4, 1), (3, "a", 4, 3), (4, "a", 4, 2), (5, "a", 4, 1), (6, "b", 4, 1)]
    found = [busy.submit(number, kind, most, size) for number, kind, most, size in asked]
    work.go.set()
    assert [each.result(60) for each in found] == [f"{kind} {number}" for number, kind, *_ in asked]
    assert work.batches == [[0], [1, 4], [2, 6], [3, 5]], "a later small one fills what a large one does not"


def test_one_that_is_larger_than_a_batch_goes_alone(busy: Batcher[int, str], work: Work) -> None:
    found = [busy.submit(number, "a", most, size) for number, most, size in ((1, 2, 5), (2, 0, 1), (3, 0, 1))]
    work.go.set()
    assert [each.result(60) for each in found] == ["a 1", "a 2", "a 3"]
    assert work.batches == [[0], [1], [2], [3]], "a most of 0 is one of 1"


def test_an_error_is_raised_where_it_was_asked_for(busy: Batcher[int, str], work: Work) -> None:
    good, bad, last = (busy.submit(number, "a", 8) for number in (1, -2, 3))
    work.go.set()
    assert (good.result(60), last.result(60)) == ("a 1", "a 3")
    with pytest.raises(ValueError, match="not -2"):
        bad.result(60)
    assert work.batches == [[0], [1, -2, 3]]


def test_what_breaks_a_batch_all_of_it_get_and_nobody_else(busy: Batcher[int, str], work: Work) -> None:
    lost = [busy.submit(number, "a", 8) for number in (1, 1000)]
    other = busy.submit(2, "b", 8)
    work.go.set()
    for each in lost:
        with pytest.raises(OSError, match="1000 is too many"):
            each.result(60)
    assert other.result(60) == "b 2"


def test_what_is_wanted_no_more_is_left_out(busy: Batcher[int, str], work: Work) -> None:
    alone, first, second = busy.submit(1, "a", 1), busy.submit(2, "b", 2), busy.submit(3, "b", 2)
    assert alone.cancel()
    assert first.cancel()
    work.go.set()
    assert second.result(60) == "b 3"
    assert work.batches == [[0], [3]]


def test_a_closed_queue_answers_what_is_under_way_and_tells_the_others(work: Work) -> None:
    queue: Batcher[int, str] = Batcher(work, "test", linger=0)
    under_way = queue.submit(0, "a", 1)
    assert work.begun.wait(60)
    waiting, given_up = queue.submit(1, "a", 1), queue.submit(2, "a", 1)
    given_up.cancel()
    closing = threading.Thread(target=queue.close)
    closing.start()
    with pytest.raises(RuntimeError, match="the model was closed"):
        waiting.result(60)
    with pytest.raises(CancelledError):
        given_up.result(60)
    assert closing.is_alive(), "it waits for the batch under way"
    work.go.set()
    closing.join(60)
    assert under_way.result(60) == "a 0"
    assert work.batches == [[0]]
    with pytest.raises(RuntimeError, match="the model is closed"):
        queue.submit(3, "a", 1)


def test_an_idle_queue_lingers_for_what_comes_right_after(work: Work) -> None:
    """With a second of patience, two questions in a row are one batch; a full batch does not wait."""
    queue: Batcher[int, str] = Batcher(work, "test", linger=1)
    found = [queue.submit(number, "a", 2) for number in (1, 2, 3)]
    assert [each.result(60) for each in found] == ["a 1", "a 2", "a 3"]
    assert work.batches == [[1, 2], [3]]
    queue.close()


def test_the_next_batch_is_begun_while_one_is_under_way_and_no_more() -> None:
    begun: list[int] = []
    ends = [threading.Event() for _ in range(4)]

    def work(asked: Sequence[int], kind: Hashable) -> Callable[[], list[str | Exception]]:
        begun.append(asked[0])

        def answers() -> list[str | Exception]:
            assert ends[asked[0]].wait(60)
            if asked[0] == 2:
                raise OSError("the card")
            return [f"{each}" for each in asked]

        return answers

    queue: Batcher[int, str] = Batcher(work, "test", linger=0)
    found = [queue.submit(at, at, 1) for at in range(4)]
    while len(begun) < 2:
        time.sleep(0.01)
    time.sleep(0.2)
    assert begun == [0, 1]
    assert not found[0].done()
    for at, event in enumerate(ends):
        event.set()
        if at == 2:
            with pytest.raises(OSError, match="the card"):
                found[at].result(60)
        else:
            assert found[at].result(60) == str(at)
    queue.close()
    assert begun == [0, 1, 2, 3]


def test_beside_a_batch_under_way_only_one_that_is_no_smaller_is_begun() -> None:
    begun: list[list[int]] = []
    ends = [threading.Event() for _ in range(9)]

    def work(asked: Sequence[int], kind: Hashable) -> Callable[[], list[str | Exception]]:
        begun.append(list(asked))
        number = len(begun) - 1

        def answers() -> list[str | Exception]:
            assert ends[number].wait(60)
            return ["done"] * len(asked)

        return answers

    def soon(wanted: list[list[int]]) -> bool:
        until = time.monotonic() + 60
        while begun != wanted and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.1)
        return begun == wanted

    queue: Batcher[int, str] = Batcher(work, "test", linger=0)
    queue.submit(0, "a", 10, 3)
    assert soon([[0]])
    for number in (1, 2):
        queue.submit(number, "a", 10)
    assert soon([[0]]), "two are fewer than three"
    queue.submit(3, "a", 10)
    assert soon([[0], [1, 2, 3]])
    queue.submit(4, "b", 10, 10)
    assert soon([[0], [1, 2, 3]]), "two are under way"
    ends[0].set()
    assert soon([[0], [1, 2, 3], [4]])
    queue.submit(5, "a", 10)
    ends[1].set()
    assert soon([[0], [1, 2, 3], [4]])
    ends[2].set()
    assert soon([[0], [1, 2, 3], [4], [5]]), "nothing is under way: it waits for nobody"
    ends[3].set()
    queue.close()
