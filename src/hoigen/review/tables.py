"""Tables of the review database, alike in SQLite and PostgreSQL.

`verdict` is only added to; the database itself refuses anything else. What the queue needs at once (how many votes an
item has, who holds it, what somebody's vote is now) stands in `item` and `assignment` and could be made again from the
verdicts.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

SCHEMA: Final = 1
"""Raised when a table changes; a database of another number is refused."""

OPEN, DONE, DISPUTED, ADJUDICATED, LEFT_OUT, GOLD, REMOVED, UNKEPT = range(8)
"""States of an item: votes are wanted; has all of them, and they agree; they do not, or somebody was unsure; somebody
has decided; is not asked, since its band is only sampled; its answer is known, people are asked to see how they do; its
clip was removed, since somebody asked for that; its clip is dropped by the run's rules, which were others when it came.
"""
NOT_ASKED: Final = (LEFT_OUT, GOLD, REMOVED, UNKEPT)
"""States of items that are not among those whose answers are wanted."""
LIVE, ANSWERED, BACK, SKIPPED = range(4)
"""States of an assignment: lent, with a vote, given back (or run out) without one; could not be shown to this person,
who is not lent it again before `until`."""

meta = MetaData()
_Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts only INTEGER keys up by itself
_Number = Float(53)

project = Table("project", meta, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))

clip = Table(
    "clip",
    meta,
    Column("id", Text, primary_key=True),
    Column("uri", Text, nullable=False),
    Column("start", _Number, nullable=False),
    Column("end", _Number, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("fps", _Number, nullable=False),
    Column("digest", Text, nullable=False, server_default=""),
    Column("stamp", Text, nullable=False, server_default=""),
    Column("source", Text, nullable=False, server_default=""),
    Column("caption", Text, nullable=False, server_default=""),
    Column("machine", Text, nullable=False, server_default=""),
    Column("score", _Number),
    Column("numbers", Text, nullable=False, server_default="{}"),
    Column("shard", Integer),
    Index("clip_source", "source"),
)
"""Clips of the run. digest, stamp: of the file, when it was measured (`stamp` is JSON: size and time). machine: how the
rules end it now: kept, or dropped. score: the number that people's verdicts are set against. numbers: all scores
(JSON). What was removed has an empty uri, and nothing that tells what it shows."""

item = Table(
    "item",
    meta,
    Column("id", _Id, primary_key=True),
    Column("question", Text, nullable=False),
    Column("clip", Text, ForeignKey("clip.id"), nullable=False),
    Column("key", Text, nullable=False, server_default=""),
    Column("other", Text),
    Column("subject", Text, nullable=False, server_default="{}"),
    Column("priority", _Number, nullable=False),
    Column("chance", _Number, nullable=False),
    Column("need", SmallInteger, nullable=False, server_default="1"),
    Column("given", SmallInteger, nullable=False, server_default="0"),
    Column("leased", SmallInteger, nullable=False, server_default="0"),
    Column("last_person", Integer),
    Column("state", SmallInteger, nullable=False, server_default="0"),
    Column("final", Text),
    Column("how", Text),
    Column("expected", Text),
    UniqueConstraint("clip", "question", "key", name="item_once"),
)
"""What is asked: one question about one clip. key: tells several items of a clip apart (which claim, which moment);
empty where there is one. other: the second video of a pair. subject: what is shown besides (JSON). priority: smallest
first. chance: a fixed random number in 0..1. need, given, leased: votes wanted, there, and lent. last_person: who had
it last. final, how: the answer that counts, and why (single, unanimous, adjudicated, gold). expected: of gold."""

# What nobody has touched, in the order in which it is lent; and what wants another vote, by who has it already. SQLite
# takes such an index where a query has the same words, a column on the left of each comparison.
Index("item_fresh", item.c.question, item.c.priority, item.c.id,
      sqlite_where=text("state = 0 and given + leased = 0"),
      postgresql_where=text("state = 0 and given + leased = 0"))  # fmt: skip
Index("item_begun", item.c.question, item.c.last_person, item.c.priority, item.c.id,
      sqlite_where=text("state = 0 and given + leased > 0 and need > given + leased"),
      postgresql_where=text("state = 0 and given + leased > 0 and need > given + leased"))  # fmt: skip
Index("item_state", item.c.question, item.c.state, item.c.id,
      sqlite_where=text("state <> 0"), postgresql_where=text("state <> 0"))  # fmt: skip

person = Table(
    "person",
    meta,
    Column("id", _Id, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("password", Text),
    Column("disabled", Boolean, nullable=False, server_default=text("false")),
    Column("made", _Number, nullable=False),
    Column("settings", Text, nullable=False, server_default="{}"),
)
"""Who works here. password: its argon2 hash; none before the invitation is used. settings: keys, speed (JSON)."""

invite = Table(
    "invite",
    meta,
    Column("hash", Text, primary_key=True),
    Column("person", ForeignKey("person.id"), nullable=False),
    Column("until", _Number, nullable=False),
    Column("used", _Number),
)
session = Table(
    "session",
    meta,
    Column("hash", Text, primary_key=True),
    Column("person", ForeignKey("person.id"), nullable=False),
    Column("made", _Number, nullable=False),
    Column("seen", _Number, nullable=False),
    Column("ended", _Number),
    Index("session_person", "person"),
)
attempt = Table(
    "attempt",
    meta,
    Column("id", _Id, primary_key=True),
    Column("key", Text, nullable=False),
    Column("at", _Number, nullable=False),
    Index("attempt_key", "key", "at"),
)
"""Wrong passwords, by name and by address, which slow the next ones down."""

assignment = Table(
    "assignment",
    meta,
    Column("item", _Id, ForeignKey("item.id"), primary_key=True),
    Column("person", _Id, ForeignKey("person.id"), primary_key=True),
    Column("state", SmallInteger, nullable=False),
    Column("until", _Number, nullable=False),
    Column("value", Text),
    Column("verdict", Text),
)
"""An item in somebody's hands. until: when the loan ends, or the rest of what was skipped. value, verdict: this
person's present vote, and its row."""
Index("assignment_live", assignment.c.until, sqlite_where=text("state = 0"), postgresql_where=text("state = 0"))
Index("assignment_person", assignment.c.person, assignment.c.state)

verdict = Table(
    "verdict",
    meta,
    Column("seq", _Id, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("item", _Id, ForeignKey("item.id"), nullable=False),
    Column("clip", Text, nullable=False),
    Column("question", Text, nullable=False),
    Column("person", _Id, ForeignKey("person.id"), nullable=False),
    Column("value", Text),
    Column("reason", Text, nullable=False, server_default=""),
    Column("note", Text, nullable=False, server_default=""),
    Column("at", _Number, nullable=False),
    Column("seconds", _Number),
    Column("mode", Text, nullable=False),
    Column("clip_version", Text, nullable=False),
    Column("question_version", Integer, nullable=False),
    Column("app_version", Text, nullable=False),
    Column("extra", Text, nullable=False, server_default="{}"),
    Column("supersedes", Text),
    Index("verdict_person", "person", "seq"),
    Index("verdict_item", "item"),
    sqlite_autoincrement=True,
)
"""All that was ever said. id: the browser's own, so that what is sent twice is there once. value: none takes back
what `supersedes` names. at: when the server had it. seconds: from the first frame to the key. mode: single, grid,
adjudicate, import. extra: in and out points, crop, speed (JSON)."""

audit = Table(
    "audit",
    meta,
    Column("id", _Id, primary_key=True),
    Column("at", _Number, nullable=False),
    Column("person", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("about", Text, nullable=False, server_default="{}"),
)

ONLY_ADDED = ("verdict", "audit")
"""Tables whose rows never change and never go."""
