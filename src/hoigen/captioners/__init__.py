"""Captioners: plain Python over experts. One file = one captioner = one YAML name."""
