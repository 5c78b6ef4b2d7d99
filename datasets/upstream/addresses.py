"""Says whether an IP address is a public one.

Decides from the IANA special-purpose registries (RFC 6890 and what was added since), written out here so that no
Python version changes the answer. IPv6 is public only inside 2000::/3; forms that carry an IPv4 address are refused,
except NAT64 (RFC 6052), which IPv6-only networks need and which is judged by the address it carries. Never resolves a
name and never connects. A NAT64 prefix of the operator's own choosing can't be told from an ordinary address.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address

SPECIAL_4: tuple[tuple[IPv4Network, str], ...] = tuple(
    (IPv4Network(block), name)
    for block, name in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private use"),
        ("100.64.0.0/10", "shared address space"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "a cloud's own service"),  # Azure's WireServer: public by number, local by route
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private use"),
        ("192.0.0.0/24", "protocol assignments"),
        ("192.0.2.0/24", "documentation"),
        ("192.88.99.0/24", "6to4 relay"),
        ("192.168.0.0/16", "private use"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved, or broadcast"),
    )
)
SPECIAL_6: tuple[tuple[IPv6Network, str], ...] = tuple(
    (IPv6Network(block), name)
    for block, name in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::ffff:0:0/96", "IPv4-mapped"),
        ("::ffff:0:0:0/96", "IPv4-translated"),
        ("::/96", "IPv4-compatible"),
        ("64:ff9b:1::/48", "local NAT64"),
        ("100::/64", "discard only"),
        ("2001::/32", "Teredo"),
        ("2001::/23", "protocol assignments"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("3fff::/20", "documentation"),
        ("5f00::/16", "segment routing"),
        ("fc00::/7", "unique local"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
)
GLOBAL_UNICAST = IPv6Network("2000::/3")
NAT64 = IPv6Network("64:ff9b::/96")
ISATAP = frozenset({0x00005EFE, 0x02005EFE})  # RFC 5214: the upper half of the interface identifier


def why_not_public(address: Address) -> str:
    """The name of the special block that ``address`` is in, or "" when it is public."""
    if isinstance(address, IPv4Address):
        return next((name for block, name in SPECIAL_4 if address in block), "")
    if address.scope_id is not None:
        return "an address with a zone"
    if address in NAT64:
        inner = why_not_public(IPv4Address(int(address) & 0xFFFFFFFF))
        return f"NAT64 of {inner}" if inner else ""
    for block, name in SPECIAL_6:
        if address in block:
            return name
    if address not in GLOBAL_UNICAST:
        return "outside global unicast"
    return "ISATAP" if (int(address) >> 32) & 0xFFFFFFFF in ISATAP else ""
