"""The vocabulary: HICO-DET's verbs and objects, what touches, prompts that ask, captions that tell."""
