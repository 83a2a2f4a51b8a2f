"""Plug-ins by name: the table, files of one's own, installed packages."""

from __future__ import annotations

import ast
from pathlib import Path

import hoigen
from hoigen.core.registry import OWN, Kind, find, names_of

SOURCE = Path(hoigen.__file__).parent


def decorated(path: Path) -> list[tuple[str, str]]:
    """Kind and name of each class with a decorator such as `@measure("motion")`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [made for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for made in node.decorator_list]
    return [
        (made.func.id, str(made.args[0].value))
        for made in calls
        if isinstance(made, ast.Call) and isinstance(made.func, ast.Name) and made.func.id in OWN
        if isinstance(made.args[0], ast.Constant)
    ]


def test_the_table_names_every_plug_in_and_nothing_else() -> None:
    """A file that only helps can stand beside plug-ins under any name; one that is a plug-in has its line."""
    found = {each: path for path in SOURCE.rglob("*.py") for each in decorated(path)}
    assert set(found) == {(kind, name) for kind, names in OWN.items() for name in names}
    for (kind, name), path in found.items():
        assert OWN[kind][name] == ".".join(("hoigen", *path.relative_to(SOURCE).with_suffix("").parts))  # type: ignore[index]


def test_every_plug_in_is_found_by_its_name() -> None:
    kind: Kind
    for kind, names in OWN.items():
        assert set(names) <= set(names_of(kind))
        for name in names:
            assert find(kind, name).name == name
