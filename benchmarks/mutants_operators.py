"""Which mutants a source file has; `mutants.py` draws from them.

They are those of mutmut's operators (BSD-3-Clause), and of five of this file: a statement that is gone, `return None`,
a condition that is turned round, a boundary (`<` that became `>=`), an argument's default that is gone. Left alone are
what nobody runs (annotations, docstrings, `if TYPE_CHECKING`), decorators, messages (what is raised, printed or warned
of; other words for people: strings with a space that are no SQL), and the tables of cards.py, which are copied from
those who publish a model.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import libcst as cst
from libcst import matchers as m
from libcst.metadata import MetadataWrapper, ParentNodeProvider, PositionProvider
from mutmut.mutation.mutators import mutation_operators

TABLES = ("ModelCard", "Archive", "Url", "WheelMember", "OwnFile", "HubRepository")
"""What publishers say of their files, copied: only they could say that it is wrong."""

SPEAKS = re.compile(
    r"^(print|warn|warnings\.warn|say|log|write)$|(^|\.)(_?say|_?warn|note|notice|logger\.\w+)$|Error$|Warning$"
)
SQL = re.compile(r"\b(SELECT|FROM|WHERE|JOIN|ORDER BY|GROUP BY|COPY|AND|OR|NOT|IS|AS|CASE|WHEN|UNION|PARTITION)\b")


def statement_gone(node: cst.SimpleStatementLine) -> Iterable[cst.CSTNode]:
    """`f(x)`, `raise E` or `x += 1` -> `pass`."""
    gone = m.Expr(m.Call() | m.Await(m.Call())) | m.Raise() | m.AugAssign() | m.Del()
    if m.matches(node, m.SimpleStatementLine([gone])):
        yield node.with_changes(body=[cst.Pass()])


def return_none(node: cst.Return) -> Iterable[cst.CSTNode]:
    """`return x` -> `return None`."""
    if node.value is not None and not m.matches(node.value, m.Name("None")):
        yield node.with_changes(value=cst.Name("None"), whitespace_after_return=cst.SimpleWhitespace(" "))


def condition_turned(node: cst.If | cst.While | cst.Assert | cst.CompIf) -> Iterable[cst.CSTNode]:
    """`if x:` -> `if not x:`, where no operator can be flipped."""
    if m.matches(node.test, m.Name() | m.Attribute() | m.Call() | m.Subscript() | m.NamedExpr()):
        turned = cst.UnaryOperation(cst.Not(), node.test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()]))
        yield node.with_changes(test=turned)


def boundary_turned(node: cst.ComparisonTarget) -> Iterable[cst.CSTNode]:
    """`<` -> `>=`, and so on; that `<` becomes `<=` mutmut has."""
    turned: dict[type[cst.CSTNode], cst.BaseCompOp] = {
        cst.LessThan: cst.GreaterThanEqual(),
        cst.LessThanEqual: cst.GreaterThan(),
        cst.GreaterThan: cst.LessThanEqual(),
        cst.GreaterThanEqual: cst.LessThan(),
    }
    if type(node.operator) in turned:
        yield node.with_changes(operator=turned[type(node.operator)])


def default_gone(node: cst.Param) -> Iterable[cst.CSTNode]:
    """`x=1` of a function's arguments -> `x=None`; None -> `""`."""
    if node.default is not None:
        none = m.matches(node.default, m.Name("None"))
        yield node.with_changes(default=cst.SimpleString('""') if none else cst.Name("None"))


Operator = Callable[[Any], Iterable[cst.CSTNode]]
OPERATORS: list[tuple[type, Operator]] = [
    *mutation_operators,
    (cst.SimpleStatementLine, statement_gone),
    (cst.Return, return_none),
    (cst.If, condition_turned),
    (cst.While, condition_turned),
    (cst.Assert, condition_turned),
    (cst.CompIf, condition_turned),
    (cst.ComparisonTarget, boundary_turned),
    (cst.Param, default_gone),
]


@dataclass(frozen=True)
class Mutant:
    """One change of a file.

    Args:
        name: the same wherever the code around it moved.
        path: the file, from the root of the project.
        lines: the first and the last line of what is changed.
        function: where it stands, as `Class.function`; empty at the top of a file.
        text: its first line.
        operator: what was done.
        before: the changed part of the source.
        after: what it became.
    """

    name: str
    path: str
    lines: tuple[int, int]
    function: str
    text: str
    operator: str
    before: str
    after: str


def mutants(path: str, source: str) -> Iterator[tuple[Mutant, Callable[[], str]]]:
    """All of a file, in the order of their places; each with what makes the whole file with this one change.

    Args:
        path: the file, from the root of the project.
        source: its text.
    """
    wrapper = MetadataWrapper(cst.parse_module(source))
    positions = wrapper.resolve(PositionProvider)
    parents = wrapper.resolve(ParentNodeProvider)
    rows = source.splitlines()
    seen: Counter[tuple[str, ...]] = Counter()

    def walk(node: cst.CSTNode, function: str) -> Iterator[tuple[cst.CSTNode, str]]:
        if left_alone(node, parents.get(node)):
            return
        yield node, function
        inner = function
        if isinstance(node, cst.FunctionDef | cst.ClassDef):
            inner = f"{function}.{node.name.value}".lstrip(".")
        for child in node.children:
            yield from walk(child, inner)

    def changed(node: cst.CSTNode, by: cst.CSTNode) -> str:
        module = wrapper.module.deep_replace(node, by)
        assert isinstance(module, cst.Module)
        return module.code

    for node, function in walk(wrapper.module, ""):
        for kind, operator in OPERATORS:
            if not isinstance(node, kind) or m.matches(node, m.Call(func=m.Name("len") | m.Name("isinstance"))):
                continue
            for by in operator(node):
                place = positions[node]
                text = rows[place.start.line - 1].strip()
                before, after = (wrapper.module.code_for_node(part).strip() for part in (node, by))
                doing = operator.__name__.removeprefix("operator_")
                key = (path, function, text, doing, before, after)
                seen[key] += 1
                name = hashlib.sha256("\0".join((*key, str(seen[key]))).encode()).hexdigest()[:12]
                lines = place.start.line, place.end.line
                yield Mutant(name, path, lines, function, text, doing, before, after), partial(changed, node, by)


def left_alone(node: cst.CSTNode, parent: cst.CSTNode | None) -> bool:
    """Whether nothing below a node is mutated: what is not run, and what only says something."""
    match node:
        case cst.Annotation() | cst.Decorator() | cst.Import() | cst.ImportFrom() | cst.TypeAlias():
            return True
        case cst.If(test=cst.Name("TYPE_CHECKING")):
            return True
        case cst.Expr(value=cst.SimpleString() | cst.ConcatenatedString()):
            return True
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(name))]) if name.startswith("__") or (
            re.fullmatch(r"_?[A-Z][A-Za-z]*[a-z][A-Za-z]*", name) and isinstance(parent, cst.SimpleStatementLine)
        ):
            return True  # __all__; the name of a type
        case cst.Call(func=func):
            called = cst.Module([]).code_for_node(func)
            return called in TABLES or bool(SPEAKS.search(called))
        case cst.SimpleString(value=text):
            return " " in text.strip("\"' ") and not SQL.search(text)
    return False
