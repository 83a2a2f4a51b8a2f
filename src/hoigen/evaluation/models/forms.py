"""Tables as Markdown, CSV, LaTeX and HTML."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from hoigen.core.score import Better
from hoigen.evaluation.models.grid import Cell, Table, words

Format = Literal["markdown", "csv", "latex", "html"]
SIGNS: dict[Better | None, str] = {"more": "↑", "less": "↓", None: ""}
LATEX_SIGNS: dict[Better | None, str] = {"more": r" $\uparrow$", "less": r" $\downarrow$", None: ""}
SPECIAL = {
    **{sign: "\\" + sign for sign in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}


def written(tables: Sequence[Table], warnings: Sequence[str], format: Format) -> str:
    """All tables as one text.

    Args:
        tables: in order.
        warnings: sentences that stand before them.
        format: how they are written.
    """
    told = [" ".join(warning.split()) for warning in warnings]
    tidy = [replace(table, notes=[" ".join(note.split()) for note in table.notes]) for table in tables]
    if format == "markdown":
        before = ["\n".join(f"> warning: {warning}" for warning in told)] if told else []
        return "\n\n".join([*before, *(markdown(table) for table in tidy)])
    return {"csv": _csv, "latex": _latex, "html": _html}[format](tidy, told)


def markdown(table: Table) -> str:
    """One table; the best of a column is bold."""
    cells = [[_signed(table, at) for at in range(len(table.header))]]
    for row in table.rows:
        texts = [item if isinstance(item, str) else words(item) for item in row]
        best = [isinstance(item, Cell) and item.best for item in row]
        cells.append([f"**{text}**" if bold else text for text, bold in zip(texts, best, strict=True)])
    cells = [[text.replace("|", "\\|").replace("\n", " ") for text in row] for row in cells]
    widths = [max(3, *(len(row[at]) for row in cells)) for at in range(len(table.header))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    lines.insert(
        1, "|" + "|".join("-" * (width + 1) + ("-" if at == 0 else ":") for at, width in enumerate(widths)) + "|"
    )
    notes = [f"- {note}" for note in table.notes]
    return "\n".join([f"### {table.title}", "", *lines, *([""] if notes else []), *notes])


def _signed(table: Table, at: int) -> str:
    """A heading, and which end is better."""
    sign = SIGNS[table.better[at - 1]] if 0 < at <= len(table.better) else ""
    return f"{table.header[at]} {sign}".rstrip()


def _csv(tables: Sequence[Table], warnings: Sequence[str]) -> str:
    """Long: a row for each cell. Shares are 0..1, numbers go by their names, which are of more use to programs than
    headings; an undefined value is empty and has its reason."""
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\n")
    write.writerow(["table", "row", "column", "value", "low", "high", "videos", "of", "text", "reason"])
    for table in tables:
        names = table.names
        for row in table.rows:
            name = str(row[0])
            for column, item in zip(table.header[1:], row[1:], strict=True):
                where = [table.name, names.get(name, name), names.get(column, column)]
                if isinstance(item, str):
                    write.writerow([*where, *[""] * 5, item, ""])
                    continue
                found = item.estimate
                values = ["" if value is None else repr(value) for value in (found.value, found.low, found.high)]
                counts = [str(item.videos), str(item.of)] if item.of else ["", ""]
                write.writerow([*where, *values, *counts, "", found.reason or found.unsure])
        for note in table.notes:
            write.writerow([table.name, "", "note", *[""] * 5, note, ""])
    for warning in warnings:
        write.writerow(["", "", "warning", *[""] * 5, warning, ""])
    return out.getvalue().rstrip("\n")


def tex(text: str) -> str:
    """A text with what LaTeX reads as commands escaped."""
    return "".join(SPECIAL.get(sign, sign) for sign in text)


def _latex(tables: Sequence[Table], warnings: Sequence[str]) -> str:
    lines = ["% needs \\usepackage{booktabs}", *(f"% warning: {warning}" for warning in warnings)]
    for table in tables:
        header = " & ".join(
            tex(name) + (LATEX_SIGNS[table.better[at - 1]] if 0 < at <= len(table.better) else "")
            for at, name in enumerate(table.header)
        )
        rows = []
        for row in table.rows:
            cells = []
            for item in row:
                # a bracket after \\ would be read as an argument, an asterisk as a part of the \\ before
                if isinstance(item, str):
                    cells.append(f"{{{tex(item)}}}" if item.startswith(("[", "*")) else tex(item))
                else:
                    text = tex(words(item, interval="({}, {})"))
                    cells.append(rf"\textbf{{{text}}}" if item.best else text)
            rows.append(" & ".join(cells) + r" \\")
        lines += [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{tex(table.title)}}}",
            rf"\begin{{tabular}}{{l{'r' * (len(table.header) - 1)}}}",
            r"\toprule",
            header + r" \\",
            r"\midrule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            *(f"% {note}" for note in table.notes),
        ]
    return "\n".join(lines)


CSS = (
    ":root{color-scheme:light dark;--page:#fff;--ink:#222;--soft:#666;--line:#ddd;--none:#a33;--warn:#fff4d6}"
    "@media(prefers-color-scheme:dark){"
    ":root{--page:#0f1113;--ink:#eceff1;--soft:#a0a8b1;--line:#2b3035;--none:#ff7d9d;--warn:#43361a}}"
    "html{background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif;font-variant-numeric:tabular-nums}"
    "body{margin:2rem auto;max-width:100rem;padding:0 1rem}"
    "div.t{overflow-x:auto}table{border-collapse:collapse;margin:.5rem 0 1rem}th,td{padding:.3rem .7rem;"
    "border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}"
    "th:first-child,td:first-child{text-align:left;position:sticky;left:0;background:var(--page);"
    "white-space:normal;min-width:9rem;max-width:26rem}"
    "thead th{border-bottom:2px solid var(--soft);vertical-align:bottom;white-space:normal;max-width:8rem}"
    "small{color:var(--soft)}.u{color:var(--none)}.w{background:var(--warn);"
    "padding:.5rem 1rem;border-left:4px solid #d69a00}ul{color:var(--soft);font-size:13px}"
)


def _html(tables: Sequence[Table], warnings: Sequence[str]) -> str:
    """One page, no network."""
    parts = [f'<p class="w">{html.escape(warning)}</p>' for warning in warnings]
    for table in tables:
        head = "".join(f"<th>{html.escape(_signed(table, at))}</th>" for at in range(len(table.header)))
        rows = ""
        for row in table.rows:
            rows += "<tr>"
            for item in row:
                if isinstance(item, str):
                    rows += f"<td>{html.escape(item)}</td>"
                elif item.estimate.value is None:
                    rows += f'<td class="u" title="{html.escape(item.estimate.reason)}">undefined</td>'
                else:
                    value, _, rest = words(item).partition(" ")
                    small = f" <small>{html.escape(rest)}</small>" if rest else ""
                    rows += f"<td>{f'<b>{value}</b>' if item.best else value}{small}</td>"
            rows += "</tr>"
        notes = "".join(f"<li>{html.escape(note)}</li>" for note in table.notes)
        parts.append(
            f"<h2>{html.escape(table.title)}</h2><div class=t><table><thead><tr>{head}</tr></thead>"
            f"<tbody>{rows}</tbody></table></div>{f'<ul>{notes}</ul>' if notes else ''}"
        )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>hoigen compare</title>'
        f"<style>{CSS}</style></head><body><h1>hoigen compare</h1>{''.join(parts)}</body></html>"
    )
