"""Do kept clips and true captions help a video model that truly learns? A small one, on rendered scenes.

    nice -n 19 python benchmarks/does_it_help.py OUT.json [--device cuda] [--seeds 5] [--part 0/2]

What is compared, how often, and how it is judged stands here and in docs/does_it_help.md, and was committed before
the run. A clip has 8 frames of 16 x 16 pixels: a hand (red), a thing (green), a grey ground. In a third of the pool the
hand takes the thing along (contact); in a third it passes without touching it; in a third the thing moves alone. A
flow-matching network over pixels learns the whole pool first; then it is fine-tuned, for equal steps, by arms:

    kept        the contact clips, with captions that are true
    all         the whole pool, with captions that are true
    random      as many clips as `kept` has, chosen at random, with captions that are true
    shuffled    the contact clips, each with another one's caption
    one_wrong   the contact clips; every fourth caption names a wrong direction, as one captioner might

All arms of one seed start from the same network and are asked for the same sentences from the same noise. The judge
reads positions from pixels: the thing has moved at least 3 pixels, mostly in the direction asked for, and the hand is
at most 1 pixel from it in at least 6 of 8 frames. It is used nowhere in training, nor in choosing clips: `kept` goes by
how a clip was rendered.

Analysis: each seed gives each arm a share of successes; of `kept` less each other arm the mean over seeds, with a 95 %
interval of Student's t over seeds. Nothing is left out; a run that is stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

FRAMES, SIDE, PART = 8, 16, 4
DIRECTIONS = ((0, 1), (0, -1), (1, 0), (-1, 0))
"""Down the rows and along the columns: right, left, down, up."""
KINDS = ("contact", "passes", "alone")
ARMS = ("kept", "all", "random", "shuffled", "one_wrong")
POOL, BASE_STEPS, TUNE_STEPS, BATCH = 3000, 2500, 400, 16
ASKED = 32
"""Videos of each direction, in each arm of each seed."""
SAMPLING = 20
"""Euler steps from noise to video."""
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


def pool(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clips, kinds and directions of a seed's pool."""
    chance = np.random.default_rng([seed, 1])
    kinds, directions = chance.integers(0, 3, POOL), chance.integers(0, 4, POOL)
    clips = [scene(KINDS[kind], int(way), chance) for kind, way in zip(kinds, directions, strict=True)]
    return np.stack(clips), kinds, directions


def arm_of(name: str, kinds: np.ndarray, directions: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Which clips an arm is trained on, and their captions: kind * 4 + direction."""
    chance = np.random.default_rng([seed, 2, ARMS.index(name)])
    contact = np.nonzero(kinds == 0)[0]
    said = kinds * 4 + directions
    if name == "all":
        return np.arange(len(kinds)), said
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


def network(seed: int) -> Any:
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
        def __init__(self, width: int = 48, blocks: int = 3) -> None:
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


def trained(net: Any, clips: Any, said: Any, steps: int, rate: float, seed: int, device: str) -> float:
    """Trains by flow matching; the mean loss of the last tenth."""
    import torch

    optimizer = torch.optim.AdamW(net.parameters(), lr=rate)
    generator = torch.Generator().manual_seed(seed)
    losses = []
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = rate * min(1.0, (step + 1) / 50)
        at = torch.randint(0, len(clips), (BATCH,), generator=generator)
        time, noise = torch.rand(BATCH, generator=generator), torch.randn(clips[at].shape, generator=generator)
        wide = time.view(-1, 1, 1, 1, 1)
        mixed = ((1 - wide) * clips[at] + wide * noise).to(device)
        loss = ((net(mixed, time.to(device), said[at].to(device)) - (noise - clips[at]).to(device)) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        losses.append(float(loss.detach()))
    return float(np.mean(losses[-max(1, steps // 10) :]))


def share(net: Any, seed: int, device: str) -> float:
    """Of the videos that are asked for, the share that the judge passes. The noise is that of the seed alone."""
    import torch

    passed = 0
    generator = torch.Generator().manual_seed(1_000_000 + seed)
    with torch.inference_mode():
        for direction in range(4):
            x = torch.randn(ASKED, 3, FRAMES, SIDE, SIDE, generator=generator).to(device)
            words = torch.full((ASKED,), direction, device=device)
            for step in range(SAMPLING, 0, -1):
                x = x - net(x, torch.full((ASKED,), step / SAMPLING, device=device), words) / SAMPLING
            videos = (x.permute(0, 2, 3, 4, 1).cpu().numpy() + 1) / 2
            passed += sum(judged(video, direction) for video in videos)
    return passed / (4 * ASKED)


def run(seed: int, device: str, there: dict[str, Any]) -> dict[str, Any]:
    """All arms of a seed; those that are there already are not done again."""
    import copy

    import torch

    clips, kinds, directions = pool(seed)
    tensors = torch.from_numpy(clips).permute(0, 4, 1, 2, 3) * 2 - 1
    base = network(seed).to(device)
    loss = trained(base, tensors, torch.from_numpy(kinds * 4 + directions), BASE_STEPS, 1e-3, seed, device)
    found = {**there, "base": {"share": share(base, seed, device), "loss": loss}}
    for name in ARMS:
        chosen, said = arm_of(name, kinds, directions, seed)
        net = copy.deepcopy(base)
        words = torch.from_numpy(said[chosen])
        loss = trained(net, tensors[chosen], words, TUNE_STEPS, 3e-4, 100 + seed, device)
        found[name] = {"share": share(net, seed, device), "loss": loss, "clips": len(chosen)}
        print(seed, name, found[name], flush=True)
    return found


def analysed(seeds: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Of `kept` less each other arm, and the base: mean over seeds and the 95 % interval of Student's t."""
    made: dict[str, Any] = {}
    for other in ("base", *(name for name in ARMS if name != "kept")):
        gains = [each["kept"]["share"] - each[other]["share"] for each in seeds.values()]
        half = T95[len(gains)] * float(np.std(gains, ddof=1)) / math.sqrt(len(gains)) if len(gains) in T95 else None
        made[f"kept - {other}"] = {"mean": float(np.mean(gains)), "half": half, "seeds": gains}
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--part", default="0/1", help="which seeds this process does: 1/2 the second half")
    asked = parser.parse_args()
    part, parts = map(int, asked.part.split("/"))
    seeds = json.loads(asked.out.read_text())["seeds"] if asked.out.is_file() else {}
    for seed in range(part, asked.seeds, parts):
        if set(ARMS) <= set(seeds.get(str(seed), {})):
            continue
        seeds[str(seed)] = run(seed, asked.device, {})
        asked.out.write_text(json.dumps({"seeds": seeds, "analysis": analysed(seeds)}, indent=1) + "\n")
    print(json.dumps(analysed(seeds), indent=1))


if __name__ == "__main__":
    main()
