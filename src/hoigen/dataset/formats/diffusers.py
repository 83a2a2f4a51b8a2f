"""diffusers' CogVideoX script: captions and paths line by line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from hoigen.core.registry import format
from hoigen.core.settings import Setting
from hoigen.dataset.contract import Export, Plain, Seen, Trainer
from hoigen.dataset.models import MODELS
from hoigen.dataset.shape import Wants

Model = Literal["2b", "5b", "1.5-5b"]
PROMPTS, VIDEOS, SCRIPT = "prompts.txt", "videos.txt", "train.sh"


@format("diffusers")
class Diffusers(Plain):
    """prompts.txt and videos.txt, as examples/cogvideo/train_cogvideox_lora.py of diffusers reads them."""

    model: Annotated[Model, Setting("which CogVideoX is trained")] = "5b"

    trainer: ClassVar[Trainer] = Trainer(
        title="diffusers, CogVideoX LoRA script",
        source="huggingface/diffusers@58eb52c080 examples/cogvideo/train_cogvideox_lora.py: VideoDataset",
        start="bash OUT/train.sh",
        note="the script decodes all clips into memory: tens of clips, not thousands",
    )

    @property
    def wants(self) -> Wants:
        return replace(MODELS[f"cogvideox-{self.model}"], single=True)

    def write(self, export: Export) -> None:
        export.lines(PROMPTS, lambda sample: sample.text)
        export.lines(VIDEOS, lambda sample: sample.file)
        shape, wants = export.shape, self.wants
        width, height = max(shape.sizes)
        export.text(
            SCRIPT,
            f"""#!/bin/sh
# Run from a checkout of diffusers, in its examples/cogvideo. The clips have exactly these frames, rate and size.
DATA="$(cd "$(dirname "$0")" && pwd)"
exec accelerate launch train_cogvideox_lora.py \\
  --pretrained_model_name_or_path {wants.tokenizer} \\
  --instance_data_root "$DATA" --caption_column {PROMPTS} --video_column {VIDEOS} \\
  --height {height} --width {width} --fps {shape.fps:g} --max_num_frames {max(shape.frames)} \\
  --skip_frames_start 0 --skip_frames_end 0 --video_reshape_mode center \\
  --output_dir "$DATA/output" "$@"
""",
        )

    def read(self, out: Path) -> Iterator[Seen]:
        most = int(option(out / SCRIPT, "max_num_frames"))
        texts, paths = lines_of(out / PROMPTS), lines_of(out / VIDEOS)
        if len(texts) != len(paths):
            raise ValueError(f"{len(texts)} prompts and {len(paths)} videos: empty lines are dropped")
        for text, name in zip(texts, paths, strict=True):
            if not (out / name).is_file():
                raise ValueError(f"{VIDEOS}: {name} is not there")
            yield Seen(Path(name).stem, text, out / name, lambda count, fps: taken(count, most))


def lines_of(path: Path) -> list[str]:
    """The lines of a file as diffusers, CogVideo and finetrainers read them: without their margins, empty ones dropped.

    Args:
        path: the file.
    """
    with path.open(encoding="utf-8") as file:
        return [line.strip() for line in file.readlines() if line.strip()]


def option(script: Path, name: str) -> str:
    """What a script gives an option of the trainer.

    Args:
        script: the file.
        name: of the option, without its dashes.
    """
    found = re.search(rf"--{name} (\S+)", script.read_text(encoding="utf-8"))
    if found is None:
        raise ValueError(f"{script.name} has no --{name}")
    return found[1]


def taken(count: int, most: int) -> list[int]:
    """The frames that the script takes of a clip: of so many as asked for, the first 4N + 1. It looks at no rate.

    Args:
        count: frames of the clip.
        most: --max_num_frames.
    """
    indices = list(range(count)) if count <= most else list(range(0, count, count // most))
    indices = indices[:most]
    over = (3 + (len(indices) % 4)) % 4
    return indices[: len(indices) - over]
