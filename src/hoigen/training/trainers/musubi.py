"""musubi-tuner (Apache-2.0, its Hunyuan parts under Tencent's licence): Wan. Latents, words, then training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hoigen.training.trainers.launch import Job

FORMAT = "musubi"
NEEDS = ("dataset.toml",)
SCRIPT = "src/musubi_tuner/wan_train_network.py"
SOURCE = "kohya-ss/musubi-tuner@30c658c docs/wan.md, src/musubi_tuner/wan_train_network.py"
CHECKPOINTS = "*.safetensors"


def files(job: Job) -> Mapping[str, str]:
    return {}


def commands(job: Job) -> Sequence[Sequence[str]]:
    settings, config = job.settings, ["--dataset_config", str(job.data / "dataset.toml")]
    latents = [settings.python, "src/musubi_tuner/wan_cache_latents.py", *config, "--vae", job.weight("vae")]
    words = [settings.python, "src/musubi_tuner/wan_cache_text_encoder_outputs.py", *config, "--t5", job.weight("t5")]
    train = [settings.python, "-m", "accelerate.commands.launch", "--num_processes", str(settings.processes)]
    train += ["--num_cpu_threads_per_process", "1", "--mixed_precision", "bf16", SCRIPT]
    train += ["--task", settings.weights.get("task") or "t2v-1.3B", "--dit", job.weight("dit"), *config]
    train += ["--sdpa", "--mixed_precision", "bf16", "--gradient_checkpointing"]
    train += ["--optimizer_type", "adamw8bit", "--learning_rate", f"{settings.learning_rate:g}"]
    train += ["--network_module", "networks.lora_wan", "--network_dim", str(settings.rank)]
    train += ["--timestep_sampling", "shift", "--discrete_flow_shift", "3.0"]
    train += ["--max_train_steps", str(settings.steps), "--save_every_n_steps", str(settings.save_every)]
    train += ["--seed", str(settings.seed), "--output_dir", str(job.out), "--output_name", "lora"]
    return [latents, [*words, "--batch_size", "16"], [*train, *settings.more]]
