"""A run whose tables lie in an object store: only `data/` knows where tables lie."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import fsspec
import pyarrow.parquet as pq
import pytest
import yaml

import hoigen
from hoigen.commands.cli import main
from hoigen.core import alive
from hoigen.core.errors import Locked, RanksOpen, SetupError, UsageError
from hoigen.data import lease, side, tables
from hoigen.data.files import Folder
from hoigen.data.run import Run
from hoigen.work.ranks import Rank, held

SRC = Path(hoigen.__file__).parent
ROOMS = ("stages", "commands", "work", "pages", "evaluation", "models/experts")
FILES = re.compile(
    r"(?:ParquetFile|read_table|write_table|read_schema|read_metadata|read_parquet)\("
    r"(?!\s*run\.videos_file|self\.run\.videos_file)"
)
"""Reading or writing Parquet, but for the list of videos."""
PATHS = re.compile(
    r"""(?:path\b|folder)\s*/\s*f?["'](?:clips|found|scores|captions|journal|shards\.parquet)|\.glob\(f?"\[0"""
)
"""Ways to a table past `Run`."""


def test_only_data_touches_the_files_of_tables() -> None:
    files = [*(path for room in ROOMS for path in (SRC / room).rglob("*.py")), SRC / "rules" / "decide.py"]
    found = {}
    for path in files:
        text = path.read_text(encoding="utf-8")
        ways = [hit[0] for pattern in (FILES, PATHS) for hit in pattern.finditer(text)]
        if ways:
            found[str(path.relative_to(SRC))] = ways
    assert found == {}


@pytest.fixture
def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of this process may be opened, and this machine's files of runs in it lie in a folder of the test."""
    monkeypatch.setenv("HOIGEN_SCHEMES", "memory")
    monkeypatch.setenv("HOIGEN_HOME", str(tmp_path / "home"))
    memory = fsspec.filesystem("memory")
    for name in memory.ls("/", detail=False):
        memory.rm(name, recursive=True)
    return tmp_path / "home" / "stores" / "memory"


def wild(folder: Path, tiny_video: Path) -> dict[str, Any]:
    """How a run of five videos and a broken one is curated, two clips a shard."""
    folder.mkdir()
    for at in range(5):
        (folder / f"{at}.mp4").write_bytes(tiny_video.read_bytes() + bytes(at % 4))
    (folder / "broken.mp4").write_text("no video")
    how: dict[str, Any] = {"videos": folder, "measures": ["metadata", "motion"], "shots": "none", "shard_size": 2}
    return how | {"keep": {"fps": {"min": 1}}, "workers": 1, "report": False, "quiet": True}


def test_a_run_in_a_store_from_its_videos_to_its_table(
    tmp_path: Path, tiny_video: Path, stores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commands as they are, on an address: tables, journals and markers in fsspec's memory, and the dataset that of
    a run on a disk."""
    how = wild(tmp_path / "videos", tiny_video)
    run = "memory://store/run"
    plain = hoigen.curate(**how, run=tmp_path / "plain")
    hoigen.table(tmp_path / "plain", out=tmp_path / "plain.parquet")

    there = hoigen.curate(**how, run=run)
    assert there == plain
    assert hoigen.funnel(run) == plain
    assert hoigen.curate(**how, run=run) == there, "nothing is left to do"
    hoigen.table(run, out=tmp_path / "there.parquet")
    assert pq.read_table(tmp_path / "there.parquet").equals(pq.read_table(tmp_path / "plain.parquet"))
    hoigen.report(run, shown=1)
    [kept, *_] = [row for row in pq.read_table(tmp_path / "there.parquet").to_pylist() if row["state"] == "kept"]
    assert f"clip {kept['id']}" in str(hoigen.show(run, kept["id"]))
    hoigen.report(run, beside=tmp_path / "plain", shown=1)

    memory = fsspec.filesystem("memory")
    inside = {path.split("/run/")[1].split("/")[0] for path in memory.find("/store/run")}
    assert inside == {
        "beside_plain.html",
        "clips",
        "events",
        "ranks",
        "report.html",
        "run.yaml",
        "scores",
        "shards.parquet",
        "videos.parquet",
    }
    assert not [path for path in memory.find("/store/run") if str(stores).encode() in memory.cat(path)], "no machine's"
    here = stores / "store" / "run"
    assert (here / "found" / "00000.parquet").exists(), "somebody may be reading it"
    monkeypatch.setattr(tables, "OLD", -1)
    assert hoigen.funnel(run) == plain
    kept_here = {str(path.relative_to(here)): path.read_bytes() for path in here.rglob("*.parquet")}
    assert kept_here == {name: memory.cat(f"/store/run/{name}") for name in kept_here}, "copies of what queries read"
    assert not (here / "journal").exists()
    for path in here.rglob("clips/*.parquet"):
        path.write_bytes(b"of another state")
        (path.parent / f".{path.name}.stamp").write_text("another")
    assert hoigen.funnel(run) == plain, "a copy that is not of now is fetched anew"
    recipe = yaml.safe_load(memory.cat("/store/run/run.yaml"))["recipe"]
    assert (recipe["run"], recipe["shard_size"]) == (run, 2)


def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> Path:
    """Another machine, as far as its disk goes; its folder of runs in stores."""
    monkeypatch.setenv("HOIGEN_HOME", str(tmp_path / name))
    return tmp_path / name / "stores" / "memory"


def test_parts_on_two_machines_make_the_dataset_of_one(
    tmp_path: Path, tiny_video: Path, stores: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    how = wild(tmp_path / "videos", tiny_video)
    hoigen.curate(**how, run=tmp_path / "plain")
    run = "memory://store/run"
    recipe = tmp_path / "recipe.yaml"
    keys = {name: value for name, value in how.items() if name != "quiet"}
    recipe.write_text(yaml.safe_dump(keys | {"videos": str(how["videos"]), "run": run}))
    assert main(["curate", str(recipe), "--prepare", "--quiet"]) == 0
    assert f"{run} is prepared: 6 videos" in capsys.readouterr().out
    open_ones = {"a": 0, "b": 1}
    for _ in range(4):
        for name, part in list(open_ones.items()):
            machine(monkeypatch, tmp_path, name)
            code = main(["work", run, "--part", f"{part}/2", "--quiet"])
            assert code in (0, 75), capsys.readouterr().err
            if code == 0:
                del open_ones[name]
    assert not open_ones
    machine(monkeypatch, tmp_path, "c")
    rows = {where: list(hoigen.table(where)) for where in (run, tmp_path / "plain")}
    assert rows[run] == rows[tmp_path / "plain"]
    files = {path.name for path in (tmp_path / "a" / "stores").rglob("*-of-2.jsonl")}
    assert files == {"0-of-2.jsonl"}, "of others' events nothing is fetched"
    assert [part.part for part in hoigen.watch(run).parts] == ["0/2", "1/2"]
    assert main(["funnel", run]) == 0
    shown = capsys.readouterr().out
    assert "stores" not in shown


def test_answers_of_experts_are_shared_by_machines(
    tmp_path: Path, tiny_video: Path, stores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = wild(tmp_path / "videos", tiny_video)
    run = "memory://store/run"
    hoigen.curate(**how, run=run)
    expert = {"single": {"expert": "fake_world"}}
    made = hoigen.caption(run, set=[f"captioner={json.dumps(expert)}"], quiet=True, report=False)
    memory = fsspec.filesystem("memory")
    assert [path for path in memory.find("/store/run/calls") if path.endswith(".parquet")]
    assert not (stores / "store" / "run" / "calls").exists()
    machine(monkeypatch, tmp_path, "b")
    again = hoigen.caption(run, set=[f"captioner={json.dumps(expert)}"], quiet=True, report=False)
    assert str(again) == str(made).replace(str(stores), str(tmp_path / "b" / "stores" / "memory"))


def test_a_part_that_runs_is_not_done_twice_and_one_that_is_gone_is_taken_over(
    tmp_path: Path, stores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "SILENT", 0.3)
    monkeypatch.setattr(lease, "LOOK", 0.02)
    monkeypatch.setattr(lease, "BEAT", 0.05)
    run = Run(stores / "store" / "run")
    locks = run.folder.child("locks")
    with held(run, Rank(0, 2)), held(run, Rank(1, 2)):
        assert locks.names() == ["part-0", "part-1"]
        elsewhere = Run(machine(monkeypatch, tmp_path, "b") / "store" / "run")
        monkeypatch.setattr(alive, "machine", lambda: "another")
        with (
            pytest.raises(RanksOpen, match=rf"part 0/2: .*part-0 is held by process {os.getpid()} of"),
            held(elsewhere, Rank(0, 2)),
        ):
            pass
        with pytest.raises(UsageError, match="share the run among 2 parts"), held(elsewhere, Rank(2, 5)):
            pass
    assert locks.names() == []
    locks.write("part-0", json.dumps({"holder": "x", "host": "gone", "pid": 1, "machine": "m", "of": 3}).encode())
    with held(elsewhere, Rank(1, 2)):
        assert locks.names() == ["part-1"], "of another number of parts, and silent"
    locks.write("part-1", b"torn")
    with held(elsewhere, Rank(1, 2)):
        pass
    assert fsspec.filesystem("memory").find("/store/run/locks") == []


def test_a_holder_whose_place_was_taken_is_stopped(stores: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "BEAT", 0.02)
    folder = Folder("memory://store/run/locks")
    with pytest.raises(RanksOpen, match="another one has taken its place"), lease.Lease(folder, "part-0").held():
        folder.write("part-0", json.dumps({"holder": "another"}).encode())
        for _ in range(400):
            time.sleep(0.05)
        pytest.fail("it goes on")
    assert json.loads(folder.read("part-0")) == {"holder": "another"}, "what is another's stays"


def test_of_several_who_find_a_dead_holder_one_gets_its_place(stores: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "SILENT", 0.2)
    monkeypatch.setattr(lease, "LOOK", 0.01)
    folder = Folder("memory://store/run/locks")
    folder.write("last", json.dumps({"holder": "x", "host": "gone", "pid": 1, "machine": "m", "beat": 7}).encode())
    inside, most, lock = [0], [0], threading.Lock()
    got = []

    def one() -> None:
        try:
            with lease.Lease(folder, "last").held():
                with lock:
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                time.sleep(0.05)
                with lock:
                    inside[0] -= 1
            got.append(1)
        except Locked:
            pass

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got
    assert most == [1]


def test_what_a_killed_command_left_here_goes_into_the_store_with_the_next(
    tmp_path: Path, tiny_video: Path, stores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = wild(tmp_path / "videos", tiny_video)
    run = "memory://store/run"
    hoigen.curate(**how, run=run)
    memory, here = fsspec.filesystem("memory"), stores / "store" / "run"
    (here / "removals.json").write_text("[]")
    hoigen.funnel(run)
    assert memory.cat("/store/run/removals.json") == b"[]"

    there = machine(monkeypatch, tmp_path, "b") / "store" / "run"
    with side.opened(run) as place:
        assert place == there
        assert (there / "removals.json").read_text() == "[]"
        (there / "removals.json").write_text("[ ]")
    monkeypatch.setenv("HOIGEN_HOME", str(tmp_path / "home"))
    with side.opened(run):
        assert (here / "removals.json").read_text() == "[ ]"
        (here / "removals.json").unlink()
    assert not memory.exists("/store/run/removals.json")
    monkeypatch.setenv("HOIGEN_HOME", str(tmp_path / "b"))
    with side.opened(run):
        assert not (there / "removals.json").exists()


def test_what_a_killed_command_had_fetched_is_no_change_of_this_machine(
    tmp_path: Path, stores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory, run = fsspec.filesystem("memory"), "memory://store/run"
    for name in ("run.yaml", "removals.json", "sets/balance.parquet"):
        memory.pipe_file(f"/store/run/{name}", b"of before")
    fetch, left = side.Side._fetch, tmp_path / "left"

    def killed(self: side.Side, name: str) -> None:
        fetch(self, name)
        if not left.exists():
            shutil.copytree(tmp_path / "home", left)  # as a kill at this moment leaves it

    with monkeypatch.context() as patched:
        patched.setattr(side.Side, "_fetch", killed)
        patched.setattr(side, "AT_ONCE", 1)
        with side.opened(run):
            pass
    assert len([path for path in left.rglob("*") if path.is_file() and not path.name.startswith(".")]) == 1
    for name in ("run.yaml", "removals.json", "sets/balance.parquet"):
        memory.pipe_file(f"/store/run/{name}", b"of another machine")
    place = machine(monkeypatch, tmp_path, "left") / "store" / "run"
    with side.opened(run):
        assert (place / "run.yaml").read_bytes() == b"of another machine"
    assert {memory.cat(path) for path in memory.find("/store/run")} == {b"of another machine"}


def test_what_could_not_be_fetched_meanwhile_stays_in_the_store(stores: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory, run = fsspec.filesystem("memory"), "memory://store/run"
    memory.pipe_file("/store/run/run.yaml", b"of before")

    def broken(self: side.Side, name: str) -> None:
        raise OSError("reset by peer")

    with side.opened(run) as place:
        for name in ("run.yaml", "removals.json"):
            memory.pipe_file(f"/store/run/{name}", b"of another machine")
        with monkeypatch.context() as patched, pytest.raises(SetupError, match="reset by peer"):
            patched.setattr(side.Side, "_fetch", broken)
            side.fetch(place, "*")
    assert {memory.cat(path) for path in memory.find("/store/run")} == {b"of another machine"}


def test_a_part_that_goes_on_elsewhere_writes_on_in_its_events(
    stores: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = "memory://store/run"
    with side.opened(run) as place:
        Folder(str(place)).write("run.yaml", b"recipe: {}")
        Folder(str(place / "events")).write("1-of-2.jsonl", b"before\n")
    there = machine(monkeypatch, tmp_path, "b") / "store" / "run"
    with side.opened(run) as place:
        assert not (there / "events").exists()
        side.fetch(place, "1-of-2.jsonl")
        with (there / "events" / "1-of-2.jsonl").open("a") as file:
            file.write("after\n")
    assert fsspec.filesystem("memory").cat("/store/run/events/1-of-2.jsonl") == b"before\nafter\n"


def test_what_was_changed_on_two_machines_is_told(
    stores: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, here = "memory://store/run", stores / "store" / "run"
    with side.opened(run) as place:
        Folder(str(place)).write("run.yaml", b"recipe: {}")
    machine(monkeypatch, tmp_path, "b")
    with side.opened(run) as place:
        Folder(str(place)).write("run.yaml", b"recipe: {b: 1}")
    monkeypatch.setenv("HOIGEN_HOME", str(tmp_path / "home"))
    Folder(str(here)).write("run.yaml", b"recipe: {a: 1}")
    with side.opened(run):
        assert (here / "run.yaml").read_bytes() == b"recipe: {b: 1}"
    assert f"{run}/run.yaml was changed elsewhere, and here" in capsys.readouterr().err


def test_what_cannot_be_put_back_is_told_at_once_and_once(
    stores: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(side, "EVERY", 0.01)
    tries = threading.Semaphore(0)

    def refused(self: side.Side) -> None:
        tries.release()
        raise PermissionError("expired")

    with side.opened("memory://store/run") as place:
        Folder(str(place)).write("run.yaml", b"recipe: {}")
        with monkeypatch.context() as patch:
            patch.setattr(side.Side, "push", refused)
            for _ in range(4):
                assert tries.acquire(timeout=20)
            said = capsys.readouterr().err
    assert said.count("memory://store/run: PermissionError: expired; it is tried again") == 1


def test_what_needs_a_disk_says_so(
    tmp_path: Path, tiny_video: Path, stores: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = "memory://store/run"
    hoigen.curate(**wild(tmp_path / "videos", tiny_video), run=run)
    for command in (["review", run], ["children", run], ["cut", run]):
        assert main(command) == 2
        assert f"works on a run on a disk of this machine; it came as {run}" in capsys.readouterr().err
    assert main(["cut", run, "--out", str(tmp_path / "cut"), "--quiet"]) == 0
    assert len(list((tmp_path / "cut").glob("*.mp4"))) == len(list(hoigen.table(run, state="kept")))


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("https://h/run", "or one in an object store"),
        ("ftp://h/run", "ftp:// is not opened"),
        ("memory://", "a bucket and a path in it"),
        ("memory://a/../b", "a bucket and a path in it"),
        ("memory://none/run", "is not a run: it has no run.yaml"),
    ],
)
def test_an_address_that_is_no_run_is_one_error(
    stores: Path, capsys: pytest.CaptureFixture[str], address: str, said: str
) -> None:
    assert main(["funnel", address]) == 2
    assert said in capsys.readouterr().err
    assert not stores.exists()


def test_tables_without_a_run_yaml_are_no_run(stores: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fsspec.filesystem("memory").pipe_file("/store/run/clips/00000.parquet", b"x")
    assert main(["funnel", "memory://store/run"]) == 2
    assert "memory://store/run has tables and no run.yaml" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["films/a.mp4", "a.mp4", "stats-of-a-friend/huge"])
def test_of_a_folder_of_other_things_nothing_is_fetched(
    tmp_path: Path, stores: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    fsspec.filesystem("memory").pipe_file(f"/store/{name}", b"x" * 1000)
    fsspec.filesystem("memory").pipe_file("/store/split/train.tar", b"x" * 1000)
    (tmp_path / "v.mp4").write_bytes(b"x")
    for words in (["curate", "lite", "--videos", str(tmp_path / "v.mp4"), "--run"], ["funnel"]):
        assert main([*words, "memory://store"]) == 2
        first = name.partition("/")[0]
        assert f"memory://store is no run and holds other files ('{first}')" in capsys.readouterr().err
    assert not [path for path in stores.rglob("*") if path.is_file() and not path.name.startswith(".")]


def test_what_others_put_into_a_run_is_not_fetched(tmp_path: Path, tiny_video: Path, stores: Path) -> None:
    run = "memory://store/run"
    made = hoigen.curate(**wild(tmp_path / "videos", tiny_video), run=run)
    fsspec.filesystem("memory").pipe_file("/store/run/film.mov", b"x")
    (stores / "store" / "run" / "notes.txt").write_text("mine")
    assert hoigen.funnel(run) == made
    assert not (stores / "store" / "run" / "film.mov").exists()
    assert not fsspec.filesystem("memory").exists("/store/run/notes.txt")


def test_a_run_that_was_deleted_in_the_store_is_begun_anew(tmp_path: Path, tiny_video: Path, stores: Path) -> None:
    how = wild(tmp_path / "videos", tiny_video)
    run = "memory://store/run"
    made = hoigen.curate(**how, run=run)
    assert list((stores / "store" / "run" / "clips").glob("*.parquet")), "copies of this machine"
    fsspec.filesystem("memory").rm("/store/run", recursive=True)
    assert hoigen.curate(**how | {"shard_size": 3}, run=run) == made


def test_a_list_that_was_piped_in_is_the_run_s_own_on_every_machine(
    tmp_path: Path, tiny_video: Path, stores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = "memory://store/run"
    how = {"measures": ["metadata"], "shots": "none", "workers": 1, "report": False, "quiet": True}
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{tiny_video}\n"))
    made = hoigen.curate(videos="-", run=run, **how)
    machine(monkeypatch, tmp_path, "b")
    assert Run(side.place_of(run)).list_address == f"{run}/videos.parquet"
    assert hoigen.retry(run, quiet=True) == made
    out = tmp_path / "cut"
    hoigen.cut(run, out=out, quiet=True)
    machine(monkeypatch, tmp_path, "c")
    assert hoigen.cut(run, out=out, quiet=True).already == 1
    assert (out / ".cut").read_text().splitlines()[1:] == [run]


def test_a_process_that_has_the_number_of_a_dead_one_is_not_taken_for_it(stores: Path) -> None:
    """As in a container that is started again."""
    folder = Folder("memory://store/run/locks")
    mine = lease.Lease(folder, "part-0")
    where, number, began = mine.said["process"].split()
    dead = mine.said | {"holder": "x", "process": f"{where} {number} {int(began) - 1}"}
    folder.write("part-0", json.dumps(dead).encode())
    with mine.held(), pytest.raises(Locked), lease.Lease(folder, "part-0").held():
        pass


def test_a_store_that_goes_away_meanwhile_is_no_bad_input(stores: Path) -> None:
    run = "memory://store/run"
    gone = type("EndpointConnectionError", (Exception,), {"__module__": "botocore.exceptions"})
    with pytest.raises(SetupError, match=f"{run} cannot be reached: gone"), side.opened(run):
        raise gone("gone")
    package: dict[str, Any] = {"__name__": "s3fs.core"}
    exec('def denied():\n    raise PermissionError("Access Denied")', package)
    with pytest.raises(SetupError, match=f"{run} cannot be reached: Access Denied"), side.opened(run):
        package["denied"]()
    with pytest.raises(PermissionError, match="a disk's"), side.opened(run):
        raise PermissionError("a disk's")


def test_a_listing_that_misses_a_file_takes_none_out_of_the_store(
    stores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/store/run/run.yaml", b"recipe: {}")
    with side.opened("memory://store/run") as place:
        with monkeypatch.context() as patched:
            patched.setattr(side.Side, "_here", lambda self: [])
            side.put_back(place)
        assert memory.exists("/store/run/run.yaml")


def test_watch_knows_parts_of_a_store_that_had_nothing_to_do(
    tmp_path: Path, tiny_video: Path, stores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = "memory://store/run"
    hoigen.curate(**wild(tmp_path / "videos", tiny_video), run=run)
    watched = hoigen.watch(run)
    [part] = watched.parts
    with side.opened(run) as place:
        name = f"{place}/events/0-of-1.jsonl"
        Path(name.replace("0-of-1", "0-of-3")).write_bytes(Path(name).read_bytes())
        Path(name).unlink()
    Folder(f"{run}/ranks").write(f"{part.stage}-0123456789ab-2-of-3", b"")
    assert hoigen.watch(run).missing == ("1/3",)
