"""Asking a server that speaks OpenAI's chat completions: endpoints and connections, bodies and replies."""
