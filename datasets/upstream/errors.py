"""How fetching from an upstream can end without bytes.

Decides between the two kinds: a rule of ours forbids it (never tried again), or the upstream failed (perhaps only for
now). Messages are sentences for a steward; they never hold a credential, a path, a query string or an address.
"""

from __future__ import annotations


class UpstreamError(Exception):
    """``code``: lower_snake, stable; ``message``: what and why; ``fix``: what next."""

    def __init__(self, code: str, message: str, fix: str) -> None:
        super().__init__(f"{message} {fix}")
        self.code = code
        self.message = message
        self.fix = fix


class UpstreamRefused(UpstreamError):  # noqa: N818 - a refusal is an answer, not a fault
    """A rule or limit of ours forbids it; trying again changes nothing."""


class UpstreamFailed(UpstreamError):  # noqa: N818 - the name is the public contract of this package
    """The upstream did not give what was asked.

    ``retryable``: a later try may succeed; ``status``: HTTP status, when there was one; ``retry_after``: seconds that
    the upstream asked us to wait, when it did.
    """

    def __init__(  # noqa: PLR0913 - the facts of one failure
        self,
        code: str,
        message: str,
        fix: str,
        *,
        retryable: bool,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(code, message, fix)
        self.retryable = retryable
        self.status = status
        self.retry_after = retry_after
