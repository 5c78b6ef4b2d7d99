"""Puts the person behind a request on it, once and only when someone asks.

Decides nothing: roles come from ``datasets.people``, and ``is_superuser`` is never asked (design §6).
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
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
