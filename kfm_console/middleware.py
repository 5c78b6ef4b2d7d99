"""What every request passes: a limit on form bodies, and the person behind it, looked up when someone asks.

Decides nothing of the domain: roles come from ``datasets.people``, and ``is_superuser`` is never asked (design §6).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_cache_control
from django.utils.functional import SimpleLazyObject

from datasets.people import person_for


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
