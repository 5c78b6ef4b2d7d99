"""Which addresses are public: the special-purpose registries, block by block, in every form they can be written."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.upstream.addresses import GLOBAL_UNICAST, SPECIAL_4, SPECIAL_6, why_not_public
from datasets.upstream.errors import UpstreamError
from datasets.upstream.guard import checked_addresses
from datasets.upstream.urls import parse_url
from tests.upstream.world import CarelessResolver

PUBLIC_ONES = ["1.1.1.1", "8.8.8.8", "93.184.216.34", "99.255.255.255", "100.128.0.0", "11.0.0.0", "172.32.0.0"]
PUBLIC_ONES += ["192.0.1.0", "192.167.255.255", "198.17.255.255", "223.255.255.255", "128.0.0.1", "168.63.129.17"]
PUBLIC_ONES += ["2606:4700::1111", "2001:4860:4860::8888", "2a00:1450::1", "2620:fe::fe", "64:ff9b::8.8.8.8"]

members = st.sampled_from(SPECIAL_4).flatmap(
    lambda entry: st.integers(int(entry[0].network_address), int(entry[0].broadcast_address)).map(IPv4Address)
)
members_6 = st.sampled_from(SPECIAL_6).flatmap(
    lambda entry: st.integers(int(entry[0].network_address), int(entry[0].broadcast_address)).map(IPv6Address)
)
edges = [edge for block, _ in SPECIAL_4 + SPECIAL_6 for edge in (block.network_address, block.broadcast_address)]


def written(address: IPv4Address) -> list[str]:
    """The forms that C libraries, browsers and proxies have been seen to read as this address."""
    number = int(address)
    a, b, c, d = address.packed
    tail = (number & 0xFFFFFF, number & 0xFFFF)
    forms = [
        str(address),
        f"{number}",
        f"0x{number:x}",
        f"0X{number:08X}",
        f"0{number:o}",
        f"0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}",
        f"0{a:o}.0{b:o}.0{c:o}.0{d:o}",
        f"{a:03d}.{b:03d}.{c:03d}.{d:03d}",
        f"0x{a:x}.{b}.0{c:o}.{d}",
        f"{a}.{tail[0]}",
        f"{a}.{b}.{tail[1]}",
        f"{address}.",
        f"{a}%2e{b}%2e{c}%2e{d}",
        f"%{ord(str(a)[0]):02x}{str(address)[1:]}",
        str(address).replace(".", "\u3002"),
        str(address).translate({ord("0") + n: 0xFF10 + n for n in range(10)}),
        f"[{address}]",
        f"[::ffff:{address}]",
        f"[::ffff:{number >> 16:x}:{number & 0xFFFF:x}]",
        f"[0:0:0:0:0:FFFF:{address}]",
        f"[::ffff:0:{address}]",
        f"[::{address}]",
        f"[64:ff9b::{address}]",
        f"[64:ff9b:1::{address}]",
        f"[2002:{number >> 16:x}:{number & 0xFFFF:x}::1]",
        f"[2001:0:{number >> 16:x}:{number & 0xFFFF:x}::1]",
        f"[2001:0:808:808:0:0:{(number ^ 0xFFFFFFFF) >> 16:x}:{(number ^ 0xFFFFFFFF) & 0xFFFF:x}]",
        f"[2a00:1450::5efe:{address}]",
        f"[2a00:1450::200:5efe:{address}]",
    ]
    return forms + [f"user@{form}" for form in forms[:2]] + [f"{HOSTLIKE}@{address}", f"{address}\\@{HOSTLIKE}"]


HOSTLIKE = "data.example.org"


def refused(url: str) -> bool:
    """The guard gives no address for ``url``, with a resolver that would say yes and a list that names the host."""
    try:
        parsed = parse_url(url)
        allowed = {f"[{parsed.host}]" if isinstance(parsed.address, IPv6Address) else parsed.host}
        checked_addresses(parsed, allowed_hosts=allowed, ports={80}, resolver=CarelessResolver(), timeout=1)
    except UpstreamError:
        return True
    return False


@pytest.mark.parametrize("text", PUBLIC_ONES)
def test_a_public_address_is_public(text):
    assert why_not_public(ip_address(text)) == ""
    assert not refused(f"http://[{text}]/" if ":" in text else f"http://{text}/")


@pytest.mark.parametrize("address", edges, ids=str)
def test_the_first_and_last_address_of_every_special_block_is_not_public(address):
    assert why_not_public(address)


def test_a_zone_makes_any_address_local():
    assert why_not_public(IPv6Address("2606:4700::1111%eth0"))


@given(st.one_of(members, members_6))
def test_no_member_of_a_special_block_is_public(address):
    assert why_not_public(address)


@settings(max_examples=150, deadline=None)
@given(members)
def test_every_member_is_refused_in_every_written_form(address):
    for form in written(address):
        assert refused(f"http://{form}/x"), form
        assert refused(f"http://{form}:80/x"), form


@given(st.integers(0, 2**128 - 1).map(IPv6Address))
def test_outside_global_unicast_only_nat64_is_public(address):
    if why_not_public(address) == "":
        assert address in GLOBAL_UNICAST or str(address).startswith("64:ff9b::")


@given(st.one_of(st.integers(0, 2**32 - 1).map(IPv4Address), st.integers(0, 2**128 - 1).map(IPv6Address)))
def test_what_we_call_public_python_calls_global_too(address):
    """A second opinion, from the standard library's own tables (NAT64 apart, which it takes for reserved)."""
    if why_not_public(address) == "" and not str(address).startswith("64:ff9b::"):
        assert address.is_global
        assert not address.is_multicast
        assert not address.is_reserved
