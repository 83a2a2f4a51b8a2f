"""Which URIs may be opened: an allow-list of schemes, one scheme a URI, opened by that scheme's own file system.

A name without `://` is a path of this machine, whatever else it holds (`12:30.mp4`, `a::b.mp4`); fsspec never sees it.
Lists and runs come from people one does not know, and fsspec would follow what they name: `ftp://` to wherever they
like, `reference://` with templates that are run, `simplecache::` and `zip://` round another address.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote_to_bytes, urlsplit

from hoigen.core import hosts
from hoigen.core.errors import UsageError, nearest

SCHEMES = ("file", "http", "https", "s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "hf")
"""What may be opened without being asked for: this machine, the web, and the object stores that video data lies on."""
LONGEST = 1 << 14
"""Characters of an address; signed ones have some 2000."""
BLOCK, HELD = 4 << 20, 8
"""Bytes that are asked of a store at once, and how many such blocks a file that is open holds."""
MORE = "HOIGEN_SCHEMES"
"""The user's own further schemes, separated by commas (`sftp,webhdfs`). An environment variable, since no recipe and no
list can set one, and since workers inherit it."""
WEB = ("http", "https")
CHAIN = re.compile(r"::[^/]{0,60}://")
SECRET = re.compile(r"(?<=://)[^/?#]{0,500}@")
"""Name and password within an address."""
PLAIN = re.compile(r"[a-z0-9+.-]{1,40}")
"""A scheme that can be shown as it is."""


def scheme_of(uri: str) -> str:
    """The scheme of `uri` in small letters (`HTTP://` is http), whatever it is; "" for a path of this machine."""
    head, mark, _ = uri.partition("://")
    return head.lower() if mark else ""


def is_local(uri: str) -> bool:
    """Whether `uri` is a path of this machine, or a `file://` that names one."""
    return scheme_of(uri) in ("", "file")


def path_of(uri: str) -> str:
    """The path that a `file://` address names, with `%20` and the like read; any other text as it is."""
    if scheme_of(uri) != "file":
        return uri
    path = uri[len("file://") :].removeprefix("localhost")
    return path if os.path.lexists(path) else os.fsdecode(unquote_to_bytes(path))


def is_web(uri: str) -> bool:
    """Whether `uri` is an address of the web: one file, whatever signs stand in it."""
    return scheme_of(uri) in WEB


def allowed() -> tuple[str, ...]:
    """The schemes that may be opened, those of the user's own among them."""
    own = (name.strip().lower() for name in os.environ.get(MORE, "").split(","))
    return tuple(dict.fromkeys((*SCHEMES, *(name for name in own if name))))


def fault(uri: str) -> str | None:
    """Why `uri` may not be opened, as one sentence without it; None when it may."""
    scheme = scheme_of(uri)
    if not scheme:
        return None
    if len(uri) > LONGEST:
        return f"an address of {len(uri)} characters is none"
    schemes = allowed()
    if "::" in scheme or CHAIN.search(uri):
        return f"addresses are not chained with ::, each is opened as it stands. Allowed: {_names(schemes)}"
    if scheme not in schemes:
        close = nearest(scheme, schemes).partition(" Known:")[0]
        came = f"{scheme}://" if PLAIN.fullmatch(scheme) else f"a scheme {scheme[:40]!r}"
        return (
            f"{came} is not opened{close} Allowed: {_names(schemes)}, and what {MORE} names (docs/security.md). "
            "A path of this machine has no scheme, or file://"
        )
    held = SECRET.search(uri)
    if held and (scheme in WEB or ":" in held[0]):  # abfss://CONTAINER@ACCOUNT holds none
        return (
            "an address with a name and a password in it is not opened: every table and page of the run would hold "
            "them. Let the server take a signed address, or none"
        )
    try:
        urlsplit(uri)
    except ValueError:  # `s3://[a/b.mp4`
        return "its host is no address"
    return hosts.fault(uri) if _has_host(scheme) else None


def masked(uri: str) -> str:
    """`uri` for an error, a log or a page: without the name and the password that may stand in it."""
    return SECRET.sub("…@", uri)


def on_disk(path: str | os.PathLike[str], what: str) -> Path:
    """A place on this machine's disks. Raises UsageError for an address, also for one that was made a path: `s3://a/b`
    would be the folder `a` in a folder named `s3:`.

    Args:
        path: as it was given.
        what: whose place it is, for the error (`--out`).
    """
    if (address := address_in(path)) is not None:
        raise UsageError(
            f"{what}: a path of this machine; it came as {masked(address)} (what hoigen export writes may go to a "
            "store: docs/export.md)"
        )
    return Path(path_of(os.fspath(path)))


def address_in(path: str | os.PathLike[str]) -> str | None:
    """The address that was given in the place of a path, also where it was made one (`s3:/a/b`); None for a path of
    this machine, and for a `file://`, which names one."""
    text = path_of(os.fspath(path))
    head, mark, tail = text.partition(":/")
    if "://" not in text and not (mark and head.lower() in allowed()):
        return None
    return f"{head}://{tail.lstrip('/')}" if mark else text


def _has_host(scheme: str) -> bool:
    """Whether an address of this scheme names a machine; what stands there in those of object stores is a bucket, and
    `memory` is this process: to look its names up would cost a question to the network for each file."""
    return scheme in WEB or scheme not in (*SCHEMES, "memory")


def _names(schemes: tuple[str, ...]) -> str:
    return ", ".join(f"{name}://" for name in schemes)


def store_of(uri: str) -> tuple[Any, str]:
    """fsspec's file system of an address that may be opened, and the path there.

    By the scheme's own class: `fsspec.open` would take the address apart at each `::` and follow the pieces.

    Args:
        uri: the address.

    Raises ValueError for what may not be opened or is not known, PrivateAddress (an OSError) for a host that nobody
    asked to reach, ImportError when the scheme needs a further package.
    """
    import fsspec

    if (wrong := fault(uri)) is not None:
        raise ValueError(wrong)
    scheme = scheme_of(uri)
    uri = scheme + uri[len(scheme) :]
    kind = fsspec.get_filesystem_class(scheme)
    if _has_host(scheme):
        hosts.check(uri)
    how = {"get_client": _client} if scheme in WEB else {}
    return kind(**kind._get_kwargs_from_urls(uri), **how), kind._strip_protocol(uri)


async def _client(**how: Any) -> Any:
    """fsspec's client of the web, which looks at each address as it connects to it: those of redirects, too, and those
    for which a name stands a moment later."""
    import aiohttp

    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(socket_factory=hosts.connecting), **how)


def open_remote(uri: str, *, exact: bool = False) -> BinaryIO:
    """The file at the address `uri`, for reading, in small blocks of which some are held: a store's own way is one
    block of up to 50 MiB, read anew wherever one goes.

    Args:
        uri: the address.
        exact: each read asks for its own bytes alone, and nothing is held: for few and far ones.

    Raises what `store_of` raises, and what the store does.
    """
    system, path = store_of(uri)
    how: dict[str, Any] = {}
    if scheme_of(uri) in SCHEMES:  # of the user's own schemes nobody knows what they take
        held = {"block_size": BLOCK, "cache_type": "blockcache", "cache_options": {"maxblocks": HELD}}
        how = {"cache_type": "none"} if exact else held
    try:
        file: BinaryIO = system.open(path, "rb", **how)
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None:  # fsspec says that there is no such file, whatever it was
            if hosts.OWN in str(cause):
                raise hosts.PrivateAddress(str(cause)) from None
            cause = cause.__cause__ or cause.__context__
        raise
    return file


def check_scheme(uri: str) -> None:
    """Raises UsageError when addresses of this kind are opened in no case, or need a package that is missing.

    Args:
        uri: path or address of a video.
    """
    if (wrong := fault(uri)) is not None:
        raise UsageError(f"{masked(uri)!r}: {wrong}")
    if is_local(uri):
        return
    import fsspec

    scheme = scheme_of(uri)
    try:
        fsspec.get_filesystem_class(scheme)
    except (ImportError, ValueError) as error:  # a ValueError of a scheme that only a package brings (abfss://)
        raise UsageError(f"{uri!r}: {scheme}:// needs a further package: {error}") from None
