"""What the seven dimensions of VBench share that hoigen measures: frames as its models see them, models, checkpoints.

Every dimension is a measure of its own (`hoigen.measures`), fed from the one decode of the clip and bounded in memory.
Numbers are those of VBench 0.1.5 for the same weights; `docs/vbench.md` says how near, and where a choice was made.

Source: Huang et al., VBench: Comprehensive Benchmark Suite for Video Generative Models, CVPR 2024, arXiv 2311.17982.
"""
