"""A whole run of the lite recipe: CPU seconds a clip, what each measure takes of them, and a worker's peak memory.

python benchmarks/lite_run.py [FOLDER]

Over a rendered 1080p video of 5 s, shots searched (limit 500 MB), and the clips of FOLDER when given, as they are.
Every measure looks at every clip (`score_all`), one worker; the seconds of a measure are its own, without decoding.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import duckdb
from decode import rendered
from machine import headline

import hoigen
from hoigen.recipe.build import recipe_of
from hoigen.recipe.yaml import load_recipe, recipe_path


def measured(videos: Path, run: Path, shots: str) -> None:
    """Runs the recipe and prints what it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall = time.perf_counter()
    keys = {"videos": str(videos), "run": str(run), "score_all": True, "workers": 1, "report": False}
    recipe = load_recipe(recipe_path("lite")) | keys | ({"shots": "none"} if shots == "none" else {})
    funnel = hoigen.curate(recipe_of(recipe, "lite"), quiet=True)
    wall = time.perf_counter() - wall
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{wall:.1f} s wall, {spent:.1f} s CPU in workers, peak memory of a worker {after.ru_maxrss / 1024:.0f} MB")
    for folder in sorted(run.glob("scores/*/*")):
        row = duckdb.sql(f"select count(*), avg(seconds) from '{folder}/*.parquet'").fetchall()[0]
        print(f"    {folder.parent.name:20} {row[0]:4} clips, {row[1]:.3f} s each")
    print(f"    {str(funnel).splitlines()[-1]}")


def main() -> None:
    print(headline())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "1080p").mkdir()
        rendered(folder / "1080p", 1080)
        for videos in (folder / "1080p", *map(Path, sys.argv[1:2])):
            print(f"{videos.name}: {len(list(videos.iterdir()))} files")
            measured(videos, folder / f"run_{videos.name}", "none" if videos.parent != folder else "")


if __name__ == "__main__":
    main()
