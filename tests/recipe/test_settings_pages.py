"""Tables of settings in docs say what the fields say. `python tests/recipe/test_settings_pages.py` writes them anew."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest

from hoigen.commands.template import flow
from hoigen.core.settings import Key, keys_of

DOCS = Path(__file__).resolve().parents[2] / "docs"
TABLE = re.compile(r"<!-- table: ([\w.]+):(\w+) -->\n(.*?)<!-- end -->", re.DOTALL)
PAGES = [path for path in sorted(DOCS.glob("*.md")) if TABLE.search(path.read_text())]


def row(key: Key) -> str:
    default = "must be given" if key.required else f"`{flow(key.default).removesuffix('.0')}`"
    told = f"{key.help} ({key.setting.allowed})" if key.setting.allowed else key.help
    return f"| `{key.name}` | {default} | {told.replace('|', '&#124;')} |\n"


def table(cls: type[Any]) -> str:
    return "| key | default | |\n|---|---|---|\n" + "".join(map(row, keys_of(cls)))


def written(text: str) -> str:
    """A page with its tables as they should be."""

    def made(found: re.Match[str]) -> str:
        cls = getattr(importlib.import_module(found[1]), found[2])
        return f"<!-- table: {found[1]}:{found[2]} -->\n{table(cls)}<!-- end -->"

    return TABLE.sub(made, text)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_the_tables_are_those_of_the_fields(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text == written(text), f"run: python {Path(__file__).relative_to(Path.cwd())}"


def test_there_are_such_tables() -> None:
    assert {"recipe", "experts"} <= {page.stem for page in PAGES}


if __name__ == "__main__":
    for path in PAGES:
        path.write_text(written(path.read_text(encoding="utf-8")), encoding="utf-8")
