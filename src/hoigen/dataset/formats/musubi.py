"""musubi-tuner: JSONL with whole paths, and its TOML."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from hoigen.core.registry import format
from hoigen.core.settings import Setting
from hoigen.data.files import Folder
from hoigen.data.run import Run
from hoigen.dataset.contract import Export, Plain, Seen, Trainer, literal
from hoigen.dataset.models import MODELS
from hoigen.dataset.shape import Wants

Model = Literal["wan2.1-1.3b", "wan2.1-14b", "wan2.2-a14b", "hunyuanvideo"]
CONFIG = "dataset.toml"


@format("musubi")
class Musubi(Plain):
    """videos-WxH.jsonl (video_path, caption) for each size, and dataset.toml that takes each clip once, whole."""

    model: Annotated[Model, Setting("which model is trained")] = "wan2.1-14b"

    trainer: ClassVar[Trainer] = Trainer(
        title="musubi-tuner",
        source="kohya-ss/musubi-tuner@30c658c src/musubi_tuner/dataset/: image_video_dataset.py, datasources.py",
        start="cache_latents.py, cache_text_encoder_outputs.py and the training script, each with --dataset_config "
        "OUT/dataset.toml",
        note="`head` with several target_frames takes a clip once for each; here each is taken once (`full`)",
    )

    @property
    def wants(self) -> Wants:
        return MODELS[self.model]

    def check(self, out: Folder, run: Run) -> str | None:
        return None if out.is_local else "its list has whole paths: it needs a folder of this machine"

    def write(self, export: Export) -> None:
        place = Path(export.out.uri).resolve()
        shape, parts = export.shape, []
        for width, height in shape.sizes:  # a dataset for each size: its own buckets are of other sizes
            rows = [s for s in export.samples() if (s.width, s.height) == (width, height)]
            if not rows:
                continue
            name = f"videos-{width}x{height}.jsonl"
            lines = (
                json.dumps({"video_path": str(place / s.file), "caption": s.text}, ensure_ascii=False) for s in rows
            )
            export.text(name, "".join(f"{line}\n" for line in lines))
            parts.append(
                f"""
[[datasets]]
resolution = [{width}, {height}]
video_jsonl_file = {literal(str(place / name))}
cache_directory = {literal(str(place / f"cache-{width}x{height}"))}
frame_extraction = "full"
max_frames = {max(shape.frames)}
"""
            )
        head = f"""# No source_fps: the clips have the model's own rate ({shape.fps:g}), and are not re-timed.
[general]
batch_size = 1
enable_bucket = false
"""
        export.text(CONFIG, head + "".join(parts))

    def read(self, out: Path) -> Iterator[Seen]:
        datasets = tomllib.loads((out / CONFIG).read_text(encoding="utf-8"))["datasets"]
        most = int(datasets[0]["max_frames"])
        for name in (each["video_jsonl_file"] for each in datasets):
            with Path(name).open(encoding="utf-8") as file:
                for line in file:
                    row = json.loads(line)
                    path = Path(row["video_path"])
                    if not path.is_file():
                        raise ValueError(f"{Path(name).name}: {path} is not there")
                    yield Seen(path.stem, row["caption"], path, lambda count, fps: taken(count, most))


def taken(count: int, most: int) -> list[int]:
    """The frames that it takes of a clip with `full`: the first 4N + 1.

    Args:
        count: frames of the clip.
        most: max_frames.
    """
    return list(range((min(count, most) - 1) // 4 * 4 + 1))
