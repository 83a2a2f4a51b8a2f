"""hoigen caption-eval: do captions hallucinate less?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from hoigen.commands.options import Draws, Seed, check_draws
from hoigen.core.errors import UsageError, nearest
from hoigen.core.settings import Setting
from hoigen.evaluation.captions.result import CaptionEval, Format

if TYPE_CHECKING:
    from hoigen.evaluation.captions.checked import Checked
    from hoigen.evaluation.captions.rates import Material


def caption_eval(
    claims: Annotated[
        Path,
        Setting(
            "one row per claim: clip, captioner, claim, verdict (true, false, cannot_tell), and if known kind, "
            "annotator, key, verb, object"
        ),
    ],
    *,
    captions: Annotated[
        Path | None,
        Setting("one row per caption: clip, captioner, text; for lengths. Of a mixture also disagree or path"),
    ] = None,
    facts: Annotated[
        Path | None, Setting("one row per fact that a caption should hold: clip, verb, object; for recall")
    ] = None,
    judge: Annotated[
        Path | None, Setting("claims with the verdicts of an automatic judge, shown beside those of people")
    ] = None,
    mixture: Annotated[
        str | None, Setting("the captioner that is made of two others; shows what became of their errors")
    ] = None,
    draft: Annotated[
        list[str] | None,
        Setting("a captioner that the mixture is made of; given twice. The two others, when there are three"),
    ] = None,
    baseline: Annotated[
        str | None, Setting("the captioner that all others are compared with; each two are compared when not given")
    ] = None,
    out: Annotated[Path | None, Setting("the file to write as well, .json or .csv")] = None,
    format: Annotated[Format, Setting("what is printed: table, json or csv")] = "table",
    draws: Draws = 10_000,
    seed: Seed = 0,
) -> CaptionEval:
    """Measures how much captions hallucinate, from claims that people have checked.

    Files are CSV, TSV, JSONL or Parquet; docs/caption_eval.md tells their columns.

    Raises UsageError that names the file, row and column, or the option, at fault.
    """
    from hoigen.core.stats.resample import Draws
    from hoigen.evaluation.captions import evaluate, files
    from hoigen.evaluation.captions.checked import checked
    from hoigen.evaluation.captions.mixing import decision, mixing
    from hoigen.evaluation.captions.rates import Material
    from hoigen.evaluation.captions.result import check_out, save

    check_draws(draws, seed)
    check_out(out)
    ratings = files.read_claims(Path(claims))
    material = Material(
        checked=checked(ratings),
        captions=files.read_captions(Path(captions)) if captions else None,
        facts=files.read_facts(Path(facts)) if facts else None,
    )
    judged = files.read_claims(Path(judge), by_judge=True) if judge else []
    _check(material, captions, facts, baseline)
    drafts = _drafts(material.checked, mixture, draft)
    how = Draws(draws=draws, seed=seed)
    judges = evaluate.judges_of(judged, material.checked, how)
    notes = [*evaluate.notes_of(material), *evaluate.judge_notes(judges, material.checked, material.captions)]
    mixed = mixing(material.checked, drafts, mixture, how) if mixture else None
    decided = decision(material.checked, material.captions or {}, drafts, mixture, how) if mixture else None
    if mixture and mixed is None:
        notes.append(f"no clip on which {mixture} and both its drafts were checked: nothing is told of what it mended")
    elif mixture and decided is None:
        notes.append("the captions file has no column disagree or path for the mixture: its verdicts are not measured")
    result = CaptionEval(
        captioners=evaluate.captioners_of(material, how),
        comparisons=evaluate.comparisons_of(material, baseline, how),
        mixing=mixed,
        decision=decided,
        people=evaluate.people_of(ratings, how),
        judges=judges,
        notes=tuple(notes),
        draws=draws,
        seed=seed,
        format=format,
    )
    if out is not None:
        save(result, out)
    return result


def _check(material: Material, captions: Path | None, facts: Path | None, baseline: str | None) -> None:
    """That the files and options speak of the same clips and captioners. Raises UsageError."""
    names = material.checked.claims
    if baseline is not None and baseline not in names:
        raise UsageError(f"--baseline {baseline!r} is no captioner of these claims{nearest(baseline, names)}")
    if material.captions is not None:
        for name, clips in names.items():
            if not any((name, clip) in material.captions for clip in clips):
                here = nearest(name, {captioner for captioner, _ in material.captions})
                raise UsageError(f"{captions}: no caption by {name!r} on a clip that was checked{here}")
    if material.facts is not None:
        seen = {clip for found in names.values() for clip in found}
        if seen.isdisjoint(material.facts):
            some = ", ".join(list(material.facts)[:3])
            raise UsageError(f"{facts}: none of its clips was checked, such as {some}")


def _drafts(checked: Checked, mixture: str | None, draft: list[str] | None) -> tuple[str, str] | tuple[()]:
    """The two captioners that the mixture is made of. Raises UsageError."""
    names = list(checked.claims)
    if mixture is None:
        if draft:
            raise UsageError("--draft goes with --mixture: which captioner is made of them?")
        return ()
    for option, name in [("--mixture", mixture), *(("--draft", name) for name in draft or ())]:
        if name not in names:
            raise UsageError(f"{option} {name!r} is no captioner of these claims{nearest(name, names)}")
    chosen = list(draft) if draft else [name for name in names if name != mixture]
    if len(chosen) != 2 or len({*chosen, mixture}) != 3:
        told = "two captioners other than the mixture, as --draft A --draft B"
        raise UsageError(f"--mixture {mixture}: {told}; they came as {', '.join(chosen) or 'nothing'}")
    return chosen[0], chosen[1]
