"""The result as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from hoigen.claims.mixing import Decision, Mixing
from hoigen.claims.rates import BY_KIND, MATCHED, RATES, Rate
from hoigen.claims.result import CaptionerScores, CaptionEval, Comparison, JudgeScores
from hoigen.stats.agreement import Agreement
from hoigen.stats.resample import Estimate

SIGNS = {"low": "↓", "high": "↑", "": " "}
LOOSE = (
    "* contradiction-only: what cannot be told counts as right, a caption without claims as 100 %, all captions weigh\n"
    "  alike. For comparison with others' numbers alone: the vaguer a caption, the better it looks."
)


def table_of(result: CaptionEval) -> str:
    """All of it. ↓ lower is better, ↑ higher is better; in brackets 95 % intervals."""
    parts = [_captioners(result.captioners)]
    parts += [_comparison(pair, result.captioners) for pair in result.comparisons]
    parts += [_mixing(result.mixing)] if result.mixing else []
    parts += [_decision(result.decision)] if result.decision else []
    parts += [_people(result.people)] if result.people else []
    parts += [_judge(judge) for judge in result.judges]
    parts.append(
        f"in brackets: 95 % intervals, {result.draws:,} resamples of clips, seed {result.seed}; "
        f"↓ lower is better, ↑ higher is better\n{LOOSE}"
    )
    parts += ["\n".join(f"note: {note}" for note in result.notes)] if result.notes else []
    return "\n\n".join(parts)


def shown(number: Estimate, percent: bool = True, signed: bool = False) -> str:
    """`12.3 % [10.1, 14.9]`, `12.3 % (no interval)`, or `undefined`."""
    if number.value is None:
        return "undefined"
    value = _figure(number.value, percent, signed) + (" %" if percent else "")
    if number.low is None or number.high is None:
        return f"{value} (no interval)"
    return f"{value} [{_figure(number.low, percent, signed)}, {_figure(number.high, percent, signed)}]"


def _figure(value: float, percent: bool, signed: bool) -> str:
    sign = "+" if signed else ""
    return f"{100 * value:{sign}.1f}" if percent else f"{value:{sign}.2f}"


def _grid(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip_longest(*rows, fillvalue="")]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows
    )


def _reasons(named: Sequence[tuple[str, Estimate]]) -> str:
    """Why numbers are undefined or have no interval, each reason once."""
    found: dict[str, list[str]] = {}
    for name, number in named:
        reason = f"undefined: {number.reason}" if number.reason else f"no interval: {number.unsure}"
        if number.reason or number.unsure:
            found.setdefault(reason, []).append(name)
    return "".join(f"\n  {'; '.join(dict.fromkeys(names))}: {reason}" for reason, names in found.items())


def _label(rate: Rate) -> str:
    return f"{SIGNS[rate.better]} {rate.label}"


def _captioners(found: Sequence[CaptionerScores]) -> str:
    rows = [["", *(one.name for one in found)], ["  clips checked", *(f"{one.clips:,}" for one in found)]]
    if any(one.captions is not None for one in found):
        rows.append(["  captions given", *(f"{one.captions or 0:,}" for one in found)])
    verdicts = (f"{one.true:,} / {one.false:,} / {one.cannot_tell:,}" for one in found)
    rows.append(["  true / false / cannot tell", *verdicts])
    for rate in (RATES[0], MATCHED, *RATES[1:]):
        rows.append([_label(rate), *(shown(one.numbers[rate.name], rate.percent) for one in found)])
    for rate in BY_KIND:
        if any(rate.name in one.by_kind for one in found):
            cells = (shown(one.by_kind[rate.name]) if rate.name in one.by_kind else "–" for one in found)
            rows.append([_label(rate), *cells])
    return _grid(rows) + _reasons(_merged(found))


def _merged(found: Sequence[CaptionerScores]) -> list[tuple[str, Estimate]]:
    """Numbers by label, with the captioner's name unless the reason is the same for all of them."""
    merged: list[tuple[str, Estimate]] = []
    for rate in (*RATES, MATCHED, *BY_KIND):
        every = [(one.name, {**one.numbers, **one.by_kind}.get(rate.name)) for one in found]
        entries = [(name, number) for name, number in every if number is not None]
        alike = len({(number.reason, number.unsure) for _, number in entries}) == 1
        label = _plain_label(rate.name)
        merged += [(label, entries[0][1])] if alike else [(f"{label} ({name})", number) for name, number in entries]
    return merged


def _plain_label(name: str) -> str:
    return next(rate.label.removesuffix(" *") for rate in (*RATES, MATCHED, *BY_KIND) if rate.name == name).split(":")[
        0
    ]


def _comparison(pair: Comparison, known: Sequence[CaptionerScores]) -> str:
    lines = [f"{pair.second} less {pair.first}, on the {pair.clips:,} clips where both were checked"]
    told = {number.reason for one in known for number in one.numbers.values()}
    rows = []
    for rate in (RATES[0], MATCHED, *RATES[1:]):
        number = pair.differences[rate.name]
        if not number.defined:
            continue
        seen = pair.seen_from.get(rate.name)
        least = "" if seen is None else f"detectable from {_figure(seen, rate.percent, False)}"
        text = shown(number, rate.percent, signed=True).replace(" %", " points" if rate.percent else "")
        rows.append([_label(rate), text, least])
    lines += [_grid(rows)] if rows else []
    if pair.swap_p is not None and pair.swap_p_holm is not None:
        told_p = f"p = {_p(pair.swap_p)}, {_p(pair.swap_p_holm)} after Holm"
        lines.append(f"  were both alike, H would differ as much with {told_p} (swap test)")
    else:
        lines.append(f"  swap test: undefined: {pair.swap_reason}")
    if pair.mcnemar is not None:
        test = pair.mcnemar
        lines.append(
            f"  a false claim only in {pair.first} on {test.first_only:,} clips, only in {pair.second} on "
            f"{test.second_only:,}: McNemar exact p = {_p(test.exact)}, mid-p = {_p(test.mid_p)}"
        )
    named = [(_plain_label(name), number) for name, number in pair.differences.items()]
    named = [(name, number) for name, number in named if number.defined or number.reason not in told]
    return "\n".join(lines) + _reasons(named)


def _p(p: float) -> str:
    return "0.0001 or less" if p <= 0.0001 else f"{p:.4f}"


def _mixing(found: Mixing) -> str:
    n = found.numbers
    words = "their key" if found.keyed else "their words alone (give a column key)"
    rows = [
        ["  both drafts have a false claim", shown(n["both_wrong"]), f"of clips; {_expected(found)}"],
        ["  both have one of the same kind", shown(n["same_kind"]), "of clips"],
        ["  both make the same false claim", shown(n["same_claim"]), "of clips: the mixture cannot see it"],
        ["  false claims that are in both drafts", shown(n["shared"]), "of the drafts' false claims"],
        ["↓ of those in both, kept", shown(n["kept_shared"]), _of(n["kept_shared"])],
        ["↓ of those in one draft alone, kept", shown(n["kept_single"]), _of(n["kept_single"])],
        ["↓ false claims introduced a clip", shown(n["introduced"], False), ""],
        ["↑ clips with an error, all mended", shown(n["clips_fixed"]), _of(n["clips_fixed"])],
        ["↓ clips without an error, spoiled", shown(n["clips_spoiled"]), _of(n["clips_spoiled"])],
    ]
    made = f"{found.mixture}, made of {found.first} and {found.second}"
    title = f"{made}, {found.clips:,} clips; claims are matched by {words}"
    named = [(name, number) for name, number in n.items()]
    return f"{title}\n{_grid(rows)}{_reasons(named)}"


def _expected(found: Mixing) -> str:
    return f"{100 * found.by_chance / found.clips:.1f} % if they erred independently"


def _of(number: Estimate) -> str:
    return f"{number.top:.0f} of {number.bottom:.0f}" if number.top is not None and number.bottom is not None else ""


def _decision(found: Decision) -> str:
    rows = [
        ["↑ precision of “they differ”", shown(found.precision), _of(found.precision)],
        ["↑ recall", shown(found.recall), _of(found.recall)],
        ["↑ recall of errors in one draft alone", shown(found.recall_visible), _of(found.recall_visible)],
    ]
    numbers = (("precision", found.precision), ("recall", found.recall), ("visible", found.recall_visible))
    title = f"the decision expert, {found.clips:,} clips: does “they differ” mean that a draft has a false claim?"
    return f"{title}\n{_grid(rows)}{_reasons(numbers)}"


def _people(found: Sequence[Agreement]) -> str:
    return "\n".join(["agreement of people", *(line for one in found for line in _agreement(one))])


def _agreement(found: Agreement) -> Iterator[str]:
    names = {"raw": "raw", "kappa": "Cohen's kappa", "ac1": "Gwet's AC1", "alpha": "Krippendorff's alpha"}
    four = ",  ".join(
        f"{names[name]} {shown(number, False)}" for name, number in found.numbers.items() if number.defined
    )
    yield f"  {', '.join(found.between)}: {found.units:,} claims; {four or 'all undefined'}"
    reasons = _reasons([(names[name], number) for name, number in found.numbers.items()])
    if reasons:
        yield reasons.lstrip("\n").replace("\n  ", "\n    ").replace("  ", "    ", 1)


def _judge(found: JudgeScores) -> str:
    lines = [f"automatic judge {found.name}, beside people (in no number above)", *_agreement(found.agreement)]
    rows = [
        ["  ↑ of what it calls false, false to people", shown(found.false_precision), _of(found.false_precision)],
        ["  ↑ of what people call false, it finds", shown(found.false_recall), _of(found.false_recall)],
    ]
    lines.append(_grid(rows))
    heads = ["  H", "people", "judge, same claims", "judge, all its claims"]
    table = [
        [f"  {name}", shown(one.people), shown(one.judge), shown(one.judge_all)]
        for name, one in found.captioners.items()
    ]
    named = [("precision", found.false_precision), ("recall", found.false_recall)]
    return "\n".join([*lines, _grid([heads, *table])]) + _reasons(named)
