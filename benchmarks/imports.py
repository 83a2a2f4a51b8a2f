"""CPU time of `import hoigen` (limit 50 ms) and `hoigen --help` (limit 200 ms), beyond and with a bare interpreter.

python benchmarks/imports.py
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys

from machine import headline

RUNS = 15


def cpu(command: list[str]) -> float:
    """CPU milliseconds of a command, the median of several runs."""
    times = []
    for _ in range(RUNS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime))
    return statistics.median(times)


def main() -> None:
    print(headline())
    bare = cpu([sys.executable, "-c", "pass"])
    print(f"bare interpreter      {bare:6.0f} ms")
    print(f"import hoigen         {cpu([sys.executable, '-c', 'import hoigen']) - bare:6.0f} ms beyond it (limit 50)")
    print(f"hoigen --help         {cpu([sys.executable, '-m', 'hoigen', '--help']):6.0f} ms in all (limit 200)")
    print(f"hoigen curate --help  {cpu([sys.executable, '-m', 'hoigen', 'curate', '--help']):6.0f} ms in all")


if __name__ == "__main__":
    main()
