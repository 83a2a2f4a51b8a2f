"""docs/finetune.md has every setting and every default."""

from __future__ import annotations

from pathlib import Path

from hoigen.core.settings import keys_of
from hoigen.training.finetune.settings import Training

PAGE = Path(__file__).parents[2] / "docs" / "finetune.md"


def rows() -> list[str]:
    """The table of settings, as the page should have it."""
    made = ["| setting | default | |", "|---|---|---|"]
    for key in keys_of(Training):
        default = (
            "" if key.default is None else ", ".join(key.default) if isinstance(key.default, tuple) else key.default
        )
        made.append(f"| `{key.name}` | {str(default).lower() if isinstance(default, bool) else default} | {key.help} |")
    return made


def test_the_page_has_every_setting() -> None:
    assert "\n".join(rows()) in PAGE.read_text(encoding="utf-8")
