"""Exports read by upstream's own code: each trainer's dataset class or reading function, out of a checkout.

    python benchmarks/export_loaders.py RUN CHECKOUTS

RUN is a run whose list has captions; CHECKOUTS holds git checkouts by the names of `SOURCES`. Prints, for each trainer,
how many of its samples have the caption and the frames that were kept, in number, order and size: the mean difference
of a pixel, of each frame, is below 3 of 255. Needs torch, torchvision, decord and, for DiffSynth-Studio,
imageio[ffmpeg].
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import logging
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import hoigen
from hoigen import video

FRAMES, FPS, SIZE = 17, 8.0, (320, 176)
SOURCES = {
    "diffusers": ("diffusers", "examples/cogvideo/train_cogvideox_lora.py"),
    "cogvideo_sat": ("CogVideo", "sat/data_video.py"),
    "musubi": ("musubi-tuner", "src/musubi_tuner/dataset/media_utils.py"),
    "ltx_trainer": ("LTX-2", "packages/ltx-trainer/src/ltx_trainer/video_utils.py"),
    "videox_fun": ("VideoX-Fun", "videox_fun/data/dataset_image_video.py"),
    "diffsynth": ("DiffSynth-Studio", "diffsynth/core/data/operators.py"),
}
"""Format -> the checkout's folder, and the file in it."""
Seen = Iterator[tuple[str, Path, np.ndarray]]
"""Caption, clip, frames (T, H, W, 3) uint8 as the trainer's code has them."""


def taken(path: Path, *names: str, **given: Any) -> dict[str, Any]:
    """Classes and functions of a file, run with what its imports bring here, and with what is given."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    space: dict[str, Any] = {"__name__": "taken"}
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            with contextlib.suppress(ImportError, AttributeError, RuntimeError):
                exec(compile(ast.Module([node], []), str(path), "exec"), space)
    space |= given
    wanted = [node for node in tree.body if getattr(node, "name", "") in names or _assigns(node, names)]
    exec(compile(ast.Module(wanted, []), str(path), "exec"), space)
    return space


def _assigns(node: ast.stmt, names: tuple[str, ...]) -> bool:
    return isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id in names for t in node.targets)


def as_bytes(frames: Any) -> np.ndarray:
    """Frames (T, C, H, W) in -1..1 as uint8 (T, H, W, C)."""
    return np.asarray(frames.permute(0, 2, 3, 1) * 127.5 + 127.5).round().clip(0, 255).astype(np.uint8)


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def diffusers(out: Path, source: Path) -> Seen:
    from torchvision import transforms
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms.functional import resize

    space = taken(
        source, "VideoDataset", TT=transforms, resize=resize, InterpolationMode=InterpolationMode,
        logger=logging.getLogger(), tqdm=lambda *a, **k: _Bar(),
    )  # fmt: skip
    made = space["VideoDataset"](
        instance_data_root=str(out), caption_column="prompts.txt", video_column="videos.txt", height=SIZE[1],
        width=SIZE[0], fps=int(FPS), max_num_frames=FRAMES,
    )  # fmt: skip
    for at, path in enumerate(made.instance_video_paths):
        yield made[at]["instance_prompt"], path, as_bytes(made[at]["instance_video"])


class _Bar:
    def set_description(self, text: str) -> None: ...
    def update(self, many: int) -> None: ...
    def close(self) -> None: ...


def cogvideo_sat(out: Path, source: Path) -> Seen:
    names = ("SFTDataset", "resize_for_rectangle_crop", "pad_last_frame")
    made = taken(source, *names)["SFTDataset"](str(out), (SIZE[1], SIZE[0]), FPS, FRAMES, skip_frms_num=0)
    for at, path in enumerate(made.video_paths):
        if "/.export/" not in path:
            yield made[at]["txt"], Path(path), as_bytes(made[at]["mp4"])


def musubi(out: Path, source: Path) -> Seen:
    import json

    load = taken(source, "load_video")["load_video"]
    for listed in sorted(out.glob("videos-*.jsonl")):
        for row in map(json.loads, lines(listed)):
            yield row["caption"], Path(row["video_path"]), np.stack(load(row["video_path"]))


def ltx_trainer(out: Path, source: Path) -> Seen:
    import json

    read = taken(source, "read_video")["read_video"]
    for row in json.loads((out / "dataset.json").read_text()):
        frames, fps = read(out / row["video"], max_frames=FRAMES)
        assert fps == FPS
        yield (
            row["caption"],
            out / row["video"],
            (np.asarray(frames.permute(0, 2, 3, 1)) * 255).round().astype(np.uint8),
        )


def videox_fun(out: Path, source: Path) -> Seen:
    importlib.import_module("decord").bridge.set_bridge("native")  # others here have asked for torch's
    utils = taken(source.with_name("utils.py"), "VideoReader_contextmanager", "get_video_reader_batch", "resize_frame")
    helpers = {name: utils[name] for name in ("VideoReader_contextmanager", "get_video_reader_batch", "resize_frame")}
    call = {"func_timeout": lambda seconds, function, args: function(*args), "FunctionTimedOut": TimeoutError}
    space = taken(source, "ImageVideoDataset", **helpers, **call, VIDEO_READER_TIMEOUT=20)
    made = space["ImageVideoDataset"](
        str(out / "metadata.json"), str(out), video_sample_size=min(SIZE), video_sample_stride=1,
        video_sample_n_frames=FRAMES, text_drop_ratio=0.0, enable_bucket=True,
    )  # fmt: skip
    for at in range(len(made)):
        frames, text, _, path = made.get_batch(at)
        yield text, Path(path), frames


def diffsynth(out: Path, source: Path) -> Seen:
    import json

    importlib.import_module("imageio")
    names = ("DataProcessingPipeline", "DataProcessingOperator", "FrameSamplerByRateMixin", "LoadVideo")
    load = taken(source, *names)["LoadVideo"](FRAMES, 4, 1, frame_processor=np.asarray)
    for row in json.loads((out / "metadata.json").read_text()):
        yield row["prompt"], out / row["video"], np.stack(load(str(out / row["video"])))


READERS: dict[str, Callable[[Path, Path], Seen]] = {
    "diffusers": diffusers, "cogvideo_sat": cogvideo_sat, "musubi": musubi, "ltx_trainer": ltx_trainer,
    "videox_fun": videox_fun, "diffsynth": diffsynth,
}  # fmt: skip


def right(frames: np.ndarray, path: Path) -> bool:
    """Whether they are those of the clip, one by one."""
    kept = np.stack([image for image, _ in video.walk(str(path), short_side=None)]).astype(int)
    if frames.shape != kept.shape:
        print(f"  {path.name}: {frames.shape} instead of {kept.shape}")
        return False
    own = [np.abs(a - b).mean() for a, b in zip(frames.astype(int), kept, strict=True)]
    return max(own) < 3


def main(run: Path, checkouts: Path) -> None:
    random.seed(0)
    for name, (folder, file) in SOURCES.items():
        source = checkouts / folder / file
        if not source.is_file():
            print(f"{name}: no {source}")
            continue
        commit = subprocess.run(
            ["git", "-C", str(checkouts / folder), "log", "-1", "--format=%h"], capture_output=True, text=True
        ).stdout.strip()
        with tempfile.TemporaryDirectory() as place:
            out = Path(place) / "out"
            size = SIZE if name != "ltx_trainer" else (320, 160)
            hoigen.export(
                run, to=name, out=str(out), fps=FPS, frames=str(FRAMES), size=f"{size[0]}x{size[1]}", captions="list",
                quiet=True, enlarge=True,
            )  # fmt: skip
            texts = {Path(row["file_name"]).stem: row["text"] for row in _samples(run, out)}
            try:
                found = [
                    (texts[path.stem] == text, right(frames, path)) for text, path, frames in READERS[name](out, source)
                ]
            except ImportError as error:
                print(f"{name}: not asked: {error}")
                continue
        good = sum(all(each) for each in found)
        print(f"{name}: {good} of {len(texts)} samples as they were kept ({folder}@{commit} {file})")


def _samples(run: Path, out: Path) -> list[dict[str, Any]]:
    """What was kept, by another format's words: those of metadata.jsonl."""
    import json

    plain = out.with_name("plain")
    hoigen.export(run, to="videofolder", out=str(plain), captions="list", link=True, quiet=True)
    return [json.loads(line) for line in lines(plain / "metadata.jsonl")]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
