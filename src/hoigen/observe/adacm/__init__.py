"""ADA-CM, the detector of interactions that HOIGen-1M scores with, as far as looking at pictures goes.

A picture -> boxes (`finder` with `detr`) -> the pairs that are looked at (`reading`) -> CLIP's features of person,
object and both -> verbs (`trained` with trained weights, `shots` with whole crops without).

Source: Lei et al., Efficient Adaptive Human-Object Interaction Detection with Concept-guided Memory, arXiv 2309.03696;
names of the weights and numbers as github.com/ltttpku/ADA-CM has them.
"""
