"""What mmocr's own code makes of weights from seeds: tests/models/data/dbnet.{json,npz}.

In an environment of its own, since none of this can be imported beside the other versions that it asks for:

pip install torch torchvision mmengine==0.10.7 opencv-python-headless pyclipper shapely imgaug lmdb rapidfuzz
pip install --no-deps mmcv-lite==2.2.0 mmdet==3.3.0 mmocr==1.0.1
python tests/models/golden_dbnet.py [its site-packages]

mmocr 1.0.1 is commit 966296f26ac34cf0e96d40ab4a0a94c9a697909a in the files used here. mmcv-lite has no operators: the
deformable convolution is torchvision's, which is of independent making.
"""

from __future__ import annotations

import importlib
import json
import sys
import types
import zlib
from pathlib import Path
from typing import Any

import numpy as np

LAYOUT = Path(__file__).parent / "data" / "dbnet.json"
FILE = Path(__file__).parent / "data" / "dbnet.npz"
DCN = {"dcn": {"type": "DCNv2", "deform_groups": 1, "fallback_on_stride": False}}
BENT = {**DCN, "stage_with_dcn": (False, True, True, True)}
BACKBONES: dict[str, dict[str, Any]] = {
    "oclip": {"type": "mmocr.CLIPResNet"},
    "oclip_dcn": {"type": "mmocr.CLIPResNet", **BENT},
    "dcn": {"type": "mmdet.ResNet", "depth": 50, "style": "pytorch", **BENT},
}
"""As mmocr's config of dbnetpp_resnet50-oclip has it, as Open-Sora's copy of that has it, and as the one of
dbnetpp_resnet50-dcnv2 has it."""
NECK = {
    "type": "FPNC",
    "in_channels": [256, 512, 1024, 2048],
    "lateral_channels": 256,
    "asf_cfg": {"attention_type": "ScaleChannelSpatial"},
}
BOXES = {"type": "DBPostprocessor", "text_repr_type": "quad", "epsilon_ratio": 0.002}
DATA = {
    "type": "TextDetDataPreprocessor",
    "mean": [123.675, 116.28, 103.53],
    "std": [58.395, 57.12, 57.375],
    "bgr_to_rgb": True,
    "pad_size_divisor": 32,
}
HOLLOW = (
    *("mmdet", "mmdet.utils", "mmdet.models", "mmdet.models.layers", "mmdet.models.backbones"),
    *("mmocr", "mmocr.models", "mmocr.models.common", "mmocr.models.common.plugins", "mmocr.models.common.backbones"),
    *(f"mmocr.models.textdet{part}" for part in ("", ".data_preprocessors", ".necks", ".heads", ".detectors")),
    "mmocr.models.textdet.postprocessors",
)
"""Packages whose own `__init__` is not run."""
OF_OFFSETS = 2.0
"""Moves of two or three pixels."""
MAPS = 12
LAST, OF_LAST = "det_head.binarize.6.weight", 0.4
"""Probabilities that are neither 0 nor 1."""


def array(name: str, shape: Any) -> np.ndarray:
    """The weights of that name."""
    if not len(shape):
        return np.int64(7)  # batches that were counted in training
    drawn = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(tuple(shape)).astype(np.float32)
    if name.endswith("running_var"):
        return 1 + np.abs(drawn) * np.float32(0.2)
    if len(shape) == 1:
        norm = any(part in name for part in ("bn", "stem", "downsample", "binarize", "threshold"))
        if name.endswith("weight"):
            return (np.float32(0.5) if norm and "bn3" in name else np.float32(1)) + drawn * np.float32(0.1)
        return drawn * np.float32(0.5 if "conv_offset" in name else 0.1)
    gain = OF_OFFSETS if "conv_offset" in name else OF_LAST if name == LAST else 1.4
    return drawn * np.float32(gain / np.sqrt(np.prod(shape[1:])))


def pictures() -> np.ndarray:
    """(2, 96, 160, 3) uint8 RGB: waves, and letters' worth of bars on them."""
    y, x = np.mgrid[0:96, 0:160].astype(float)
    made = []
    for at in range(2):
        waves = [
            127 + 60 * np.sin(x / p + (at + 1) * y / q) + 50 * np.cos(x / q - y / r)
            for p, q, r in ((5, 9, 7), (7, 6, 11), (4, 8, 5))
        ]
        image = np.stack(waves, -1)
        image[30:50, 40 + 20 * at : 100 : 6] = 255
        made.append(image)
    return np.stack(made).round().clip(0, 255).astype(np.uint8)


def map_of(seed: int) -> np.ndarray:
    """A map of probability, (256, 320) float32: turned, thin, touching, hollow and unsure stretches."""
    import cv2

    chance = np.random.default_rng(seed)
    canvas = np.zeros((256, 320), np.float32)
    for _ in range(14):
        centre = float(chance.uniform(10, 310)), float(chance.uniform(10, 246))
        size = float(chance.uniform(6, 90)), float(chance.uniform(2, 24))
        corners = cv2.boxPoints((centre, size, float(chance.uniform(0, 180))))
        cv2.fillPoly(canvas, [np.round(corners).astype(np.int32)], float(chance.uniform(0.2, 1)))
        if chance.random() < 0.4:  # a hole
            cv2.circle(canvas, (int(centre[0]), int(centre[1])), int(chance.integers(1, 6)), 0.0, -1)
    rough = cv2.GaussianBlur(chance.standard_normal(canvas.shape).astype(np.float32), (0, 0), 1.5)
    return np.clip(cv2.GaussianBlur(canvas, (0, 0), 1.0) + 0.06 * rough, 0, 1)


def main() -> None:
    import torch

    torch.manual_seed(0)
    _import()
    layouts, kept = {}, {}
    for name, backbone in BACKBONES.items():
        model = _theirs(backbone).eval()
        layouts[name] = {key: list(value.shape) for key, value in model.state_dict().items()}
        drawn = {key: torch.from_numpy(np.asarray(array(key, shape))) for key, shape in layouts[name].items()}
        model.load_state_dict(drawn)
        with torch.no_grad():
            data = model.data_preprocessor({"inputs": [_planes(each) for each in pictures()], "data_samples": None})
            found = model.det_head(model.extract_feat(data["inputs"]), mode="predict")
        print(name, tuple(found.shape), found.min(), found.mean(), found.max(), found.std())
        kept[name] = found[:, ::2, ::2].numpy()
        seen = data["inputs"].numpy()
    kept["seen"] = seen[:, :, ::8, ::8]
    for at, (polygons, scores) in enumerate(_boxes(map_of(seed)) for seed in range(MAPS)):
        kept[f"polygons{at}"], kept[f"scores{at}"] = polygons, scores
    LAYOUT.write_text(json.dumps(layouts, separators=(",", ":")))
    np.savez_compressed(FILE, **kept)


def _planes(image: np.ndarray) -> Any:
    """As mmocr packs a picture that it has read: BGR, planes."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(image[..., ::-1].transpose(2, 0, 1)))


def _import() -> None:
    """mmocr's own files for this model, without those that need mmcv's operators or another version of mmcv."""
    import torch
    from mmengine.utils import digit_version
    from torchvision.ops import deform_conv2d

    packages = Path(torch.__file__).parent.parent if len(sys.argv) < 2 else Path(sys.argv[1])
    for name in HOLLOW:
        made = types.ModuleType(name)
        made.__path__ = [str(packages.joinpath(*name.split(".")))]
        sys.modules[name] = made
    sys.modules["mmdet.utils"].__dict__.update(dict.fromkeys(("ConfigType", "OptConfigType", "OptMultiConfig"), Any))
    sys.modules["mmocr"].__dict__["digit_version"] = digit_version
    given = {
        "mmdet.models.layers": ("mmdet.models.layers.res_layer", "ResLayer"),
        "mmdet.models.backbones": ("mmdet.models.backbones.resnet", "ResNet"),
        "mmocr.models.textdet.heads": ("mmocr.models.textdet.heads.base", "BaseTextDetHead"),
    }
    for package, (module, name) in given.items():
        setattr(sys.modules[package], name, getattr(importlib.import_module(module), name))
    for module in (
        "common.plugins.common",
        "common.backbones.clip_resnet",
        "textdet.data_preprocessors.data_preprocessor",
        "textdet.necks.fpn_cat",
        "textdet.heads.db_head",
        "textdet.detectors.dbnet",
        "textdet.postprocessors.db_postprocessor",
    ):
        importlib.import_module(f"mmocr.models.{module}")
    from mmengine.registry import MODELS as ENGINE
    from mmengine.registry import DefaultScope
    from mmocr.registry import MODELS

    DefaultScope.get_instance("golden", scope_name="mmocr")

    class ModulatedDeformConv2dPack(torch.nn.Conv2d):
        """As mmcv's: its weights, and what it makes of what `conv_offset` says."""

        def __init__(self, *given: Any, deform_groups: int = 1, **named: Any) -> None:
            super().__init__(*given, **named)
            count = 3 * self.kernel_size[0] * self.kernel_size[1] * deform_groups
            how = self.kernel_size, self.stride, self.padding, self.dilation
            self.conv_offset = torch.nn.Conv2d(self.in_channels, count, *how)

        def forward(self, x: Any) -> Any:
            first, second, mask = torch.chunk(self.conv_offset(x), 3, dim=1)
            offset, how = torch.cat((first, second), dim=1), (self.stride, self.padding, self.dilation)
            return deform_conv2d(x, offset, self.weight, self.bias, *how, mask=torch.sigmoid(mask))

    ENGINE.register_module(name="DCNv2", module=ModulatedDeformConv2dPack)
    MODELS.register_module(name="DBModuleLoss", module=torch.nn.Identity)


def _theirs(backbone: dict[str, Any]) -> Any:
    """mmocr's model by its configuration."""
    from mmocr.registry import MODELS

    head = {"type": "DBHead", "in_channels": 256, "module_loss": {"type": "DBModuleLoss"}, "postprocessor": BOXES}
    return MODELS.build(
        {"type": "DBNet", "backbone": backbone, "neck": NECK, "det_head": head, "data_preprocessor": DATA}
    )


def _boxes(probability: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Corners (n, 4, 2) and scores (n,) as mmocr's post-processing finds them, in the order in which it does."""
    import torch
    from mmocr.registry import MODELS
    from mmocr.structures import TextDetDataSample

    sample = TextDetDataSample(metainfo={"scale_factor": (1.0, 1.0)})
    found = MODELS.build(BOXES)(torch.from_numpy(probability)[None], [sample])[0].pred_instances
    return np.asarray(found.polygons, np.float32).reshape(-1, 4, 2), found.scores.numpy()


if __name__ == "__main__":
    main()
