"""Memory and steps per second of LoRA steps, and of a few steps of generation, at published sizes with random weights.

    python benchmarks/train_gpu.py OUT.json [--models wan2.1-1.3b,cogvideox-2b,...] [--seconds 600]

Needs a graphics card and extra [train]; no hub, no weights: networks are made on the card from the configurations
below, those of the published models. What does not fit is said, not left out. Latents and embeddings are noise of the
right shape; time and memory do not depend on what they hold. Not measured yet.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
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
STEPS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--models", default=",".join(SIZES))
    parser.add_argument("--seconds", type=float, default=600, help="no further model is begun after so long")
    asked = parser.parse_args()
    import torch

    if not torch.cuda.is_available():
        raise SystemExit("train_gpu.py: needs a graphics card")
    began, rows = time.monotonic(), []
    for name in asked.models.split(","):
        if time.monotonic() - began > asked.seconds:
            rows.append({"model": name, "why": f"not begun: {asked.seconds:g} s were over"})
            continue
        try:
            rows.append(measured(name))
        except torch.cuda.OutOfMemoryError as error:
            rows.append({"model": name, "why": str(error).splitlines()[0]})
        torch.cuda.empty_cache()
        print(json.dumps(rows[-1]), flush=True)
        facts = {
            "card": torch.cuda.get_device_name(),
            "torch": torch.__version__,
            "machine": platform.machine(),
            "date": time.strftime("%Y-%m-%d"),
            "rows": rows,
        }
        asked.out.write_text(json.dumps(facts, indent=1) + "\n")


def measured(name: str) -> dict[str, Any]:
    """One model: a LoRA step with and without activations kept, and a step of generation."""
    import diffusers
    import torch
    from peft import LoraConfig

    from hoigen.training.finetune.families import TARGETS

    size = SIZES[name]
    torch.manual_seed(0)
    with torch.device("cuda"):
        before = torch.get_default_dtype()
        torch.set_default_dtype(torch.bfloat16)
        try:
            model = getattr(diffusers, size["class"])(**size["config"])
        finally:
            torch.set_default_dtype(before)
    model.requires_grad_(False)
    model.add_adapter(LoraConfig(r=size["rank"], lora_alpha=size["rank"], target_modules=list(TARGETS)))
    trained = [each for each in model.parameters() if each.requires_grad]
    for each in trained:
        each.data = each.data.float()
    optimizer = torch.optim.AdamW(trained, lr=1e-4)
    given = inputs(size, model)
    row: dict[str, Any] = {
        "model": name,
        "parameters": sum(each.numel() for each in model.parameters()),
        "trained": sum(each.numel() for each in trained),
        "video": "x".join(map(str, size["video"])),
    }
    for keeps, key in ((False, "checkpointing"), (True, "activations kept")):
        if keeps:
            model.disable_gradient_checkpointing()
        else:
            model.enable_gradient_checkpointing()
        try:
            row[key] = timed(model, given, optimizer)
        except torch.cuda.OutOfMemoryError:
            optimizer.zero_grad(set_to_none=True)
            torch.cuda.empty_cache()
            row[key] = "too little memory"
    model.eval()
    with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16):
        model(**given)
        torch.cuda.synchronize()
        began = time.perf_counter()
        for _ in range(STEPS):
            model(**given)
        torch.cuda.synchronize()
    row["seconds of a step of generation, without guidance"] = round((time.perf_counter() - began) / STEPS, 4)
    return row


def inputs(size: dict[str, Any], model: Any) -> dict[str, Any]:
    """Noise of the shapes that the model takes."""
    import torch

    frames, height, width = size["video"]
    scale, latents = size.get("scale", 8), (frames - 1) // 4 + 1
    shape = (latents, height // scale, width // scale)
    channels = model.config.in_channels
    noise = {"device": "cuda", "dtype": torch.bfloat16}
    if size["class"].startswith("CogVideoX"):
        given: dict[str, Any] = {
            "hidden_states": torch.randn(1, latents, channels, *shape[1:], **noise),
            "encoder_hidden_states": torch.randn(1, 226, 4096, **noise),
            "timestep": torch.tensor([500], device="cuda"),
        }
        if model.config.use_rotary_positional_embeddings:
            from diffusers.models.embeddings import get_3d_rotary_pos_embed

            grid = (height // scale // 2, width // scale // 2)
            given["image_rotary_emb"] = get_3d_rotary_pos_embed(
                model.config.attention_head_dim, ((0, 0), grid), grid, latents, device="cuda"
            )
        return given | {"return_dict": False}
    return {
        "hidden_states": torch.randn(1, channels, *shape, **noise),
        "encoder_hidden_states": torch.randn(1, 512, 4096, **noise),
        "timestep": torch.tensor([500.0], device="cuda"),
        "return_dict": False,
    }


def timed(model: Any, given: dict[str, Any], optimizer: Any) -> dict[str, float]:
    """Seconds of a LoRA step, the mean of three after one, and the peak of memory."""
    import torch

    model.train()
    torch.cuda.reset_peak_memory_stats()
    began = 0.0
    for step in range(1 + STEPS):
        if step == 1:
            torch.cuda.synchronize()
            began = time.perf_counter()
        with torch.autocast("cuda", torch.bfloat16):
            said = model(**given)[0]
            loss = (said.float() ** 2).mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    torch.cuda.synchronize()
    return {
        "seconds a step": round((time.perf_counter() - began) / STEPS, 4),
        "peak GB": round(torch.cuda.max_memory_allocated() / 1e9, 2),
    }


if __name__ == "__main__":
    main()
