"""Between a URL and a connection: the address that is dialled is one that was checked.

Decides the addresses of a URL: resolved once, all of them public or none is used. ``PinnedBackend`` gives httpcore only
these, so that no second look-up (DNS rebinding) and no other host is ever dialled; the Host header and the TLS name
stay the URL's. Never follows a proxy of the environment. Keeps the issue's rule that no URL reaches a private address.
"""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from ipaddress import ip_address
from typing import Protocol

import httpcore

from datasets.upstream.addresses import Address, why_not_public
from datasets.upstream.errors import UpstreamFailed, UpstreamRefused
from datasets.upstream.urls import Url, require_allowed

Connect = Callable[[Address, int, float], httpcore.NetworkStream]
SocketOption = httpcore.SOCKET_OPTION
MOST_ADDRESSES = 64
_REPORT = "Report it as a fault of the console."


class Resolver(Protocol):
    """Names to addresses. Raises ``UpstreamFailed`` when there is no answer within ``timeout`` seconds."""

    def resolve(self, host: str, port: int, timeout: float) -> Sequence[Address]: ...


class SystemResolver:
    """The machine's own resolver, asked in a thread because it knows no time limit."""

    def resolve(self, host: str, port: int, timeout: float) -> Sequence[Address]:
        answers: queue.SimpleQueue[list[str] | None] = queue.SimpleQueue()

        def ask() -> None:
            try:
                found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            except (OSError, UnicodeError):
                answers.put(None)
            else:
                answers.put([str(sockaddr[0]) for *_, sockaddr in found])

        threading.Thread(target=ask, name="resolve", daemon=True).start()
        try:
            texts = answers.get(timeout=timeout)
        except queue.Empty:
            raise _unknown(host, "was not answered in time") from None
        if texts is None:
            raise _unknown(host, "has no answer")
        return tuple(dict.fromkeys(_as_address(host, text) for text in texts))


def checked_addresses(
    url: Url, *, allowed_hosts: Collection[str], ports: Collection[int], resolver: Resolver, timeout: float
) -> tuple[Address, ...]:
    """The addresses that may be dialled for ``url``, each public. One look-up; an address in the URL needs none.

    Raises ``UpstreamRefused`` when the allow-list does not name the host or ANY address is not public, and
    ``UpstreamFailed`` (retryable) when the name has no address.
    """
    require_allowed(url, allowed_hosts, ports)
    addresses = (url.address,) if url.address else tuple(resolver.resolve(url.host, url.port, timeout))
    if not addresses or len(addresses) > MOST_ADDRESSES:
        raise _unknown(url.host, "has no address" if not addresses else f"has more than {MOST_ADDRESSES} addresses")
    for address in addresses:
        require_public(url.host, address)
    return addresses


def require_public(host: str, address: Address) -> None:
    """Raises ``UpstreamRefused`` unless ``address`` is public; the message names the block, not the address."""
    if block := why_not_public(address):
        message = f"The host {host} leads to an address that is not public ({block})."
        raise UpstreamRefused("address_not_public", message, "Give the upstream's public host, or upload the file.")


def dial(address: Address, port: int, timeout: float) -> httpcore.NetworkStream:
    """A TCP connection to ``address`` and nothing else; checks it once more. Errors are httpcore's."""
    require_public("dialled", address)
    stream = httpcore.SyncBackend().connect_tcp(str(address), port, timeout)
    peer = stream.get_extra_info("server_addr")[0]
    if ip_address(peer) != address:
        stream.close()
        message = "The connection led elsewhere than to the checked address."
        raise UpstreamRefused("address_changed", message, "Ask an administrator what redirects connections here.")
    return stream


class PinnedBackend(httpcore.NetworkBackend):
    """Dials the checked addresses of one URL, in order, until one answers; refuses every other host and port."""

    def __init__(
        self,
        url: Url,
        addresses: Sequence[Address],
        connect: Connect,
        watch: Callable[[httpcore.NetworkStream], httpcore.NetworkStream],
        seconds_left: Callable[[], float],
    ) -> None:
        self._url = url
        self._addresses = tuple(addresses)
        self._connect = connect
        self._watch = watch
        self._seconds_left = seconds_left

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.NetworkStream:
        if (host, port) != (self._url.host, self._url.port) or local_address or socket_options:
            raise UpstreamRefused("not_pinned", "A connection to an unchecked host was asked for.", _REPORT)
        failure: Exception = httpcore.ConnectError("no address")
        for address in self._addresses:
            require_public(host, address)
            left = self._seconds_left()
            try:
                return self._watch(self._connect(address, port, left if timeout is None else min(timeout, left)))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


def _as_address(host: str, text: str) -> Address:
    try:
        return ip_address(text)
    except ValueError:
        raise _unknown(host, "has an answer that is no address") from None


def _unknown(host: str, why: str) -> UpstreamFailed:
    fix = "Check the host's name; if it is right, the upstream's or our name service is at fault."
    return UpstreamFailed("name_unknown", f"The host {host} {why}.", fix, retryable=True)
