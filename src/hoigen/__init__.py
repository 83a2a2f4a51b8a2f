"""hoigen: build and measure human-object-interaction video data."""
