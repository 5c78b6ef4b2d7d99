"""One strict reading of a URL, and the allow-list on it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.upstream.errors import UpstreamRefused
from datasets.upstream.urls import check_pattern, host_of, parse_url, require_allowed, resolve_reference

SECRET = "s3cr3t"


@pytest.mark.parametrize(
    ("text", "authority", "target"),
    [
        ("https://data.example.org/a/b.csv?x=1#part", "data.example.org", "/a/b.csv?x=1"),
        ("HTTP://Data.Example.ORG", "data.example.org", "/"),
        ("https://data.example.org:443?q", "data.example.org", "/?q"),
        ("http://data.example.org:8080/", "data.example.org:8080", "/"),
        ("http://xn--mnchen-3ya.example.org/", "xn--mnchen-3ya.example.org", "/"),
        ("http://8.8.8.8/x", "8.8.8.8", "/x"),
        ("http://[2606:4700:0::1111]:81/x", "[2606:4700::1111]:81", "/x"),
        ("https://data.example.org/straße?ü=%20", "data.example.org", "/stra%C3%9Fe?%C3%BC=%20"),
        ("https://_x.data-1.example.org/@a:b//c", "_x.data-1.example.org", "/@a:b//c"),
    ],
)
def test_a_plain_url_is_read(text, authority, target):
    url = parse_url(text)
    assert (url.authority, url.target) == (authority, target)
    assert parse_url(f"{url.scheme}://{url.authority}{url.target}") == url


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("ftp://data.example.org/", "url_scheme"),
        ("file:///etc/passwd", "url_scheme"),
        ("gopher://127.0.0.1:6379/_x", "url_scheme"),
        ("data.example.org/x", "url_form"),
        ("//data.example.org/x", "url_form"),
        ("http:data.example.org", "url_form"),
        ("http:/data.example.org", "url_form"),
        ("", "url_form"),
        ("http://", "url_host"),
        ("http:///x", "url_host"),
        (f"http://me:{SECRET}@data.example.org/", "url_userinfo"),
        ("http://data.example.org:/", "url_host"),
        ("http://data.example.org:0/", "url_host"),
        ("http://data.example.org:080/", "url_host"),
        ("http://data.example.org:+80/", "url_host"),
        ("http://data.example.org:65536/", "url_port"),
        ("http://data.example.org:\uff18\uff10/", "url_host"),
        ("http://data.example.org:80:81/", "url_host"),
        ("http://data.example.org./", "url_host"),
        ("http://-data.example.org/", "url_host"),
        ("http://data..example.org/", "url_host"),
        ("http://intranet/", "url_local_name"),
        ("http://printer.local/", "url_local_name"),
        ("http://metadata.google.internal/", "url_local_name"),
        ("http://dätä.example.org/", "url_host"),
        ("http://data.example.org\\@x.example.org/", "url_characters"),
        (f"http://data.example.org/{SECRET} x", "url_characters"),
        ("http://data.example.org/x\r\nHost: y", "url_characters"),
        ("http://data.example.org/\ud800", "url_characters"),
        ("http://[::1%25eth0]/", "url_host"),
        ("http://[v1.x]/", "url_host"),
        ("http://[2606::1::2]/", "url_host"),
        (f"http://data.example.org/{'x' * 9000}", "url_too_long"),
    ],
)
def test_any_other_url_is_refused_without_repeating_it(text, code):
    with pytest.raises(UpstreamRefused) as refused:
        parse_url(text)
    assert refused.value.code == code
    assert SECRET not in str(refused.value)
    assert refused.value.fix


@pytest.mark.parametrize(
    ("location", "authority", "target"),
    [
        ("https://other.example.org/y", "other.example.org", "/y"),
        ("//other.example.org/y", "other.example.org", "/y"),
        ("/y?z", "data.example.org:8443", "/y?z"),
        ("y", "data.example.org:8443", "/a/b/y"),
        ("../y", "data.example.org:8443", "/a/y"),
        ("../../../y", "data.example.org:8443", "/y"),
        ("./", "data.example.org:8443", "/a/b/"),
        ("?z=2", "data.example.org:8443", "/a/b/c?z=2"),
        ("", "data.example.org:8443", "/a/b/c?q=1"),
        ("#part", "data.example.org:8443", "/a/b/c?q=1"),
        ("y?w=../v", "data.example.org:8443", "/a/b/y?w=../v"),
    ],
)
def test_a_redirect_reference_is_resolved_as_rfc_3986_says(location, authority, target):
    url = resolve_reference(parse_url("https://data.example.org:8443/a/b/c?q=1"), location)
    assert (url.scheme, url.authority, url.target) == ("https", authority, target)


@pytest.mark.parametrize(
    "location", ["http:x", "javascript:alert(1)", "\\\\evil.example.org", "/\\evil", "//", "/\t/x"]
)
def test_a_redirect_reference_that_is_no_plain_url_is_refused(location):
    with pytest.raises(UpstreamRefused):
        resolve_reference(parse_url("https://data.example.org/a"), location)


@pytest.mark.parametrize(
    ("allowed", "host", "fits"),
    [
        (["data.example.org"], "data.example.org", True),
        (["Data.Example.ORG"], "data.example.org", True),
        (["data.example.org"], "x.data.example.org", False),
        (["*.example.org"], "data.example.org", True),
        (["*.example.org"], "a.b.example.org", True),
        (["*.example.org"], "example.org", False),
        (["*.example.org"], "badexample.org", False),
        (["*.example.org"], "example.org.evil.com", False),
        (["8.8.8.8"], "8.8.8.8", True),
        (["[2606:4700:0::1111]"], "[2606:4700::1111]", True),
        (["[2606:4700::1112]"], "[2606:4700::1111]", False),
        ([], "data.example.org", False),
    ],
)
def test_only_hosts_on_the_allow_list_pass(allowed, host, fits):
    url = parse_url(f"https://{host}/")
    if fits:
        require_allowed(url, allowed, {443})
    else:
        with pytest.raises(UpstreamRefused) as refused:
            require_allowed(url, allowed, {443})
        assert refused.value.code == "host_not_allowed"


@pytest.mark.parametrize("url", ["https://Data.example.org/a", "https://8.8.8.8:443/", "https://[2606:4700:0::1111]/"])
def test_a_urls_own_host_is_an_entry_that_lets_it_through(url):
    assert check_pattern(host_of(url)) == host_of(url)
    require_allowed(parse_url(url), (host_of(url),), {443})


@pytest.mark.parametrize(
    "pattern", ["*", "*.", "*.org", "**.example.org", "*.8.8.8.8", "a*.example.org", "", "x:80", "http://x.org"]
)
def test_an_allow_list_entry_of_another_form_is_refused(pattern):
    with pytest.raises(UpstreamRefused):
        check_pattern(pattern)


def test_a_port_that_is_not_allowed_is_refused():
    with pytest.raises(UpstreamRefused) as refused:
        require_allowed(parse_url("https://data.example.org:22/"), ["data.example.org"], {80, 443})
    assert refused.value.code == "port_not_allowed"


def test_a_url_shows_neither_path_nor_query():
    url = parse_url(f"https://data.example.org/{SECRET}?k={SECRET}")
    assert SECRET not in f"{url} {url!r}"


@given(st.text(max_size=40))
def test_no_text_is_read_in_two_ways(text):
    """Whatever passes has exactly the host that its authority spells, in ASCII."""
    try:
        url = parse_url(f"http://{text}")
    except UpstreamRefused:
        return
    assert url.host.isascii()
    authority = text.split("/")[0].split("?")[0].split("#")[0].lower()
    assert authority.startswith((url.host, "["))
