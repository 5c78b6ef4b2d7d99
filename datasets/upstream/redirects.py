"""Where a redirect leads: so many hops and no more, never without an address, never from https to http.

Decides only on the answer at hand; the guard checks the next address afresh, and the caller asks it.
"""

from __future__ import annotations

from datasets.upstream.errors import UpstreamFailed, UpstreamRefused
from datasets.upstream.exchange import Answer
from datasets.upstream.terms import FetchLimits
from datasets.upstream.urls import Url, resolve_reference


def redirected(answer: Answer, number: int, limits: FetchLimits, who: str) -> Url:
    """The address of the redirect *number*, counted from one. ``who`` redirects, in the message: "upstream", "address".

    Raises ``UpstreamRefused`` for a rule of ours and ``UpstreamFailed`` for a redirect that says no address.
    """
    if number > limits.redirects:
        message = f"The {who} redirects more than {limits.redirects} times."
        raise UpstreamRefused("too_many_redirects", message, "Give the address that it ends at.")
    location = answer.headers.one("location")
    if location is None:
        message = f"The {who} redirects without saying where to."
        raise UpstreamFailed("redirect", message, "Ask the publisher to correct it.", retryable=False)
    following = resolve_reference(answer.url, location)
    if answer.url.scheme == "https" and following.scheme != "https":
        message = f"The {who} redirects from https to plain http (host {following.host})."
        raise UpstreamRefused("redirect_downgrade", message, "Ask the publisher for an https address.")
    return following
