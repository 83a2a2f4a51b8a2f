from __future__ import annotations

import pytest

from hoigen.core.errors import SetupError
from hoigen.work.breaker import Breaker, signature


def raised(text: str) -> ValueError:
    try:
        raise ValueError(text)
    except ValueError as error:
        return error


def test_alike_is_type_and_place_and_not_the_message() -> None:
    assert signature(raised("a.mp4")) == signature(raised("b.mp4"))
    assert signature(raised("a")) != signature(KeyError("a"))


def test_most_failing_alike_stops_with_the_traceback() -> None:
    breaker = Breaker()
    for _ in range(19):
        breaker.saw_failure("motion", "x", "trace", data_fault=False)
    with pytest.raises(SetupError, match=r"motion failed alike on 20 of 20.*\ntrace"):
        breaker.saw_failure("motion", "x", "trace", data_fault=False)


def test_what_other_measures_do_does_not_hide_it() -> None:
    breaker = Breaker()
    with pytest.raises(SetupError):
        for _ in range(30):
            breaker.saw_ok("metadata")
            breaker.saw_failure("motion", "x", "", data_fault=False)


def test_a_fifth_that_works_or_failures_unlike_each_other_go_on() -> None:
    breaker = Breaker()
    for at in range(200):
        breaker.saw_failure("motion", f"kind {at % 2}", "", data_fault=False)
    breaker = Breaker()
    for _ in range(200):
        breaker.saw_ok("motion")
        breaker.saw_failure("motion", "x", "", data_fault=False)


def test_broken_files_stop_only_when_none_can_be_read() -> None:
    breaker = Breaker()
    breaker.saw_ok("reading videos")
    for _ in range(500):
        breaker.saw_failure("reading videos", "no such file", "", data_fault=True)
    with pytest.raises(SetupError, match="50 of 50"):
        blind = Breaker()
        for _ in range(50):
            blind.saw_failure("reading videos", "no such file", "", data_fault=True)


def test_what_an_earlier_process_saw_counts_and_stops_nothing_by_itself() -> None:
    breaker = Breaker()
    for _ in range(60):
        breaker.saw_before("reading videos", "no such file")
    with pytest.raises(SetupError, match="61 of 61"):
        breaker.saw_failure("reading videos", "no such file", "", data_fault=True)
    breaker = Breaker()
    breaker.saw_before("reading videos")
    for _ in range(60):
        breaker.saw_failure("reading videos", "no such file", "", data_fault=True)


def test_switched_off_it_only_counts() -> None:
    breaker = Breaker()
    breaker.on = False
    for _ in range(100):
        breaker.saw_failure("motion", "x", "", data_fault=False)
    breaker.on = True
    with pytest.raises(SetupError, match="101 of 101"):
        breaker.saw_failure("motion", "x", "", data_fault=False)


def test_of_what_an_earlier_process_saw_only_failures_are_alike() -> None:
    breaker = Breaker()
    breaker.saw_before("motion", "x")
    breaker.saw_before("motion")
    breaker.saw_ok("motion")
    assert breaker.seen == {"motion": 3}
    assert breaker.alike == {("motion", "x"): 1}
