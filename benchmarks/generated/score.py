"""What today's HOI numbers say of one half of the generated clips, against the labels:
python benchmarks/generated/score.py CLIPS --half working --run FOLDER

CLIPS: the folder that `collect.py` has filled. Thresholds are chosen on the working half alone; the closed half is
opened once. Nothing is asked of the clips (no prompt): `coarse_hoi` is that of any act, not of a named verb.

For each number: on how many clips it is defined (of all, of the real ones, of those without a person), and the AUC of
real against none, of the same where a person is seen in both, and of real against broken. A clip without a number ranks
lowest. Intervals: 2,000 resamples of clips, seed 0.
"""

from __future__ import annotations

import argparse
import json
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import duckdb
import numpy as np

import hoigen
from hoigen.stats.thresholds import auc

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from machine import headline  # noqa: E402  (a script beside this folder)

MEASURES = ["metadata", "hoi_lite", "coarse_hoi", "fine_hoi"]
LEFT_OUT = {"duration", "short_side", "fps", "has_audio", "vfr", "clock_jumps", "hdr", "interlaced"}
DRAWS = 2_000


def rows_of(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (HERE / name).read_text(encoding="utf-8").splitlines()]


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--half", choices=("working", "closed"), required=True)
    parser.add_argument("--run", type=Path, required=True)
    given = parser.parse_args()
    families = json.loads((HERE / "split.json").read_text(encoding="utf-8"))["families"][given.half]
    clips = [row for row in rows_of("clips.jsonl") if row["family"] in families]
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
    keep: dict[str, Any] = {}
    recipe = {"shots": "none", "score_all": True, "report": False, "duplicates": "keep", "measures": MEASURES}
    hoigen.curate(videos=files, run=given.run, keep=keep, **recipe)
    hoigen.table(given.run, out=given.run.parent / f"{given.run.name}.parquet")
    query = f"select * from '{given.run.parent / f'{given.run.name}.parquet'}'"
    found = duckdb.connect().sql(query).to_arrow_table().to_pylist()
    scores = {Path(row["uri"]).stem: row for row in found}
    labels = {row["id"]: row for row in rows_of("labels.jsonl")}
    ids = [row["id"] for row in clips]
    word = np.array([labels[each]["interaction"] for each in ids])
    person = np.array([labels[each]["person"] for each in ids])
    real, broken, none = (word == each for each in ("real", "broken", "none"))
    print(headline())
    print(f"{given.half} half: {len(ids)} clips, {real.sum()} real, {broken.sum()} broken, {none.sum()} none")
    heads = ("real : none", "with a person", "real : broken")
    print(f"{'':18}{'defined':>9}{'of real':>9}{'nobody':>9}  " + "".join(f"{head:20}" for head in heads))
    names = [n.name for m in MEASURES for n in hoigen_numbers(m) if n.name not in LEFT_OUT]
    for name in names:
        values = np.array([np.nan if scores[each][name] is None else scores[each][name] for each in ids], float)
        defined = ~np.isnan(values)
        counts = f"{defined.sum():>9}{(defined & real).sum():>9}{(defined & (person == 'no')).sum():>9}"
        seen = person == "yes"
        areas = (area(values, real, none), area(values, real & seen, none & seen), area(values, real, broken))
        print(f"{name:18}{counts}  " + "".join(f"{each:20}" for each in areas))


def hoigen_numbers(measure: str) -> Any:
    """The numbers that a measure of hoigen gives."""
    from hoigen.core.registry import find_measure

    return find_measure(measure).numbers


if __name__ == "__main__":
    main()
