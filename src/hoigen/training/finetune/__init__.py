"""LoRA training of text-to-video models on diffusers, peft and accelerate."""
