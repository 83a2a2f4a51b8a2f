"""Sequences with known boundaries, rendered from a seed: truth for shot detectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from render import pan, texture

SIZE = (90, 160)
FPS = 25.0
Scene = list[np.ndarray]


@dataclass(frozen=True)
class Case:
    """Frames, their times, and the spans in which a boundary must be reported (first, last second)."""

    kind: str
    frames: Scene
    times: list[float]
    truth: list[tuple[float, float]]


def scene(seed: int, count: int = 50, *, speed: float = 1.0, low: float = 20, high: float = 235) -> Scene:
    """A textured background that drifts, with two sprites that move on their own."""
    chance = np.random.default_rng(seed)
    low, high = low + chance.uniform(0, 0.2) * (high - low), high - chance.uniform(0, 0.2) * (high - low)
    background = texture(seed, (180, 320), low=low, high=high)
    frames = pan(background, count, tuple(chance.uniform(-1.5, 1.5, 2) * speed), SIZE)
    for _ in range(2):
        colour = chance.uniform(low, high, 3)
        at, step = chance.uniform(10, 60, 2), chance.uniform(-1.5, 1.5, 2) * speed
        radius = int(chance.integers(6, 16))
        for frame in frames:
            y, x = np.ogrid[: SIZE[0], : SIZE[1]]
            frame[(y - at[0]) ** 2 + (x - at[1]) ** 2 < radius**2] = colour
            at += step
    return frames


def joined(kind: str, scenes: list[Scene], soft: int = 0, mix: Callable[[Scene, Scene], Scene] | None = None) -> Case:
    """Scenes one after the other; `mix` makes the transition out of the last and first `soft` frames."""
    frames: Scene = list(scenes[0])
    truth = []
    for following in scenes[1:]:
        if mix is None:
            truth.append((len(frames) / FPS, len(frames) / FPS))
            frames += following
            continue
        between = mix(frames[-soft:], following[:soft])
        start = len(frames) - soft
        frames = frames[:start] + between + following[soft:]
        truth.append((start / FPS, (start + len(between)) / FPS))
    return Case(kind, frames, [at / FPS for at in range(len(frames))], truth)


def dissolve(old: Scene, new: Scene) -> Scene:
    weights = (np.arange(len(old)) + 1) / (len(old) + 1)
    return [(a * (1 - w) + b * w).astype(np.uint8) for a, b, w in zip(old, new, weights, strict=True)]


def through_black(old: Scene, new: Scene) -> Scene:
    out = [(a * (1 - (i + 1) / len(old))).astype(np.uint8) for i, a in enumerate(old)]
    return [*out, *[np.zeros_like(old[0])] * 4, *[(b * (i / len(new))).astype(np.uint8) for i, b in enumerate(new)]]


def flashes(frames: Scene, seed: int) -> Scene:
    """A camera flash of one or two frames, three times."""
    chance = np.random.default_rng(seed)
    out = [frame.copy() for frame in frames]
    for at in (12, 27, 40):
        for frame in out[at : at + int(chance.integers(1, 3))]:
            frame[:] = np.clip(frame.astype(int) + 140, 0, 255)
    return out


def shake(frames: Scene, seed: int) -> Scene:
    """A hand-held camera: every frame shifted by a few pixels at random."""
    chance = np.random.default_rng(seed)
    return [np.roll(frame, tuple(chance.integers(-4, 5, 2)), (0, 1)) for frame in frames]


def grain(frames: Scene, seed: int, sigma: float = 4) -> Scene:
    chance = np.random.default_rng(seed)
    return [np.clip(f + chance.normal(0, sigma, f.shape), 0, 255).astype(np.uint8) for f in frames]


def on_threes(frames: Scene) -> Scene:
    """A cartoon: every drawing is shown three times."""
    return [frame for frame in frames[::3] for _ in range(3)]


def letterbox(frames: Scene) -> Scene:
    out = [frame.copy() for frame in frames]
    for frame in out:
        frame[:14] = frame[-14:] = 0
    return out


def through_white(old: Scene, new: Scene) -> Scene:
    """A slow fade to white and out of it."""
    white = np.full_like(old[0], 255)
    out = [(a + (white.astype(int) - a) * (i + 1) / len(old)).astype(np.uint8) for i, a in enumerate(old)]
    rise = [(b + (white.astype(int) - b) * (1 - i / len(new))).astype(np.uint8) for i, b in enumerate(new)]
    return [*out, white, white, *rise]


def flash_cut(scenes: list[Scene], seed: int) -> Case:
    """Each cut lies under a white flash that rises at once and dies away within a few frames."""
    chance = np.random.default_rng(seed)
    case = joined("flash on the cut", scenes)
    frames = [frame.copy() for frame in case.frames]
    truth = []
    for at, _ in case.truth:
        cut = round(at * FPS)
        first, decay = cut - int(chance.integers(0, 2)), int(chance.integers(1, 5))
        for n in range(decay + 1):
            share = 1.0 if n == 0 else 1 - n / (decay + 1)
            frame = frames[first + n]
            frame[:] = (frame + (255 - frame.astype(int)) * share).astype(np.uint8)
        truth.append((min(first, cut) / FPS, (max(first, cut) + 1) / FPS))
    return Case(case.kind, frames, case.times, truth)


def white_flashes(frames: Scene, seed: int) -> Scene:
    """Lightning: the whole frame is white, three times, and the picture is the old one again."""
    out = [frame.copy() for frame in frames]
    for at in np.random.default_rng(seed).choice(np.arange(10, len(out) - 10, 12), 3, replace=False):
        out[at][:] = 255
        out[at + 1][:] = (out[at + 1] * 0.5 + 127).astype(np.uint8)
    return out


def framed(frames: Scene, seed: int, *, inner: bool) -> Scene:
    """An upright picture between bars at the sides, or a picture of a quarter of the frame over a still one."""
    import cv2

    chance = np.random.default_rng(seed)
    height, width = SIZE
    if inner:
        size = height // 2, width // 2
        top, left = int(chance.integers(0, height - size[0])), int(chance.integers(0, width - size[1]))
        ground = texture(seed + 7, SIZE) if chance.random() < 0.5 else np.zeros((*SIZE, 3), np.uint8)
    else:
        size = height, int(width * chance.uniform(0.28, 0.5))
        top, left = 0, (width - size[1]) // 2
        ground = np.zeros((*SIZE, 3), np.uint8)
    out = []
    for frame in frames:
        whole = ground.copy()
        whole[top : top + size[0], left : left + size[1]] = cv2.resize(frame, size[::-1], interpolation=cv2.INTER_AREA)
        out.append(whole)
    return out


def black_between(scenes: list[Scene], seed: int) -> Case:
    """Hard cuts to black and out of it."""
    chance = np.random.default_rng(seed)
    frames, truth = list(scenes[0]), []
    for following in scenes[1:]:
        count = int(chance.integers(3, 20))
        truth.append((len(frames) / FPS, (len(frames) + count) / FPS))
        frames += [np.zeros_like(frames[0])] * count + following
    return Case("black between", frames, [at / FPS for at in range(len(frames))], truth)


def banner(frames: Scene, seed: int) -> Scene:
    """A banner comes up over the lower part of a moving picture and goes again."""
    chance = np.random.default_rng(seed)
    out = [frame.copy() for frame in frames]
    top = SIZE[0] - int(chance.integers(20, 32))
    for frame in out[40:90]:
        frame[top:-4, 10:-10] = (20, 30, 120)
        frame[top + 6 : top + 10, 20:-40:3] = 255
    return out


def light(frames: Scene, at: int) -> Scene:
    """A light is switched on, and off again as much later."""
    return [f if at <= i < 2 * at else (f * 0.4).astype(np.uint8) for i, f in enumerate(frames)]


def uneven(case: Case, seed: int) -> Case:
    """The same frames at uneven times: every gap is 20, 40 or 100 ms."""
    gaps = np.random.default_rng(seed).choice([0.02, 0.04, 0.1], len(case.frames))
    times = [0.0, *np.cumsum(gaps)[:-1].round(3).tolist()]
    index = [(round(a * FPS), round(b * FPS)) for a, b in case.truth]
    return Case("vfr", case.frames, times, [(times[a], times[b]) for a, b in index])


def cases(seed: int, scenes_per_case: int = 5) -> Iterator[Case]:
    """One case of each kind."""
    base = seed * 1000
    some = range(base, base + scenes_per_case)
    cut = joined("hard cut", [grain(scene(s), s) for s in some])
    yield cut
    yield uneven(cut, seed)
    yield joined("dark", [grain(scene(s + 50, low=4, high=60), s, 2) for s in some])
    yield joined("low contrast", [scene(s + 100, low=100, high=150) for s in some])
    yield joined("fast motion", [scene(s + 150, speed=5) for s in some])
    yield joined("fade", [scene(s + 200) for s in some], 12, through_black)
    yield joined("dissolve", [scene(s + 250) for s in some], 15, dissolve)
    yield joined("flash", [flashes(scene(s + 300), s) for s in some])
    yield joined("shake", [shake(scene(s + 350), s) for s in some])
    yield joined("on threes", [on_threes(scene(s + 450, 51, speed=3)) for s in some])
    yield joined("letterbox", [letterbox(scene(s + 500)) for s in some])
    yield flash_cut([scene(s + 600) for s in some], seed)
    yield joined("fade through white", [scene(s + 650) for s in some], 18, through_white)
    yield joined("bars at the sides", [framed(scene(s + 700), seed, inner=False) for s in some])
    yield joined("inner picture", [framed(scene(s + 750), seed, inner=True) for s in some])
    yield black_between([scene(s + 800) for s in some], seed)
    yield joined("no cut: white flash", [white_flashes(scene(base + 850, 150), seed)])
    yield joined("no cut: banner", [banner(scene(base + 900, 150), seed)])
    yield joined("no cut: fast pan", [scene(base + 400, 150, speed=8)])
    yield joined("no cut: light", [light(scene(base + 550, 150), 50)])


def matched(truth: list[tuple[float, float]], found: list[float], slack: float = 0.05) -> int:
    """How many true boundaries have a reported one of their own, `slack` seconds around."""
    left = sorted(found)
    hits = 0
    for start, end in truth:
        hit = next((at for at in left if start - slack <= at <= end + slack), None)
        if hit is not None:
            left.remove(hit)
            hits += 1
    return hits
