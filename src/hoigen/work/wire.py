"""What parent and worker share: frames on a socket, and a page of memory that says what is under way.

A frame is one byte of kind, eight of length and the body. What a worker sends begins, in the body, with the number of
the task that it is about (`SERIAL`; 0 for none). The page outlives a worker that dies in native code, so a crash can be
blamed on the right task and step without a message for each.
"""

from __future__ import annotations

import mmap
import socket
import struct

HEAD = struct.Struct("<cQ")
TASK, READY = b"t", b"r"
UNREADY, PART, DONE, ERROR = b"u", b"p", b"d", b"e"
WAITS, GOES_ON = b"w", b"g"
"""A task waits for an answer from outside (the body: what it is doing), and the worker can take up another; it has its
answer."""

EXIT_MEMORY = 86
"""Exit status of a worker that found itself out of memory and could not say so otherwise."""

PAGE = 4096
SERIAL = struct.Struct("<Q")
LENGTH = struct.Struct("<H")
TEXT_AT = 16
TEXT_ROOM = 512
MOVES_AT = TEXT_AT + TEXT_ROOM
RESTS_AT = MOVES_AT + SERIAL.size
CHUNK = 1 << 18


def frame(kind: bytes, body: bytes = b"") -> bytes:
    """One frame of a `kind` with a `body`, ready to be sent."""
    return HEAD.pack(kind, len(body)) + body


class Inbox:
    """Puts frames together from what a socket brings."""

    def __init__(self, link: socket.socket) -> None:
        self.link = link
        self.buffer = bytearray()
        self.chunk = memoryview(bytearray(CHUNK))

    def receive(self) -> bool:
        """Reads once; False when the other side has closed."""
        count = self.link.recv_into(self.chunk)
        self.buffer += self.chunk[:count]
        return count > 0

    def frames(self) -> list[tuple[bytes, bytes]]:
        """Takes out all frames that are whole."""
        found = []
        at, there = 0, len(self.buffer)
        while there - at >= HEAD.size:
            kind, size = HEAD.unpack_from(self.buffer, at)
            end = at + HEAD.size + size
            if end > there:
                break
            found.append((kind, bytes(memoryview(self.buffer)[at + HEAD.size : end])))
            at = end
        del self.buffer[:at]
        return found


class Status:
    """The page: number of the task that is worked at, counted from 1, what it is doing, how often it has moved on, and
    whether the worker rests: nothing is worked at, and the number is that of the last one."""

    def __init__(self, descriptor: int) -> None:
        self.page = mmap.mmap(descriptor, PAGE)
        self.counted = 0

    def begin(self, serial: int) -> None:
        LENGTH.pack_into(self.page, 8, 0)
        SERIAL.pack_into(self.page, 0, serial)
        self.page[RESTS_AT] = 0

    def rest(self) -> None:
        self.page[RESTS_AT] = 1

    def say(self, what: str) -> None:
        text = what.encode("utf-8", "replace")[:TEXT_ROOM]
        LENGTH.pack_into(self.page, 8, 0)
        self.page[TEXT_AT : TEXT_AT + len(text)] = text
        LENGTH.pack_into(self.page, 8, len(text))

    def move_on(self) -> None:
        """Counts up. Any other number than before means that the task has moved on, so neither a number read while
        half of it is written nor two threads that count at once can hide that."""
        self.counted = (self.counted + 1) & 0xFFFFFFFFFFFFFFFF
        SERIAL.pack_into(self.page, MOVES_AT, self.counted)

    @property
    def moves(self) -> int:
        number: int = SERIAL.unpack_from(self.page, MOVES_AT)[0]
        return number

    @property
    def rests(self) -> bool:
        return bool(self.page[RESTS_AT])

    @property
    def serial(self) -> int:
        number: int = SERIAL.unpack_from(self.page, 0)[0]
        return number

    @property
    def doing(self) -> str:
        (length,) = LENGTH.unpack_from(self.page, 8)
        return self.page[TEXT_AT : TEXT_AT + length].decode("utf-8", "replace")
