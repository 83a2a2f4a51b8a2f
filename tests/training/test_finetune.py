"""hoigen finetune on tiny pipelines of the true architectures: real mp4, VAE, LoRA, videos, resuming, refusals."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import made_clips
import numpy as np
import pytest
from alike import OTHER, SAME, apart

from hoigen.commands.cli import main
from hoigen.commands.finetune import Finetuned, finetune
from hoigen.commands.generate import generate
from hoigen.core.errors import NoRoomError, SetupError, UsageError
from hoigen.training.finetune.clips import pixels, read_clips
from hoigen.training.finetune.order import Order
from hoigen.training.finetune.settings import Training

FAST = ["rank=4", "alpha=4", "learning_rate=0.02", "warmup=0", "checkpointing=false", "device=cpu"]
LORA = Path("lora") / "pytorch_lora_weights.safetensors"
KINDS = ("cogvideox-2b", "wan-2.1")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("diffusers", reason="extra [train] is not installed")
    import tiny_pipelines

    folder = tmp_path_factory.mktemp("models")
    for kind in ("2b", "5b", "1.5"):
        tiny_pipelines.cogvideox(folder / f"cogvideox-{kind}", kind)
    for kind in ("2.1", "2.2-5b"):
        tiny_pipelines.wan(folder / f"wan-{kind}", kind)
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return made_clips.folder(tmp_path / "data", 2)


def tune(model: Path, data: Path, out: Path, *sets: str, **changes: Any) -> Finetuned:
    given: dict[str, Any] = {"model": str(model), "data": data, "out": out, "set": [*FAST, *sets], "quiet": True}
    return finetune(**given | changes)


def mean_loss(model: Path, data: Path, lora: Path | None) -> float:
    """Of eight draws of time and noise that are the same for every call."""
    import torch

    from hoigen.models import hub
    from hoigen.training import pipelines
    from hoigen.training.finetune.families import family_of
    from hoigen.training.generators import Generator

    pipe = pipelines.load(hub.resolve_pipeline(str(model)), Generator(model=str(model), dtype="float32"), device="cpu")
    if lora is not None:
        pipelines.add_lora(pipe, pipelines.lora_of(lora, 1.0))
    family = family_of(pipe)
    [example] = read_clips(data)
    video = torch.from_numpy(pixels(example)).permute(3, 0, 1, 2).unsqueeze(0).float() / 127.5 - 1
    with torch.no_grad():
        kept = {name: each.unsqueeze(0) for name, each in family.encode(pipe.vae, video).items()}
        words = family.words(pipe, [example.text], "cpu")
        draws = [torch.Generator().manual_seed(at) for at in range(8)]
        return float(np.mean([float(family.loss(pipe.transformer, kept, words, each)) for each in draws]))


@pytest.mark.parametrize("kind", KINDS)
def test_the_whole_path(kind: str, models: Path, tmp_path: Path) -> None:
    """mp4 -> VAE -> LoRA steps -> the loss of one clip falls -> video -> loaded, the same -> resumed, the same."""
    data = made_clips.folder(tmp_path / "data", 1)
    done = tune(models / kind, data, tmp_path / "out", "steps=30", "save_every=15")
    assert done.steps == 30
    before, after = mean_loss(models / kind, data, None), mean_loss(models / kind, data, tmp_path / "out")
    assert after < 0.97 * before
    tune(models / kind, data, tmp_path / "half", "steps=15", "save_every=7")
    tune(models / kind, data, tmp_path / "half", "steps=30", "save_every=15")
    assert (tmp_path / "half" / LORA).read_bytes() == (tmp_path / "out" / LORA).read_bytes()
    assert (tmp_path / "half" / "loss.csv").read_text() == (tmp_path / "out" / "loss.csv").read_text()
    (tmp_path / "suite.txt").write_text("A person holds cup 0.\n")
    small = ["frames=9", "fps=8", "height=32", "width=32", "steps=2", "guidance=2", "dtype=float32", "device=cpu"]
    made = {}
    for name, more in (
        ("base", {}),
        ("tuned", {"lora": tmp_path / "out"}),
        ("again", {"lora": tmp_path / "half"}),
        ("none", {"lora": tmp_path / "out", "lora_scale": 0.0}),
    ):
        how: dict[str, Any] = {"set": small, "name": name, "quiet": True}
        result = generate(
            model=str(models / kind), prompts=tmp_path / "suite.txt", out=tmp_path / "videos", **how | more
        )
        [file] = result.folder.glob("*.mp4")
        made[name] = file.read_bytes()
    assert apart(made["tuned"], made["again"]) < SAME
    assert apart(made["tuned"], made["base"]) > OTHER
    assert apart(made["none"], made["base"]) < SAME


@pytest.mark.parametrize("kind", [pytest.param("cogvideox-5b", marks=pytest.mark.slow), "cogvideox-1.5", "wan-2.2-5b"])
def test_other_models_of_the_families(kind: str, models: Path, data: Path, tmp_path: Path) -> None:
    how = ("steps=2", "batch=2", "accumulate=2", "ema=0.9", "validate_every=2", "validate=[A cup.]", "validate_steps=2")
    tune(models / kind, data, tmp_path / "out", *how, "checkpointing=true", "caption_dropout=0.5")
    assert mean_loss(models / kind, made_clips.folder(tmp_path / "one", 1), tmp_path / "out") > 0
    assert (tmp_path / "out" / "validation" / "step-00000002" / "00.mp4").stat().st_size > 500


@pytest.mark.slow
def test_checkpointing_changes_no_weight(models: Path, data: Path, tmp_path: Path) -> None:
    for name, how in (("a", "checkpointing=false"), ("b", "checkpointing=true")):
        tune(models / "wan-2.1", data, tmp_path / name, "steps=2", how)
    assert (tmp_path / "a" / LORA).read_bytes() == (tmp_path / "b" / LORA).read_bytes()


def test_cogvideox_loss_is_that_of_the_velocity(models: Path, data: Path) -> None:
    """The script's (1 / (1 - a)) (x0' - x0)^2 is the velocity's squared error: v = sqrt(a) e - sqrt(1 - a) x."""
    import torch

    from hoigen.models import hub
    from hoigen.training import pipelines
    from hoigen.training.finetune.families import CogVideoX
    from hoigen.training.generators import Generator

    folder = models / "cogvideox-2b"
    pipe = pipelines.load(
        hub.resolve_pipeline(str(folder)), Generator(model=str(folder), dtype="float32"), device="cpu"
    )
    family = CogVideoX(pipe)
    kept = {"mean": torch.randn(2, 4, 3, 4, 4), "std": torch.rand(2, 4, 3, 4, 4)}
    words = torch.randn(2, 226, 32)
    said: dict[str, Any] = {}

    def listen(module: Any, args: Any, given: Any, out: Any) -> None:
        said.update(given, out=out[0])

    pipe.transformer.register_forward_hook(listen, with_kwargs=True)
    with torch.no_grad():
        loss = family.loss(pipe.transformer, kept, words, torch.Generator().manual_seed(3))
    chance = torch.Generator().manual_seed(3)
    latents = (kept["mean"] + kept["std"] * torch.randn(kept["mean"].shape, generator=chance)) * 1.15258426
    latents = latents.permute(0, 2, 1, 3, 4)
    noise = torch.randn(latents.shape, generator=chance)
    times = torch.randint(0, 1000, (2,), generator=chance)
    a = pipe.scheduler.alphas_cumprod[times].float().view(2, 1, 1, 1, 1)
    assert torch.equal(said["timestep"], times)
    assert torch.allclose(said["hidden_states"], a.sqrt() * latents + (1 - a).sqrt() * noise, atol=1e-5)
    velocity = a.sqrt() * noise - (1 - a).sqrt() * latents
    assert float(loss) == pytest.approx(float(((said["out"] - velocity) ** 2).mean()), rel=1e-4)
    assert float(pipe.scheduler.alphas_cumprod[-1]) == 0, "zero SNR at the end"


def test_wan_loss_is_that_of_the_flow(models: Path) -> None:
    import torch

    from hoigen.models import hub
    from hoigen.training import pipelines
    from hoigen.training.finetune.families import Wan
    from hoigen.training.generators import Generator

    folder = models / "wan-2.1"
    pipe = pipelines.load(
        hub.resolve_pipeline(str(folder)), Generator(model=str(folder), dtype="float32"), device="cpu"
    )
    family = Wan(pipe)
    assert (len(family.sigmas), float(family.sigmas[0])) == (1000, 1.0)
    assert float(family.sigmas[500]) == pytest.approx(5 * 0.5 / (1 + 4 * 0.5), rel=1e-5)
    assert float(family.weights.mean()) == pytest.approx(1, rel=1e-5)
    assert int(family.weights.argmax()) == int((family.sigmas - 0.5).abs().argmin()), "most weight in the middle"
    latents = torch.randn(2, 16, 3, 4, 4)
    seen: dict[str, Any] = {}

    def nothing(**given: Any) -> tuple[Any]:
        seen.update(given)
        return (torch.zeros_like(given["hidden_states"]),)

    loss = family.loss(nothing, {"latents": latents}, torch.zeros(2, 5, 32), torch.Generator().manual_seed(1))
    chance = torch.Generator().manual_seed(1)
    at = torch.randint(0, 1000, (2,), generator=chance)
    noise = torch.randn(latents.shape, generator=chance)
    sigmas = family.sigmas[at].view(2, 1, 1, 1, 1)
    assert torch.allclose(seen["timestep"], family.sigmas[at] * 1000)
    assert torch.allclose(seen["hidden_states"], (1 - sigmas) * latents + sigmas * noise)
    each = ((noise - latents) ** 2).reshape(2, -1).mean(1)
    assert float(loss) == pytest.approx(float((each * family.weights[at]).mean()), rel=1e-5)


def test_latents_go_by_content_and_not_by_name(models: Path, data: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    tune(models / "wan-2.1", data, tmp_path / "a", "steps=1", kept=kept)
    files = {path: path.stat().st_mtime_ns for path in kept.rglob("*.safetensors")}
    assert len(files) == 4, "two clips, two captions"
    lines = made_clips.read(data)
    (data / "videos" / "0.mp4").rename(data / "videos" / "renamed.mp4")
    lines[0]["file_name"] = "videos/renamed.mp4"
    lines[1]["text"] = "Another caption."
    made_clips.write(data, lines)
    tune(models / "wan-2.1", data, tmp_path / "b", "steps=1", kept=kept)
    after = {path: path.stat().st_mtime_ns for path in kept.rglob("*.safetensors")}
    assert len(after) == 5
    assert {path: after[path] for path in files} == files
    next(iter(files)).write_bytes(b"damaged")
    with pytest.raises(SetupError, match="is deleted; the same command makes it anew"):
        tune(models / "wan-2.1", data, tmp_path / "b", "steps=9", kept=kept)
        tune(models / "wan-2.1", data, tmp_path / "a", "steps=9", kept=kept)


def test_other_captions_make_another_model(models: Path, data: Path, tmp_path: Path) -> None:
    (tmp_path / "other.jsonl").write_text(
        "".join(json.dumps({"file_name": f"videos/{at}.mp4", "text": "Nothing happens."}) + "\n" for at in range(2))
    )
    tune(models / "wan-2.1", data, tmp_path / "a", "steps=2")
    tune(models / "wan-2.1", data, tmp_path / "b", "steps=2", captions=tmp_path / "other.jsonl")
    assert (tmp_path / "a" / LORA).read_bytes() != (tmp_path / "b" / LORA).read_bytes()
    with pytest.raises(UsageError, match=r"holds another training: clips '.*' there, '.*' now"):
        tune(models / "wan-2.1", data, tmp_path / "a", "steps=2", captions=tmp_path / "other.jsonl")


def test_a_loss_that_is_no_number_stops_with_its_step(models: Path, data: Path, tmp_path: Path) -> None:
    with pytest.raises(
        SetupError,
        match=r"step \d+: the (loss|gradient's norm) is (nan|inf); .*Try a smaller learning_rate \(it is 1e\+30\)",
    ):
        tune(models / "cogvideox-2b", data, tmp_path / "out", "steps=9", "learning_rate=1e30")
    assert not (tmp_path / "out" / "lora").exists()


def test_a_gradient_that_is_no_number_is_never_saved(
    models: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hoigen.training.finetune import loop

    averaged = loop._averaged

    def spoilt(group: Any, parameters: list[Any], *others: Any) -> float:
        parameters[0].grad.fill_(float("nan"))
        return averaged(group, parameters, *others)

    monkeypatch.setattr(loop, "_averaged", spoilt)
    with pytest.raises(SetupError, match="step 1: the gradient's norm is nan; no checkpoint was written yet"):
        tune(models / "wan-2.1", data, tmp_path / "out", "steps=1")
    assert not (tmp_path / "out" / "checkpoints").exists()
    assert not (tmp_path / "out" / "lora").exists()


def test_a_rank_of_ones_own_keeps_the_strength(models: Path, data: Path, tmp_path: Path) -> None:
    from hoigen.training.finetune import loop

    how: dict[str, Any] = {"revision": "", "captions": None, "kept": None, "world": 1, "quiet": True}
    for kind, alpha in (("cogvideox-2b", 16), ("cogvideox-5b", 8), ("wan-2.1", 16)):
        work = loop.prepare(
            model=str(models / kind), data=data, out=tmp_path / "out", training=Training(rank=16, device="cpu"), **how
        )
        assert work.training.alpha == alpha


def test_losses_that_were_deleted_come_back(models: Path, data: Path, tmp_path: Path) -> None:
    done = tune(models / "wan-2.1", data, tmp_path / "out", "steps=2")
    before = (tmp_path / "out" / "loss.csv").read_text()
    (tmp_path / "out" / "loss.csv").unlink()
    assert tune(models / "wan-2.1", data, tmp_path / "out", "steps=2").last == done.last
    assert (tmp_path / "out" / "loss.csv").read_text() == before


@pytest.mark.parametrize("key", ["beta1", "beta2"])
def test_a_mean_that_never_moves(key: str) -> None:
    with pytest.raises(ValueError, match=f"{key}: less than 1"):
        Training(**{key: 1.0})


def test_a_loss_that_grows_stops(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hoigen.training.finetune import loop
    from hoigen.training.finetune.checkpoints import Checkpoints

    class Held:
        training = Training(learning_rate=1.0, precision="float32")
        precision = "float32"

    none = Checkpoints(tmp_path, 1)
    rows = [[at, 1.0, 0.0, 0.0] for at in range(50)] + [[at, 3.9, 0.0, 0.0] for at in range(50)]
    loop._check_loss(3.9, rows, 100, Held(), none)  # type: ignore[arg-type]
    with pytest.raises(
        SetupError, match=r"step 101: the mean loss of the last 50 steps is 4.1, that of the first was 1;"
    ):
        loop._check_loss(3.9, [*rows[:50], *([[0, 4.1, 0, 0]] * 50)], 100, Held(), none)  # type: ignore[arg-type]


def test_a_full_disk_leaves_nothing_half_written(
    models: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    tune(models / "wan-2.1", data, tmp_path / "whole", "steps=4")
    tune(models / "wan-2.1", data, tmp_path / "out", "steps=2")
    before = sorted(path for path in (tmp_path / "out" / "checkpoints").rglob("*"))

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "state.pt")

    words = ["finetune", "--model", str(models / "wan-2.1"), "--data", str(data), "--out", str(tmp_path / "out")]
    words += ["--quiet", *(part for each in [*FAST, "steps=4"] for part in ("--set", each))]
    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", full)
        assert main(words) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert sorted(path for path in (tmp_path / "out" / "checkpoints").rglob("*")) == before
    assert main(words) == 0
    assert (tmp_path / "out" / LORA).read_bytes() == (tmp_path / "whole" / LORA).read_bytes()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"text": " "}, "line 1: text: a caption; it is empty"),
        ({"text": None}, "line 1: text must be given"),
        ({"frames": 8}, r"frames are 4N\+1; there are clips of 8. Export them so"),
        ({"frames": 13}, "0.mp4: frames 9, its line says 13"),
        ({"width": 40}, "sides are multiples of 16; there are clips of 40x32"),
        ({"digest": "0" * 64}, "its content is .*, its line says 000000000000"),
        ({"file_name": "videos/9.mp4"}, "line 1: file_name: no such file"),
        ({"file_name": "../../etc/passwd"}, "line 1: file_name: a file in the folder"),
        ({"file_name": "videos/1.mp4"}, "line 2: file_name: videos/1.mp4 is on line 1 already"),
        ({"fps": -1}, "line 1: fps: a number above 0; it came as -1"),
        ({"frames": "9"}, "line 1: frames: a number above 0; it came as '9'"),
    ],
)
def test_clips_that_are_not_as_they_should_be(
    change: dict[str, Any], said: str, models: Path, data: Path, tmp_path: Path
) -> None:
    lines = made_clips.read(data)
    lines[0] |= change
    made_clips.write(data, lines)
    with pytest.raises(UsageError, match=said):
        tune(models / "cogvideox-2b", data, tmp_path / "out", "steps=1")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("sets", "error", "said"),
    [
        (
            ["memory_limit=0.000001"],
            NoRoomError,
            r"a training takes about .* GB may be taken. Less take: checkpointing",
        ),
        (["targets=[to_x]"], UsageError, "targets: no layer of CogVideoXTransformer3DModel ends in to_x"),
        (["optimizer=adamw8bit"], UsageError, "optimizer=adamw8bit needs bitsandbytes: pip install bitsandbytes"),
        (["log=wandb"], UsageError, "log=wandb needs wandb"),
        (["rank=0"], UsageError, "rank: 1 or more"),
        (["rnak=1"], UsageError, "did you mean 'rank'"),
        (["validate_every=5"], UsageError, "validate: prompts must be given"),
        (["device=cuda:9"], SetupError, "device 'cuda:9' cannot be used"),
    ],
)
def test_settings_that_cannot_be(
    sets: list[str], error: type[Exception], said: str, models: Path, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(error, match=said):
        tune(models / "cogvideox-2b", data, tmp_path / "out", *sets)
    assert not (tmp_path / "out").exists()


def test_two_transformers_are_refused(models: Path, data: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(models / "wan-2.1", tmp_path / "a14b")
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"boundary_ratio": 0.875}))
    with pytest.raises(UsageError, match=r"Wan with two transformers \(2.2 A14B\) is not trained here"):
        tune(folder, data, tmp_path / "out", "steps=1")


def test_what_is_no_export_and_no_model(models: Path, data: Path, tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"no metadata.jsonl; a folder that `hoigen export RUN --to videofolder` wrote"
    ):
        tune(models / "wan-2.1", tmp_path, tmp_path / "out")
    with pytest.raises(SetupError, match="names no pipeline of diffusers"):
        tune(data, data, tmp_path / "out")
    with pytest.raises(UsageError, match="of kind service, which is not trained here"):
        tune(Path("kling-1.5"), data, tmp_path / "out")
    planned = tune(models / "wan-2.1", data, tmp_path / "out", "steps=7", plan=True)
    assert "2 clips, 7 steps: about" in str(planned)
    assert not (tmp_path / "out").exists()


def test_the_order_shows_every_clip_in_groups_of_one_shape() -> None:
    shapes = ["a"] * 5 + ["b"] * 3 + ["c"]
    order = Order(shapes, 2, 7)
    epochs = [[order.clips(epoch * order.groups + at) for at in range(order.groups)] for epoch in range(3)]
    for epoch in epochs:
        times = Counter(at for group in epoch for at in group)
        assert set(times) == set(range(9))
        assert sum(times.values()) == 2 * order.groups == 12
        assert all(len({shapes[at] for at in group}) == 1 for group in epoch)
    assert epochs[0] != epochs[1]
    assert [Order(shapes, 2, 7).clips(at) for at in (11, 2)] == [order.clips(11), order.clips(2)]


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_killed_at_three_steps_it_ends_with_the_very_weights(
    processes: int, models: Path, data: Path, tmp_path: Path
) -> None:
    def start(out: Path) -> subprocess.Popen[bytes]:
        words = ["--model", str(models / "wan-2.1"), "--data", str(data), "--out", str(out), "--quiet"]
        sets = [*FAST, "steps=40", "save_every=1", "ema=0.9", f"processes={processes}"]
        words += [part for each in sets for part in ("--set", each)]
        return subprocess.Popen(
            [sys.executable, "-m", "hoigen", "finetune", *words],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )

    assert start(tmp_path / "whole").wait() == 0
    chance = np.random.default_rng(5)
    for stop in sorted(int(each) for each in chance.choice(np.arange(2, 36), 3, replace=False)):
        process = start(tmp_path / "killed")
        while process.poll() is None:
            steps = [each.name for each in (tmp_path / "killed" / "checkpoints").glob("step-*")]
            if steps and int(max(steps).removeprefix("step-")) >= stop:
                break
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert not (tmp_path / "killed" / LORA).exists()
    assert start(tmp_path / "killed").wait() == 0
    assert (tmp_path / "killed" / LORA).read_bytes() == (tmp_path / "whole" / LORA).read_bytes()
    assert (tmp_path / "killed" / "loss.csv").read_text() == (tmp_path / "whole" / "loss.csv").read_text()


@pytest.mark.slow
def test_wandb_writes_into_the_folder_of_the_training(
    models: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    tune(models / "cogvideox-2b", data, tmp_path / "out", "steps=2", "log=wandb")
    assert list((tmp_path / "out" / "log").rglob("*.wandb"))


@pytest.mark.parametrize(("count", "first", "last"), [(1, 1.0, 1.0), (2, 1.0, 2.0), (5, 1.5, 4.5), (99, 25.0, 75.0)])
def test_the_losses_of_beginning_and_end_share_no_step(count: int, first: float, last: float, tmp_path: Path) -> None:
    from hoigen.commands.finetune import Finetuned, _with_losses

    rows = "".join(f"{at},{at}\n" for at in range(1, count + 1))  # the loss of step n is n
    (tmp_path / "loss.csv").write_text(f"step,loss\n{rows}")
    found = _with_losses(Finetuned(tmp_path, count, 1, ""))
    assert (found.first, found.last) == (first, last)
