"""What caption-eval returns, and how it is written: a table for a terminal, JSON, CSV with one number a row."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Literal

from hoigen.core.errors import UsageError
from hoigen.core.harmless import cell
from hoigen.core.stats.agreement import Agreement
from hoigen.core.stats.paired import McNemar
from hoigen.core.stats.resample import Estimate
from hoigen.core.words import plural
from hoigen.evaluation.captions.mixing import Decision, Mixing
from hoigen.evaluation.captions.rates import BY_KIND, MATCHED, RATES, Rate

Format = Literal["table", "json", "csv"]
COLUMNS = ("part", "of", "against", "name", "value", "low", "high", "top", "bottom", "reason")
"""Of the CSV."""
SIGNS = {"low": "↓", "high": "↑", "": " "}
LOOSE = (
    "* contradiction-only: what cannot be told counts as right, a caption without claims as 100 %, all captions weigh\n"
    "  alike. For comparison with others' numbers alone: the vaguer a caption, the better it looks."
)
Line = tuple[str, str, str, str, Estimate]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionerScores:
    """One captioner.

    Args:
        name: as the claims file has it.
        clips: how many have a checked caption.
        captions: all that were given; None without a captions file.
        true: claims with that verdict.
        false: claims with that verdict.
        cannot_tell: claims with that verdict.
        numbers: by the names of `rates.RATES` and `hallucination_matched`.
        by_kind: H of the claims of a kind.
    """

    name: str
    clips: int
    captions: int | None
    true: int
    false: int
    cannot_tell: int
    numbers: Mapping[str, Estimate]
    by_kind: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two captioners on the clips where both were checked.

    Args:
        first: a captioner.
        second: the other one.
        clips: how many both have.
        differences: `second` less `first`, by name of the rate.
        seen_from: the minimum detectable effect: the smallest true difference that a study of this size finds in 4 of 5
            cases (5 % level, two-sided); a name is missing where there is no interval.
        mcnemar: of captions with a false claim; None without clips.
        swap_p: of the difference in H, two-sided; None where it is undefined.
        swap_p_holm: the same, corrected for all comparisons of this call.
        swap_reason: why swap_p is None.
    """

    first: str
    second: str
    clips: int
    differences: Mapping[str, Estimate]
    seen_from: Mapping[str, float]
    mcnemar: McNemar | None
    swap_p: float | None
    swap_p_holm: float | None
    swap_reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeScores:
    """An automatic judge compared with people. Nothing of it enters any other number.

    Args:
        name: of the judge's model.
        agreement: with the people's verdicts, claim by claim.
        false_precision: of the claims that it calls false and people checked, those that people call false too.
        false_recall: of those that people call false, those that it does.
        captioners: H by captioner: by `people` and by the `judge` on the claims that both checked, and by the judge on
            all that it judged (`judge_all`).
    """

    name: str
    agreement: Agreement
    false_precision: Estimate
    false_recall: Estimate
    captioners: Mapping[str, Mapping[str, Estimate]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionEval:
    """Captioners against checked claims. Its text is what `format` says.

    Args:
        captioners: each on all its checked clips.
        comparisons: of pairs of captioners.
        mixing: of a mixture and its drafts; None when the files do not hold what it needs.
        decision: of the mixture's decision expert; None as above.
        people: agreement of all annotators, then of each two of them; empty when nobody rated what another did.
        judges: automatic judges.
        notes: what a reader should know before believing a number.
        draws: resamples of clips behind each interval.
        seed: of the resamples.
        format: how it is written as text.
    """

    captioners: tuple[CaptionerScores, ...]
    comparisons: tuple[Comparison, ...]
    mixing: Mixing | None
    decision: Decision | None
    people: tuple[Agreement, ...]
    judges: tuple[JudgeScores, ...]
    notes: tuple[str, ...]
    draws: int
    seed: int
    format: Format = "table"

    def __str__(self) -> str:
        return {"table": table_of, "json": json_of, "csv": csv_of}[self.format](self).rstrip("\n")


# files


def save(result: CaptionEval, path: Path) -> None:
    """Writes a file, whole or not at all.

    Args:
        result: what is written.
        path: ends in .json or .csv.
    """
    from hoigen.data.files import write_text

    try:
        write_text(path, csv_of(result) if path.suffix.lower() == ".csv" else json_of(result))
    except OSError as error:
        raise UsageError(f"--out {path} cannot be written: {error.strerror}") from None


def check_out(path: Path | None) -> None:
    """Raises UsageError when a result could not be written there."""
    if path is None:
        return
    if path.suffix.lower() not in (".json", ".csv"):
        raise UsageError(f"--out {path}: a file that ends in .json or .csv")
    if not path.parent.is_dir():
        raise UsageError(f"--out {path}: no such folder {path.parent}")
    if path.is_dir():
        raise UsageError(f"--out {path} is a folder; give the name of a file")


def json_of(result: CaptionEval) -> str:
    """All fields of the result; what is undefined is null beside its reason."""
    facts = asdict(result)
    del facts["format"]
    return json.dumps(facts, ensure_ascii=False, allow_nan=False, indent=2) + "\n"


def csv_of(result: CaptionEval) -> str:
    """One number a row, its interval beside it; cells are empty where there is nothing, and reason says why."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for part, of, against, name, number in _lines(result):
        cells = (number.value, number.low, number.high, number.top, number.bottom)
        numbers = ["" if cell is None else repr(cell) for cell in cells]
        texts = [cell(text) for text in (part, of, against, name)]
        writer.writerow([*texts, *numbers, cell(number.reason or number.unsure or "")])
    return out.getvalue()


def _lines(result: CaptionEval) -> Iterator[Line]:
    for captioner in result.captioners:
        counts = {name: getattr(captioner, name) for name in ("clips", "captions", "true", "false", "cannot_tell")}
        for name, count in counts.items():
            if count is not None:
                yield "captioner", captioner.name, "", name, _plain(count)
        yield from (("captioner", captioner.name, "", name, number) for name, number in captioner.numbers.items())
        yield from (("kind", captioner.name, "", name, number) for name, number in captioner.by_kind.items())
    for pair in result.comparisons:
        ends = ("difference", pair.second, pair.first)
        yield *ends, "clips", _plain(pair.clips)
        yield from ((*ends, name, number) for name, number in pair.differences.items())
        yield from ((*ends, f"seen_from {name}", _plain(value)) for name, value in pair.seen_from.items())
        if pair.mcnemar is not None:
            yield from ((*ends, f"mcnemar {name}", _plain(value)) for name, value in asdict(pair.mcnemar).items())
        ps = {"swap_p": pair.swap_p, "swap_p_holm": pair.swap_p_holm}
        yield from ((*ends, name, _plain(value, pair.swap_reason)) for name, value in ps.items())
    if result.mixing is not None:
        whose = ("mixture", result.mixing.mixture, f"{result.mixing.first} + {result.mixing.second}")
        for name in ("clips", "first_wrong", "second_wrong", "by_chance"):
            yield *whose, name, _plain(getattr(result.mixing, name))
        yield from ((*whose, name, number) for name, number in result.mixing.numbers.items())
    if result.decision is not None:
        for name, value in asdict(result.decision).items():
            found = getattr(result.decision, name)
            yield "decision", "", "", name, found if isinstance(found, Estimate) else _plain(value)
    for agreement in result.people:
        yield from _agreement_lines("people", agreement)
    for judge in result.judges:
        yield from _agreement_lines("judge", judge.agreement)
        yield "judge", judge.name, "people", "false_precision", judge.false_precision
        yield "judge", judge.name, "people", "false_recall", judge.false_recall
        for of, rates in judge.captioners.items():
            yield from (("judge", judge.name, of, f"hallucination {name}", rate) for name, rate in rates.items())


def _agreement_lines(part: str, found: Agreement) -> Iterator[Line]:
    of, against = found.between[-1], " + ".join(found.between[:-1])
    yield part, of, against, "units", _plain(found.units)
    yield from ((part, of, against, name, number) for name, number in found.numbers.items())
    for one, others in found.confusion.items():
        yield from ((part, of, against, f"{one} / {other}", _plain(count)) for other, count in others.items())


def _plain(value: float | None, reason: str = "") -> Estimate:
    return Estimate(value=value, reason="" if value is not None else reason or "not computed")


# a table


def table_of(result: CaptionEval) -> str:
    """All of it. ↓ lower is better, ↑ higher is better; in brackets 95 % intervals."""
    parts = [_captioners(result.captioners)]
    parts += [_comparison(pair, result.captioners) for pair in result.comparisons]
    parts += [_mixing(result.mixing)] if result.mixing else []
    if (said := result.decision) is not None:
        rows = [
            ["↑ precision of “they differ”", shown(said.precision), _of(said.precision)],
            ["↑ recall", shown(said.recall), _of(said.recall)],
            ["↑ recall of errors in one draft alone", shown(said.recall_visible), _of(said.recall_visible)],
        ]
        numbers = (("precision", said.precision), ("recall", said.recall), ("visible", said.recall_visible))
        title = (
            f"the decision expert, {plural(said.clips, 'clip')}: does “they differ” mean that a draft has a false "
            f"claim?"
        )
        parts.append(f"{title}\n{_grid(rows)}{_reasons(numbers)}")
    if result.people:
        parts.append("\n".join(["agreement of people", *(line for one in result.people for line in _agreed(one))]))
    parts += [_judge(judge) for judge in result.judges]
    parts.append(
        f"in brackets: 95 % intervals, {result.draws:,} resamples of clips, seed {result.seed}; "
        f"↓ lower is better, ↑ higher is better\n{LOOSE}"
    )
    parts += ["\n".join(f"note: {note}" for note in result.notes)] if result.notes else []
    return "\n\n".join(parts)


def shown(number: Estimate, percent: bool = True, signed: bool = False) -> str:
    """`12.3 % [10.1, 14.9]`, `12.3 % (no interval)`, or `undefined`.

    Args:
        number: what is shown.
        percent: times 100, with one decimal and the sign %; else two decimals.
        signed: + before what is above 0.
    """
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


PLAIN = {rate.name: rate.label.removesuffix(" *").split(":")[0] for rate in (*RATES, MATCHED, *BY_KIND)}
"""Names of the rates where reasons are given."""


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
    named: list[tuple[str, Estimate]] = []
    for rate in (*RATES, MATCHED, *BY_KIND):  # with the captioner's name unless the reason is the same for all of them
        every = [(one.name, {**one.numbers, **one.by_kind}.get(rate.name)) for one in found]
        entries = [(name, number) for name, number in every if number is not None]
        alike = len({(number.reason, number.unsure) for _, number in entries}) == 1
        label = PLAIN[rate.name]
        named += [(label, entries[0][1])] if alike else [(f"{label} ({name})", number) for name, number in entries]
    return _grid(rows) + _reasons(named)


def _comparison(pair: Comparison, known: Sequence[CaptionerScores]) -> str:
    lines = [f"{pair.second} less {pair.first}, on the {plural(pair.clips, 'clip')} where both were checked"]
    given = {number.reason for one in known for number in one.numbers.values()}
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
        ps = f"p = {_p(pair.swap_p)}, {_p(pair.swap_p_holm)} after Holm"
        lines.append(f"  were both alike, H would differ as much with {ps} (swap test)")
    else:
        lines.append(f"  swap test: undefined: {pair.swap_reason}")
    if pair.mcnemar is not None:
        test = pair.mcnemar
        lines.append(
            f"  a false claim only in {pair.first} on {plural(test.first_only, 'clip')}, only in {pair.second} on "
            f"{test.second_only:,}: McNemar exact p = {_p(test.exact)}, mid-p = {_p(test.mid_p)}"
        )
    named = [(PLAIN[name], number) for name, number in pair.differences.items()]
    named = [(name, number) for name, number in named if number.defined or number.reason not in given]
    return "\n".join(lines) + _reasons(named)


def _p(p: float) -> str:
    return "0.0001 or less" if p <= 0.0001 else f"{p:.4f}"


def _mixing(found: Mixing) -> str:
    n = found.numbers
    by_chance = f"of clips; {100 * found.by_chance / found.clips:.1f} % if they erred independently"
    words = "their key" if found.keyed else "their words alone (give a column key)"
    rows = [
        ["  both drafts have a false claim", shown(n["both_wrong"]), by_chance],
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
    title = f"{made}, {plural(found.clips, 'clip')}; claims are matched by {words}"
    named = [(name, number) for name, number in n.items()]
    return f"{title}\n{_grid(rows)}{_reasons(named)}"


def _of(number: Estimate) -> str:
    return f"{number.top:.0f} of {number.bottom:.0f}" if number.top is not None and number.bottom is not None else ""


def _agreed(found: Agreement) -> Iterator[str]:
    names = {"raw": "raw", "kappa": "Cohen's kappa", "ac1": "Gwet's AC1", "alpha": "Krippendorff's alpha"}
    four = ",  ".join(
        f"{names[name]} {shown(number, False)}" for name, number in found.numbers.items() if number.defined
    )
    yield f"  {', '.join(found.between)}: {found.units:,} claims; {four or 'all undefined'}"
    reasons = _reasons([(names[name], number) for name, number in found.numbers.items()])
    if reasons:
        yield reasons.lstrip("\n").replace("\n  ", "\n    ").replace("  ", "    ", 1)


def _judge(found: JudgeScores) -> str:
    lines = [f"automatic judge {found.name}, beside people (in no number above)", *_agreed(found.agreement)]
    rows = [
        ["  ↑ of what it calls false, false to people", shown(found.false_precision), _of(found.false_precision)],
        ["  ↑ of what people call false, it finds", shown(found.false_recall), _of(found.false_recall)],
    ]
    lines.append(_grid(rows))
    heads = ["  H", "people", "judge, same claims", "judge, all its claims"]
    table = [
        [f"  {name}", shown(one["people"]), shown(one["judge"]), shown(one["judge_all"])]
        for name, one in found.captioners.items()
    ]
    named = [("precision", found.false_precision), ("recall", found.false_recall)]
    return "\n".join([*lines, _grid([heads, *table])]) + _reasons(named)
