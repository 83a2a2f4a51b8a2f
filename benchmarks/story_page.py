"""The page of `make story`: each step with its commands, what they said, and links to all that they made."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from hoigen.pages.frame import document, figures, nav, section
from hoigen.pages.markup import Html, el

if TYPE_CHECKING:
    from story import Step

PLAIN = "Tiny random model: this shows the path, and proves no gain."
SHORT = 12
"""What a step said is folded from so many lines on."""
STYLE = """
main > section { padding-top: 3rem; } .plain { border-left: 4px solid var(--drop); background: var(--drop-soft);
  padding: .9rem 1.1rem; border-radius: 0 8px 8px 0; max-width: 60rem; } .plain p + p { margin-top: .4rem; }
.step { display: grid; grid-template-columns: minmax(0, 1fr) minmax(16rem, 22rem); gap: 1rem 2.4rem; }
main > section > header { display: block; } main > section > header p { max-width: 60rem; margin-top: .5rem; }
pre.does { white-space: pre-wrap; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .8rem 1rem;
  font-size: .8125rem; margin: 0 0 .7rem; overflow-x: auto; } pre.said { max-height: 24rem; }
summary { cursor: pointer; color: var(--soft); font-size: .875rem; }
.made { list-style: none; margin: 0; padding: 0; display: grid; gap: .55rem; align-content: start; }
.made a { font-weight: 600; text-underline-offset: 3px; } .made small { display: block; }
.plays { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: 1.2rem; margin: 1.2rem 0 0; }
.plays figure { margin: 0; }
.plays video { width: 100%; aspect-ratio: 1; background: #000; border-radius: 6px; display: block; }
.plays figcaption { font-size: .8125rem; color: var(--soft); }
@media (max-width: 50rem) { .step { grid-template-columns: minmax(0, 1fr); } }
"""


def page(steps: Sequence[Step], done: Mapping[str, Any], out: Path) -> str:
    """The page as text.

    Args:
        steps: all of them.
        done: key of a step -> its commands, seconds, and what each said.
        out: the folder of the story, which the page lies in.

    Raises FileNotFoundError for a file that it would lead to and that is not there.
    """
    clips = _rows(out / "clips.csv")
    answers = _rows(out / "answers.csv")
    release = json.loads((out / "hands-1.0.0" / "release.json").read_text(encoding="utf-8"))
    videos = sorted((out / "generated").glob("*/*.mp4"))
    shared = f" and {2 * done['shared']} clips of ../shared" if done["shared"] else ""
    head = el(
        "header",
        el("p", f"make story: the demo's footage{shared}", class_="overline"),
        el("h1", "The whole ", el("em", "story")),
        el(
            "div",
            el("p", el("b", PLAIN)),
            el("p", "The person who reviewed is a script that answers from notes, through the real app over HTTP."),
            el(
                "p",
                "The captions that count were written by hand; in a real run a mixture of models writes them.",
            ),
            class_="plain",
        ),
        figures(
            [
                ("clips found", str(len(clips))),
                ("kept by the machine", str(sum(row["state"] == "kept" for row in clips))),
                ("kept by the person", str(sum(row["value"] == "keep" for row in answers))),
                ("in the release", str(release["clips"])),
                ("videos generated", str(len(videos))),
                ("minutes in all", f"{sum(done[step.key]['seconds'] for step in steps) / 60:.1f}"),
            ]
        ),
        class_="top",
        id="top",
    )
    sections = [_step(at, step, done[step.key], out) for at, step in enumerate(steps, 1)]
    places = [(step.key, step.title) for step in steps]
    foot = el(
        "footer", f"hoigen {metadata.version('hoigen')}", el("span", "links are relative: the folder can be moved")
    )
    body = (el("style", Html(STYLE)), nav(places), head, el("main", sections), foot)
    written = document("The whole story", *body, scripts=(), plays=True)
    for name in re.findall(r'(?:href|src)="([^"#]+)"', written):
        if not (out / unquote(name)).is_file():
            raise FileNotFoundError(out / unquote(name))
    return written


def _rows(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _step(at: int, step: Step, done: Mapping[str, Any], out: Path) -> Html:
    lines = [
        line if isinstance(does, str) else f"# {does.__doc__}"
        for does, line in zip(step.does, done["commands"], strict=True)
    ]
    shown = [line.replace(f"{out}/", "").replace(str(out), ".") for line in lines]
    said = "\n\n".join(filter(None, done["said"])).replace(f"{out}/", "")
    made = [
        el("li", el("a", what, href=quote(name)), el("small", name))
        for name, what in [*step.makes, *_more(step.key, out)]
    ]
    heard = None
    if said:
        words = el("pre", said, class_="said", tabindex="0")
        heard = el("details", el("summary", "What it said"), words, open=said.count("\n") < SHORT)
    left = el("div", el("pre", el("code", "\n".join(shown)), class_="does", tabindex="0"), heard)
    body = el("div", left, el("ul", made, class_="made"), class_="step")
    plays = _plays(step.key, out)
    lead = f"{step.words} ({done['seconds']:.0f} s)"
    return section(step.key, f"{at}. {step.title}", lead.replace("`", ""), body, plays)


def _more(key: str, out: Path) -> list[tuple[str, str]]:
    """Files whose names are known only once they are there."""
    if key == "words":
        drawn = sorted((out / "hands" / "stats").glob("*.svg"))
        return [(f"hands/stats/{path.name}", f"figure: {path.stem.replace('_', ' ')}") for path in drawn]
    if key == "release":
        listed = {path for path in (out / "hands-1.0.0").rglob("*") if path.is_file()}
        named = {"README.md", "croissant.json", "eu_summary.md", "clips-00000.parquet", "SHA256SUMS"}
        return [(str(path.relative_to(out)), "also in it") for path in sorted(listed) if path.name not in named]
    if key == "finetune":
        return [(str(path.relative_to(out)), "the weights") for path in sorted((out / "lora" / "lora").iterdir())]
    return []


def _plays(key: str, out: Path) -> Html | None:
    """Videos that play in the page: what is trained on, and what comes out."""
    if key == "export":
        lines = (out / "data" / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
        found = [(f"data/{row['file_name']}", row["text"]) for row in map(json.loads, lines)]
    elif key == "generate":
        words = {each["id"]: each["prompt_short"] for each in json.loads((out / "suite.json").read_text())["prompts"]}
        found = [
            (str(path.relative_to(out)), f"{path.parent.name}: {words[path.stem.rpartition('-')[0]]}")
            for path in sorted((out / "generated").glob("*/*.mp4"), key=lambda path: (path.parent.name, path.name))
        ]
    else:
        return None
    shown = [
        el(
            "figure",
            el("video", src=quote(name), controls=True, muted=True, loop=True, playsinline=True, preload="auto"),
            el("figcaption", said),
        )
        for name, said in found[:16]
    ]
    return el("div", shown, class_="plays")
