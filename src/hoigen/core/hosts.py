"""Which hosts may be reached by an address that stands in a list or a run: those of the open internet.

What a stranger's list names is fetched by this machine, which can reach what the stranger cannot: itself, the machines
beside it, the credentials that clouds serve on 169.254.169.254. It is the address that is connected to that counts,
however it is written (decimal, hexadecimal, IPv4 within IPv6), whatever name stands for it, wherever a server sends on.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hoigen.core import trusted
from hoigen.core.errors import UsageError

if TYPE_CHECKING:
    from urllib.request import OpenerDirector

OWN = "HOIGEN_HOSTS"
"""The user's own hosts that may be reached though they are private: names, addresses, networks (`nas.lan,10.0.0.0/8`),
separated by commas. An environment variable, since no recipe and no list can set one, and since workers inherit it."""
CARRIERS = tuple(
    ipaddress.ip_network(each)
    for each in (
        *("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96", "::ffff:0:0:0/96", "fec0::/10"),
        *("192.88.99.0/24", "168.63.129.16/32"),
    )
)
"""Networks that count as global and are no hosts of the open internet: of IPv6 those that hold an address of IPv4,
which gateways reach, and site-local ones (RFC 3879); the anycast of 6to4 (RFC 7526); what a cloud's machines ask about
themselves (Azure's; the others' are link-local)."""


class PrivateAddress(OSError):
    """An address that nobody asked to reach."""


def fault(uri: str) -> str | None:
    """Why the host of `uri` may not be reached, as far as can be said without asking for its name; None when it may.

    Args:
        uri: with a scheme.
    """
    try:
        host = urlsplit(uri).hostname or ""
    except ValueError:
        return "its host is no address"
    address = literal(host)
    if address is None and host.rstrip(".") != "localhost" and not host.rstrip(".").endswith(".localhost"):
        return None
    found = [address] if address else [ipaddress.ip_address("127.0.0.1")]
    return None if host in _own() or all(_may(each) for each in found) else _sentence(host, found[0])


def check(uri: str) -> None:
    """Raises PrivateAddress when the host of `uri`, or one that its name stands for, may not be reached.

    Args:
        uri: with a scheme. A name that nobody knows passes: opening it says so.
    """
    if (wrong := fault(uri)) is not None:
        raise PrivateAddress(wrong)
    host = urlsplit(uri).hostname or ""
    if host in _own():
        return
    for address in _addresses(host):
        if not _may(address):
            raise PrivateAddress(_sentence(host, address))


def connecting(info: Any) -> socket.socket:
    """A socket for an address of `getaddrinfo`, just before it is connected to. Raises PrivateAddress.

    Args:
        info: family, type, protocol, canonical name, address.
    """
    family, kind, protocol, _, address = info
    if not _may(found := ipaddress.ip_address(str(address[0]).partition("%")[0])):
        raise PrivateAddress(_sentence(str(address[0]), found))
    return socket.socket(family, kind, protocol)


def opener(may: Callable[[str], None] | None = None) -> OpenerDirector:
    """urllib's client for addresses of lists: http and https, each address looked at as it is connected to, those to
    which a server sends on, too. No proxy of the environment is asked: it would connect to what nobody here has looked
    at.

    Args:
        may: called with each address before it is asked, those of redirects among them; what it raises goes on.

    Opening raises PrivateAddress, within urllib's URLError, for a host that nobody asked to reach.
    """
    import http.client
    import urllib.request

    def connected(address: tuple[str, int], timeout: Any, source: Any = None) -> socket.socket:
        trouble: OSError = OSError(f"{address[0]}: no address is known of it")
        for info in socket.getaddrinfo(*address, 0, socket.SOCK_STREAM):
            made = connecting(info)
            try:
                if timeout is not socket._GLOBAL_DEFAULT_TIMEOUT:  # type: ignore[attr-defined]
                    made.settimeout(timeout)
                made.connect(info[4])
                return made
            except OSError as error:
                made.close()
                trouble = error
        raise trouble

    class _Plain(http.client.HTTPConnection):
        def __init__(self, *args: Any, **how: Any) -> None:
            super().__init__(*args, **how)
            self._create_connection = connected

    class _Secret(http.client.HTTPSConnection):
        def __init__(self, *args: Any, **how: Any) -> None:
            super().__init__(*args, **how)
            self._create_connection = connected

    class _OverHttp(urllib.request.HTTPHandler):
        def http_open(self, req: Any) -> Any:
            if may is not None:
                may(req.full_url)
            return self.do_open(_Plain, req)

    class _OverHttps(urllib.request.HTTPSHandler):
        def https_open(self, req: Any) -> Any:
            if may is not None:
                may(req.full_url)
            return self.do_open(_Secret, req)

    made = urllib.request.OpenerDirector()
    for handler in (
        _OverHttp(),
        _OverHttps(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        made.add_handler(handler)
    return made


def servers_in(value: Any) -> list[str]:
    """The addresses that stand under a key `url` anywhere within the values of a recipe."""
    if isinstance(value, Mapping):
        found = [each for name, part in value.items() if name != "url" for each in servers_in(part)]
        given = value.get("url")
        listed = [given] if isinstance(given, str) else given if isinstance(given, list | tuple) else []
        return [*found, *(each for each in listed if isinstance(each, str) and "://" in each)]
    return [each for part in value for each in servers_in(part)] if isinstance(value, list | tuple) else []


def ask_for(values: Any) -> None:
    """What the user's own recipe names is asked for: its private servers are noted, so that runs made with it may name
    them, too.

    Args:
        values: of the recipe, or what was typed.
    """
    known = _noted()
    fresh = [place for place in dict.fromkeys(map(_place, _private(values))) if place not in known]
    if not fresh or (file := _file()) is None:
        return
    with contextlib.suppress(OSError):  # where nothing can be noted, the run has to be asked about once more
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as out:
            out.write("".join(f"{place}\n" for place in fresh))


def check_asked(values: Any, where: str | Path) -> None:
    """Raises UsageError for a server of a private network that a run names and that nobody here has asked for.

    Args:
        values: of the run's recipe.
        where: the file that holds them.
    """
    known = _noted()
    for url in _private(values):
        if (place := _place(url)) not in known:
            host = urlsplit(url).hostname
            raise UsageError(
                f"{where} names the server {place}, an address of this machine or a private network, which nobody here "
                f"has asked for. If it is yours: {OWN}={host} in the environment, or name it once in a recipe or with "
                "--set (docs/security.md)"
            )


def _private(values: Any) -> list[str]:
    found = []
    for url in servers_in(values):
        try:
            check(url)
        except PrivateAddress:
            found.append(url)
        except ValueError:  # no address at all: who uses it says so
            continue
    return found


def _place(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2].lower()


def _file() -> Path | None:
    trusts = trusted.list_file()
    return None if trusts is None else trusts.with_name("hosts")


def _noted() -> set[str]:
    try:
        return set(file.read_text(encoding="utf-8").split()) if (file := _file()) is not None else set()
    except (OSError, UnicodeDecodeError):
        return set()


Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def literal(host: str) -> Address | None:
    """The address that `host` is, in any way of writing one (`127.1`, `2130706433`, `0x7f000001`); None of a name."""
    text = host.partition("%")[0]
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        pass
    try:
        return ipaddress.ip_address(socket.inet_aton(text.rstrip("."))) if text[:1].isdigit() else None
    except (OSError, UnicodeError):
        return None


def _addresses(host: str) -> list[Address]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [ipaddress.ip_address(str(each[4][0]).partition("%")[0]) for each in found]


def _may(address: Address) -> bool:
    """Whether an address is one of the open internet, or the user's own."""
    bare = getattr(address, "ipv4_mapped", None) or address
    carried = any(bare in network for network in CARRIERS if network.version == bare.version)
    if bare.is_global and not bare.is_multicast and not carried:
        return True
    for own in _own():
        try:
            if bare in ipaddress.ip_network(own, strict=False):
                return True
        except ValueError:  # a name
            if bare in (getattr(each, "ipv4_mapped", None) or each for each in _addresses(own)):
                return True
    return False


def _own() -> list[str]:
    return [name.strip().lower().strip("[]") for name in os.environ.get(OWN, "").split(",") if name.strip()]


def _sentence(host: str, address: Address) -> str:
    which = "this machine itself" if address.is_loopback or address.is_unspecified else "a private network"
    name = host if host == str(address) else f"{host} ({address})"
    return f"{name} is an address of {which}; {OWN}={host} in the environment asks for it (docs/security.md)"
