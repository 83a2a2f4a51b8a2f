"""A sheet of 12 frames over time for each clip, to label from: 4 by 3, read row by row, the clip's id the only text.

python benchmarks/generated/sheets.py FOLDER SHEETS [--format jpg png] [--only ID ...] [--list FILE]

FOLDER holds what collect.py brought of the same list (clips.jsonl without --list; clips_3.jsonl and so on). The
frames lie evenly over the clip, each at the middle of its twelfth; a recorded crop is cut out first.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import av
from PIL import Image, ImageDraw

HERE = Path(__file__).parent
COLUMNS, ROWS, WIDTH, BORDER = 4, 3, 320, 16


def frames_of(file: Path, crop: Sequence[int] | None) -> list[Image.Image]:
    """Twelve pictures in order, the longer side WIDTH; crop: left, top, width, height in px."""
    with av.open(str(file)) as container:
        total = sum(1 for packet in container.demux(video=0) if packet.size)  # a packet is a picture, in these files
    count = COLUMNS * ROWS
    wanted = [int((k + 0.5) * total / count) for k in range(count)]
    found: dict[int, Image.Image] = {}
    with av.open(str(file)) as container:
        for at, frame in enumerate(container.decode(video=0)):
            if at in wanted:
                image = frame.to_image()
                if crop is not None:
                    left, top, width, height = crop
                    image = image.crop((left, top, left + width, top + height))
                scale = WIDTH / max(image.size)
                found[at] = image.resize((round(image.width * scale), round(image.height * scale)), Image.LANCZOS)
            if len(found) == len(set(wanted)):
                break
    if set(wanted) - set(found):
        raise ValueError(f"{file}: {total} packets, yet frames {sorted(set(wanted) - set(found))} do not decode")
    return [found[at] for at in wanted]


def sheet_of(name: str, frames: Sequence[Image.Image]) -> Image.Image:
    width, height = frames[0].size
    sheet = Image.new("RGB", (COLUMNS * (width + 2), BORDER + ROWS * (height + 2)), "white")
    ImageDraw.Draw(sheet).text((2, 2), name, fill="black")
    for at, frame in enumerate(frames):
        sheet.paste(frame, (at % COLUMNS * (width + 2), BORDER + at // COLUMNS * (height + 2)))
    return sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("sheets", type=Path)
    parser.add_argument("--format", nargs="+", choices=("jpg", "png"), default=["jpg"])
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--list", type=Path, default=HERE / "clips.jsonl", metavar="FILE", help="the clips to show")
    options = parser.parse_args()
    options.sheets.mkdir(parents=True, exist_ok=True)
    for line in options.list.read_text().splitlines():
        row = json.loads(line)
        if options.only and row["id"] not in options.only:
            continue
        file = options.folder / f"{row['id']}{Path(row['path']).suffix.lower()}"
        sheet = sheet_of(row["id"], frames_of(file, row["crop"]))
        if "png" in options.format:
            sheet.save(options.sheets / f"{row['id']}.png", compress_level=3)
        if "jpg" in options.format:
            sheet.save(options.sheets / f"{row['id']}.jpg", quality=88)


if __name__ == "__main__":
    main()
