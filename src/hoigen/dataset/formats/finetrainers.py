"""finetrainers: a folder of clips with metadata.jsonl, and its JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from hoigen.core.registry import format
from hoigen.core.settings import Setting
from hoigen.dataset.contract import Export, Plain, Seen, Trainer
from hoigen.dataset.formats.videofolder import METADATA, listed
from hoigen.dataset.models import MODELS
from hoigen.dataset.shape import Wants

Model = Literal["cogvideox-2b", "cogvideox-5b", "cogvideox-1.5-5b", "wan2.1-1.3b", "wan2.1-14b", "hunyuanvideo"]
CONFIG = "dataset_config.json"
"""Not `train...`: `datasets` takes a file of that name for the whole train split, and finds no clip."""


@format("finetrainers")
class Finetrainers(Plain):
    """A folder of clips with metadata.jsonl (file_name, caption), and dataset_config.json with the buckets."""

    model: Annotated[Model, Setting("which model is trained")] = "cogvideox-5b"

    trainer: ClassVar[Trainer] = Trainer(
        title="finetrainers",
        source="finetrainers 0.2.0: data/dataset.py VideoFolderDataset, functional/video.py",
        start="train.py --dataset_config OUT/dataset_config.json --dataset_type video",
        note="last released in April 2025; it does not import beside torchvision 0.28",
    )

    @property
    def wants(self) -> Wants:
        return MODELS[self.model]

    def write(self, export: Export) -> None:
        export.lines(METADATA, lambda s: json.dumps({"file_name": s.file, "caption": s.text}, ensure_ascii=False))
        buckets = [[frames, height, width] for frames in export.shape.frames for width, height in export.shape.sizes]
        place = str(Path(export.out.uri).resolve()) if export.out.is_local else export.out.uri
        dataset = {
            "data_root": place,
            "dataset_type": "video",
            "video_resolution_buckets": buckets,
            "reshape_mode": "center_crop",
            "remove_common_llm_caption_prefixes": False,
        }
        export.text(CONFIG, json.dumps({"datasets": [dataset]}, indent=2) + "\n")

    def read(self, out: Path) -> Iterator[Seen]:
        buckets = json.loads((out / CONFIG).read_text(encoding="utf-8"))["datasets"][0]["video_resolution_buckets"]
        for path, row in listed(out):
            yield Seen(path.stem, row["caption"], path, lambda count, fps: taken(count, buckets))


def taken(count: int, buckets: list[list[int]]) -> list[int]:
    """The frames that it takes of a clip: so many as the longest bucket that the clip fills, evenly over all of it.

    Args:
        count: frames of the clip.
        buckets: (frames, height, width) of each.
    """
    fitting = [bucket[0] for bucket in buckets if bucket[0] <= count]
    if not fitting:
        raise ValueError(f"{count} frames are fewer than any bucket has: the clip would be dropped")
    most = max(fitting)
    return list(range(count)) if most == count else [int(at * (count - 1) / (most - 1)) for at in range(most)]
