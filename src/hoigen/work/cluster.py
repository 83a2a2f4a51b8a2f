"""Supervised workers on the nodes of a Ray cluster: a machine that is lost costs its leases, which others get.

The parent plans, journals and writes, as with `local`. On each node one actor runs the very supervisor of `local`: its
workers share that machine's memory and the process that owns its models. The parent leases tasks to it, a few more than
its workers can be at, and hears what comes of them; an actor that is lost (it, or its node) gives its leases back.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import queue
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from hoigen.core.clip import Seconds
from hoigen.core.errors import SetupError
from hoigen.core.words import plural
from hoigen.work import local
from hoigen.work.supervisor import Supervisor
from hoigen.work.task import Cluster, Failure, Handler, Limits, Machine, Sink, Task, cores

LOOK_EVERY: Seconds = 0.5
"""How often is looked for nodes that are new."""
HEAR: Seconds = 2.0
"""How long an actor waits for something to tell before it says that there is nothing."""
AHEAD = 2
"""Tasks that a node has beyond those that its workers may have at once."""
LOSSES = 3
"""Machines that may be lost with a task before it is given up; after all but the last it travels alone."""
PLACED: Seconds = 30.0
"""How long a node's workers may be waited for before it is said that they are."""
ANSWER: Seconds = 10.0
"""Until a cluster's address has to answer."""
STOP: Seconds = 10.0
"""What a node may take to end its workers."""

Event = tuple[str, int, Any]
"""What a node tells: part, done, retry, failed (of a task, by its number), or stop."""


class Node:
    """One node's supervisor, in an actor. Its methods are called by several threads at once.

    Args:
        path: the parent's sys.path: tasks are made of the same modules.
        setup: pickled: what workers are set up with.
        limits: of this node's workers.
    """

    def __init__(self, path: list[str], setup: bytes, limits: Limits) -> None:
        sys.path.extend(entry for entry in path if entry not in sys.path)
        self.setup, self.limits = setup, limits
        self.given: queue.SimpleQueue[tuple[int, bytes] | None] = queue.SimpleQueue()
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.answers: queue.SimpleQueue[tuple[int, bytes] | None] = queue.SimpleQueue()
        self.ended = threading.Event()
        self.ending = False
        threading.Thread(target=self._work, name="supervisor", daemon=True).start()

    def ready(self) -> int:
        """The id of this process."""
        return os.getpid()

    def give(self, tasks: list[tuple[int, bytes]]) -> None:
        """More to do: numbers and pickled payloads."""
        for task in tasks:
            self.given.put(task)

    def answer(self, task: tuple[int, bytes] | None) -> None:
        """What follows a failure that was told: the task to be tried next, if any."""
        self.answers.put(task)

    def hear(self) -> list[Event]:
        """What has happened since; waits for the first."""
        found = []
        with contextlib.suppress(queue.Empty):
            found.append(self.events.get(timeout=HEAR))
            while True:
                found.append(self.events.get_nowait())
        return found

    def stop(self) -> None:
        """Ends all workers."""
        self.ending = True
        self.answers.put(None)
        self.ended.wait(STOP)

    def _work(self) -> None:
        try:
            setup = pickle.loads(self.setup)
            with setup.open() if isinstance(setup, Machine) else contextlib.nullcontext(setup) as of_worker:
                supervisor = Supervisor(self._tasks(), pickle.dumps(of_worker), self, self.limits)
                try:
                    supervisor.run()
                finally:
                    supervisor.kill_all()
        except BaseException as error:
            try:
                self.events.put(("stop", 0, pickle.dumps(error)))
            except Exception:  # an exception that cannot be sent
                self.events.put(("stop", 0, pickle.dumps(SetupError(f"{type(error).__name__}: {error}"))))
        finally:
            self.ended.set()

    def _tasks(self) -> Iterator[Task | None]:
        while not self.ending:
            try:
                task = self.given.get_nowait()
            except queue.Empty:
                yield None
            else:
                assert task is not None
                yield _unpacked(task)

    # the supervisor's sink

    def part(self, task: Task, part: Any) -> None:
        self.events.put(("part", int(task.key), part))

    def done(self, task: Task) -> None:
        self.events.put(("done", int(task.key), None))

    def retry(self, task: Task, failure: Failure) -> Task:
        return self._asked("retry", task, failure) or task

    def failed(self, task: Task, failure: Failure) -> Task | None:
        return self._asked("failed", task, failure)

    def _asked(self, what: str, task: Task, failure: Failure) -> Task | None:
        """Only the parent's sink knows how it goes on."""
        self.events.put((what, int(task.key), failure))
        answer = self.answers.get()
        if self.ending:
            raise KeyboardInterrupt
        return None if answer is None else _unpacked(answer)


def _unpacked(task: tuple[int, bytes]) -> Task:
    return Task(str(task[0]), pickle.loads(task[1]))


@dataclass(slots=True, eq=False)
class _Lease:
    """A task that is to be done. losses: machines that were lost with it."""

    task: Task
    losses: int = 0


@dataclass(slots=True, eq=False)
class _Hand:
    """The parent's handle on a node. address: where it is; room: tasks that it may have at once; leases: those that it
    has, by number; told: whether it was said that it does not start."""

    name: str
    address: str
    actor: Any
    room: int
    hearing: Any = None
    ready: bool = False
    since: Seconds = field(default_factory=time.monotonic)
    told: bool = False
    leases: dict[int, _Lease] = field(default_factory=dict)


def run(tasks: Iterable[Task], setup: Callable[[], Handler] | Machine, sink: Sink, limits: Limits) -> None:
    """Does all tasks on the nodes of a cluster; as an executor is asked to (`hoigen.work.executor`).

    Args:
        tasks: taken as they are needed, a few ahead for each node.
        setup: of each worker, or of each machine and then of its workers; it is pickled.
        sink: gets parts and ends.
        limits: of the workers; `cluster` says which cluster, and what a worker takes of it.
    """
    coming = iter(tasks)
    first = next(coming, None)
    if first is None:
        return
    try:
        pickled = pickle.dumps(setup)
    except Exception as error:
        raise SetupError(f"setup cannot be sent to worker processes: {type(error).__name__}: {error}") from error
    wanted = limits.cluster or Cluster()
    connect(wanted, limits)
    with local.sigterm_as_ctrl_c():
        leasing = _Leasing(coming, first, pickled, sink, limits, wanted)
        try:
            leasing.run()
        finally:
            leasing.end()


def _say(what: str) -> None:
    """One line for whoever watches: the run goes on."""
    print(f"hoigen: executor: ray: {what}", file=sys.stderr, flush=True)


def connect(wanted: Cluster, limits: Limits) -> None:
    """Joins the cluster of that address, or starts one on this machine, which ends with this process.

    Args:
        wanted: which cluster, and the CPUs of a worker.
        limits: how many workers one that is started here has room for.

    Raises SetupError when Ray is not installed or the cluster cannot be reached.
    """
    try:
        import ray
    except ImportError:
        raise SetupError("executor: ray needs extra [ray]: pip install 'hoigen[ray]'") from None
    if ray.is_initialized():
        return
    _check_somebody_is_there(wanted.address)
    here = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM) if here else None
    how: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "include_dashboard": False}
    try:
        if wanted.address:
            ray.init(address=wanted.address, log_to_driver=False, logging_level=logging.ERROR)
        else:
            ray.init(address="local", num_cpus=max(cores(), round(wanted.cpus * limits.workers)), **how)
    except SystemExit:  # Ray's own handler of SIGTERM
        raise KeyboardInterrupt from None
    except Exception as error:
        raise SetupError(
            f"executor: ray: {wanted.address or 'a cluster here'}: {type(error).__name__}: {error}"
        ) from None
    finally:
        if here:  # Ray's own handler would end this process without a word
            signal.signal(signal.SIGTERM, before)


def _check_somebody_is_there(address: str) -> None:
    """Raises SetupError where nobody listens at host:port, for which Ray itself would wait for minutes."""
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal():  # auto, local, ray://...
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER).close()
    except (OSError, OverflowError) as error:
        raise SetupError(f"executor: ray: {address}: no cluster answers there: {error}") from None


class _Leasing:
    """One run; all in the thread that calls `run`."""

    def __init__(
        self, tasks: Iterator[Task], first: Task, setup: bytes, sink: Sink, limits: Limits, wanted: Cluster
    ) -> None:
        self.tasks, self.setup, self.sink, self.limits, self.wanted = tasks, setup, sink, limits, wanted
        self.waiting: deque[_Lease] = deque([_Lease(first)])
        self.exhausted = False
        self.hands: dict[str, _Hand] = {}
        self.number = 0
        self.lost_in_a_row = 0
        self.without: Seconds | None = None  # since when there is no node

    def run(self) -> None:
        import ray

        looked = 0.0
        while True:
            if time.monotonic() - looked >= LOOK_EVERY:
                self._look()
                looked = time.monotonic()
            self._fill()
            if not self._next_there() and not any(hand.leases for hand in self.hands.values()):
                return
            refs = {hand.hearing: hand for hand in self.hands.values()}
            if not refs:
                time.sleep(LOOK_EVERY)
                continue
            found, _ = ray.wait(list(refs), timeout=LOOK_EVERY)
            for ref in found:
                self._hear(refs[ref])

    def end(self) -> None:
        import ray

        for hand in self.hands.values():
            with contextlib.suppress(ray.exceptions.RayError):
                hand.hearing = hand.actor.stop.remote() if hand.ready else None
        stopping = [hand.hearing for hand in self.hands.values() if hand.hearing is not None]
        with contextlib.suppress(ray.exceptions.RayError):
            ray.wait(stopping, num_returns=len(stopping), timeout=STOP) if stopping else None
        for hand in self.hands.values():
            with contextlib.suppress(ray.exceptions.RayError, ValueError):
                ray.kill(hand.actor)
        self.hands.clear()

    # nodes

    def _look(self) -> None:
        """Starts a supervisor on each node that has none and has room for one."""
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        alive = [node for node in ray.nodes() if node["Alive"]]
        for node in alive:
            name, there = node["NodeID"], node["Resources"]
            fits = int(there.get("CPU", 0) / self.wanted.cpus)
            workers = min(self.limits.workers, fits) if self.limits.workers > 0 else fits
            gpus = self.wanted.gpus if self.wanted.gpus is not None else float(there.get("GPU", 0) >= 1)
            if name in self.hands or workers < 1 or gpus > there.get("GPU", 0):
                continue
            threads = self.limits.threads or max(1, int(self.wanted.cpus))
            # of as many as it has room for, `together` is what all of them may have begun
            together = self.limits.together if self.limits.workers > 0 else -(-self.limits.together // workers)
            limits = replace(self.limits, workers=workers, cluster=None, threads=threads, together=together)
            actor = (
                ray.remote(Node)
                .options(
                    num_cpus=workers * self.wanted.cpus,
                    num_gpus=gpus,
                    max_restarts=0,
                    max_concurrency=8,
                    scheduling_strategy=NodeAffinitySchedulingStrategy(name, soft=False),
                )
                .remote([entry for entry in sys.path if isinstance(entry, str)], self.setup, limits)
            )
            room = max(2, limits.together) * workers + AHEAD
            self.hands[name] = _Hand(name, node["NodeManagerAddress"], actor, room, actor.ready.remote())
        for hand in self.hands.values():
            if not (hand.ready or hand.told) and time.monotonic() - hand.since > PLACED:
                hand.told = True
                _say(
                    f"the workers on {hand.address} have not started for {PLACED:g} s: its CPUs or "
                    "cards may be taken by other work of the cluster (`ray status`); they are waited for"
                )
        if self.hands:
            self.without = None
            return
        self.without = self.without if self.without is not None else time.monotonic()
        if not self.lost_in_a_row or time.monotonic() - self.without > self.limits.load_deadline:
            have = "; ".join(
                f"{node['NodeManagerAddress']}: {node['Resources'].get('CPU', 0):g} CPUs, "
                f"{node['Resources'].get('GPU', 0):g} GPUs"
                for node in alive
            )
            raise SetupError(
                f"executor: ray: no node has room for a worker of {self.wanted.cpus:g} CPUs and a share of "
                f"{self.wanted.gpus or 0:g} GPUs; there are {have or 'none'}"
            )

    def _lost(self, hand: _Hand, why: str) -> None:
        """Its leases come back; they are tried on another machine, or on this one anew."""
        del self.hands[hand.name]
        self.lost_in_a_row += 1
        if self.lost_in_a_row >= LOSSES + len(self.hands) + 1:
            raise SetupError(f"executor: ray: machines are lost before anything is done: {why}")
        _say(f"the workers on {hand.address} were lost, with {plural(len(hand.leases), 'task')} that others get: {why}")
        for lease in reversed(hand.leases.values()):
            lease.losses += 1
            failure = Failure("crash", f"its machine was lost: {why}", "", lease.losses, "")
            if lease.losses >= LOSSES:
                self._gave_up(lease, failure)
                continue
            lease.task = self.sink.retry(lease.task, failure)
            self.waiting.appendleft(lease)

    # leases

    def _gave_up(self, lease: _Lease, failure: Failure) -> None:
        follow_up = self.sink.failed(lease.task, failure)
        if follow_up is not None:
            self.waiting.appendleft(_Lease(follow_up))

    def _next_there(self) -> bool:
        if not self.waiting and not self.exhausted:
            task = next(self.tasks, None)
            if task is None:
                self.exhausted = True
            else:
                self.waiting.append(_Lease(task))
        return bool(self.waiting)

    def _fill(self) -> None:
        for hand in self.hands.values():
            given = []
            while hand.ready and len(hand.leases) < hand.room and self._next_there():
                alone = self.waiting[0].losses >= LOSSES - 1
                if (alone and hand.leases) or any(other.losses >= LOSSES - 1 for other in hand.leases.values()):
                    break
                lease = self.waiting.popleft()
                try:
                    given.append(self._packed(lease.task))
                except Exception as error:
                    reason = f"the task cannot be sent to a worker: {type(error).__name__}: {error}"
                    self._gave_up(lease, Failure("error", reason, "", lease.losses + 1, ""))
                else:
                    hand.leases[self.number] = lease
            if given:
                hand.actor.give.remote(given)

    def _packed(self, task: Task) -> tuple[int, bytes]:
        body = pickle.dumps(task.payload, pickle.HIGHEST_PROTOCOL)
        self.number += 1
        return self.number, body

    # listening

    def _hear(self, hand: _Hand) -> None:
        import ray

        try:
            events = ray.get(hand.hearing)
        except ray.exceptions.RayError as error:
            self._lost(hand, (str(error).strip().splitlines() or [type(error).__name__])[0])
            return
        if not hand.ready:  # it has said that it is there
            hand.ready = True
            events = []
        hand.hearing = hand.actor.hear.remote()
        for what, number, told in events:
            if what == "stop":
                raise pickle.loads(told)
            lease = hand.leases[number]
            if what == "part":
                self.sink.part(lease.task, told)
            elif what == "done":
                self.lost_in_a_row = 0
                del hand.leases[number]
                self.sink.done(lease.task)
            elif what == "retry":
                self.lost_in_a_row = 0
                lease.task = self.sink.retry(lease.task, told)
                hand.actor.answer.remote((number, pickle.dumps(lease.task.payload, pickle.HIGHEST_PROTOCOL)))
            else:
                self.lost_in_a_row = 0
                del hand.leases[number]
                follow_up = self.sink.failed(lease.task, told)
                answer = None
                if follow_up is not None:
                    answer = self._packed(follow_up)
                    hand.leases[answer[0]] = _Lease(follow_up)
                hand.actor.answer.remote(answer)
