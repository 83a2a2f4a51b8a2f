"""ltx-trainer (LTX-2.x Community Licence: from 10 million dollars of revenue one pays): LTX, video without sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hoigen.training.trainers.launch import Job

FORMAT = "ltx_trainer"
NEEDS = ("dataset.json", "prepare.sh")
SCRIPT = "scripts/train.py"
SOURCE = "Lightricks/LTX-2@400fd31 packages/ltx-trainer: configs/t2v_lora.yaml, src/ltx_trainer/config.py, docs"
CHECKPOINTS = "checkpoints/*_weights_step_*.safetensors"
CONFIG = "ltx.yaml"


def files(job: Job) -> Mapping[str, str]:
    import yaml

    settings = job.settings
    values = {
        "model": {
            "model_path": job.weight("model"),
            "text_encoder_path": job.weight("text_encoder"),
            "training_mode": "lora",
        },
        "lora": {
            "rank": max(2, settings.rank),
            "alpha": max(2, settings.rank),
            "target_modules": ["to_k", "to_q", "to_v", "to_out.0"],
        },
        "training_strategy": {"name": "flexible", "video": {"is_generated": True, "latents_dir": "latents"}},
        "optimization": {
            "learning_rate": settings.learning_rate,
            "steps": settings.steps,
            "batch_size": 1,
            "enable_gradient_checkpointing": True,
        },
        "acceleration": {"mixed_precision_mode": "bf16"},
        "data": {"preprocessed_data_root": str(job.out / "prepared")},
        "validation": {"samples": [], "interval": None},
        "checkpoints": {"interval": settings.save_every, "keep_last_n": 2},
        "seed": settings.seed,
        "output_dir": str(job.out),
    }
    return {CONFIG: yaml.safe_dump(values, sort_keys=False)}


def commands(job: Job) -> Sequence[Sequence[str]]:
    from hoigen.dataset.formats.diffusers import option

    settings = job.settings
    buckets = option(job.data / "prepare.sh", "resolution-buckets").strip('"')
    prepare = [settings.python, "scripts/process_dataset.py", str(job.data / "dataset.json")]
    prepare += ["--resolution-buckets", buckets, "--skip-audio", "--output-dir", str(job.out / "prepared")]
    prepare += ["--model-path", job.weight("model"), "--text-encoder-path", job.weight("text_encoder")]
    train = [settings.python, "-m", "accelerate.commands.launch", "--num_processes", str(settings.processes)]
    return [prepare, [*train, SCRIPT, str(job.out.parent / CONFIG), *settings.more]]
