"""Which number agrees best with people, on a public set of ratings: for who has the set and its videos.

python benchmarks/ratings.py --ratings train.parquet --videos FOLDER --question Coherence --run runs/ratings

The videos lie as `hoigen evaluate` reads them (docs/evaluate.md): a folder for each model, files named after the
prompts; or --videos is a list with prompt, model and file. The set is one that docs/agree.md names, or a table of one's
own. No set of ratings was at hand where hoigen was made: no figure of this script is in the docs.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from machine import headline

import hoigen


def main() -> None:
    """Measures the videos, then prints every number against people, with intervals."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ratings", type=Path, required=True, help="what people said")
    parser.add_argument("--videos", type=Path, required=True, action="append", help="a folder of models, or a list")
    parser.add_argument("--prompts", type=Path, help="the prompts, one a line; the files' names when not given")
    parser.add_argument("--question", help="of a set with several, whose answers count")
    parser.add_argument("--run", type=Path, default=Path("runs/ratings"), help="the folder of the run")
    parser.add_argument("--recipe", type=Path, default=Path("evaluate"), help="what is measured")
    given = parser.parse_args()
    print(headline())
    hoigen.evaluate(
        videos=given.videos, prompts=given.prompts, run=given.run, recipe=given.recipe, report=False, quiet=True
    )
    print(hoigen.agree(given.run, given.ratings, ratings_question=given.question))


if __name__ == "__main__":
    main()
