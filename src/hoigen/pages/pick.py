"""Which videos of an evaluation are shown with a strip, and in which order."""

from __future__ import annotations

from collections.abc import Sequence

from hoigen.core.score import Number
from hoigen.evaluation.models.columns import ranked_by
from hoigen.evaluation.models.videos import Video
from hoigen.pages import choose
from hoigen.pages.evalfacts import Card

Group = tuple[Video, ...]


def rank_of(groups: Sequence[Group], columns: Sequence[Number]) -> Number | None:
    """The number by which videos with a strip are chosen, and the page is sorted at first."""
    return ranked_by(columns, (video for group in groups for video in group))


def picked(groups: Sequence[Group], columns: Sequence[Number], shown: int) -> list[Group]:
    """Half of them the worst of each number in turn, the others spread evenly from the worst to the best.

    A page that is sorted by any number thus begins with what is worst in it.
    """
    if len(groups) <= shown:
        return list(groups)
    rank = rank_of(groups, columns)
    judged = [column for column in columns if column.better]
    found = _worst_in_turn(groups, judged, shown // 2)
    rest = [group for group in sorted(groups, key=lambda group: _worth(group, rank)) if id(group) not in found]
    return [*found.values(), *(rest[at] for at in choose.ranks(len(rest), shown - len(found)))]


def _worst_in_turn(groups: Sequence[Group], columns: Sequence[Number], most: int) -> dict[int, Group]:
    """The worst of each number, then the second of each, and so on; by identity."""
    known = [[group for group in groups if not _worth(group, column)[0]] for column in columns]
    orders = [sorted(each, key=lambda g, c=column: _worth(g, c)) for each, column in zip(known, columns, strict=True)]  # type: ignore[misc]
    found: dict[int, Group] = {}
    for place in range(max((len(order) for order in orders), default=0)):
        for order in orders:
            if len(found) >= most:
                return found
            if place < len(order):
                found[id(order[place])] = order[place]
    return found


def _worth(group: Group, rank: Number | None) -> tuple[bool, float]:
    return _order([None if rank is None else video.values.get(rank.name) for video in group], rank)


def card_worth(card: Card, rank: Number | None) -> tuple[bool, float]:
    """Worst first, videos without the number last; of a pair the second's gain counts."""
    return _order([None if rank is None else take.values.get(rank.name) for take in card.takes], rank)


def _order(values: Sequence[float | None], rank: Number | None) -> tuple[bool, float]:
    known = [float(value) for value in values if value is not None]
    if len(known) < len(values) or not known:
        return True, 0.0
    worth = known[-1] - known[0] if len(known) > 1 else known[0]
    return False, -worth if rank is not None and rank.better == "less" else worth
