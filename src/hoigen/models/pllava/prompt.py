"""PLLaVA's conversation, as its evaluation lays it out: system, the video alone in a turn, then the question."""

from __future__ import annotations

from collections.abc import Sequence

USER, MODEL = "USER: ", "ASSISTANT:"
ENDS = {USER: " ", MODEL: "</s>"}
VIDEO = "<image>"


def conversation(system: str, turns: Sequence[tuple[str, str]], *, video: bool) -> str:
    """The prompt up to where the model answers. turns: (USER or MODEL, words), a user's last.

    `SYSTEM USER: <image>\\n USER: QUESTION ASSISTANT:`, of tasks/eval/eval_utils.py, templates eval_vcgbench,
    eval_mvbench and eval_recaption, which differ in the system prompt alone.
    """
    said = [(USER, f"{VIDEO}\n")] if video else []
    text = system + ENDS[USER] if system else ""
    for role, words in [*said, *turns]:
        text += role + words + ENDS[role]
    return text + MODEL
