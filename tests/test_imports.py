"""Imports run one way: a room asks only those below it, and no two modules ask each other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import hoigen

SOURCE = Path(hoigen.__file__).parent
FLOORS = (
    "core", "data", "work", "recipe", "models", "video", "interactions", "observe", "measures",
    "rules", "stages", "evaluation", "dataset", "training", "pages", "review", "commands",
)  # fmt: skip
"""From the ground up, as ARCHITECTURE.md draws them."""


def modules() -> dict[str, ast.Module]:
    found = {}
    for path in SOURCE.rglob("*.py"):
        parts = ["hoigen", *path.relative_to(SOURCE).with_suffix("").parts]
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


MODULES = modules()


def imports(name: str) -> Iterator[str]:
    """Everything of the package that a module imports: at its top, inside functions, and for types alone."""
    for node in ast.walk(MODULES[name]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                wanted = inner if inner in MODULES else node.module
                if wanted in MODULES:
                    yield wanted


def room(name: str) -> str:
    return name.split(".")[1] if "." in name else ""


def test_every_room_has_its_floor() -> None:
    rooms = {room(name) for name in MODULES} - {"", "__main__"}
    assert rooms == set(FLOORS)
    drawn = (SOURCE.parents[1] / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert " < ".join(FLOORS) in " ".join(drawn.split())


def test_no_room_asks_one_above_it() -> None:
    upwards = [
        f"{name} -> {other}"
        for name in MODULES
        for other in imports(name)
        if room(name) in FLOORS and room(other) in FLOORS and FLOORS.index(room(other)) > FLOORS.index(room(name))
    ]
    assert not upwards


def test_no_circle_of_modules() -> None:
    edges = {name: {other for other in imports(name) if other != name} for name in MODULES}
    while True:  # what asks nobody of the rest, or is asked by nobody of it, is in no circle
        asked = {other for others in edges.values() for other in others}
        out = {name for name, others in edges.items() if name not in asked or not others & edges.keys()}
        if not out:
            break
        edges = {name: others & (edges.keys() - out) for name, others in edges.items() if name not in out}
    assert not sorted(edges)
