"""Service tokens: an admin's list of them and of service accounts; issuing one, whose secret is in that one answer
alone; revoking one.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from datasets import tokens
from datasets.errors import Refused
from datasets.models import ServiceToken
from datasets.people import Person
from datasets.policy.requests import Action
from datasets.policy.roles import Role
from promotions import refusals
from promotions.readers.tokens import account_lines, all_tokens, history_of, lines, senders, service_accounts
from promotions.views.asking import crumbs, person_in

USUAL_LIFE = timedelta(days=90)
REFUSED = 422
_PAGE = 50


class IssueForm(forms.Form):
    """What a token is issued with; ``datasets.tokens`` judges it."""

    use_required_attribute = False  # the page says what is missing, in its own words

    account = forms.ChoiceField(label="Service account", help_text="Open service accounts that may send to a dataset.")
    name = forms.CharField(
        label="Name",
        max_length=200,
        help_text="Which pipeline uses it, such as airflow-prod.",
        error_messages={"required": "Name the token after the pipeline that uses it."},
    )
    expires_at = forms.DateField(
        label="Ends on",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="The end of that day, UTC; within a year.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.accounts = {user.username: user for user in senders()}
        choices = [
            (name, f"{user.get_full_name()} ({name})" if user.get_full_name() else name)
            for name, user in self.accounts.items()
        ]
        self.fields["account"].choices = choices  # type: ignore[attr-defined]  # a ChoiceField

    def clean_expires_at(self) -> datetime:
        return datetime.combine(self.cleaned_data["expires_at"], time(23, 59, 59), UTC)


class RevokeForm(forms.Form):
    use_required_attribute = False  # as above

    reason = forms.CharField(
        label="Reason",
        max_length=tokens.LONGEST_REASON,
        error_messages={"required": "Say why: the reason is kept with the token."},
        help_text="One line, kept with the token. It opens nothing from then on.",
    )


@login_required
@require_GET
def token_list(request: HttpRequest) -> HttpResponse:
    """``promotions:tokens``: every token ever issued, and every service account."""
    admin_of(request)
    now = timezone.now()
    page = Paginator(all_tokens(), _PAGE).get_page(request.GET.get("page"))
    accounts = account_lines(service_accounts(), now)
    context = {
        "page": page,
        "rows": lines(page.object_list, now),
        "accounts": accounts,
        "may_issue": any(account.state == "active" for account in accounts),
    }
    return render(request, "tokens/list.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def issue(request: HttpRequest) -> HttpResponse:
    """``promotions:token_issue``: a POST answers with the new token's secret, which is nowhere else."""
    person = admin_of(request)
    now = timezone.now()
    form = IssueForm(request.POST or None, initial=_usual(request, now))
    status = 200
    if request.method == "POST":
        status = REFUSED
        if form.is_valid():
            said = form.cleaned_data
            facts = {"name": said["name"], "expires_at": said["expires_at"], "by": person, "at": now}
            try:
                with refusals.attempt(by=person, verb="issue_token", subject=f"user/{said['account']}", at=now):
                    token, secret = tokens.issue(account=form.accounts[said["account"]], **facts)
            except Refused as refusal:
                place(form, refusal)
            else:
                return render(
                    request, "tokens/issued.html", {"token": token, "secret": secret, "crumbs": crumbs_to("Issued")}
                )
    return render(request, "tokens/issue.html", {"form": form, "crumbs": crumbs_to("Issue")}, status=status)


@login_required
@require_http_methods(["GET", "POST"])
def token_page(request: HttpRequest, token_pk: int) -> HttpResponse:
    """``promotions:token``: one token and its history; a POST revokes it."""
    person = admin_of(request)
    token = ServiceToken.objects.select_related("user").filter(pk=token_pk).first()
    if token is None:
        raise Http404
    now, form, status = timezone.now(), RevokeForm(request.POST or None), 200
    if request.method == "POST":
        status = REFUSED
    if request.method == "POST" and form.is_valid():
        try:
            with refusals.attempt(by=person, verb="revoke_token", subject=f"user/{token.user.username}", at=now):
                tokens.revoke(token_pk=token.pk, reason=form.cleaned_data["reason"], by=person, at=now)
        except Refused as refusal:
            place(form, refusal)
            status = REFUSED if refusal.findings else 409
        else:
            messages.success(request, "The token is revoked. It opens nothing from now on.")
            return redirect("promotions:token", token_pk=token.pk)
    token.refresh_from_db()
    context = {"row": lines([token], now)[0], "steps": history_of(token), "form": form, "crumbs": crumbs_to(token.name)}
    return render(request, "tokens/token.html", context, status=status)


def _usual(request: HttpRequest, now: datetime) -> dict[str, Any]:
    return {"expires_at": (now + USUAL_LIFE).date(), "account": request.GET.get("account", "")}


def admin_of(request: HttpRequest) -> Person:
    """The admin who asks; everyone else is told that these pages are an admin's."""
    sentence = "Only an admin sees and changes service accounts and their tokens."
    return person_in(request, frozenset({Role.ADMIN}), Action.MANAGE_ROLES, sentence)


def place(form: forms.Form, refusal: Refused) -> None:
    """Puts a refusal's findings beside the form's fields."""
    for finding in refusal.findings:
        form.add_error(
            finding.where if finding.where in form.fields else None, f"{finding.message} {finding.fix}".strip()
        )
    if not refusal.findings:
        form.add_error(None, refusal.message)


def crumbs_to(label: str) -> list[dict[str, Any]]:
    """The way here from the list of tokens."""
    return crumbs(("Service tokens", reverse("promotions:tokens")), (label, ""))
