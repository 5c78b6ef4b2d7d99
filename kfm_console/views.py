"""The home page, the sign-in page, and what an error looks like. No rule is decided here."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.models import User
from django.contrib.auth.views import (
    INTERNAL_RESET_SESSION_TOKEN,
    LoginView,
    PasswordChangeView,
    PasswordResetConfirmView,
)
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils import timezone
from django.views.decorators.http import require_GET

from datasets import accounts, questions
from datasets.errors import Refused
from datasets.forms_sign_in import ChangePasswordForm, SignInForm
from datasets.people import Person, names_of
from kfm_console.templatetags.console import relative
from promotions.readers import home
from promotions.readers.administration import change_lines, pending_for
from promotions.readers.home import SHOWN
from promotions.states import STATIONS, State


class SignIn(LoginView):
    """The sign-in page; on demo data it lists the demo accounts."""

    form_class = SignInForm
    redirect_authenticated_user = False

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        if settings.KFM_DEMO:
            from promotions.demo import DEMO_ACCOUNTS

            context["demo_accounts"] = DEMO_ACCOUNTS
        return context


class ChangePassword(PasswordChangeView):
    """Django's page under ``/admin/``, with a form that counts tries."""

    form_class = ChangePasswordForm
    success_url = reverse_lazy("admin:password_change_done")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_context_data(**kwargs), **admin.site.each_context(self.request)}


class FirstPassword(PasswordResetConfirmView):
    """Where a one-time link leads; the password is written by ``accounts``, with its entry in the ledger."""

    template_name = "registration/set_password.html"
    success_url = reverse_lazy("login")

    def form_valid(self, form: SetPasswordForm[User]) -> HttpResponse:
        password = form.cleaned_data["new_password1"]
        try:
            accounts.set_first_password(user_pk=form.user.pk, password=password, at=timezone.now())
        except Refused as refusal:
            form.add_error(None, str(refusal))
            return self.form_invalid(form)
        self.request.session.pop(INTERNAL_RESET_SESSION_TOKEN, None)
        messages.success(self.request, "Your password is set. Sign in with it.")
        return redirect(str(self.success_url))


@require_GET
def home_page(request: HttpRequest) -> HttpResponse:
    """``home``: a worker's day, or the public's front page."""
    person: Person = request.person  # type: ignore[attr-defined]
    if person.is_public:
        return render(request, "home/public.html", {"published": home.published()})
    now = timezone.now()
    waiting = home.waiting_for(person)
    changes = change_lines(pending_for(person)[:SHOWN])
    ageing = home.case_ageing(person, now.date())
    mine = request.GET.get("show") == "requests"
    requests = home.requests_of(person)
    context = {
        "waiting": waiting,
        "waiting_count": len(waiting) + len(changes),
        "changes": changes,
        "requests": requests,
        "rows": requests if mine else waiting,
        "showing_requests": mine,
        "tabs": _tabs(len(waiting), len(requests), mine=mine),
        "rail": _rail(person, now),
        "ageing": ageing,
        "failed": home.failed_runs(person, now),
        "names": names_of({case.owner for case in ageing["first"]} - {""}),
    }
    return render(request, "home/home.html", context)


def _tabs(waiting: int, requests: int, *, mine: bool) -> list[dict[str, Any]]:
    return [
        {"label": "Waiting for me", "href": "?", "current": not mine, "count": waiting},
        {"label": "My requests", "href": "?show=requests", "current": mine, "count": requests},
    ]


def _rail(person: Person, now: Any) -> dict[str, Any]:
    counted = home.stations(person)
    siding = _station(counted[State.QUARANTINE], now) if counted[State.QUARANTINE].count else None
    return {"stations": [_station(counted[state], now) for state in STATIONS], "siding": siding}


def _station(station: home.Station, now: Any) -> dict[str, Any]:
    word = "newest" if station.state is State.PUBLISHED else "oldest"
    age = relative(station.since, now).removesuffix(" ago") if station.since else ""
    href = (
        reverse("promotions:quarantine")
        if station.state is State.QUARANTINE
        else f"{reverse('promotions:queue')}?state={station.state.value}"
    )
    return {
        "name": station.state.value,
        "label": station.state.value,
        "count": station.count,
        "age": f"{word} {age}" if age else "",
        "href": href,
        "state": "passed" if station.count else "ahead",
    }


FORBIDDEN, TOO_LARGE = 403, 413


def _error(request: HttpRequest, template: str, status: int, exception: Exception | None) -> HttpResponse:
    """An error's page; the audit reference is the error's own, or that of what the request asked the policies."""
    return render(
        request,
        template,
        {
            "exception": str(exception or "") if status == FORBIDDEN else "",
            "audit_ref": getattr(exception, "audit_ref", "") or questions.audit_ref(),
        },
        status=status,
    )


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """``handler400``. Words of a form beyond what is kept in memory are found while they are read, and are a 413."""
    if isinstance(exception, RequestDataTooBig):
        limit = {"limit": settings.DATA_UPLOAD_MAX_MEMORY_SIZE}
        return render(request, "413.html", limit, status=TOO_LARGE)
    return _error(request, "400.html", 400, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, "403.html", FORBIDDEN, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, "404.html", 404, exception)
