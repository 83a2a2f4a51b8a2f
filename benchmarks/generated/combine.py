"""Does a number that is not blind where no hand is found rank better? What was tried, held out by family of generators:
python benchmarks/generated/combine.py RUN_hoi_act_seen.jsonl RUN_3_hoi_act_seen.jsonl

The files: what `score.py` has left beside its runs over both lists. All numbers are made of the same looks, two a
second, asked for the verb and the object of the label (a clip without an interaction is asked for nothing). `cv`: a
logistic, ridge 1, fitted on real against none of all families but one, which ranks the clips of that one; all that has
no person, does not move, or has no sign of one, is 0 as in hoi_act. hoi_lite's weights come from half of the first
list, so its lines are flattered; `cv: five` is the same, fitted anew, without that. Every clip has been seen: whatever
is best here was chosen on these clips.

AUC of real against none, of the same where both show a person, of real against broken; Spearman's rho with none <
broken < real; on how many clips without a person the number is above 0; real against none of each file alone. Then
what each is better by than fine_act: 95 % over families, 2,000 resamples, seed 0.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from hoigen.core.clip import Clip
from hoigen.interactions import hico
from hoigen.interactions.contact import told
from hoigen.measures.fine.unnamed import Looks
from hoigen.measures.handling import nobody, surest
from hoigen.measures.hoi_act import ALONE, LEAST, HoiAct
from hoigen.measures.hoi_lite import WEIGHTS, better_half, features_of, probability
from hoigen.observe.detections import Knows
from hoigen.observe.frame import ObservedFrame
from hoigen.observe.lines import frame_of
from hoigen.observe.observation import About, FrameRows, Observation

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
from hoi_lite import fit  # noqa: E402  (a script in the folder above)
from machine import headline  # noqa: E402
from score import ALIKE, STATISTICS, against, rows_of  # noqa: E402  (a script beside this one)

NOBODY = probability(dict.fromkeys(WEIGHTS, 0.0)) + 0.001
"""Above what hoi_lite gives a video without any sign of a person."""


def told_by(frames: list[ObservedFrame], clip: Clip) -> dict[str, float]:
    """The numbers of a clip; 0 where one is undefined, since it was looked for and is not there."""
    looks, trusted = Looks(), []
    for frame in frames:
        looks.offer(frame)
        trusted.append(surest(frame))
    knows = Knows(objects=frozenset(hico.objects()), verbs=None)
    verb, thing = clip.meta["verb"], clip.meta["object"]
    contact = told((), verb, thing)
    found = looks.score(LEAST, nobody(trusted), contact.profile, None if knows.lacks(thing) else thing)
    assert found is not None, "made by lite, which says what is at hands"
    seen = Observation(about=About(observer="lite", knows=knows), frames=FrameRows.of(frames))
    parts = better_half([features_of(frame) for frame in frames])
    there = found.whole is not None or not nobody(trusted)
    asked_for = contact.kind != "none"
    return {
        **parts,
        "hoi_lite": probability(parts),
        "fine_act": (found.act or 0.0) * asked_for,
        "hoi_act": HoiAct().read(clip, seen).value or 0.0,
        "there": float(there),
        "gate": found.moved * there * asked_for * (probability(parts) > NOBODY),
    }


def held_out(numbers: np.ndarray, told: np.ndarray, families: np.ndarray) -> np.ndarray:
    """Of each clip, the probability by a logistic that has seen no clip of its family."""
    said = np.zeros(len(told))
    for family in np.unique(families):
        mine = families == family
        known = ~mine & (told != 1)
        weights = fit(numbers[known], (told[known] == 2).astype(float))
        said[mine] = 1 / (1 + np.exp(-(numbers[mine] @ weights[:-1] + weights[-1])))
    return said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seen", type=Path, nargs="+")
    files: list[Path] = parser.parse_args().seen
    labels, clips = (
        {row["id"]: row for name in ("", "_3") for row in rows_of(HERE / f"{kind}{name}.jsonl")}
        for kind in ("labels", "clips")
    )
    frames: dict[str, list[ObservedFrame]] = {}
    source: dict[str, int] = {}
    for number, file in enumerate(files):
        with file.open(encoding="utf-8") as lines:
            next(lines)
            for line in lines:
                row = json.loads(line)
                clip = Path(row["video"]).stem
                row.pop("objects", None)
                if labels[clip]["interaction"] != "doubtful":
                    source[clip] = number
                    frames.setdefault(clip, []).append(frame_of(row, clip, row["size"], row["time"], own=True))
    ids = sorted(frames)
    found = []
    for each in ids:
        label, (width, height) = labels[each], frames[each][0].size
        thing = str(label["object"] or "").replace(" ", "_")
        meta = {"verb": label["verb"] or None, "object": ALIKE.get(thing, thing) or None}
        end = frames[each][-1].time + 0.5
        found.append(
            told_by(frames[each], Clip(id=each, uri="", end=end, width=width, height=height, fps=2, meta=meta))
        )
    word = {"real": 2.0, "broken": 1.0, "none": 0.0}
    labelled = np.array([word[labels[each]["interaction"]] for each in ids])
    person = np.array([labels[each]["person"] for each in ids])
    families = np.array([clips[each]["family"] for each in ids])
    columns = {name: np.array([each[name] for each in found], float) for name in found[0]}
    gate, act, lite = (columns[name] for name in ("gate", "fine_act", "hoi_lite"))
    handled = np.maximum(0.0, (lite - ALONE) / (1 - ALONE))
    five = np.stack([columns[name] for name in WEIGHTS], axis=1)
    odds = np.log(lite / (1 - lite))
    tried = {
        "fine_act": act,
        "hoi_act": columns["hoi_act"],
        "hoi_lite": lite,
        "hoi_person": columns["hoi_person"],
        "hoi_named": columns["hoi_named"],
        "hoi_held": columns["hoi_held"],
        "hoi_lite, gated": gate * handled,
        "mean with fine_act": gate * (handled + act) / 2,
        "larger of both": gate * np.maximum(handled, act),
        "where no touch": gate * np.where(act > 0, 0.5 + act / 2, handled / 2),
        "cv: five": gate * held_out(five, labelled, families),
        "cv: five, act": gate * held_out(np.c_[five, act], labelled, families),
        "cv: hoi_lite, act": gate * held_out(np.c_[odds, act], labelled, families),
    }
    print(headline())
    counts = [int((labelled == each).sum()) for each in (2, 1, 0)]
    nobody_there = person == "no"
    print(f"{len(ids)} clips, {counts[0]} real, {counts[1]} broken, {counts[2]} none; {nobody_there.sum()} show nobody")
    lost = int(((labelled == 2) & (columns["there"] == 0)).sum())
    print(f"of the real ones {lost} show nobody who is believed, and no touch")
    of = np.array([source[each] for each in ids])
    print(f"{'':20}{'real : none':14}{'with a person':15}{'real : broken':15}{'Spearman':10}nobody  each file")
    for name, values in tried.items():
        cells = [kind(values, labelled, person == "yes") for kind in STATISTICS]
        above = int((values[nobody_there] > 0).sum())
        print(f"{name:20}{cells[0]:<14.3f}{cells[1]:<15.3f}{cells[2]:<15.3f}{cells[3]:<10.3f}{above:<8}", end="")
        alone = [STATISTICS[0](values[of == at], labelled[of == at], person[of == at]) for at in range(len(files))]
        print("  ".join(f"{each:.3f}" for each in alone))
    against(tried, labelled, person == "yes", families, list(tried)[1:])


if __name__ == "__main__":
    main()
