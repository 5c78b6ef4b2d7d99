"""Webhooks: an admin's list of them, recording, changing, stopping and trying one; and the public key, for anyone."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from datasets.errors import Refused
from datasets.people import Person
from datasets.policy.requests import Action
from datasets.policy.roles import Role
from promotions import webhooks
from promotions.models import WebhookEndpoint
from promotions.readers import webhooks_page
from promotions.views.asking import crumbs, person_in
from promotions.views.tokens import REFUSED, place

_PAGE = 50
_TYPED = 2000
KEY_SECONDS = 3600
_CHANGED = {
    "move": "Messages go to the new address from now on, those that are owed already too.",
    "stop": "The webhook is stopped. What is owed to it waits.",
    "start": "The webhook is active again. What was owed to it is sent.",
}


class RecordForm(forms.Form):
    """What a webhook is recorded with; ``promotions.webhooks`` judges it."""

    use_required_attribute = False  # the page says what is missing, in its own words

    name = forms.CharField(
        label="Name",
        max_length=300,
        help_text="Who receives it, such as Ops room. It is kept for ever.",
        error_messages={"required": "Name the webhook after its receiver."},
    )
    url = forms.CharField(
        label="Address",
        max_length=_TYPED,
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"}),
        help_text="An https:// URL on a public host. Once recorded, only its host is shown.",
        error_messages={"required": "Give the receiver's https:// URL."},
    )


class ChangeForm(forms.Form):
    """A new address, or none; and why. ``act`` is the button."""

    use_required_attribute = False  # as above

    url = forms.CharField(
        label="New address",
        max_length=_TYPED,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"}),
        help_text="Only to change it. The address it has is not shown again.",
    )
    reason = forms.CharField(
        label="Reason",
        max_length=webhooks.LONGEST_REASON,
        help_text="One line, kept with the webhook.",
        error_messages={"required": "Say why: the reason is kept with the webhook."},
    )

    def __init__(self, *args: Any, act: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.act = act

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if self.act not in _CHANGED:
            self.add_error(None, "Say whether to change the address, to stop the webhook or to start it.")
        elif self.act == "move" and not said.get("url") and "url" not in self.errors:
            self.add_error("url", "Give the new https:// URL.")
        return said

    def changes(self) -> dict[str, Any]:
        """What ``change_webhook`` is to change."""
        return {"url": self.cleaned_data["url"]} if self.act == "move" else {"active": self.act == "start"}


@login_required
@require_GET
def webhook_list(request: HttpRequest) -> HttpResponse:
    """``promotions:webhooks``: every webhook with what became of its messages, the key, and how e-mail stands."""
    _admin_of(request)
    context = {
        "rows": webhooks_page.lines(WebhookEndpoint.objects.all()),
        "most": webhooks.MOST,
        "key": webhooks_page.public_key(),
        "mail": webhooks_page.mail(),
    }
    return render(request, "webhooks/list.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def record(request: HttpRequest) -> HttpResponse:
    """``promotions:webhook_record``."""
    person = _admin_of(request)
    form, status = RecordForm(request.POST or None), 200
    if request.method == "POST":
        status = REFUSED
    if request.method == "POST" and form.is_valid():
        try:
            endpoint = webhooks.record_webhook(by=person, at=timezone.now(), **form.cleaned_data)
        except Refused as refusal:
            place(form, refusal)
        else:
            messages.success(request, "The webhook is recorded. Send it a test message to see that it arrives.")
            return redirect("promotions:webhook", webhook_pk=endpoint.pk)
    return render(request, "webhooks/record.html", {"form": form, "crumbs": _crumbs_to("Record")}, status=status)


@login_required
@require_http_methods(["GET", "POST"])
def webhook_page(request: HttpRequest, webhook_pk: int) -> HttpResponse:
    """``promotions:webhook``: one webhook, its messages and history; a POST changes, stops or starts it."""
    person, endpoint, status = _admin_of(request), _endpoint_or_404(webhook_pk), 200
    act = request.POST.get("act", "")
    form = ChangeForm(request.POST or None, act=act)
    if request.method == "POST":
        status = REFUSED
    if request.method == "POST" and form.is_valid():
        facts = {**form.changes(), "reason": form.cleaned_data["reason"]}
        try:
            webhooks.change_webhook(webhook_pk=endpoint.pk, by=person, at=timezone.now(), **facts)
        except Refused as refusal:
            place(form, refusal)
            status = REFUSED if refusal.findings else 409
        else:
            messages.success(request, _CHANGED[act])
            return redirect("promotions:webhook", webhook_pk=endpoint.pk)
    endpoint.refresh_from_db()
    page = Paginator(webhooks_page.messages_of(endpoint), _PAGE).get_page(request.GET.get("page"))
    context = {
        "row": webhooks_page.lines([endpoint])[0],
        "sent": [webhooks_page.message_of(delivery) for delivery in page.object_list],
        "page": page,
        "steps": webhooks_page.history_of(endpoint),
        "form": form,
        "crumbs": _crumbs_to(endpoint.name),
    }
    return render(request, "webhooks/webhook.html", context, status=status)


@login_required
@require_POST
def send_test(request: HttpRequest, webhook_pk: int) -> HttpResponse:
    """``promotions:webhook_test``: owes the webhook a test message."""
    person, endpoint = _admin_of(request), _endpoint_or_404(webhook_pk)
    try:
        webhooks.send_test(webhook_pk=endpoint.pk, by=person, at=timezone.now())
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "A test message is owed. It is sent within a minute; see below how it stands.")
    return redirect("promotions:webhook", webhook_pk=endpoint.pk)


@require_safe
def public_key(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - whoever asks gets the same
    """``promotions:webhook_key``: what receivers verify with, as text; no secret, so anyone may have and keep it."""
    key = webhooks_page.public_key()
    if not key:
        words = "The console has no key that it signs webhooks with. Its administrator sets KFM_WEBHOOK_KEY.\n"
        return HttpResponse(words, status=503, content_type="text/plain; charset=utf-8")
    answer = HttpResponse(key, content_type="text/plain; charset=utf-8")
    patch_cache_control(answer, public=True, max_age=KEY_SECONDS)
    return answer


def _admin_of(request: HttpRequest) -> Person:
    sentence = "Only an admin sees and changes webhooks."
    return person_in(request, frozenset({Role.ADMIN}), Action.MANAGE_ROLES, sentence)


def _endpoint_or_404(webhook_pk: int) -> WebhookEndpoint:
    endpoint = WebhookEndpoint.objects.filter(pk=webhook_pk).first()
    if endpoint is None:
        raise Http404
    return endpoint


def _crumbs_to(label: str) -> list[dict[str, Any]]:
    return crumbs(("Webhooks", reverse("promotions:webhooks")), (label, ""))
