"""What pictures are normalised with before models that were trained on ImageNet see them: red, green, blue in 0..1."""

from __future__ import annotations

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
