"""diffusers' own script for CogVideoX (Apache-2.0), which decodes all clips into memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hoigen.training.trainers.launch import Job

FORMAT = "diffusers"
NEEDS = ("prompts.txt", "videos.txt", "train.sh")
SCRIPT = "examples/cogvideo/train_cogvideox_lora.py"
SOURCE = "huggingface/diffusers@58eb52c080 examples/cogvideo/train_cogvideox_lora.py"
CHECKPOINTS = "pytorch_lora_weights.safetensors"


def files(job: Job) -> Mapping[str, str]:
    return {}


def commands(job: Job) -> Sequence[Sequence[str]]:
    from hoigen.dataset.formats.diffusers import option

    settings, script = job.settings, job.data / "train.sh"
    sizes = {name: option(script, name) for name in ("height", "width", "fps", "max_num_frames")}
    words = [settings.python, "-m", "accelerate.commands.launch", "--num_processes", str(settings.processes), SCRIPT]
    words += ["--pretrained_model_name_or_path", settings.weights.get("model") or "THUDM/CogVideoX-2b"]
    words += ["--instance_data_root", str(job.data), "--caption_column", "prompts.txt", "--video_column", "videos.txt"]
    for name, value in sizes.items():
        words += [f"--{name}", value]
    words += ["--skip_frames_start", "0", "--skip_frames_end", "0", "--video_reshape_mode", "center"]
    words += ["--rank", str(settings.rank), "--lora_alpha", str(settings.rank), "--train_batch_size", "1"]
    words += ["--learning_rate", f"{settings.learning_rate:g}", "--max_train_steps", str(settings.steps)]
    words += ["--checkpointing_steps", str(settings.save_every), "--resume_from_checkpoint", "latest"]
    words += ["--seed", str(settings.seed), "--gradient_checkpointing", "--output_dir", str(job.out)]
    return [[*words, *settings.more]]
