"""Boxes out of a measure's `detail`, for drawing.

Understood: `boxes`, a list of `{"box": [left, top, right, bottom], "kind": "hand", "label": "cell phone"}`, or
`regions`, a list of `{"corners": [[x, y], ...]}`, in 0..1 of the picture, beside `time`, the seconds from the clip's
start of the frame on which they were seen. They may stand in `detail` itself, in `detail["evidence"]`, or in each of
`detail["frames"]`; of several frames the one with the highest `score`, else the most boxes, is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hoigen.core.clip import Sampling
from hoigen.pages.facts import Box
from hoigen.pages.thumbs import Evidence

MOST = 8
"""Boxes on one picture; more hide it."""


def evidence_of(detail: Mapping[str, Any], sampling: Sampling) -> Evidence | None:
    """What can be drawn of a detail, or None."""
    candidates = [_frame(one, sampling) for one in _frames(detail)]
    usable = [(weight, one) for weight, one in candidates if one is not None]
    return max(usable, key=lambda pair: pair[0])[1] if usable else None


def _frames(detail: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = [detail.get("evidence"), detail]
    frames = detail.get("frames")
    if isinstance(frames, Sequence) and not isinstance(frames, str):
        found += list(frames)
    return [one for one in found if isinstance(one, Mapping)]


def _frame(frame: Mapping[str, Any], sampling: Sampling) -> tuple[float, Evidence | None]:
    time, score = frame.get("time"), frame.get("score")
    boxes = tuple(box for box in (_box(one) for one in _listed(frame)[:MOST]) if box is not None)
    if not boxes or not isinstance(time, int | float):
        return 0.0, None
    weight = float(score) if isinstance(score, int | float) else float(len(boxes))
    return weight, Evidence(float(time), boxes, sampling)


def _listed(frame: Mapping[str, Any]) -> list[Any]:
    """Boxes and regions of a frame, whatever is not a list left out."""
    lists = [frame.get("boxes"), frame.get("regions")]
    return [one for some in lists if isinstance(some, Sequence) and not isinstance(some, str) for one in some]


def _box(raw: Any) -> Box | None:
    if not isinstance(raw, Mapping):
        return None
    kind = str(raw.get("kind", "text" if "corners" in raw else ""))
    sides = _around(raw["corners"]) if "corners" in raw else raw.get("box")
    if not isinstance(sides, Sequence) or isinstance(sides, str) or len(sides) != 4:
        return None
    if not all(isinstance(side, int | float) for side in sides):
        return None
    left, top, right, bottom = (min(1.0, max(0.0, float(side))) for side in sides)
    if right <= left or bottom <= top:
        return None
    return Box(
        left=left,
        top=top,
        right=right,
        bottom=bottom,
        kind=kind,
        label=str(raw.get("label", "" if kind == "text" else kind)),
    )


def _around(corners: Any) -> list[float] | None:
    """The upright rectangle around corners."""
    try:
        xs, ys = [float(x) for x, _ in corners], [float(y) for _, y in corners]
        return [min(xs), min(ys), max(xs), max(ys)]
    except (TypeError, ValueError):
        return None
