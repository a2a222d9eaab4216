"""Which addresses and URLs a call that a customer configured may go to. Pure: nothing is resolved or connected here.

A literal is read in its canonical form only. What getaddrinfo would also take for an address (decimal, octal,
hexadecimal and short forms) is refused as a name, as the WHATWG URL standard's "ends in a number" check has it.
"""

import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple
from urllib.parse import urlsplit

import idna

Address = IPv4Address | IPv6Address
Permission = Callable[[Address, int], bool]
"""Says of an address and port, forbidden otherwise, that it may be reached. For development and tests alone."""

MAX_URL = 2048
HTTPS_PORT = 443

# ipaddress calls some of these global, and some versions of Python do not know the others: they are spelled here.
_FORBIDDEN = [
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "2620:4f:8000::/48",
        "3fff::/20",
    )
]
_GLOBAL_IPV6 = IPv6Network("2000::/3")
"""Outside it nothing is assigned to the public internet: mapped, translated, local, link-local and multicast."""

_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PRINTABLE = re.compile(r"[\x21-\x7e]+")


class UrlRefused(ValueError):
    """A URL that no guarded call may go to, whatever it resolves to. The text says why, without the URL."""

    code = "url_refused"


class Target(NamedTuple):
    """Where a URL points: `host` is ASCII (punycode) without brackets, `path` is path and query as sent."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = {"https": 443, "http": 80}[self.scheme]
        return host if self.port == usual else f"{host}:{self.port}"

    @property
    def usual(self) -> bool:
        """Whether it is what production allows: https on port 443."""
        return self.scheme == "https" and self.port == HTTPS_PORT


def forbidden(address: Address) -> bool:
    """Whether an address is anything but globally routable unicast, or leads to another one inside it."""
    if isinstance(address, IPv6Address) and (address not in _GLOBAL_IPV6 or address.scope_id is not None):
        return True
    return not address.is_global or any(address in network for network in _FORBIDDEN)


def loopback_only(address: Address, _port: int) -> bool:
    """The permission of development: this machine's own loopback, on any port."""
    return address.is_loopback


def parse_target(url: str) -> Target:
    """Read an http or https URL strictly; raises UrlRefused. Whether its port and scheme will do is not asked here."""
    try:
        if len(url) > MAX_URL or any(letter <= " " or letter in "\\\x7f" for letter in url):
            raise UrlRefused(f"a URL has at most {MAX_URL} characters, and no space, control or backslash")
        parts = urlsplit(url)
        port, name = parts.port, parts.hostname
    except ValueError as error:
        raise error if isinstance(error, UrlRefused) else UrlRefused("the URL is malformed") from None
    if parts.scheme not in ("https", "http"):
        raise UrlRefused("the URL is not https")
    if "@" in parts.netloc:
        raise UrlRefused("the URL carries a user or password")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not _PRINTABLE.fullmatch(path):
        raise UrlRefused("path and query are percent-encoded ASCII")
    if port is None:
        port = HTTPS_PORT if parts.scheme == "https" else 80
    return Target(parts.scheme, _host(name or "", bracketed="[" in parts.netloc), port, path)


def check_url(url: str, *, allow: Permission | None = None) -> Target:
    """The static check at the time a URL is written down; raises UrlRefused. With names the address decides later.

    With `allow`, plain http and other ports pass here, since only the address can tell; they are refused at the call
    wherever the permission does not reach.
    """
    target = parse_target(url)
    if not target.usual and allow is None:
        raise UrlRefused("only https on port 443 may be reached")
    address = literal(target.host)
    if address is not None and forbidden(address) and not (allow and allow(address, target.port)):
        raise UrlRefused("the address is not on the public internet")
    return target


def literal(host: str) -> Address | None:
    """The address that a host of a Target is, or None for a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def _host(name: str, *, bracketed: bool) -> str:
    if bracketed:
        address = literal(name)
        if not isinstance(address, IPv6Address) or "%" in name:
            raise UrlRefused("the host is not an address")
        return str(address)
    try:
        # Normalised first: full-width digits and dots are an address too, once a resolver has had them.
        ascii_name = idna.encode(name, uts46=True, transitional=False).decode().lower().removesuffix(".")
    except (idna.IDNAError, UnicodeError):
        raise UrlRefused("the host is not a name") from None
    if _NUMBER.fullmatch(ascii_name.rpartition(".")[2]):
        address = literal(ascii_name)
        if address is None:
            raise UrlRefused("an address is written as four decimal numbers")
        return str(address)
    if len(ascii_name) > 253 or not _NAME.fullmatch(ascii_name):
        raise UrlRefused("the host is not a name")
    return ascii_name
