"""The training itself: what is computed once, then step after step, checked, saved, gone on with.

All chance comes from seed, step and process: a training that was killed anywhere goes on from its last checkpoint and
ends with the very weights, on the CPU bit for bit. Gradients of several processes are averaged by accelerate.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import json
import math
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hoigen.core.errors import NoRoomError, SetupError, UsageError, shown
from hoigen.core.settings import plain
from hoigen.data.files import Folder
from hoigen.models import hub
from hoigen.training import pipelines
from hoigen.training.finetune import clips as examples_of
from hoigen.training.finetune.checkpoints import Checkpoints
from hoigen.training.finetune.clips import Example
from hoigen.training.finetune.estimate import (
    GB,
    SHARE,
    Estimate,
    estimate,
    forward,
    parameters_of,
    speed,
    trained_of,
)
from hoigen.training.finetune.families import Family, family_of
from hoigen.training.finetune.kept import Kept, key_of
from hoigen.training.finetune.order import Order
from hoigen.training.finetune.settings import FREE, Precision, Training
from hoigen.training.generators import Generator
from hoigen.work.progress import Progress

RECORD = "training.json"
LORA = "lora"
WINDOW = 50
"""Steps whose mean loss is held against that of the first ones."""
LESS = "Less take: checkpointing=true, precision=bfloat16, batch=1, a smaller rank, clips of fewer frames or smaller"


@dataclass(slots=True)
class Work:
    """A training that was checked, with all that it runs with.

    Args:
        out: its folder.
        training: the settings, without nulls.
        examples: the clips.
        found: the model's folder.
        pipe: the pipeline; parts that are not needed any more are None.
        family: how it is trained.
        kept: latents and embeddings.
        device: of PyTorch.
        facts: what a weight depends on; it stands in training.json.
        estimated: what it takes.
    """

    out: Path
    training: Training
    examples: Sequence[Example]
    found: hub.Found
    pipe: Any
    family: Family
    kept: Kept
    device: str
    facts: dict[str, Any]
    estimated: Estimate

    @property
    def model(self) -> Any:
        """The transformer that is trained."""
        return self.pipe.transformer

    def clip_key(self, example: Example) -> str:
        """Of a clip's latents."""
        return key_of(
            "latents", self.family.encoder, self.found.revision, example.digest, example.shape, self.precision
        )

    def words_key(self, text: str) -> str:
        """Of a text's embedding."""
        return key_of("words", self.family.encoder, self.found.revision, text, self.precision)

    @property
    def precision(self) -> Precision:
        """Of the frozen weights."""
        assert self.training.precision is not None
        return self.training.precision

    @property
    def texts(self) -> list[str]:
        """All that embeddings are needed of."""
        more = ["", *self.training.validate] if self.training.validate_every else []
        dropped = [""] if self.training.caption_dropout else []
        return list(dict.fromkeys([*(each.text for each in self.examples), *dropped, *more]))


def prepare(
    *,
    model: str,
    revision: str,
    data: Path,
    captions: Path | None,
    out: Path,
    kept: Path | None,
    training: Training,
    world: int,
    quiet: bool,
) -> Work:
    """Checks everything and loads the model; of the folder `out` nothing is written.

    Args:
        model: a folder of a diffusers pipeline, or a repository of the hub.
        revision: of the repository.
        data: a folder with metadata.jsonl.
        captions: other captions.
        out: the training's folder.
        kept: where latents and embeddings lie; None for `out`/kept.
        training: the settings.
        world: processes.
        quiet: no progress bars.

    Raises UsageError, SetupError or NoRoomError.
    """
    pipelines.check_installed()
    examples = examples_of.read_clips(data, captions)
    if training.optimizer == "adamw8bit":
        _need("bitsandbytes", "optimizer=adamw8bit")
    if training.log != "none":
        _need(training.log, f"log={training.log}")
    found = hub.resolve_pipeline(model, revision, quiet=quiet)
    pipelines.class_of(found.folder)
    device = pipelines.device_of(training.device)
    pipe = pipelines.load(found, Generator(model=model, dtype="float32", device="cpu"), device="cpu", only_names=True)
    family = family_of(pipe)
    precision = training.precision or ("float32" if device == "cpu" else family.defaults.precision)
    defaults = family.defaults
    training = dataclasses.replace(
        training,
        rank=training.rank or defaults.rank,
        alpha=training.alpha or defaults.alpha * (training.rank or defaults.rank) / defaults.rank,
        targets=tuple(training.targets or defaults.targets),
        learning_rate=training.learning_rate or defaults.learning_rate,
        precision=precision,
    )
    _check_shapes(examples, family)
    examples_of.check_files(examples)
    free = {*FREE} - ({"steps"} if training.schedule == "cosine" else set())  # there each rate depends on all steps
    facts = {
        "model": found.name,
        "revision": found.revision,
        "family": family.name,
        "clips": key_of([[each.digest, each.text] for each in examples]),
        "count": len(examples),
        "world": world,
        "settings": {key: value for key, value in plain(training).items() if key not in free},
    }
    work = Work(
        out,
        training,
        examples,
        found,
        pipe,
        family,
        Kept(kept or out / "kept"),
        device,
        facts,
        Estimate(0, 0, 0, None, 0, 0, 0),
    )
    _check_same(work)
    work.estimated = _estimated(work)
    _check_room(work)
    return work


def _need(package: str, asked: str) -> None:
    import importlib.util

    names = {"tensorboard": "tensorboard", "wandb": "wandb", "bitsandbytes": "bitsandbytes"}
    if importlib.util.find_spec(names[package]) is None:
        raise UsageError(f"{asked} needs {package}: pip install {package}")


def _check_shapes(examples: Sequence[Example], family: Family) -> None:
    multiple, left = family.frames_rule
    frames = sorted({each.frames for each in examples if each.frames % multiple != left % multiple})
    sides = sorted(
        {
            f"{each.width}x{each.height}"
            for each in examples
            if each.width % family.sides_rule or each.height % family.sides_rule
        }
    )
    wrong = []
    if frames:
        wrong.append(f"frames are {multiple}N+{left}; there are clips of {', '.join(map(str, frames[:5]))}")
    if sides:
        wrong.append(f"sides are multiples of {family.sides_rule}; there are clips of {', '.join(sides[:5])}")
    if wrong:
        raise UsageError(
            f"{family.name}: {'; '.join(wrong)}. Export them so: "
            "hoigen export RUN --to videofolder --frames ... --size ..."
        )


def _check_same(work: Work) -> None:
    """Raises UsageError where the folder holds another training, naming what differs."""
    file = work.out / RECORD
    if not file.exists():
        if work.out.is_dir() and Checkpoints(work.out / "checkpoints", 1).steps():
            raise UsageError(f"{work.out}: checkpoints without {RECORD}; give another --out")
        return
    try:
        before = json.loads(file.read_text(encoding="utf-8"))["facts"]
        flat = before.pop("settings") | before
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{file} is no record of hoigen finetune ({error}); give another --out") from None
    now = {key: value for key, value in work.facts.items() if key != "settings"} | work.facts["settings"]
    other = [key for key in sorted({*flat, *now}) if flat.get(key) != now.get(key)]
    if other:
        told = "; ".join(f"{key} {shown(flat.get(key))} there, {shown(now.get(key))} now" for key in other)
        raise UsageError(f"{work.out} holds another training: {told}. Give another --out")


def _estimated(work: Work) -> Estimate:
    training, config = work.training, work.model.config
    scale = int(work.pipe.vae_scale_factor_spatial)
    largest = max(work.examples, key=lambda each: each.frames * each.height * each.width)
    tokens, words, width = sizes_of(work.pipe, work.model, largest.frames, largest.height, largest.width)
    channels = int(config.get("text_embed_dim") or config.get("text_dim") or 4096)
    steps = max(0, training.steps - next(iter(Checkpoints(work.out / "checkpoints", 1).steps()[-1:]), 0))
    targets = training.targets or ()
    assert training.rank is not None
    trained = trained_of(work.model, targets, training.rank)
    if not trained:
        raise UsageError(f"targets: no layer of {type(work.model).__name__} ends in {', '.join(targets)}")
    clips = sum(
        2 * 4 * (work.pipe.vae.config.get("latent_channels") or work.pipe.vae.config.get("z_dim") or 16)
        * (each.frames // work.family.frames_rule[0] + 1) * (each.height // scale) * (each.width // scale)
        for each in work.examples
        if work.clip_key(each) not in work.kept
    )  # fmt: skip
    texts = sum(words * channels * 4 for text in work.texts if work.words_key(text) not in work.kept)
    return estimate(
        parameters=parameters_of(work.found.folder / "transformer"),
        trained=trained,
        tokens=tokens,
        width=width,
        layers=int(config.num_layers),
        kept=work.family.kept,
        batch=training.batch,
        accumulate=training.accumulate,
        precision=work.precision,
        checkpointing=training.checkpointing,
        ema=training.ema > 0,
        eight_bit=training.optimizer == "adamw8bit",
        steps=steps,
        device=work.device,
        disk=clips + texts + trained * 16 * (training.keep + 1),
    )


def sizes_of(pipe: Any, model: Any, frames: int, height: int, width: int) -> tuple[int, int, int]:
    """Tokens of a video with its words, those of the words alone, and the width of the transformer's layers.

    Args:
        pipe: of diffusers.
        model: its transformer.
        frames: of the video.
        height: of it, in pixels.
        width: of it, in pixels.
    """
    config = model.config
    scale, every = int(pipe.vae_scale_factor_spatial), int(pipe.vae_scale_factor_temporal)
    patch = config.patch_size if isinstance(config.patch_size, int) else config.patch_size[1]
    latents = -(-frames // every)
    words = int(config.get("max_text_seq_length") or 512)
    tokens = latents * (height // scale // patch) * (width // scale // patch)
    return tokens + words, words, int(config.num_attention_heads * config.attention_head_dim)


def seconds_of_a_video(found: hub.Found, generator: Generator) -> float:
    """How long a video takes, roughly; 0 where its size is left to the model.

    Args:
        found: the pipeline's folder.
        generator: size, steps, guidance, precision.
    """
    pipe = pipelines.load(found, Generator(model=found.name, dtype="float32"), device="cpu", only_names=True)
    model = getattr(pipe, "transformer", None)
    if model is None or None in (generator.frames, generator.height, generator.width, generator.steps):
        return 0.0
    if not hasattr(pipe, "vae_scale_factor_temporal") or "num_attention_heads" not in model.config:
        return 0.0
    frames, height, width = generator.frames or 1, generator.height or 8, generator.width or 8
    tokens, _, channels = sizes_of(pipe, model, frames, height, width)
    parameters = parameters_of(found.folder / "transformer")
    once = forward(parameters, tokens, channels, int(model.config.num_layers))
    times = (generator.steps or 1) * (2 if (generator.guidance or 0) > 1 else 1)
    device = pipelines.device_of(generator.device)
    return times * once / (SHARE * speed(device, "float32" if device == "cpu" else generator.dtype))


def _check_room(work: Work) -> None:
    estimated, training = work.estimated, work.training
    limit = training.memory_limit * GB if training.memory_limit is not None else estimated.free
    if limit is not None and estimated.memory > limit:
        raise NoRoomError(
            f"{work.found.name}: a training takes {estimated}; {limit / GB:.1f} GB may be taken. {LESS}; "
            "memory_limit=... when the estimate is wrong"
        )
    place = work.out
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if estimated.disk > free:
        raise SetupError(f"{work.out}: {estimated.disk / GB:.1f} GB are to be written, and {free / GB:.1f} GB are free")


class Group:
    """The processes of a training.

    Args:
        device: of PyTorch.
    """

    def __init__(self, device: str) -> None:
        from accelerate import Accelerator

        self.accelerator = Accelerator(cpu=device == "cpu")
        self.rank: int = self.accelerator.process_index
        self.world: int = self.accelerator.num_processes
        self.main: bool = self.accelerator.is_main_process
        self.device: Any = self.accelerator.device

    def wait(self) -> None:
        """Until all are here."""
        self.accelerator.wait_for_everyone()

    def mean(self, tensor: Any) -> Any:
        """The mean of a tensor over all processes, the same bits in each."""
        return self.accelerator.reduce(tensor, "mean") if self.world > 1 else tensor


def compute_once(work: Work, group: Group, *, quiet: bool) -> None:
    """Latents and embeddings that are not there yet, each by one of the processes; then the parts that made them go.

    Args:
        work: the training.
        group: the processes.
        quiet: no progress bar.
    """
    import torch

    dtype = getattr(torch, work.precision)
    texts = work.texts
    lacking = work.kept.missing([work.words_key(text) for text in texts])
    clips = work.kept.missing([work.clip_key(each) for each in work.examples])
    pipe: Any = None
    if lacking or clips:
        narrow: dict[str, Precision] = {"vae": "float32"} if work.family.vae_precision == "float32" else {}
        generator = Generator(model=work.found.name, dtype=work.precision, parts=narrow)
        pipe = pipelines.load(work.found, generator, device=str(group.device), without=("transformer",))
    progress = Progress("computed once", len(lacking) + len(clips), "item", quiet=quiet or not group.main)
    with pipelines.memory_told("computing latents and embeddings", LESS), torch.inference_mode():
        if mine := lacking[group.rank :: group.world]:
            pipe.text_encoder.to(group.device)
            for at in mine:
                found = work.family.words(pipe, [texts[at]], group.device)[0]
                work.kept.add(work.words_key(texts[at]), {"words": found.to(dtype)})
                progress.count("done")
        if mine := clips[group.rank :: group.world]:
            pipe.text_encoder.cpu()
            vae = pipe.vae.to(group.device)
            for at in mine:
                images = torch.from_numpy(examples_of.pixels(work.examples[at])).to(group.device)
                video = (images.permute(3, 0, 1, 2).unsqueeze(0).float() / 127.5 - 1).to(vae.dtype)
                tensors = work.family.encode(vae, video)
                wrong = [name for name, each in tensors.items() if not bool(torch.isfinite(each).all())]
                if wrong:
                    raise SetupError(
                        f"{work.examples[at].file}: its latents hold no numbers; precision={work.precision} may be too "
                        "narrow for this VAE (precision=bfloat16 or float32)"
                    )
                work.kept.add(work.clip_key(work.examples[at]), tensors)
                progress.count("done")
    progress.close()
    group.wait()


def train(work: Work, group: Group, *, quiet: bool) -> list[list[float]]:
    """Trains, from the last checkpoint on.

    Args:
        work: checked, with all latents and embeddings there.
        group: the processes.
        quiet: no progress bar.

    Returns a row for each step: step, loss, learning rate, norm of the gradient. Raises SetupError where the loss is no
    number any more, or grows.
    """
    import torch
    from peft import LoraConfig, get_peft_model_state_dict

    training = work.training
    assert training.rank is not None
    assert training.learning_rate is not None
    model = _model(work, group)
    torch.manual_seed(training.seed)
    model.requires_grad_(False)
    model.add_adapter(
        LoraConfig(
            r=training.rank,
            lora_alpha=training.alpha,
            init_lora_weights=True,
            target_modules=list(training.targets or ()),
        )
    )
    model.to(group.device)
    if training.checkpointing:
        model.enable_gradient_checkpointing()
    model.train()
    trained = {name: each for name, each in sorted(model.named_parameters()) if each.requires_grad}
    for each in trained.values():
        each.data = each.data.float()
    optimizer = _optimizer(training, list(trained.values()))
    scaler = torch.amp.GradScaler(group.device.type, enabled=work.precision == "float16")
    mean = {name: each.detach().clone() for name, each in trained.items()} if training.ema else {}
    checkpoints = Checkpoints(work.out / "checkpoints", training.keep)
    losses: list[list[float]] = []
    done = 0
    if (last := checkpoints.last()) is not None:
        done, state, losses = last
        with torch.no_grad():
            for name, each in trained.items():
                each.copy_(state["lora"][name])
        optimizer.load_state_dict(state["optimizer"])
        scaler.load_state_dict(state["scaler"])
        mean = {name: each.to(group.device) for name, each in state["mean"].items()}
    group.wait()
    order = Order(
        [each.shape for each in work.examples], training.batch * training.accumulate * group.world, training.seed
    )

    def save(step: int) -> None:
        if not group.main:
            return
        state = {
            "lora": {name: each.detach().cpu() for name, each in trained.items()},
            "optimizer": optimizer.state_dict(),
            "scaler": scaler.state_dict(),
            "mean": {name: each.cpu() for name, each in mean.items()},
        }
        checkpoints.add(step, state, losses)
        write_losses(work.out, losses)

    def lora() -> dict[str, Any]:
        with _swapped(trained, mean):
            return {name: each.detach().cpu().clone() for name, each in get_peft_model_state_dict(model).items()}

    tracker = _tracker(work, group)
    progress = Progress(work.family.name, training.steps, "step", quiet=quiet or not group.main)
    progress.count("done", already=True, by=done)
    began, first = time.monotonic(), done
    with pipelines.memory_told("training", LESS):
        for step in range(done, training.steps):
            rate = _rate(training, step)
            for part in optimizer.param_groups:
                part["lr"] = rate
            loss = _backward(work, group, model, order.clips(step), step, scaler)
            norm = _averaged(group, list(trained.values()), optimizer, scaler, training.clip_norm)
            loss = float(group.mean(torch.tensor(loss, device=group.device)))
            # float16's scaler leaves such a step out by itself; elsewhere it would make every weight NaN, and be saved
            sound = math.isfinite(norm) or scaler.is_enabled()
            _check_loss(
                loss if sound else norm, losses, step, work, checkpoints, "loss" if sound else "gradient's norm"
            )
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad(set_to_none=True)
            if mean:
                decay = min(training.ema, (1 + step) / (10 + step))
                with torch.no_grad():
                    for name, each in trained.items():
                        mean[name].lerp_(each, 1 - decay)
            losses.append([step + 1, loss, rate, norm])
            progress.count("done")
            tracker({"loss": loss, "learning_rate": rate, "norm": norm}, step + 1)
            if step - first == 4 and group.main and not quiet:
                pace = (time.monotonic() - began) / 5
                left = (training.steps - step - 1) * pace / 3600
                print(f"hoigen: {pace:.3g} s a step, {left:.2g} hours left", file=sys.stderr)
            at_end = step + 1 == training.steps
            if (step + 1) % training.save_every == 0 or at_end:
                save(step + 1)
            if training.validate_every and group.main and ((step + 1) % training.validate_every == 0 or at_end):
                with _swapped(trained, mean):
                    validate(work, model, group.device, step + 1)
    progress.close()
    tracker({}, 0)
    if group.main:
        _write_lora(work, lora())
        write_losses(work.out, losses)
    group.wait()
    return losses


def _model(work: Work, group: Group) -> Any:
    """The transformer in its precision; text encoder and VAE stay behind."""
    work.pipe = pipelines.load(
        work.found,
        Generator(model=work.found.name, dtype=work.precision),
        device=str(group.device),
        without=("text_encoder", "tokenizer"),
    )
    work.family = family_of(work.pipe)
    return work.model


def _optimizer(training: Training, parameters: list[Any]) -> Any:
    import torch

    how: dict[str, Any] = {
        "lr": training.learning_rate,
        "betas": (training.beta1, training.beta2),
        "weight_decay": training.weight_decay,
    }
    if training.optimizer == "adamw8bit":
        import bitsandbytes

        return bitsandbytes.optim.AdamW8bit(parameters, **how)
    return torch.optim.AdamW(parameters, **how)


def _rate(training: Training, step: int) -> float:
    assert training.learning_rate is not None
    if step < training.warmup:
        return training.learning_rate * (step + 1) / training.warmup
    if training.schedule == "cosine":
        share = (step - training.warmup) / max(1, training.steps - training.warmup)
        return training.learning_rate * 0.5 * (1 + math.cos(math.pi * share))
    return training.learning_rate


def _backward(work: Work, group: Group, model: Any, clips: Sequence[int], step: int, scaler: Any) -> float:
    """Gradients of this process's share of a step; the mean loss of it."""
    import torch

    training = work.training
    total = 0.0
    for part in range(training.accumulate):
        place = group.rank * training.accumulate + part
        mine = clips[place * training.batch : (place + 1) * training.batch]
        seed = int(key_of(training.seed, step, place)[:15], 16)
        generator = torch.Generator("cpu").manual_seed(seed)
        kept = [work.kept.get(work.clip_key(work.examples[at])) for at in mine]
        batch = {name: torch.stack([each[name] for each in kept]).to(group.device) for name in kept[0]}
        dropped = torch.rand(len(mine), generator=generator) < training.caption_dropout
        texts = ["" if bool(drop) else work.examples[at].text for at, drop in zip(mine, dropped, strict=True)]
        words = torch.stack([work.kept.get(work.words_key(text))["words"] for text in texts]).to(group.device)
        narrow = work.precision != "float32"
        with torch.autocast(group.device.type, dtype=getattr(torch, work.precision), enabled=narrow):
            loss = work.family.loss(model, batch, words, generator) / training.accumulate
        scaler.scale(loss).backward()
        total += float(loss.detach())
    return total


def _averaged(group: Group, parameters: list[Any], optimizer: Any, scaler: Any, most: float) -> float:
    """Averages gradients over the processes and scales them down to a norm; the norm that they had."""
    import torch

    if group.world > 1:
        flat = group.mean(torch.cat([each.grad.reshape(-1) for each in parameters]))
        at = 0
        for each in parameters:
            each.grad.copy_(flat[at : at + each.numel()].view_as(each))
            at += each.numel()
    scaler.unscale_(optimizer)
    return float(torch.nn.utils.clip_grad_norm_(parameters, most))


def _check_loss(
    loss: float,
    losses: Sequence[Sequence[float]],
    step: int,
    work: Work,
    checkpoints: Checkpoints,
    name: str = "loss",
) -> None:
    if math.isfinite(loss):
        if len(losses) < 2 * WINDOW:
            return
        first = sum(row[1] for row in losses[:WINDOW]) / WINDOW
        last = sum(row[1] for row in losses[-WINDOW:]) / WINDOW
        if last <= work.training.diverged * first:
            return
        why = f"the mean loss of the last {WINDOW} steps is {last:.3g}, that of the first was {first:.3g}"
    else:
        why = f"the {name} is {loss}"
    saved = checkpoints.steps()[-1:]
    there = f"the checkpoint of step {saved[0]} is kept" if saved else "no checkpoint was written yet"
    raise SetupError(
        f"step {step + 1}: {why}; {there}. Try a smaller learning_rate (it is {work.training.learning_rate:g}), a "
        f"longer warmup, precision=bfloat16 or float32 (it is {work.precision})"
    )


@contextlib.contextmanager
def _swapped(trained: Mapping[str, Any], mean: Mapping[str, Any]) -> Iterator[None]:
    """With the running mean in the place of the weights, where there is one."""
    import torch

    if not mean:
        yield
        return
    before = {name: each.detach().clone() for name, each in trained.items()}
    with torch.no_grad():
        for name, each in trained.items():
            each.copy_(mean[name])
    try:
        yield
    finally:
        with torch.no_grad():
            for name, each in trained.items():
                each.copy_(before[name])


def _write_lora(work: Work, layers: Mapping[str, Any]) -> None:
    """As diffusers' `save_lora_weights` has it; alpha stands in the file's metadata, as peft's settings."""
    from safetensors.torch import save

    training = work.training
    config = {"r": training.rank, "lora_alpha": training.alpha, "target_modules": list(training.targets or ())}
    prefix = "transformer"
    metadata = {  # one key: of several, the order of the file's bytes would be chance
        "lora_adapter_metadata": json.dumps(
            {f"{prefix}.{key}": value for key, value in config.items()}, sort_keys=True
        ),
    }
    data = save({f"{prefix}.{name}": each.contiguous() for name, each in layers.items()}, metadata=metadata)
    Folder(str(work.out / LORA)).write(pipelines.LORA_FILE, data)


def write_losses(out: Path, losses: Sequence[Sequence[float]]) -> None:
    """loss.csv of a training.

    Args:
        out: its folder.
        losses: a row for each step.
    """
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["step", "loss", "learning_rate", "norm"])
    rows.writerows(losses)
    Folder(str(out)).write("loss.csv", text.getvalue().encode())


def _tracker(work: Work, group: Group) -> Callable[[dict[str, float], int], None]:
    """Sends numbers to TensorBoard or W&B; an empty mapping ends it."""
    if work.training.log == "none" or not group.main:
        return lambda numbers, step: None
    from accelerate import Accelerator

    folder = work.out / "log"
    folder.mkdir(parents=True, exist_ok=True)  # W&B writes elsewhere where it is not there
    accelerator = Accelerator(log_with=work.training.log, project_dir=str(folder), cpu=work.device == "cpu")
    accelerator.init_trackers(
        "hoigen",
        config={"learning_rate": work.training.learning_rate, "rank": work.training.rank},
        init_kwargs={"wandb": {"dir": str(folder)}},
    )

    def track(numbers: dict[str, float], step: int) -> None:
        if numbers:
            accelerator.log(numbers, step=step)
        else:
            accelerator.end_training()

    return track


def validate(work: Work, model: Any, device: Any, step: int) -> None:
    """Videos of the validation prompts, in validation/step-N of the training's folder.

    Args:
        work: the training.
        model: the transformer with its LoRA.
        device: of PyTorch.
        step: how many were done.
    """
    import numpy as np
    import torch

    from hoigen.training.made import seed_of
    from hoigen.video.writing import video_of

    first = work.examples[0]
    model.eval()
    work.pipe.vae.to(device)
    none = work.kept.get(work.words_key(""))["words"].unsqueeze(0).to(device)
    folder = Folder(str(work.out / "validation" / f"step-{step:08d}"))
    narrow = work.precision != "float32"
    for at, text in enumerate(work.training.validate):
        words = work.kept.get(work.words_key(text))["words"].unsqueeze(0).to(device)
        with (
            torch.inference_mode(),
            torch.autocast(torch.device(device).type, dtype=getattr(torch, work.precision), enabled=narrow),
        ):
            images = work.pipe(
                prompt_embeds=words,
                negative_prompt_embeds=none,
                num_frames=first.frames,
                height=first.height,
                width=first.width,
                num_inference_steps=work.training.validate_steps,
                generator=torch.Generator("cpu").manual_seed(seed_of(work.training.seed, text, 0)),
                output_type="np",
            ).frames[0]
        pictures = np.nan_to_num(np.asarray(images, np.float32)).clip(0, 1)
        folder.write(f"{at:02d}.mp4", video_of(np.rint(pictures * 255).astype(np.uint8), first.fps))
    Folder(str(work.out / "validation")).write("prompts.txt", "\n".join(work.training.validate).encode())
    model.train()
