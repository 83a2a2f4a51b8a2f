"""A publisher on this machine, who serves one file over real HTTP and can be told to misbehave."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from hoigen.models.cards import ModelCard, Url


@dataclass
class Publisher:
    """content: what is served; None answers 404. breaks: bytes after which the next answers break off, one each.
    busy: so many next answers are 503. ranges: whether parts can be asked for. tag: whether files have an ETag.
    resets: so many of these breaks are resets of the connection (RST), the first ones. to: where requests are sent on.
    seconds: how long an answer takes. stalls: for so long after a break nothing comes. headers: further ones. lies:
    parts are the whole file, whatever they say. heeds: `If-Range` is known. asked: Range and If-Range of each request,
    in order."""

    content: bytes | None = b""
    breaks: list[int] = field(default_factory=list)
    busy: int = 0
    ranges: bool = True
    tag: bool = True
    seconds: float = 0.0
    stalls: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)
    lies: bool = False
    heeds: bool = True
    resets: int = 0
    to: str = ""
    port: int = 0
    asked: list[tuple[str | None, str | None]] = field(default_factory=list)

    @property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.content or b"").hexdigest()[:16]}"'

    def card(self, name: str, sha256: str = "") -> ModelCard:
        """A card of its file."""
        url = Url(f"http://127.0.0.1:{self.port}/{name}.bin", f"{name}.bin")
        return ModelCard(id=name, source=url, sha256=sha256, licence="MIT", use="anyone", origin="a test")

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        given, condition = handler.headers.get("Range"), handler.headers.get("If-Range")
        self.asked.append((given, condition))
        if self.to:
            handler.send_response(302)
            handler.send_header("Location", self.to)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        if self.content is None or self.busy:
            handler.send_response(404 if self.content is None else 503)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            self.busy = max(0, self.busy - 1)
            return
        start = 0
        if given and self.ranges and (not self.heeds or condition is None or (self.tag and condition == self.etag)):
            start = int(given.removeprefix("bytes=").rstrip("-"))
            if start >= len(self.content):
                handler.send_response(416)
                handler.send_header("Content-Length", "0")
                handler.end_headers()
                return
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        else:
            handler.send_response(200)
        if self.tag:
            handler.send_header("ETag", self.etag)
        for name, value in self.headers.items():
            handler.send_header(name, value)
        body = self.content if self.lies else self.content[start:]
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        time.sleep(self.seconds)
        broken = bool(self.breaks)
        handler.wfile.write(body[: self.breaks.pop(0)] if self.breaks else body)
        time.sleep(self.stalls if broken else 0)
        if broken and self.resets:
            self.resets -= 1
            handler.wfile.flush()
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(handler.connection.detach())  # at once, whoever else holds it
        handler.close_connection = True


@contextlib.contextmanager
def publishing(**how: Any) -> Iterator[Publisher]:
    publisher = Publisher(**how)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            publisher.answer(self)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        publisher.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield publisher
        server.shutdown()
