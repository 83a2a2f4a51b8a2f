"""The shots of one long 1080p film, with the deadline of the lite recipe, which is shorter than the pass.

python benchmarks/long_film.py [MINUTES]

The film is a minute of ten rendered shots at 24 frames a second, again and again until it is 20 minutes long (or
MINUTES); every sixth second is a cut. Only the shots are searched, by one worker.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import av
import numpy as np
from machine import headline

import hoigen
from hoigen.recipe.build import recipe_of
from hoigen.recipe.yaml import load_recipe, recipe_path

FPS, SHOT, SHOTS = 24, 6, 10


def minute(path: Path) -> Path:
    """Ten shots of six seconds: a window that moves over coarse noise, another noise for each."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "g": str(2 * FPS), "bf": "2"})
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        for shot in range(SHOTS):
            cells = np.random.default_rng(shot).integers(0, 256, (80, 160, 3), np.uint8)
            still = cells.repeat(16, 0).repeat(16, 1)
            for at in range(FPS * SHOT):
                image = np.ascontiguousarray(still[at : at + 1080, 2 * at : 2 * at + 1920])
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def repeated(source: Path, target: Path, minutes: int) -> Path:
    """The same packets again and again, each minute a minute later."""
    with av.open(str(target), "w") as film:
        copy = None
        for at in range(minutes):
            with av.open(str(source)) as container:
                stream = container.streams.video[0]
                copy = copy or film.add_stream_from_template(stream)
                for packet in container.demux(stream):
                    if packet.dts is None:
                        continue
                    shift = round(60 * at / packet.time_base)
                    packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, copy
                    film.mux(packet)
    return target


def main() -> None:
    minutes = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    print(headline())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film = repeated(minute(folder / "minute.mp4"), folder / "film.mp4", minutes)
        print(f"{minutes} minutes of 1080p{FPS}, {film.stat().st_size / 1e6:.0f} MB")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall = time.perf_counter()
        lite = load_recipe(recipe_path("lite"))
        keys = {"videos": str(film), "run": str(folder / "run"), "workers": 1, "report": False}
        keys |= {"measures": ["metadata"], "keep": {}}
        funnel = hoigen.curate(recipe_of(lite | keys, "lite"), quiet=True)
        wall = time.perf_counter() - wall
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"{spent:.0f} s CPU, {wall:.0f} s wall, deadline {lite['deadline']} s, {after.ru_maxrss / 1024:.0f} MB")
        print(str(funnel).splitlines()[-1])


if __name__ == "__main__":
    main()
