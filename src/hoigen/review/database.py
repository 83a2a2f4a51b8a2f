"""The review database: SQLite in a file by default, PostgreSQL by URL; transactions, backup, restore."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from hoigen.core.errors import HoigenError, UsageError
from hoigen.review import tables as t
from hoigen.review.statements import Statement

BUSY = 30.0
"""Seconds that a writer waits for another process's transaction."""
PRAGMAS = (
    "journal_mode = wal",
    "synchronous = full",
    "foreign_keys = on",
    "cache_size = -65536",  # 64 MiB
    # the log is brought into the file 16 MB at a time: an answer changes some twelve pages all over a large database,
    # so that with the 1,000 pages that SQLite takes one answer in eighty would wait until all of them are written
    "wal_autocheckpoint = 4000",
)
DRIVER = "postgresql+pg8000"
TRIES = 5
"""How often a transaction that PostgreSQL gave up for the sake of another is done again."""


class FullError(HoigenError):
    """The disk of the database is full, or cannot be written: what was sent is not saved."""


T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Wanted:
    """What a thread wants done in a transaction, and what came of it."""

    work: Callable[[Connection], Any]
    done: bool = False
    value: Any = None
    error: BaseException | None = field(default_factory=lambda: RuntimeError("it was never done"))


class Database:
    """A review database. May be used by several threads; several processes may open the same one.

    A transaction that writes is begun as such (`begin immediate`; PostgreSQL locks rows), so that what it has read
    still holds when it commits. It is on the disk when it has committed (`synchronous = full`).
    """

    def __init__(self, target: str | Path) -> None:
        """
        Args:
            target: a file of SQLite, or a URL of PostgreSQL (`postgresql://user@host/name`).
        """
        self.target = str(target)
        self.postgres = self.target.startswith(("postgresql:", "postgres:", "postgresql+"))
        self._lock = threading.RLock() if not self.postgres else contextlib.nullcontext()
        self._wanted: list[_Wanted] = []
        self._wanted_lock = threading.Lock()
        self._mine = threading.local()
        self._idle: list[Connection] = []
        self.engine = self._postgres() if self.postgres else self._sqlite()

    @property
    def shown(self) -> str:
        """Its file, or its URL without a password."""
        return self.engine.url.render_as_string() if self.postgres else self.target

    def _sqlite(self) -> Engine:
        path = Path(self.target)
        engine = sa.create_engine(
            sa.URL.create("sqlite", database=str(path)),
            max_overflow=-1,  # one for each thread that reads just now
            connect_args={"timeout": BUSY, "check_same_thread": False, "autocommit": sqlite3.LEGACY_TRANSACTION_CONTROL}
            if hasattr(sqlite3, "LEGACY_TRANSACTION_CONTROL")
            else {"timeout": BUSY, "check_same_thread": False},
        )

        @sa.event.listens_for(engine, "connect")
        def connected(raw: Any, _: Any) -> None:
            raw.isolation_level = None  # transactions begin where they are begun here
            cursor = raw.cursor()
            for pragma in PRAGMAS:
                cursor.execute(f"pragma {pragma}")
            cursor.close()

        @sa.event.listens_for(engine, "begin")
        def began(con: Connection) -> None:
            con.exec_driver_sql("begin immediate" if con.get_execution_options().get("writes") else "begin")

        return engine

    def _postgres(self) -> Engine:
        try:
            url = sa.make_url(self.target).set(drivername=DRIVER)
            return sa.create_engine(url, pool_size=10, max_overflow=10, pool_pre_ping=True)
        except (sa.exc.ArgumentError, ModuleNotFoundError) as error:
            raise UsageError(f"--database: postgresql://user:password@host:port/name; {error}") from None

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction that may write; committed, and on the disk, when the block has ended without an error."""
        if getattr(self._mine, "writes", False):
            raise RuntimeError("within `together` only `do` writes: another connection would wait for this one")
        with self._lock, self._told(), self.engine.connect() as con:
            con = con.execution_options(writes=True)
            with con.begin():
                yield con

    def do(self, work: Callable[[Connection], T]) -> T:
        """Does something in a transaction; returns when that is committed, and on the disk.

        What other threads of this process want meanwhile goes into one transaction with it, whose one wait for the disk
        is for all of them. Where one of them fails, nothing of that transaction stays, and each is done again alone;
        where the database itself does (it is locked, the disk is full), all are told.

        Args:
            work: gets the connection. It may be done twice, the first time in vain. Raises no HoigenError of its own.
        """
        if self.postgres:  # it commits those of several connections together by itself
            with self.write() as con:
                return work(con)
        if (begun := getattr(self._mine, "begun", None)) is not None:
            return work(begun())
        mine = _Wanted(work)
        with self._wanted_lock:
            self._wanted.append(mine)
        with self._lock:
            if not mine.done:  # whoever had the lock before may have done it
                with self._wanted_lock:
                    batch, self._wanted = self._wanted, []
                self._together(batch)
        if mine.error is not None:
            raise mine.error
        value: T = mine.value
        return value

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """All that this thread has done (`do`) within the block is one transaction of SQLite, committed at its end.

        Where something goes wrong, nothing of it stays: the error is raised, and what was done is to be done again. It
        begins with the first `do`; other ways to write are not for such a block.
        """
        with contextlib.ExitStack() as stack:
            begun: list[Connection] = []
            failed: list[HoigenError] = []

            def connection() -> Connection:
                if not begun:
                    if failed:  # all are told at once, rather than each after a wait of its own
                        raise failed[0]
                    try:
                        begun.append(stack.enter_context(self.write()))
                    except HoigenError as error:
                        failed.append(error)
                        raise
                    self._mine.writes = True
                return begun[0]

            self._mine.begun = connection
            try:
                yield
            finally:
                self._mine.begun, self._mine.writes = None, False

    def _together(self, batch: list[_Wanted]) -> None:
        try:
            with self.write() as con:
                for one in batch:
                    one.value = one.work(con)
            for one in batch:  # committed
                one.error = None
        except HoigenError as error:
            for one in batch:
                one.error = error
        except Exception as error:
            if len(batch) == 1:
                batch[0].error = error
                return
            for one in batch:
                self._together([one])
        finally:
            for one in batch:
                one.done = True

    def rows(self, statement: Statement, values: Mapping[str, Any]) -> Sequence[Any]:
        """Rows of one select, at this moment."""
        if self.postgres:
            with self.read() as con:
                return statement.rows(con, values)
        with self._told():
            try:
                con = self._idle.pop()
            except IndexError:
                con = self.engine.connect()
            try:
                found = statement.rows(con, values)  # a transaction of its own, without saying so
            except BaseException:
                con.close()
                raise
            self._idle.append(con)
            return found

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """One moment of the database."""
        with self._told(), self.engine.connect() as con, con.begin():
            yield con

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Errors of the database in words."""
        try:
            yield
        except sa.exc.DBAPIError as error:
            words = " ".join(str(error.orig).split())
            low = words.lower()
            if "locked" in low or "busy" in low:
                raise UsageError(
                    f"{self.shown} is locked by another program for {BUSY:g} s; close what holds it, then try again"
                ) from error
            if "full" in low or "readonly" in low or "read-only" in low or "disk i/o" in low or "no space" in low:
                raise FullError(
                    f"{self.shown} cannot be written ({words}): nothing of this was saved; make room, then try again"
                ) from error
            if "not a database" in low or "malformed" in low:
                raise UsageError(f"{self.shown} is damaged ({words}); hoigen review RUN --restore BACKUP") from error
            if isinstance(error, sa.exc.InterfaceError | sa.exc.OperationalError) and self.postgres:
                raise UsageError(f"--database {self.shown}: {words}") from error
            raise

    def create(self) -> None:
        """Makes the tables where there are none. Raises UsageError for the database of another version."""
        if not self.postgres:
            Path(self.target).parent.mkdir(parents=True, exist_ok=True)
        with self.write() as con:
            self._check_schema(con)
            if not sa.inspect(con).has_table("project"):
                t.meta.create_all(con)
                con.execute(sa.insert(t.project).values(key="schema", value=str(t.SCHEMA)))
                for table in t.ONLY_ADDED:
                    self._only_added(con, table)

    def check(self) -> None:
        """Raises UsageError when there is no review database of this version."""
        if not self.postgres and not Path(self.target).is_file():
            raise UsageError(f"{self.target}: there is no review of this run yet; hoigen review RUN begins it")
        with self.read() as con:
            if not self._check_schema(con):
                raise UsageError(f"{self.shown} is no review database: it has no table `project`")

    def _check_schema(self, con: Connection) -> bool:
        if not sa.inspect(con).has_table("project"):
            names = sa.inspect(con).get_table_names()
            if set(names) & set(t.meta.tables):
                raise UsageError(f"{self.shown} holds tables of another program ({', '.join(sorted(names)[:3])})")
            return False
        found = con.execute(sa.select(t.project.c.value).where(t.project.c.key == "schema")).scalar()
        if found != str(t.SCHEMA):
            older = "an older" if (found or "0").isdigit() and int(found or 0) < t.SCHEMA else "a newer"
            raise UsageError(
                f"{self.shown} is of {older} hoigen (schema {found}, this one has {t.SCHEMA}): export its verdicts with"
                " that one (hoigen review RUN --export), then begin anew in another file (--database)"
            )
        return True

    def _only_added(self, con: Connection, table: str) -> None:
        if self.postgres:
            con.exec_driver_sql(
                "create or replace function only_added() returns trigger language plpgsql as "
                "$$ begin raise exception 'rows are only added here'; end $$"
            )
            con.exec_driver_sql(
                f"create trigger {table}_only_added before update or delete on {table} "
                "for each statement execute function only_added()"
            )
            return
        for what in ("update", "delete"):
            con.exec_driver_sql(
                f"create trigger {table}_no_{what} before {what} on {table} "
                "begin select raise(abort, 'rows are only added here'); end"
            )

    def backup(self, file: Path) -> Path:
        """Writes a copy of one moment, whole or not at all, while others go on working; SQLite in any case.

        Raises UsageError where it cannot be written, or something lies there already.
        """
        file = Path(file)
        if file.exists():
            raise UsageError(f"--backup {file} is there already; give a new name")
        if not file.parent.is_dir():
            raise UsageError(f"--backup {file}: no such folder {file.parent}")
        part = file.with_name(f".{file.name}.{os.getpid()}.part")
        try:
            if self.postgres:
                copied = Database(part)
                self._copied(copied)
                with copied.engine.connect() as con:
                    con.connection.driver_connection.execute("pragma journal_mode = delete")  # type: ignore[union-attr]
                copied.close()
            else:
                self.check()
                source = contextlib.closing(sqlite3.connect(self.target, timeout=BUSY))
                with source as own, contextlib.closing(sqlite3.connect(part)) as copy:
                    own.backup(copy)
                    copy.execute("pragma journal_mode = delete")
                    [[told]] = copy.execute("pragma integrity_check").fetchall()
                    if told != "ok":
                        raise UsageError(f"--backup: {self.target} is damaged: {told}")
            with part.open("rb") as done:
                os.fsync(done.fileno())
            part.replace(file)
        except (OSError, sqlite3.Error) as error:
            raise UsageError(f"--backup {file} cannot be written: {error}") from None
        finally:
            part.unlink(missing_ok=True)
        return file

    def restore(self, file: Path) -> None:
        """Makes this database what a backup holds. Raises UsageError when it is none, or there is a database here."""
        source = Database(file)
        source.check()
        if self.postgres:
            with self.read() as con:
                if sa.inspect(con).has_table("project"):
                    raise UsageError(f"--restore: {self.shown} holds a review already; give an empty database")
        elif Path(self.target).exists():
            raise UsageError(f"--restore: {self.target} is there already; move it (and its -wal) away first")
        source._copied(self)

    def _copied(self, other: Database) -> None:
        """All rows into an empty database."""
        other.create()
        with self.read() as source, other.write() as con:
            if self.postgres:
                source.exec_driver_sql("set transaction isolation level repeatable read")
            con.execute(sa.delete(t.project))
            for table in t.meta.sorted_tables:
                rows = source.execution_options(stream_results=True).execute(sa.select(table))
                while some := rows.fetchmany(5000):
                    con.execute(sa.insert(table), [row._asdict() for row in some])
            if other.postgres:  # keys that count up go on after the last
                for table in t.meta.sorted_tables:
                    key = next(iter(table.primary_key.columns))
                    if (
                        key.autoincrement is not False
                        and isinstance(key.type, sa.BigInteger)
                        and len(table.primary_key) == 1
                    ):
                        con.exec_driver_sql(
                            f"select setval(pg_get_serial_sequence('{table.name}', '{key.name}'), "
                            f"(select coalesce(max({key.name}), 0) + 1 from {table.name}), false)"
                        )

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()
        self.engine.dispose()

    @staticmethod
    def now() -> float:
        """Seconds since 1970, UTC."""
        return time.time()
