"""The server: who may be reached how, one port, one clear end."""

from __future__ import annotations

import errno
import getpass
import ipaddress
import re
import secrets
import socket
import ssl
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa

from hoigen.core.errors import HoigenError, UsageError
from hoigen.review import tables as t
from hoigen.review.order import Ordering
from hoigen.review.people import digest
from hoigen.review.project import Project
from hoigen.review.summary import Summary
from hoigen.review.web import LOOPBACK, Site
from hoigen.rules.removals import told

PROXIES = ["127.0.0.1", "::1", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fd00::/8"]
"""From where a proxy may say for whom it asks."""

FIRST, EACH = 2.0, 60.0
"""Seconds until the first look at the score bands, and between two of them."""


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_reach(
    project: Project, host: str, base_url: str | None, cert: Path | None, key: Path | None, behind_proxy: bool
) -> None:
    """Raises UsageError where others could read passwords, or come in without one.

    Args:
        project: the review.
        host: to listen at.
        base_url: under which people reach it.
        cert: TLS certificate file.
        key: its key.
        behind_proxy: whether a proxy that speaks TLS is in front.
    """
    if (cert is None) != (key is None):
        raise UsageError("--tls-cert and --tls-key come together")
    for name, file in (("--tls-cert", cert), ("--tls-key", key)):
        if file is not None and not file.is_file():
            raise UsageError(f"{name}: no such file {file}")
    if cert is not None and key is not None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key)
        except (ssl.SSLError, OSError) as error:
            raise UsageError(f"--tls-cert {cert}, --tls-key {key}: {error}") from None
    if base_url is not None:
        parts = urlsplit(base_url)
        plain = re.fullmatch(r"(/[A-Za-z0-9._~-]+)*/?", parts.path)
        if parts.scheme not in ("http", "https") or not parts.hostname or not plain or parts.query or parts.fragment:
            raise UsageError(f"--base-url: https://NAME or https://NAME:PORT/PATH; it came as {base_url!r}")
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            raise UsageError(f"--base-url: https://{parts.netloc}: passwords do not go unencrypted")
    if is_loopback(host) and not behind_proxy:
        return
    if cert is None and not behind_proxy:
        raise UsageError(
            f"--host {host}: others could read what is sent. Give --tls-cert and --tls-key, or --behind-proxy where a "
            "proxy speaks TLS in front of it"
        )
    if base_url is None:
        raise UsageError("--base-url is missing: https://NAME, as people reach it")
    with project.db.read() as con:
        account = sa.select(t.person.c.id).where(t.person.c.password.is_not(None)).limit(1)
        waiting = sa.select(t.invite.c.hash).where(t.invite.c.used.is_(None)).limit(1)
        if con.execute(account).first() is None and con.execute(waiting).first() is None:
            raise UsageError(
                f"there are no accounts yet: hoigen review {project.run.path} --invite NAME --role admin makes one"
            )


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises UsageError where it cannot."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where a socket says that it is TCP; with it on, each answer waits 40 ms
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host.strip("[]"), port))
        sock.listen(128)
    except (OSError, OverflowError) as error:
        sock.close()
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            raise UsageError(f"--port {port} is in use; give another, or 0 for any that is free") from None
        raise UsageError(f"--host {host} --port {port}: {error}") from None
    return sock


def serve(
    project: Project,
    *,
    host: str = "127.0.0.1",
    port: int = 8765,
    base_url: str | None = None,
    cert: Path | None = None,
    key: Path | None = None,
    behind_proxy: bool = False,
    version: str,
) -> None:
    """Serves a review until it is stopped. Raises UsageError before anything is served."""
    import uvicorn

    from hoigen.review.app import make

    check_reach(project, host, base_url, cert, key, behind_proxy)
    sock = bound(host, port)
    port = sock.getsockname()[1]
    local = is_loopback(host) and not behind_proxy
    secure = cert is not None or (base_url or "").startswith("https:")
    address = base_url.rstrip("/") if base_url else f"{'https' if secure else 'http'}://{host}:{port}"
    hosts = [*LOOPBACK, *([str(urlsplit(address).hostname)] if base_url else [])]
    secret = secrets.token_urlsafe(32) if local else ""
    try:
        user = getpass.getuser()[:64] or "me"
    except (OSError, KeyError):
        user = "me"
    site = Site(project, version, hosts, secure, digest(secret) if secret else "", user, prefix=urlsplit(address).path)
    how: dict[str, Any] = {"proxy_headers": behind_proxy, "forwarded_allow_ips": PROXIES}
    how |= {"ssl_certfile": cert, "ssl_keyfile": key} if cert else {}
    app = make(site)
    config = uvicorn.Config(
        app, log_level="warning", server_header=False, date_header=True, access_log=False,
        timeout_graceful_shutdown=3, **how,
    )  # fmt: skip
    if removed := told(project.setting("removed") or 0):
        print(removed, file=sys.stderr)
    print(f"Open {address}/enter/{secret}" if local else f"People sign in at {address}", file=sys.stderr)
    if local:
        print(
            "That link lets anybody on this machine in who has it. Ctrl-C ends; all answers are saved.", file=sys.stderr
        )
    sys.stderr.flush()
    stopped = threading.Event()
    kept_up = (project, app.state.bands, app.state.ordering, stopped)
    threading.Thread(target=_kept_up, args=kept_up, name="bands", daemon=True).start()
    try:
        uvicorn.Server(config).run(sockets=[sock])
    finally:
        stopped.set()
        app.state.renderer.close()


def _kept_up(project: Project, bands: Summary[Any], ordering: Ordering, stopped: threading.Event) -> None:
    """Looks again and again which score bands are sure enough to be sampled only, where a precision is promised; and
    once in any case, so that the page of them is there when somebody wants it. And whether an order of clips was left
    half-written by another server."""
    wait = FIRST
    while not stopped.wait(wait):
        try:
            ordering.look()
            if wait == FIRST or project.setting("promise") is not None:
                bands.renew()
        except HoigenError as error:  # a lock, a full disk: the next time
            print(f"note: bands and order are not looked at: {error}", file=sys.stderr, flush=True)
        wait = EACH
