"""Databases of both kinds: SQLite in a folder, and a PostgreSQL of one's own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sqlalchemy")
from hoigen.review.database import Database

POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Callable[[], str]]:
    """A PostgreSQL on loopback, run by an unprivileged user; gives URLs of new, empty databases."""
    if not POSTGRES:
        pytest.skip("no /usr/lib/postgresql/*/bin/initdb (apt-get install postgresql)")
    programs = POSTGRES[-1].parent
    folder = Path(tempfile.mkdtemp(prefix="hoigen-postgres-"))  # pytest's own folders are for nobody else
    who: dict[str, Any] = {}
    if os.geteuid() == 0:  # it refuses to run as root
        user = pwd.getpwnam("postgres" if "postgres" in {each.pw_name for each in pwd.getpwall()} else "nobody")
        os.chown(folder, user.pw_uid, user.pw_gid)
        who = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder, **who}
    data = folder / "data"
    how = ("--auth=trust", "--username=hoigen", "--no-sync", "--encoding=UTF8", "--locale=C")
    subprocess.run([programs / "initdb", "-D", data, *how], check=True, **quiet)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [programs / "postgres", "-D", data, "-p", str(port), "-k", folder, "-h", "127.0.0.1", "-c", "fsync=off"],
        **quiet,
    )
    base = f"postgresql://hoigen@127.0.0.1:{port}"
    try:
        ready = [programs / "pg_isready", "-h", "127.0.0.1", "-p", str(port), "-t", "1"]
        for _ in range(60):
            if subprocess.run(ready, **quiet).returncode == 0:
                break
        else:
            raise AssertionError("PostgreSQL never came up")
        made = iter(range(1000))

        def new() -> str:
            name = f"r{next(made)}"
            subprocess.run(
                [programs / "createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "hoigen", name], check=True, **quiet
            )
            return f"{base}/{name}"

        yield new
    finally:
        server.send_signal(signal.SIGQUIT)  # at once: others wait for connections, or write what nobody reads
        server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database of each kind, empty."""
    made = Database(request.getfixturevalue("postgres")() if request.param == "postgresql" else tmp_path / "r.sqlite")
    yield made
    made.close()
