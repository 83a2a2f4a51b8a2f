"""Clips as `hoigen export --to videofolder` leaves them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from hoigen.video.writing import video_of
from render import pan, texture


def folder(path: Path, count: int = 2, sizes: tuple[tuple[int, int, int], ...] = ((9, 32, 32),)) -> Path:
    """count clips, with captions, of the sizes (frames, height, width) in turn."""
    import numpy as np

    (path / "videos").mkdir(parents=True)
    lines = []
    for at in range(count):
        frames, height, width = sizes[at % len(sizes)]
        images = np.stack(pan(texture(at, (height * 2, width * 2)), frames, (1 + at, 1), (height, width)))
        data = video_of(images, 8)
        (path / "videos" / f"{at}.mp4").write_bytes(data)
        lines.append(
            {
                "id": f"clip{at}",
                "file_name": f"videos/{at}.mp4",
                "text": f"A person holds cup {at}.",
                "frames": frames,
                "fps": 8.0,
                "width": width,
                "height": height,
                "digest": hashlib.sha256(data).hexdigest(),
            }
        )
    write(path, lines)
    return path


def write(path: Path, lines: list[dict[str, Any]]) -> None:
    (path / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (path / "metadata.jsonl").read_text().splitlines()]
