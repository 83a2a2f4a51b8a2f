"""What today's HOI numbers say of the generated clips, against the labels:
python benchmarks/generated/score.py CLIPS --run FOLDER
python benchmarks/generated/score.py CLIPS --half working --run FOLDER --fps 8 --measures hoi_lite coarse_hoi
python benchmarks/generated/score.py CLIPS --list benchmarks/generated/clips_3.jsonl --run FOLDER --fps 2

CLIPS: the folder that `collect.py` has filled, of the same list. `--half`: of the first list alone, whose halves are in
split.json; rules and thresholds are chosen on what has been seen, and a closed set is opened once. `--fps`: frames a
second that fine_hoi looks at (fewer cost less; its looks at things without a word are two a second at any rate). The
first table asks nothing of the clips (no prompt). The last two, of fine_hoi, ask for verb and object of the label, and
read the same observations: where each number is defined, and how well it ranks.

For each number: on how many clips it is defined (of all, of the real ones, of those without a person), and the AUC of
real against none, of the same where a person is seen in both, and of real against broken. The second table: Spearman's
rho with the labels, in the order none, broken, real, over all labelled clips and over those of which the label names an
act (real or broken). A clip without a number ranks lowest. Intervals: 2,000 resamples of clips, seed 0.

The last table: what each number is better by than the one by which models are ranked, on the same clips; fine_hoi's as
they are asked. Intervals: 2,000 resamples of families of generators, seed 0, since clips of one generator err together.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import duckdb
import numpy as np

import hoigen
from hoigen.core.stats.ranks import spearman
from hoigen.core.stats.resample import Draws
from hoigen.core.stats.thresholds import auc
from hoigen.interactions import hico

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from machine import headline  # noqa: E402  (a script beside this folder)

MEASURES = ["hoi_lite", "coarse_hoi", "fine_hoi", "hoi_act"]
ALIKE = {"bike": "bicycle", "phone": "cell_phone", "basketball": "sports_ball", "football": "sports_ball"}
ALIKE |= {"ball": "sports_ball"}
"""Words of the labels that HICO-DET has under another name."""
DRAWS = 2_000
ASKED = ("fine_hoi", "fine_whole", "fine_unnamed", "fine_act", "hoi_act")
RANKS = "fine_act"
"""The number by which models are ranked with lite (docs/which_number.md)."""
OTHERS = ("hoi_act", "hoi_lite", "hoi_person", "hoi_named", "hoi_held", "coarse_any", "fine_whole", "fine_unnamed")
"""Numbers that the last table holds against it."""


def rows_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def cropped(source: Path, target: Path, crop: list[int]) -> Path:
    """The part of a clip that counts, hardly compressed. crop: left, top, width, height in pixels."""
    left, top, width, height = crop
    with av.open(str(source)) as read, av.open(str(target), "w") as write:
        rate = read.streams.video[0].average_rate or Fraction(25)
        stream = write.add_stream("libx264", rate=rate, options={"crf": "6"})
        stream.width, stream.height, stream.pix_fmt = width // 2 * 2, height // 2 * 2, "yuv420p"
        for at, frame in enumerate(read.decode(video=0)):
            image = frame.to_ndarray(format="rgb24")[top : top + stream.height, left : left + stream.width]
            made = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            made.pts, made.time_base = at, 1 / rate
            write.mux(stream.encode(made))
        write.mux(stream.encode(None))
    return target


def area(values: np.ndarray, yes: np.ndarray, no: np.ndarray) -> str:
    """AUC with its interval; the lowest rank for NaN."""
    if not yes.any() or not no.any():
        return "        -         "
    used = yes | no
    numbers, labels = np.nan_to_num(values[used], nan=-1e9), yes[used]
    rng = np.random.default_rng(0)
    drawn = []
    while len(drawn) < DRAWS:
        places = rng.integers(0, len(labels), len(labels))
        if 0 < labels[places].sum() < len(places):
            drawn.append(auc(numbers[places], labels[places]))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{auc(numbers, labels):.2f} [{low:.2f}, {high:.2f}]"


def order(values: np.ndarray, labels: np.ndarray, used: np.ndarray) -> str:
    """Spearman's rho with its interval; the lowest rank for NaN."""
    numbers = np.nan_to_num(values[used], nan=-1e9)
    found = spearman(numbers, labels[used], np.arange(used.sum()), Draws(draws=DRAWS))
    if found.value is None:
        return "        -         "
    interval = "" if found.low is None else f" [{found.low:.2f}, {found.high:.2f}]"
    return f"{found.value:.2f}{interval}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--list", type=Path, default=HERE / "clips.jsonl", metavar="FILE", help="the labelled clips")
    parser.add_argument("--half", choices=("working", "closed"), help="of the first list; without it, all clips")
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--fps", type=float, default=60.0)
    parser.add_argument("--measures", nargs="+", choices=MEASURES, default=MEASURES)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--keep", type=Path, metavar="FILE", help="each clip's numbers, as asked of nothing and asked")
    given = parser.parse_args()
    listed: Path = given.list
    clips = rows_of(listed)
    if given.half:
        families = json.loads((HERE / "split.json").read_text(encoding="utf-8"))["families"][given.half]
        clips = [row for row in clips if row["family"] in families]
    there = {path.stem: path for path in given.clips.iterdir()}
    given.run.mkdir(parents=True, exist_ok=True)
    crops = given.run.parent / f"{given.run.name}_crops"
    crops.mkdir(exist_ok=True)
    files = []
    for row in clips:
        path = there[row["id"]]
        if row["crop"]:
            target = crops / f"{row['id']}.mp4"
            path = target if target.exists() else cropped(path, target, row["crop"])
        files.append(str(path.resolve()))
    looked = {"sampling": {"fps": given.fps, "short_side": 480, "max_frames": 600}}
    measures = [{"fine_hoi": looked} if name == "fine_hoi" else name for name in given.measures]
    scores = scored(files, given.run, measures, given.workers)
    labelled = listed.with_name(listed.name.replace("clips", "labels", 1))
    labels = {row["id"]: row for row in rows_of(labelled)}
    ids = [row["id"] for row in clips]
    word = np.array([labels[each]["interaction"] for each in ids])
    person = np.array([labels[each]["person"] for each in ids])
    real, broken, none = (word == each for each in ("real", "broken", "none"))
    print(headline())
    which = f"{given.half} half" if given.half else listed.name
    print(f"{which}: {len(ids)} clips, {real.sum()} real, {broken.sum()} broken, {none.sum()} none")
    heads = ("real : none", "with a person", "real : broken")
    print(f"{'':18}{'defined':>9}{'of real':>9}{'nobody':>9}  " + "".join(f"{head:20}" for head in heads))
    numbers = [number.name for measure in given.measures for number in hoigen_numbers(measure)]
    columns = {
        name: np.array([np.nan if scores[each][name] is None else scores[each][name] for each in ids], float)
        for name in numbers
    }
    for name, values in columns.items():
        defined = ~np.isnan(values)
        counts = f"{defined.sum():>9}{(defined & real).sum():>9}{(defined & (person == 'no')).sum():>9}"
        seen = person == "yes"
        areas = (area(values, real, none), area(values, real & seen, none & seen), area(values, real, broken))
        print(f"{name:18}{counts}  " + "".join(f"{each:20}" for each in areas))
    worth = 2.0 * real + broken
    print(f"{'Spearman':18}{'all clips':20}{'with an act':20}")
    for name, values in columns.items():
        ranks = (order(values, worth, real | broken | none), order(values, worth, real | broken))
        print(f"{name:18}" + "".join(f"{each:20}" for each in ranks))

    if "fine_hoi" in given.measures:
        prompted = {}
        for name in sorted({"fine_hoi", "hoi_act"} & set(given.measures)):
            suffix = "" if name == "fine_hoi" else f"_{name}"
            prompted[name] = given.run.parent / f"{given.run.name}{suffix}_seen.jsonl"
            if not prompted[name].exists():
                hoigen.observations(given.run, prompted[name], measure=name)
        unasked = dict(columns)
        columns |= asked_for(clips, files, labels, prompted, given.run, columns)
        if given.keep:
            keep(given.keep, ids, unasked, columns)
        families = np.array([row["family"] for row in clips])
        told = np.where(real, 2.0, np.where(broken, 1.0, np.where(none, 0.0, np.nan)))
        against(columns, told, person == "yes", families)
        above = ", ".join(
            f"{name} {(np.nan_to_num(columns[name][person == 'no']) > 0).sum()}"
            for name in (RANKS, *OTHERS)
            if name in columns
        )
        print(f"above 0, of {(person == 'no').sum()} clips without a person: {above}")


def keep(file: Path, ids: list[str], unasked: dict[str, np.ndarray], asked: dict[str, np.ndarray]) -> None:
    """Writes a line a clip: `unasked`, its numbers where nothing is asked, and `asked`, those that go by the prompt."""
    with file.open("w", encoding="utf-8") as lines:
        for at, name in enumerate(ids):
            row: dict[str, Any] = {"id": name}
            for which, numbers, names in (("unasked", unasked, (RANKS, *OTHERS, "fine_hoi")), ("asked", asked, ASKED)):
                values = {each: float(numbers[each][at]) for each in names if each in numbers}
                row[which] = {each: None if np.isnan(value) else round(value, 4) for each, value in values.items()}
            lines.write(json.dumps(row) + "\n")


def against(
    columns: dict[str, np.ndarray],
    told: np.ndarray,
    person: np.ndarray,
    families: np.ndarray,
    others: Sequence[str] = OTHERS,
) -> None:
    """What each number is better by than RANKS, resampled by family.

    Args:
        columns: by number, the value of each clip, NaN where it has none.
        told: of each clip 2 for real, 1 for broken, 0 for none, NaN for doubtful.
        person: whether each shows somebody.
        families: of the generator of each.
        others: the numbers, in order; what is not in `columns` is left out.
    """
    names, places = np.unique(families, return_inverse=True)
    of = [np.flatnonzero(places == at) for at in range(len(names))]
    rng = np.random.default_rng(0)
    drawn = [np.concatenate([of[at] for at in rng.integers(0, len(of), len(of))]) for _ in range(DRAWS)]
    print(f"less {RANKS}, on the same clips; 95 % over {len(names)} families")
    print(f"{'':20}" + "".join(f"{head:24}" for head in ("real : none", "with a person", "real : broken", "Spearman")))
    old = np.nan_to_num(columns[RANKS], nan=-1e9)
    for name in others:
        if name not in columns:
            continue
        new = np.nan_to_num(columns[name], nan=-1e9)
        cells = []
        for kind in STATISTICS:
            found = [kind(new[at], told[at], person[at]) - kind(old[at], told[at], person[at]) for at in drawn]
            here = kind(new, told, person) - kind(old, told, person)
            low, high = np.nanquantile(found, [0.025, 0.975])
            cells.append(f"{here:+.2f} [{low:+.2f}, {high:+.2f}]")
        print(f"{name:20}" + "".join(f"{each:24}" for each in cells))


def _real_none(values: np.ndarray, told: np.ndarray, person: np.ndarray) -> float:
    return _area(values, told == 2, told == 0)


def _with_person(values: np.ndarray, told: np.ndarray, person: np.ndarray) -> float:
    return _area(values, (told == 2) & person, (told == 0) & person)


def _real_broken(values: np.ndarray, told: np.ndarray, person: np.ndarray) -> float:
    return _area(values, told == 2, told == 1)


def _rho(values: np.ndarray, told: np.ndarray, person: np.ndarray) -> float:
    known = ~np.isnan(told)
    a, b = (_mid_ranks(each[known]) for each in (values, told))
    return float(np.corrcoef(a, b)[0, 1]) if np.ptp(a) and np.ptp(b) else np.nan


def _area(values: np.ndarray, yes: np.ndarray, no: np.ndarray) -> float:
    return auc(values[yes | no], yes[yes | no]) if yes.any() and no.any() else np.nan


def _mid_ranks(values: np.ndarray) -> np.ndarray:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: np.ndarray = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return ranks


STATISTICS = (_real_none, _with_person, _real_broken, _rho)


def scored(
    videos: list[str] | Path, run: Path, measures: list[Any], workers: int | None = None
) -> dict[str, dict[str, Any]]:
    """The row of every clip, by the name of its file."""
    keep: dict[str, Any] = {}
    recipe = {"shots": "none", "score_all": True, "report": False, "duplicates": "keep", "measures": measures}
    hoigen.curate(videos=videos, run=run, keep=keep, workers=workers, **recipe)
    table = run.parent / f"{run.name}.parquet"
    hoigen.table(run, out=table)
    found = duckdb.connect().sql(f"select * from '{table}'").to_arrow_table().to_pylist()
    return {Path(row["uri"]).stem: row for row in found}


def asked_for(
    clips: list[dict[str, Any]],
    files: list[str],
    labels: dict[str, dict[str, Any]],
    prompted: dict[str, Path],
    run: Path,
    unasked: dict[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """Numbers that go by the prompt, asked for what the label of an interaction names; of a clip without one, unasked.

    Args:
        prompted: by measure, the file of what was seen for it.
        unasked: by number, of every clip, in the order of `clips`.

    Returns numbers as `unasked` has them, asked.
    """
    known, listed, ids = set(hico.objects()), [], []
    for row, file in zip(clips, files, strict=True):
        label = labels[row["id"]]
        if label["interaction"] in ("real", "broken") and label["verb"]:
            thing = str(label["object"] or "").replace(" ", "_")
            listed.append({"path": file, "verb": label["verb"], "object": ALIKE.get(thing, thing)})
            ids.append(row["id"])
    videos = run.parent / f"{run.name}_asked.jsonl"
    videos.write_text("".join(f"{json.dumps(each)}\n" for each in listed), encoding="utf-8")
    measures = [{name: {"observer": {"recorded": {"file": seen}}}} for name, seen in prompted.items()]
    scores = scored(videos, run.parent / f"{run.name}_asked", measures)
    numbers = [name for name in ASKED if name in unasked]
    worded = {each: row["object"] in known for each, row in zip(ids, listed, strict=True)}
    print(f"asked for verb and object: {len(ids)} clips with an interaction, real or broken; defined:")
    for word in ("real", "broken"):
        mine = [each for each in ids if labels[each]["interaction"] == word]
        within = [each for each in mine if worded[each]]
        for name in numbers:
            all_of, of_words = (sum(scores[e][name] is not None for e in some) for some in (mine, within))
            print(f"  {word:7} {name:13} {all_of} of {len(mine)}; of COCO's words {of_words} of {len(within)}")
    labelled = [labels[row["id"]] for row in clips]
    word, person = (np.array([each[key] for each in labelled]) for key in ("interaction", "person"))
    real, broken, none, seen_one = word == "real", word == "broken", word == "none", person == "yes"
    print(f"{'':18}{'real : none':20}{'with a person':20}{'real : broken':20}{'Spearman, all':20}")
    found = {}
    for name in numbers:
        mine = [
            scores[row["id"]][name] if row["id"] in scores else at for row, at in zip(clips, unasked[name], strict=True)
        ]
        values = found[name] = np.array([np.nan if each is None else each for each in mine], float)
        areas = (area(values, real, none), area(values, real & seen_one, none & seen_one), area(values, real, broken))
        ranks = order(values, 2.0 * real + broken, real | broken | none)
        print(f"{name:18}" + "".join(f"{each:20}" for each in (*areas, ranks)))
    return found


def hoigen_numbers(measure: str) -> Any:
    """The numbers that a measure of hoigen gives."""
    from hoigen.core.registry import find_measure

    return find_measure(measure).numbers


if __name__ == "__main__":
    main()
