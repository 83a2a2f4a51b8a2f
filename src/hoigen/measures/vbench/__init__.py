"""What the seven dimensions of VBench that hoigen measures share: frames as its networks see them, CLIP's tokenizer,
what is kept of a clip under way. The networks are in `hoigen.models.nets`.

Every dimension is a measure of its own (`hoigen.measures`), fed from the one decode of the clip and bounded in memory.
Numbers are those of VBench 0.1.5 for the same weights; `docs/vbench.md` says how near, and where a choice was made.

Source: Huang et al., VBench: Comprehensive Benchmark Suite for Video Generative Models, CVPR 2024, arXiv 2311.17982.
"""
