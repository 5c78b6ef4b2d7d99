"""Who sends: a service account by its token, and nobody else. Only on the addresses that take runs in.

A session is never asked, so a browser can't be made to send (no CSRF to guard). Whatever is wrong with a token, the
answer is one and the same; failed tries from one address are limited.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.request import Request

from datasets import tokens
from datasets.models import ServiceToken
from promotions.api.base import ClientThrottle

CHALLENGE = 'Bearer realm="kfm"'
_LONGEST_HEADER = 200


class FailedTries(ClientThrottle):
    """So many failed tries a minute from one address."""

    scope = "failed-tokens"
    rate = "30/minute"


class ServiceTokenAuthentication(BaseAuthentication):
    """``Authorization: Bearer kfm_…``; ``request.auth`` is the token's row."""

    def authenticate(self, request: Request) -> tuple[User, ServiceToken]:
        """The account and its token. Raises ``AuthenticationFailed``, or ``Throttled`` after too many failures."""
        now = timezone.now()
        token = tokens.token_of(_secret(request.META.get("HTTP_AUTHORIZATION", "")), now)
        if token is None:
            throttle = FailedTries()
            if not throttle.allow_request(request, None):  # type: ignore[arg-type]  # our key asks no view
                raise Throttled(throttle.wait())
            raise AuthenticationFailed("Send a service token that is valid now: Authorization: Bearer kfm_…")
        tokens.note_use(token, now)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - the framework's signature
        return CHALLENGE


def _secret(header: str) -> str:
    scheme, _, secret = header[:_LONGEST_HEADER].strip().partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


class ServiceTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document names it."""

    target_class = "promotions.api.authentication.ServiceTokenAuthentication"
    name = "serviceToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:  # noqa: ARG002 - as above
        return {"type": "http", "scheme": "bearer", "description": "A service token: kfm_ and 43 characters."}
