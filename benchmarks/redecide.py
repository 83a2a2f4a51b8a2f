"""What it costs to decide again: a run of 1 M clips x 10 measures, with other rules each time (limit 2 s).

python benchmarks/redecide.py [CLIPS] [CLIPS_PER_SHARD]

Makes the run's parts in a temporary folder first (not measured), every clip scored by every measure, which is the
most there can be. Then, each in a fresh process: the first decision, which joins all parts and keeps what it found;
and five more with other rules, as `hoigen funnel --set` does: open, decide, count, funnel.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path

from machine import headline

MEASURES = 10


def write_shard(run: Path, shard: int, first: int, count: int) -> None:
    """Parts as `hoigen curate` writes them; scores in an order of their own, since clips end as they end."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from hoigen.clip import clip_id
    from hoigen.data import tables

    rng = np.random.default_rng(shard)
    rows = range(first, first + count)
    uris = [f"/data/videos/{n // 8 // 1000:04d}/video_{n // 8:07d}.mp4" for n in rows]
    ids = [clip_id(uri, 5.0 * (n % 8), 5.0 * (n % 8) + 5) for uri, n in zip(uris, rows, strict=True)]
    clips = {name: pa.nulls(count) for name in tables.CLIP_COLUMNS} | {
        "video": [n // 8 for n in rows], "n": [n % 8 for n in rows], "id": ids, "uri": uris,
        "start": [5.0 * (n % 8) for n in rows], "end": [5.0 * (n % 8) + 5 for n in rows], "state": ["ok"] * count,
        "header": [f'{{"codec":"h264","duration":40.0,"bytes":{n}}}' for n in rows],
    }  # fmt: skip
    schema = tables.schema_of(tables.CLIP_COLUMNS)
    arrays = [pa.array(clips[field.name]).cast(field.type) for field in schema]
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), made(run / "clips" / f"{shard:05d}.parquet"))
    for at in range(MEASURES):
        order, values = rng.permutation(count), rng.normal(size=count)
        scores = {
            "id": [ids[n] for n in order], "state": np.where(rng.random(count) < 1e-3, "failed", "ok").tolist(),
            "reason": [None] * count, "tries": [1] * count, "seconds": rng.random(count),
            "detail": [f'{{"frames":[{value:.4f}]}}' for value in values], f"score{at}": values,
        }  # fmt: skip
        schema = tables.schema_of(tables.SCORE_COLUMNS, [f"score{at}"])
        path = run / "scores" / f"score{at}" / "0123456789ab" / f"{shard:05d}.parquet"
        pq.write_table(pa.table(scores, schema=schema), made(path))


def made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def decide_once(run: Path, low: float) -> tuple[float, float, int, dict[str, int]]:
    """Wall and CPU seconds, peak MB, and how the clips ended."""
    from hoigen import decide
    from hoigen.cascade import Step
    from hoigen.data.run import Run
    from hoigen.score import Rule

    names = [f"score{at}" for at in range(MEASURES)]
    steps = [Step(name, None, (name,), {name: Rule(min=low, max=2.0)}, "0123456789ab") for name in names]
    wall, cpu = time.perf_counter(), time.process_time()
    con = decide.connect(Run(run), steps)
    counted = decide.counts(con)
    funnel = decide.funnel(con, steps)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    assert {state: count for state, count in funnel.counts.items() if count} == counted
    return wall, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10, counted


def main() -> None:
    clips = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    size = int(sys.argv[2]) if len(sys.argv) > 2 else 2048
    print(headline())
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder)
        for shard, first in enumerate(range(0, clips, size)):
            write_shard(run, shard, first, min(size, clips - first))
        files = sum(1 for _ in run.rglob("*.parquet"))
        megabytes = sum(path.stat().st_size for path in run.rglob("*.parquet")) >> 20
        print(f"{clips} clips x {MEASURES} measures in {files} parts, {megabytes} MB")
        for at, low in enumerate((-1.5, -1.4, -1.3, -1.2, -1.1, -1.0)):
            with context.Pool(1) as pool:
                wall, cpu, peak, ends = pool.apply(decide_once, (run, low))
            what = "decided again" if at else "first decision"
            print(f"{what:16}{wall:6.2f} s wall {cpu:6.2f} s CPU {peak:6d} MB peak   {ends}")
        print(f"kept beside the parts: {sum(p.stat().st_size for p in (run / 'joined').iterdir()) >> 20} MB")


if __name__ == "__main__":
    main()
