"""What an HTTP status other than success means for a fetch (RFC 9110 section 15).

Decides which statuses are worth another try, and says each in a sentence. Never looks at a body.
"""

from __future__ import annotations

from datasets.upstream.errors import UpstreamFailed
from datasets.upstream.exchange import Answer

REDIRECTS = frozenset({301, 302, 303, 307, 308})
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504, 507, 508, 520, 521, 522, 523, 524})
_KNOWN = {
    401: ("unauthorized", "asks for credentials, or does not take the source's", "Correct the source's credentials."),
    403: ("forbidden", "does not let us read the file", "Ask the publisher for access."),
    404: ("not_found", "has no such file", "Correct the source's URL."),
    410: ("gone", "says that the file was removed for good", "Look for the dataset's new place."),
    429: ("too_many_requests", "says that we ask too often", "Wait, or fetch it less often."),
}


def failure_of(answer: Answer) -> UpstreamFailed:
    """The failure that a status without bytes stands for."""
    status = answer.status
    code, what, fix = _KNOWN.get(status) or _class_of(status)
    return UpstreamFailed(
        code,
        f"The host {answer.url.host} {what} (HTTP {status}).",
        fix,
        retryable=status in _AGAIN,
        status=status,
        retry_after=answer.headers.retry_after if status in _AGAIN else None,
    )


def _class_of(status: int) -> tuple[str, str, str]:
    if status >= 500:  # noqa: PLR2004 - RFC 9110: server errors
        return "server_error", "could not answer", "Try again later; if it stays so, ask the publisher."
    return "unexpected_status", "gave an answer that holds no file", "Look at the URL in a browser, then correct it."
