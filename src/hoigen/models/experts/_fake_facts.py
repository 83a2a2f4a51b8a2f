"""Clips whose facts are known: each has one value per slot, and a sentence for every value."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

SLOTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "person": (
        "In view: {}.",
        ("one woman", "two women", "one man", "two men", "one child", "two children", "three men", "three women"),
    ),
    "object": (
        "The object at hand is a {}.",
        ("kettle", "hammer", "guitar", "bicycle", "notebook", "bucket", "paintbrush", "telephone"),
    ),
    "attribute": (
        "Its colour is {}.",
        ("red", "blue", "green", "yellow", "black", "white", "orange", "purple"),
    ),
    "action": (
        "First the hands {} it.",
        ("lift", "push", "wipe", "shake", "open", "turn", "carry", "point at"),
    ),
    "after": (
        "Then the hands {} it.",
        ("put down", "hand over", "drop", "tie up", "cover", "fold", "throw", "hide"),
    ),
    "state": (
        "In the end it is {}.",
        ("upside down", "wet", "broken", "empty", "full", "clean", "out of sight", "on the floor"),
    ),
    "scene": (
        "The place is a {}.",
        ("kitchen", "garden", "workshop", "classroom", "street", "beach", "garage", "station"),
    ),
    "camera": (
        "The camera {}.",
        ("stands still", "pans left", "pans right", "zooms in", "zooms out", "tilts up", "tilts down", "follows"),
    ),
}
"""slot -> its sentence and the values it may have."""

PARTS = {
    "object": ("object", "attribute"),
    "interaction": ("person", "action", "after", "state"),
    "scene": ("scene", "camera"),
}
"""What the decision expert is asked about -> the slots that belong to it."""

_FOUND = {slot: re.compile(re.escape(form).replace(re.escape("{}"), r"([^.]+)")) for slot, (form, _) in SLOTS.items()}


def chance(*keys: object) -> float:
    """A number in [0, 1) that is always the same for the same keys, and unrelated for others."""
    text = "\0".join(str(key) for key in keys)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=7).digest(), "big") / 2**56


def chosen(values: tuple[str, ...], *keys: object) -> str:
    """One of the values, by chance."""
    return values[int(chance(*keys) * len(values))]


def facts_of(seed: int, media: str) -> dict[str, str]:
    """What is true of a clip: slot -> value.

    Args:
        seed: of the world.
        media: digest of what is shown of the clip.
    """
    return {slot: chosen(values, "fact", seed, media, slot) for slot, (_, values) in SLOTS.items()}


def wrong(slot: str, truth: str, *keys: object) -> str:
    """A value that is not the true one.

    Args:
        slot: of which fact.
        truth: the true value.
        *keys: fix the choice.
    """
    return chosen(tuple(value for value in SLOTS[slot][1] if value != truth), *keys)


def told(slot: str, value: str) -> str:
    """A value in words.

    Args:
        slot: of which fact.
        value: one of its values.
    """
    return SLOTS[slot][0].format(value)


def tell(said: Mapping[str, str]) -> str:
    """All values in words, one paragraph in the order of the slots."""
    return " ".join(told(slot, said[slot]) for slot in SLOTS if slot in said)


def read(text: str) -> dict[str, str]:
    """The values that a text tells of: slot -> value. The first of each counts."""
    found = ((slot, pattern.search(text)) for slot, pattern in _FOUND.items())
    return {slot: match.group(1) for slot, match in found if match}


def count(text: str, facts: Mapping[str, str]) -> tuple[int, int]:
    """(false claims, all claims) of a text.

    Args:
        text: a description.
        facts: what is true of its clip.
    """
    said = read(text)
    return sum(facts[slot] != value for slot, value in said.items()), len(said)
