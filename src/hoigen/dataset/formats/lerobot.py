"""LeRobot v3: clips as episodes, with contact and hand tracks as features of their frames."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from hoigen.core.registry import format
from hoigen.core.settings import Setting
from hoigen.data.files import Folder
from hoigen.data.run import Run
from hoigen.dataset.contract import Export, Plain, Sample, Seen, Trainer
from hoigen.dataset.seen import Looked, Looks, number_of
from hoigen.dataset.shape import Wants

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

VIDEO = "observation.images.main"
HANDS, HANDS_SEEN = "observation.hands", "observation.hands_seen"
CONTACT, CONTACT_SEEN = "observation.contact", "observation.contact_seen"
POINTS = 21
CHUNK = 1000
"""Files of a folder; and episodes whose frames are in one Parquet file."""
INFO, STATS, TASKS = "meta/info.json", "meta/stats.json", "meta/tasks.parquet"
FILES = "chunk-{chunk_index:03d}/file-{file_index:03d}"


@format("lerobot")
class LeRobot(Plain):
    """LeRobot v3.0: an episode for each clip, its caption as the task; contact and hands of each frame, where seen.

    `observation.hands` (2, 21, 2) are landmarks in 0..1 of the picture, of the two hands that are seen longest, each in
    its own slot throughout; `observation.contact` says whether a hand or person has a thing in reach. Both are what an
    observer saw at the moments that it looked at, held until half way to the next; `..._seen` is false elsewhere, and
    the values there mean nothing. Segments of contact are in the episodes' table, as pairs of frame numbers.
    """

    measure: Annotated[str, Setting("whose observations, where measures go by several observers")] = ""
    least: Annotated[float, Setting("score of a contact from which it is one", least=0, most=1)] = 0.3
    robot: Annotated[str, Setting("robot_type, as LeRobot calls it")] = "human"

    packed: ClassVar[bool] = True
    trainer: ClassVar[Trainer] = Trainer(
        title="LeRobot v3.0",
        source="lerobot 0.4.4 datasets/lerobot_dataset.py, utils.py; huggingface/lerobot@7427f3180 datasets/",
        start='LeRobotDataset("me/hoi", root="OUT")',
        note="no lens and no robot is known of web clips: points are those of the picture",
    )

    @property
    def wants(self) -> Wants:
        return Wants(fps=10.0, sizes=((640, 480),), single=True)

    def check(self, out: Folder, run: Run) -> str | None:
        if not out.is_local:
            return "LeRobot's folder is written on this machine"
        if run.facts().get("observations"):
            Looks(run, self.measure)
        return None

    def write(self, export: Export) -> None:
        import pyarrow.parquet as pq

        run = Run(export.run)
        looks = Looks(run, self.measure) if run.facts().get("observations") else None
        root = Path(export.out.uri)
        for name in ("meta", "data", "videos"):
            shutil.rmtree(root / name, ignore_errors=True)
        book = _Book()
        tasks: dict[str, int] = {}
        writer: Any = None
        for episode, sample in enumerate(export.samples()):
            looked = looks.of(sample, export.shape.fit) if looks is not None else "not looked at"
            frames = _Frames.of(sample, looked if isinstance(looked, Looked) else None, self.least)
            task = tasks.setdefault(sample.text, len(tasks))
            where = {"chunk_index": 0, "file_index": episode // CHUNK}
            if episode % CHUNK == 0:
                if writer is not None:
                    writer.close()
                path = root / "data" / f"{FILES.format(**where)}.parquet"
                path.parent.mkdir(parents=True, exist_ok=True)
                writer = pq.ParquetWriter(path, _frame_schema())
            writer.write_table(frames.table(episode, book.frames, task, sample.fps))
            book.add(export, sample, episode, where, frames)
            _place(export, sample, root / "videos" / VIDEO / f"{FILES.format(**_of(episode))}.mp4")
        if writer is not None:
            writer.close()
        book.write(export, tasks, self.robot)

    def read(self, out: Path) -> Iterator[Seen]:
        import pyarrow.parquet as pq

        info = json.loads((out / INFO).read_text(encoding="utf-8"))
        if info["codebase_version"] != "v3.0":
            raise ValueError(f"codebase_version is {info['codebase_version']}")
        tasks = {row["task_index"]: row["task"] for row in pq.read_table(out / TASKS).to_pylist()}
        paths = sorted((out / "meta" / "episodes").glob("*/*.parquet"))
        episodes = [row for path in paths for row in pq.read_table(path).to_pylist()]
        for path in sorted((out / "data").glob("*/*.parquet")):
            rows = pq.read_table(path, columns=["episode_index", "frame_index", "timestamp", "index", "task_index"])
            for row in rows.to_pylist():
                episode = episodes[row["episode_index"]]
                if row["index"] != episode["dataset_from_index"] + row["frame_index"]:
                    raise ValueError(f"episode {row['episode_index']}: frame {row['frame_index']} is at another place")
                if abs(row["timestamp"] - row["frame_index"] / info["fps"]) > 1e-4:
                    raise ValueError(f"episode {row['episode_index']}: a time that is off its rate")
                if tasks[row["task_index"]] != episode["tasks"][0]:
                    raise ValueError(f"episode {row['episode_index']}: its frames have another task")
        for episode in episodes:
            length = episode["dataset_to_index"] - episode["dataset_from_index"]
            if length != episode["length"]:
                raise ValueError(f"episode {episode['episode_index']}: {length} rows for {episode['length']} frames")
            place = {key: episode[f"videos/{VIDEO}/{key}"] for key in ("chunk_index", "file_index")}
            path = out / "videos" / VIDEO / f"{FILES.format(**place)}.mp4"
            told = {"frames": episode["length"], "fps": info["fps"]}
            height, width, _ = info["features"][VIDEO]["shape"]
            yield Seen(episode["name"], episode["tasks"][0], path, told=told | {"width": width, "height": height})


@dataclass(slots=True)
class _Frames:
    """The features of the frames of a sample, an entry each."""

    hands: np.ndarray
    hands_seen: np.ndarray
    contact: np.ndarray
    contact_seen: np.ndarray
    segments: list[tuple[int, int]]

    @classmethod
    def of(cls, sample: Sample, looked: Looked | None, least: float) -> _Frames:
        import numpy as np

        from hoigen.measures.handling import pairs_of

        count = sample.frames
        made = cls(
            np.zeros((count, 2, POINTS, 2), np.float32), np.zeros((count, 2), bool), np.zeros(count, bool),
            np.zeros(count, bool), [],
        )  # fmt: skip
        frames = looked.frames if looked is not None else ()
        spans = _spans([number_of(frame.time, sample) for frame in frames], count)
        slots = _slots([[hand.box for hand in frame.hands or ()] for frame in frames], [f.time for f in frames])
        for (begin, end), frame, slot in zip(spans, frames, slots, strict=True):
            pairs = frame.pairs if frame.pairs is not None else pairs_of(frame)
            made.contact[begin:end] = any(pair.score >= least for pair in pairs)
            made.contact_seen[begin:end] = True
            for at, hand in slot.items():
                points = (frame.hands or ())[hand].points
                if len(points) == POINTS:
                    made.hands[begin:end, at] = np.asarray(points, np.float32)
                    made.hands_seen[begin:end, at] = True
        edges = np.flatnonzero(np.diff(np.concatenate([[0], made.contact.astype(np.int8), [0]])))
        made.segments = [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
        return made

    def table(self, episode: int, first: int, task: int, fps: float) -> pa.Table:
        import numpy as np
        import pyarrow as pa

        count = len(self.contact)
        columns = {
            HANDS: self.hands.tolist(),
            HANDS_SEEN: self.hands_seen.tolist(),
            CONTACT: self.contact.tolist(),
            CONTACT_SEEN: self.contact_seen.tolist(),
            "timestamp": (np.arange(count) / fps).astype(np.float32),
            "frame_index": np.arange(count),
            "episode_index": np.full(count, episode),
            "index": np.arange(first, first + count),
            "task_index": np.full(count, task),
        }
        return pa.table(columns, schema=_frame_schema())


@dataclass(slots=True)
class _Book:
    """The tables of a dataset, as they gather."""

    frames: int = 0
    episodes: list[dict[str, Any]] = field(default_factory=list)
    sample: Sample | None = None
    numbers: dict[str, _Running] = field(default_factory=dict)

    def add(self, export: Export, sample: Sample, episode: int, data: dict[str, int], frames: _Frames) -> None:
        from hoigen import video

        row: dict[str, Any] = {"episode_index": episode, "tasks": [sample.text], "length": sample.frames}
        row |= {f"data/{key}": value for key, value in data.items()}
        row |= {"dataset_from_index": self.frames, "dataset_to_index": self.frames + sample.frames}
        row |= {f"videos/{VIDEO}/{key}": value for key, value in _of(episode).items()}
        row |= {f"videos/{VIDEO}/from_timestamp": 0.0, f"videos/{VIDEO}/to_timestamp": sample.frames / sample.fps}
        row |= {"meta/episodes/chunk_index": 0, "meta/episodes/file_index": 0, "name": sample.name, "uri": sample.uri}
        row |= {"start": sample.start, "end": sample.end, "contact_segments": [list(s) for s in frames.segments]}
        self.episodes.append(row)
        self.frames += sample.frames
        self.sample = self.sample or sample
        with export.local(sample) as path:
            first, _ = next(iter(video.walk(str(path), short_side=None)))
        for key, values in (
            (VIDEO, first[::4, ::4].reshape(-1, 3) / 255),
            (HANDS, frames.hands),
            (CONTACT, frames.contact[:, None]),
        ):
            self.numbers.setdefault(key, _Running()).add(values)

    def write(self, export: Export, tasks: dict[str, int], robot: str) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        assert self.sample is not None
        sample, root = self.sample, Path(export.out.uri)
        path = root / "meta" / "episodes" / f"{FILES.format(**_of(0))}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(self.episodes), path)
        pq.write_table(_task_table(tasks), root / TASKS)
        fps = int(sample.fps) if sample.fps.is_integer() else sample.fps
        info = {
            "codebase_version": "v3.0",
            "robot_type": robot,
            "total_episodes": len(self.episodes),
            "total_frames": self.frames,
            "total_tasks": len(tasks),
            "chunks_size": CHUNK,
            "data_files_size_in_mb": 100,
            "video_files_size_in_mb": 200,
            "fps": fps,
            "splits": {"train": f"0:{len(self.episodes)}"},
            "data_path": f"data/{FILES}.parquet",
            "video_path": f"videos/{{video_key}}/{FILES}.mp4",
            "features": _features(sample, fps),
        }
        export.text(INFO, json.dumps(info, indent=4) + "\n")
        stats = {key: running.told(by_channel=key == VIDEO) for key, running in self.numbers.items()}
        export.text(STATS, json.dumps(stats, indent=4) + "\n")


@dataclass(slots=True)
class _Running:
    """Statistics of arrays as they come: of all but the first axis."""

    count: int = 0
    total: Any = 0.0
    squares: Any = 0.0
    least: Any = math.inf
    most: Any = -math.inf

    def add(self, values: np.ndarray) -> None:
        import numpy as np

        values = values.astype(np.float64)
        self.count += len(values)
        self.total, self.squares = self.total + values.sum(0), self.squares + (values**2).sum(0)
        self.least, self.most = np.minimum(self.least, values.min(0)), np.maximum(self.most, values.max(0))

    def told(self, *, by_channel: bool) -> dict[str, Any]:
        """As LeRobot has them; those of pictures by channel, (3, 1, 1)."""
        import numpy as np

        mean = self.total / self.count
        std = np.sqrt(np.maximum(0.0, self.squares / self.count - mean**2))
        found = {"min": self.least, "max": self.most, "mean": mean, "std": std}
        shaped = {key: value[:, None, None] if by_channel else value for key, value in found.items()}
        return {key: value.tolist() for key, value in shaped.items()} | {"count": [self.count]}


def _of(episode: int) -> dict[str, int]:
    return {"chunk_index": episode // CHUNK, "file_index": episode % CHUNK}


def _place(export: Export, sample: Sample, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    source = export.out.path(sample.file)
    try:
        os.link(source, path)
    except OSError:
        shutil.copyfile(source, path)


def _spans(numbers: Sequence[int], count: int) -> list[tuple[int, int]]:
    """For each frame that was looked at, those that it stands for: half way to its neighbours, and as far beyond."""
    spans = []
    for at, number in enumerate(numbers):
        before, after = numbers[at - 1] if at else None, numbers[at + 1] if at + 1 < len(numbers) else None
        reach = (after - number if after is not None else number - before if before is not None else 0) // 2
        begin = (before + number + 1) // 2 if before is not None else number - reach
        end = (number + after + 1) // 2 if after is not None else number + reach + 1
        spans.append((max(0, begin), min(count, end)))
    return spans


def _slots(boxes: list[list[Any]], times: list[float]) -> list[dict[int, int]]:
    """For each frame: slot -> number of the hand; the two that are seen longest have a slot each, left one first."""
    from hoigen.measures.fine.tracks import link

    tracks = sorted(link(boxes, times), key=len, reverse=True)[:2]
    tracks.sort(key=lambda track: sum(boxes[frame][at][0] for frame, at in track.items()) / len(track))
    return [{slot: track[frame] for slot, track in enumerate(tracks) if frame in track} for frame in range(len(boxes))]


def _features(sample: Sample, fps: float) -> dict[str, Any]:
    one = {"shape": [1], "names": None}
    told: dict[str, Any] = {
        "video.fps": fps,
        "video.height": sample.height,
        "video.width": sample.width,
        "video.channels": 3,
    }
    told |= {"video.codec": "h264", "video.pix_fmt": "yuv420p", "video.is_depth_map": False, "has_audio": False}
    names = ["height", "width", "channels"]
    return {
        VIDEO: {"dtype": "video", "shape": [sample.height, sample.width, 3], "names": names, "info": told},
        HANDS: {"dtype": "float32", "shape": [2, POINTS, 2], "names": ["hand", "landmark", "xy"]},
        HANDS_SEEN: {"dtype": "bool", "shape": [2], "names": ["left", "right"]},
        CONTACT: {"dtype": "bool", **one},
        CONTACT_SEEN: {"dtype": "bool", **one},
        "timestamp": {"dtype": "float32", **one},
        **{key: {"dtype": "int64", **one} for key in ("frame_index", "episode_index", "index", "task_index")},
    }


def _frame_schema() -> pa.Schema:
    import pyarrow as pa

    fields = [
        pa.field(HANDS, pa.list_(pa.list_(pa.list_(pa.float32())))),
        pa.field(HANDS_SEEN, pa.list_(pa.bool_(), 2)),
    ]
    fields += [pa.field(key, pa.bool_()) for key in (CONTACT, CONTACT_SEEN)]
    fields += [pa.field("timestamp", pa.float32())]
    fields += [pa.field(key, pa.int64()) for key in ("frame_index", "episode_index", "index", "task_index")]
    return pa.schema(fields)


def _task_table(tasks: dict[str, int]) -> pa.Table:
    """As pandas writes a table whose index is the task: LeRobot reads it with pandas."""
    import pyarrow as pa

    column = {"name": "task_index", "field_name": "task_index", "pandas_type": "int64", "numpy_type": "int64"}
    index = {"name": "task", "field_name": "task", "pandas_type": "unicode", "numpy_type": "object"}
    told = {
        "index_columns": ["task"],
        "column_indexes": [],
        "columns": [each | {"metadata": None} for each in (column, index)],
        "creator": {"library": "pyarrow", "version": pa.__version__},
        "pandas_version": "2.0",
    }
    schema = pa.schema([pa.field("task_index", pa.int64()), pa.field("task", pa.string())])
    table = pa.table({"task_index": list(tasks.values()), "task": list(tasks)}, schema=schema)
    return table.replace_schema_metadata({"pandas": json.dumps(told)})
