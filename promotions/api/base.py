"""What every view of the API has: strict JSON in, the envelope out, one reader a request, a limit a client.

Decides nothing about versions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import ParseError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.permissions import AllowAny
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from audit.canonical import StrictJsonError, parse_strict
from datasets import questions
from datasets.people import person_for
from promotions.api.answers import BadParameter, answer_exception
from promotions.api.reading import Reader

MAX_BODY_BYTES = 512 * 1024
MAX_PAGE = 100
METHOD_NOT_ALLOWED = 405


class StrictJsonParser(BaseParser):
    """``application/json`` by the rules of ``audit.canonical``: no repeated key, no NaN, bounded size and depth."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,  # noqa: ARG002 - REST framework's signature
        parser_context: Mapping[str, Any] | None = None,  # noqa: ARG002 - as above
    ) -> Any:
        raw = stream.read(MAX_BODY_BYTES + 1)
        try:
            return parse_strict(raw, max_bytes=MAX_BODY_BYTES, max_depth=20)
        except StrictJsonError as error:
            raise ParseError(str(error), code=error.code) from error


class OneForm(BaseContentNegotiation):
    """An address has one form, whatever ``Accept`` or ``format`` says."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        if (request.content_type or "").partition(";")[0].strip().lower() == StrictJsonParser.media_type:
            return next(iter(parsers))
        return None

    def select_renderer(
        self,
        request: Request,  # noqa: ARG002 - as above
        renderers: Any,
        format_suffix: str | None = None,  # noqa: ARG002 - as above
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type


class ClientThrottle(SimpleRateThrottle):
    """So many requests a minute from one address, signed in or not. Behind production's proxy, the address it adds."""

    scope = "api"
    rate = "1200/minute"

    def get_cache_key(self, request: Request, view: APIView) -> str:  # noqa: ARG002 - as above
        address = request.META.get("REMOTE_ADDR", "")
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
        if settings.PRODUCTION and forwarded:
            address = forwarded.rsplit(",", 1)[-1].strip()
        return self.cache_format % {"scope": self.scope, "ident": address}


class ApiView(APIView):
    """The base of every view here."""

    authentication_classes = (SessionAuthentication,)
    permission_classes = (AllowAny,)
    parser_classes = (StrictJsonParser,)
    renderer_classes = (JSONRenderer,)
    throttle_classes = (ClientThrottle,)
    content_negotiation_class = OneForm
    metadata_class = None
    http_method_names = ["get", "head", "post"]

    def get_exception_handler(self) -> Any:
        return answer_exception

    def finalize_response(self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any) -> Any:
        answered = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[arg-type]  # it takes any HttpResponseBase
        answered["X-Content-Type-Options"] = "nosniff"
        if answered.status_code != METHOD_NOT_ALLOWED:
            del answered["Allow"]  # a 404 would say by it which kind of address was asked for
        return answered

    @property
    def django_request(self) -> HttpRequest:
        return self.request._request  # noqa: SLF001 - REST framework's documented way to the request it wraps

    def reader(self) -> Reader:
        """Reads as whoever asks. A POST that reads acts on nothing: the decision that governed its answer is kept."""
        asked = questions.current()
        if asked is not None:
            asked.only_reads = True
        return Reader(person_for(self.request.user), timezone.now())


def page_size(given: str | None, *, default: int = 50) -> int:
    """``limit`` as a number from 1 to 100. Raises ``BadParameter``."""
    if given is None:
        return default
    if not (given.isascii() and given.isdigit() and len(given) < 6 and int(given) >= 1):  # noqa: PLR2004 - a bound on the text
        raise BadParameter(f"limit is a whole number from 1 to {MAX_PAGE}.")
    return min(int(given), MAX_PAGE)
