"""No form of a URL reaches a private address: a canary on loopback sees nobody come.

Three nets: the product's own dialling with a resolver that reads number forms carelessly; a network in which whatever
is dialled IS the canary, so that a lapse anywhere shows; and redirects. The first test proves that the canary sings.
"""

from __future__ import annotations

import threading

import pytest

from datasets.upstream import guard
from datasets.upstream.errors import UpstreamError, UpstreamRefused
from datasets.upstream.http import fetch
from datasets.upstream.post import post
from datasets.upstream.terms import FetchLimits, Wire
from datasets.upstream.urls import parse_url
from tests.upstream.world import (
    HOST,
    OTHER_PUBLIC,
    PUBLIC,
    Canary,
    CarelessResolver,
    Clock,
    Net,
    Resolver,
    upstream,
    wire_to,
)

LOOPBACK_TEXT = (
    "127.0.0.1 127.0.0.1. 127.1 127.0.1 127.255.255.254 127.0.0.01 0127.0.0.1 0177.0.0.1 0177.0.0.01 0x7f.0.0.1 "
    "0x7f.1 0x7F000001 0x7f000001. 2130706433 2130706433. 017700000001 00000000177.0.0.1 127.0x0.0x0.0x1 0 0. 0.0.0.0 "
    "0x0 00 127%2e0%2e0%2e1 %31%32%37.0.0.1 127.0.0.1%00 \uff11\uff12\uff17.0.0.1 127\u30020\u30020\u30021 "
    "\u246b\u2466.\u24ea.\u24ea.\u2460 127.0.0.1\u3002 \uff4cocalhost localhost LOCALHOST localhost. "
    "localhost.localdomain x.localhost ip6-localhost lvh.me.localhost loopback [::1] [::1%25lo] [::1%lo] "
    "[0:0:0:0:0:0:0:1] [0000:0000:0000:0000:0000:0000:0000:0001] [::] [0::0] [::1]. [::127.0.0.1] [::7f00:1] "
    "[::ffff:127.0.0.1] [::FFFF:7f00:1] [0:0:0:0:0:ffff:127.0.0.1] [::ffff:0:127.0.0.1] [64:ff9b::127.0.0.1] "
    "[64:ff9b::7f00:1] [64:ff9b:1::7f00:1] [2002:7f00:1::] [2002:7f00:0001::1] [2001:0:7f00:1::] [2001::80ff:fffe] "
    "[2a00::5efe:127.0.0.1] [127.0.0.1] [[::1]] [::1 ::1 ::ffff:127.0.0.1 [localhost]"
)
PRIVATE_TEXT = (
    "10.0.0.1 10.1 012.0.0.1 0xa000001 167772161 172.16.0.1 172.31.255.255 192.168.0.1 192.168.1 3232235521 "
    "169.254.169.254 2852039166 0xA9FEA9FE 0251.0376.0251.0376 169.254.43518 [::ffff:169.254.169.254] "
    "[::ffff:a9fe:a9fe] [fd00:ec2::254] [fe80::1] [fe80::1%25eth0] [fec0::1] [fc00::1] 100.64.0.1 100.100.100.200 "
    "100.127.255.255 192.0.0.192 168.63.129.16 198.18.0.1 224.0.0.1 239.255.255.250 255.255.255.255 240.0.0.1 "
    "[ff02::1] [2001:db8::1] metadata metadata.google.internal printer.local router.home.arpa"
)
# {h}: a public host that is allowed; {p}: the canary's port
TRICKS = (
    "http://{h}@127.0.0.1:{p}/",
    "http://{h}:80@127.0.0.1:{p}/",
    "http://127.0.0.1:{p}@{h}/",
    "http://u:p@127.0.0.1:{p}/",
    "http://{h}\\@127.0.0.1:{p}/",
    "http://127.0.0.1:{p}\\@{h}/",
    "http://127.0.0.1:{p}\\.{h}/",
    "http://{h}%40127.0.0.1:{p}/",
    "http://{h}%2f@127.0.0.1:{p}/",
    "http://127.0.0.1:{p}%23.{h}/",
    "http://{h}:{p}:80/",
    "http://127.0.0.1\t:{p}/",
    "http://127.0.0.1\n:{p}/",
    "\thttp://127.0.0.1:{p}/",
    " http://127.0.0.1:{p}/",
    "http://127.0.0.1:{p}\u00a0/",
    "ht\ntp://127.0.0.1:{p}/",
    "http:127.0.0.1:{p}/",
    "http:/127.0.0.1:{p}/",
    "http:///127.0.0.1:{p}/",
    "http:////127.0.0.1:{p}/",
    "http:\\\\127.0.0.1:{p}\\",
    "//127.0.0.1:{p}/",
    "\\\\127.0.0.1:{p}\\",
    "127.0.0.1:{p}",
    "/127.0.0.1:{p}",
    "?http://127.0.0.1:{p}",
    "",
    "http://",
    "http://:{p}/",
    "http://@:{p}/",
    "http://.:{p}/",
    "http://..:{p}/",
    "http://*:{p}/",
    "ftp://127.0.0.1:{p}/",
    "file://127.0.0.1:{p}/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{p}/_GET%20/",
    "dict://127.0.0.1:{p}/",
    "ldap://127.0.0.1:{p}/",
    "ws://127.0.0.1:{p}/",
    "unix:///var/run/docker.sock",
    "http+unix://%2fvar%2frun%2fdocker.sock/",
    "jar:http://127.0.0.1:{p}!/",
    "url:http://127.0.0.1:{p}/",
    "view-source:http://127.0.0.1:{p}/",
    "javascript:fetch('http://127.0.0.1:{p}/')",
    "data:text/csv,http://127.0.0.1:{p}/",
    "HTTP://127.0.0.1:{p}/",
    "https://127.0.0.1:{p}/",
    "http://127.0.0.1:0{p}/",
    "http://127.0.0.1:+{p}/",
    "http://127.0.0.1:{p}#@{h}/",
    "http://127.0.0.1:{p}?@{h}/",
    "http://127.0.0.1:{p};@{h}/",
    "http://127.0.0.1:{p},{h}/",
    "http://127.0.0.1&@{h}:{p}#@{h}/",
    "http://{h} @127.0.0.1:{p}/",
    "http://[{h}@127.0.0.1]:{p}/",
    "http://127.0.0.1.nip.io:{p}/",
    "http://7f000001.nip.io:{p}/",
    "http://www.127.0.0.1.sslip.io:{p}/",
    "http://localtest.me:{p}/",
    "http://spoofed.burpcollaborator.net:{p}/",
    "http://xn--127001-000.example.org:{p}/",
    "http://\u202e1.0.0.721:{p}/",
    "http://127.0.0.1\u200b:{p}/",
    "http://127.0.0.1\ufeff:{p}/",
    "http://\ud800127.0.0.1:{p}/",
)
FORMS = [*(f"http://{host}:{{p}}/" for host in (LOOPBACK_TEXT.split() + PRIVATE_TEXT.split())), *TRICKS]


@pytest.fixture(scope="module")
def canary():
    one = Canary()
    yield one
    one.close()


def allowed_for(url: str) -> list[str]:
    """The allow-list that a careless person would write for ``url``: it must be the address that stops it."""
    wide = ["*.nip.io", "*.sslip.io", "localtest.me", "*.burpcollaborator.net", "*.example.org", HOST]
    try:
        parsed = parse_url(url)
    except UpstreamRefused:
        return wide
    return [*wide, f"[{parsed.host}]" if ":" in parsed.host else parsed.host]


def attempt(url, target, wire, ports):
    limits = FetchLimits(bytes=1000, seconds=5, connect_seconds=1, read_seconds=1, attempts=1, ports=frozenset(ports))
    with pytest.raises(UpstreamError) as refused:
        fetch(url, target=target, allowed_hosts=allowed_for(url), limits=limits, wire=wire)
    return refused.value


def test_the_canary_sings_when_the_check_is_taken_out(canary, tmp_path, monkeypatch):
    monkeypatch.setattr(guard, "why_not_public", lambda _address: "")
    before = len(canary.settled())
    sung = [f"http://127.0.0.1:{canary.port}/", f"http://localtest.me:{canary.port}/"]
    if canary.has_six:
        sung.append(f"http://[::1]:{canary.port}/")
    for number, url in enumerate(sung):
        wire = Wire(CarelessResolver(), clock=Clock())
        assert attempt(url, tmp_path / str(number), wire, [canary.port]).code == "broken_off"
    assert len(canary.settled()) == before + len(sung)


def test_there_are_enough_forms_and_no_two_alike():
    assert len(set(FORMS)) == len(FORMS) >= 80


@pytest.mark.parametrize("form", FORMS, ids=ascii)
def test_no_form_reaches_the_canary(canary, tmp_path, form):
    url = form.format(p=canary.port, h=HOST)
    before = len(canary.settled())
    real = Wire(CarelessResolver(), clock=Clock())
    all_canary = Wire(CarelessResolver(), canary.connect, clock=Clock())
    assert isinstance(attempt(url, tmp_path / "a", real, [80, 443, canary.port]), UpstreamRefused)
    assert isinstance(attempt(url, tmp_path / "b", all_canary, [80, 443, canary.port]), UpstreamRefused)
    with pytest.raises(UpstreamRefused):
        post(url, body=b"{}", headers={}, allowed_hosts=allowed_for(url), wire=all_canary)
    assert len(canary.settled()) == before
    assert list(tmp_path.glob("[ab]")) == []


@pytest.mark.parametrize("form", FORMS, ids=ascii)
def test_no_redirect_reaches_the_canary(canary, tmp_path, form):
    """From a public host that is allowed, to each form."""
    location = form.format(p=canary.port, h=HOST)
    if set(location) & set("\r\n") or not location or "\ud800" in location:
        pytest.skip("cannot stand in a header")
    before = len(canary.settled())

    def redirect(handler):
        handler.raw(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location.encode() + b"\r\n\r\n")

    with upstream(redirect) as server:
        net = Net()
        resolver = CarelessResolver()
        careless = resolver.resolve
        resolver.resolve = lambda host, port, timeout: (
            Resolver({HOST: [[PUBLIC]]}).resolve(host, port, timeout) if host == HOST else careless(host, port, timeout)
        )
        wire = wire_to(server.port, net=net, resolver=resolver)
        attempt_through(f"http://{HOST}/", location, tmp_path, wire, canary)
        assert set(net.dialled) == {(PUBLIC, 80)}
    assert len(canary.settled()) == before


def attempt_through(url, location, tmp_path, wire, canary):
    limits = FetchLimits(bytes=1000, seconds=5, attempts=1, ports=frozenset({80, 443, canary.port}))
    with pytest.raises(UpstreamError):
        fetch(url, target=tmp_path / "a", allowed_hosts=allowed_for(location), limits=limits, wire=wire)


def test_rebinding_the_second_answer_is_never_asked_for(canary, tmp_path):
    """The name's first answer is public, every later one loopback; one request makes one look-up."""
    resolver = Resolver({HOST: [[PUBLIC], ["127.0.0.1"]]})
    with upstream(lambda h: h.answer(200, b"public")) as server:
        wire = wire_to(server.port, resolver=resolver)
        fetch(f"http://{HOST}/", target=tmp_path / "a", allowed_hosts=[HOST], wire=wire)
    assert resolver.asked == [HOST]
    assert (tmp_path / "a").read_bytes() == b"public"
    assert attempt(f"http://{HOST}/", tmp_path / "b", wire, [80]).code == "address_not_public"


def test_rebinding_between_redirects_is_refused(canary, tmp_path):
    resolver = Resolver({HOST: [[PUBLIC], ["127.0.0.1"]]})
    before = len(canary.settled())
    with upstream(lambda h: h.answer(302, location="/again")) as server:
        net = Net()
        wire = wire_to(server.port, resolver=resolver, net=net)
        assert attempt(f"http://{HOST}/", tmp_path / "a", wire, [80]).code == "address_not_public"
    assert net.dialled == [(PUBLIC, 80)]
    assert len(canary.settled()) == before


def test_rebinding_between_retries_is_refused(tmp_path):
    resolver = Resolver({HOST: [[PUBLIC], ["10.0.0.1"]]})
    with upstream(lambda h: h.answer(503)) as server:
        net = Net()
        with pytest.raises(UpstreamRefused) as refused:
            fetch(
                f"http://{HOST}/",
                target=tmp_path / "a",
                allowed_hosts=[HOST],
                wire=wire_to(server.port, resolver=resolver, net=net),
            )
    assert refused.value.code == "address_not_public"
    assert net.dialled == [(PUBLIC, 80)]


@pytest.mark.parametrize(
    "answer",
    [
        [PUBLIC, "127.0.0.1"],
        ["127.0.0.1", PUBLIC],
        [OTHER_PUBLIC, PUBLIC, "::1"],
        [PUBLIC, "::ffff:10.0.0.1"],
        [PUBLIC, "fe80::1%eth0"],
    ],
    ids=str,
)
def test_one_private_answer_among_public_ones_refuses_all(canary, tmp_path, answer):
    before = len(canary.settled())
    wire = Wire(Resolver({HOST: [answer]}), canary.connect, clock=Clock())
    assert attempt(f"http://{HOST}/", tmp_path / "a", wire, [80]).code == "address_not_public"
    assert len(canary.settled()) == before


def test_a_name_with_no_answer_or_too_many_is_not_dialled(canary, tmp_path):
    for answer in ([], [f"93.184.{n // 250}.{n % 250}" for n in range(65)]):
        wire = Wire(Resolver({HOST: [answer]}), canary.connect, clock=Clock())
        assert attempt(f"http://{HOST}/", tmp_path / "a", wire, [80]).code == "name_unknown"


def test_the_allow_list_is_asked_before_the_name_service(tmp_path):
    resolver = Resolver({HOST: [[PUBLIC]]})
    with pytest.raises(UpstreamRefused) as refused:
        fetch(f"http://{HOST}/", target=tmp_path / "a", allowed_hosts=["other.example.org"], wire=Wire(resolver))
    assert refused.value.code == "host_not_allowed"
    assert resolver.asked == []


def test_the_proxy_of_the_environment_is_not_used(canary, tmp_path, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{canary.port}")
    before = len(canary.settled())
    with upstream(lambda h: h.answer(200, b"x")) as server:
        fetch(f"http://{HOST}/", target=tmp_path / "a", allowed_hosts=[HOST], wire=wire_to(server.port))
    assert len(canary.settled()) == before


def test_what_dials_checks_once_more(canary):
    before = len(canary.settled())
    for text in ("127.0.0.1", "::1", "10.0.0.1"):
        with pytest.raises(UpstreamRefused):
            guard.dial(guard.ip_address(text), canary.port, 1)
    assert len(canary.settled()) == before


def test_the_pinned_backend_dials_no_other_host(canary):
    backend = guard.PinnedBackend(
        parse_url(f"http://{HOST}/"), [guard.ip_address(PUBLIC)], canary.connect, lambda stream: stream, lambda: 1.0
    )
    before = len(canary.settled())
    for host, port in (("127.0.0.1", 80), (HOST, 81), ("other.example.org", 80)):
        with pytest.raises(UpstreamRefused):
            backend.connect_tcp(host, port)
    with pytest.raises(NotImplementedError):
        backend.connect_unix_socket("/var/run/docker.sock")
    assert len(canary.settled()) == before


def test_the_system_resolver_reads_what_the_machine_says(monkeypatch):
    def answer(*_args, **_kwargs):
        return [
            (2, 1, 6, "", ("127.0.0.1", 80)),
            (2, 1, 6, "", ("127.0.0.1", 80)),
            (10, 1, 6, "", ("fe80::1%lo", 80, 0, 1)),
        ]

    monkeypatch.setattr(guard.socket, "getaddrinfo", answer)
    found = guard.SystemResolver().resolve(HOST, 80, 5)
    assert [str(one) for one in found] == ["127.0.0.1", "fe80::1%lo"]


def test_the_system_resolver_gives_up_in_time(monkeypatch):
    hold = threading.Event()

    def silent(*_args, **_kwargs):
        hold.wait(10)
        return []

    monkeypatch.setattr(guard.socket, "getaddrinfo", silent)
    with pytest.raises(UpstreamError) as failed:
        guard.SystemResolver().resolve(HOST, 80, 0.01)
    hold.set()
    assert (failed.value.code, failed.value.retryable) == ("name_unknown", True)
