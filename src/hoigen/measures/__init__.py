"""One file = one measure = one YAML name."""
