"""Service accounts: an admin opens one for single datasets, looks at it, and closes it with all its tokens."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from datasets import service_accounts
from datasets.errors import Refused
from datasets.models import Dataset, ServiceToken
from promotions import refusals
from promotions.readers.tokens import account_lines, lines
from promotions.readers.tokens import service_accounts as all_accounts
from promotions.views.tokens import REFUSED, admin_of, crumbs_to, place

_TYPED = 300


class OpenForm(forms.Form):
    """What a service account is opened with; ``datasets.service_accounts`` judges it."""

    use_required_attribute = False  # the page says what is missing, in its own words

    name = forms.CharField(
        label="Name",
        max_length=_TYPED,
        help_text="What the pages call it, such as Airflow, production.",
        error_messages={"required": "Name the account after the pipeline that acts as it."},
    )
    slug = forms.CharField(
        label="Short name",
        max_length=_TYPED,
        help_text="What the ledger calls it, after svc-, for ever: lower-case letters, digits and hyphens.",
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false"}),
        error_messages={"required": "Give a short name, such as airflow-prod."},
    )
    datasets = forms.MultipleChoiceField(
        label="Datasets",
        widget=forms.CheckboxSelectMultiple,
        help_text="It may send runs to these, and propose their versions. To every other it is a stranger.",
        error_messages={"required": "Choose the datasets that its pipeline makes."},
    )
    reason = forms.CharField(
        label="Reason",
        max_length=_TYPED,
        help_text="One line. The ledger keeps its digest with the account's beginning.",
        error_messages={"required": "Say why: who asked for it, and what for."},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rows = {row.slug: row for row in Dataset.objects.order_by("slug")}
        choices = [(slug, f"{row.title} ({slug})") for slug, row in self.rows.items()]
        self.fields["datasets"].choices = choices  # type: ignore[attr-defined]  # a MultipleChoiceField

    def clean_slug(self) -> str:
        slug = str(self.cleaned_data["slug"]).removeprefix(service_accounts.PREFIX)
        for finding in service_accounts.check_slug(slug):  # said together with what is missing elsewhere
            raise forms.ValidationError(f"{finding.message} {finding.fix}")
        return slug


class CloseForm(forms.Form):
    use_required_attribute = False  # as above

    reason = forms.CharField(
        label="Reason",
        max_length=_TYPED,
        help_text="One line, kept with each token that ends. Its name is never used again.",
        error_messages={"required": "Say why: the reason is kept with its tokens."},
    )


@login_required
@require_http_methods(["GET", "POST"])
def open_account(request: HttpRequest) -> HttpResponse:
    """``promotions:account_open``: opens a service account."""
    person, now = admin_of(request), timezone.now()
    form, status = OpenForm(request.POST or None), 200
    if request.method == "POST":
        status = REFUSED
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        facts = {"name": said["name"], "slug": said["slug"], "reason": said["reason"], "by": person, "at": now}
        try:
            with refusals.attempt(by=person, verb="open_account", subject="user/service_account", at=now):
                account = service_accounts.open_account(
                    datasets=[form.rows[slug] for slug in said["datasets"]], **facts
                )
        except Refused as refusal:
            place(form, refusal)
        else:
            messages.success(request, f"The account {account.username} is open. Issue a token for its pipeline.")
            return redirect("promotions:account", account_pk=account.pk)
    context = {"form": form, "crumbs": crumbs_to("Open a service account")}
    return render(request, "tokens/account_open.html", context, status=status)


@login_required
@require_http_methods(["GET", "POST"])
def account_page(request: HttpRequest, account_pk: int) -> HttpResponse:
    """``promotions:account``: one service account, its datasets and tokens; a POST closes it."""
    person, now = admin_of(request), timezone.now()
    account = all_accounts().filter(pk=account_pk).first()
    if account is None:
        raise Http404
    form, status = CloseForm(request.POST or None), 200
    if request.method == "POST":
        status = REFUSED
    if request.method == "POST" and form.is_valid():
        try:
            with refusals.attempt(by=person, verb="close_account", subject=f"user/{account.username}", at=now):
                service_accounts.close_account(
                    account_pk=account.pk, reason=form.cleaned_data["reason"], by=person, at=now
                )
        except Refused as refusal:
            place(form, refusal)
            status = REFUSED if refusal.findings else 409
        else:
            messages.success(request, "The account is closed. None of its tokens opens anything from now on.")
            return redirect("promotions:account", account_pk=account.pk)
    account.refresh_from_db()
    held = ServiceToken.objects.filter(user=account).select_related("user").order_by("revoked_at", "-expires_at", "-pk")
    context = {
        "row": account_lines([account], now)[0],
        "rows": lines(held, now),
        "form": form,
        "crumbs": crumbs_to(account.get_full_name() or account.username),
    }
    return render(request, "tokens/account.html", context, status=status)
