"""Asks VBench 0.1.5 itself. Runs in an environment of its own (`make parity`), never in that of hoigen.

python tests/vbench/reference.py OUT [DINO]

Writes OUT/numbers.json, what VBench says of data/*.mp4 with the weights of seeded.py; and OUT/layouts.json, names and
shapes of the weights of every model, tiny and as published. VBench is called by its functions, one per dimension,
with its own models made small; nothing of it is changed but that imports of GPU operators and downloads are kept away.

VBench takes DINO from a repository, facebookresearch/dino. DINO: a copy of it (v. 7c446df). Without one, the port of
DINO in the `transformers` that VBench depends on stands in, with its own renaming of the weights.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

try:
    import torchvision  # noqa: F401
except RuntimeError:  # the build of PyPI beside a torch for CPUs: it lacks the operators, which VBench does not call
    library = torch.library.Library("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

HERE = Path(__file__).resolve().parent
DINO = Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else None
sys.path[:0] = [str(HERE), *([str(DINO)] if DINO else [])]

import seeded  # noqa: E402
from their_models import MODELS, PortedDino, filled  # noqa: E402

VIDEOS = ("plain", "bt709", "full", "tall", "nearly", "two", "fifty", "large", "wide")
MOVING = ("uneven", "even", "two", "plain")
"""For AMT. The first two are large enough for all its scales; of smaller ones VBench makes black frames."""
PROMPT = "a person riding a bicycle"
PROMPTS = (
    PROMPT,
    "A PERSON  holding\ta cup;   it's 3 o'clock, they've 12 dogs!",
    "A chef’s “best” knife, naïve café – 50 °C &amp; rising; 一个人 🙂",
    "ﬁve ﬂags and a ｗｉｄｅ road",
    "In a sunlit kitchen, a middle-aged woman wearing a striped apron carefully lifts a heavy copper kettle from the "
    "stove, pours steaming water into a porcelain teapot, and sets it down on a wooden tray beside two cups.",
)


def bring_words() -> None:
    """CLIP's list of words, which VBench downloads while it is imported, from the package `clip` instead."""
    import clip

    place = Path(os.environ["VBENCH_CACHE_DIR"]) / "ViCLIP"
    place.mkdir(parents=True, exist_ok=True)
    shutil.copy(Path(clip.__file__).parent / "bpe_simple_vocab_16e6.txt.gz", place)


def layouts() -> dict[str, dict[str, dict[str, list[int]]]]:
    found: dict[str, dict[str, dict[str, list[int]]]] = {}
    for name, sizes in MODELS.items():
        if name == "dino" and DINO is None:
            continue
        found[name] = {}
        for size, make in sizes.items():
            found[name][size] = {key: list(tensor.shape) for key, tensor in make().state_dict().items()}
    return found


def temporal_flickering(path: str) -> float:
    from vbench.temporal_flickering import cal_score

    return float(cal_score(path))


def subject_consistency() -> Callable[[str], float]:
    from vbench.subject_consistency import subject_consistency as ask

    model = filled("dino") if DINO else PortedDino(seeded.tensors("dino"))
    return lambda path: ask(model, [path], "cpu", False)[1][0]["video_results"]


def background_consistency() -> Callable[[str], float]:
    from vbench.background_consistency import background_consistency as ask

    model = filled("clip_b32")
    with torch.no_grad():
        return lambda path: ask(model, None, [path], "cpu", False)[1][0]["video_results"]


def aesthetic_quality() -> Callable[[str], float]:
    from vbench.aesthetic_quality import laion_aesthetic as ask

    clip_model, head = filled("clip_l14"), filled("laion")
    return lambda path: ask(head, clip_model, [path], "cpu")[1][0]["video_results"]


def aesthetics() -> Callable[[str], list[float]]:
    """Not VBench's: frames as its decoder reads them, OpenAI's own preparation, LAION's second head."""
    from clip.clip import _transform
    from PIL import Image
    from vbench.utils import load_video

    model, head, prepare = filled("clip_l14"), filled("laion_v2"), _transform(224)

    def one(frame: Any) -> float:
        picture = prepare(Image.fromarray(frame.permute(1, 2, 0).byte().numpy()))[None]
        with torch.no_grad():
            embedding = torch.nn.functional.normalize(model.encode_image(picture), dim=-1)
            return float(head["layers"](embedding))

    return lambda path: [one(frame) for frame in load_video(path)]


def imaging_quality(**settings: str) -> Callable[[str], float]:
    from vbench.imaging_quality import technical_quality as ask

    model = filled("musiq")
    model.training = False
    return lambda path: ask(model, [path], "cpu", **settings)[1][0]["video_results"]


def overall_consistency(of_prompts: bool = False) -> Callable[[str], float]:
    from vbench.overall_consistency import overall_consistency as ask

    model = filled("viclip")

    def of(path: str, prompt: str) -> float:
        return ask(model, [{"prompt": prompt, "video_list": [path]}], None, "cpu")[1][0]["video_results"]

    return (
        (lambda prompt: of(str(HERE / "data" / "plain.mp4"), prompt)) if of_prompts else lambda path: of(path, PROMPT)
    )


def overall_consistency_clip() -> Callable[[str], float]:
    """Not VBench's: its frames and OpenAI's package."""
    from clip import tokenize
    from vbench.utils import clip_transform, read_frames_decord_by_fps

    model = filled("clip_l14")

    def ask(prompt: str) -> float:
        frames = read_frames_decord_by_fps(str(HERE / "data" / "plain.mp4"), num_frames=8, sample="middle")
        with torch.no_grad():
            pictures = model.encode_image(clip_transform(224)(frames))
            text = model.encode_text(tokenize([prompt], truncate=True))
        return float(torch.nn.functional.cosine_similarity(pictures, text).mean())

    return ask


def motion_smoothness() -> Callable[[str], float]:
    import tempfile

    from vbench.motion_smoothness import MotionSmoothness
    from vbench.third_party import amt as theirs

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "amt.pth"
        torch.save({"state_dict": filled("amt").state_dict()}, path)
        sys.modules.setdefault("networks", importlib.import_module(f"{theirs.__name__}.networks"))
        motion = MotionSmoothness(f"{Path(theirs.__file__).parent}/cfgs/AMT-S.yaml", str(path), torch.device("cpu"))

    def ask(path: str) -> float | None:
        try:
            return float(motion.motion_score(path))
        except AssertionError:  # fewer than three frames
            return None

    return ask


DIMENSIONS: dict[str, Callable[[], Callable[[str], Any]]] = {
    "temporal_flickering": lambda: temporal_flickering,
    "subject_consistency": subject_consistency,
    "background_consistency": background_consistency,
    "aesthetic_quality": aesthetic_quality,
    "aesthetics": aesthetics,
    "imaging_quality": imaging_quality,
    "imaging_quality_shorter": partial(imaging_quality, imaging_quality_preprocessing_mode="shorter"),
    "imaging_quality_square": partial(imaging_quality, imaging_quality_preprocessing_mode="shorter_centercrop"),
    "motion_smoothness": motion_smoothness,
    "overall_consistency": overall_consistency,
    "overall_consistency_clip": overall_consistency_clip,
    "overall_consistency_prompts": partial(overall_consistency, True),
}


def main(out: Path) -> None:
    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    os.environ["VBENCH_CACHE_DIR"] = str(out / "cache")
    bring_words()
    numbers: dict[str, dict[str, Any]] = {}
    for name, prepare in DIMENSIONS.items():
        ask = prepare()
        if name in ("overall_consistency_prompts", "overall_consistency_clip"):
            numbers[name] = {prompt: ask(prompt) for prompt in PROMPTS}
        else:
            videos = MOVING if name == "motion_smoothness" else VIDEOS
            numbers[name] = {video: ask(str(HERE / "data" / f"{video}.mp4")) for video in videos}
        print(name, numbers[name], flush=True)
    (out / "numbers.json").write_text(json.dumps(numbers, indent=1, ensure_ascii=False) + "\n")
    lines = [
        f' "{model}": {{\n' + ",\n".join(f'  "{size}": {json.dumps(shapes)}' for size, shapes in sizes.items()) + "\n }"
        for model, sizes in layouts().items()
    ]
    (out / "layouts.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
