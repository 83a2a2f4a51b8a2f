"""Mutation testing of the core: does a test fail when a line of it is wrong?

`python benchmarks/mutants.py` (or `make mutants`) copies the working tree, draws mutants of the rooms by a seed, puts
one after the other into the copy, and runs against it the tests that come by the mutated lines. docs/mutants.md has the
score and says how to read it.

    --seed N       which mutants are drawn (20261126)
    --count N      how many (200)
    --rooms A,B    of which folders of src/hoigen (data,work,stages,rules,models,stats)
    --look NAME    results go to OUT/NAME.jsonl, a line each; what stands there is not done again (first)
    --again        what lived in that look before is tried once more
    --jobs N       mutants at once (2)
    --budget N     a mutant that outlives tests of N seconds, as they take without it, counts as alive (60)
    --mapped       runs nothing with coverage: takes what was measured before, also of tests that changed since
    --out FOLDER   build/mutants
    --list         prints what would be drawn, and runs nothing
    --report       prints the score of what was done, and runs nothing

A mutant's name is the digest of where it stands by name (file, function, the line's own text) and of what it changes,
not of line numbers; lines are drawn by the digest of the same together with the seed. So one seed draws the same
mutants again wherever the code around them moved.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import difflib
import hashlib
import itertools
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from machine import headline
from mutants_operators import Mutant, mutants

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("data", "work", "stages", "rules", "models", "stats")
EQUIVALENT = Path(__file__).with_name("mutants_equivalent.json")
NOT_RUN = ("install/", "pages/test_browser.py", "test_mutants.py")
"""Tests that are never asked: they build wheels, drive a browser, or are of this script."""

SLOWER = 6.0
PATIENCE = 60.0
"""A mutant may take SLOWER times what its tests take without it, and so many seconds more."""

MEMORY = 12 << 30
"""Bytes that each process of a test may have: a mutant may ask for endless memory."""


def digest(text: str | bytes) -> str:
    """The first digits of a sha256."""
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()[:16]


def copy_tree(to: Path) -> Path:
    """Copies the working tree, without what git ignores; a tree that is there is replaced."""
    shutil.rmtree(to, ignore_errors=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True, text=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file() or (ROOT / name).is_symlink():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name, follow_symlinks=False)
    return to


def commit() -> str:
    """The commit of the working tree, and whether it has changes."""
    described = ["git", "describe", "--always", "--dirty", "--exclude=*", "--abbrev=10"]
    return subprocess.run(described, cwd=ROOT, capture_output=True, check=True, text=True).stdout.strip()


def found(rooms: Iterable[str], cache: Path) -> list[Mutant]:
    """All mutants of the rooms; those of a file are kept in `cache` under its digest."""
    cache.mkdir(parents=True, exist_ok=True)
    rules = digest(Path(__file__).with_name("mutants_operators.py").read_bytes())
    every = []
    for path in sorted(path for room in rooms for path in (ROOT / "src/hoigen" / room).rglob("*.py")):
        name, source = str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
        kept = cache / f"{digest(rules + name + source)}.json"
        if not kept.exists():
            kept.write_text(json.dumps([asdict(mutant) for mutant, _ in mutants(name, source)]))
        every += [Mutant(**row | {"lines": tuple(row["lines"])}) for row in json.loads(kept.read_text())]
    return every


def drawn(every: Iterable[Mutant], seed: int, count: int) -> list[Mutant]:
    """A line at random, an operator at random of those that it has, and one of their mutants: `count` times, each line
    once. So a call of ten arguments counts no more than a comparison.

    Args:
        every: what there is.
        seed: by which it is drawn.
        count: how many.
    """

    def chance(*words: str) -> str:
        return hashlib.sha256("\0".join((str(seed), *words)).encode()).hexdigest()

    lines: dict[tuple[str, ...], dict[str, list[Mutant]]] = defaultdict(lambda: defaultdict(list))
    for mutant in every:
        lines[mutant.path, mutant.function, mutant.text][mutant.operator].append(mutant)
    picked = []
    for line in sorted(lines, key=lambda line: chance(*line))[:count]:
        operators = lines[line]
        operator = min(operators, key=lambda operator: chance(*line, operator))
        picked.append(min(operators[operator], key=lambda mutant: chance(mutant.name)))
    return picked


def mutated(source: str, mutant: Mutant) -> str:
    """The source of a mutant's file with its change; empty where that is no Python."""
    change = next(change for other, change in mutants(mutant.path, source) if other.name == mutant.name)
    try:
        ast.parse(changed := change())
    except SyntaxError:
        return ""
    return changed


def pytest(tree: Path, tests: Iterable[str], log: Path, limit: float, **environment: str) -> int | None:
    """Runs tests in a copy of the tree until one fails. Returns pytest's exit code; None when they took too long.

    Args:
        tree: the copy.
        tests: files, or ids of tests.
        log: gets a line a test.
        limit: seconds.
        environment: more variables.
    """
    log.unlink(missing_ok=True)
    mark = f"{log}-{time.monotonic()}"
    with tempfile.TemporaryDirectory(dir=log.parent) as scratch:
        listed = Path(scratch, "tests")
        listed.write_text("\n".join(tests))
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-m", "not slow", f"@{listed}"]
        command += ["-p", "mutants_plugin", "-p", "no:cacheprovider", f"--basetemp={scratch}/tmp", "--timeout=300"]
        with open(log.with_suffix(".out"), "w") as out:
            process = subprocess.Popen(
                command,
                cwd=tree,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                preexec_fn=partial(resource.setrlimit, resource.RLIMIT_DATA, (MEMORY, MEMORY)),
                env={name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
                | {
                    "PYTHONPATH": f"{tree}/src:{Path(__file__).parent}",
                    "TMPDIR": scratch,
                    "PYTHONDONTWRITEBYTECODE": "",
                }
                | {"MUTANTS_TESTS": str(log), "MUTANTS_MARK": mark, "HOIGEN_SHARED": f"{tree}/none"}
                | environment,
            )
            try:
                return process.wait(limit)
            except subprocess.TimeoutExpired:
                return None
            finally:
                end_all(mark)
                process.wait()


def end_all(mark: str) -> None:
    """Kills every process that was started with MUTANTS_MARK=mark, also what has a session of its own."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            variables = (folder / "environ").read_bytes().split(b"\0")
            if f"MUTANTS_MARK={mark}".encode() in variables:
                os.kill(int(folder.name), signal.SIGKILL)
        except OSError:
            continue


def outcomes(log: Path) -> list[dict[str, Any]]:
    """The finished tests of a run: id, outcome, seconds."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


class Map:
    """Which tests come by which lines, of all files of tests; a file of tests that changed is run again.

    Args:
        folder: where it is kept.
        tree: a copy of the tree that nothing mutates.
        rooms: which folders count.
    """

    def __init__(self, folder: Path, tree: Path, rooms: Iterable[str]) -> None:
        self.folder, self.tree, self.rooms = folder, tree, tuple(rooms)
        self.seconds: dict[str, float] = {}
        self._reached: dict[str, dict[str, dict[int, set[str]]]] = defaultdict(dict)
        (folder / "sources").mkdir(parents=True, exist_ok=True)

    def fill(self, jobs: int, *, run: bool) -> None:
        """Reads all, and first runs what was not run yet.

        Args:
            jobs: files of tests at once.
            run: without, what is known is taken as it is, and other files of tests are not asked.
        """
        files = sorted(str(path.relative_to(self.tree)) for path in (self.tree / "tests").rglob("test_*.py"))
        files = [name for name in files if not any(part in name for part in NOT_RUN)]
        wanted = {name: self.folder / f"{name.replace('/', '+')}.json" for name in files}
        new = [name for name, kept in wanted.items() if not self._fresh(name, kept)]
        if not run:
            wanted = {name: kept for name, kept in wanted.items() if kept.exists()}
        elif new:
            print(f"{len(new)} of {len(files)} files of tests are run with coverage", flush=True)
            with ThreadPoolExecutor(jobs) as pool:
                list(pool.map(lambda name: self._measure(name, wanted[name]), new))
        for kept in wanted.values():
            entry = json.loads(kept.read_text())
            self.seconds |= entry["seconds"]
            for path, source in entry["sources"].items():
                lines = self._reached[path].setdefault(source, defaultdict(set))
                for test, those in entry["lines"].get(path, {}).items():
                    for line in those:
                        lines[line].add(test)
        if self.seconds:  # names of tests may come from the sources, which have changed since
            there = self.folder / "there.jsonl"
            assert pytest(self.tree, [*wanted, "--collect-only"], there, 600) == 0, f"see {there.with_suffix('.out')}"
            known = {row["test"] for row in outcomes(there)}
            self.seconds = {test: seconds for test, seconds in self.seconds.items() if test in known}

    def _fresh(self, name: str, kept: Path) -> bool:
        return kept.exists() and json.loads(kept.read_text())["digest"] == digest((self.tree / name).read_bytes())

    def _measure(self, name: str, kept: Path) -> None:
        log = kept.with_suffix(".jsonl")
        settings = kept.with_suffix(".rc")
        rooms = "".join(f"\n    {self.tree}/src/hoigen/{room}" for room in self.rooms)
        settings.write_text(
            f"[run]\ncontext = ${{PYTEST_CURRENT_TEST-}}\nparallel = true\ndata_file = {kept.with_suffix('.cov')}\n"
            f"patch = _exit\nsource = {rooms}\n"
        )
        pytest(self.tree, [name, "--maxfail=1000"], log, 1800, COVERAGE_PROCESS_START=str(settings))
        keep_map(self.folder, self.tree, name, outcomes(log))
        print(f"{time.strftime('%H:%M:%S')} {name}", flush=True)

    def tests(self, mutant: Mutant) -> list[str]:
        """The tests that come by a mutant's lines, then by its function, then by its file; the fastest first."""
        source = (self.tree / mutant.path).read_text(encoding="utf-8")
        first, last, inside = body(source, mutant)
        named = re.match(r"(\w+)\s*[:=]", mutant.text)
        near: set[str] = set()
        around: set[str] = set()
        far: set[str] = set()
        for old, reached in self._reached[mutant.path].items():
            moved = where_lines_were((self.folder / "sources" / old).read_text(), source)
            for line in range(mutant.lines[0], mutant.lines[1] + 1):
                near |= reached.get(moved.get(line, -1), set())
            for line in range(first, last + 1):
                around |= reached.get(moved.get(line, -1), set())
            far |= set().union(*reached.values())
            if named and not inside:  # it runs when the file is imported: those count that use its name
                used = re.compile(rf"\b{named[1]}\b")
                for line, text in enumerate(source.splitlines(), start=1):
                    if used.search(text):
                        near |= reached.get(moved.get(line, -1), set())
        return [
            test
            for tests in (near, around - near, far - around - near)
            for test in sorted(tests & self.seconds.keys(), key=lambda test: (self.seconds[test], test))
        ]


def keep_map(folder: Path, tree: Path, name: str, done: list[dict[str, Any]]) -> None:
    """Writes what one file of tests came by.

    Args:
        folder: of the map.
        tree: what was run.
        name: the file of tests.
        done: its outcomes; tests that do not pass are of no use.
    """
    import coverage

    kept = folder / f"{name.replace('/', '+')}.json"
    passed = {row["test"]: row["seconds"] for row in done if row["outcome"] == "passed"}
    lines: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for part in folder.glob(f"{kept.stem}.cov*"):
        data = coverage.CoverageData(str(part))
        with contextlib.suppress(coverage.CoverageException):  # of a process that was killed while it wrote
            data.read()
            for measured in data.measured_files():
                for line, contexts in data.contexts_by_lineno(measured).items():
                    for context in contexts:
                        test = re.sub(r" \((setup|call|teardown)\)$", "", context)
                        if test in passed:
                            lines[str(Path(measured).relative_to(tree))][test].add(line)
        part.unlink()
    sources = {}
    for path in lines:
        source = (tree / path).read_text(encoding="utf-8")
        sources[path] = digest(source)
        (folder / "sources" / sources[path]).write_text(source)
    entry = {
        "digest": digest((tree / name).read_bytes()),
        "seconds": passed,
        "sources": sources,
        "lines": {path: {test: sorted(those) for test, those in tests.items()} for path, tests in lines.items()},
    }
    kept.write_text(json.dumps(entry))


def where_lines_were(old: str, new: str) -> dict[int, int]:
    """The lines of a new source that an old one has, and where it has them."""
    pairs = difflib.SequenceMatcher(None, old.splitlines(), new.splitlines(), autojunk=False).get_matching_blocks()
    return {new + at + 1: old + at + 1 for old, new, size in pairs for at in range(size)}


def body(source: str, mutant: Mutant) -> tuple[int, int, bool]:
    """The lines of the function, class or file around a mutant, and whether it runs when they are called (else, when
    the file is imported)."""
    first, last, inside = 1, source.count("\n") + 1, False
    for node in ast.walk(ast.parse(source)):  # outer ones come first
        if (
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            and node.end_lineno
            and node.lineno <= mutant.lines[0]
            and mutant.lines[1] <= node.end_lineno
        ):
            first, last = node.body[0].lineno, node.end_lineno
            inside = inside or (not isinstance(node, ast.ClassDef) and mutant.lines[0] >= first)
    return first, last, inside


class Trial:
    """Tries mutants in copies of the tree.

    Args:
        out: the folder of the results.
        plan: which tests come by which lines.
        budget: seconds of tests that a mutant must outlive.
        jobs: how many at once; each has a copy.
        earlier: what killed a mutant in another look.
    """

    def __init__(self, out: Path, plan: Map, budget: float, jobs: int, earlier: dict[str, str]) -> None:
        self.plan, self.budget, self.jobs, self.earlier = plan, budget, jobs, earlier
        self._sound: set[str] = set()
        self._logs = out / "running"
        self._logs.mkdir(exist_ok=True)
        self._trees = [copy_tree(out / f"copy{job}") for job in range(jobs)]
        self._writing = threading.Lock()
        self._times = itertools.count(1_000_000_000)

    def go(self, wanted: list[Mutant], results: Path) -> None:
        """Tries all; each is a line of `results` when it is done. Where the killer is worth nothing, once more."""
        at = commit()

        def one(mutant: Mutant) -> None:
            with self._writing:
                tree = self._trees.pop()
            try:
                started = time.monotonic()
                line = asdict(mutant) | self.verdict(tree, mutant)
                line |= {"seconds": round(time.monotonic() - started, 1), "commit": at}
            finally:
                with self._writing:
                    self._trees.append(tree)
            with self._writing, open(results, "a", encoding="utf-8") as lines:
                lines.write(json.dumps(line) + "\n")
                print(f"{time.strftime('%H:%M:%S')} {line['verdict']:8} {said(line)}", flush=True)

        again = wanted
        while again:
            with ThreadPoolExecutor(self.jobs) as pool:
                list(pool.map(one, again))
            names = self.unsound(results)
            again = [mutant for mutant in wanted if mutant.name in names]

    def verdict(self, tree: Path, mutant: Mutant) -> dict[str, Any]:
        """killed (by which test), timeout, alive (after how many tests), or no tests."""
        original = (self.plan.tree / mutant.path).read_text(encoding="utf-8")
        changed = mutated(original, mutant)
        if not changed:
            return {"verdict": "no Python"}
        chosen: list[str] = []
        left = self.budget
        for test in (self.earlier.get(mutant.name, ""), *self.plan.tests(mutant)):
            if left > 0 and test in self.plan.seconds and test not in chosen:
                chosen.append(test)
                left -= self.plan.seconds[test]
        if not chosen:
            return {"verdict": "no tests"}
        self._replace(tree / mutant.path, changed)
        try:
            return self._outlived(tree, chosen)
        finally:
            self._replace(tree / mutant.path, original)

    def _replace(self, path: Path, source: str) -> None:
        """Each with a time of its own, by which Python knows that what it has compiled is another one."""
        path.write_text(source, encoding="utf-8")
        os.utime(path, (next(self._times),) * 2)

    def _outlived(self, tree: Path, chosen: list[str]) -> dict[str, Any]:
        log = self._logs / f"{tree.name}.jsonl"
        limit = PATIENCE + SLOWER * sum(self.plan.seconds[test] for test in chosen)
        code = pytest(tree, chosen, log, limit)
        done = outcomes(log)
        failed = [row["test"] for row in done if row["outcome"] == "failed"]
        if code is None:
            hung = chosen[len(done)] if len(done) < len(chosen) else ""
            return {"verdict": "timeout", "by": hung, "tests": len(done)}
        if code == 0:
            return {"verdict": "alive", "by": "", "tests": len(done)}
        if not failed and done:
            return {"verdict": "killed", "by": "crash", "tests": len(done)}
        if not failed:  # it cannot be imported; unless the tests cannot be collected without it either
            assert pytest(self.plan.tree, [*chosen, "--collect-only"], log, 600) == 0, chosen
            return {"verdict": "killed", "by": "import", "tests": 0}
        return {"verdict": "killed", "by": failed[0], "tests": len(done)}

    def unsound(self, results: Path) -> list[str]:
        """Mutants that were killed by tests which fail without a mutant too; those tests are not asked again."""
        killed = {name: row["by"] for name, row in read(results).items() if row.get("by") in self.plan.seconds}
        log = self._logs / "unmutated.jsonl"
        unknown = sorted(set(killed.values()) - self._sound)
        if unknown:
            pytest(self.plan.tree, [*unknown, "--maxfail=100000"], log, PATIENCE + 3600)
        self._sound |= {row["test"] for row in outcomes(log) if row["outcome"] == "passed"}
        for test in set(unknown) - self._sound:
            print(f"fails without a mutant, so it counts for nothing: {test}", flush=True)
            del self.plan.seconds[test]
        return [name for name, test in killed.items() if test not in self._sound]


def said(line: dict[str, Any]) -> str:
    """A result in a line."""
    before, after = (" ".join(line[part].split())[:90] for part in ("before", "after"))
    where = f"{line['path'].removeprefix('src/hoigen/')}:{line['lines'][0]} {line['function']}"
    return f"{line['name']} {where} {line['operator']}: {before}  ->  {after}  [{line.get('by', '')}]"


def read(results: Path) -> dict[str, dict[str, Any]]:
    """The last result of every mutant of a look."""
    rows = (json.loads(line) for line in results.read_text().splitlines()) if results.exists() else ()
    return {row["name"]: row for row in rows}


def report(done: list[dict[str, Any]]) -> Iterator[str]:
    """The score, by room and by operator, and what lives."""
    same: dict[str, str] = json.loads(EQUIVALENT.read_text())
    tried = [row for row in done if row["verdict"] != "no Python"]

    def room(row: dict[str, Any]) -> str:
        return str(row["path"].split("/")[2])

    def operator(row: dict[str, Any]) -> str:
        return str(row["operator"])

    def score(rows: list[dict[str, Any]]) -> str:
        dead = sum(row["verdict"] in ("killed", "timeout") for row in rows)
        return f"{dead} of {len(rows)} ({dead / max(len(rows), 1):.0%})"

    verdicts = Counter(row["verdict"] for row in tried)
    yield f"killed {score(tried)}: {dict(verdicts)}; commits {sorted({row['commit'] for row in done})}"
    yield f"without the equivalent ones: {score([row for row in tried if row['name'] not in same])}"
    for title, of in (("room", room), ("operator", operator)):
        yield f"\n| {title} | killed |\n|---|---|"
        for value in sorted({of(row) for row in tried}):
            yield f"| {value} | {score([row for row in tried if of(row) == value])} |"
    yield "\nalive:"
    for row in tried:
        if row["verdict"] not in ("killed", "timeout"):
            yield f"- {said(row)} {row['verdict']} {same.get(row['name'], '')}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=20261126)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--rooms", default=",".join(ROOMS))
    parser.add_argument("--look", default="first")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--budget", type=float, default=60)
    parser.add_argument("--out", type=Path, default=ROOT / "build/mutants")
    parser.add_argument("--mapped", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    out = options.out.resolve()
    rooms = options.rooms.split(",")
    print(headline() + f"commit   {commit()}\n")
    every = found(rooms, out / "found")
    wanted = drawn(every, options.seed, options.count)
    print(f"{len(wanted)} of {len(every)} mutants, seed {options.seed}", flush=True)
    if options.list:
        for mutant in wanted:
            print(said(asdict(mutant)))
        return
    results = out / f"{options.look}.jsonl"
    done = read(results)
    if not options.report:
        earlier = {
            name: row["by"] for other in out.glob("*.jsonl") for name, row in read(other).items() if row.get("by")
        }
        plan = Map(out / "map", copy_tree(out / "unmutated"), ROOMS)
        plan.fill(options.jobs, run=not options.mapped)
        open_ones = [
            mutant
            for mutant in wanted
            if mutant.name not in done or (options.again and done[mutant.name]["verdict"] in ("alive", "no tests"))
        ]
        Trial(out, plan, options.budget, options.jobs, earlier).go(open_ones, results)
        done = read(results)
    print("\n".join(report([done[mutant.name] for mutant in wanted if mutant.name in done])))


if __name__ == "__main__":
    main()
