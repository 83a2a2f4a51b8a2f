"""The shape of the code in figures: python benchmarks/house.py [src/hoigen]

files, lines        Python files and their lines
top entries         what a newcomer sees first: files and folders directly in the package
functions           defs per 1,000 lines; their median and 90th percentile of lines
single-use helpers  private functions and methods (`_name`) that their module names once besides where they are defined,
                    as a share of all functions
public classes      classes without underscore per 1,000 lines
documented          of public functions with arguments that have a docstring, those in which every argument is named, or
                    has its help in its annotation (`Annotated[..., Setting(...)]`)
circles             groups of modules that import each other when they are imported (`if TYPE_CHECKING` is left out)
late circles        the same, with imports inside functions counted
circles of types    the same, with `if TYPE_CHECKING` counted as well
"""

from __future__ import annotations

import ast
import re
import statistics
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path


def modules(root: Path) -> dict[str, tuple[Path, ast.Module]]:
    """Every module below the package folder `root`, by its dotted name."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = [root.name, *path.relative_to(root).with_suffix("").parts]
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = path, ast.parse(path.read_text(encoding="utf-8"))
    return found


def imports(name: str, tree: ast.Module, known: set[str], *, late: bool, types: bool = False) -> set[str]:
    """The modules of the package that a module imports. late: inside functions too. types: for type checkers too."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test) and not types:
                continue
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and not late:
                continue
            if isinstance(child, ast.Import):
                found.update(alias.name for alias in child.names)
            elif isinstance(child, ast.ImportFrom) and child.module:
                for alias in child.names:
                    inner = f"{child.module}.{alias.name}"
                    found.add(inner if inner in known else child.module)
            visit(child)

    visit(tree)
    return (found & known) - {name}


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules of which each reaches every other (Tarjan's strongly connected components of two or more)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def walk(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(edges[node]):
            if other not in index:
                walk(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            group = []
            while True:
                group.append(stack.pop())
                if group[-1] == node:
                    break
            if len(group) > 1:
                found.append(sorted(group))

    sys.setrecursionlimit(10_000)
    for node in sorted(edges):
        if node not in index:
            walk(node)
    return found


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def used_once(text: str, tree: ast.Module) -> int:
    """How many private functions of a module are named in it once, besides where they are defined."""
    words = Counter(re.findall(r"\w+", text))
    private = Counter(f.name for f in functions(tree) if f.name.startswith("_") and not f.name.startswith("__"))
    return sum(count for name, count in private.items() if words[name] == count + 1)


def arguments_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.arg]:
    spec = function.args
    return [each for each in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs) if each.arg not in ("self", "cls")]


def is_told(argument: ast.arg, doc: str, declared: set[str]) -> bool:
    """Whether an argument has its help in the docstring or in its annotation. declared: names of such annotations."""
    written = ast.unparse(argument.annotation) if argument.annotation is not None else ""
    return "Setting(" in written or written in declared or re.search(rf"\b{argument.arg}\b", doc) is not None


def figures(root: Path) -> dict[str, str]:
    """Name of a figure -> what it came to."""
    found = modules(root)
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path, _ in found.values())
    every = [(name, function) for name, (_, tree) in found.items() for function in functions(tree)]
    sizes = sorted((function.end_lineno or function.lineno) - function.lineno + 1 for _, function in every)
    single = sum(used_once(path.read_text(encoding="utf-8"), tree) for path, tree in found.values())
    classes = [node for _, tree in found.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    public = [
        (function, arguments_of(function))
        for _, function in every
        if not function.name.startswith("_") and arguments_of(function) and ast.get_docstring(function)
    ]
    assigned = [node for _, tree in found.values() for node in tree.body if isinstance(node, ast.Assign)]
    declared = {ast.unparse(node.targets[0]) for node in assigned if "Setting(" in ast.unparse(node.value)}
    told = sum(
        all(is_told(each, ast.get_docstring(function) or "", declared) for each in arguments)
        for function, arguments in public
    )
    early, late, typed = (
        circles({name: imports(name, tree, set(found), late=late, types=types) for name, (_, tree) in found.items()})
        for late, types in ((False, False), (True, False), (True, True))
    )
    entries = [e for e in root.iterdir() if e.name != "__pycache__" and not e.name.startswith(".")]
    return {
        "files": f"{len(found)}",
        "lines": f"{lines:,}",
        "top entries": f"{len(entries)}",
        "functions per 1,000 lines": f"{1000 * len(every) / lines:.1f}",
        "lines of a function, median and 90 %": f"{statistics.median(sizes):g}, {sizes[int(0.9 * len(sizes))]}",
        "single-use helpers, of all functions": f"{single / len(every):.1%}",
        "public classes per 1,000 lines": f"{1000 * sum(not c.name.startswith('_') for c in classes) / lines:.1f}",
        "public functions with every argument in their docstring": f"{told / len(public):.1%} of {len(public)}",
        "circles": f"{len(early)}" + "".join(f"; {' '.join(group)}" for group in early),
        "late circles": f"{len(late)}" + "".join(f"; {' '.join(group)}" for group in late),
        "circles of types": f"{len(typed)}" + "".join(f"; {' '.join(group)}" for group in typed),
    }


def longest_chain(root: Path) -> int:
    """Modules on the longest way of imports, as a sign of how many floors there are."""
    found = modules(root)
    edges = {name: imports(name, tree, set(found), late=False) for name, (_, tree) in found.items()}
    depth: dict[str, int] = defaultdict(int)

    def down(name: str, seen: frozenset[str]) -> int:
        if name not in depth:
            depth[name] = 1 + max((down(o, seen | {name}) for o in edges[name] if o not in seen), default=0)
        return depth[name]

    return max(down(name, frozenset()) for name in edges)


def main() -> None:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else "src/hoigen").resolve()
    for name, value in figures(root).items():
        print(f"{name:57} {value}")
    print(f"{'floors (longest way of imports)':57} {longest_chain(root)}")


if __name__ == "__main__":
    main()
