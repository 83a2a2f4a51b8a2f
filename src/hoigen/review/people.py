"""Who works here: invitations, passwords, sessions, the log of what was done to whom."""

from __future__ import annotations

import functools
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hoigen.core.errors import UsageError
from hoigen.review import tables as t
from hoigen.review.database import Database
from hoigen.review.queue import give
from hoigen.review.statements import Statement

ANNOTATOR, ADJUDICATOR, ADMIN = "annotator", "adjudicator", "admin"
ROLES: Final = (ANNOTATOR, ADJUDICATOR, ADMIN)
"""Each may do what those before it may."""
LONGEST_NAME = 64
SHORTEST_PASSWORD, LONGEST_PASSWORD = 10, 256
INVITE_DAYS, SESSION_HOURS = 7, 12
REFRESH = 300.0
"""Seconds after which a session is noted as used again."""
WINDOW, PER_NAME, PER_ADDRESS = 900.0, 8, 40
"""So many wrong passwords in so many seconds, of one name and from one address; then none is looked at for a while."""


_SESSION = Statement(
    sa.select(t.person.c.id, t.person.c.name, t.person.c.role, t.person.c.settings, t.person.c.disabled)
    .add_columns(t.session.c.seen, t.session.c.ended)
    .join(t.session, t.person.c.id == t.session.c.person)
    .where(t.session.c.hash == sa.bindparam("hash"))
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is signed in. session: the digest of their session's secret."""

    id: int
    name: str
    role: str
    settings: Mapping[str, Any]
    session: str = ""

    def may(self, role: str) -> bool:
        """Whether they may do what is for `role`."""
        return ROLES.index(self.role) >= ROLES.index(role)


class LaterError(Exception):
    """Too many wrong passwords. seconds: until the next one is looked at."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"too many wrong passwords; try again in {max(1, round(seconds / 60))} minutes")
        self.seconds = seconds


def digest(secret: str) -> str:
    """How a secret of 256 random bits is kept."""
    return hashlib.sha256(secret.encode()).hexdigest()


def check_name(name: str) -> str:
    """A person's name without spaces round it. Raises UsageError."""
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise UsageError(f"a name has 1 to {LONGEST_NAME} signs that can be printed; it came as {name[:80]!r}")
    return name


def audit(con: Connection, person: str, what: str, **about: Any) -> None:
    """Notes what was done, within the transaction that does it."""
    import time

    con.execute(sa.insert(t.audit).values(at=time.time(), person=person, what=what, about=json.dumps(about)))


def invite(db: Database, name: str, role: str = ANNOTATOR, *, by: str) -> str:
    """Invites somebody, or once more somebody who has lost the password; earlier invitations of theirs end.

    Returns the secret of the link, which is kept nowhere. Raises UsageError.
    """
    name = check_name(name)
    if role not in ROLES:
        raise UsageError(f"--role: one of {', '.join(ROLES)}; it came as {role!r}")
    secret = secrets.token_urlsafe(32)
    with db.write() as con:
        row = con.execute(sa.select(t.person.c.id, t.person.c.role).where(t.person.c.name == name)).one_or_none()
        if row is None:
            made = sa.insert(t.person).values(name=name, role=role, made=db.now()).returning(t.person.c.id)
            number = con.execute(made).scalar_one()
        else:
            number = row.id
            con.execute(sa.update(t.person).where(t.person.c.id == number).values(role=role, disabled=False))
            con.execute(sa.delete(t.invite).where(t.invite.c.person == number, t.invite.c.used.is_(None)))
        until = db.now() + INVITE_DAYS * 86400
        con.execute(sa.insert(t.invite).values(hash=digest(secret), person=number, until=until))
        audit(con, by, "invite", name=name, role=role)
    return secret


def invited(db: Database, secret: str) -> tuple[str, str]:
    """Whom an invitation is for, and what is wrong with it: one of the two is empty."""
    with db.read() as con:
        query = sa.select(t.person.c.name, t.invite.c.until, t.invite.c.used).join(
            t.person, t.person.c.id == t.invite.c.person
        )
        row = con.execute(query.where(t.invite.c.hash == digest(secret))).one_or_none()
    if row is None:
        return "", "This invitation is not known. Ask for a new one."
    if row.used is not None:
        return "", "This invitation was used already. Sign in with your name and password, or ask for a new one."
    if row.until < db.now():
        return "", f"This invitation is older than {INVITE_DAYS} days. Ask for a new one."
    return row.name, ""


def join(db: Database, secret: str, password: str) -> tuple[Person, str]:
    """Takes an invitation up: the password is set, earlier sessions end. Returns the person and a session's secret.

    Raises UsageError.
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise UsageError(f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} signs.")
    hashed = _hasher().hash(password)
    with db.write() as con:
        used = con.execute(
            sa.update(t.invite)
            .where(t.invite.c.hash == digest(secret), t.invite.c.used.is_(None), t.invite.c.until >= db.now())
            .values(used=db.now())
            .returning(t.invite.c.person)
        ).scalar()
        if used is not None:
            con.execute(sa.update(t.person).where(t.person.c.id == used).values(password=hashed))
            con.execute(
                sa.update(t.session)
                .where(t.session.c.person == used, t.session.c.ended.is_(None))
                .values(ended=db.now())
            )
            name = con.execute(sa.select(t.person.c.name).where(t.person.c.id == used)).scalar_one()
            audit(con, name, "join")
    if used is None:
        raise UsageError(invited(db, secret)[1] or "This invitation was used already.")
    return _signed_in(db, used)


def sign_in(db: Database, name: str, password: str, address: str) -> tuple[Person, str]:
    """Checks a password. Returns the person and the secret of a new session.

    Raises UsageError, with the same words whether the name or the password is wrong, and LaterError.
    """
    now = db.now()
    keys = (f"name {name.strip().casefold()[:LONGEST_NAME]}", f"address {address}")
    with db.write() as con:
        con.execute(sa.delete(t.attempt).where(t.attempt.c.at < now - WINDOW))
        for key, most in zip(keys, (PER_NAME, PER_ADDRESS), strict=True):
            times = (
                con.execute(sa.select(t.attempt.c.at).where(t.attempt.c.key == key).order_by(t.attempt.c.at))
                .scalars()
                .all()
            )
            if len(times) >= most:
                raise LaterError(times[-most] + WINDOW - now)
        con.execute(sa.insert(t.attempt), [{"key": key, "at": now} for key in keys])  # counted before it is looked at
        row = con.execute(sa.select(t.person).where(t.person.c.name == name.strip())).one_or_none()
    known = row is not None and row.password is not None and not row.disabled
    if not _matches(row.password if known and row is not None else _nobody(), password) or not known or row is None:
        with db.write() as con:
            audit(con, name.strip()[:LONGEST_NAME], "wrong password", address=address)
        raise UsageError("Name or password is wrong.")
    with db.write() as con:
        con.execute(sa.delete(t.attempt).where(t.attempt.c.key == keys[0]))
    return _signed_in(db, row.id)


def start(db: Database, name: str, role: str) -> tuple[Person, str]:
    """Signs in who is at this machine, without a password (`hoigen review` on loopback). Returns the secret, too."""
    with db.write() as con:
        found = con.execute(sa.select(t.person.c.id).where(t.person.c.name == name)).scalar()
        if found is None:
            made = sa.insert(t.person).values(name=name, role=role, made=db.now()).returning(t.person.c.id)
            found = con.execute(made).scalar_one()
    return _signed_in(db, found)


def session_of(db: Database, secret: str) -> Person | None:
    """Whose session this is; None when it has ended, or there is none."""
    now, hashed = db.now(), digest(secret)
    found = db.rows(_SESSION, {"hash": hashed})
    if not found:
        return None
    [(number, name, role, settings, disabled, seen, ended)] = found
    if ended is not None or disabled or seen < now - SESSION_HOURS * 3600:
        return None
    if seen < now - REFRESH:
        update = sa.update(t.session).where(t.session.c.hash == hashed).values(seen=now)
        db.do(lambda con: con.execute(update))
    return Person(number, name, role, json.loads(settings), hashed)


def sign_out(db: Database, person: Person) -> None:
    """Ends a session and gives back what was lent."""
    with db.write() as con:
        con.execute(sa.update(t.session).where(t.session.c.hash == person.session).values(ended=db.now()))
        _give_all(con, person.id)


def end_sessions(db: Database, number: int, *, by: str, disable: bool | None = None) -> None:
    """Ends all sessions of somebody, and takes back what was lent to them.

    Args:
        db: the database.
        number: of the person.
        by: who does it.
        disable: whether they may sign in again; as it is when not given.
    """
    with db.write() as con:
        name = con.execute(sa.select(t.person.c.name).where(t.person.c.id == number)).scalar()
        if name is None:
            raise UsageError(f"there is no person {number}")
        if disable is not None:
            con.execute(sa.update(t.person).where(t.person.c.id == number).values(disabled=disable))
        con.execute(
            sa.update(t.session).where(t.session.c.person == number, t.session.c.ended.is_(None)).values(ended=db.now())
        )
        _give_all(con, number)
        audit(con, by, "end sessions", name=name, disable=disable)


def save_settings(db: Database, number: int, settings: Mapping[str, Any]) -> None:
    """Keeps a person's keys, speed and the like."""
    with db.write() as con:
        con.execute(sa.update(t.person).where(t.person.c.id == number).values(settings=json.dumps(settings)))


def _give_all(con: Connection, number: int) -> None:
    held = t.assignment.c
    query = sa.select(held.item, held.person).where(held.person == number, held.state == t.LIVE)
    give(con, con.execute(query).all())


def _signed_in(db: Database, number: int) -> tuple[Person, str]:
    secret, now = secrets.token_urlsafe(32), db.now()
    with db.write() as con:
        con.execute(sa.insert(t.session).values(hash=digest(secret), person=number, made=now, seen=now))
        row = con.execute(sa.select(t.person).where(t.person.c.id == number)).one()
        audit(con, row.name, "sign in")
    return Person(row.id, row.name, row.role, json.loads(row.settings), digest(secret)), secret


@functools.cache
def _hasher() -> Any:
    from argon2 import PasswordHasher

    return PasswordHasher()  # RFC 9106, low memory: 64 MiB, 3 passes


@functools.cache
def _nobody() -> str:
    """The hash of no password: a wrong name takes as long as a wrong password."""
    return str(_hasher().hash(secrets.token_hex(16)))


def _matches(hashed: str, password: str) -> bool:
    from argon2.exceptions import Argon2Error, InvalidHashError

    try:
        return bool(_hasher().verify(hashed, password[:LONGEST_PASSWORD]))
    except (Argon2Error, InvalidHashError):
        return False
