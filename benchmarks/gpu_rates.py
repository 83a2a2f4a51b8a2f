"""What a graphics card gives through each measure, with as many workers as by default, and beside it the best
that the same network gives when prepared batches lie on the card; how far lower precision is from float32; and whether
what breaks costs what it should.

python benchmarks/gpu_rates.py [rates] [precision] [faults] [runs] [profile]    all of them without a word
python benchmarks/gpu_rates.py rates precision text_boxes unimatch_flow         of these measures alone

Needs a card and extra [models]. Weights at random in the published sizes, made here. Frames are there already, as a
decoder leaves them: uint8 in a worker's memory. `runs` are whole runs over videos.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from machine import headline

sys.path.append(str(Path(__file__).parents[1] / "tests" / "observe"))  # weights of ADA-CM from seeds, and a CLIP

PROFILED = ("background_consistency", "imaging_quality", "motion_smoothness", "unimatch_flow")
WARM, LONG = 2.0, 4.0
"""Seconds before and while it is counted."""
SMALL, LARGE = (360, 640), (720, 1280)
PROMPT = "a person cuts bread with a knife in a kitchen"
SECTIONS = ("rates", "runs", "precision", "faults")
# what is asked -> the size of its frames, how many a clip has, what is counted, and the goal
ASKED = {
    "aesthetics": ((720, 1280), 3, "frames", 1800),
    "aesthetic_quality": (SMALL, 48, "frames", 1800),
    "subject_consistency": (SMALL, 48, "frames", 4500),
    "background_consistency": (SMALL, 64, "frames", 20000),
    "imaging_quality": ((288, 512), 24, "frames", 900),
    "motion_smoothness": (SMALL, 33, "pairs", 400),
    "overall_consistency": (SMALL, 16, "clips", 190),
    "unimatch_flow": ((320, 569), 10, "pairs", 200),
    "text_boxes": ((720, 1280), 5, "frames", None),  # DBNet++
    "coarse_hoi": ((720, 1280), 8, "frames", 250),  # ADA-CM; weights at random find no pairs: its DETR alone
}


def weights(folder: Path, names: Sequence[str]) -> list[dict[str, Any]]:
    """The measures of these names, with weights at random."""
    import ada_cm_world
    import tiny_clip
    import torch

    from hoigen.models.nets.amt import Amt
    from hoigen.models.nets.clip import ClipVit, Text, ViClip, Vision
    from hoigen.models.nets.dbnet import DbNet
    from hoigen.models.nets.dino import Dino
    from hoigen.models.nets.laion import Head
    from hoigen.models.nets.musiq import Musiq
    from hoigen.models.nets.unimatch import UniMatch
    from hoigen.observe.adacm import detr, trained

    torch.manual_seed(0)

    def saved(name: str, model: Any, prefix: str = "") -> str:
        for parameter in model.parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.02)
        torch.save({prefix + key: each.clone() for key, each in model.state_dict().items()}, folder / name)
        return str(folder / name)

    @functools.cache
    def eyes() -> str:
        return saved("clip_l14.pth", ClipVit(1024, 24, 14, 257, 768), "visual.")

    def dbnet() -> str:
        """A map with little text in it, as of most footage; what boxes cost in a worker is hardly in it."""
        model = DbNet(True, (False, True, True, True))
        for each in model.parameters():
            if each.dim() > 1:
                torch.nn.init.kaiming_normal_(each)
        for name, each in model.named_parameters():  # blocks that add little, places that move a little
            if name.endswith("bn3.weight"):
                each.data.fill_(0.2)
            elif ".conv_offset." in name:
                each.data *= 0.05
        last = model.det_head["binarize"][-1]
        last.weight.data *= 0.02
        last.bias.data.fill_(-3)
        torch.save({"state_dict": model.state_dict()}, folder / "dbnetpp.pth")
        return str(folder / "dbnetpp.pth")

    def ada_cm() -> dict[str, str]:
        """ResNet-50 with ViT-B/16, trained: eight remembered crops of each of 117 verbs."""
        with torch.device("meta"):
            boxes, seen = detr._Detr(256, 2048, (6, 6), 100, 81), trained._AdaptedVit(768, 12, 16, 197, 512)
            for block in seen.transformer.resblocks:
                block.adaptermlp = trained._Adapter(768, 64, 1)
        sizes = {f"detector.{name}": each.shape for name, each in boxes.state_dict().items()}
        sizes |= {f"clip_head.image_encoder.{name}": each.shape for name, each in seen.state_dict().items()}
        sizes["adapter_union_weight"] = (117, 512)
        for part, width in (("HO", 1024), ("U", 512)):
            sizes |= {
                f"adapter_{part}_weight": (936, width),
                f"adapter_{part}_bias": (936,),
                f"label_{part}": (936, 117),
            }
        sizes |= {f"logit_scale_{part}": () for part in ("HO", "U", "text")}
        for at, (given, made) in enumerate(((517, 128), (128, 128), (128, 64))):
            sizes |= {
                f"priors_downproj.layers.{at}.weight": (made, given),
                f"priors_downproj.layers.{at}.bias": (made,),
            }
        state = {name: torch.from_numpy(np.array(ada_cm_world.array(name, size))) for name, size in sizes.items()}
        torch.save({"model_state_dict": state}, folder / "ada_cm.pt")
        return {"checkpoint": str(folder / "ada_cm.pt"), "clip": str(tiny_clip.clip(folder / "clip", projection=512))}

    line = torch.nn.Linear(768, 1)
    made: dict[str, Callable[[], dict[str, Any]]] = {
        "aesthetics": lambda: {
            "checkpoint": eyes(),
            "head": saved("v2.pth", Head([(768, 1024), None, (1024, 128), None, (128, 64), None, (64, 16), (16, 1)])),
        },
        "aesthetic_quality": lambda: {"checkpoint": eyes(), "head": saved("v1.pth", line)},
        "subject_consistency": lambda: {"checkpoint": saved("dino.pth", Dino(768, 12, 16, 14))},
        "background_consistency": lambda: {
            "checkpoint": saved("clip_b32.pth", ClipVit(768, 12, 32, 50, 512), "visual.")
        },
        "imaging_quality": lambda: {"checkpoint": saved("musiq.pth", Musiq(384, 1152, 14))},
        "motion_smoothness": lambda: {"checkpoint": saved("amt.pth", Amt())},
        "overall_consistency": lambda: {
            "checkpoint": saved("viclip.pth", ViClip(Vision(1024, 24, 257, 8, 768), Text(768, 12, 32, 49408, 768)))
        },
        "unimatch_flow": lambda: {"checkpoint": saved("unimatch.pth", UniMatch(width=128, inner=1024, depth=6))},
        "text_boxes": lambda: {"detector": "dbnetpp", "checkpoint": dbnet()},
        "coarse_hoi": lambda: {"observer": {"ada_cm": ada_cm()}},
    }
    return [{name: made[name]()} for name in ASKED if name in names]


def shown(size: tuple[int, int], count: int, seed: int = 0) -> list[np.ndarray]:
    """Frames of a picture that moves."""
    rng = np.random.default_rng(seed)
    ground = rng.integers(0, 255, (size[0] // 8 + 1, size[1] // 8 + 1, 3), np.uint8)
    picture = np.kron(ground, np.ones((8, 8, 1), np.uint8))[: size[0], : size[1]]
    return [np.ascontiguousarray(np.roll(picture, 3 * at, axis=1)) for at in range(count)]


def said(measure: Any, frames: Any, clip: Any) -> Any:
    """The score of a clip of these `Frames`."""
    if hasattr(measure, "looking"):  # of what an observer saw
        from hoigen.observe.observation import observe

        return measure.read(clip, observe(measure.looking, clip, list(frames.images), list(frames.times)))
    if hasattr(measure, "begin"):
        stream = measure.begin(clip)
        for image, time in zip(frames.images, frames.times, strict=True):
            stream.see(image, time)
        return stream.score()
    return measure(clip, frames)


def clip_of(size: tuple[int, int], count: int) -> Any:
    from hoigen.core.clip import Clip

    meta = {"verb": "hold", "object": "cup"}
    return Clip(id="0", uri="/v.mp4", end=count / 25, width=size[1], height=size[0], fps=25, prompt=PROMPT, meta=meta)


def worker() -> None:
    """A worker: reads what to measure, line by line, and says how much it measured."""
    from hoigen.core.clip import Frames
    from hoigen.models import room
    from hoigen.rules.cascade import build_steps

    specs, address = json.loads(sys.stdin.readline()), sys.stdin.readline().strip()
    import torch

    torch.set_num_threads(1)
    measures = {step.name: step.measure for step in build_steps(specs, {})}
    print("ready", flush=True)
    for line in sys.stdin:
        name, begin, end = json.loads(line)
        size, count, _, _ = ASKED[name]
        clip, done = clip_of(size, count), 0
        frames = Frames(np.stack(shown(size, count, os.getpid())), np.arange(count) / 2)
        with room.owned_by(address):
            while time.time() < end:
                said(measures[name], frames, clip)
                done += begin <= time.time() < end
        print(json.dumps(done), flush=True)


@contextlib.contextmanager
def served(specs: list[dict[str, Any]]) -> Iterator[str]:
    """The address of the process that owns the models."""
    from hoigen.models.host import Host
    from hoigen.stages.engine import setup_models

    with Host(functools.partial(setup_models, specs), load_deadline=300, deadline=120) as host:
        host.start()
        yield host.address


def rates(specs: list[dict[str, Any]], best: dict[str, float]) -> None:
    count = (os.cpu_count() or 1) * 3 // 2
    print(f"{count} workers through the measure; best: the network alone on prepared batches that lie on the card")
    with served(specs) as address:
        command = [sys.executable, __file__, "worker"]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        few = os.environ | {"OMP_NUM_THREADS": "1"}
        workers = [subprocess.Popen(command, env=few, **pipes) for _ in range(count)]
        for each in workers:
            each.stdin.write(f"{json.dumps(specs)}\n{address}\n")
            each.stdin.flush()
        for each in workers:
            each.stdout.readline()
        for name in (next(iter(spec)) for spec in specs):
            size, length, unit, goal = ASKED[name]
            begin = time.time() + WARM + 1
            for each in workers:
                each.stdin.write(json.dumps([name, begin, begin + LONG]) + "\n")
                each.stdin.flush()
            time.sleep(WARM + 1)
            busy = []
            while time.time() < begin + LONG:
                busy.append(use_of_card())
                time.sleep(0.3)
            clips = sum(json.loads(each.stdout.readline()) for each in workers)
            of_clip = {"frames": length, "clips": 1, "pairs": length - 1 if name == "unimatch_flow" else length // 2}
            rate = clips * of_clip[unit] / LONG
            alone = best.get(name, float("nan"))
            print(
                f"  {name:24}{size[1]}x{size[0]:<6}{rate:9.1f} {unit:7} a second, {rate / alone:5.0%} of the best "
                f"{alone:8.1f}; goal {goal or 'not set'}; card busy {sum(busy) / len(busy):3.0f} %",
                flush=True,
            )
        for each in workers:
            each.stdin.close()
            each.wait()


def channel() -> None:
    """How fast a card reads what lies in the memory that is shared with a worker."""
    import torch

    from hoigen.models import arena

    torch.zeros(1, device="cuda")
    shared = arena.Arena()
    array = np.zeros(96 << 20, np.uint8)
    [piece], give_back = shared.put([array], lambda: None)
    there = arena.array_of(piece)
    rates = []
    for which in (there, array):
        spent = seconds(lambda which=which: torch.as_tensor(which).to("cuda", non_blocking=True), 0.3)
        rates.append(array.nbytes / spent / 1e9)
    print(f"from shared memory {rates[0]:.1f} GB/s, from memory of a process {rates[1]:.1f} GB/s", flush=True)
    give_back()


def use_of_card() -> float:
    """Percent, by nvidia-smi."""
    told = subprocess.run(
        ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"], capture_output=True, text=True
    )
    return float(told.stdout.split()[0]) if told.stdout.strip() else float("nan")


def inputs(name: str, rows: int) -> tuple[Any, tuple[Any, ...]]:
    """A look, and arrays of so many rows."""
    from hoigen.measures.text_boxes import LookForText
    from hoigen.measures.unimatch_flow import LookAtFlow
    from hoigen.measures.vbench import pictures

    size = ASKED[name][0]
    frames = np.stack(shown(size if name != "aesthetics" else (224, 224), 3))
    if name == "motion_smoothness":
        return pictures.LookBetween(), (np.stack([frames] * rows),)
    if name == "unimatch_flow":
        return LookAtFlow(), (np.stack([frames[:2]] * rows),)
    if name == "text_boxes":
        return LookForText(1024), (frames[np.arange(rows) % 3],)
    if name == "overall_consistency":
        numbers = np.array([[49406, *range(320, 330), 49407, *([0] * 20)]] * rows)
        return pictures.LookAtClip(), (np.stack([frames[[0, 1, 2, 0, 1, 2, 0, 1]]] * rows), numbers)
    how = {
        "aesthetics": pictures.Look("clip_smoothed"),
        "subject_consistency": pictures.Look("dino"),
        "imaging_quality": pictures.Look("musiq", "longer"),
    }.get(name, pictures.Look("clip"))
    return how, (frames[np.arange(rows) % 3],)


def alone(specs: list[dict[str, Any]], profiled: bool) -> dict[str, float]:
    """The best rate of each network, fed with batches that are prepared and lie on the card."""
    import torch

    from hoigen.models import room
    from hoigen.rules.cascade import build_steps

    best: dict[str, float] = {}
    for step in build_steps([spec for spec in specs if "coarse_hoi" not in spec], {}):  # which has two networks
        (network,) = step.measure.networks
        handle = room.load(network)
        told = []
        for rows in (network.on_card, network.on_card * 3 // 2):
            look, arrays = inputs(step.name, rows)
            try:
                with handle._computing():
                    ready = look.prepare(*(torch.as_tensor(each).cuda() for each in arrays))
                    rate = rows / seconds(lambda look=look, ready=ready, model=handle.model: look(model, *ready))
            except torch.OutOfMemoryError:
                told.append(f"{rows}: out of memory")
                continue
            best[step.name] = max(best.get(step.name, 0), rate)
            told.append(f"{rows}: {rate:.0f}")
            del ready
        print(f"  {step.name:24}rows: a second: {'; '.join(told)}", flush=True)
        if profiled and step.name in PROFILED:
            look, arrays = inputs(step.name, network.on_card)
            profile(lambda look=look, arrays=arrays, handle=handle: handle(*arrays, method=look))
        torch.cuda.empty_cache()
    return best


def seconds(work: Callable[[], Any], least: float = 0.3) -> float:
    import torch

    for _ in range(2):
        work()
    torch.cuda.synchronize()
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < least:
        work()
        count += 1
        if count % 4 == 0:
            torch.cuda.synchronize()
    torch.cuda.synchronize()
    return (time.perf_counter() - began) / count


def profile(work: Callable[[], Any], rows: int = 24) -> None:
    """Where the card's time goes: kernels, largest first."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as profiled

    work()
    with profiled(activities=[ProfilerActivity.CUDA, ProfilerActivity.CPU]) as made:
        work()
    kernels = [
        each for each in made.key_averages() if each.self_device_time_total > 0 and each.self_cpu_time_total == 0
    ]
    total = sum(each.self_device_time_total for each in kernels)
    print(f"    {total / 1000:.1f} ms of kernels")
    for each in sorted(kernels, key=lambda each: -each.self_device_time_total)[:rows]:
        print(f"    {each.self_device_time_total / total:6.1%} {each.count:5}x {each.key[:110]}")


def precision(specs: list[dict[str, Any]]) -> None:
    """How far scores are from those of float32 on the CPU; and batches from rows alone."""
    import torch
    from PIL import Image

    from hoigen.measures.vbench import pictures
    from hoigen.models import room
    from hoigen.rules.cascade import build_steps

    image = np.random.default_rng(0).integers(0, 256, (720, 1280, 3), np.uint8)
    made = pictures.resampled(torch.from_numpy(image)[None].cuda(), (224, 398))[0].cpu().numpy()
    assert np.array_equal(made, np.asarray(Image.fromarray(image).resize((398, 224), Image.Resampling.BICUBIC)))
    print("made smaller on the card: every pixel of 720p is Pillow's")
    print("largest difference of a number from the CPU's (float32), relative to the largest; weights at random:")
    wrong = []
    for spec in reversed([spec for spec in specs if "coarse_hoi" not in spec]):
        [(name, settings)] = spec.items()
        rows = 2 if name in ("motion_smoothness", "unimatch_flow", "overall_consistency") else 4
        look, arrays = inputs(name, rows)
        told, found = [], {}
        for device, dtype in (("cpu", "float32"), ("cuda", "float32"), ("cuda", "float16"), ("cuda", "bfloat16")):
            step = build_steps([{name: settings | {"device": device, "dtype": dtype}}], {})[0]
            handle = room.load(*step.measure.networks)
            answer = handle(*arrays, method=look)
            # what is sent in whole numbers may differ by one of them
            unit = 0.0 if answer.is_floating_point() else 1.01 / float(answer.abs().max())
            answer = answer.double()
            found[device, dtype] = answer
            if device == "cuda":
                off = float((answer - found["cpu", "float32"]).abs().max() / found["cpu", "float32"].abs().max())
                alike = torch.stack([handle(*(each[:1] for each in arrays), method=look).double()[0]])
                many = handle(*(np.repeat(each[:1], 9, 0) for each in arrays), method=look).double()
                batch = float((many - alike).abs().max() / answer.abs().max())
                told.append(f"{dtype} {off:.1e} (batch of 9 from 1: {batch:.1e})")
                bound = max(unit, {"float32": 2e-4, "float16": 5e-2, "bfloat16": 0.3}[dtype])
                if not (off < bound and batch < bound):
                    wrong.append((name, dtype, off, batch))
        print(f"  {name:24}{'; '.join(told)}", flush=True)
        room._kept.clear()
        torch.cuda.empty_cache()
    assert not wrong, wrong


def faults(folder: Path, specs: list[dict[str, Any]]) -> None:
    """Out of memory halves the batch: a card that is nearly full answers all that it is asked."""
    import torch

    from hoigen.models import room
    from hoigen.rules.cascade import build_steps

    step = build_steps([spec for spec in specs if "subject_consistency" in spec], {})[0]
    handle = room.load(*step.measure.networks)
    look, arrays = inputs(step.name, 512)
    right = torch.cat([handle(arrays[0][at : at + 64], method=look) for at in range(0, 512, 64)])
    torch.cuda.empty_cache()
    free, _ = torch.cuda.mem_get_info()
    held = torch.empty(free - (1 << 30), dtype=torch.uint8, device="cuda")
    [answer] = handle.answers([room.Call(look, arrays, {})])
    del held
    assert not isinstance(answer, Exception), answer
    assert torch.allclose(answer, right, atol=2e-2 * float(right.abs().max()))
    assert handle.bound.rows is not None
    assert handle.bound.rows < 512
    print(f"out of memory: 512 frames answered with 1 GiB free, {handle.bound.rows} together from then on", flush=True)
    room._kept.clear()
    torch.cuda.empty_cache()

    import gpu_run

    gpu_run.faults(folder)


def runs(folder: Path, specs: list[dict[str, Any]]) -> None:
    """Whole runs as a newcomer types them: defaults, decoding included; the difference of a long and a short one, so
    that starting and loading are not in the rate."""
    import gpu_run

    made = gpu_run.films(folder / "720p", 32, (1280, 720), 4 * 25)
    for name in (("aesthetics", "unimatch_flow"),):
        own = [spec for spec in specs if next(iter(spec)) in name]
        times = []
        for copies in (1, 13):
            videos = folder / f"{name[0]}_{copies}"
            videos.mkdir()
            for path in made.iterdir():
                for copy in range(copies):
                    (videos / f"{path.stem}_{copy}.mp4").write_bytes(path.read_bytes() + bytes(1 + copy))
            text, spent, most = gpu_run.curate(folder, f"run_{name[0]}_{copies}", {"measures": own}, videos)
            times.append(spent)
            print(f"  {' + '.join(name)}: {32 * copies} clips of 4 s at 720p, {spent:.1f} s in all, {most} threads; "
                  f"{text.strip().splitlines()[-1]}", flush=True)  # fmt: skip
        print(f"  {' + '.join(name)}: {32 * 12 / (times[1] - times[0]):.1f} clips a second", flush=True)


def main(asked: Sequence[str]) -> None:
    import torch

    print(headline())
    if not torch.cuda.is_available():
        print("no card here: nothing was measured")
        return
    print(f"card     {torch.cuda.get_device_name()}, torch {torch.__version__}\n", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        names = [each for each in asked if each in ASKED] or list(ASKED)
        specs = weights(Path(folder), names)
        best: dict[str, float] = {}
        for section in SECTIONS:
            if set(asked) & set(SECTIONS) and section not in asked:
                continue
            print(f"\n{section} ({time.monotonic() - began:.0f} s)", flush=True)
            try:
                if section == "rates":
                    channel()
                    best = alone(specs, "profile" in asked)
                    rates(specs, best)
                elif section == "precision":
                    precision(specs)
                elif section == "faults":
                    faults(Path(folder), specs)
                elif section == "runs":
                    runs(Path(folder), specs)
            except Exception:
                traceback.print_exc()
    print(f"\n{time.monotonic() - began:.0f} s in all")


if __name__ == "__main__":
    worker() if sys.argv[1:2] == ["worker"] else main(sys.argv[1:])
