"""What the two models that look at pairs of frames cost on a CPU: AMT-S for one frame, UniMatch for one flow.

python benchmarks/flow_models.py      each in a process of its own; weights at random, which take the same time
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time

from machine import headline

SHAPES = {"amt": (720, 1280), "unimatch": (320, 576)}


def measured(name: str) -> str:
    import torch

    torch.manual_seed(0)
    if name == "amt":
        from hoigen.models.nets.amt import Amt

        model = Amt().eval()
    else:
        from hoigen.models.nets.unimatch import UniMatch

        model = UniMatch(width=128, inner=1024, depth=6).eval()
    first, second = torch.rand(2, 1, 3, *SHAPES[name])
    started = time.process_time()
    with torch.inference_mode():
        model(first, second)
    spent = time.process_time() - started
    height, width = SHAPES[name]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return f"{name:<9} {width} x {height}: {spent:5.1f} CPU s a pair of frames, {peak:5.0f} MB at the most"


def main() -> None:
    if sys.argv[1:]:
        print(measured(sys.argv[1]))
        return
    print(headline())
    for name in SHAPES:
        print(
            subprocess.run([sys.executable, __file__, name], check=True, capture_output=True, text=True).stdout, end=""
        )


if __name__ == "__main__":
    main()
