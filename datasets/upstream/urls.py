r"""Reads a URL once, strictly; what is connected to is what was read here.

Decides scheme, host, port and request target, and whether a source's allow-list names the host. No second parser sees
the text, so none can read it differently: user information, backslashes, control characters, percent signs or
non-ASCII in the host, number forms such as ``127.1`` or ``0x7f000001``, zone ids and single-label names are refused,
not repaired. Never resolves and never connects. Errors never repeat the text.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import quote

from datasets.upstream.addresses import Address
from datasets.upstream.errors import UpstreamRefused

MAX_CHARACTERS = 8_192
PORTS = {"http": 80, "https": 443}
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<target>[^#]*)(?:#.*)?")
_AUTHORITY = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::(?P<port>[1-9][0-9]{0,4}))?")
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029\ufeff\ud800-\udfff]")
_FOUR = re.compile(r"(?:0|[1-9][0-9]{0,2})(?:\.(?:0|[1-9][0-9]{0,2})){3}")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_LAST_LABEL = re.compile(r"[a-z]{2,63}|xn--[a-z0-9-]{0,58}[a-z0-9]")
# RFC 6761, 6762, 7686, 8375, 9476 and ICANN's reservation of .internal: never a public upstream
_SPECIAL_NAMES = ("localhost", "local", "internal", "home.arpa", "onion", "invalid", "test", "alt", "localdomain")


@dataclass(frozen=True, slots=True)
class Url:
    """``host``: lower-case name, or an address in canonical text; ``address``: when the host is one;
    ``target``: path and query, ASCII, begins with "/" (may hold a secret: never shown).
    """

    scheme: str
    host: str
    port: int
    address: Address | None
    target: str = field(repr=False)

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def entry(self) -> str:
        """The host as an allow-list has it: an IPv6 address in brackets."""
        return _entry(self.host, self.address)

    @property
    def authority(self) -> str:
        """Host and port as the Host header has them."""
        return self.entry if self.port == PORTS[self.scheme] else f"{self.entry}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}/…"


def parse_url(text: str) -> Url:
    """The one reading of ``text``. Raises ``UpstreamRefused`` for anything but a plain http(s) URL."""
    if len(text) > MAX_CHARACTERS:
        raise _refuse("url_too_long", f"has more than {MAX_CHARACTERS} characters", "Give a shorter one.")
    if _UNSAFE.search(text):
        why = "holds a space, a control character or a backslash"
        raise _refuse("url_characters", why, "Percent-encode it in the path, leave it out elsewhere.")
    found = _URL.fullmatch(text)
    if found is None:
        raise _refuse("url_form", "is not of the form https://host/path", "Write it out in full.")
    scheme = found["scheme"].lower()
    if scheme not in PORTS:
        raise _refuse("url_scheme", "is neither http nor https", "Give an https:// URL.")
    host, address, port = _read_authority(found["authority"])
    target = quote(found["target"], safe="!#$%&'()*+,/:;=?@[]~\"<>^`{|}")  # only non-ASCII is touched
    target = target if target.startswith("/") else f"/{target}"
    return Url(scheme, host, PORTS[scheme] if port is None else port, address, target)


def resolve_reference(base: Url, location: str) -> Url:
    """Where a redirect from ``base`` leads (RFC 3986 section 5). Raises ``UpstreamRefused`` as ``parse_url`` does."""
    if _SCHEME.match(location):
        return parse_url(location)
    if location.startswith("//"):
        return parse_url(f"{base.scheme}:{location}")
    reference = location.partition("#")[0]
    if not reference:
        return base
    if reference.startswith("?"):
        reference = base.path + reference
    elif not reference.startswith("/"):
        path, mark, query = reference.partition("?")
        reference = _without_dots(base.path.rpartition("/")[0] + "/" + path) + mark + query
    return parse_url(f"{base.scheme}://{base.authority}{reference}")


def host_of(text: str) -> str:
    """The only host that ``text`` leads to, as an allow-list has it. Raises ``UpstreamRefused`` for an unfit URL."""
    return parse_url(text).entry


def require_allowed(url: Url, allowed_hosts: Collection[str], ports: Collection[int]) -> None:
    """Refuse a host that the source's allow-list does not name (``host`` or ``*.suffix``), and a port not allowed."""
    if url.port not in ports:
        message = f"The port {url.port} is not one that sources may use."
        raise UpstreamRefused("port_not_allowed", message, "Use the ordinary port, or ask an administrator.")
    if not any(_matches(url, check_pattern(pattern)) for pattern in allowed_hosts):
        message = f"The host {url.host} is not on this source's allow-list."
        raise UpstreamRefused(
            "host_not_allowed", message, "Add it to the source's allowed hosts if it is the upstream."
        )


def check_pattern(pattern: str) -> str:
    """An allow-list entry in canonical form. Raises ``UpstreamRefused`` when it isn't ``host`` or ``*.suffix``."""
    suffix = pattern.removeprefix("*.")
    host, address, port = _read_authority(suffix)
    if port is not None or (address is not None and pattern != suffix):
        message = "An entry of the allow-list is neither a host nor “*.” and a domain."
        raise UpstreamRefused("allow_list", message, "Write it as data.example.org or *.example.org.")
    return _entry(host, address) if pattern == suffix else f"*.{host}"


def _matches(url: Url, pattern: str) -> bool:
    if pattern.startswith("*."):
        return url.address is None and url.host.endswith(pattern[1:])
    return url.entry == pattern


def _entry(host: str, address: Address | None) -> str:
    return f"[{host}]" if isinstance(address, IPv6Address) else host


def _read_authority(text: str) -> tuple[str, Address | None, int | None]:
    if "@" in text:
        raise _refuse("url_userinfo", "holds a user name or password", "Store credentials with the source instead.")
    found = _AUTHORITY.fullmatch(text)
    if found is None:
        why = "has no plain host and port"
        raise _refuse("url_host", why, "Write the host in ASCII letters (xn-- for others) and the port as a number.")
    port = None if found["port"] is None else int(found["port"])
    if port is not None and port > 65_535:  # noqa: PLR2004 - RFC 9293: 16 bits
        raise _refuse("url_port", "has a port above 65535", "Give the right port, or none.")
    host, address = _read_address(found["six"]) if found["six"] is not None else _read_name(found["name"].lower())
    return host, address, port


def _read_address(text: str) -> tuple[str, Address]:
    try:
        address = IPv6Address(text)
    except AddressValueError:
        raise _refuse("url_host", "has brackets around what is no IPv6 address", "Give the host's name.") from None
    return str(address), address


def _read_name(name: str) -> tuple[str, Address | None]:
    if _FOUR.fullmatch(name):
        try:
            return name, IPv4Address(name)
        except AddressValueError:
            raise _refuse("url_host", "has an IPv4 address with a part above 255", "Give the host's name.") from None
    labels = name.split(".")
    if not all(_LABEL.fullmatch(label) for label in labels) or len(name) > 253:  # noqa: PLR2004 - RFC 1035 in text
        raise _refuse("url_host", "has a host that is no domain name", "Give the name without a dot at its end.")
    if len(labels) == 1 or any(name == end or name.endswith(f".{end}") for end in _SPECIAL_NAMES):
        raise _refuse("url_local_name", "names a host of a local network", "Give the host's public name.")
    if not _LAST_LABEL.fullmatch(labels[-1]):
        raise _refuse("url_host", "writes an address as a number in an unusual form", "Give the host's name.")
    return name, None


def _without_dots(path: str) -> str:
    """RFC 3986 section 5.2.4."""
    kept: list[str] = []  # the first is "", before the leading slash
    parts = path.split("/")
    for part in parts:
        if part == "..":
            kept = kept[:-1] if len(kept) > 1 else kept
        elif part != ".":
            kept.append(part)
    return "/".join(kept) + ("/" if parts[-1] in (".", "..") else "")


def _refuse(code: str, why: str, fix: str) -> UpstreamRefused:
    return UpstreamRefused(code, f"The URL {why}.", fix)
