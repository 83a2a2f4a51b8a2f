"""Generated videos and better models: what makes videos of prompts, and trains what makes them."""
