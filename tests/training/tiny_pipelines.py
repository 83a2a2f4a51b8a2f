"""Pipelines of the true architectures, small and with random weights: real classes, real tokenizers, no stubs."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

WORDS = list(string.ascii_letters + string.digits + ".,'-")


def tokenizer() -> Any:
    from transformers import T5Tokenizer

    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0), *((sign, -3.0) for sign in WORDS)]
    return T5Tokenizer(vocab=vocabulary, extra_ids=0, additional_special_tokens=[])


def cogvideox(folder: Path, kind: str = "2b", seed: int = 0) -> Path:
    """kind: `2b` (positions of sines), `5b` (rotary), `1.5` (rotary, and pairs of frames)."""
    import torch
    from diffusers import (
        AutoencoderKLCogVideoX,
        CogVideoXDPMScheduler,
        CogVideoXPipeline,
        CogVideoXTransformer3DModel,
    )
    from transformers import T5Config, T5EncoderModel

    torch.manual_seed(seed)
    words = tokenizer()
    transformer = CogVideoXTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=16,
        in_channels=4,
        out_channels=4,
        time_embed_dim=8,
        text_embed_dim=32,
        num_layers=1,
        sample_width=4,
        sample_height=4,
        sample_frames=9,
        patch_size=2,
        patch_size_t=2 if kind == "1.5" else None,
        patch_bias=kind != "1.5",
        temporal_compression_ratio=4,
        max_text_seq_length=226,
        use_rotary_positional_embeddings=kind != "2b",
    )
    vae = AutoencoderKLCogVideoX(
        block_out_channels=(8, 8, 8, 8),
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=2,
        sample_height=32,
        sample_width=32,
        temporal_compression_ratio=4,
        scaling_factor=1.15258426 if kind == "2b" else 0.7,
    )
    text = T5EncoderModel(T5Config(vocab_size=len(words), d_model=32, d_kv=8, d_ff=32, num_layers=1, num_heads=4))
    scheduler = CogVideoXDPMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        rescale_betas_zero_snr=True,
        snr_shift_scale=3.0 if kind == "2b" else 1.0,
    )
    pipe = CogVideoXPipeline(words, text.eval(), vae.eval(), transformer.eval(), scheduler)
    pipe.save_pretrained(folder)
    return folder


def wan(folder: Path, kind: str = "2.1", seed: int = 0) -> Path:
    """kind: `2.1`, or `2.2-5b` (a time for every patch)."""
    import torch
    from diffusers import AutoencoderKLWan, UniPCMultistepScheduler, WanPipeline, WanTransformer3DModel
    from transformers import UMT5Config, UMT5EncoderModel

    torch.manual_seed(seed)
    words = tokenizer()
    transformer = WanTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=16,
        out_channels=16,
        text_dim=32,
        freq_dim=32,
        ffn_dim=32,
        num_layers=1,
        cross_attn_norm=True,
        qk_norm="rms_norm_across_heads",
        rope_max_seq_len=32,
    )
    vae = AutoencoderKLWan(base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1)
    config = UMT5Config(vocab_size=len(words), d_model=32, d_kv=8, d_ff=32, num_layers=1, num_heads=4)
    scheduler = UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, num_train_timesteps=1000, flow_shift=3.0
    )
    pipe = WanPipeline(
        tokenizer=words,
        text_encoder=UMT5EncoderModel(config).eval(),
        vae=vae.eval(),
        scheduler=scheduler,
        transformer=transformer.eval(),
        expand_timesteps=kind == "2.2-5b",
    )
    pipe.save_pretrained(folder)
    return folder
