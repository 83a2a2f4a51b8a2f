"""What looks at the frames of a clip: one file = one observer = one name in a recipe (`coarse_hoi: {observer: ...}`).

The contract is `Observer` in `hoigen.hoi.observation`. What it sees is written into the run, and measures are made of
that: a measure of observations decodes and detects nothing by itself.
"""
