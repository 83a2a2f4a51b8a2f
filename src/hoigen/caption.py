"""Moved to hoigen.score."""

from hoigen.score import Caption as Caption
