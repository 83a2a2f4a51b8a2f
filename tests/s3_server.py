"""An S3 server of this machine (moto's), and one before it that counts, stalls and resets.

It is reached by s3fs as any other is; processes that are started know it by environment.
"""

from __future__ import annotations

import itertools
import logging
import os
import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

SHOWN = 20_000
"""Bytes of an object that come before its server stalls."""


class Between:
    """Passes requests on to a server. Objects named `stall…` end in silence, those named `reset…` lose their
    connection every other time. asked: first line and range of each request; came: bytes of bodies from the server.

    Args:
        port: of the server.
    """

    def __init__(self, port: int) -> None:
        self.port, self.turns = port, itertools.count()
        self.asked: list[tuple[str, tuple[int, ...] | None]] = []
        self.came = 0
        self.door = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.ended = threading.Event()
        threading.Thread(target=self.serve, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.door.getsockname()[1]}"

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=self.one, args=self.door.accept()[:1], daemon=True).start()

    def one(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            request = b""
            while b"\r\n\r\n" not in request:
                if not (piece := client.recv(1 << 16)):
                    return
                request += piece
            head, _, body = request.partition(b"\r\n\r\n")
            lines = [line for line in head.split(b"\r\n") if not line.lower().startswith((b"connection", b"expect"))]
            if b"expect: 100" in head.lower():
                client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            length = re.search(rb"(?im)^content-length: *(\d+)", head)
            while length and len(body) < int(length[1]):
                body += client.recv(1 << 16)
            bytes_of = re.search(rb"(?i)range: bytes=(\d+)-(\d+)", head)
            self.asked.append((lines[0].decode(), tuple(map(int, bytes_of.groups())) if bytes_of else None))
            with socket.create_connection(("127.0.0.1", self.port)) as behind:
                behind.sendall(b"\r\n".join([*lines, b"Connection: close", b"", b""]) + body)
                answer = b"".join(iter(lambda: behind.recv(1 << 16), b""))
            self.came += len(answer.partition(b"\r\n\r\n")[2])
            if lines[0].startswith(b"GET") and b"/stall" in lines[0] and len(answer) > SHOWN:
                client.sendall(answer[:SHOWN])
                self.ended.wait(120)
            elif lines[0].startswith(b"GET") and b"/reset" in lines[0] and next(self.turns) % 2 == 0:
                client.sendall(answer[: len(answer) // 2])
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                client.sendall(answer)

    def close(self) -> None:
        self.ended.set()
        self.door.close()


NAMES = ("AWS_ENDPOINT_URL", "FSSPEC_S3_ENDPOINT_URL")
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}


@contextmanager
def serving() -> Iterator[Between]:
    """The two servers, which this process and those that it starts take for S3."""
    import fsspec.config
    import s3fs
    from moto.server import ThreadedMotoServer

    behind = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request
    behind.start()
    found = Between(behind.get_host_and_port()[1])
    before = {name: os.environ.get(name) for name in (*NAMES, *KEYS)}
    os.environ.update(KEYS | dict.fromkeys(NAMES, found.url))
    fsspec.config.set_conf_env(fsspec.config.conf)
    s3fs.S3FileSystem.clear_instance_cache()
    try:
        yield found
    finally:
        found.close()
        behind.stop()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        fsspec.config.conf.pop("s3", None)
        s3fs.S3FileSystem.clear_instance_cache()
