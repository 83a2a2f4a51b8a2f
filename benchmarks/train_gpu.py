"""Memory and steps per second of LoRA steps, and of a few steps of generation, at published sizes with random weights.

    python benchmarks/train_gpu.py OUT.json [--models wan2.1-1.3b,cogvideox-2b,...] [--seconds 600] [--trial]

Needs a graphics card and extra [train]; no hub, no weights: networks are made on the card from the configurations
below, those of the published models. What does not fit is said, not left out. Latents and embeddings are noise of the
right shape; time and memory do not depend on what they hold. Beside what is measured stands what
`hoigen finetune --plan` says of the same training. --trial: small networks and videos, a CPU suffices: to see that it
runs.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

COG = {"in_channels": 16, "out_channels": 16, "text_embed_dim": 4096, "time_embed_dim": 512}
WAN = {"patch_size": (1, 2, 2), "attention_head_dim": 128, "text_dim": 4096, "freq_dim": 256, "cross_attn_norm": True}
SIZES: dict[str, dict[str, Any]] = {
    "cogvideox-2b": {
        "class": "CogVideoXTransformer3DModel",
        "config": COG | {"num_attention_heads": 30, "num_layers": 30, "use_rotary_positional_embeddings": False},
        "video": (49, 480, 720),
        "rank": 64,
    },
    "cogvideox-5b": {
        "class": "CogVideoXTransformer3DModel",
        "config": COG | {"num_attention_heads": 48, "num_layers": 42, "use_rotary_positional_embeddings": True},
        "video": (49, 480, 720),
        "rank": 64,
    },
    "wan2.1-1.3b": {
        "class": "WanTransformer3DModel",
        "config": WAN | {"num_attention_heads": 12, "ffn_dim": 8960, "num_layers": 30},
        "video": (81, 480, 832),
        "rank": 32,
    },
    "wan2.2-5b": {
        "class": "WanTransformer3DModel",
        "config": WAN
        | {"num_attention_heads": 24, "ffn_dim": 14336, "num_layers": 30, "in_channels": 48, "out_channels": 48},
        "video": (121, 704, 1280),
        "scale": 16,
        "rank": 32,
    },
    "wan2.1-14b": {
        "class": "WanTransformer3DModel",
        "config": WAN | {"num_attention_heads": 40, "ffn_dim": 13824, "num_layers": 40},
        "video": (81, 480, 832),
        "rank": 32,
    },
}
"""Sources: the transformer/config.json of each model's repository; parameters come to 1.69, 5.57, 1.42, 5.00 and 14.29
billion."""
STEPS = 2
"""That are timed, after one that is not."""
VAES = {"cogvideox": "AutoencoderKLCogVideoX", "wan2.1": "AutoencoderKLWan"}
"""Whose configuration is the default of its class, by the beginning of a model's name."""
SMALL = {"num_layers": 1, "num_attention_heads": 2, "text_embed_dim": 64, "text_dim": 64, "ffn_dim": 64}
"""Of a trial."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--models", default=",".join(SIZES))
    parser.add_argument("--seconds", type=float, default=600, help="no further model is begun after so long")
    parser.add_argument("--trial", action="store_true", help="small networks and videos, to see that it runs")
    asked = parser.parse_args()
    import torch

    card = torch.cuda.is_available()
    if not card and not asked.trial:
        raise SystemExit("train_gpu.py: needs a graphics card")
    began, rows = time.monotonic(), []
    for name in asked.models.split(","):
        if time.monotonic() - began > asked.seconds:
            rows.append({"model": name, "why": f"not begun: {asked.seconds:g} s were over"})
            continue
        try:
            rows.append(measured(name, "cuda" if card else "cpu", asked.trial))
        except torch.OutOfMemoryError as error:
            rows.append({"model": name, "why": str(error).splitlines()[0]})
        gc.collect()
        torch.cuda.empty_cache()
        print(json.dumps(rows[-1]), flush=True)
        facts = {
            "card": torch.cuda.get_device_name() if card else "none: a trial on a CPU",
            "commit": os.environ.get("COMMIT", ""),
            "torch": torch.__version__,
            "machine": platform.machine(),
            "date": time.strftime("%Y-%m-%d"),
            "rows": rows,
        }
        asked.out.write_text(json.dumps(facts, indent=1) + "\n")


def measured(name: str, device: str, trial: bool) -> dict[str, Any]:
    """One model: a LoRA step with and without activations kept, a step of generation, and decoding; what --plan says.

    Args:
        name: of the model.
        device: cuda, or cpu for a trial.
        trial: a small network and a small video.
    """
    import diffusers
    import torch
    from peft import LoraConfig

    from hoigen.training.finetune.estimate import estimate, trained_of
    from hoigen.training.finetune.families import TARGETS, CogVideoX, Wan

    size = SIZES[name]
    if trial:
        config = {key: SMALL.get(key, value) for key, value in size["config"].items()}
        size = size | {"config": config, "video": (9, 64, 64), "rank": 4}
    torch.manual_seed(0)
    model = made(device, getattr(diffusers, size["class"]), **size["config"])
    model.requires_grad_(False)
    targets = [*TARGETS, *(("ffn.net.0.proj", "ffn.net.2") if size["class"].startswith("Wan") else ())]
    frozen, lora = sum(each.numel() for each in model.parameters()), trained_of(model, targets, size["rank"])
    model.add_adapter(LoraConfig(r=size["rank"], lora_alpha=size["rank"], target_modules=targets))
    trained = [each for each in model.parameters() if each.requires_grad]
    for each in trained:
        each.data = each.data.float()
    optimizer = torch.optim.AdamW(trained, lr=1e-4)
    given = inputs(size, model, device)
    frames, height, width = size["video"]
    scale, words = size.get("scale", 8), given["encoder_hidden_states"].shape[1]
    tokens = -(-frames // 4) * (height // scale // 2) * (width // scale // 2) + words
    row: dict[str, Any] = {
        "model": name,
        "parameters": frozen,
        "trained": lora,
        "video": "x".join(map(str, size["video"])),
        "tokens": tokens,
    }
    for keeps, key in ((False, "checkpointing"), (True, "activations kept")):
        planned = estimate(
            parameters=frozen, trained=lora, tokens=tokens, layers=model.config.num_layers,
            kept=(CogVideoX if size["class"].startswith("CogVideoX") else Wan).kept, batch=1, accumulate=1,
            width=model.config.num_attention_heads * model.config.attention_head_dim, precision="bfloat16", steps=1,
            checkpointing=not keeps, ema=False, eight_bit=False, device=device, disk=0,
        )  # fmt: skip
        row[f"{key}, planned"] = {
            "seconds a step": round(planned.seconds, 4), "peak GB": round(planned.memory / 1e9, 2)
        }  # fmt: skip
        if keeps:
            model.disable_gradient_checkpointing()
        else:
            model.enable_gradient_checkpointing()
        try:
            row[key] = timed(model, given, optimizer, device)
        except torch.OutOfMemoryError:
            row[key] = "too little memory"
        optimizer.zero_grad(set_to_none=True)
        torch.cuda.empty_cache()
    model.eval()
    model.to(torch.bfloat16)

    def generated(model: Any = model) -> Any:
        with torch.inference_mode(), torch.autocast(device, torch.bfloat16):
            return model(**given)

    row["generation"] = paced(generated, device, "seconds a step, without guidance")
    del model, optimizer, trained, generated, each
    gc.collect()
    torch.cuda.empty_cache()
    for kind in (VAES[each] for each in VAES if name.startswith(each)):
        vae = made(device, getattr(diffusers, kind)).eval()
        latents = given["hidden_states"]
        latents = latents.transpose(1, 2) if name.startswith("cogvideox") else latents

        def decoded(vae: Any = vae, latents: Any = latents) -> Any:
            with torch.inference_mode():
                return vae.decode(latents).sample.shape

        try:
            row["decoding by the VAE, whole"] = paced(decoded, device, "seconds a video", once=True)
        except torch.OutOfMemoryError:
            row["decoding by the VAE, whole"] = "too little memory"
    return row


def made(device: str, kind: Any, **config: Any) -> Any:
    """A network of diffusers with weights at random, in bfloat16, made on the device."""
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device(device):
            return kind(**config)
    finally:
        torch.set_default_dtype(before)


def paced(work: Callable[[], Any], device: str, named: str, once: bool = False) -> dict[str, float]:
    """Seconds of some work, the mean of STEPS after one (`once`: of the first), and the peak of memory."""
    import torch

    wait: Callable[[], Any] = torch.cuda.synchronize if device == "cuda" else bool
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    if not once:
        work()
    wait()
    began, times = time.perf_counter(), 1 if once else STEPS
    for _ in range(times):
        work()
    wait()
    spent = (time.perf_counter() - began) / times
    peak = torch.cuda.max_memory_allocated() if device == "cuda" else 0
    return {named: round(spent, 4), "peak GB": round(peak / 1e9, 2)}


def inputs(size: dict[str, Any], model: Any, device: str) -> dict[str, Any]:
    """Noise of the shapes that the model takes."""
    import torch

    frames, height, width = size["video"]
    scale, latents = size.get("scale", 8), (frames - 1) // 4 + 1
    shape = (latents, height // scale, width // scale)
    channels = model.config.in_channels
    noise = {"device": device, "dtype": torch.bfloat16}
    if size["class"].startswith("CogVideoX"):
        given: dict[str, Any] = {
            "hidden_states": torch.randn(1, latents, channels, *shape[1:], **noise),
            "encoder_hidden_states": torch.randn(1, 226, model.config.text_embed_dim, **noise),
            "timestep": torch.tensor([500], device=device),
        }
        if model.config.use_rotary_positional_embeddings:
            from diffusers.models.embeddings import get_3d_rotary_pos_embed

            grid = (height // scale // 2, width // scale // 2)
            given["image_rotary_emb"] = get_3d_rotary_pos_embed(
                model.config.attention_head_dim, ((0, 0), grid), grid, latents, device=device
            )
        return given | {"return_dict": False}
    return {
        "hidden_states": torch.randn(1, channels, *shape, **noise),
        "encoder_hidden_states": torch.randn(1, 512, model.config.text_dim, **noise),
        "timestep": torch.tensor([500.0], device=device),
        "return_dict": False,
    }


def timed(model: Any, given: dict[str, Any], optimizer: Any, device: str) -> dict[str, float]:
    """Seconds of a LoRA step, and the peak of memory."""
    import torch

    model.train()

    def step() -> None:
        with torch.autocast(device, torch.bfloat16):
            said = model(**given)[0]
            loss = (said.float() ** 2).mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return paced(step, device, "seconds a step")


if __name__ == "__main__":
    main()
