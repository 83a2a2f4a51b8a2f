"""One file = one command = one function.

A command's arguments are those of its function, or of the function `command` where its file has one.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hoigen.core.errors import UsageError

VERBS = {
    "demo": (
        "Runs the lite recipe on real sample footage, or on a folder of one's own videos, and describes what it kept."
    ),
    "curate": "Finds the shots of videos, measures them in a cascade and decides which clips to keep.",
    "work": ("Does a part of what is missing of a run, as its run.yaml says; `curate --prepare` makes such a run."),
    "plan": "Says what a recipe takes: passes, models, bytes to download, memory of cards, clips a second and hours.",
    "watch": (
        "Says how a run that is at work is getting on: rates, queues, failures by reason, cards, and who is silent."
    ),
    "retry": "Tries all failed clips of a run again; what experts refused or answered amiss is asked again.",
    "relocate": "Tells a run that its videos lie elsewhere, on this machine or another; nothing is measured again.",
    "funnel": (
        "Shows how many clips each rule dropped; with --set or --recipe, what other rules would. Nothing is decoded."
    ),
    "duplicates": (
        "Finds clips that show the same, re-encoded, cropped, mirrored or trimmed, and makes a rule of it: one stays."
    ),
    "balance": "Makes quotas of the kept clips a rule: of each interaction, source or cluster, so many stay.",
    "annotate": "Puts what people said of clips into the run, where suggest, calibrate and agree find it.",
    "review": "Serves the app in which people look at clips and say which to keep.",
    "suggest": "Proposes thresholds: from how the scores are spread, or from what people said of clips.",
    "table": "Writes one row per clip: id, uri, start, end, state, rule, reason, a column per score, and the caption.",
    "report": "Writes the report of a run: one HTML file that needs nothing else.",
    "observations": "Writes what an observer saw, frame by frame, as the `recorded` observer reads it.",
    "cut": "Writes the kept clips of a run as files named by clip id.",
    "children": (
        "Makes clips of their own out of what people trimmed and cropped, and measures them as the run was measured."
    ),
    "export": (
        "Writes the kept clips of a run as a trainer's dataset, and reads it back by the rules of the trainer's loader."
    ),
    "sources": ("Says how the paper's sources are lawfully had; lists what one has of one, and what is missing."),
    "map": "Finds the clips of a published list among files that one has: stretches of them, and what is missing.",
    "caption": "Describes the kept clips of a run; run again, it asks nothing that was answered before.",
    "show": "Shows how a clip ended, its scores, its caption, and every call that led to it.",
    "categories": (
        "Finds the interactions that captions tell of: action, object, HICO-DET's names for them, kind of interaction."
    ),
    "stats": "Counts what the kept clips are: figures 3 and 5 and table 1 of HOIGen-1M, as a page, SVG, PNG and JSON.",
    "split": "Parts the kept clips into train and validation by source video, so that no scene is in both.",
    "release": (
        "Makes a versioned folder of the kept clips for others: tables, captions, licences, card, Croissant, digests."
    ),
    "verify-release": (
        "Checks a release whole: every file by its digest, none missing, none more, nothing in it that was removed."
    ),
    "caption-eval": "Measures how much captions hallucinate, from claims that people have checked.",
    "prompts": "Writes a suite of prompts for human-object interactions; the same call writes the same file.",
    "generate": (
        "Makes videos of a suite's prompts, each with a record of how; run again, it makes only what is missing."
    ),
    "finetune": "Trains a LoRA on clips and their captions; run again, it goes on from the last checkpoint.",
    "experiment": (
        "Generates and measures videos before and after trainings, and compares them; what is done is not done again."
    ),
    "evaluate": "Measures generated videos; run again, it does only what is missing.",
    "compare": (
        "Compares models: means with 95 % intervals, tests on the same prompts, groups, best and worst interactions."
    ),
    "agree": (
        "Measures how well each number agrees with people, over videos and over models, and how well people agree."
    ),
    "calibrate": (
        "Sets coarse_hoi's theta from labelled frames: the best F1, or the lowest theta with few false alarms."
    ),
    "try": "Prints what a measure says of a video: its numbers, and the detail behind them.",
    "list": "Names all that a recipe may name, and the recipes and model files at hand, each with what it means.",
    "validate": "Checks a recipe without running it: every fault at once, with its line and key.",
    "schema": "Prints the JSON Schema of a recipe, for editors that check and complete YAML.",
    "template": "Prints a recipe with every key, its default and its meaning, as YAML.",
    "models": "Lists model files: where they come from, their licences, and whether they are on this machine.",
    "doctor": "Says what is installed and whether it fits, what each extra would give, and where model files are kept.",
}
"""Command -> the first line of its function's docstring: listing all commands imports none."""
MODULES = {
    "try": "try_measure",
    "models": "model_files",
    "map": "map_list",
    "review": "review_app",
    "stats": "clip_stats",
    "work": "work_part",
}
"""Of commands whose name is taken: the file, and the function in it."""


def module_of(command: str) -> str:
    """The file of a command in this folder, and the name of its function."""
    return MODULES.get(command, command.replace("-", "_"))


@functools.cache
def verb_of(module: str) -> Callable[..., Any]:
    """A verb as Python calls it: a text or a path in the place of a list is told, and not read letter by letter.

    Args:
        module: its file, as of `module_of`.
    """
    verb: Callable[..., Any] = getattr(importlib.import_module(f"hoigen.commands.{module}"), module)
    signature = inspect.signature(verb)
    lists = [
        each.name
        for each in signature.parameters.values()
        if str(each.annotation).removeprefix("Annotated[").startswith(("list[", "Sequence["))
    ]

    @functools.wraps(verb)
    def called(*given: Any, **named: Any) -> Any:
        came = signature.bind_partial(*given, **named).arguments
        for name in lists:
            if isinstance(alone := came.get(name), str | bytes | Path):
                raise UsageError(f"{module}: {name} is a list; it came as {alone!r}: give [{alone!r}]")
        return in_stores(verb)(*given, **named)

    return called


RUNS = ("run", "runs", "beside")
"""Arguments that name runs."""


def in_stores(verb: Callable[..., Any]) -> Callable[..., Any]:
    """A verb whose runs may be in object stores: it works with the folder that such a run has on this machine.

    Args:
        verb: the function.
    """
    signature = inspect.signature(verb)

    @functools.wraps(verb)
    def called(*given: Any, **named: Any) -> Any:
        came = signature.bind_partial(*given, **named)
        with contextlib.ExitStack() as stack:
            for name in RUNS:
                value = came.arguments.get(name)
                if isinstance(value, str | Path):
                    came.arguments[name] = _at(value, stack)
                elif isinstance(value, Sequence):  # `list` is a command here
                    came.arguments[name] = [
                        _at(each, stack) if isinstance(each, str | Path) else each for each in value
                    ]
            return verb(*came.args, **came.kwargs)

    return called


def _at(run: str | Path, stack: contextlib.ExitStack) -> str | Path:
    from hoigen.data import side

    found: str | Path = stack.enter_context(side.opened(run))
    return found
