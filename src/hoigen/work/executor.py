"""Which executor does a stage's work: the one place where it is chosen.

What any executor must do is the contract below and, line by line, `tests/work/test_executor_contract.py`; one for a
cluster is a module with such a `run`, a name in `EXECUTORS`, and that test with its name among the parameters.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping

from hoigen.work.task import Handler, Limits, Machine, Sink, Task

Executor = Callable[[Iterable[Task], Callable[[], Handler] | Machine, Sink, Limits], None]
"""Does tasks with a handler, somewhere, and reports to a sink; returns when each task is done or was given up.

It is given, in this order:
    tasks: taken as they are needed, a few ahead of what is under way, in the caller's thread.
    setup: called where tasks are done, once for each worker; gives the handler. It can be pickled. A Machine is opened
        first, once on each machine, before its workers are set up, and closed when they have ended.
    sink: gets every part and every end, in the caller's thread; of one task in the order in which things happened. What
        it raises ends the run.
    limits: how many workers, how long and how much memory a task may take, how often it is tried.

Raises SetupError when no worker can be set up, KeyboardInterrupt on Ctrl-C (and on SIGTERM, where tasks are done by
other processes), and whatever `tasks` and the sink raise. However it ends, nothing that it has started is left.
"""

EXECUTORS: Mapping[str, str] = {"local": "hoigen.work.local:run", "ray": "hoigen.work.cluster:run"}
"""Name -> module:function. local: supervised worker processes on this machine; ray: on the nodes of a Ray cluster."""

CHOSEN = "local"


def executor(name: str = CHOSEN) -> Executor:
    """The executor of that name."""
    module, _, function = EXECUTORS[name].partition(":")
    found: Executor = getattr(importlib.import_module(module), function)
    return found
