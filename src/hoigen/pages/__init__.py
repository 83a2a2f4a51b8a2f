"""HTML pages and figures: of a run, of an evaluation, two runs side by side."""
