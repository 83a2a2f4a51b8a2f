"""CogVideo's own training code (SAT): a text file for each clip, in a folder of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, ClassVar

from hoigen.core.registry import format
from hoigen.core.settings import Setting
from hoigen.data.files import Folder
from hoigen.data.run import Run
from hoigen.dataset.contract import CLIPS, Export, Plain, Seen, Trainer, literal
from hoigen.dataset.formats.diffusers import Model
from hoigen.dataset.models import MODELS
from hoigen.dataset.shape import Wants

LABELS, CONFIG = "labels", "data.yaml"


@format("cogvideo_sat")
class CogVideoSat(Plain):
    """videos/NAME.mp4 and labels/NAME.txt, as sat/data_video.py of CogVideo reads them, with its `data` as YAML."""

    model: Annotated[Model, Setting("which CogVideoX is trained")] = "5b"

    trainer: ClassVar[Trainer] = Trainer(
        title="CogVideo, SAT",
        source="zai-org/CogVideo@7a1af71 sat/data_video.py: SFTDataset",
        start="bash finetune_multi_gpus.sh, with the lines of OUT/data.yaml in sat/configs/sft.yaml",
        note="its own example skips three frames at both ends (skip_frms_num: 3), and 49 frames give 41: here it is 0",
    )

    @property
    def wants(self) -> Wants:
        return replace(MODELS[f"cogvideox-{self.model}"], single=True)

    def check(self, out: Folder, run: Run) -> str | None:
        path = Path(out.uri).resolve() if out.is_local else Path(out.uri)
        if any(word in str(path) for word in ("videos", ".mp4")):
            return (
                f"its loader finds a caption by changing every `videos` of a clip's path to `{LABELS}` and every "
                f"`.mp4` to `.txt`, and this folder's own path ({path}) has one: all captions would be empty; give "
                "another folder"
            )
        return None

    def write(self, export: Export) -> None:
        for sample in export.samples():
            export.text(f"{LABELS}/{sample.name}.txt", sample.text)
        for name in set(export.out.child(LABELS).names()) - {f"{sample.name}.txt" for sample in export.samples()}:
            export.out.remove(f"{LABELS}/{name}")
        shape = export.shape
        width, height = max(shape.sizes)
        place = literal(str(Path(export.out.uri).resolve()) if export.out.is_local else export.out.uri)
        export.text(
            CONFIG,
            f"""# For the file that training is started with (sat/configs/sft.yaml): these lines in place of its own.
args:
  train_data: [{place}]
  valid_data: [{place}]
data:
  target: data_video.SFTDataset
  params:
    video_size: [{height}, {width}]
    fps: {shape.fps:g}
    max_num_frames: {max(shape.frames)}
    skip_frms_num: 0.
""",
        )

    def read(self, out: Path) -> Iterator[Seen]:
        from hoigen.core import plain_yaml

        how = plain_yaml.loaded((out / CONFIG).read_text(encoding="utf-8"))["data"]["params"]
        for root, _, names in os.walk(out):
            for name in sorted(names):
                if not name.endswith(".mp4") or Path(root).name != CLIPS:
                    continue
                path = os.path.join(root, name)
                label = path.replace(".mp4", ".txt").replace("videos", LABELS)
                if not os.path.exists(label):
                    raise ValueError(f"{name} has no {LABELS}/{Path(label).name}: its caption would be empty")
                lines = Path(label).read_text(encoding="utf-8").splitlines()
                if not lines:
                    raise ValueError(f"{label} is empty, on which the loader breaks")
                yield Seen(Path(name).stem, lines[0], Path(path), lambda count, fps: taken(count, fps, how))


def taken(count: int, fps: float, how: dict[str, float]) -> list[int]:
    """The frames that SFTDataset takes of a clip; one that it repeats at the end is listed as often.

    Args:
        count: frames of the clip.
        fps: of the clip.
        how: fps, max_num_frames and skip_frms_num, as in the configuration.
    """
    most, skip = int(how["max_num_frames"]), int(how["skip_frms_num"])
    if count / fps * how["fps"] > most:
        end = int(skip + most / how["fps"] * fps)
        indices = list(range(skip, end, (end - skip) // most))
        if indices[-1] >= count:
            raise ValueError(f"frame {indices[-1]} of {count} is asked for")
    elif count > most:
        end = count - skip
        indices = list(range(skip, end, max((end - skip) // most, 1)))
    else:
        there = count - 2 * skip
        there = there - 3 if there % 4 == 0 else there - there % 4 + 1
        indices = list(range(skip, skip + there))
    return (indices + [indices[-1]] * (most - len(indices)))[:most]
