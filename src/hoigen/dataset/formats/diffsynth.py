"""DiffSynth-Studio: metadata.json, and the script that it is started with."""

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

Model = Literal["wan2.1-1.3b", "wan2.1-14b", "wan2.2-5b"]
LIST, SCRIPT = "metadata.json", "train.sh"
FILES = {
    "wan2.1-1.3b": ("Wan-AI/Wan2.1-T2V-1.3B", "models_t5_umt5-xxl-enc-bf16.pth", "Wan2.1_VAE.pth"),
    "wan2.1-14b": ("Wan-AI/Wan2.1-T2V-14B", "models_t5_umt5-xxl-enc-bf16.pth", "Wan2.1_VAE.pth"),
    "wan2.2-5b": ("Wan-AI/Wan2.2-TI2V-5B", "models_t5_umt5-xxl-enc-bf16.pth", "Wan2.2_VAE.pth"),
}
"""Repository, text encoder and VAE. Source: examples/wanvideo/model_training/lora/*.sh of the commit below."""


@format("diffsynth")
class DiffSynth(Plain):
    """metadata.json (video, prompt) with paths in the folder, and train.sh."""

    model: Annotated[Model, Setting("which model is trained")] = "wan2.1-1.3b"

    trainer: ClassVar[Trainer] = Trainer(
        title="DiffSynth-Studio",
        source="modelscope/DiffSynth-Studio@fed7b18f diffsynth/core/data/unified_dataset.py, operators.py: LoadVideo",
        start="bash OUT/train.sh",
    )

    @property
    def wants(self) -> Wants:
        return MODELS[self.model]

    def write(self, export: Export) -> None:
        # ASCII: its loader opens the file in whatever encoding the machine has
        rows = [{"video": sample.file, "prompt": sample.text} for sample in export.samples()]
        export.text(LIST, json.dumps(rows, indent=1) + "\n")
        shape, (repository, encoder, vae) = export.shape, FILES[self.model]
        width, height = max(shape.sizes)
        size = f"--height {height} --width {width} " if len(shape.sizes) == 1 else f"--max_pixels {width * height} "
        files = ",".join(f"{repository}:{name}" for name in ("diffusion_pytorch_model*.safetensors", encoder, vae))
        export.text(
            SCRIPT,
            f"""#!/bin/sh
# Run from a checkout of DiffSynth-Studio. The clips have exactly these frames and sizes, at {shape.fps:g} fps.
DATA="$(cd "$(dirname "$0")" && pwd)"
exec accelerate launch examples/wanvideo/model_training/train.py \\
  --dataset_base_path "$DATA" --dataset_metadata_path "$DATA/{LIST}" --data_file_keys "video" \\
  {size}--num_frames {max(shape.frames)} --dataset_repeat 1 \\
  --model_id_with_origin_paths "{files}" \\
  --learning_rate 1e-4 --num_epochs 5 --remove_prefix_in_ckpt "pipe.dit." --output_path "$DATA/output" \\
  --lora_base_model "dit" --lora_target_modules "q,k,v,o,ffn.0,ffn.2" --lora_rank 32 "$@"
""",
        )

    def read(self, out: Path) -> Iterator[Seen]:
        most = int(option(out / SCRIPT, "num_frames"))
        for row in json.loads((out / LIST).read_text(encoding="ascii")):
            path = out / row["video"]
            if not path.is_file():
                raise ValueError(f"{LIST}: {row['video']} is not there")
            yield Seen(path.stem, row["prompt"], path, lambda count, fps: taken(count, most))


def taken(count: int, most: int) -> list[int]:
    """The frames that it takes of a clip: so many as asked for from its start, or the first 4N + 1.

    Args:
        count: frames of the clip.
        most: --num_frames.
    """
    frames = most
    if count < most:
        frames = count
        while frames > 1 and frames % 4 != 1:
            frames -= 1
    return list(range(frames))
