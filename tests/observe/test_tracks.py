"""Boxes that move, cross, vanish and come back."""

from __future__ import annotations

from hoigen.measures.fine.tracks import link


def box(x: float, y: float = 0, side: float = 10) -> tuple[float, float, float, float]:
    return x, y, x + side, y + side


def test_two_things_keep_their_tracks_whatever_their_order() -> None:
    frames = [[box(at), box(100 - at)] if at % 2 else [box(100 - at), box(at)] for at in range(40)]
    tracks = link(frames, [at / 24 for at in range(40)])
    assert len(tracks) == 2
    for track in tracks:
        xs = [frames[frame][number][0] for frame, number in track.items()]
        assert xs in (sorted(xs), sorted(xs, reverse=True))


def test_a_fast_ball_and_a_short_absence() -> None:
    frames = [[box(9 * at)] if at not in (4, 5) else [] for at in range(10)]
    assert len(link(frames, [at / 24 for at in range(10)], roams=2.0)) == 1
    thrown = [[box(0)], [box(30)], [box(0)]]
    assert len(link(thrown, [0, 0.125, 0.25], roams=2.0)) == 1
    assert len(link(thrown, [0, 0.04, 0.08])) == 2, "persons do not jump"


def test_one_that_was_gone_for_long_is_another() -> None:
    frames = [[box(0)], [], [], [box(0)]]
    assert len(link(frames, [0, 1, 2, 3])) == 2
    assert len(link(frames, [0, 0.5, 1, 1.5])) == 1


def test_another_size_far_away_is_another() -> None:
    assert len(link([[box(0)], [box(25, side=40)]], [0, 0.1])) == 2


def test_every_box_is_in_one_track() -> None:
    frames = [[box(0), box(4), box(8)], [box(2), box(6)], [], [box(3)]]
    found = [(frame, number) for track in link(frames, [0, 0.1, 0.2, 0.3]) for frame, number in track.items()]
    assert sorted(found) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (3, 0)]


def test_a_thing_cut_by_the_edge_stays_the_same() -> None:
    """It leaves to the right, 40 by 20 pixels, until 6 are left, and comes back."""
    seen = [[(x, 30.0, min(100.0, x + 40), 50.0)] for x in (40.0, 62.0, 94.0, 62.0, 40.0)]
    times = [0.0, 0.1, 0.5, 0.9, 1.0]
    assert len(link(seen, times, size=(100, 100))) == 1
    assert len(link(seen, times)) > 1, "another one, where no edge is known"
    beside = [[(40.0, 30.0, 80.0, 50.0)], [(94.0, 90.0, 100.0, 94.0)]]
    assert len(link(beside, [0.0, 0.1], size=(100, 100))) == 2, "another one at the edge"
