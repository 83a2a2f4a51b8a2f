"""Statements that requests run again and again, compiled once and given to SQLite's driver as they are.

SQLAlchemy takes several times as long to run a small statement as SQLite does, and an answer is half a dozen of them.
PostgreSQL gets them through SQLAlchemy: its own time is many times either.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

_LISTED = "__[POSTCOMPILE_{}]"
_Values = Mapping[str, Any]


class Statement:
    """A statement of SQLAlchemy, for both kinds of database.

    Rows come as tuples. What goes wrong is an error of SQLAlchemy in either case.
    """

    def __init__(self, made: Any, columns: Sequence[str] = ()) -> None:
        """
        Args:
            made: the statement, its values as `bindparam` (lists as expanding ones).
            columns: of an insert.
        """
        self.made = made
        self.columns = columns
        self._names = [column.key for column in getattr(made, "selected_columns", ())]
        self._text = ""
        self._binds: list[tuple[str, bool, Any]] = []
        self._lists: list[str] = []
        self._texts: dict[tuple[int, ...], str] = {}

    def rows(self, con: Connection, values: _Values) -> Sequence[Any]:
        """Rows of a select."""
        if con.dialect.name != "sqlite":
            return con.execute(self.made, dict(values)).all()
        return self._run(con, values).fetchall()

    def firsts(self, con: Connection, values: _Values) -> list[Any]:
        """The first column of a select."""
        return [row[0] for row in self.rows(con, values)]

    def dicts(self, con: Connection, values: _Values) -> list[dict[str, Any]]:
        """Rows of a select, by name."""
        return [dict(zip(self._names, row, strict=True)) for row in self.rows(con, values)]

    def change(self, con: Connection, values: _Values) -> int:
        """Runs an insert, an update or a delete. Returns how many rows it was about."""
        if con.dialect.name != "sqlite":
            return int(con.execute(self.made, dict(values)).rowcount)
        return self._run(con, values).rowcount

    def change_each(self, con: Connection, values: Sequence[_Values]) -> None:
        """Runs an insert or an update for each of several values; there are no lists in them."""
        if con.dialect.name != "sqlite":
            con.execute(self.made, [dict(each) for each in values])
            return
        text = self._compiled(con)
        arguments = [self._arguments(each) for each in values]
        try:
            _driver(con).executemany(text, arguments)
        except sqlite3.Error as error:
            raise self._told(con, text, error) from error

    def _run(self, con: Connection, values: _Values) -> sqlite3.Cursor:
        text = self._compiled(con)
        if self._lists:
            lengths = tuple(len(values[name]) for name in self._lists)
            text = self._texts.get(lengths) or self._expanded(lengths)
        try:
            return _driver(con).execute(text, self._arguments(values))
        except sqlite3.Error as error:
            raise self._told(con, text, error) from error

    def _compiled(self, con: Connection) -> str:
        if not self._text:
            how: dict[str, Any] = {"column_keys": list(self.columns)} if self.columns else {}
            done = self.made.compile(dialect=con.dialect, **how)
            defaults = done.construct_params(_check=False)
            listed = done.post_compile_params
            self._binds = [
                (name, done.binds[name] in listed, None if done.binds[name].required else (defaults[name],))
                for name in done.positiontup or ()
            ]
            self._lists = [name for name, is_list, _ in self._binds if is_list]
            self._text = done.string
        return self._text

    def _expanded(self, lengths: tuple[int, ...]) -> str:
        text = self._text
        for name, length in zip(self._lists, lengths, strict=True):
            text = text.replace(_LISTED.format(name), ", ".join("?" * length), 1)
        self._texts[lengths] = text
        return text

    def _arguments(self, values: _Values) -> list[Any]:
        found: list[Any] = []
        for name, is_list, default in self._binds:
            value = values[name] if default is None else values.get(name, default[0])
            if is_list:
                found += value
            else:
                found.append(value)
        return found

    def _told(self, con: Connection, text: str, error: sqlite3.Error) -> Exception:
        return sa.exc.DBAPIError.instance(text, None, error, sqlite3.Error, dialect=con.dialect)


def _driver(con: Connection) -> sqlite3.Connection:
    found: sqlite3.Connection = con.connection.driver_connection  # type: ignore[assignment]
    return found
