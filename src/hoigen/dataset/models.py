"""What video models want of clips: said once, for all trainers of a model."""

from __future__ import annotations

from collections.abc import Mapping

from hoigen.dataset.shape import Wants

MODELS: Mapping[str, Wants] = {
    # zai-org/CogVideo@7a1af71: README.md, sat/configs/cogvideox_5b.yaml, sat/configs/cogvideox1.5_5b.yaml
    "cogvideox-2b": Wants(
        fps=8.0, frames=(49,), sizes=((720, 480),), step=4, multiple=16, tokens=226,
        tokenizer="THUDM/CogVideoX-2b", tokenizer_folder="tokenizer",
    ),
    "cogvideox-5b": Wants(
        fps=8.0, frames=(49,), sizes=((720, 480),), step=4, multiple=16, tokens=226,
        tokenizer="THUDM/CogVideoX-5b", tokenizer_folder="tokenizer",
    ),
    "cogvideox-1.5-5b": Wants(
        fps=16.0, frames=(81,), sizes=((1360, 768),), step=8, multiple=16, tokens=224,
        tokenizer="THUDM/CogVideoX1.5-5B", tokenizer_folder="tokenizer",
    ),
    # Wan-Video/Wan2.1: wan/configs/wan_t2v_1_3B.py, shared_config.py (text_len 512, sample_fps 16), generate.py
    "wan2.1-1.3b": Wants(
        fps=16.0, frames=(81,), sizes=((832, 480), (480, 832)), step=4, multiple=16, tokens=512,
        tokenizer="Wan-AI/Wan2.1-T2V-1.3B-Diffusers", tokenizer_folder="tokenizer",
    ),
    "wan2.1-14b": Wants(
        fps=16.0, frames=(81,), sizes=((1280, 720), (720, 1280), (832, 480), (480, 832)), step=4, multiple=16,
        tokens=512,
        tokenizer="Wan-AI/Wan2.1-T2V-14B-Diffusers", tokenizer_folder="tokenizer",
    ),
    # Wan-Video/Wan2.2: wan/configs/wan_t2v_A14B.py (16 fps), wan_ti2v_5B.py (24 fps, 121 frames, 1280x704)
    "wan2.2-a14b": Wants(
        fps=16.0, frames=(81,), sizes=((1280, 720), (720, 1280), (832, 480), (480, 832)), step=4, multiple=16,
        tokens=512,
        tokenizer="Wan-AI/Wan2.2-T2V-A14B-Diffusers", tokenizer_folder="tokenizer",
    ),
    "wan2.2-5b": Wants(
        fps=24.0, frames=(121,), sizes=((1280, 704), (704, 1280)), step=4, multiple=32, tokens=512,
        tokenizer="Wan-AI/Wan2.2-TI2V-5B-Diffusers", tokenizer_folder="tokenizer",
    ),
    # Tencent-Hunyuan/HunyuanVideo: README.md (720x1280, 129 frames, 24 fps), text_len 256
    "hunyuanvideo": Wants(
        fps=24.0, frames=(129,), sizes=((1280, 720), (720, 1280), (960, 544), (544, 960)), step=4, multiple=16,
        tokens=256,
    ),
    # Lightricks/LTX-2@400fd31: packages/ltx-trainer/docs/dataset-preparation.md (32 pixels, 8N+1)
    "ltx-2": Wants(fps=24.0, frames=(49, 89, 121), sizes=((960, 544), (544, 960)), step=8, multiple=32),
    # hpcaitech/Open-Sora@7ad6a96: configs/diffusion/train/image.py (fps_max 24), stage1.py (256px, 4N+1 up to 129); the
    # sizes are those of opensora/datasets/aspect.py for 256px: others are scaled and cropped to them
    "open-sora-2": Wants(
        fps=24.0, frames=(33, 65, 97, 129), step=4, multiple=16, tokens=512,
        sizes=(
            *((336, 192), (192, 336), (256, 256), (288, 224), (224, 288), (320, 208), (208, 320)),
            *((368, 176), (176, 368), (400, 160), (160, 400)),
        ),
    ),
}  # fmt: skip
"""By name: frames a second, frames, (width, height), tokens of a caption. Other values can be asked for; `step` and
`multiple` are what the model cannot do without."""
