"""The executor `ray`: machines that come and are killed, what a worker takes of them, and the rows of a run."""

from __future__ import annotations

import functools
import os
import pickle
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from executing import Book, go, gone

import faults
import hoigen
from hoigen.core.errors import SetupError
from hoigen.data.run import Run
from hoigen.rules.runfile import steps_of
from hoigen.work import cluster
from hoigen.work.executor import executor
from hoigen.work.task import EVERY_CORE, Cluster, Limits, Task

ray = pytest.importorskip("ray")
from ray.cluster_utils import Cluster as Nodes  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SOON = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 1000, "health_check_failure_threshold": 10}
RAYLET = "raylet"


@pytest.fixture
def nodes() -> Iterator[Any]:
    """A cluster of real raylets on this machine; its head does no work."""
    ray.shutdown()
    found = Nodes(initialize_head=True, head_node_args={"num_cpus": 0, "_system_config": SOON})
    yield found
    ray.shutdown()
    found.shutdown()


def killed(node: Any) -> None:
    raylet = node.all_processes[RAYLET][0].process
    os.kill(raylet.pid, signal.SIGKILL)
    raylet.wait()  # Ray's processes take a zombie for one that lives


class Killing(Book):
    """Does something once, when so many tasks have ended."""

    def __init__(self, after: int, kill: Callable[[Book], None]) -> None:
        super().__init__()
        self.after, self.kill = after, kill

    def done(self, task: Task) -> None:
        super().done(task)
        if len(self.keys("done")) == self.after:
            self.kill(self)


def actor_of(worker: int) -> int:
    """The process that has started a worker."""
    return int(Path(f"/proc/{worker}/stat").read_text().rsplit(")", 1)[1].split()[1])


def test_tasks_are_done_on_a_cluster_here() -> None:
    """Ray and its processes are real; one cluster that is started here, whose supervisor's workers do the tasks."""
    book = go(executor("ray"), ["fine", "raise", "exit"], workers=2)
    assert book.of("0") == [("part", "before fine"), ("part", "after fine"), ("done", None)]
    assert (book.failure("1").kind, book.failure("2").kind) == ("error", "crash")


def test_a_node_that_is_killed_costs_its_leases(nodes: Any, capsys: pytest.CaptureFixture[str]) -> None:
    first, _ = (nodes.add_node(num_cpus=2, num_gpus=1) for _ in range(2))
    book = Killing(10, lambda book: killed(first))
    at = Cluster(address=nodes.address, gpus=0.5)
    go(executor("ray"), [0.2] * 60, faults.set_up_say_process, sink=book, cluster=at)
    assert sorted(book.keys("done"), key=int) == [str(each) for each in range(60)], "each once"
    lost = [thing for what, _, thing in book.events if what == "retry"]
    assert lost, "the node had leases"
    assert {failure.kind for failure in lost} == {"crash"}
    assert all("its machine was lost" in failure.reason for failure in lost)
    assert f"were lost, with {len(lost)} task" in capsys.readouterr().err
    assert gone(list(set(book.parts())))


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1:99999"])
def test_where_no_cluster_is_that_is_told_at_once(address: str) -> None:
    """Ray alone tries for more than five minutes."""
    ray.shutdown()
    with pytest.raises(SetupError, match=rf"executor: ray: {address}: no cluster answers there"):
        cluster.connect(Cluster(address=address), Limits(workers=1))


def test_an_actor_that_is_killed_is_replaced(nodes: Any) -> None:
    nodes.add_node(num_cpus=2)
    book = Killing(10, lambda book: os.kill(actor_of(book.parts()[-1]), signal.SIGKILL))
    go(executor("ray"), [0.2] * 40, faults.set_up_say_process, sink=book, cluster=Cluster(address=nodes.address))
    assert sorted(book.keys("done"), key=int) == [str(each) for each in range(40)]
    assert book.keys("retry")
    assert gone(list(set(book.parts())))


def test_a_node_that_comes_later_works_too(nodes: Any) -> None:
    nodes.add_node(num_cpus=1)
    book = Killing(5, lambda book: nodes.add_node(num_cpus=1) and None)
    go(executor("ray"), [0.5] * 40, faults.set_up_say_process, sink=book, cluster=Cluster(address=nodes.address))
    assert len(book.keys("done")) == 40
    assert len({*book.parts()}) == 2


def test_where_no_node_has_room_that_is_told(nodes: Any) -> None:
    nodes.add_node(num_cpus=2, num_gpus=1)
    at = functools.partial(Cluster, address=nodes.address)
    for wanted in (at(cpus=3), at(gpus=2)):
        with pytest.raises(SetupError, match=r"executor: ray: no node has room .* 2 CPUs, 1 GPUs"):
            go(executor("ray"), ["fine"], cluster=wanted)


def test_a_node_that_others_have_taken_is_told_and_waited_for(
    nodes: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nodes.add_node(num_cpus=1)
    monkeypatch.setattr(cluster, "PLACED", 3.0)
    ray.init(address=nodes.address)
    taken = ray.remote(lambda: time.sleep(8)).options(num_cpus=1).remote()
    book = go(executor("ray"), ["fine"], cluster=Cluster(address=nodes.address))
    assert book.keys("done") == ["0"]
    assert ray.get(taken) is None
    assert capsys.readouterr().err.count("have not started for 3 s: its CPUs or cards may be taken") == 1


def test_a_task_that_loses_machine_after_machine_is_given_up(nodes: Any) -> None:
    nodes.add_node(num_cpus=2)
    at = Cluster(address=nodes.address)
    book = go(executor("ray"), [*["fine"] * 5, "supervisor", *["fine"] * 5], cluster=at)
    assert book.keys("failed") == ["5"], "the others were only with it"
    assert len(book.keys("done")) == 10
    assert "its machine was lost" in book.failure("5").reason


def test_the_rows_are_those_of_this_machine(tmp_path: Path, tiny_video: Path) -> None:
    (tmp_path / "videos").mkdir()
    for name in "abcd":
        (tmp_path / "videos" / f"{name}.mp4").write_bytes(tiny_video.read_bytes() + name.encode())
    (tmp_path / "videos" / "e.mp4").write_bytes(b"no video")
    rows = {}
    for who in ("local", {"ray": {"cpus": 1}}):
        folder = Run(tmp_path / f"run{len(rows)}")
        hoigen.curate(
            videos=tmp_path / "videos", run=folder.path, measures=["metadata", "motion"], shots="none", workers=2,
            keep={"duration": {"min": 0}}, executor=who, report=False, quiet=True,
        )  # fmt: skip
        _, steps = steps_of(folder)
        tables = [folder.clips, *(folder.scores(step.name, step.fingerprint, step.emits) for step in steps)]
        found = [row for table in tables for shard in table.shards() for row in table.read(shard)]
        told = [{key: value for key, value in row.items() if key != "seconds"} for row in found]
        rows[len(rows)] = sorted(told, key=str)  # within a shard they stand as they ended
    assert rows[0] == rows[1]
    assert len(rows[0]) == 5 + 2 * 4


def test_workers_of_a_machine_share_what_may_be_begun_where_nobody_says_how_many(nodes: Any) -> None:
    nodes.add_node(num_cpus=2)
    at = Cluster(address=nodes.address)
    limits = Limits(workers=EVERY_CORE, together=6, cluster=at)
    cluster.connect(at, limits)
    leasing = cluster._Leasing(iter(()), Task("0", 0), pickle.dumps(faults.set_up_echo), Book(), limits, at)
    leasing._look()
    [hand] = leasing.hands.values()
    leasing.end()
    assert hand.room == 2 * 3 + cluster.AHEAD
