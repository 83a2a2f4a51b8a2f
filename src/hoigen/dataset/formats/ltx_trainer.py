"""ltx-trainer of LTX-2: dataset.json, and the call that prepares it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from hoigen.core.registry import format
from hoigen.dataset.contract import Export, Plain, Seen, Trainer
from hoigen.dataset.models import MODELS
from hoigen.dataset.shape import Wants

LIST, SCRIPT = "dataset.json", "prepare.sh"


@format("ltx_trainer")
class LtxTrainer(Plain):
    """dataset.json (caption, video) with paths in the folder, and prepare.sh with the buckets."""

    trainer: ClassVar[Trainer] = Trainer(
        title="ltx-trainer (LTX-2)",
        source="Lightricks/LTX-2@400fd31 packages/ltx-trainer/scripts/process_videos.py: MediaDataset",
        start="bash OUT/prepare.sh --model-path LTX.safetensors --text-encoder-path GEMMA, then the trainer",
        note="clips have no sound; LTX-2.x Community licence",
    )

    @property
    def wants(self) -> Wants:
        return MODELS["ltx-2"]

    def write(self, export: Export) -> None:
        # ASCII: its loader opens the file in whatever encoding the machine has
        rows = [{"caption": sample.text, "video": sample.file} for sample in export.samples()]
        export.text(LIST, json.dumps(rows, indent=1) + "\n")
        shape = export.shape
        buckets = ";".join(f"{width}x{height}x{frames}" for frames in shape.frames for width, height in shape.sizes)
        export.text(
            SCRIPT,
            f"""#!/bin/sh
# Run from packages/ltx-trainer of a checkout of LTX-2. Every clip fills one of these buckets exactly.
DATA="$(cd "$(dirname "$0")" && pwd)"
exec uv run python scripts/process_dataset.py "$DATA/{LIST}" --resolution-buckets "{buckets}" --skip-audio "$@"
""",
        )

    def read(self, out: Path) -> Iterator[Seen]:
        [found] = re.findall(r'--resolution-buckets "([^"]*)"', (out / SCRIPT).read_text(encoding="utf-8"))
        buckets = [tuple(map(int, each.split("x"))) for each in found.split(";")]
        for width, height, frames in buckets:
            if width % 32 or height % 32 or frames % 8 != 1:
                raise ValueError(f"--resolution-buckets {width}x{height}x{frames} is refused")
        for row in json.loads((out / LIST).read_text(encoding="ascii")):
            path = out / row["video"]
            yield Seen(path.stem, row["caption"], path, lambda count, fps: taken(count, buckets))


def taken(count: int, buckets: list[tuple[int, ...]]) -> list[int]:
    """The frames that it takes of a clip, from its start.

    Args:
        count: frames of the clip.
        buckets: (width, height, frames) of each; of those that the clip fills, the one of the most frames.
    """
    fitting = [frames for _, _, frames in buckets if frames <= count]
    if not fitting:
        raise ValueError(f"{count} frames fill no bucket: the clip would be skipped")
    return list(range(max(fitting)))
