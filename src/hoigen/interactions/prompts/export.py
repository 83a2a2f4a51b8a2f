"""A suite as JSON, as VBench's list of prompts, as plain text."""

from __future__ import annotations

import json
from typing import Any, Literal

from hoigen.interactions.prompts.suite import Prompt, Suite

Format = Literal["json", "vbench", "txt"]
DIMENSIONS = (
    "subject_consistency",
    "background_consistency",
    "motion_smoothness",
    "aesthetic_quality",
    "imaging_quality",
    "temporal_flickering",
    "overall_consistency",
)
"""The seven dimensions of VBench that HOIGen-1M reports."""


def text_of(suite: Suite, format: Format, *, long: bool) -> str:
    """The suite as a file's text.

    Args:
        suite: the prompts.
        format: `json` for all that is known of them; `vbench` for VBench's list (VBench_full_info.json of
            Vchitect/VBench; `id` is ours and read by nobody there); `txt` for a prompt a line.
        long: vbench and txt have the long prompts where there are any.
    """
    if format == "txt":
        return "".join(f"{asked(prompt, long)}\n" for prompt in suite.prompts)
    facts: Any = suite.facts()
    if format == "vbench":
        facts = [
            {"prompt_en": asked(prompt, long), "dimension": list(DIMENSIONS), "id": prompt.id}
            for prompt in suite.prompts
        ]
    return json.dumps(facts, indent=1, ensure_ascii=False) + "\n"


def asked(prompt: Prompt, long: bool) -> str:
    """The words that a model is given.

    Args:
        prompt: of a suite.
        long: the long prompt where there is one.
    """
    return (prompt.long if long else None) or prompt.short
