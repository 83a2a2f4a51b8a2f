"""What measures saw in a frame, out of their details, and its drawing over a picture."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from hoigen.pages.evalfacts import Overlay, Place
from hoigen.pages.facts import Box
from hoigen.pages.markup import Html, el

SIDES = ("left", "right")
LIMBS = (("shoulder", "elbow"), ("elbow", "wrist"), ("shoulder", "hip"), ("hip", "knee"), ("knee", "ankle"))
FINGERS = ((0, 1, 2, 3, 4), (0, 5, 6, 7, 8), (5, 9, 10, 11, 12), (9, 13, 14, 15, 16), (13, 17, 18, 19, 20), (0, 17))
"""Landmarks of a hand that are joined, in MediaPipe's and COCO-WholeBody's order."""
PAIRS = 2
"""Pairs of a detector that are drawn in a frame."""


def overlay_of(fine: Mapping[str, Any] | None, coarse: Mapping[str, Any] | None) -> Overlay:
    """fine: a frame of fine_hoi's `shown`. coarse: a frame of coarse_hoi. Where both have boxes, those of fine_hoi."""
    fine, coarse = fine or {}, coarse or {}
    own = [(fine.get("person"), "person", ""), (fine.get("object"), "object", "")]
    boxes = [box for sides, kind, label in own if (box := _box(sides, kind, label)) is not None]
    if not boxes:
        for pair in list(coarse.get("pairs") or ())[:PAIRS]:
            named = ((pair.get("person"), "person", ""), (pair.get("box"), "object", words(pair.get("object"))))
            boxes += [box for sides, kind, label in named if (box := _box(sides, kind, label)) is not None]
    points = {name: _place(at) for name, at in (fine.get("points") or {}).items()}
    hands = [[_place(at) for at in hand] for hand in fine.get("hands") or ()]
    return Overlay(
        boxes=boxes,
        outlines=[[_place(at) for at in piece] for piece in fine.get("outline") or ()],
        bones=[*_bones(points), *(bone for hand in hands for bone in _fingers(hand))],
        joints=[at for name, at in points.items() if name.endswith(("wrist", "ankle", "nose", "elbow", "knee"))],
    )


def words(name: Any) -> str:
    """`cell_phone` as a person reads it."""
    return str(name or "").replace("_", " ")


def _box(sides: Any, kind: str, label: str) -> Box | None:
    if not isinstance(sides, Sequence) or len(sides) != 4:
        return None
    left, top, right, bottom = (min(1.0, max(0.0, float(side))) for side in sides)
    if left >= right or top >= bottom:
        return None
    return Box(left=left, top=top, right=right, bottom=bottom, kind=kind, label=label)


def _place(at: Sequence[float]) -> Place:
    return float(at[0]), float(at[1])


def _bones(points: Mapping[str, Place]) -> list[tuple[Place, Place]]:
    names = [(f"{side}_{one}", f"{side}_{other}") for side in SIDES for one, other in LIMBS]
    names += [(f"left_{part}", f"right_{part}") for part in ("shoulder", "hip")]
    return [(points[one], points[other]) for one, other in names if one in points and other in points]


def _fingers(hand: Sequence[Place]) -> list[tuple[Place, Place]]:
    if len(hand) != 21:
        return []
    return [(hand[one], hand[other]) for chain in FINGERS for one, other in itertools.pairwise(chain)]


def drawn(overlay: Overlay, shape: float) -> Html | None:
    """The overlay as SVG that fills its picture. shape: width over height, so that joints are round."""
    if not (overlay.boxes or overlay.outlines or overlay.bones):
        return None
    wide, tall = 100.0 * shape, 100.0

    def at(place: Place) -> str:
        return f"{place[0] * wide:.1f},{place[1] * tall:.1f}"

    parts = [el("polygon", points=" ".join(at(p) for p in piece), class_="mask") for piece in overlay.outlines]
    for box in overlay.boxes:
        sides = {"x": f"{box.left * wide:.1f}", "y": f"{box.top * tall:.1f}"}
        size = {"width": f"{(box.right - box.left) * wide:.1f}", "height": f"{(box.bottom - box.top) * tall:.1f}"}
        parts.append(el("rect", **sides, **size, class_=f"b {box.kind}"))
        if box.label:
            parts.append(el("text", box.label, x=sides["x"], y=f"{box.top * tall + 9:.1f}", class_=f"l {box.kind}"))
    if overlay.bones:
        path = " ".join(f"M{at(one)}L{at(other)}" for one, other in overlay.bones)
        parts.append(el("path", d=path, class_="bone"))
    parts += [
        el("circle", cx=f"{x * wide:.1f}", cy=f"{y * tall:.1f}", r="1.6", class_="joint") for x, y in overlay.joints
    ]
    view = f"0 0 {wide:.1f} {tall:g}"
    return el("svg", parts, viewBox=view, preserveAspectRatio="none", aria_hidden="true", class_="overlay")
