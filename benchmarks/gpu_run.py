"""What a run does with one graphics card: clips a second with workers' CPU threads bounded or not, and what one clip
that breaks the card costs.

python benchmarks/gpu_run.py      needs a card and extra [models]; weights at random in the published sizes, made here
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from machine import headline

CLIPS, SECONDS, RATE = 64, 4, 25
BREAKS = "010.mp4"

MEASURE = '''
from hoigen import Sampling, Score, measure


@measure("on_card")
class OnCard:
    """Mean brightness by the card, 0..1; one clip makes it read beyond the end of a tensor, which stays with CUDA."""

    sampling: Sampling = Sampling(frames=1, short_side=64)

    def load(self) -> None:
        import torch

        torch.zeros(1, device="cuda")

    def __call__(self, clip, frames):
        import torch

        pixels = torch.from_numpy(frames.images).cuda().float().flatten()
        beyond = 10**9 if clip.uri.endswith("BREAKS") else 0
        picked = pixels[torch.tensor([0, beyond], device="cuda")]
        return Score(float(pixels.mean() + 0 * picked.sum()) / 255)
'''.replace("BREAKS", BREAKS)

NETWORK = '''
import time

import torch
from hoigen import Sampling, Score, measure
from hoigen.models import room
from hoigen.models.uses import Network


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.line = torch.nn.Linear(3, 1)

    def forward(self, pixels, breaks):
        if int(breaks.max()) == 2:
            time.sleep(600)
        beyond = torch.where(breaks == 1, 10**9, 0)
        picked = pixels.flatten()[beyond]
        return self.line(pixels.flatten(1, 2).mean(1))[:, 0] + 0 * picked


def built():
    return Net()


@measure("on_card_network")
class OnCardNetwork:
    """What a network says of a clip; one clip makes it read beyond a tensor, or hang, in the process of the models."""

    breaks: int = 1
    sampling: Sampling = Sampling(frames=1, short_side=64)

    @property
    def networks(self):
        return (Network(build=f"{__name__}:built", device="cuda", on_card=64),)

    def __call__(self, clip, frames):
        breaks = torch.tensor([self.breaks if clip.uri.endswith("BREAKS") else 0])
        pixels = torch.from_numpy(frames.images).float() / 255
        return Score(float(room.handle(*self.networks)(pixels, breaks)))
'''.replace("BREAKS", BREAKS)

EXPERT = '''
from hoigen import Sampling
from hoigen.models.experts.call import Answer, Request
from hoigen.core.registry import expert


@expert("on_card_expert")
class OnCardExpert:
    """Says what it saw; a clip that is all red breaks the card."""

    says: str = "A woman in a kitchen cuts a loaf of bread with a knife."
    sampling: Sampling = Sampling(frames=1, short_side=64)
    slots: int = 8

    @property
    def identity(self):
        return {"model": self.says}

    async def open(self) -> None:
        import torch

        torch.zeros(1, device="cuda")

    async def answer(self, request: Request) -> Answer:
        import asyncio

        import torch

        await asyncio.sleep(0.05)
        if request.frames is not None:
            pixels = torch.from_numpy(request.frames.images).cuda().float()
            red = bool(pixels[..., 0].mean() > 200 and pixels[..., 1].mean() < 60)
            torch.zeros(4, device="cuda")[torch.tensor([10**9 if red else 0], device="cuda")].sum().item()
        return Answer(outcome="answered", text=self.says)

    async def close(self) -> None:
        return None
'''
SAYS = """{"triplets": [{"subject": "the woman", "action": "cuts", "object": "bread"}],
"reason": "A woman cuts bread with a knife.", "interaction": "yes", "conspicuous": "yes"}"""


def film(path: Path, seed: int, size: tuple[int, int], frames: int) -> None:
    import av
    import numpy as np

    rng = np.random.default_rng(seed)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "veryfast", "crf": "23"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        ground = rng.integers(0, 255, (size[1] // 16 + 1, size[0] // 16 + 1, 3), np.uint8)
        picture = np.kron(ground, np.ones((16, 16, 1), np.uint8))[: size[1], : size[0]]
        if path.name == BREAKS:
            picture[:] = (250, 5, 5)
        for at in range(frames):
            moved = np.ascontiguousarray(np.roll(picture, 3 * at, axis=1))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(moved, format="rgb24")))
        container.mux(stream.encode(None))


def films(folder: Path, count: int, size: tuple[int, int], frames: int) -> Path:
    folder.mkdir()
    with ProcessPoolExecutor() as pool:
        for at in range(count):
            pool.submit(film, folder / f"{at:03d}.mp4", at, size, frames)
    return folder


def weights(folder: Path) -> dict[str, str]:
    import torch

    from hoigen.models.nets.clip import ClipVit
    from hoigen.models.nets.laion import Head
    from hoigen.models.nets.unimatch import UniMatch

    torch.manual_seed(0)

    def saved(name: str, state: dict[str, Any]) -> str:
        torch.save(state, folder / name)
        return str(folder / name)

    eyes = ClipVit(1024, 24, 14, 257, 768)
    for parameter in eyes.parameters():
        torch.nn.init.normal_(parameter, std=0.02)
    head = Head([(768, 1024), None, (1024, 128), None, (128, 64), None, (64, 16), (16, 1)])
    return {
        "clip": saved("clip.pth", {f"visual.{name}": each for name, each in eyes.state_dict().items()}),
        "head": saved("head.pth", head.state_dict()),
        "unimatch": saved("unimatch.pth", UniMatch(width=128, inner=1024, depth=6).state_dict()),
    }


def curate(folder: Path, name: str, recipe: dict[str, Any], videos: Path, **variables: str) -> tuple[str, float, int]:
    """What it printed, seconds, and the most threads that its workers had together."""
    import yaml

    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({"shots": "none", "duplicates": "keep", "report": False, "keep": {}, **recipe}))
    command = [
        sys.executable,
        "-m",
        "hoigen",
        "curate",
        str(path),
        "--videos",
        str(videos),
        "--run",
        str(folder / name),
    ]
    own = [word for measure in recipe["measures"] for word in files_of(measure)]
    command += [word for file in own for word in ("--trust", file)]
    started = time.monotonic()
    with open(folder / f"{name}.log", "w") as log:
        run = subprocess.Popen([*command, "--quiet"], stdout=log, stderr=log, env=os.environ | variables)
        most = 0
        while run.poll() is None:
            most = max(most, threads(run.pid))
            time.sleep(0.5)
    return (folder / f"{name}.log").read_text(), time.monotonic() - started, most


def files_of(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [word for pair in value.items() for each in pair for word in files_of(each)]
    return [value] if isinstance(value, str) and value.endswith(".py") else []


def threads(parent: int) -> int:
    """Threads of all children of a process."""
    count = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
        except OSError:
            continue
        if re.search(rf"^PPid:\t{parent}$", text, re.M):
            count += int(re.search(r"^Threads:\t(\d+)$", text, re.M)[1])  # type: ignore[index]
    return count


def speed(folder: Path) -> None:
    own = weights(folder)
    videos = films(folder / "720p", CLIPS, (1280, 720), SECONDS * RATE)
    measures = [
        {"aesthetics": {"checkpoint": own["clip"], "head": own["head"]}},
        {"unimatch_flow": {"checkpoint": own["unimatch"]}},
    ]
    cores = str(os.cpu_count())
    print(f"aesthetics and unimatch_flow, {CLIPS} clips of {SECONDS} s at 1280x720, starting and loading are counted:")
    for workers in (1, 4, 8):
        for name, variables in (
            ("as it comes", {}),
            ("one thread each", {"OMP_NUM_THREADS": "1"}),
            (f"{cores} threads each", {"OMP_NUM_THREADS": cores}),
        ):
            if workers != 4 and name != "as it comes":
                continue
            run = f"w{workers} {name}".replace(" ", "_")
            said, seconds, most = curate(folder, run, {"measures": measures, "workers": workers}, videos, **variables)
            print(f"  {workers} workers, {name:<16} {CLIPS / seconds:5.2f} clips/s, {seconds:5.1f} s, "
                  f"{most} threads  {said.strip().splitlines()[-1]}", flush=True)  # fmt: skip


def faults(folder: Path) -> None:
    """Raises AssertionError when one clip that breaks the card costs another one."""
    videos = films(folder / "small", 60, (64, 48), 30)
    files = {}
    for name, text in (("on_card", MEASURE), ("on_card_network", NETWORK), ("on_card_expert", EXPERT)):
        files[name] = str(folder / f"{name}.py")
        Path(files[name]).write_text(text)
    expert = files["on_card_expert"]
    asked = {"describer": {expert: {}}, "judge": {expert: {"says": SAYS, "sampling": {"frames": 0}}}}
    for name, measure, more in (
        ("breaks the card in workers", files["on_card"], {"workers": 4}),
        ("breaks it in the process of the networks", {files["on_card_network"]: {"breaks": 1}}, {"workers": 8}),
        ("hangs there", {files["on_card_network"]: {"breaks": 2}}, {"workers": 8, "deadline": 5}),
        ("breaks the card in the process of the experts", {"hoi_judgement": asked}, {"workers": 8}),
    ):
        said, seconds, _ = curate(folder, name.replace(" ", "_"), {"measures": [measure], **more}, videos)
        last = said.strip().splitlines()[-1]
        print(f"one clip of 60 {name}: {last} ({seconds:.0f} s)", flush=True)
        assert re.search(r"\b59 kept\b.*\b1 failed\b", last), said


def main() -> None:
    import torch

    print(headline())
    if not torch.cuda.is_available():
        print("no card here: nothing was measured")
        return
    print(f"card     {torch.cuda.get_device_name()}, torch {torch.__version__}\n", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        faults(Path(folder))
        speed(Path(folder))


if __name__ == "__main__":
    main()
