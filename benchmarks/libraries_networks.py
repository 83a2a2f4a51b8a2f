"""ONNX Runtime against OpenCV for the text detector of `text_boxes`: time of a frame, difference of what comes out, MB.

python benchmarks/libraries_networks.py [FOLDER]

One thread each, in turns, over a frame of each video of FOLDER (else rendered noise) at 480 pixels. ONNX Runtime comes
into an environment of its own that sees this project's.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from libraries_venv import environment, megabytes, version, with_source
from machine import headline

FRAMES, ROUNDS = 8, 5


def frames(folder: Path | None) -> list[Any]:
    """Pictures (H, W, 3) uint8 RGB with a short side of 480."""
    import numpy as np

    from hoigen import video

    if folder is None:
        return [np.random.default_rng(n).integers(0, 256, (480, 854, 3), np.uint8) for n in range(FRAMES)]
    videos = sorted(path for path in folder.iterdir() if path.suffix == ".mp4")[:FRAMES]
    return [next(iter(video.walk(str(path), short_side=480)))[0] for path in videos]


def measured(folder: Path | None) -> None:
    import cv2
    import numpy as np
    import onnxruntime

    from hoigen.models.files import locate
    from hoigen.models.nets.text_detector import TextDetector, boxes_of

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(locate("text_detector").path), options, ["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    ours = TextDetector()

    def theirs(image: Any) -> Any:
        height, width = image.shape[:2]
        padded = cv2.copyMakeBorder(image, 0, -height % 32, 0, -width % 32, cv2.BORDER_CONSTANT, value=(127, 127, 127))
        blob = cv2.dnn.blobFromImage(padded, 1 / 127.5, None, (127.5, 127.5, 127.5), swapRB=True)
        return session.run(None, {name: blob})[0][0, 0, :height, :width]

    spent: dict[str, list[float]] = {"OpenCV": [], "ONNX Runtime": []}
    apart, other = 0.0, 0
    for image in frames(folder):
        one, two = ours.probability(image), theirs(image)
        apart = max(apart, float(np.abs(one - two).max()))
        other += len(boxes_of(one, ours.binarization)) != len(boxes_of(two, ours.binarization))
        for _ in range(ROUNDS):
            for who, look in (("OpenCV", ours.probability), ("ONNX Runtime", theirs)):
                before = time.process_time()
                look(image)
                spent[who].append(time.process_time() - before)
    for who, times in spent.items():
        print(f"{who:13} {1000 * statistics.median(times):.0f} ms of CPU a frame (median of {len(times)})")
    print(f"largest difference of a probability {apart:.1e}; frames with another number of boxes: {other}")


def main() -> None:
    given = [word for word in sys.argv[1:] if word != "--here"]
    folder = Path(given[0]) if given else None
    if "--here" in sys.argv:
        measured(folder)
        return
    print(headline())
    python = environment("networks", ["onnxruntime==1.32.0", "numpy==2.4.6"])
    print(f"onnxruntime {version(python, 'onnxruntime')}: {megabytes(python, without=('numpy',)):.0f} MB")
    sites = next((python.parents[1] / "lib").glob("python*/site-packages"))
    asked = [sys.executable, __file__, "--here", *([str(folder)] if folder else [])]
    here = with_source()
    subprocess.run(asked, check=True, env={**here, "PYTHONPATH": f"{here['PYTHONPATH']}{os.pathsep}{sites}"})


if __name__ == "__main__":
    main()
