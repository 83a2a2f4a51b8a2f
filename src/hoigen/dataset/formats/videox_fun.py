"""VideoX-Fun: metadata.json, and the script that it is started with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from hoigen.core.registry import format
from hoigen.core.settings import Setting
from hoigen.dataset.contract import Export, Plain, Seen, Trainer
from hoigen.dataset.formats.diffusers import option
from hoigen.dataset.models import MODELS
from hoigen.dataset.shape import Wants

Model = Literal["cogvideox-2b", "cogvideox-5b", "wan2.2-a14b", "wan2.2-5b"]
LIST, SCRIPT = "metadata.json", "train.sh"
SCRIPTS = {
    "cogvideox-2b": ("cogvideox_fun", "CogVideoX-Fun-2b-InP", "--train_mode=inpaint"),
    "cogvideox-5b": ("cogvideox_fun", "CogVideoX-Fun-5b-InP", "--train_mode=inpaint"),
    "wan2.2-a14b": (
        "wan2.2",
        "Wan2.2-T2V-A14B",
        "--config_path=config/wan2.2/wan_civitai_t2v.yaml --train_mode=normal",
    ),
    "wan2.2-5b": ("wan2.2", "Wan2.2-TI2V-5B", "--config_path=config/wan2.2/wan_civitai_5b.yaml --train_mode=ti2v"),
}
"""Folder of the script, weights, and what else it takes. Source: scripts/*/train_lora.sh of the commit below."""


@format("videox_fun")
class VideoXFun(Plain):
    """metadata.json (file_path, text, type, width, height), and train.sh."""

    model: Annotated[Model, Setting("which model is trained; CogVideoX's weights are VideoX-Fun's own")] = (
        "cogvideox-5b"
    )

    trainer: ClassVar[Trainer] = Trainer(
        title="VideoX-Fun",
        source="aigc-apps/VideoX-Fun@804a425 videox_fun/data/dataset_image_video.py: ImageVideoDataset",
        start="bash OUT/train.sh",
        note="its own examples take every third frame (video_sample_stride=3), so that 49 frames give 16: here it is 1",
    )

    @property
    def wants(self) -> Wants:
        return MODELS[self.model]

    def write(self, export: Export) -> None:
        # ASCII: its loader opens the file in whatever encoding the machine has
        rows = [
            {"file_path": s.file, "text": s.text, "type": "video", "width": s.width, "height": s.height}
            for s in export.samples()
        ]
        export.text(LIST, json.dumps(rows, indent=1) + "\n")
        shape, (folder, weights, more) = export.shape, SCRIPTS[self.model]
        width, height = max(shape.sizes)
        size = int((width * height) ** 0.5)
        export.text(
            SCRIPT,
            f"""#!/bin/sh
# Run from a checkout of VideoX-Fun. The clips have exactly these frames, at {shape.fps:g} fps.
DATA="$(cd "$(dirname "$0")" && pwd)"
exec accelerate launch --mixed_precision=bf16 scripts/{folder}/train_lora.py {more} \\
  --pretrained_model_name_or_path=models/Diffusion_Transformer/{weights} \\
  --train_data_dir="$DATA" --train_data_meta="$DATA/{LIST}" --output_dir="$DATA/output" \\
  --image_sample_size={size} --video_sample_size={size} --token_sample_size={size} \\
  --video_sample_stride 1 --video_sample_n_frames {max(shape.frames)} --video_repeat=1 \\
  --train_batch_size=1 --num_train_epochs=100 --checkpointing_steps=50 --learning_rate=1e-04 --seed=42 \\
  --gradient_checkpointing --training_with_video_token_length --enable_bucket --rank=64 --network_alpha=32 \\
  --use_peft_lora "$@"
""",
        )

    def read(self, out: Path) -> Iterator[Seen]:
        stride = int(option(out / SCRIPT, "video_sample_stride"))
        most = int(option(out / SCRIPT, "video_sample_n_frames"))
        for row in json.loads((out / LIST).read_text(encoding="ascii")):
            path = out / row["file_path"]
            if row["type"] != "video":
                raise ValueError(f"{LIST}: {row['file_path']} would be read as a picture")
            told = {"width": row["width"], "height": row["height"]}
            yield Seen(path.stem, row["text"], path, lambda count, fps: taken(count, most, stride), told)


def taken(count: int, most: int, stride: int) -> list[int]:
    """The frames that it takes of a clip; where there are several stretches to choose from, it draws one.

    Args:
        count: frames of the clip.
        most: --video_sample_n_frames.
        stride: --video_sample_stride.
    """
    frames = min(most, count // stride)
    if frames == 0:
        raise ValueError(f"{count} frames: another clip would be drawn in its place")
    length = min(count, (frames - 1) * stride + 1)
    if frames == 1:
        return [0]
    return [int(at * (length - 1) / (frames - 1)) for at in range(frames)]
