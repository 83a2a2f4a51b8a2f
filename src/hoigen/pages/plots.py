"""The figures of a dataset, drawn with matplotlib: for a paper as SVG and PNG, and for a page that is light or dark."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hoigen.dataset.statistics import PAPER_LENGTHS, Spread, Statistics

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, SOFT, LINE, PAPER = "#15181b", "#565d66", "#dcdcd5", "#ffffff"
KEPT, DROP, THIRD, ELSE = "#0b7a68", "#e0702b", "#6a4fb3", "#c3c6ca"
PAGE_COLOURS = {
    INK: "var(--ink)",
    SOFT: "var(--soft)",
    LINE: "var(--line)",
    KEPT: "var(--kept)",
    DROP: "var(--drop)",
    THIRD: "var(--third)",
    ELSE: "var(--else)",
    PAPER: "var(--page)",
}
"""What stands on a page for each colour, so that one drawing is right in light and dark."""
SHOWN = 26
"""Bars of a circle."""
LONGEST = 22
"""Characters of a name on a figure."""
DPI = 300
ALSO = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei",
    "Droid Sans Fallback", "Hiragino Sans", "PingFang SC", "Microsoft YaHei", "Yu Gothic", "Malgun Gothic",
    "Noto Sans Devanagari", "Noto Sans Bengali", "Noto Sans Thai", "Arial Unicode MS",
)  # fmt: skip
"""Fonts of common systems for letters that matplotlib's own lacks; those that are there are asked in this order."""
STYLE: Mapping[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.parse_math": False,
    "text.color": INK,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": SOFT,
    "axes.labelsize": 8.5,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "svg.hashsalt": "hoigen",
}
Draw = Callable[["Figure", Statistics], None]


def figures(found: Statistics) -> dict[str, tuple[Draw, tuple[float, float], str]]:
    """The figures that can be drawn of a dataset: name -> (how, size in inches, what it shows).

    Args:
        found: what was counted.
    """
    named: dict[str, tuple[Draw, tuple[float, float], str]] = {
        "figure3": (_figure3, (7.2, 5.0), "Kinds of interaction, durations, resolutions and motion of the clips")
    }
    if found.lengths is not None:
        named["caption_length"] = (_lengths, (7.2, 2.7), "Words of a caption, and the mean of other datasets")
    if found.objects and found.actions:
        named["figure5"] = (_figure5, (10.4, 5.3), "The commonest objects and actions, by the clips that have them")
    if found.words is not None:
        named["words"] = (_words, (7.2, 3.6), "The commonest words of the captions")
    if found.objects and found.actions:
        named["long_tail"] = (_tails, (7.2, 3.0), "How often each object, action and word occurs, by its rank")
        if found.growth[-1][0] > 1:  # one clip is a point
            named["growth"] = (_growth, (7.2, 3.2), "Different objects, actions and pairs that so many clips name")
    if found.matrix is not None:
        named["matrix"] = (_matrix, (7.6, 6.6), "Clips that show an action done to an object")
    named["sources"] = (_sources, (7.2, max(1.6, 0.34 * min(12, len(found.sources)) + 0.9)), "Clips by source")
    if found.balance:
        named["balance"] = (_balance, (7.2, max(1.8, 0.27 * min(24, len(found.balance)) + 0.9)), "Groups of the quota")
    return named


def drawn(found: Statistics, name: str, kind: str) -> bytes:
    """A figure as a file.

    Args:
        found: what was counted.
        name: of `figures`.
        kind: `svg`, its letters as shapes, `png` (300 dpi), or `page`: SVG with letters as text and the colours of the
            page it stands in.
    """
    draw, size, about = figures(found)[name]
    with _styled(kind):
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        draw(figure, found)
        out = io.BytesIO()
        if kind == "png":
            figure.savefig(out, format="png", dpi=DPI)
            return out.getvalue()
        figure.savefig(out, format="svg", metadata={"Date": None, "Title": f"{about}: {found.name}"})
    data = out.getvalue()
    return _for_page(data.decode(), about, name).encode() if kind == "page" else data


@contextmanager
def _styled(kind: str) -> Iterator[None]:
    import logging
    import warnings

    import matplotlib

    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    families = STYLE["font.family"] if kind == "page" else _families()  # a browser has fonts of its own
    with (
        matplotlib.rc_context({**STYLE, "font.family": families, "svg.fonttype": "none" if kind == "page" else "path"}),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # letters that no font has are boxes
        yield


def _families() -> list[str]:
    """The fonts of this machine that figures are drawn with, the first before the others."""
    from matplotlib import font_manager

    there = {font.name for font in font_manager.fontManager.ttflist}
    return [STYLE["font.family"], *(name for name in ALSO if name in there)]


def _for_page(svg: str, about: str, name: str) -> str:
    """An SVG as a part of a page: no head, its own ids, the page's colours and letters."""
    found = svg[svg.index("<svg") :]
    found = re.sub(r"<metadata>.*?</metadata>|<title>.*?</title>|<!--.*?-->", "", found, flags=re.DOTALL)
    for colour, variable in PAGE_COLOURS.items():
        found = found.replace(colour, variable)
    found = re.sub(r'(?:(?<= id=")|(?<=href="#)|(?<=url\(#))', f"{name}-", found)
    found = found.replace("'DejaVu Sans'", "var(--sans)")
    head = re.match(r"<svg[^>]*>", found)
    assert head is not None
    box = re.search(r'viewBox="[^"]*"', head[0])
    opened = f'<svg xmlns:xlink="http://www.w3.org/1999/xlink" {box[0] if box else ""} role="img" aria-label="{about}">'
    return opened + found[head.end() :]


def name_of(text: str) -> str:
    """A name as a figure has room for it."""
    clean = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    return clean if len(clean) <= LONGEST else f"{clean[: LONGEST - 1]}…"


def _figure3(figure: Figure, found: Statistics) -> None:
    (kinds, durations), (sizes, motion) = figure.subplots(2, 2)
    if found.interactions is None:
        _nothing(kinds, "Kinds of interaction", "no categories yet")
    else:
        _shares(kinds, "Kinds of interaction", found.interactions, (KEPT, THIRD, DROP))
    _bars(durations, "Duration", found.durations, "seconds", KEPT)
    _shares(sizes, "Resolution, short side", found.resolutions, (KEPT,))
    if found.motion is None:
        _nothing(motion, "Motion", "not measured")
    else:
        _bars(motion, "Motion", found.motion, found.motion_of, THIRD)


def _nothing(axes: Axes, title: str, why: str) -> None:
    axes.set_title(title)
    axes.set_axis_off()
    axes.text(0, 0.9, why, color=SOFT, transform=axes.transAxes, va="top")


def _shares(axes: Axes, title: str, counts: Mapping[str, int], colours: Sequence[str]) -> None:
    """Bars to the right, each with its number and share."""
    axes.set_title(title)
    total = sum(counts.values()) or 1
    names = list(counts)
    places = range(len(names))
    tints = [ELSE if name in ("none found", "not told", "not known") else colours[at % len(colours)]
             for at, name in enumerate(names)]  # fmt: skip
    axes.barh(places, [counts[name] for name in names], color=tints, height=0.62)
    most = max(counts.values(), default=1)
    for at, name in zip(places, names, strict=True):
        share = f"{100 * counts[name] / total:.0f} %"
        axes.text(counts[name] + 0.02 * most, at, f"{counts[name]:,}  ({share})", va="center", fontsize=8, color=SOFT)
    axes.set_yticks(list(places), [name_of(name) for name in names])
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.set_ylim(max(3.4, len(names)) - 0.5, -0.5)
    axes.set_xlim(0, most * 1.42)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.spines["left"].set_visible(False)


def _bars(axes: Axes, title: str, spread: Spread, unit: str, colour: str) -> None:
    axes.set_title(title)
    edges = [spread.low + (at + 0.5) * spread.width for at in range(len(spread.bars))]
    axes.bar(edges, spread.bars, width=spread.width * 0.9, color=colour)
    axes.set_xlabel(unit)
    axes.set_ylabel("clips")
    axes.yaxis.set_major_formatter(_thousands())
    axes.yaxis.set_major_locator(_whole(4))
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    top = max(spread.bars, default=1)
    axes.set_ylim(0, top * 1.22)
    if spread.median is not None:
        axes.axvline(spread.median, color=INK, linewidth=0.9, linestyle=(0, (4, 2)), ymax=0.88)
        right = spread.median < spread.low + 0.6 * spread.width * len(spread.bars)
        beside = (5 if right else -5, 0)
        axes.annotate(
            f"median {spread.median:.3g}", (spread.median, top * 1.1), beside, textcoords="offset points", fontsize=8,
            ha="left" if right else "right", va="center", color=INK,
        )  # fmt: skip


def _thousands() -> Any:
    from matplotlib.ticker import FuncFormatter

    return FuncFormatter(lambda value, _: f"{value:,.0f}" if value == round(value) else f"{value:g}")


def _whole(most: int) -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(most, integer=True)


def _lengths(figure: Figure, found: Statistics) -> None:
    axes = figure.subplots()
    assert found.lengths is not None
    _bars(axes, "Caption length", found.lengths, "words", KEPT)
    for line in list(axes.lines):
        line.remove()
    for note in list(axes.texts):
        note.remove()
    top = max(found.lengths.bars, default=1)
    marks = sorted([*((value, f"{name} {value:g}") for name, value in PAPER_LENGTHS.items()),
                    (found.lengths.mean or 0.0, f"here {found.lengths.mean:.1f}")])  # fmt: skip
    end = (
        max([found.lengths.low + found.lengths.width * len(found.lengths.bars), *(value for value, _ in marks)]) * 1.05
    )
    axes.set_xlim(0, end)
    axes.set_ylim(0, top * 1.75)
    axes.yaxis.set_major_locator(_whole(4))
    for at, (value, name) in enumerate(marks):
        ours = name.startswith("here")
        high = 1.66 - 0.155 * at
        axes.plot([value, value], [0, top * high], color=INK if ours else DROP, linewidth=1.0,
                  linestyle="-" if ours else (0, (3, 2)))  # fmt: skip
        left = value > 0.75 * end
        axes.annotate(
            name, (value, top * high), (-4 if left else 4, 0), textcoords="offset points", va="center",
            ha="right" if left else "left", fontsize=8, color=INK, fontweight="bold" if ours else "normal",
        )  # fmt: skip


def _figure5(figure: Figure, found: Statistics) -> None:
    """The commonest, round a circle from the top; a bar is as long as the root of its number."""
    assert found.objects is not None
    assert found.actions is not None
    hole = 0.62
    both = (found.objects, "objects", KEPT), (found.actions, "actions", THIRD)
    for place, (terms, what, colour) in enumerate(both, start=1):
        axes: Any = figure.add_subplot(1, 2, place, projection="polar")
        some = terms.commonest[:SHOWN]
        step = 2 * math.pi / max(len(some), 8)
        most = math.sqrt(some[0][1])
        axes.set_theta_zero_location("N")
        axes.set_theta_direction(-1)
        for at, (name, many) in enumerate(some):
            angle, long = at * step, math.sqrt(many) / most
            axes.bar(angle, long, width=step * 0.82, bottom=hole, color=colour, alpha=0.45 + 0.55 * long, linewidth=0)
            degrees = 90 - math.degrees(angle)
            flip = 90 < degrees % 360 < 270
            axes.text(
                angle, hole + long + 0.05, f"{name_of(name)}  {many:,}", rotation=degrees + 180 if flip else degrees,
                rotation_mode="anchor", ha="right" if flip else "left", va="center", fontsize=8.6, color=INK,
            )  # fmt: skip
        axes.text(0, 0, f"{terms.kinds:,}\n{what}", ha="center", va="center", fontsize=12, fontweight="bold", color=INK)
        axes.set_ylim(0, hole + 1.46)
        axes.set_axis_off()


def _words(figure: Figure, found: Statistics) -> None:
    assert found.words is not None
    some = found.words.commonest[:36]
    columns = figure.subplots(1, 3, sharex=True)
    most = some[0][1]
    for at, axes in enumerate(columns):
        part = some[at * 12 : at * 12 + 12]
        axes.barh(range(len(part)), [many for _, many in part], color=KEPT, height=0.62)
        for place, (_, many) in enumerate(part):
            axes.text(many + 0.02 * most, place, f"{many:,}", va="center", fontsize=7.5, color=SOFT)
        axes.set_yticks(range(len(part)), [name_of(name) for name, _ in part])
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.set_ylim(11.5, -0.5)
        axes.set_xlim(0, most * 1.25)
        axes.set_xticks([])
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)
    columns[0].set_title("Commonest words")


def _tails(figure: Figure, found: Statistics) -> None:
    axes = figure.subplots()
    axes.set_title("Long tail")
    for terms, name, colour in ((found.words, "words", ELSE), (found.objects, "objects", KEPT),
                                (found.actions, "actions", THIRD)):  # fmt: skip
        if terms is not None:
            ranks, often = zip(*terms.tail, strict=True)
            label = f"{terms.kinds:,} {name}, {terms.once:,} of them once"
            axes.plot(ranks, often, color=colour, linewidth=1.8, label=label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.8)  # nothing occurs less than once, also where the axis would go by that alone
    axes.set_xlabel("rank")
    axes.set_ylabel("how often")
    axes.grid(which="major")
    axes.set_axisbelow(True)
    _plain_logs(axes)
    axes.legend(frameon=False, fontsize=8, loc="upper right", labelcolor=INK)


def _growth(figure: Figure, found: Statistics) -> None:
    axes = figure.subplots()
    axes.set_title("Vocabulary growth")
    clips, *columns = zip(*found.growth, strict=True)
    ends: dict[int, list[str]] = {}  # lines that end at one place share a name there
    for numbers, name, colour in zip(columns, ("objects", "actions", "pairs"), (KEPT, THIRD, DROP), strict=True):
        axes.plot(clips, numbers, color=colour, linewidth=1.8)
        ends.setdefault(numbers[-1], []).append(name)
    for last, names in ends.items():
        axes.annotate(f"{last:,} {', '.join(names)}", (clips[-1], last), (5, 0), textcoords="offset points",
                      va="center", fontsize=8, color=INK, annotation_clip=False)  # fmt: skip
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(1, clips[-1] * 1.02 if clips[-1] > 1 else 2)
    axes.set_xlabel("clips, in an order by chance")
    axes.set_ylabel("different names")
    axes.grid(which="major")
    axes.set_axisbelow(True)
    _plain_logs(axes)


def _plain_logs(axes: Axes) -> None:
    from matplotlib.ticker import NullFormatter

    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(_thousands())
        axis.set_minor_formatter(NullFormatter())


def _matrix(figure: Figure, found: Statistics) -> None:
    from matplotlib.patches import Rectangle

    assert found.matrix is not None
    verbs, things, cells = found.matrix
    axes = figure.subplots()
    most = max((many for row in cells for many in row), default=1) or 1
    for y, row in enumerate(cells):
        for x, many in enumerate(row):
            colour, strength = LINE, 0.45
            if many:
                colour, strength = KEPT, 0.18 + 0.82 * math.log1p(many) / math.log1p(most)
            axes.add_patch(Rectangle((x - 0.47, y - 0.47), 0.94, 0.94, linewidth=0, facecolor=colour, alpha=strength))
            if many and len(things) <= 24:
                strong = math.log1p(many) / math.log1p(most) > 0.55
                axes.text(x, y, f"{many:,}" if many < 10_000 else f"{many / 1000:.0f}K", ha="center", va="center",
                          fontsize=5.6, color=PAPER if strong else INK)  # fmt: skip
    axes.set_xlim(-0.5, len(things) - 0.5)
    axes.set_ylim(len(verbs) - 0.5, -0.5)
    axes.set_yticks(range(len(verbs)), [name_of(verb) for verb in verbs])
    axes.set_xticks(range(len(things)), [name_of(thing) for thing in things], rotation=48, ha="left", va="bottom",
                    rotation_mode="anchor")  # fmt: skip
    axes.xaxis.tick_top()
    axes.tick_params(length=0, labelcolor=INK, labelsize=7.6)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _sources(figure: Figure, found: Statistics) -> None:
    some = dict(list(found.sources.items())[:12])
    if left := list(found.sources.values())[12:]:
        some[f"{len(left)} others"] = (sum(many for many, _ in left), sum(seconds for _, seconds in left))
    _shares(figure.subplots(), "Sources", {name: many for name, (many, _) in some.items()}, (KEPT,))


def _balance(figure: Figure, found: Statistics) -> None:
    axes = figure.subplots()
    axes.set_title("Balance: clips that come to the quota, and that stay")
    some = found.balance[:24]
    places = range(len(some))
    most = max(came for _, came, _ in some)
    axes.barh(places, [came for _, came, _ in some], color=ELSE, height=0.68)
    axes.barh(places, [stay for _, _, stay in some], color=KEPT, height=0.68)
    for at, (_, came, stay) in enumerate(some):
        axes.text(came + 0.01 * most, at, f"{stay:,} of {came:,}", va="center", fontsize=7.5, color=SOFT)
    axes.set_yticks(list(places), [name_of(name) for name, _, _ in some])
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.set_ylim(max(3.4, len(some)) - 0.5, -0.5)
    axes.set_xlim(0, most * 1.18)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.spines["left"].set_visible(False)
