"""Trainers in their own environments, one file each: what they are started with, and where their LoRA lies."""
