"""Videos of the same prompts side by side, as HOIGen-1M's figure 6 has them; they play in a browser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hoigen.pages.markup import Html, el, join

STYLE = """
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:1500px;padding:0 1rem;color:#1b1b1b;background:#fff}
h1{font-size:1.5rem}.row{margin:1.6rem 0;border-top:1px solid #ddd;padding-top:.8rem}.videos{display:flex;gap:.8rem}
figure{margin:0;flex:1;min-width:0}video{width:100%;background:#222;display:block}figcaption{font-size:.9rem;color:#444}
p{margin:.2rem 0 .6rem}button{font:inherit;padding:.3rem .8rem}
"""
SCRIPT = """
const all=[...document.querySelectorAll('video')];
document.querySelector('button').onclick=()=>{all.forEach(v=>{v.currentTime=0;v.play()})};
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """One prompt.

    Args:
        words: of it.
        videos: model -> address of its video, from the page.
        numbers: model -> what is told of its video.
    """

    words: str
    videos: Mapping[str, str]
    numbers: Mapping[str, str]


def page(title: str, said: str, rows: Sequence[Shown]) -> str:
    """The page as text.

    Args:
        title: of it.
        said: a sentence below the title.
        rows: prompts, in order.
    """
    body = join(
        [
            el("h1", title),
            el("p", said, " ", el("button", "Play all from the start", type="button")),
            *(_row(row) for row in rows),
            el("script", Html(SCRIPT)),
        ]
    )
    head = [el("meta", charset="utf-8"), el("title", title), el("style", Html(STYLE))]
    return f"<!doctype html>\n{el('html', el('head', *head), el('body', body), lang='en')}\n"


def _row(row: Shown) -> Html:
    videos = [
        el(
            "figure",
            el("video", src=address, muted=True, loop=True, controls=True, playsinline=True, preload="metadata"),
            el("figcaption", el("b", model), " ", row.numbers.get(model, "")),
        )
        for model, address in row.videos.items()
    ]
    return el("div", el("p", row.words), el("div", videos, class_="videos"), class_="row")
