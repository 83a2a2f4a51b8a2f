"""A recipe: its keys (recipe.py), its file (yaml.py), and what its values become (build.py)."""
