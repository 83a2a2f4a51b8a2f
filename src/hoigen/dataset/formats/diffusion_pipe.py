"""diffusion-pipe: a text file beside each clip, and its TOML."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from hoigen.core.registry import format
from hoigen.core.settings import Setting
from hoigen.data.files import Folder
from hoigen.data.run import Run
from hoigen.dataset.contract import CLIPS, Export, Plain, Seen, Trainer, literal
from hoigen.dataset.models import MODELS
from hoigen.dataset.shape import Shape, Wants

Model = Literal["wan2.1-1.3b", "wan2.1-14b", "wan2.2-a14b", "wan2.2-5b", "hunyuanvideo", "ltx-2"]
CONFIG = "dataset.toml"
NOT_MEDIA = (".txt", ".npz", ".json", ".parquet", ".bak", ".db")


@format("diffusion_pipe")
class DiffusionPipe(Plain):
    """videos/NAME.mp4 with videos/NAME.txt, and dataset.toml with a size bucket for each size and number of frames."""

    model: Annotated[Model, Setting("which model is trained: its rate is what clips are brought to")] = "wan2.1-14b"

    trainer: ClassVar[Trainer] = Trainer(
        title="diffusion-pipe",
        source="tdrussell/diffusion-pipe@8f83dbf utils/dataset.py, models/base.py: PreprocessMediaFile",
        start="deepspeed train.py --deepspeed --config YOURS.toml, with dataset = 'OUT/dataset.toml' in it",
        note="GPL-3: it runs as a program of its own",
    )

    @property
    def wants(self) -> Wants:
        return MODELS[self.model]

    def suits(self, shape: Shape) -> str | None:
        return "1: the trainer reads a clip of one frame as a picture" if 1 in shape.frames else None

    def check(self, out: Folder, run: Run) -> str | None:
        return None if out.is_local else "its TOML has a whole path: it needs a folder of this machine"

    def write(self, export: Export) -> None:
        names = set()
        for sample in export.samples():
            export.text(f"{CLIPS}/{sample.name}.txt", sample.text)
            names.add(f"{sample.name}.txt")
        clips = export.out.child(CLIPS)
        for name in clips.names():
            if name.endswith(".txt") and name not in names:
                clips.remove(name)
        shape = export.shape
        buckets = [[width, height, frames] for frames in shape.frames for width, height in shape.sizes]
        place = Path(export.out.uri).resolve() / CLIPS
        export.text(
            CONFIG,
            f"""# Every clip fills one of these (width, height, frames) exactly, at the rate of the model.
size_buckets = {buckets}
skip_empty_caption = true

[[directory]]
path = {literal(str(place))}
num_repeats = 1
# rate of the clips: {shape.fps:g}
""",
        )

    def read(self, out: Path) -> Iterator[Seen]:
        config = (out / CONFIG).read_text(encoding="utf-8")
        [found] = re.findall(r"^size_buckets = (.*)$", config, re.MULTILINE)
        rate = float(re.findall(r"rate of the clips: ([\d.]+)", config)[0])
        frames = [bucket[2] for bucket in json.loads(found)]
        for path in sorted((out / CLIPS).iterdir()):
            if not path.is_file() or path.suffix in NOT_MEDIA or path.name.startswith("."):
                continue
            words = path.with_suffix(".txt")
            if not words.exists():
                raise ValueError(f"{path.name} has no {words.name}: the clip would be skipped")
            text = words.read_text(encoding="utf-8").strip()
            yield Seen(path.stem, text, path, lambda count, fps: taken(count, fps, rate, frames))


def taken(count: int, fps: float, rate: float, buckets: list[int]) -> list[int]:
    """The frames that it takes of a clip, which it first brings to the rate of its model.

    Args:
        count: frames of the clip.
        fps: of the clip.
        rate: of the model.
        buckets: their frames.
    """
    there = int(count * rate / fps)
    fitting = [frames for frames in buckets if frames <= there and frames > 1]
    if not fitting:
        raise ValueError(f"{there} frames at {rate:g} fps fill no bucket: the clip would be skipped")
    every = [int(at * (count - 1) / (there - 1)) for at in range(there)] if there != count else list(range(count))
    return every[: max(fitting)]
