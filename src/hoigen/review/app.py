"""The app: pages, and what their scripts ask."""

from __future__ import annotations

import functools
import hashlib
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from hoigen.review import adjudicate, media, pages_quality, people, proxies, queue
from hoigen.review import tables as t
from hoigen.review.clerk import Clerk
from hoigen.review.people import ADJUDICATOR, ADMIN, ANNOTATOR, Person
from hoigen.review.project import Project, setting
from hoigen.review.questions import CLAIMS, FRAMES, KEEP, PREFERENCE, QUESTIONS, RATING, REASONS, Question
from hoigen.review.statements import Statement
from hoigen.review.summary import Made, Summary
from hoigen.review.web import Guard, Site, Wrong, page, person_of, sent_to, shown, signed_in, site_of, told

STATIC = Path(__file__).parent / "static"
KINDS = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
KEYS: Mapping[str, tuple[str, str]] = {
    "keep": ("j", "keep, true, right, yes"),
    "drop": ("f", "drop, false, left, no"),
    "unsure": (" ", "unsure, cannot tell, neither"),
    "undo": ("Backspace", "take the last answer back"),
    "replay": ("r", "from the beginning"),
    "pause": ("p", "stop and go"),
    "slower": ("[", "slower"),
    "faster": ("]", "faster"),
    "back": (",", "a frame back"),
    "forward": (".", "a frame on"),
    "caption": ("c", "caption on or off"),
    "details": ("b", "scores and boxes"),
    "note": ("n", "write a comment"),
    "cut": ("t", "trim or crop"),
    "help": ("?", "these keys"),
}
"""What keys do: the key that does it unless a person has another, and what it does."""
_CLIPS = Statement(sa.select(t.clip).where(t.clip.c.id.in_(sa.bindparam("ids", expanding=True))))
SPEEDS = (1.0, 1.5, 2.0, 2.5, 3.0)
CUT_OFF = 64
PATIENCE_FOR_COUNTS = 10.0
"""Seconds that the first page waits for how many items there are: it has nothing to say without."""


def make(site: Site) -> Starlette:
    """The app of a review.

    Args:
        site: what is served, and to whom.
    """
    with site.project.db.read() as con:
        site.secret = str(setting(con, "secret"))
    routes = [
        # what is asked most often first: they are tried in this order
        Route("/api/answers", answers, methods=["POST"]),
        Route("/api/settings", save_settings, methods=["POST"]),
        Route("/api/claim", claim, methods=["POST"]),
        Route("/api/heartbeat", heartbeat, methods=["POST"]),
        Route("/api/back", back, methods=["POST"]),
        Route("/api/decisions", decisions, methods=["POST"]),
        Route("/api/disputes/{question}", disputes),
        Route("/api/mine/{question}", mine),
        Route("/api/details/{clip}", details),
        Route("/", home),
        Route("/login", login, methods=["GET"]),
        Route("/login", check_login, methods=["POST"]),
        Route("/logout", logout, methods=["POST"]),
        Route("/invite/{secret}", invitation, methods=["GET"]),
        Route("/invite/{secret}", accept, methods=["POST"]),
        Route("/enter/{secret}", enter),
        Route("/review/{question}", loop),
        Route("/grid/{question}", grid),
        Route("/decide/{question}", decide),
        Route("/people", staff, methods=["GET"]),
        Route("/people", change_staff, methods=["POST"]),
        Route("/audit", log),
        Route("/settings", settings),
        Route("/export", export, methods=["POST"]),
        Route("/media/{clip}", video),
        Route("/media/{clip}/strip", strip),
        Route("/media/{clip}/source", original),
        Route("/static/{name}", static),
        Route("/favicon.ico", icon),
        *pages_quality.ROUTES,
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Guard, site=site)],
        exception_handlers={404: _not_found, 405: _not_found, 500: _broken},
    )
    app.state.site = site
    app.state.clerk = Clerk(site.project.db)
    app.state.counts = Summary(functools.partial(_counts, site.project), PATIENCE_FOR_COUNTS)
    pages_quality.prepare(app, site)
    app.state.renderer = proxies.Renderer(site.project.run)
    app.state.templates = Environment(
        loader=PackageLoader("hoigen.review"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return app


async def _not_found(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    return told(request, status, "There is no such page." if status == 404 else "That cannot be done here.")


async def _broken(request: Request, error: Exception) -> Response:
    return told(request, 500, "The program has a fault; what was saved is safe. The server's output has the details.")


def _question(name: str) -> Question:
    found = QUESTIONS.get(name)
    if found is None:
        raise Wrong(404, "There is no such question.")
    return found


def _rows(request: Request, person: Person, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows as a browser gets them: with the addresses of their videos, the sides of a pair at random, no names."""
    site = site_of(request)
    names = list(dict.fromkeys(name for row in rows for name in (row["clip"], row["other"]) if name))
    with site.project.db.read() as con:
        found = {row["id"]: row for row in _CLIPS.dicts(con, {"ids": names})}
    ready = {name for name in names if proxies.ready(site.project.run, found[name]) is not None}
    renderer: proxies.Renderer = request.app.state.renderer
    renderer.want([found[name] for name in names if name not in ready])
    for row in rows:
        hidden = row["question"] in (PREFERENCE, RATING)
        clips = [row["clip"], *([row["other"]] if row["other"] else [])]
        flipped = _flipped(site, person, row["item"]) if row["other"] else False
        row["videos"] = [
            _video(site, found[clip], clip in ready, hidden) for clip in (reversed(clips) if flipped else clips)
        ]
        row["about"] = "" if hidden else row["clip"]
        if hidden:
            row["caption"] = row["subject"].get("prompt", "")
            row["seconds"] = max(video["end"] - video["begin"] for video in row["videos"])
            for name in ("width", "height", "fps"):  # of the one that the pair names first, wherever it is shown
                del row[name]
        if row["question"] == CLAIMS:  # without who wrote it, and without the caption that the run has now
            row["caption"] = ""
        if row["question"] == FRAMES:  # by the frame alone: words may come of the observer that is calibrated
            row["caption"] = row["about"] = ""
        row["subject"] = {name: row["subject"][name] for name in ("claim", "time") if name in row["subject"]}
        del row["clip"], row["other"]
    return rows


def _flipped(site: Site, person: Person, item: int) -> bool:
    return bool(hashlib.blake2b(f"{site.secret} {person.id} {item}".encode(), digest_size=1).digest()[0] & 1)


def _video(site: Site, row: Mapping[str, Any], ready: bool, hidden: bool) -> dict[str, Any]:
    """Where a browser finds the video of a clip. The small file that is made for it, or, until that is there, the video
    itself; never that where models are to stay hidden, since files may name who made them."""
    begin, end = 0.0, row["end"] - row["start"]
    small = f"{site.prefix}/media/{row['id']}"
    src = small
    if not ready and not hidden and media.plays(row):
        src, begin, end = f"{small}/source", row["start"], row["end"]
    shape = (row["width"] / row["height"]) if row["height"] else 16 / 9
    about = {"src": src, "begin": round(begin, 3), "end": round(end, 3), "fps": row["fps"] or 25.0, "shape": shape}
    return about | {"small": small, "strip": f"{small}/strip"}


# Pages


def _counts(project: Project) -> dict[str, dict[int, int]]:
    """How many items of each question are in each state. Those of a state are counted by its index alone; those that
    are open are the others."""
    item = t.item.c
    with project.db.read() as con:
        total = con.execute(sa.select(item.question, sa.func.count()).group_by(item.question)).all()
        query = sa.select(item.question, item.state, sa.func.count()).where(sa.text("state <> 0"))
        rows = con.execute(query.group_by(item.question, item.state)).all()
    found: dict[str, dict[int, int]] = {name: {t.OPEN: count} for name, count in total}
    for name, state, count in rows:
        found[name][state] = count
        found[name][t.OPEN] -= count
    return found


@page(ANNOTATOR)
def home(request: Request, person: Person) -> Response:
    """What there is to do."""
    site = site_of(request)
    made: Made[dict[str, dict[int, int]]] | None = request.app.state.counts.look()
    counts = {} if made is None else made.value
    with site.project.db.read() as con:
        said = con.execute(
            sa.select(sa.func.count()).where(t.assignment.c.person == person.id, t.assignment.c.state == t.ANSWERED)
        ).scalar_one()
    rows = []
    for name, states in sorted(counts.items(), key=lambda each: list(QUESTIONS).index(each[0])):
        total = sum(count for state, count in states.items() if state not in t.NOT_ASKED)
        done = states.get(t.DONE, 0) + states.get(t.ADJUDICATED, 0)
        rows.append(
            {
                "question": QUESTIONS[name],
                "total": total,
                "done": done,
                "disputed": states.get(t.DISPUTED, 0),
                "left_out": states.get(t.LEFT_OUT, 0),
            }
        )
    return shown(
        request, "home.html", person=person, rows=rows, said=said, run=site.project.run.path.name,
        facts=json.dumps(_whose(request, person)),
    )  # fmt: skip


def _whose(request: Request, person: Person) -> dict[str, Any]:
    """What tells the answers that wait in a browser from those of other people and reviews."""
    project = hashlib.blake2b(site_of(request).secret.encode(), digest_size=6).hexdigest()
    return {"person": person.id, "project": project}


@page()
def login(request: Request) -> Response:
    """The form for name and password."""
    if person_of(request) is not None:
        return sent_to(request, "/")
    return shown(request, "login.html", wrong="", name="")


@page(changes=True)
def check_login(request: Request, form: dict[str, str]) -> Response:
    """Signs in."""
    from hoigen.core.errors import UsageError

    name, password = form.get("name", ""), form.get("password", "")
    address = request.client.host if request.client else ""
    try:
        person, secret = people.sign_in(site_of(request).project.db, name, password, address)
    except UsageError as error:
        return shown(request, "login.html", status=403, wrong=str(error), name=name[: people.LONGEST_NAME])
    return signed_in(request, person, secret)


@page(ANNOTATOR, changes=True)
def logout(request: Request, person: Person, form: Any) -> Response:
    """Ends the session; what was lent goes back."""
    people.sign_out(site_of(request).project.db, person)
    site, response = site_of(request), sent_to(request, "/login")
    response.delete_cookie(site.cookie, path=site.home, secure=site.secure, httponly=True)
    return response


@page()
def invitation(request: Request) -> Response:
    """Where somebody who is invited chooses a password."""
    name, wrong = people.invited(site_of(request).project.db, request.path_params["secret"][:CUT_OFF])
    return shown(request, "invite.html", status=410 if wrong else 200, name=name, wrong=wrong, again="")


@page(changes=True)
def accept(request: Request, form: dict[str, str]) -> Response:
    """Takes an invitation up."""
    from hoigen.core.errors import UsageError

    db, secret = site_of(request).project.db, request.path_params["secret"][:CUT_OFF]
    name, wrong = people.invited(db, secret)
    if wrong:
        return shown(request, "invite.html", status=410, name="", wrong=wrong, again="")
    if form.get("password", "") != form.get("again", ""):
        told = "The two passwords differ."
        return shown(request, "invite.html", status=400, name=name, wrong="", again=told)
    try:
        person, session = people.join(db, secret, form.get("password", ""))
    except UsageError as error:
        return shown(request, "invite.html", status=400, name=name, wrong="", again=str(error))
    return signed_in(request, person, session)


@page()
def enter(request: Request) -> Response:
    """Lets in who has started the program on this machine, by the link that it printed."""
    import hmac

    site = site_of(request)
    came = people.digest(request.path_params["secret"])
    if not site.local or not hmac.compare_digest(came, site.local):
        raise Wrong(404, "This link is not known: the program prints a new one each time it starts.")
    return signed_in(request, *people.start(site.project.db, site.user, ADMIN))


def _work(request: Request, person: Person, mode: str) -> Response:
    asked = _question(request.path_params["question"])
    if mode == "grid" and asked.name != KEEP:
        raise Wrong(404, "Only clips to keep or drop come in a grid.")
    own = person.settings.get("keys", {})
    keys = {name: own.get(name, key) for name, (key, _) in KEYS.items()}
    facts = {
        "question": asked.name,
        "mode": mode,
        **_whose(request, person),
        "keys": keys,
        "speed": person.settings.get("speed", 1.5),
        "caption": person.settings.get("caption", True),
        "values": asked.values,
        "reasons": REASONS if asked.name == KEEP else {},
    }
    return shown(
        request,
        "grid.html" if mode == "grid" else "loop.html",
        person=person,
        asked=asked,
        facts=json.dumps(facts),
        mode=mode,
        keys=[(name, keys[name], told) for name, (_, told) in KEYS.items()],
        reasons=REASONS if asked.name == KEEP else {},
        speeds=SPEEDS,
        still=asked.name == FRAMES,
        pair=asked.name == PREFERENCE,
        rating=asked.name == RATING,
        generated=asked.name in (PREFERENCE, RATING),
        captioned=asked.name == KEEP,
        scored=asked.name in (KEEP, CLAIMS),
    )


@page(ANNOTATOR)
def loop(request: Request, person: Person) -> Response:
    """One clip after the other."""
    return _work(request, person, "single")


@page(ANNOTATOR)
def grid(request: Request, person: Person) -> Response:
    """Nine clips at a time."""
    return _work(request, person, "grid")


@page(ADJUDICATOR)
def decide(request: Request, person: Person) -> Response:
    """Clips on which people differ."""
    return _work(request, person, "decide")


@page(ADMIN)
def staff(request: Request, person: Person) -> Response:
    """Who works here."""
    return _staff(request, person)


def _staff(request: Request, person: Person, link: str = "", whose: str = "", wrong: str = "") -> Response:
    db = site_of(request).project.db
    with db.read() as con:
        live = sa.select(sa.func.count()).where(
            t.session.c.person == t.person.c.id,
            t.session.c.ended.is_(None),
            t.session.c.seen > db.now() - people.SESSION_HOURS * 3600,
        )
        query = sa.select(t.person, live.scalar_subquery().label("sessions")).order_by(t.person.c.name)
        rows = [dict(row) for row in con.execute(query).mappings()]
    facts: dict[str, Any] = {"rows": rows, "roles": people.ROLES, "link": link, "whose": whose, "wrong": wrong}
    return shown(request, "people.html", person=person, status=400 if wrong else 200, **facts)


@page(ADMIN, changes=True)
def change_staff(request: Request, person: Person, form: dict[str, str]) -> Response:
    """Invites somebody, ends sessions, lets somebody in no longer or again."""
    from hoigen.core.errors import UsageError

    db, what = site_of(request).project.db, form.get("what", "")
    try:
        if what == "invite":
            name = people.check_name(form.get("name", ""))
            secret = people.invite(db, name, form.get("role", people.ANNOTATOR), by=person.name)
            return _staff(
                request, person, f"{str(request.base_url).rstrip('/')}{site_of(request).prefix}/invite/{secret}", name
            )
        number = form.get("person", "")
        if what in ("end", "disable", "enable") and number.isascii() and number.isdigit() and len(number) < 18:
            disable = {"end": None, "disable": True, "enable": False}[what]
            people.end_sessions(db, int(number), by=person.name, disable=disable)
            return sent_to(request, "/people")
    except UsageError as error:
        return _staff(request, person, wrong=str(error))
    raise Wrong(400, "That cannot be done here.")


@page(ADMIN)
def log(request: Request, person: Person) -> Response:
    """What was done, by whom."""
    from datetime import UTC, datetime

    with site_of(request).project.db.read() as con:
        rows = con.execute(sa.select(t.audit).order_by(t.audit.c.id.desc()).limit(500)).mappings().all()
    told = [{**row, "when": f"{datetime.fromtimestamp(row['at'], UTC):%Y-%m-%d %H:%M:%S}"} for row in rows]
    return shown(request, "audit.html", person=person, rows=told)


@page(ANNOTATOR)
def settings(request: Request, person: Person) -> Response:
    """Keys and speed of a person."""
    own = person.settings.get("keys", {})
    keys = [(name, own.get(name, key), key, told) for name, (key, told) in KEYS.items()]
    return shown(
        request, "settings.html", person=person, keys=keys, speeds=SPEEDS, speed=person.settings.get("speed", 1.5)
    )


@page(ADMIN, changes=True)
def export(request: Request, person: Person, form: Any) -> Response:
    """Writes the verdicts into the run."""
    from hoigen.review.export import export as write

    done = write(site_of(request).project)
    with site_of(request).project.db.write() as con:
        people.audit(con, person.name, "export", added=done.added, final=done.final)
    words = site_of(request).words(done)
    return shown(request, "error.html", person=person, title="Exported", words=words)


# What scripts ask


@page(ANNOTATOR, changes=True)
def save_settings(request: Request, person: Person, came: dict[str, Any]) -> Response:
    """Keeps keys, speed, caption."""
    new = dict(person.settings)
    if "keys" in came:
        keys = came["keys"]
        if not isinstance(keys, dict) or not all(name in KEYS for name in keys):
            raise Wrong(400, "keys: name -> key")
        taken = {name: keys.get(name, key) for name, (key, _) in KEYS.items()}
        for name, key in taken.items():
            if not isinstance(key, str) or not 1 <= len(key) <= 20 or not key.isprintable() or key in REASONS:
                raise Wrong(400, f"keys: {KEYS[name][1]}: a key that is no digit from 1 to 9")
        if len(set(taken.values())) < len(taken):
            raise Wrong(400, "keys: one key does one thing")
        new["keys"] = {name: key for name, key in taken.items() if key != KEYS[name][0]}
    if "speed" in came:
        if came["speed"] not in SPEEDS:
            raise Wrong(400, f"speed: one of {SPEEDS}")
        new["speed"] = float(came["speed"])
    if "caption" in came:
        if not isinstance(came["caption"], bool):
            raise Wrong(400, "caption: true or false")
        new["caption"] = came["caption"]
    people.save_settings(site_of(request).project.db, person.id, new)
    return JSONResponse({"settings": new})


@page(ANNOTATOR, changes=True, together=True)
def claim(request: Request, person: Person, came: dict[str, Any]) -> Response:
    """Lends the next items."""
    asked = _question(str(came.get("question")))
    project = site_of(request).project
    size, lease, gold = (project.setting(name) for name in ("batch", "lease", "gold_share"))
    rows = queue.claim(project.db, person.id, asked.name, size=size, lease=lease, gold_share=gold)
    more = {}
    if not rows:
        more = {each.__name__: each(project.db, person.id, asked.name) for each in (queue.elsewhere, queue.unshown)}
    return JSONResponse({"items": _rows(request, person, rows), "lease": lease, **more})


def _numbers(came: Any) -> list[int]:
    listed = came if isinstance(came, list) else None
    found = [queue.item_of({"item": one}) for one in listed or ()]
    if listed is None or len(found) > queue.MOST or 0 in found:
        raise Wrong(400, f"items: at most {queue.MOST} numbers")
    return found


@page(ANNOTATOR, changes=True, together=True)
def heartbeat(request: Request, person: Person, came: dict[str, Any]) -> Response:
    """Keeps items lent."""
    project = site_of(request).project
    lease = project.setting("lease")
    return JSONResponse({"items": queue.heartbeat(project.db, person.id, _numbers(came.get("items")), lease=lease)})


@page(ANNOTATOR, changes=True)
def back(request: Request, person: Person, came: dict[str, Any]) -> Response:
    """Gives items back; with `unshown` those that could not be shown, in whose place others are lent."""
    db, items = site_of(request).project.db, _numbers(came.get("items"))
    given = queue.skip(db, person.id, items) if came.get("unshown") is True else queue.give_back(db, person.id, items)
    return JSONResponse({"given": given})


def _listed(came: dict[str, Any]) -> list[Any]:
    listed = came.get("answers")
    if not isinstance(listed, list) or len(listed) > queue.MOST:
        raise Wrong(400, f"answers: a list of at most {queue.MOST}")
    return listed


@page(ANNOTATOR, changes=True, together=True)
def answers(request: Request, person: Person, came: dict[str, Any]) -> Response:
    """Takes answers; those that it names as saved are on the disk."""
    site = site_of(request)
    listed = [_unflipped(site, person, one) for one in _listed(came)]
    taken_back = any(isinstance(one, dict) and one.get("value") is None for one in listed)
    lease = site.project.setting("lease") if taken_back else queue.LEASE  # of what is lent again
    done = queue.answer(site.project.db, person.id, listed, app=site.version, lease=lease)
    return JSONResponse({"saved": done.saved, "refused": done.refused})


def _unflipped(site: Site, person: Person, came: Any) -> Any:
    """Left and right, as this person saw them, as first and second."""
    if isinstance(came, dict) and came.get("value") in ("first", "second") and (item := queue.item_of(came)):
        other = {"first": "second", "second": "first"}[came["value"]]
        return came | {"value": other if _flipped(site, person, item) else came["value"]}
    return came


@page(ADJUDICATOR, changes=True)
def decisions(request: Request, person: Person, came: dict[str, Any]) -> Response:
    """Takes decisions."""
    site = site_of(request)
    done = adjudicate.decide(site.project.db, person.id, _listed(came), app=site.version)
    return JSONResponse({"saved": done.saved, "refused": done.refused})


@page(ADJUDICATOR)
def disputes(request: Request, person: Person) -> Response:
    """Items to decide."""
    asked = _question(request.path_params["question"])
    db = site_of(request).project.db
    rows = adjudicate.waiting(db, person.id, asked.name)
    more = {} if rows else {"own": adjudicate.own(db, person.id, asked.name)}
    return JSONResponse({"items": _rows(request, person, rows), **more})


@page(ANNOTATOR)
def mine(request: Request, person: Person) -> Response:
    """What this person said last, before the verdicts that the page knows of: to take it back after a reload."""
    asked = _question(request.path_params["question"])
    but = request.query_params.getlist("but")[: queue.MOST]
    said, held = t.verdict.c, t.assignment.c
    query = sa.select(said.id, said.item, said.value, said.reason, said.note, said.seq)
    query = query.join(t.assignment, sa.and_(held.item == said.item, held.person == said.person))
    query = query.where(held.verdict == said.id, said.person == person.id, said.question == asked.name)
    query = query.where(said.id.not_in(but)).order_by(said.seq.desc()).limit(1)
    with site_of(request).project.db.read() as con:
        row = con.execute(query).mappings().one_or_none()
        rows = queue.shown(con, [row["item"]]) if row is not None else []
    if row is None:
        return JSONResponse({"verdict": None})
    for each in rows:
        del each["priority"], each["state"]
    verdict = {"id": row["id"], "value": row["value"], "reason": row["reason"], "note": row["note"]}
    return JSONResponse({"verdict": verdict, "item": _rows(request, person, rows)[0]})


def _clip(request: Request, person: Person) -> Mapping[str, Any]:
    row = media.clip_row(site_of(request).project, request.path_params["clip"], person)
    if row is None:
        raise Wrong(404, "There is no such clip.")
    return row


@page(ANNOTATOR)
def details(request: Request, person: Person) -> Response:
    """Scores and boxes of a clip, and its source: of generated videos that is the model."""
    row = _clip(request, person)
    _check_told(request, person, row)
    return JSONResponse(media.details(site_of(request).project.run, row))


def _check_told(request: Request, person: Person, row: Mapping[str, Any]) -> None:
    """Raises Wrong where a clip is one whose model people are not to know."""
    if person.may(ADMIN):
        return
    with site_of(request).project.db.read() as con:
        hidden = sa.select(t.item.c.id).where(t.item.c.question.in_((PREFERENCE, RATING)))
        for place in (t.item.c.clip, t.item.c.other):
            if con.execute(hidden.where(place == row["id"]).limit(1)).first() is not None:
                raise Wrong(404, "There is no such clip.")


SENT = {"cache-control": "private, max-age=3600", "last-modified": "Thu, 01 Jan 1970 00:00:00 GMT"}
"""Of videos. When a file was made would tell which of a pair the review names first, in the order of the models."""
PATIENCE = 20.0
"""Seconds that a request waits for a small file to be made."""
WAITING = threading.BoundedSemaphore(8)
"""So many requests wait at a time; the threads of the others go on sending what is there."""


@page(ANNOTATOR)
def video(request: Request, person: Person) -> Response:
    """A clip as every browser plays it, whole or in ranges; made now where it is not there yet."""
    return FileResponse(_small(request, person).video, media_type="video/mp4", headers=SENT)


@page(ANNOTATOR)
def strip(request: Request, person: Person) -> Response:
    """Eight frames of a clip, in one picture."""
    run, row = site_of(request).project.run, _clip(request, person)
    if proxies.ready(run, row) is None:  # it is asked for again: waiting would keep threads that send videos
        request.app.state.renderer.want([row])
        return Response(status_code=204)
    return FileResponse(proxies.files(run, row).strip, media_type="image/jpeg", headers=SENT)


def _small(request: Request, person: Person) -> Any:
    row, run = _clip(request, person), site_of(request).project.run
    renderer: proxies.Renderer = request.app.state.renderer
    if proxies.ready(run, row) is None:
        try:
            media.source_file(row)
        except media.Gone as gone:
            raise Wrong(410, str(gone)) from None
        renderer.want([row])
        if WAITING.acquire(blocking=False):
            try:
                renderer.wait(row, PATIENCE)
            finally:
                WAITING.release()
        if proxies.ready(run, row) is None:
            why = renderer.failed(row["id"])
            why = site_of(request).words(why.replace(row["uri"], "it"))  # a path may name a model
            told = f"The video cannot be shown: {why}" if why else "The video is being made ready; try again soon."
            raise Wrong(410 if why else 503, told, {} if why else {"retry-after": "10"})
    return proxies.files(run, row)


@page(ANNOTATOR)
def original(request: Request, person: Person) -> Response:
    """The video that a clip lies in, until there is a small file of the clip."""
    row = _clip(request, person)
    _check_told(request, person, row)
    try:
        found = media.source(row)
    except media.Gone as gone:
        raise Wrong(410, str(gone)) from None
    return FileResponse(found.file, media_type=found.kind, headers=SENT)


@functools.cache
def _static() -> Mapping[str, Path]:
    return {file.name: file for file in STATIC.iterdir() if file.suffix in KINDS}


async def static(request: Request) -> Response:
    """Scripts and styles, by name."""
    file = _static().get(request.path_params["name"])
    if file is None:
        return told(request, 404, "There is no such file.")
    return FileResponse(file, media_type=KINDS[file.suffix], headers={"cache-control": "no-cache"})


async def icon(request: Request) -> Response:
    """The small picture of the tab."""
    return FileResponse(STATIC / "icon.svg", media_type="image/svg+xml", headers={"cache-control": "max-age=86400"})
