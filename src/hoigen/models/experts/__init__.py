"""Experts: language models that answer in words. One file = one expert = one YAML name."""
