"""What UniMatch's own code makes of weights from seeds: tests/models/data/unimatch.{json,npz}.

.venv/bin/python tests/models/golden_unimatch.py FOLDER     a copy of github.com/autonomousvision/unimatch
"""

from __future__ import annotations

import json
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np

LAYOUT = Path(__file__).parent / "data" / "unimatch.json"
FILE = Path(__file__).parent / "data" / "unimatch.npz"
GAIN, OF_CHANGES = 1.0, 0.3
"""How large weights are; those of the last corrections are small, or six rounds of them would make much of rounding."""


def array(name: str, shape: Any) -> np.ndarray:
    """The weights of that name."""
    drawn = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(tuple(shape)).astype(np.float32)
    if len(shape) <= 1:
        return np.float32("norm" in name and name.endswith("weight")) + drawn * np.float32(0.1)
    gain = OF_CHANGES if "flow_head" in name else GAIN
    return drawn * np.float32(gain / np.sqrt(np.prod(shape[1:])))


def pictures(count: int = 2, height: int = 96, width: int = 160) -> np.ndarray:
    """(count + 1, height, width, 3) uint8: a pattern that moves from picture to picture."""
    y, x = np.mgrid[0:height, 0:width].astype(float)
    made = []
    for at in range(count + 1):
        a, b = x - 3 * at, y + 2 * at
        waves = [
            127 + 60 * np.sin(a / p + b / q) + 50 * np.cos(a / q - b / r)
            for p, q, r in ((5, 9, 7), (7, 6, 11), (4, 8, 5))
        ]
        made.append(np.stack(waves, -1))
    return np.stack(made).round().clip(0, 255).astype(np.uint8)


def main() -> None:
    import torch

    sys.path.insert(0, sys.argv[1])
    from unimatch.unimatch import UniMatch

    torch.manual_seed(0)
    model = UniMatch(num_scales=2, upsample_factor=4, reg_refine=True, num_transformer_layers=2).eval()
    layout = {name: list(value.shape) for name, value in model.state_dict().items()}
    model.load_state_dict({name: torch.from_numpy(array(name, shape)) for name, shape in layout.items()})
    frames = torch.from_numpy(pictures()).permute(0, 3, 1, 2).float()
    given = {"attn_type": "swin", "attn_splits_list": [2, 8], "corr_radius_list": [-1, 4], "prop_radius_list": [-1, 1]}
    with torch.no_grad():
        flow = model(frames[:-1], frames[1:], **given, num_reg_refine=6)["flow_preds"][-1]
    print(flow.shape, flow.abs().mean(), flow.std())
    LAYOUT.parent.mkdir(exist_ok=True)
    LAYOUT.write_text(json.dumps(layout, separators=(",", ":")))
    np.savez_compressed(FILE, flow=flow[:, :, ::4, ::4].numpy())


if __name__ == "__main__":
    main()
