"""Boxes: what they cover, share and are apart. In pixels or in 0..1 of the picture, as long as both are alike."""

from __future__ import annotations

from hoigen.observe.detections import Box


def area(box: Box) -> float:
    """Area of a box; never zero."""
    return max(1e-9, (box[2] - box[0]) * (box[3] - box[1]))


def shared(a: Box, b: Box) -> float:
    """Area that two boxes share."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return max(0.0, width) * max(0.0, height)


def over(a: Box, b: Box) -> float:
    """Intersection over union of two boxes."""
    both = shared(a, b)
    return both / max(1e-9, area(a) + area(b) - both)


def around(one: Box, other: Box) -> Box:
    """The smallest box that holds both."""
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])


def middle(box: Box) -> tuple[float, float]:
    """The point in the middle of a box."""
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def in_pixels(box: Box, size: tuple[int, int]) -> Box:
    """A box in 0..1 as pixels. size: (width, height) of the picture."""
    width, height = size
    return box[0] * width, box[1] * height, box[2] * width, box[3] * height


def in_shares(box: Box, size: tuple[int, int]) -> Box:
    """A box in pixels as 0..1. size: (width, height) of the picture."""
    width, height = size
    return box[0] / width, box[1] / height, box[2] / width, box[3] / height
