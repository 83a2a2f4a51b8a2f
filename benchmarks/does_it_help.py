"""Do kept clips and true captions help a video model that truly learns? A small one, on rendered scenes.

    python benchmarks/does_it_help.py OUT.json [--device cuda] [--seeds 10] [--processes 5] [--trial]
    python benchmarks/does_it_help.py benchmarks/does_it_help.json --figure docs/figures/does_it_help.svg

What is compared, how often, and how it is judged stands here and in docs/does_it_help.md, and was committed before
the run. A clip has 8 frames of 16 x 16 pixels: a hand (red), a thing (green), a grey ground. In a third of the pool the
hand takes the thing along (contact); in a third it passes without touching it; in a third the thing moves alone. A
flow-matching network over pixels learns the whole pool first; then it is fine-tuned, for equal steps, by arms:

    kept        the contact clips, with captions that are true
    believed    the whole pool, each clip captioned as if it were contact in its direction: what a captioner says that
                does not look for contact, and what curation is there to prevent
    all         the whole pool, with captions that are true
    random      as many clips as `kept` has, chosen at random, with captions that are true
    shuffled    the contact clips, each with another one's caption
    one_wrong   the contact clips; every fourth caption names a wrong direction, as one captioner might

All arms of one seed start from the same network and are asked for the same sentences from the same noise. The judge
reads positions from pixels: the thing has moved at least 3 pixels, mostly in the direction asked for, and the hand is
at most 1 pixel from it in at least 6 of 8 frames. It is used nowhere in training, nor in choosing clips: `kept` goes by
how a clip was rendered.

Pilot: how long the network learns the pool is chosen on seed 1000, which is in no analysis, by the share of its videos
that pass after 2500, 5000 and 10000 steps: the fewest steps with a share of 30 to 85 % (else the one nearest to that
range). Arms get 400, 800 or 1600 steps with it. No arm is trained on the pilot's seed.

Analysis: each seed gives each arm a share of successes; of `kept` less each other arm the mean over seeds, with a 95 %
interval of Student's t over seeds. `kept` less `believed` is what is asked first; the others are beside it, and no
interval is widened for there being six. Nothing is left out; a run that is stopped goes on, seed by seed.

On a card: the pool lies there; which clips and times a step has is drawn on the CPU, its noise on the card; a step is
one CUDA graph; the fastest of four ways to compute it (TF32 or bfloat16, two layouts of memory) is taken, for all
seeds, by time alone. Seeds run side by side in processes of one thread. Figures of a card are not repeated to the last
bit; those of the CPU are.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import platform
import subprocess
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np

FRAMES, SIDE, PART = 8, 16, 4
DIRECTIONS = ((0, 1), (0, -1), (1, 0), (-1, 0))
"""Down the rows and along the columns: right, left, down, up."""
KINDS = ("contact", "passes", "alone")
ARMS = ("kept", "believed", "all", "random", "shuffled", "one_wrong")
FULL = {
    "pool": 3000,
    "choices": [2500, 5000, 10_000],
    "tune": 0.16,
    "asked": 32,
    "sampling": 20,
    "batch": 16,
    "width": 48,
}
"""Clips of a seed; steps of the base, of which the pilot takes one; steps of an arm, as a share of the base's; videos
of each direction, in each arm of each seed; Euler steps from noise to video; clips of a step; channels."""
TRIAL = {"pool": 60, "choices": [10, 20, 40], "tune": 0.5, "asked": 2, "sampling": 2, "batch": 2, "width": 8}
"""Sizes that say nothing, to see that it runs."""
PILOT, RANGE = 1000, (0.30, 0.85)
"""Seed of the pilot, and the shares of successes between which an arm can be better and worse."""
WARM = 5
"""Steps before a step is recorded as a graph."""
MOVED, NEAR, TOGETHER = 3.0, 1.0, 6
T95 = {3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}
"""Student's t for 95 %, by the number of seeds."""


def scene(kind: str, direction: int, chance: np.random.Generator) -> np.ndarray:
    """A clip, (frames, side, side, 3) float32 in 0..1, of a kind and a direction (that of what moves)."""
    step = np.array(DIRECTIONS[direction])
    away = np.array([step[1], step[0]])  # across the way
    start = np.array([6, 6]) - step * 3 + chance.integers(-1, 2, 2)
    at = np.rint(np.linspace(0, 6, FRAMES)).astype(int)
    ground = 0.4 + 0.05 * chance.random((SIDE, SIDE, 1))
    clip = np.repeat(np.repeat(ground, 3, 2)[None], FRAMES, 0)
    side = int(chance.choice([-1, 1]))
    far = SIDE - PART if (start * np.abs(away)).sum() <= (SIDE - PART) / 2 else 0
    for frame in range(FRAMES):
        path = start + step * at[frame]
        edge = far - (start * np.abs(away)).sum()  # from the path to the edge that is farther from it
        if kind == "contact":
            thing, hand = path, path + np.abs(away) * PART * side
        elif kind == "passes":
            thing, hand = start + step * 3, path + np.abs(away) * edge
        else:
            thing, hand = path, start + step * 3 + np.abs(away) * edge
        for place, colour in ((hand, (0.9, 0.2, 0.2)), (thing, (0.2, 0.9, 0.2))):
            top, left = np.clip(place, 0, SIDE - PART)
            clip[frame, top : top + PART, left : left + PART] = colour
    return clip.astype(np.float32)


def positions(frame: np.ndarray, channel: int) -> np.ndarray | None:
    """The middle of what is red (0) or green (1), in pixels; None where there are fewer than 6 such pixels."""
    others = [each for each in range(3) if each != channel]
    rows, columns = np.nonzero(frame[..., channel] - frame[..., others].max(-1) > 0.25)
    return None if len(rows) < 6 else np.array([rows.mean(), columns.mean()])


def judged(clip: np.ndarray, direction: int) -> bool:
    """Whether the hand takes the thing along in the direction asked for."""
    hands, things = [[positions(frame, channel) for frame in clip] for channel in (0, 1)]
    if things[0] is None or things[-1] is None:
        return False
    way = things[-1] - things[0]
    along = float(way @ np.array(DIRECTIONS[direction]))
    across = float(np.abs(way).sum()) - abs(along)
    gaps = [
        np.abs(hand - thing).max() - PART
        for hand, thing in zip(hands, things, strict=True)
        if hand is not None and thing is not None
    ]
    return along >= MOVED and across < along and sum(gap <= NEAR for gap in gaps) >= TOGETHER


def pool(seed: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clips, kinds and directions of a seed's pool of `count` clips."""
    chance = np.random.default_rng([seed, 1])
    kinds, directions = chance.integers(0, 3, count), chance.integers(0, 4, count)
    clips = [scene(KINDS[kind], int(way), chance) for kind, way in zip(kinds, directions, strict=True)]
    return np.stack(clips), kinds, directions


def arm_of(name: str, kinds: np.ndarray, directions: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Which clips an arm is trained on, and their captions: kind * 4 + direction."""
    chance = np.random.default_rng([seed, 2, ARMS.index(name)])
    contact = np.nonzero(kinds == 0)[0]
    said = kinds * 4 + directions
    if name == "all":
        return np.arange(len(kinds)), said
    if name == "believed":
        return np.arange(len(kinds)), directions.copy()  # the words of contact are 0 to 3
    if name == "random":
        return chance.choice(len(kinds), len(contact), replace=False), said
    if name == "shuffled":
        said = said.copy()
        said[contact] = chance.permutation(said[contact])
    if name == "one_wrong":
        said = said.copy()
        wrong = chance.choice(contact, len(contact) // 4, replace=False)
        said[wrong] = (said[wrong] + chance.integers(1, 4, len(wrong))) % 4
    return contact, said


def network(seed: int, width: int) -> Any:
    """Velocity of a clip at a time, given its caption: convolutions over frames, rows and columns."""
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self, width: int, given: int) -> None:
            super().__init__()
            self.norm = nn.GroupNorm(8, width)
            self.one, self.two = nn.Conv3d(width, width, 3, padding=1), nn.Conv3d(width, width, 3, padding=1)
            self.shift = nn.Linear(given, 2 * width)

        def forward(self, x: Any, given: Any) -> Any:
            scale, shift = self.shift(given)[:, :, None, None, None].chunk(2, 1)
            return x + self.two(nn.functional.silu(self.one(nn.functional.silu(self.norm(x) * (1 + scale) + shift))))

    class Net(nn.Module):
        def __init__(self, blocks: int = 3) -> None:
            super().__init__()
            self.words, self.time = nn.Embedding(13, 64), nn.Sequential(nn.Linear(1, 64), nn.SiLU(), nn.Linear(64, 64))
            self.place = nn.Parameter(torch.zeros(1, width, FRAMES, SIDE, SIDE))
            self.first, self.last = nn.Conv3d(3, width, 3, padding=1), nn.Conv3d(width, 3, 3, padding=1)
            self.down = nn.Conv3d(width, 2 * width, (1, 2, 2), (1, 2, 2))
            self.up = nn.ConvTranspose3d(2 * width, width, (1, 2, 2), (1, 2, 2))
            self.outer = nn.ModuleList(Block(width, 64) for _ in range(2))
            self.inner = nn.ModuleList(Block(2 * width, 64) for _ in range(blocks))

        def forward(self, x: Any, time: Any, words: Any) -> Any:
            given = self.words(words) + self.time(time[:, None])
            x = self.outer[0](self.first(x) + self.place, given)
            low = self.down(x)
            for block in self.inner:
                low = block(low, given)
            return self.last(self.outer[1](x + self.up(low), given))

    torch.manual_seed(seed)
    return Net()


def trained(
    net: Any,
    clips: Any,
    said: Any,
    steps: int,
    rate: float,
    seed: int,
    way: Mapping[str, Any],
    batch: int,
    looked: Callable[[int], None] | None = None,
) -> float:
    """Trains by flow matching.

    Args:
        net: on the device.
        clips: (clips, 3, frames, side, side), -1..1, on the device.
        said: their captions, on the device.
        steps: of the optimiser.
        rate: of learning, after 50 steps.
        seed: of what is drawn.
        way: `device`, `bfloat16`, `last` (channels come last in memory), `graph` (a step is recorded, and replayed).
        batch: clips of a step.
        looked: is called after each step with its number, from 1.

    Returns:
        The mean loss of the last tenth of the steps.
    """
    import torch

    device, card = way["device"], way["device"] != "cpu"
    optimizer = torch.optim.AdamW(net.parameters(), lr=torch.tensor(rate, device=device), capturable=card, fused=card)
    on_cpu, on_device = torch.Generator().manual_seed(seed), torch.Generator(device).manual_seed(seed)
    which = torch.randint(0, len(clips), (steps, batch), generator=on_cpu).to(device)
    times = torch.rand(steps, batch, generator=on_cpu).to(device)
    at, now = which[0].clone(), times[0].clone()
    noise, lost = torch.empty_like(clips[at]), torch.zeros((), device=device)
    tail, total = max(1, steps // 10), torch.zeros((), device=device)

    def step() -> None:
        wide, shown = now.view(-1, 1, 1, 1, 1), clips[at]
        mixed = (1 - wide) * shown + wide * noise
        if way["last"]:
            mixed = mixed.contiguous(memory_format=torch.channels_last_3d)
        with torch.autocast(device.partition(":")[0], torch.bfloat16, enabled=way["bfloat16"]):
            made = net(mixed, now, said[at])
        loss = ((made.float() - (noise - shown)) ** 2).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        lost.copy_(loss.detach())

    graph, beside = None, torch.cuda.Stream() if card else None
    for number in range(steps):
        optimizer.param_groups[0]["lr"].fill_(rate * min(1.0, (number + 1) / 50))
        at.copy_(which[number])
        now.copy_(times[number])
        noise.normal_(generator=on_device)
        if graph is not None:
            graph.replay()
        elif not way["graph"] or number < WARM:
            if beside is None:
                step()
            else:  # what is recorded later must have been done on another stream before
                beside.wait_stream(torch.cuda.current_stream())
                with torch.cuda.stream(beside):
                    step()
                torch.cuda.current_stream().wait_stream(beside)
        else:
            optimizer.zero_grad(set_to_none=True)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):  # records, and does nothing yet
                step()
            graph.replay()
        if number >= steps - tail:
            total += lost
        if looked is not None:
            looked(number + 1)
    return float(total) / tail


def share(net: Any, seed: int, way: Mapping[str, Any], sizes: Mapping[str, Any]) -> float:
    """Of the videos that are asked for, the share that the judge passes. The noise is that of the seed alone."""
    import torch

    passed, asked, device = 0, sizes["asked"], way["device"]
    generator = torch.Generator().manual_seed(1_000_000 + seed)
    with torch.inference_mode():
        for direction in range(4):
            x = torch.randn(asked, 3, FRAMES, SIDE, SIDE, generator=generator).to(device)
            words = torch.full((asked,), direction, device=device)
            for step in range(sizes["sampling"], 0, -1):
                now = torch.full((asked,), step / sizes["sampling"], device=device)
                x = x - net(x, now, words) / sizes["sampling"]
            videos = (x.permute(0, 2, 3, 4, 1).cpu().numpy() + 1) / 2
            passed += sum(judged(video, direction) for video in videos)
    return passed / (4 * asked)


def begun(seed: int, way: Mapping[str, Any], sizes: Mapping[str, Any]) -> tuple[Any, Any, np.ndarray, np.ndarray]:
    """The untrained network, the pool's clips on the device, their kinds and directions."""
    import torch

    torch.set_num_threads(1)
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    clips, kinds, directions = pool(seed, sizes["pool"])
    tensors = (torch.from_numpy(clips).permute(0, 4, 1, 2, 3).contiguous() * 2 - 1).to(way["device"])
    net = network(seed, sizes["width"]).to(way["device"])
    return net.to(memory_format=torch.channels_last_3d) if way["last"] else net, tensors, kinds, directions


def pilot(device: str, sizes: Mapping[str, Any], graph: bool) -> dict[str, Any]:
    """How a step is computed, and how many steps the base learns: by the base of a seed that is in no analysis.

    Args:
        device: of PyTorch.
        sizes: of pool, arms and videos.
        graph: on a card: steps are replayed. Raises ValueError where they do not learn as steps that are not.
    """
    import torch

    way: dict[str, Any] = {"device": device, "bfloat16": False, "last": False, "graph": graph and device != "cpu"}
    tried: list[dict[str, Any]] = []
    alike: list[float] = []
    if way["graph"]:
        for replayed in (False, True):
            net, clips, kinds, directions = begun(PILOT, way, sizes)
            said = torch.from_numpy(kinds * 4 + directions).to(device)
            alike.append(trained(net, clips, said, 60, 1e-3, PILOT, way | {"graph": replayed}, sizes["batch"]))
        if not abs(alike[1] / alike[0] - 1) < 0.05:
            raise ValueError(f"steps that are replayed do not learn as others: losses {alike[1]} and {alike[0]}")
    if device != "cpu":
        for bfloat16 in (False, True):
            for last in (False, True):
                one = way | {"bfloat16": bfloat16, "last": last}
                net, clips, kinds, directions = begun(PILOT, one, sizes)
                said, marks = torch.from_numpy(kinds * 4 + directions).to(device), []

                def marked(number: int, marks: list[float] = marks) -> None:
                    if number in (WARM + 1, WARM + 201):
                        torch.cuda.synchronize()
                        marks.append(time.perf_counter())

                trained(net, clips, said, WARM + 201, 1e-3, PILOT, one, sizes["batch"], marked)
                tried.append({"bfloat16": bfloat16, "last": last, "seconds a step": (marks[1] - marks[0]) / 200})
        best = min(tried, key=lambda each: each["seconds a step"])
        way |= {key: best[key] for key in ("bfloat16", "last")}
    net, clips, kinds, directions = begun(PILOT, way, sizes)
    shares: dict[int, float] = {}

    def looked(number: int) -> None:
        if number in sizes["choices"]:
            shares[number] = share(net, PILOT, way, sizes)
            print(f"pilot: {shares[number]:.1%} pass after {number} steps", flush=True)

    began = time.perf_counter()
    said = torch.from_numpy(kinds * 4 + directions).to(device)
    trained(net, clips, said, max(sizes["choices"]), 1e-3, PILOT, way, sizes["batch"], looked)
    return {
        "seed": PILOT,
        "range": RANGE,
        "ways": tried,
        "way": way,
        "losses of 60 steps, not replayed and replayed": alike,
        "seconds": time.perf_counter() - began,
        "shares": {str(each): shares[each] for each in shares},
        "steps": chosen(shares),
    }


def chosen(shares: Mapping[int, float]) -> int:
    """The fewest steps with a share in the range, else those whose share is nearest to it, the fewest of equals."""
    low, high = RANGE
    return min(sorted(shares), key=lambda each: max(low - shares[each], shares[each] - high, 0.0))


def run(seed: int, steps: int, way: Mapping[str, Any], sizes: Mapping[str, Any]) -> dict[str, Any]:
    """The base and all arms of a seed: share of successes, loss and clips of each.

    Args:
        seed: of pool, network, noise.
        steps: of the base.
        way: as in `trained`.
        sizes: of pool, arms and videos.
    """
    import copy

    import torch

    began = time.perf_counter()
    base, clips, kinds, directions = begun(seed, way, sizes)
    said = torch.from_numpy(kinds * 4 + directions).to(way["device"])
    loss = trained(base, clips, said, steps, 1e-3, seed, way, sizes["batch"])
    found: dict[str, Any] = {"base": {"share": share(base, seed, way, sizes), "loss": loss, "clips": len(clips)}}
    for name in ARMS:
        at, words = (torch.from_numpy(each).to(way["device"]) for each in arm_of(name, kinds, directions, seed))
        net = copy.deepcopy(base)
        loss = trained(net, clips[at], words[at], round(steps * sizes["tune"]), 3e-4, 100 + seed, way, sizes["batch"])
        found[name] = {"share": share(net, seed, way, sizes), "loss": loss, "clips": len(at)}
    return found | {"seconds": time.perf_counter() - began}


def analysed(seeds: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Of `kept` less each other arm, and the base: mean over seeds and the 95 % interval of Student's t."""
    made: dict[str, Any] = {}
    for other in ("base", *ARMS[1:]) if seeds else ():
        gains = [each["kept"]["share"] - each[other]["share"] for each in seeds.values()]
        half = T95[len(gains)] * float(np.std(gains, ddof=1)) / math.sqrt(len(gains)) if len(gains) in T95 else None
        made[f"kept - {other}"] = {"mean": float(np.mean(gains)), "half": half, "seeds": gains}
    return made


def drawn(seeds: Mapping[str, Mapping[str, Any]]) -> str:
    """An SVG: a row for the base and each arm, a dot for each seed, a line at the mean."""
    rows = ("base", *ARMS)
    out = [
        '<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="Share of videos that pass, by arm" '
        f'viewBox="0 0 720 {60 + 36 * len(rows)}" width="720"><style>svg {{ background: #fff; '
        'font: 13px Inter, "Helvetica Neue", "Segoe UI", sans-serif; }</style>'
    ]
    bottom = 20 + 36 * len(rows)
    for percent in range(0, 101, 20):
        x = 130 + 5.2 * percent
        out.append(f'<path d="M{x:g} 14V{bottom}" stroke="#ddd"/>')
        out.append(f'<text x="{x:g}" y="{bottom + 18}" text-anchor="middle" fill="#555">{percent} %</text>')
    for at, name in enumerate(rows):
        y, shares = 36 + 36 * at, [each[name]["share"] for each in seeds.values()]
        mean = 130 + 520 * float(np.mean(shares))
        out.append(f'<text x="118" y="{y + 4}" text-anchor="end">{name}</text>')
        out += [f'<circle cx="{130 + 520 * one:.1f}" cy="{y}" r="4" fill="#2563eb" opacity=".45"/>' for one in shares]
        out.append(f'<path d="M{mean:.1f} {y - 11}v22" stroke="#111" stroke-width="2"/>')
        out.append(f'<text x="712" y="{y + 4}" text-anchor="end" fill="#111">{100 * np.mean(shares):.1f} %</text>')
    return "\n".join([*out, "</svg>\n"])


def surroundings(device: str) -> dict[str, Any]:
    """Machine, card, versions, date and commit."""
    import torch

    said = subprocess.run(
        ["git", "log", "-1", "--format=%h %s"], capture_output=True, text=True, cwd=Path(__file__).parent
    )
    return {
        "card": torch.cuda.get_device_name() if device != "cpu" else "",
        "processor": f"{os.cpu_count()} cores, {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "tf32": "on: convolutions and products" if device != "cpu" else "",
        "date": time.strftime("%Y-%m-%d"),
        "commit": said.stdout.strip() or os.environ.get("COMMIT", ""),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path, help="goes on where it is there")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--processes", type=int, default=1, help="seeds at a time")
    parser.add_argument("--trial", action="store_true", help="sizes that say nothing, to see that it runs")
    parser.add_argument("--figure", type=Path, help="only draws what is in OUT.json, as SVG")
    asked = parser.parse_args()
    if asked.figure is not None:
        asked.figure.write_text(drawn(json.loads(asked.out.read_text())["seeds"]), encoding="utf-8")
        return
    os.environ["OMP_NUM_THREADS"] = "1"
    sizes = TRIAL if asked.trial else FULL
    told = json.loads(asked.out.read_text()) if asked.out.is_file() else {"sizes": sizes, "seeds": {}}
    if told["sizes"] != sizes:
        raise SystemExit(f"{asked.out}: has sizes {told['sizes']}, and {sizes} are asked for: name another file")

    def written() -> None:
        told["analysis"] = analysed(told["seeds"])
        asked.out.write_text(json.dumps(told, indent=1) + "\n")

    # each in a process of its own, also the pilot: what one leaves on a card is no other's
    with ProcessPoolExecutor(asked.processes, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as others:
        if "pilot" not in told:
            try:
                told["pilot"] = others.submit(pilot, asked.device, sizes, True).result()
            except Exception as error:
                print(f"without graphs: {error}", flush=True)
                told["pilot"] = others.submit(pilot, asked.device, sizes, False).result() | {"no graphs": str(error)}
            told["environment"] = surroundings(asked.device)
            written()
        steps, way = told["pilot"]["steps"], told["pilot"]["way"]
        todo = [seed for seed in range(asked.seeds) if str(seed) not in told["seeds"]]
        for each in as_completed(jobs := {others.submit(run, seed, steps, way, sizes): seed for seed in todo}):
            told["seeds"][str(jobs[each])] = each.result()
            written()
            print(jobs[each], json.dumps(each.result()), flush=True)
    print(json.dumps(told["analysis"], indent=1))


if __name__ == "__main__":
    main()
