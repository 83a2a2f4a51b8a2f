"""Captions against human-checked claims: how much of what they say is not so, and what they leave out."""
