"""What a request sees that no view answered: an unforeseen error, a stale form, a method that an address does not take.

Decides no rule, only words: each page says what happened, why, and what next. Its reference is in the log, without any
value of the request, so that an operator finds the line.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone

from datasets import enforcement, questions
from datasets.people import person_for
from datasets.policy.requests import Action

logger = logging.getLogger(__name__)

_FORBIDDEN, _NOT_ALLOWED, _FAILED, _NOT_NOW = 403, 405, 500, 503


def server_error(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - Django's signature
    """``handler500``: Django logged the error itself; the reference is logged beside it."""
    reference = questions.audit_ref() or questions.new_reference()
    logger.error("an error that no one foresaw was answered under %s", reference)
    return _page("500.html", _FAILED, reference)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 - Django's signature
    """``CSRF_FAILURE_VIEW``."""
    reference = questions.new_reference()
    logger.warning("a form without a valid token was refused under %s", reference)
    return _page("403_csrf.html", _FORBIDDEN, reference)


def ledger_refused(user: Any) -> None:
    """``AUDIT_REFUSED``: asks the policies about a look at the ledger, so that its refusal has a reference."""
    enforcement.ask_act(person_for(user), Action.READ_LEDGER, at=timezone.now())


def not_now(words: str) -> HttpResponse:
    """503: nothing was done, or nobody can say; *words* say which, and what to do."""
    reference = questions.new_reference()
    logger.warning("a page was not answered, under %s", reference)
    return _page("503.html", _NOT_NOW, reference, words=words)


def _page(template: str, status: int, reference: str, **context: Any) -> HttpResponse:
    """Rendered without the request: what asks the database for who is there may be what failed."""
    return HttpResponse(render_to_string(template, {"audit_ref": reference, **context}), status=status)


class MethodMiddleware:
    """Gives a page's 405, which has no words of its own, a page. The API has its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code != _NOT_ALLOWED or response.content or request.path.startswith("/api/"):
            return response
        reference = questions.new_reference()
        route = request.resolver_match.view_name if request.resolver_match else "unknown"
        logger.warning("%s was not allowed at %s, under %s", request.method, route, reference)
        page = _page("405.html", _NOT_ALLOWED, reference, reads="GET" in response["Allow"])
        page["Allow"] = response["Allow"]
        return page
