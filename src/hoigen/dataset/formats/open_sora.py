"""Open-Sora 2: a CSV, and its configuration."""

from __future__ import annotations

import csv
import functools
import io
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from hoigen.core.registry import format
from hoigen.data.files import Folder
from hoigen.data.run import Run
from hoigen.dataset.contract import Export, Plain, Sample, Seen, Trainer, literal
from hoigen.dataset.models import MODELS
from hoigen.dataset.shape import Shape, Wants

LIST, CONFIG = "meta.csv", "train.py"
COLUMNS = ("path", "text", "num_frames", "height", "width", "aspect_ratio", "resolution", "fps")
NOT_TEXT = frozenset(
    [
        "#N/A",
        "#N/A N/A",
        "#NA",
        "-1.#IND",
        "-1.#QNAN",
        "-NaN",
        "-nan",
        "1.#IND",
        "1.#QNAN",
        "<NA>",
        "N/A",
        "NA",
        "NULL",
        "NaN",
        "None",
        "n/a",
        "nan",
        "null",
        "",
    ]
)
"""What pandas.read_csv takes for a missing value, and `TextDataset` then for a number."""

LEAST_AREA = 0.8
"""Of a bucket's area; clips of a smaller one are dropped."""


@format("open_sora")
class OpenSora(Plain):
    """meta.csv with the columns that Open-Sora 2 needs, and train.py with its buckets."""

    trainer: ClassVar[Trainer] = Trainer(
        title="Open-Sora 2",
        source="hpcaitech/Open-Sora@7ad6a96 opensora/datasets/datasets.py: VideoTextDataset; bucket.py; utils.py",
        start="torchrun scripts/diffusion/train.py OUT/train.py",
        note="it adds the rate to each caption (` 24 FPS.`), and scales clips to the aspects that it knows",
    )

    @property
    def wants(self) -> Wants:
        return MODELS["open-sora-2"]

    def check(self, out: Folder, run: Run) -> str | None:
        return None if out.is_local else "its list has whole paths: it needs a folder of this machine"

    def suits(self, shape: Shape) -> str | None:
        name = _bucket(shape)
        small = [f"{w}x{h}" for w, h in shape.sizes if w * h < int(name[:-2]) ** 2 * LEAST_AREA]
        if small:
            return f"{', '.join(small)}: the trainer drops what has less than {LEAST_AREA:g} of its {name}'s area"
        return "1: the trainer reads a clip of one frame as a picture" if 1 in shape.frames else None

    def write(self, export: Export) -> None:
        place = Path(export.out.uri).resolve()
        export.lines(LIST, lambda sample: _line(sample, place), f"{','.join(COLUMNS)}\n")
        shape = export.shape
        name = _bucket(shape)
        buckets = "".join(f"        {frames}: (1.0, 1),\n" for frames in shape.frames)
        export.text(
            CONFIG,
            f"""# Start with a copy of this in configs/diffusion/train/ of Open-Sora: what it is based on lies there.
_base_ = ["stage1.py"]
dataset = dict(data_path={literal(str(place / LIST))}, fps_max={shape.fps:g}, memory_efficient=False)
bucket_config = {{
    "_delete_": True,
    "{name}": {{
{buckets}    }},
}}
""",
        )

    def read(self, out: Path) -> Iterator[Seen]:
        config = (out / CONFIG).read_text(encoding="utf-8")
        [top] = re.findall(r"fps_max=([\d.]+)", config)
        [name] = re.findall(r'"(\d+)px"', config)
        buckets = [int(frames) for frames in re.findall(r"^        (\d+): \(", config, re.MULTILINE)]
        with (out / LIST).open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if row["text"] in NOT_TEXT:
                    raise ValueError(f"{row['path']}: pandas reads the caption {row['text']!r} as no text")
                if int(row["resolution"]) < int(name) ** 2 * LEAST_AREA:
                    raise ValueError(f"{row['path']} is too small for {name}px: the clip would be dropped")
                told = {"frames": int(row["num_frames"]), "fps": float(row["fps"])}
                told |= {"width": int(row["width"]), "height": int(row["height"])}
                path = Path(row["path"])
                way = functools.partial(taken, told=told, top=float(top), buckets=buckets)
                yield Seen(path.stem, row["text"], path, way, told)


def _bucket(shape: Shape) -> str:
    """The name of its sizes, by the largest that is asked for."""
    pixels = max(math.isqrt(width * height) for width, height in shape.sizes)
    return "768px" if pixels >= 700 else "256px"


def taken(count: int, fps: float, *, told: dict[str, float], top: float, buckets: list[int]) -> list[int]:
    """The frames that it takes of a clip, by the bucket that its list puts it in.

    Args:
        count: frames of the clip.
        fps: of the clip; the list's is what counts.
        told: frames and fps, as the list has them.
        top: fps_max of the configuration.
        buckets: their frames.
    """
    every = 1 if told["fps"] < top else math.ceil(told["fps"] / top)
    fitting = [frames for frames in buckets if frames <= told["frames"] // every and frames != 1]
    if not fitting:
        raise ValueError(f"{told['frames']} frames fill no bucket: the clip would be dropped")
    end = min(max(fitting) * every, count)
    if end < max(fitting):
        raise ValueError(f"{count} frames are fewer than the bucket of {max(fitting)} has")
    return [int(at * (end - 1) / (max(fitting) - 1)) for at in range(max(fitting))]


def _line(sample: Sample, place: Path) -> str:
    size = sample.height, sample.width, sample.height / sample.width, sample.height * sample.width
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow([place / sample.file, sample.text, sample.frames, *size, sample.fps])
    return text.getvalue()
