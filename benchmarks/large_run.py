"""What reading a large run takes: wall and CPU seconds and peak memory of each command, in a process of its own.

python benchmarks/large_run.py [CLIPS] [--parts compacted|single] [--source SRC] [--keep FOLDER]

Makes a run of CLIPS clips (5,000,000 unless told) with ten measures of all clips, which is the most there can be, in
parts as `hoigen curate` leaves them (not measured); the videos do not exist. Then the commands, each with a limit of
1 GB. `--parts single`: a part for each 256 videos, nothing merged and no shards.parquet, as runs were before.
`--source`: the src folder of another checkout, whose commands are run instead.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MEASURES = (
    "metadata",
    "text_boxes",
    "technical_quality",
    "motion",
    "hoi_lite",
    "temporal_flickering",
    "motion_smoothness",
    "imaging_quality",
    "subject_consistency",
    "background_consistency",
)
KEEP = {"technical_quality": {"min": 0.05}, "motion": {"min": 0.05, "max": 0.9}, "hoi_lite": {"min": 0.4}}
CLIPS_A_VIDEO = 8
SHARD = {"compacted": 4096, "single": 256 * CLIPS_A_VIDEO}
FIRST_CLIP = """
import os, sys
from hoigen.stages.kept import KeptClip
whole = KeptClip.read
def read(*given):
    print("first clip", next(iter(whole(*given))).clip.id, flush=True)
    os._exit(0)
KeptClip.read = staticmethod(read)
from hoigen.commands.cli import main
main(["caption", sys.argv[1], "--quiet", "--no-report", "--set", "captioner=grounded"])
"""
FIRST_CUT = """
import os, sys
from hoigen.work import local
def run(tasks, *others):
    print("first file", next(iter(tasks)).key, flush=True)
    os._exit(0)
local.run = run
try:
    from hoigen.work import stage
    stage.executor = lambda: run
except ImportError:
    pass
from hoigen.commands.cli import main
main(["cut", sys.argv[1], "--quiet"])
"""


def write_run(path: Path, clips: int, parts: str) -> None:
    """A run's folder, written shard by shard, each table by a process of its own."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    import yaml

    from hoigen.data.run import Run, ShardRange

    run = Run(path)
    recipe = {"videos": "/data/videos", "measures": list(MEASURES), "keep": KEEP, "score_all": True, "shard_size": 256}
    recipe["min_length"] = 1.0
    path.mkdir(parents=True)
    run.recipe_file.write_text(yaml.safe_dump({"hoigen": "0", "recipe": recipe}))
    videos = -(-clips // CLIPS_A_VIDEO)
    listed = {"uri": pa.array([f"/data/videos/{v // 1000:05}/video_{v:08}.mp4" for v in range(videos)])}
    listed |= {name: pa.nulls(videos, pa.float64()) for name in ("start", "end")}
    listed |= {name: pa.nulls(videos, pa.string()) for name in ("source", "caption", "meta")}
    pq.write_table(pa.table(listed), run.videos_file)
    if parts == "compacted":
        firsts = range(0, clips, SHARD[parts])
        lasts = [min(first + SHARD[parts], clips) for first in firsts]
        run.write_shards(
            [
                ShardRange(shard, first // CLIPS_A_VIDEO, -(-last // CLIPS_A_VIDEO), last - first, 30 << 30)
                for shard, (first, last) in enumerate(zip(firsts, lasts, strict=True))
            ]
        )
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        pool.starmap(write_table, [(path, at, clips, parts) for at in range(-1, len(MEASURES))], chunksize=1)


def write_table(path: Path, at: int, clips: int, parts: str) -> None:
    """The clips (-1) or the scores of one measure."""
    import duckdb

    from hoigen.data.run import Run
    from hoigen.rules.cascade import build_steps

    run, step = Run(path), build_steps(MEASURES, KEEP)[at]
    table = run.scores(step.name, step.fingerprint, step.emits) if at >= 0 else run.clips
    query = _scores_sql(at, step.emits) if at >= 0 else _clips_sql()
    con = duckdb.connect(config={"threads": 1})
    for shard, first in enumerate(range(0, clips, SHARD[parts])):
        last = min(first + SHARD[parts], clips)
        rows = f"(select i, i // {CLIPS_A_VIDEO} as v from range({first}, {last}) t(i))"
        table.write_arrow(shard, con.sql(query.replace("$rows", rows)).to_arrow_table())
    if parts == "compacted":
        table.compact()


def _clips_sql() -> str:
    uri = "'/data/videos/' || lpad((v // 1000)::varchar, 5, '0') || '/video_' || lpad(v::varchar, 8, '0') || '.mp4'"
    n = f"(i % {CLIPS_A_VIDEO})"
    page = "somebody makes something, part ' || v || '\", \"page\": \"https://example.org/watch/' || v || '\"}'"
    short = "case when i % 97 = 0 then"
    size = "9000000 + v || ', \"stamp\": [' || v || ', 17]}'"
    return f"""
        select v::bigint as video, {n}::integer as n, substr(md5(i::varchar), 1, 16) as id, {uri} as uri,
            5.0 * {n} as start, 5.0 * {n} + 4.8 as "end", 1280 as width, 720 as height, 25.0 as fps, 'web' as source,
            null::varchar as prompt, '{{"title": "{page} as meta, md5('v' || v) as digest,
            {short} 'dropped' else 'ok' end as state, {short} 'shot_length' end as rule,
            {short} '0.4 s, shorter than 1 s' end as reason,
            '{{"codec": "h264", "duration": 40.0, "bytes": ' || {size} as header
        from $rows"""


def _scores_sql(at: int, emits: tuple[str, ...]) -> str:
    """Rows in an order of their own, since clips end as they end; a thousandth failed."""
    numbers = ", ".join(f'random() as "{name}"' for name in emits)
    seen = ", 'boxes': [random()::float, random()::float, random()::float, random()::float]" if at == 4 else ""
    failed = f"case when (i + {at}) % 1009 = 0 then"
    return f"""
        select substr(md5(i::varchar), 1, 16) as id, {failed} 'failed' else 'ok' end as state,
            {failed} 'VideoError: the stream ends at ' || i % 7 || ' s' end as reason, 1 as tries, random() as seconds,
            to_json({{'frames': [random()::float, random()::float]{seen}}})::varchar as detail, {numbers}
        from $rows where i % 97 <> 0 order by hash(i + {at})"""


def measured(name: str, command: list[str], source: Path) -> None:
    """Runs a command and prints what it took; the parent holds next to nothing, or its memory would count."""
    began = time.perf_counter()
    with tempfile.TemporaryFile() as words:
        child = subprocess.Popen(
            command, env={**os.environ, "PYTHONPATH": str(source)}, stdout=words, stderr=subprocess.STDOUT
        )
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - began
        words.seek(0)
        last = words.read().decode(errors="replace").strip().splitlines()[-1:]
    cpu = used.ru_utime + used.ru_stime
    print(
        f"{name:28}{wall:8.1f} s wall{cpu:8.1f} s CPU{used.ru_maxrss >> 10:7d} MB peak   {' '.join(last)[:70]}",
        flush=True,
    )
    if child.returncode:
        print(f"  exit code {child.returncode}", flush=True)


def in_a_process(work: Callable[..., Any], *given: Any) -> None:
    """So that this process stays small."""
    process = multiprocessing.get_context("spawn").Process(target=work, args=given)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(process.exitcode)


def main() -> None:
    from machine import headline

    parser = argparse.ArgumentParser()
    parser.add_argument("clips", nargs="?", type=int, default=5_000_000)
    parser.add_argument("--parts", choices=SHARD, default="compacted")
    parser.add_argument("--source", type=Path, default=Path(__file__).parents[1] / "src")
    parser.add_argument("--keep", type=Path, help="the folder of the run: made once, and left")
    given = parser.parse_args()
    print(headline(), f"load     {os.getloadavg()[0]:.1f}\n", sep="")
    with tempfile.TemporaryDirectory() as folder:
        run = given.keep or Path(folder) / "run"
        if not run.exists():
            in_a_process(write_run, run, given.clips, given.parts)
        shutil.rmtree(run / "joined", ignore_errors=True)
        files = list(run.rglob("*.parquet"))
        size = sum(file.stat().st_size for file in files) >> 20
        print(f"{given.clips:,} clips x {len(MEASURES)} measures in {len(files)} files, {size} MB", flush=True)
        hoigen, out = [sys.executable, "-m", "hoigen"], Path(folder)
        measured("funnel, the first time", [*hoigen, "funnel", str(run)], given.source)
        measured("funnel, the copy is there", [*hoigen, "funnel", str(run)], given.source)
        measured("funnel --set", [*hoigen, "funnel", str(run), "--set", "keep.motion.max=0.5"], given.source)
        measured("table --out x.parquet", [*hoigen, "table", str(run), "--out", str(out / "x.parquet")], given.source)
        measured("report", [*hoigen, "report", str(run), "--shown", "0", "--out", str(out / "x.html")], given.source)
        measured("caption, to the first clip", [sys.executable, "-c", FIRST_CLIP, str(run)], given.source)
        measured("cut, to the first file", [sys.executable, "-c", FIRST_CUT, str(run)], given.source)
        copies = sum(path.stat().st_size for path in (run / "joined").iterdir()) if (run / "joined").exists() else 0
        print(f"kept beside the parts: {copies >> 20} MB; load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
