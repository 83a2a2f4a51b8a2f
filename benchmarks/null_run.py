"""What the engine costs per clip beyond the work itself: a whole run of a measure that does nothing (limit 1 ms).

python benchmarks/null_run.py [ROWS]
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

from machine import headline

import hoigen
from hoigen.models import files

NULL = '''
from hoigen import Clip, Frames, Sampling, Score, measure

@measure("null")
class Null:
    """Nothing, at once."""
    sampling: Sampling = Sampling(frames=0)

    def __call__(self, clip: Clip, frames: Frames) -> Score:
        return Score(0.0)
'''


def cpu() -> float:
    """CPU seconds of this process and its ended children."""
    kinds = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, kinds))


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    print(headline())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "null.py").write_text(NULL)
        video = files.locate("sample_bikes").path
        lines = (f"{video},{i * 9e-5:.6f},{i * 9e-5 + 0.5:.6f}" for i in range(rows))
        (folder / "list.csv").write_text("uri,start,end\n" + "\n".join(lines) + "\n")
        arguments = {"videos": folder / "list.csv", "run": folder / "run", "beside": folder, "quiet": True}
        settings = {"shots": "none", "report": False, "workers": 2}
        for what, measures in (("listed and measured", ["./null.py"]), ("rerun, nothing to do", ["./null.py"])):
            wall, spent = time.perf_counter(), cpu()
            funnel = hoigen.curate(measures=measures, **arguments, **settings)
            wall, spent = time.perf_counter() - wall, cpu() - spent
            print(f"{what:22} {rows} rows: wall {1000 * wall / rows:.3f} ms, CPU {1000 * spent / rows:.3f} ms a clip")
        print(funnel)


if __name__ == "__main__":
    main()
