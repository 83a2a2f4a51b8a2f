"""What every request passes: hosts, origins, cookies, CSRF, roles, and headers that keep strangers' words words."""

from __future__ import annotations

import functools
import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from itsdangerous import BadSignature, URLSafeSerializer
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from hoigen.core.errors import HoigenError, UsageError
from hoigen.review import people
from hoigen.review.people import Person
from hoigen.review.summary import PATIENCE

if TYPE_CHECKING:
    from jinja2 import Environment
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from hoigen.review.clerk import Clerk
    from hoigen.review.project import Project

BODY = 2_000_000
"""Bytes of one request."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(slots=True)
class Site:
    """What the app serves, and to whom.

    Args:
        project: the review.
        version: of hoigen.
        hosts: names under which it may be asked; others are refused, so that no page elsewhere reaches it by a name of
            its own that leads here.
        secure: whether browsers come by https.
        local: the digest of the secret that lets in who started it; empty where there is none.
        user: their name.
        prefix: the path under which browsers find the app, such as /review; empty where it has a name of its own.
        patience: seconds that a page waits for numbers of the whole review, before it shows older ones.
    """

    project: Project
    version: str
    hosts: Sequence[str] = LOOPBACK
    secure: bool = False
    local: str = ""
    user: str = ""
    secret: str = field(default="", repr=False)
    prefix: str = ""
    patience: float = PATIENCE

    @property
    def cookie(self) -> str:
        # browsers keep cookies apart by host, not by port: two reviews on one machine have two
        name = f"hoigen-{hashlib.blake2b(f'cookie {self.secret}'.encode(), digest_size=4).hexdigest()}"
        if not self.secure:
            return name
        return f"__Secure-{name}" if self.prefix else f"__Host-{name}"  # browsers want the path / for the latter

    def words(self, told: object) -> str:
        """What an error or a result says, without where run and database lie: nothing for who is at a browser."""
        run = self.project.run.path
        words = str(told).replace(self.project.db.shown, "the review's database")
        for place in dict.fromkeys((str(run.resolve()), str(run))):
            words = words.replace(place, run.resolve().name) if len(place) > 1 else words
        return words

    @property
    def home(self) -> str:
        """The path of the first page, which the cookie is for."""
        return f"{self.prefix}/"


class Wrong(Exception):
    """An answer that is no page: its status and words."""

    def __init__(self, status: int, words: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(words)
        self.status, self.words, self.headers = status, words, headers or {}


def site_of(request: Request) -> Site:
    found: Site = request.app.state.site
    return found


def signer(site: Site) -> URLSafeSerializer:
    return _signer(site.secret)


@functools.lru_cache(maxsize=8)
def _signer(secret: str) -> URLSafeSerializer:
    return URLSafeSerializer(secret, salt="session")


def csrf_of(site: Site, person: Person) -> str:
    """What a page of this session sends along with what it changes."""
    return hmac.new(site.secret.encode(), f"csrf {person.session}".encode(), hashlib.sha256).hexdigest()


def person_of(request: Request) -> Person | None:
    """Who asks; None without a session that holds."""
    site = site_of(request)
    text = request.cookies.get(site.cookie)
    if not text or len(text) > 512:
        return None
    try:
        secret = signer(site).loads(text)
    except BadSignature:
        return None
    return people.session_of(site.project.db, secret) if isinstance(secret, str) else None


def sent_to(request: Request, path: str) -> RedirectResponse:
    """Sends a browser to another page of the app."""
    return RedirectResponse(site_of(request).prefix + path, status_code=303)


def signed_in(request: Request, person: Person, secret: str) -> Response:
    """Sends a browser to the first page with its new session."""
    site = site_of(request)
    response = sent_to(request, "/")
    response.set_cookie(
        site.cookie, signer(site).dumps(secret), httponly=True, secure=site.secure, samesite="lax", path=site.home
    )
    return response


Handler = Callable[..., Response]


def page(
    role: str | None = None, *, changes: bool = False, together: bool = False
) -> Callable[[Handler], Callable[[Request], Any]]:
    """Makes a function an endpoint, done in a thread.

    Args:
        role: that a person needs; None lets anybody in.
        changes: whether it changes something: it is then given the parsed body (form or JSON), whose origin and CSRF
            were checked.
        together: whether all that it changes goes through `Database.do`, so that several of them may be one
            transaction.
    """

    def wrap(function: Handler) -> Callable[[Request], Any]:
        @functools.wraps(function)
        async def endpoint(request: Request) -> Response:
            body = await _body(request) if changes else b""
            if together and not site_of(request).project.db.postgres:
                work = functools.partial(_done, function, request, role, changes, body)
                clerk: Clerk = request.app.state.clerk
                return await clerk.done(work, functools.partial(_fault, request))
            return await run_in_threadpool(_done, function, request, role, changes, body)

        return endpoint

    return wrap


async def _body(request: Request) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > BODY:
            return b"\xff"  # more than is read; no JSON and no form begins so
        parts.append(part)
    return b"".join(parts)


def _done(function: Handler, request: Request, role: str | None, changes: bool, body: bytes) -> Response:
    wants_json = request.scope["path"].startswith("/api/")
    site = site_of(request)
    try:
        arguments: list[Any] = [request]
        if changes:
            _check_origin(site, request)
        person = person_of(request)
        if role is not None:
            if person is None:
                if wants_json or request.method != "GET" or request.scope["path"].startswith("/media/"):
                    raise Wrong(401, "Sign in first.")
                return sent_to(request, "/login")
            if not person.may(role):
                raise Wrong(403, f"This is for the role {role}; yours is {person.role}.")
            arguments.append(person)
        if changes:
            came = _parsed(request, body, wants_json)
            if role is not None and person is not None:
                token = request.headers.get("x-csrf") or (came.get("csrf") if isinstance(came, dict) else None)
                if not isinstance(token, str) or not hmac.compare_digest(
                    token.encode(), csrf_of(site, person).encode()
                ):
                    raise Wrong(403, "This page is of another session. Load it again.")
            arguments.append(came)
        return function(*arguments)
    except Wrong as wrong:
        return told(request, wrong.status, wrong.words, wrong.headers)
    except people.LaterError as later:
        return told(request, 429, f"{later}.", {"retry-after": str(max(1, round(later.seconds)))})
    except HoigenError as error:
        return _fault(request, error)


def _fault(request: Request, error: HoigenError) -> Response:
    words = site_of(request).words(error)
    if isinstance(error, UsageError):
        return told(request, 503 if "locked" in str(error) else 400, words)
    return told(request, 507, words)  # the disk is full


def _parsed(request: Request, body: bytes, wants_json: bool) -> Any:
    if body == b"\xff":
        raise Wrong(413, f"At most {BODY} bytes.")
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if wants_json:
        if kind != "application/json":  # what a form of another site cannot send
            raise Wrong(415, "JSON, as application/json.")
        try:
            came = json.loads(body)
        except (ValueError, RecursionError):
            raise Wrong(400, "That is no JSON.") from None
        if not isinstance(came, dict):
            raise Wrong(400, "A JSON object.")
        return came
    if kind != "application/x-www-form-urlencoded":
        raise Wrong(415, "A form.")
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=100))
    except ValueError:
        raise Wrong(400, "That is no form.") from None


def _check_origin(site: Site, request: Request) -> None:
    """Raises Wrong where a page of another site asks."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Wrong(403, "That came from a page of another site.")
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise Wrong(403, "That came from a page of another site.")


def told(request: Request, status: int, words: str, headers: dict[str, str] | None = None) -> Response:
    """An error, as JSON or as a page."""
    if request.scope["path"].startswith(("/api/", "/media/")):
        return JSONResponse({"error": words}, status, headers)
    return shown(request, "error.html", status=status, headers=headers, title=f"{status}", words=words)


def shown(
    request: Request,
    template: str,
    *,
    person: Person | None = None,
    status: int = 200,
    headers: dict[str, str] | None = None,
    **facts: Any,
) -> Response:
    """A page; every text in it is escaped."""
    site = site_of(request)
    environment: Environment = request.app.state.templates
    known = {
        "person": person,
        "csrf": csrf_of(site, person) if person else "",
        "version": site.version,
        "base": site.prefix,
    }
    text = environment.get_template(template).render({**known, "path": request.scope["path"], **facts})
    return HTMLResponse(text, status, headers)


class Guard:
    """Refuses other names of this machine, and puts the headers on every answer."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self.app, self.hosts, self.prefix = app, frozenset(site.hosts), site.prefix
        self.headers = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
        if site.secure:
            self.headers.append((b"strict-transport-security", b"max-age=31536000"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message.setdefault("headers", [])}
                message["headers"] = [*message["headers"], *self.headers]
                if b"cache-control" not in given:
                    message["headers"].append((b"cache-control", b"no-store"))
            await send(message)

        host = dict(scope["headers"]).get(b"host", b"").decode("latin-1").lower()
        name = host.rsplit(":", 1)[0] if host.rpartition(":")[2].isdigit() and not host.endswith("]") else host
        if name not in self.hosts:
            await Response("This address is not served here.\n", 421, media_type="text/plain")(scope, receive, sent)
            return
        # Proxies leave the prefix or take it away: either is served.
        if scope["path"].startswith(f"{self.prefix}/") or scope["path"] == self.prefix != "":
            scope = {**scope, "path": scope["path"].removeprefix(self.prefix) or "/"}
        await self.app(scope, receive, sent)
