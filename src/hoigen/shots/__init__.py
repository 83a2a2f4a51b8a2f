"""Where a video is cut: one file = one detector."""
