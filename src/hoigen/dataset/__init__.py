"""The dataset that a run ends in: what others train on, and what is known of it.

Everything here reads a run, and goes by what its rules keep.
"""
