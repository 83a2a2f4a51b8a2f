"""Open-Sora 2 (Apache-2.0): the third model of HOIGen-1M's table 4, in its present version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hoigen.training.trainers.launch import Job

FORMAT = "open_sora"
NEEDS = ("meta.csv", "train.py")
SCRIPT = "scripts/diffusion/train.py"
SOURCE = "hpcaitech/Open-Sora@7ad6a96 scripts/diffusion/train.py, configs/diffusion/train/, opensora/utils/config.py"
CHECKPOINTS = "**/epoch*-global_step*/lora"
CONFIG = "open_sora.py"


def files(job: Job) -> Mapping[str, str]:
    settings = job.settings
    base = (settings.folder.rstrip("/")) + "/configs/diffusion/train/stage1.py"
    export = (job.data / "train.py").read_text(encoding="utf-8")
    own = "\n".join(line for line in export.splitlines() if not line.startswith(("#", "_base_")))
    layers = ["q_proj", "k_proj", "v_proj", "v_mlp", "proj", "linear2"]  # of opensora/models/mmdit/layers.py, unfused
    text = f"""_base_ = [{base!r}]
{own}
lora_config = dict(r={settings.rank}, lora_alpha={settings.rank}, target_modules={layers!r})
lr = {settings.learning_rate:g}
optim = dict(lr=lr)
ckpt_every = {settings.save_every}
seed = {settings.seed}
epochs = {job.epochs}
outputs = {str(job.out)!r}
"""
    return {CONFIG: text}


def commands(job: Job) -> Sequence[Sequence[str]]:
    settings = job.settings
    words = [settings.python, "-m", "torch.distributed.run", "--standalone"]
    words += ["--nproc_per_node", str(settings.processes), SCRIPT, str(job.out.parent / CONFIG)]
    return [[*words, *settings.more]]
