"""Observers: what looks at the frames of a clip, and what is made of what they see.

Plug-ins, each a name in a recipe (`coarse_hoi: {observer: ...}`): lite, models, two_stage, ada_cm, mllm, recorded. The
contract is `Observer` in observation.py. What an observer sees is written into the run, and measures are made of it: a
measure of observations decodes and detects nothing by itself.
"""
