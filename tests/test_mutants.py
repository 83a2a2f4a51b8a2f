"""benchmarks/mutants.py: which mutants there are, which are drawn, and what becomes of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"

SOURCE = '''"""Of what this is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import decimal

LIMIT = 3
Kind = int | str


def fits(size: "int", least: int = 1) -> bool:
    """Whether it fits."""
    if least <= size < LIMIT and not size == 7:
        return True
    if size:
        raise ValueError(f"too large: {size}", "far too large")
    print("nothing")
    label(size, "a b")
    return size + 2 > 0
'''


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return pytest.importorskip("mutants")


@pytest.fixture
def operators(driver: Any) -> Any:
    return sys.modules["mutants_operators"]


def changes(operators: Any, source: str = SOURCE) -> set[tuple[int, str, str, str]]:
    return {(it.lines[0], it.operator, it.before, it.after) for it, _ in operators.mutants("a.py", source)}


@pytest.mark.parametrize(
    "change",
    [
        (10, "number", "3", "4"),
        (14, "default_gone", "least: int = 1", "least: int = None"),
        (16, "boundary_turned", "< LIMIT", ">= LIMIT"),
        (16, "swap_op", "<= size", "< size"),
        (16, "swap_op", "== 7", "!= 7"),
        (16, "remove_unary_ops", "not size == 7", "size == 7"),
        (17, "return_none", "return True", "return None"),
        (17, "name", "True", "False"),
        (19, "statement_gone", 'raise ValueError(f"too large: {size}", "far too large")', "pass"),
        (21, "statement_gone", 'label(size, "a b")', "pass"),
        (21, "arg_removal", 'label(size, "a b")', 'label("a b")'),
        (22, "swap_op", "size + 2", "size - 2"),
    ],
)
def test_what_is_mutated(operators: Any, change: tuple[int, str, str, str]) -> None:
    assert change in {
        (line, doing, " ".join(before.split()), " ".join(after.split()))
        for line, doing, before, after in changes(operators)
    }


def test_an_and_becomes_an_or(operators: Any) -> None:
    after = {after for line, doing, _, after in changes(operators) if (line, doing) == (16, "swap_op")}
    assert "least <= size < LIMIT or not size == 7" in after


def test_a_condition_without_operator_is_turned(operators: Any) -> None:
    turned = [after for line, doing, _, after in changes(operators) if doing == "condition_turned"]
    assert len(turned) == 1
    assert turned[0].startswith("if not (size):")


def test_words_types_and_annotations_are_left_alone(operators: Any) -> None:
    lines = {line: doing for line, doing, _, _ in changes(operators)}
    assert lines.keys() == {10, 14, 16, 17, 18, 19, 20, 21, 22}
    of_words = [(doing, before) for line, doing, before, _ in changes(operators) if line in (19, 20)]
    assert {doing for doing, _ in of_words} == {"statement_gone"}, "nothing inside a message"
    assert not [before for _, doing, before, _ in changes(operators) if doing == "string" and before != '"a b"']


def test_sql_is_no_message(operators: Any) -> None:
    found = changes(operators, 'query = "SELECT id FROM clips"\nwords = "no clip is left"\n')
    assert {before for _, doing, before, _ in found if doing == "string"} == {'"SELECT id FROM clips"'}


def test_a_mutant_is_the_whole_file_with_one_change(operators: Any) -> None:
    for mutant, source in operators.mutants("a.py", SOURCE):
        old, new = SOURCE.splitlines(), source().splitlines()
        changed = [at for at in range(min(len(old), len(new))) if old[at] != new[at]]
        assert changed, mutant
        assert mutant.lines[0] <= changed[0] + 1 <= mutant.lines[1]


def test_a_name_is_kept_where_code_moves(operators: Any, driver: Any) -> None:
    before = [mutant for mutant, _ in operators.mutants("a.py", SOURCE)]
    moved = [mutant for mutant, _ in operators.mutants("a.py", SOURCE.replace("LIMIT = 3", "ROOM = 9\n\nLIMIT = 3"))]
    names = [mutant.name for mutant in before]
    assert len(set(names)) == len(names)
    assert set(names) < {mutant.name for mutant in moved}
    drawn = driver.drawn(before, 5, 4)
    assert [it.name for it in driver.drawn(before[::-1], 5, 4)] == [it.name for it in drawn]
    assert len({it.text for it in drawn}) == 4, "a line once"
    assert any({it.name for it in driver.drawn(before, seed, 4)} != {it.name for it in drawn} for seed in range(6, 9))
    new = {it.name for it in moved} - set(names)
    still = [it.name for it in driver.drawn(moved, 5, 5) if it.name not in new]
    assert still[:4] == [it.name for it in drawn][: len(still[:4])], "what is new takes a place, and moves nothing else"


def test_where_lines_were(driver: Any) -> None:
    assert driver.where_lines_were("a\nb\nc\n", "new\na\nc\n") == {2: 1, 3: 3}


RUN = """
def least(values):
    best = values[0]
    at = 0
    while at < len(values):
        if values[at] < best:
            best = values[at]
        at += 1
    return best


def unused():
    return 3
"""


def test_from_the_draw_to_the_score(
    driver: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A tree of one file whose loop runs for ever when it does not count, tested in this process and in another one."""
    tree = tmp_path / "tree"
    for name, text in {
        "src/hoigen/__init__.py": "",
        "src/hoigen/data/__init__.py": "",
        "src/hoigen/data/few.py": RUN,
        "tests/test_few.py": "import subprocess, sys\nfrom hoigen.data.few import least\n\n"
        "def test_here():\n    assert least([3, 2, 4]) == 2\n\n"
        "def test_there():\n"
        "    code = 'from hoigen.data.few import unused; print(unused())'\n"
        "    assert subprocess.check_output([sys.executable, '-c', code]) == b'3\\n'\n\n"
        "def test_that_fails_anyway():\n    assert least([1]) == 2\n",
    }.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    (tree / "tests/few").symlink_to("../src/hoigen/data")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *words], cwd=tree, check=True)
    monkeypatch.setattr(driver, "ROOT", tree)
    monkeypatch.setattr(driver, "PATIENCE", 3.0)
    command = [
        "mutants.py",
        "--rooms",
        "data",
        "--count",
        "8",
        "--seed",
        "20261127",
        "--out",
        str(tmp_path / "out"),
        "--jobs",
        "2",
    ]
    monkeypatch.setattr(sys, "argv", command)
    driver.main()
    said = capsys.readouterr().out
    done = driver.read(tmp_path / "out" / "first.jsonl").values()
    by_line = {row["lines"][0]: row for row in done}
    assert len(by_line) == 8, said
    assert by_line[13]["verdict"] == "killed"
    assert by_line[13]["by"] == "tests/test_few.py::test_there", "what another process runs counts too"
    assert by_line[8]["verdict"] == "timeout", by_line[8]
    assert {row["by"] for row in done} <= {"tests/test_few.py::test_here", "tests/test_few.py::test_there", ""}
    assert [row["lines"][0] for row in done if row["verdict"] == "alive"] == [4], "3 is not the least of 3, 2, 4"
    assert "killed 7 of 8 (88%)" in said
    assert (tmp_path / "out/unmutated/tests/few/few.py").read_text() == RUN, "links to folders are copied too"
    assert (tree / "src/hoigen/data/few.py").read_text() == RUN, "the checkout is never touched"

    driver.main()
    assert "1 of 1 files" not in capsys.readouterr().out, "neither the tests nor the mutants are run again"
    assert len((tmp_path / "out" / "first.jsonl").read_text().splitlines()) == 8
