"""High dynamic range as a picture of standard range, as players show it on a plain screen."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

TRANSFERS = {16: "pq", 18: "hlg"}
"""FFmpeg's numbers of the transfer characteristics of high dynamic range: SMPTE ST 2084 and ARIB STD-B67."""
WHITE_NITS = 203.0
"""Luminance of PQ that is shown as white. Source: ITU-R BT.2408, reference white."""
WHITE_SIGNAL = 0.75
"""HLG's signal that is shown as white; the same source."""
KNEE = 0.8
"""Up to this share of white, light stays as it is; what is brighter is brought below white, ever more slowly."""
TO_BT709 = {
    2: ((1.6605, -0.5876, -0.0728), (-0.1246, 1.1329, -0.0083), (-0.0182, -0.1006, 1.1187)),
    12: ((1.2249, -0.2247, 0.0), (-0.0420, 1.0419, 0.0), (-0.0197, -0.0786, 1.0979)),
}
"""Linear RGB of other primaries in those of BT.709, by FFmpeg's number of them: unspecified (high dynamic range is
BT.2020 then) and Display P3. Source: ITU-R BT.2087; SMPTE EG 432-1."""
STEPS = 4096
PIXELS = 1 << 18
"""So many are mapped at once, so that whole frames of 4K take no memory to speak of."""


def mapped(image: np.ndarray, transfer: str, primaries: int) -> np.ndarray:
    """A picture that any screen shows right: (H, W, 3) uint8 RGB, BT.709.

    Args:
        image: (H, W, 3) uint16 RGB, full range, as it is coded.
        transfer: `pq` or `hlg`.
        primaries: FFmpeg's number of them.

    Source: ITU-R BT.2408, mapping of HDR to SDR by light of the display (PQ) and of the scene (HLG).
    """
    import numpy as np

    light, code = _light(transfer), _code(transfer)
    matrix = None if primaries == 1 else np.array(TO_BT709.get(primaries, TO_BT709[2]), np.float32).T
    flat = image.reshape(-1, 3)
    shown = np.empty(flat.shape, np.uint8)
    for start in range(0, len(flat), PIXELS):
        linear = light[flat[start : start + PIXELS]]
        linear = np.maximum(linear if matrix is None else linear @ matrix, 0)
        brightest = linear.max(1, keepdims=True)
        over = np.maximum(brightest - KNEE, 0) / (1 - KNEE)
        linear *= np.where(over > 0, (KNEE + (1 - KNEE) * -np.expm1(-over)) / np.maximum(brightest, KNEE), 1)
        shown[start : start + PIXELS] = code[(np.sqrt(linear) * (STEPS - 1) + 0.5).astype(np.uint16)]
    return shown.reshape(image.shape)


@functools.cache
def _light(transfer: str) -> np.ndarray:
    """Light of each of the 65536 signals, white as 1."""
    import numpy as np

    signal = np.arange(1 << 16) / 65535
    if transfer == "hlg":
        bright: np.ndarray = (_hlg(signal) / _hlg(np.array(WHITE_SIGNAL))).astype(np.float32)
        return bright
    root = signal ** (32 / 2523)
    nits = 10000 * (np.maximum(root - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * root)) ** (8192 / 1305)
    light: np.ndarray = (nits / WHITE_NITS).astype(np.float32)
    return light


def _hlg(signal: np.ndarray) -> np.ndarray:
    import numpy as np

    light: np.ndarray = np.where(
        signal <= 0.5, signal**2 / 3, (np.exp((signal - 0.55991073) / 0.17883277) + 0.28466892) / 12
    )
    return light


@functools.cache
def _code(transfer: str) -> np.ndarray:
    """The signal, 0..255, of each square root of light: BT.709's camera for HLG, a screen of BT.1886 for PQ."""
    import numpy as np

    light = np.linspace(0, 1, STEPS) ** 2
    camera = np.where(light < 0.018, 4.5 * light, 1.099 * light**0.45 - 0.099)
    return np.round(255 * (camera if transfer == "hlg" else light ** (1 / 2.4))).astype(np.uint8)
