"""Captions as they are read: without what only lays them out."""

from __future__ import annotations

import html
import re

MARKED = re.compile(r"[<&\[`~]|https?://")
"""What a caption with markup has, at the least."""
BREAKS = re.compile(r"</?(?:br|p|div|li|ul|ol|h[1-6]|hr|tr|td|th|table|pre|blockquote)\b[^<>]{0,300}>", re.IGNORECASE)
"""Tags that part words."""
TAG = re.compile(
    r"""<!--.{0,1000}?-->|</?[a-z][\w:-]{0,30}(?:\s+[\w:-]{1,40}(?:\s*=\s*(?:"[^"<>]*"|'[^'<>]*'|[^\s"'<>=]+))?)*\s*/?>"""
    r"|<\|[^|<>]{1,40}\|>",
    re.IGNORECASE | re.DOTALL,
)
"""Other tags, and the marks of language models (`<|im_end|>`)."""
ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});", re.IGNORECASE)
LINK = re.compile(r"!?\[([^\[\]\n]{0,500})\]\([^()\s]{0,2000}(?:\s+\"[^\"\n]*\")?\)")
"""Of Markdown: `[a cup](https://…)`, of which the words are read."""
ADDRESS = re.compile(r"https?://\S+", re.IGNORECASE)


def without_markup(text: str) -> str:
    """A caption without tags, entities, links and addresses: `<b>salt&nbsp;shaker</b>` is `salt shaker`. What is no
    markup stays as it is, as `a < b` does."""
    if MARKED.search(text) is None:
        return text
    for _ in range(2):  # `&lt;b&gt;` is a tag that somebody escaped
        text = TAG.sub("", BREAKS.sub("\n", text))
        text = ENTITY.sub(lambda found: html.unescape(found[0]).replace("\xa0", " "), text)
    text = ADDRESS.sub(" ", LINK.sub(r"\1", text))
    return text.replace("`", " ").replace("~~", " ")
