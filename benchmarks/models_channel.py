"""What it costs a worker to ask the process that owns the models, beside a network that does nothing.

python benchmarks/models_channel.py

CPU is the asking process's own; wall time has both processes in it. small: 8 numbers; frames: eight pictures of
224 x 224 as float32, 4.8 MB, there and back.
"""

from __future__ import annotations

import functools
import resource
import statistics
import time
from typing import Any

import numpy as np
from machine import headline

from hoigen.models.batcher import NetworkService
from hoigen.models.host import Host
from hoigen.models.room import RemoteNetwork
from hoigen.models.uses import Network

CALLS, ROUNDS = 200, 5
NETWORK = Network(build="models_channel:built", device="cpu", batch=64)


def built() -> Any:
    """A network that gives back what it gets."""
    import torch

    return torch.nn.Identity()


def served(network: Network) -> dict[str, NetworkService]:
    return {network.name: NetworkService(network, "benchmark")}


def costs(ask: RemoteNetwork, array: np.ndarray) -> tuple[float, float]:
    """Milliseconds of CPU and of wall time a call, the median of several rounds."""
    cpu, wall = [], []
    for _ in range(ROUNDS):
        before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        for _ in range(CALLS):
            ask(array)
        after = resource.getrusage(resource.RUSAGE_SELF)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        cpu.append(1000 * spent / CALLS)
        wall.append(1000 * (time.perf_counter() - began) / CALLS)
    return statistics.median(cpu), statistics.median(wall)


def main() -> None:
    print(headline())
    print(f"{'a call':10}{'CPU ms':>10}{'wall ms':>10}")
    with Host(functools.partial(served, NETWORK), load_deadline=120, deadline=120) as host:
        host.start()
        ask = RemoteNetwork(host.address, NETWORK)
        for name, array in (
            ("small", np.zeros((1, 8), np.float32)),
            ("frames", np.zeros((8, 3, 224, 224), np.float32)),
        ):
            ask(array)
            cpu, wall = costs(ask, array)
            print(f"{name:10}{cpu:>10.2f}{wall:>10.2f}")


if __name__ == "__main__":
    import models_channel  # by the name under which the other process knows it

    models_channel.main()
