"""The model files of VBench's dimensions, `aesthetics` and `unimatch_flow` as published: where, which licence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

OPENAI = "https://openaipublic.azureedge.net/clip/models"
VITB32 = "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af"
VITL14 = "b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """One published file.

    sha256: whole, or the first digits that its publisher gives, or empty where none are published.
    free: usable by anybody for anything. note: what to know of the licence before use.
    mib: its size, about, where that is known. setting: of the measure, by which a file of one's own takes its place.
    elsewhere: where else it may lie already, below ~/.cache.
    """

    file: str
    url: str
    origin: str
    licence: str
    sha256: str = ""
    free: bool = True
    note: str = ""
    mib: float | None = None
    setting: str = "checkpoint"
    elsewhere: tuple[str, ...] = ()


CHECKPOINTS: Mapping[str, Checkpoint] = {
    "dino_vitb16": Checkpoint(
        file="dino_vitbase16_pretrain.pth",
        url="https://dl.fbaipublicfiles.com/dino/dino_vitbase16_pretrain/dino_vitbase16_pretrain.pth",
        origin="facebookresearch/dino, ViT-B/16",
        licence="Apache-2.0",
        elsewhere=("vbench/dino_model", "torch/hub/checkpoints"),
        mib=327,
    ),
    "clip_vitb32": Checkpoint(
        file="ViT-B-32.pt",
        url=f"{OPENAI}/{VITB32}/ViT-B-32.pt",
        origin="openai/CLIP, ViT-B/32",
        licence="MIT",
        sha256=VITB32,
        elsewhere=("vbench/clip_model", "clip"),
        mib=338,
    ),
    "clip_vitl14": Checkpoint(
        file="ViT-L-14.pt",
        url=f"{OPENAI}/{VITL14}/ViT-L-14.pt",
        origin="openai/CLIP, ViT-L/14",
        licence="MIT",
        sha256=VITL14,
        elsewhere=("vbench/clip_model", "clip"),
        mib=890,
    ),
    "laion_v1_vitl14": Checkpoint(
        file="sa_0_4_vit_l_14_linear.pth",
        url="https://raw.githubusercontent.com/LAION-AI/aesthetic-predictor/main/sa_0_4_vit_l_14_linear.pth",
        origin="LAION-AI/aesthetic-predictor, V1, linear on CLIP ViT-L/14",
        licence="MIT",
        sha256="2cd4e60f4f24ae3bcd57b847b13c1f3ba27edc28cc1a7f9ce74ee9f421243cba",
        elsewhere=("vbench/aesthetic_model/emb_reader",),
        mib=0.004,
        setting="head",
    ),
    "laion_v2_vitl14": Checkpoint(
        file="sac+logos+ava1-l14-linearMSE.pth",
        url="https://raw.githubusercontent.com/christophschuhmann/improved-aesthetic-predictor/main/"
        "sac%2Blogos%2Bava1-l14-linearMSE.pth",
        origin="christophschuhmann/improved-aesthetic-predictor, V2, on CLIP ViT-L/14",
        licence="Apache-2.0",
        sha256="21dd590f3ccdc646f0d53120778b296013b096a035a2718c9cb0d511bff0f1e0",
        mib=3.5,
        setting="head",
    ),
    "unimatch": Checkpoint(
        file="gmflow-scale2-regrefine6-mixdata-train320x576-4e7b215d.pth",
        url="https://s3.eu-central-1.amazonaws.com/avg-projects/unimatch/pretrained/"
        "gmflow-scale2-regrefine6-mixdata-train320x576-4e7b215d.pth",
        origin="autonomousvision/unimatch, GMFlow of two scales, mixed training data",
        licence="MIT",
        sha256="4e7b215d",
    ),
    "musiq_spaq": Checkpoint(
        file="musiq_spaq_ckpt-358bb6af.pth",
        url="https://github.com/chaofengc/IQA-PyTorch/releases/download/v0.1-weights/musiq_spaq_ckpt-358bb6af.pth",
        origin="MUSIQ on SPAQ by google-research, converted by chaofengc/IQA-PyTorch",
        licence="PolyForm Noncommercial 1.0 (the conversion); the original weights are Apache-2.0",
        sha256="358bb6af",
        free=False,
        note="Not for commercial use. `original: true` takes google-research's own file (Apache-2.0), with the same "
        "numbers in it.",
        elsewhere=("vbench/pyiqa_model", "torch/hub/pyiqa", "torch/hub/checkpoints"),
        mib=104,
    ),
    "musiq_spaq_original": Checkpoint(
        file="spaq_ckpt.npz",
        url="https://storage.googleapis.com/gresearch/musiq/spaq_ckpt.npz",
        origin="google-research/musiq, SPAQ",
        licence="Apache-2.0",
    ),
    "amt_s": Checkpoint(
        file="amt-s.pth",
        url="https://huggingface.co/lalala125/AMT/resolve/main/amt-s.pth",
        origin="MCG-NKU/AMT, AMT-S",
        licence="CC BY-NC 4.0",
        free=False,
        note="Not for commercial use. `interpolator: flow` measures smoothness without these weights.",
        elsewhere=("vbench/amt_model",),
        mib=12,
    ),
    "viclip_l14": Checkpoint(
        file="ViClip-InternVid-10M-FLT.pth",
        url="https://huggingface.co/OpenGVLab/VBench_Used_Models/resolve/main/ViClip-InternVid-10M-FLT.pth",
        origin="OpenGVLab/InternVideo, ViCLIP-L/14 on InternVid-10M-FLT",
        licence="unknown",
        free=False,
        note="The repository of its code is Apache-2.0; what holds for these weights was not found in writing. "
        "`encoder: clip` measures with CLIP (MIT) instead.",
        elsewhere=("vbench/ViCLIP",),
        mib=1633,
    ),
}
