"""Detectors of human-object interactions: one file = one detector = one name in a recipe.

`coarse_hoi: {detector: two_stage}`; the contract is `HOIDetector` in `hoigen.hoi.detections`.
"""
