"""DiffSynth-Studio (Apache-2.0): Wan. Counts in epochs, and begins anew when it was stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hoigen.training.trainers.launch import Job

FORMAT = "diffsynth"
NEEDS = ("metadata.json", "train.sh")
SCRIPT = "examples/wanvideo/model_training/train.py"
SOURCE = "modelscope/DiffSynth-Studio@fed7b18f examples/wanvideo/model_training/train.py and lora/*.sh"
CHECKPOINTS = "*.safetensors"


def files(job: Job) -> Mapping[str, str]:
    return {}


def commands(job: Job) -> Sequence[Sequence[str]]:
    from hoigen.dataset.formats.diffusers import option

    settings, script = job.settings, job.data / "train.sh"
    text = script.read_text(encoding="utf-8")
    words = [settings.python, "-m", "accelerate.commands.launch", "--num_processes", str(settings.processes), SCRIPT]
    words += ["--dataset_base_path", str(job.data), "--dataset_metadata_path", str(job.data / "metadata.json")]
    words += ["--data_file_keys", "video", "--dataset_repeat", "1"]
    for name in ("height", "width", "max_pixels", "num_frames"):
        if f"--{name} " in text:
            words += [f"--{name}", option(script, name)]
    origin = settings.weights.get("model") or option(script, "model_id_with_origin_paths").strip('"')
    words += ["--model_id_with_origin_paths", origin]
    words += ["--learning_rate", f"{settings.learning_rate:g}", "--num_epochs", str(job.epochs)]
    words += ["--remove_prefix_in_ckpt", "pipe.dit.", "--output_path", str(job.out)]
    words += ["--lora_base_model", "dit", "--lora_target_modules", "q,k,v,o,ffn.0,ffn.2"]
    words += ["--lora_rank", str(settings.rank), "--save_steps", str(settings.save_every)]
    return [[*words, *settings.more]]
