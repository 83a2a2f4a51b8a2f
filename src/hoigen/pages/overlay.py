"""What measures saw: drawn over the frames of a strip, and as a contact curve below it."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from hoigen.pages.evalfacts import ContactCurve
from hoigen.pages.facts import Box, Picture, Place
from hoigen.pages.markup import Html, el
from hoigen.pages.words import share

SIDES = ("left", "right")
LIMBS = (("shoulder", "elbow"), ("elbow", "wrist"), ("shoulder", "hip"), ("hip", "knee"), ("knee", "ankle"))
FINGERS = ((0, 1, 2, 3, 4), (0, 5, 6, 7, 8), (5, 9, 10, 11, 12), (9, 13, 14, 15, 16), (13, 17, 18, 19, 20), (0, 17))
"""Landmarks of a hand that are joined, in MediaPipe's and COCO-WholeBody's order."""
PAIRS = 2
"""Pairs of a detector that are drawn in a frame."""
WIDTH, HEIGHT, TOP = 1000.0, 72.0, 4.0
"""Of the contact curve."""


def overlaid(picture: Picture, fine: Mapping[str, Any] | None, coarse: Mapping[str, Any] | None) -> Picture:
    """A frame with what is drawn over it. Where both measures have boxes, those of fine_hoi.

    Args:
        picture: the frame.
        fine: the frame of fine_hoi's `shown`.
        coarse: the frame of coarse_hoi.
    """
    fine, coarse = fine or {}, coarse or {}
    own = [(fine.get("person"), "person", ""), (fine.get("object"), "object", "")]
    boxes = [box for sides, kind, label in own if (box := _box(sides, kind, label)) is not None]
    if not boxes:
        for pair in list(coarse.get("pairs") or ())[:PAIRS]:
            named = ((pair.get("person"), "person", ""), (pair.get("box"), "object", words(pair.get("object"))))
            boxes += [box for sides, kind, label in named if (box := _box(sides, kind, label)) is not None]
    points = {name: _place(at) for name, at in (fine.get("points") or {}).items()}
    joined = [(f"{side}_{one}", f"{side}_{other}") for side in SIDES for one, other in LIMBS]
    joined += [(f"left_{part}", f"right_{part}") for part in ("shoulder", "hip")]
    bones = [(points[one], points[other]) for one, other in joined if one in points and other in points]
    for hand in ([_place(at) for at in hand] for hand in fine.get("hands") or ()):
        if len(hand) == 21:
            bones += [(hand[one], hand[other]) for chain in FINGERS for one, other in itertools.pairwise(chain)]
    return dataclasses.replace(
        picture,
        boxes=tuple(boxes),
        outlines=[[_place(at) for at in piece] for piece in fine.get("outline") or ()],
        bones=bones,
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


def drawn(picture: Picture, shape: float) -> Html | None:
    """What was seen, as SVG that fills the picture. shape: width over height, so that joints are round."""
    if not (picture.boxes or picture.outlines or picture.bones):
        return None
    wide, tall = 100.0 * shape, 100.0

    def at(place: Place) -> str:
        return f"{place[0] * wide:.1f},{place[1] * tall:.1f}"

    parts = [el("polygon", points=" ".join(at(p) for p in piece), class_="mask") for piece in picture.outlines]
    for box in picture.boxes:
        sides = {"x": f"{box.left * wide:.1f}", "y": f"{box.top * tall:.1f}"}
        size = {"width": f"{(box.right - box.left) * wide:.1f}", "height": f"{(box.bottom - box.top) * tall:.1f}"}
        parts.append(el("rect", **sides, **size, class_=f"b {box.kind}"))
        if box.label:
            parts.append(el("text", box.label, x=sides["x"], y=f"{box.top * tall + 9:.1f}", class_=f"l {box.kind}"))
    if picture.bones:
        path = " ".join(f"M{at(one)}L{at(other)}" for one, other in picture.bones)
        parts.append(el("path", d=path, class_="bone"))
    parts += [
        el("circle", cx=f"{x * wide:.1f}", cy=f"{y * tall:.1f}", r="1.6", class_="joint") for x, y in picture.joints
    ]
    view = f"0 0 {wide:.1f} {tall:g}"
    return el("svg", parts, viewBox=view, preserveAspectRatio="none", aria_hidden="true", class_="overlay")


def curve(facts: ContactCurve, marks: Sequence[float] = ()) -> Html:
    """The contact curve of a video, as wide as its strip: below each frame stands its moment.

    Touch is at the foot, out of reach at the top; stretches of contact are filled, those without sight hatched.

    Args:
        facts: the curve.
        marks: times of the frames of the strip.
    """
    times = list(facts.times)
    middles = [(one + other) / 2 for one, other in itertools.pairwise(times)]
    edges = [_x(time, facts) for time in (0.0, *middles, facts.duration)]  # of each frame's part of the time
    parts = [el("rect", x=0, y=TOP, width=WIDTH, height=HEIGHT - TOP, class_="ground")]
    for kind, flags in (("touch", list(facts.contact)), ("notseen", [not seen for seen in facts.seen])):
        end = 0
        for flag, stretch in itertools.groupby(flags):
            start, end = end, end + len(list(stretch))
            if not flag:
                continue
            left, wide = edges[start], f"{max(0.5, edges[end] - edges[start]):.1f}"
            parts.append(el("rect", x=f"{left:.1f}", y=TOP, width=wide, height=f"{HEIGHT - TOP:g}", class_=kind))
    for mark in marks:
        x = f"{_x(mark, facts):.1f}"
        parts.append(el("line", x1=x, x2=x, y1=TOP, y2=HEIGHT, class_="mark"))
    heights = [HEIGHT - 3 - gap * (HEIGHT - TOP - 6) for gap in facts.gap]
    line = " ".join(f"{_x(time, facts):.1f},{y:.1f}" for time, y in zip(times, heights, strict=True))
    parts.append(el("polyline", points=line, class_="gap"))
    drawing = el(
        "svg",
        parts,
        viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}",
        preserveAspectRatio="none",
        role="img",
        aria_label=f"Contact curve: contact in {share(sum(facts.contact), len(times))} of {len(times)} frames",
        class_="curve",
    )
    names = el("span", el("small", "out of reach"), el("small", "touch"), class_="ends", aria_hidden="true")
    return el("div", drawing, names, class_="contact")


def _x(time: float, facts: ContactCurve) -> float:
    return WIDTH * min(1.0, max(0.0, time / facts.duration)) if facts.duration > 0 else 0.0
