"""How well the check of captions tells descriptions from other answers, with 95 % Wilson intervals.

python benchmarks/answers.py                     benchmarks/answers/third.jsonl by kind: nothing was chosen on it
python benchmarks/answers.py unseen.jsonl        an older such set, seen by now; heldout.jsonl is another
python benchmarks/answers.py worked.jsonl        the answers that the rules were made on
python benchmarks/answers.py worked.jsonl --round 2     of one round of these (1 to 5)
python benchmarks/answers.py --wrong             also every answer that was judged wrongly

Of answers that are no captions, `mended` are those of which a part was taken off (marks, fences, notes) and the rest is
a description; `accepted` are those that became a caption as they stand.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections import Counter
from pathlib import Path

from machine import headline

from hoigen.models.experts import bland, prompts
from hoigen.models.experts.answers import DOUBT_SHARE, QUOTED, words_of

FOLDER = Path(__file__).with_name("answers")


def wilson(count: int, of: int, z: float = 1.96) -> str:
    """A share with its interval, in per cent."""
    if not of:
        return "-"
    share, slack = count / of, z * z / of
    middle = (share + slack / 2) / (1 + slack)
    half = z * math.sqrt(share * (1 - share) / of + slack / 4 / of) / (1 + slack)
    return f"{share:.1%} ({max(0.0, middle - half):.1%} to {min(1.0, middle + half):.1%})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", default="third.jsonl")
    parser.add_argument("--wrong", action="store_true")
    parser.add_argument("--round", type=int, help="of worked.jsonl, those of one round (1 to 5; see its README)")
    options = parser.parse_args()
    describe = prompts.render("describe")
    told: Counter[tuple[bool, str, str]] = Counter()
    began = time.process_time()
    rows = [json.loads(line) for line in (FOLDER / options.file).read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if options.round is None or row.get("round") == options.round]
    shares: dict[bool, list[float]] = {True: [], False: []}
    for row in rows:
        good = row["good"] if "good" in row else row["right"] == "kept"
        own = row.get("prompt") or describe.own
        answer = row["answer"].replace("@SYSTEM", describe.system).replace("@USER", describe.text)
        found = words_of(answer, own=own, language="" if "prompt" in row else "en")
        whole = len(found.text) >= 0.97 * len(" ".join(answer.split()))
        end = found.outcome if found.outcome != "answered" else "accepted" if whole or good else "mended"
        told[good, row["kind"], "accepted" if end == "accepted" else "mended" if end == "mended" else "none"] += 1
        left = bland.left_of(QUOTED.sub(" qq ", answer), row.get("language", "en"))
        shares[good] += [left.share] if left is not None else []
        told[good, row["kind"], "marked"] += end == "accepted" and bool(found.doubts)
        if options.wrong and (good != (found.outcome == "answered") or (not good and end == "mended")):
            print(f"{row['kind']:16} {end:9} {found.reason or found.doubts} | {answer[:150]!r}")
    seconds = time.process_time() - began
    print(headline())
    print(f"{options.file}: {len(rows)} answers, {1000 * seconds / len(rows):.1f} ms of CPU each")
    print(f"{'kind':20} {'answers':>7} {'none':>5} {'mended':>6} {'accepted':>8} {'marked':>6}")
    for good in (False, True):
        kinds = sorted({kind for is_good, kind, _ in told if is_good == good})
        for kind in kinds:
            none, mended, accepted, marked = (told[good, kind, end] for end in ("none", "mended", "accepted", "marked"))
            print(f"{kind:20} {none + mended + accepted:7} {none:5} {mended:6} {accepted:8} {marked:6}")
    sums = {
        (good, end): sum(n for (is_good, _, what), n in told.items() if (is_good, what) == (good, end))
        for good in (False, True)
        for end in ("none", "mended", "accepted", "marked")
    }
    bad, kept = (sum(sums[good, end] for end in ("none", "mended", "accepted")) for good in (False, True))
    refused = sums[False, "none"] + sums[False, "mended"]
    print(f"bad accepted: {wilson(sums[False, 'accepted'], bad)}; without those marked: ", end="")
    print(wilson(sums[False, "accepted"] - sums[False, "marked"], bad))
    print(f"bad that became a caption in any form, mended ones too: {wilson(bad - sums[False, 'none'], bad)}")
    print(f"good kept: {wilson(sums[True, 'accepted'], kept)}; of them marked: {sums[True, 'marked']}")
    for good, name in ((True, "good"), (False, "bad")):
        under = sum(share < DOUBT_SHARE for share in shares[good])
        least = min(shares[good], default=0.0)
        middle = sorted(shares[good])[len(shares[good]) // 2] if shares[good] else 0.0
        print(f"left without bland words, {name}: least {least:.2f}, middle {middle:.2f}; {under} of ", end="")
        print(f"{len(shares[good])} below {DOUBT_SHARE}")
    print(f"precision of a refusal: {wilson(refused, refused + sums[True, 'none'])}; recall: {wilson(refused, bad)}")


if __name__ == "__main__":
    main()
