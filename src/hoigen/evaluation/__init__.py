"""Measured runs -> tables: models (intervals, tests, agreement) and captions (how much they hallucinate)."""
