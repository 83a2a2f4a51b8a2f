"""What a number is: its label, whether it is a share, and which way is better."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from hoigen.errors import UsageError, nearest

Better = Literal["high", "low", ""]


@dataclass(frozen=True, slots=True)
class Column:
    """percent: a share, 0..1, that tables show in percent. better: "" where neither end is good by itself."""

    name: str
    label: str
    percent: bool = True
    better: Better = "high"
    headline: bool = True


VBENCH = (
    Column("subject_consistency", "Subject Consistency"),
    Column("background_consistency", "Background Consistency"),
    Column("motion_smoothness", "Motion Smoothness"),
    Column("aesthetic_quality", "Aesthetic Quality"),
    Column("imaging_quality", "Imaging Quality"),
    Column("temporal_flickering", "Temporal Flickering"),
    Column("overall_consistency", "Overall Consistency"),
)
KNOWN = {
    column.name: column
    for column in (
        *VBENCH,
        Column("coarse_hoi", "CoarseHOIScore"),
        Column("coarse_any", "Coarse, any interaction"),
        Column("coarse_pair", "Coarse, person and object"),
        Column("fine_hoi", "FineHOIScore"),
        Column("fine_hoi_8fps", "Fine, 8 fps"),
        Column("fine_contact", "Fine, contact"),
        Column("fine_whole", "Fine x contact x presence"),
        Column("fine_presence", "Fine, presence", headline=False),
        Column("fine_flips", "Fine, flips/s", percent=False, better="low", headline=False),
        Column("fine_longest", "Fine, longest contact, s", percent=False, headline=False),
        Column("fine_gap", "Fine, gap", better="low", headline=False),
        Column("hoi_lite", "hoi_lite"),
        Column("technical_quality", "Technical Quality"),
        Column("motion", "Motion", percent=False, better=""),
        Column("camera_motion", "Camera Motion", percent=False, better="", headline=False),
        Column("subject_motion", "Subject Motion", percent=False, better="", headline=False),
        Column("text_boxes", "Text Boxes", percent=False, better="low"),
        Column("text_area", "Text Area", better="low", headline=False),
        Column("duration", "Duration, s", percent=False, better="", headline=False),
        Column("short_side", "Short Side, px", percent=False, better="", headline=False),
        Column("fps", "Frame Rate", percent=False, better="", headline=False),
        Column("has_audio", "Has Audio", percent=False, better="", headline=False),
        Column("vfr", "Variable Frame Rate", percent=False, better="", headline=False),
    )
}
"""In the order in which tables have them; that of the paper's tables first."""


def column_of(name: str) -> Column:
    """What is known of a number; of one's own measures nothing but the name is."""
    return KNOWN.get(name) or Column(name, name, percent=False, better="")


def chosen(names: Iterable[str], owned: Iterable[str], wanted: Iterable[str] | None) -> list[Column]:
    """The columns of a table. names: all numbers there are. owned: those that bear their measure's own name.

    Without `wanted`: the headlines that are there, and of measures that are not known here the numbers that bear their
    name. Raises UsageError for a wanted one that is not there.
    """
    here = list(dict.fromkeys(names))
    if wanted is not None:
        for name in wanted:
            if name not in here:
                raise UsageError(f"--measures {name}: no such number in these runs{nearest(name, here)}")
        return [column_of(name) for name in dict.fromkeys(wanted)]
    known = [column for name, column in KNOWN.items() if name in here and column.headline]
    own = set(owned)
    return known + [column_of(name) for name in here if name in own and name not in KNOWN]


def judged(names: Iterable[str]) -> list[str]:
    """Of all numbers those that may be right or wrong about quality: one end is better, or nothing is known."""
    return [name for name in names if name not in KNOWN or KNOWN[name].better]
