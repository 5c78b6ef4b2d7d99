"""What every request passes: a limit on form bodies, the person behind it, and the one decision kept of it.

Decides nothing of the domain: roles come from ``datasets.people``, and ``is_superuser`` is never asked (design §6).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import DatabaseError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.utils.cache import patch_cache_control
from django.utils.functional import SimpleLazyObject

from datasets import questions
from datasets.people import person_for
from kfm_console import errors
from promotions.views import viewing_as

logger = logging.getLogger(__name__)

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
#: What of an address a kept list's decision names: ids, and nothing that someone typed.
_IDS = frozenset({"slug", "version_id", "case_pk", "job_pk", "source_pk", "digest"})
_MOST = 120
_NOT_NOW = 503


class PersonMiddleware:
    """``request.person``: a ``datasets.people.Person``; two queries at the first use, none when nobody uses it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.person = SimpleLazyObject(lambda: person_for(request.user))  # type: ignore[attr-defined]
        response = self.get_response(request)
        if "Cache-Control" not in response:
            # what a page shows depends on who asks, and a withdrawal works at once: no shared cache may answer for us
            patch_cache_control(response, private=True, no_cache=True)
        return response


class FormLimitMiddleware:
    """Refuses a form whose announced body is larger than any form of ours, before a byte of it is read.

    Judging a form's CSRF token reads its body, files included, and writes them to disk. Views that take large files are
    exempt from that, and judge size and token themselves.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, *_: Any) -> HttpResponse | None:
        """413 with a sentence, or ``None``: go on."""
        announced = request.META.get("CONTENT_LENGTH") or "0"
        size = int(announced) if announced.isdecimal() else 0
        if getattr(view, "csrf_exempt", False) or size <= settings.KFM_MAX_FORM_BYTES:
            return None
        return render(request, "413.html", {"limit": settings.KFM_MAX_FORM_BYTES}, status=413)


class ViewingAsMiddleware:
    """``?as=``: a steward looks at a version's page as someone else would. ``viewing_as`` judges it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return viewing_as.dressed(request, self.get_response(request))

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponseBase | None:  # noqa: ARG002 - Django's signature
        """The refusal of an ``as`` that is not this person's, or ``None``: go on."""
        return viewing_as.lend(request, kwargs)


class DecisionMiddleware:
    """Keeps the one decision that governed a request's answer; without it nothing is answered.

    A download or a stream is kept before its first byte goes. A request that asked nothing leaves nothing.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with questions.asking(only_reads=request.method in _READS, scope=lambda: _scope(request)) as asked:
            response = self.get_response(request)
            try:
                asked.settle()
            except DatabaseError as error:
                logger.error("a decision could not be kept, so nothing was answered: %s", type(error).__name__)  # noqa: TRY400 - the error's words may hold values
                return self._not_kept(request)
            return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """503 where the database is locked or gone: whatever was begun is rolled back. ``None`` for any other error."""
        if not isinstance(exception, OperationalError):
            return None
        logger.error("the database did not answer in time: %s", type(exception).__name__)
        words = "The database is busy or can't be reached now. Look whether it was done before you try again."
        return self._not_now(request, "database_busy", words)

    def _not_kept(self, request: HttpRequest) -> HttpResponse:
        words = "What you asked could not be recorded, so it is not answered. Try again in a minute."
        return self._not_now(request, "decision_not_kept", words)

    def _not_now(self, request: HttpRequest, code: str, words: str) -> HttpResponse:
        if request.path.startswith("/api/"):
            body = {"error_code": code, "message": words, "audit_ref": questions.new_reference()}
            answer: HttpResponse = JsonResponse(body, status=_NOT_NOW)
        else:
            answer = errors.not_now(words)
        answer["Cache-Control"] = "no-store"
        answer["Retry-After"] = "60"
        return answer


def _scope(request: HttpRequest) -> dict[str, str]:
    """The route, and the ids in the address."""
    match = request.resolver_match
    if match is None:
        return {}
    named = {name: str(value)[:_MOST] for name, value in match.kwargs.items() if name in _IDS}
    return {"route": match.view_name or "unnamed", **named}
