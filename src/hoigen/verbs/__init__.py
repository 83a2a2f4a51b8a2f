"""One file = one command = one function. The table is what `hoigen --help` shows: listing commands imports none."""

from __future__ import annotations

from typing import NamedTuple


class Command(NamedTuple):
    """A command. module: of this folder, and its function's name. summary: the first line of that function's docstring.
    typed: the function behind the command line, where that is another one."""

    module: str
    summary: str
    typed: str = ""


VERBS = {
    "demo": Command(
        "demo",
        "Runs the lite recipe on real sample footage, or on a folder of one's own videos, and describes what it kept.",
    ),
    "curate": Command(
        "curate",
        "Finds the shots of videos, measures them in a cascade and decides which clips to keep.",
        "curate_file",
    ),
    "retry": Command("retry", "Tries all failed clips of a run again, and only those."),
    "funnel": Command(
        "funnel",
        "Shows how many clips each rule dropped; with --set, what a change would add or drop. Nothing is decoded.",
    ),
    "annotate": Command(
        "annotate", "Puts what people said of clips into the run, where suggest, calibrate and agree find it."
    ),
    "suggest": Command(
        "suggest", "Proposes thresholds: from how the scores are spread, or from what people said of clips."
    ),
    "table": Command(
        "table",
        "Writes one row per clip: id, uri, start, end, state, rule, reason, a column per score, and the caption.",
    ),
    "report": Command("report", "Writes the report of a run: one HTML file that needs nothing else."),
    "observations": Command(
        "observations", "Writes what an observer saw, frame by frame, as the `recorded` observer reads it."
    ),
    "cut": Command("cut", "Writes the kept clips of a run as files named by clip id."),
    "caption": Command(
        "caption", "Describes the kept clips of a run; run again, it asks nothing that was answered before."
    ),
    "show": Command("show", "Shows how a clip ended, its scores, its caption, and every call that led to it."),
    "categories": Command(
        "categories",
        "Finds the interactions that captions tell of: action, object, HICO-DET's names for them, kind of interaction.",
    ),
    "caption-eval": Command(
        "caption_eval", "Measures how much captions hallucinate, from claims that people have checked."
    ),
    "prompts": Command(
        "prompts", "Writes a suite of prompts for human-object interactions; the same call writes the same file."
    ),
    "evaluate": Command("evaluate", "Measures generated videos; run again, it does only what is missing."),
    "compare": Command(
        "compare",
        "Compares models: means with 95 % intervals, tests on the same prompts, groups, best and worst interactions.",
    ),
    "agree": Command(
        "agree", "Measures how well each number agrees with people: Spearman, Kendall's tau-b, pairwise accuracy."
    ),
    "calibrate": Command(
        "calibrate",
        "Sets coarse_hoi's theta from labelled frames: the best F1, or the lowest theta with few false alarms.",
    ),
    "try": Command("try_measure", "Prints what a measure says of a video: its numbers, and the detail behind them."),
    "list": Command(
        "list", "Names all that a recipe may name, and the recipes and model files at hand, each with what it means."
    ),
    "validate": Command("validate", "Checks a recipe without running it: every fault at once, with its line and key."),
    "schema": Command("schema", "Prints the JSON Schema of a recipe, for editors that check and complete YAML."),
    "template": Command("template", "Prints a recipe with every key, its default and its meaning, as YAML."),
    "models": Command(
        "model_files", "Lists model files: where they come from, their licences, and whether they are on this machine."
    ),
    "doctor": Command(
        "doctor",
        "Says what is installed and whether it fits, what each extra would give, and where model files are kept.",
    ),
}
